//! Taking: an incoming order against the other side, best price first, oldest order first.

use crate::arena::{Cell, Order, Slot};
use crate::book::Book;
use crate::change::ChangeKind;
use crate::event::{CancelReason, Event, Fill, Sink};
use crate::types::{Lots, OrderId, SelfTrade, Side, Ticks, UserId};

/// A book with so many orders fits no cache of the processor's own: the front of a queue, which came long ago, has left
/// them all.
const VAST: usize = 32_768;

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
    /// Whether meeting its owner has ended it.
    pub stopped: bool,
    /// Whether it passes over all-or-none orders.
    pub passes_whole: bool,
}

impl Taker {
    /// An order that takes at any price.
    pub(crate) const fn new(id: OrderId, user: UserId, side: Side, quantity: Lots) -> Self {
        Self { id, user, side, limit: None, quantity, stopped: false, passes_whole: false }
    }

    /// The order that what is left would be, if it rested.
    pub(crate) fn rest(&self) -> Order {
        Order {
            id: self.id,
            user: self.user,
            price: self.limit.unwrap_or(0),
            quantity: self.quantity,
            side: self.side,
            post_only: false,
            rare: false,
        }
    }

    pub(crate) fn tell_cancel(&self, quantity: Lots, reason: CancelReason, sink: &mut impl Sink) {
        self.rest().tell_cancel(quantity, reason, sink);
    }
}

impl Book {
    /// Match until the taker is done, its limit is reached or the other side is empty.
    #[inline(never)]
    pub(crate) fn take(&mut self, taker: &mut Taker, sink: &mut impl Sink) {
        if self.special.is_some() {
            return self.take_special(taker, sink);
        }
        let maker_side = taker.side.opposite();
        let ladder = self.ladder(maker_side);
        let worst = taker.limit.map_or(i64::MIN, |price| ladder.key(price));
        while taker.quantity > 0 {
            let Some(slot) = self.ladder(maker_side).first(&self.arena, worst) else { break };
            let price = self.arena.place(slot).1;
            let &Cell { id: maker, user: maker_user, quantity: shown, rare, .. } = self.arena.cell(slot);
            // If that leaves, the index forgets it, wherever it is there: the next one's place is fetched meanwhile.
            self.ids.fetch(self.arena.behind(slot).entry);
            if self.self_trade != SelfTrade::Allow && maker_user == taker.user {
                self.prevent(taker, slot, sink);
                continue;
            }
            let quantity = taker.quantity.min(shown);
            taker.quantity -= quantity;
            if quantity < shown {
                self.lessen_shown(maker_side, slot, quantity, sink);
            } else if rare && self.rares.get(maker).reserve > 0 {
                self.replenish(slot, sink);
            } else {
                self.remove_shown(maker_side, slot, sink);
            }
            self.traded(price);
            let Taker { id: taker, user: taker_user, side, .. } = *taker;
            let fill = Fill { price, quantity, maker, maker_user, taker, taker_user, side };
            self.count_trade(&fill, sink);
            sink.emit(Event::Fill(fill));
        }
        if self.len() >= VAST {
            self.fetch_front(maker_side);
        }
    }

    /// Have fetched what the next one who takes from this side will need.
    #[inline(never)]
    fn fetch_front(&self, side: Side) {
        self.arena.fetch_front(&self.ladder(side).best_queue(), |entry| self.ids.fetch(entry));
    }

    /// Take `quantity` off what shows of a resting order. An iceberg then shows more, at the end of its queue.
    #[inline]
    pub(crate) fn consume(&mut self, slot: Slot, quantity: Lots, sink: &mut impl Sink) {
        let &Cell { id, quantity: shown, rare, .. } = self.arena.cell(slot);
        if quantity < shown {
            self.lessen(slot, quantity, sink);
        } else if rare && self.rares.get(id).reserve > 0 {
            self.replenish(slot, sink);
        } else {
            self.remove(slot, sink);
        }
    }

    #[cold]
    fn replenish(&mut self, slot: Slot, sink: &mut impl Sink) {
        let (order, cell) = (self.arena.get(slot), *self.arena.cell(slot));
        let Order { id, side, price, .. } = order;
        let display = self.rares.get(id).display;
        let shown = self.rares.draw(id, side, display);
        let Self { sides, arena, ids, .. } = self;
        sides[side as usize].unlink(arena, slot, |entry, slot| ids.moved(entry, slot));
        self.changed(ChangeKind::Remove, &order, 0, sink);
        let Self { sides, arena, ids, .. } = self;
        ids.moved(cell.entry, sides[side as usize].push(arena, price, Cell { quantity: shown, ..cell }));
        self.changed(ChangeKind::Add, &order, shown, sink);
    }

    /// The user met themself: do what the book's mode says.
    #[cold]
    pub(crate) fn prevent(&mut self, taker: &mut Taker, slot: Slot, sink: &mut impl Sink) {
        let maker = self.arena.get(slot);
        match self.self_trade {
            SelfTrade::Allow => {}
            SelfTrade::CancelMaker => {
                self.cancel_slot(slot, CancelReason::SelfTrade, sink);
            }
            SelfTrade::CancelTaker | SelfTrade::CancelBoth => {
                if self.self_trade == SelfTrade::CancelBoth {
                    self.cancel_slot(slot, CancelReason::SelfTrade, sink);
                }
                taker.tell_cancel(taker.quantity, CancelReason::SelfTrade, sink);
                taker.quantity = 0;
                taker.stopped = true;
            }
            SelfTrade::Decrement => {
                let both = taker.quantity.min(maker.quantity);
                self.consume(slot, both, sink);
                maker.tell_cancel(both, CancelReason::SelfTrade, sink);
                taker.tell_cancel(both, CancelReason::SelfTrade, sink);
                taker.quantity -= both;
            }
        }
    }

    /// Whether at least `wanted` of the taker would trade: what fill-or-kill asks before it touches anything.
    pub(crate) fn can_fill(&self, taker: &Taker, mut wanted: Lots) -> bool {
        if self.special.is_some() {
            return self.can_fill_special(taker, wanted);
        }
        let side = taker.side.opposite();
        let ladder = self.ladder(side);
        let worst = taker.limit.map_or(i64::MIN, |price| ladder.key(price));
        let plain = self.self_trade == SelfTrade::Allow && self.rares.hidden(side) == 0;
        for (price, level) in ladder.iter() {
            if ladder.key(price) < worst {
                return false;
            }
            if plain {
                if level.quantity >= wanted {
                    return true;
                }
                wanted -= level.quantity;
                continue;
            }
            let own = |maker: &Order| self.self_trade != SelfTrade::Allow && maker.user == taker.user;
            // Where the taker stops at an order of its own, it gets to see no reserve of that price: those show only
            // behind everything that rests there already.
            let stops = self.self_trade != SelfTrade::CancelMaker;
            let stops = stops && self.arena.queue(level.ends).any(|maker| own(&maker));
            for maker in self.arena.queue(level.ends) {
                if own(&maker) {
                    if stops {
                        return false;
                    }
                    continue;
                }
                let reachable = if stops { maker.quantity } else { self.open(&maker) };
                if reachable >= wanted {
                    return true;
                }
                wanted -= reachable;
            }
        }
        false
    }
}
