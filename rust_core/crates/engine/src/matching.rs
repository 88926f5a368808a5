//! Taking: an incoming order against the other side, best price first, oldest order first.

use crate::arena::{NIL, Order};
use crate::book::Book;
use crate::event::{CancelReason, Event, Fill, Sink};
use crate::types::{Lots, OrderId, SelfTrade, Side, Ticks, UserId};

/// An incoming order while it takes.
#[derive(Clone, Copy, Debug)]
pub struct Taker {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// The worst price it takes; `None` takes any.
    pub limit: Option<Ticks>,
    /// What is left of it.
    pub quantity: Lots,
}

impl Taker {
    /// The order that what is left would be, if it rested.
    pub(crate) fn rest(&self) -> Order {
        Order {
            id: self.id,
            user: self.user,
            price: self.limit.unwrap_or(0),
            quantity: self.quantity,
            prev: NIL,
            next: NIL,
            side: self.side,
            post_only: false,
        }
    }
}

impl Book {
    /// Match until the taker is done, its limit is reached or the other side is empty.
    pub(crate) fn take(&mut self, taker: &mut Taker, sink: &mut impl Sink) {
        let maker_side = taker.side.opposite();
        let ladder = self.ladder(maker_side);
        let worst = taker.limit.map_or(i64::MIN, |price| ladder.key(price));
        while taker.quantity > 0 {
            let Some(slot) = self.ladder(maker_side).first(worst) else { return };
            let maker = *self.arena.get(slot);
            if self.self_trade != SelfTrade::Allow && maker.user == taker.user {
                if !self.prevent(taker, slot, sink) {
                    return;
                }
                continue;
            }
            let quantity = taker.quantity.min(maker.quantity);
            taker.quantity -= quantity;
            if quantity == maker.quantity {
                self.remove(slot);
            } else {
                Self::side_mut(&mut self.bids, &mut self.asks, maker_side).reduce(&mut self.arena, slot, quantity);
            }
            sink.emit(Event::Fill(Fill {
                price: maker.price,
                quantity,
                maker: maker.id,
                maker_user: maker.user,
                taker: taker.id,
                taker_user: taker.user,
                side: taker.side,
            }));
        }
    }

    /// The user met themself: do what the book's mode says. Returns whether the taker goes on.
    #[cold]
    fn prevent(&mut self, taker: &mut Taker, slot: u32, sink: &mut impl Sink) -> bool {
        let maker = *self.arena.get(slot);
        let (from_taker, from_maker) = match self.self_trade {
            SelfTrade::Allow => (0, 0),
            SelfTrade::CancelTaker => (taker.quantity, 0),
            SelfTrade::CancelMaker => (0, maker.quantity),
            SelfTrade::CancelBoth => (taker.quantity, maker.quantity),
            SelfTrade::Decrement => {
                let both = taker.quantity.min(maker.quantity);
                (both, both)
            }
        };
        if from_maker == maker.quantity {
            self.remove(slot);
        } else if from_maker > 0 {
            Self::side_mut(&mut self.bids, &mut self.asks, maker.side).reduce(&mut self.arena, slot, from_maker);
        }
        if from_maker > 0 {
            Self::tell_cancel(&maker, from_maker, CancelReason::SelfTrade, sink);
        }
        if from_taker > 0 {
            Self::tell_cancel(&taker.rest(), from_taker, CancelReason::SelfTrade, sink);
            taker.quantity -= from_taker;
        }
        taker.quantity > 0
    }

    /// Whether the taker would trade completely: what fill-or-kill asks before it touches anything.
    pub(crate) fn can_fill(&self, taker: &Taker) -> bool {
        let ladder = self.ladder(taker.side.opposite());
        let worst = taker.limit.map_or(i64::MIN, |price| ladder.key(price));
        let mut wanted = taker.quantity;
        for (price, level) in ladder.iter() {
            if ladder.key(price) < worst {
                return false;
            }
            if self.self_trade == SelfTrade::Allow {
                if level.quantity >= wanted {
                    return true;
                }
                wanted -= level.quantity;
                continue;
            }
            let mut slot = level.head;
            while slot != NIL {
                let maker = self.arena.get(slot);
                if maker.user != taker.user {
                    if maker.quantity >= wanted {
                        return true;
                    }
                    wanted -= maker.quantity;
                } else if self.self_trade != SelfTrade::CancelMaker {
                    // Every other mode takes something away from the taker without a trade.
                    return false;
                }
                slot = maker.next;
            }
        }
        false
    }
}
