//! Taking where not everything shows.

use crate::arena::{Order, Slot};
use crate::book::Book;
use crate::event::{CancelReason, Event, Fill, Sink};
use crate::ladder::{Key, Ladder, Level};
use crate::matching::Taker;
use crate::rare::Class;
use crate::types::{Lots, SelfTrade, Side, Ticks, UserId};

/// What users have bought, or sold where it is negative, while a take is only tried out.
type Moved = Vec<(UserId, i128)>;

impl Book {
    /// `take` in a book with a special part.
    #[cold]
    pub(crate) fn take_special(&mut self, taker: &mut Taker, sink: &mut impl Sink) {
        while taker.quantity > 0 {
            let Some(slot) = self.next_maker(taker) else { return };
            let maker = self.arena.get(slot);
            if self.self_trade != SelfTrade::Allow && maker.user == taker.user {
                self.prevent(taker, slot, sink);
                continue;
            }
            let reducible = if self.reduces_only(&maker) { self.reducible(maker.user, maker.side) } else { Lots::MAX };
            if reducible == 0 {
                self.cancel_slot(slot, CancelReason::ReduceOnly, sink);
                continue;
            }
            let quantity = taker.quantity.min(maker.quantity).min(reducible);
            taker.quantity -= quantity;
            self.consume(slot, quantity, sink);
            self.traded(maker.price);
            let fill = Fill {
                price: maker.price,
                quantity,
                maker: maker.id,
                maker_user: maker.user,
                taker: taker.id,
                taker_user: taker.user,
                side: taker.side,
            };
            self.move_positions(&fill);
            self.count_trade(&fill, sink);
            sink.emit(Event::Fill(fill));
        }
    }

    /// The order that a taker meets next.
    fn next_maker(&self, taker: &Taker) -> Option<Slot> {
        let side = taker.side.opposite();
        let shown = self.ladder(side);
        let worst = worst(taker, shown);
        let dark = self.apart(Class::Dark, side);
        let visible = (shown.best(), shown.first(&self.arena, worst));
        let hidden = (dark.and_then(Ladder::best), dark.and_then(|dark| dark.first(&self.arena, worst)));
        let (best, first) = if hidden.0 > visible.0 { hidden } else { visible };
        match self.first_whole(taker, worst) {
            Some(order) if first.is_none() || Some(shown.key(order.price)) > best => {
                self.ids.get(&self.arena, order.id)
            }
            _ => first,
        }
    }

    /// The first all-or-none order that a taker could fill.
    fn first_whole(&self, taker: &Taker, worst: Key) -> Option<Order> {
        let side = taker.side.opposite();
        let mut orders =
            self.queue_apart(Class::Whole, side).take_while(|order| self.ladder(side).key(order.price) >= worst);
        orders.find(|order| !taker.passes_whole && order.quantity <= taker.quantity)
    }

    /// The price at which an order of this side, price and quantity would take first, if it would take at all; whoever
    /// the orders there belong to.
    pub(super) fn takes_at(&self, side: Side, price: Ticks, quantity: Lots) -> Option<Ticks> {
        let other = self.ladder(side.opposite());
        let taker = Taker { limit: Some(price), ..Taker::new(0, 0, side, quantity) };
        let first = self.best_of_all(side.opposite()).map(|best| other.key(best));
        let whole = self.first_whole(&taker, other.key(price)).map(|order| other.key(order.price));
        first.max(whole).filter(|best| *best >= other.key(price)).map(|best| other.price(best))
    }

    /// Whether an order of this side, price and quantity would take.
    pub(super) fn would_take(&self, side: Side, price: Ticks, quantity: Lots) -> bool {
        self.takes_at(side, price, quantity).is_some()
    }

    /// `can_fill` in a book with a special part: the same steps as `take_special`, with nothing changed by them.
    #[cold]
    pub(crate) fn can_fill_special(&self, taker: &Taker, wanted: Lots) -> bool {
        let side = taker.side.opposite();
        let worst = worst(taker, self.ladder(side));
        let mut trial = Trial { taker, left: taker.quantity, wanted, moved: Moved::new() };
        let mut levels = [Class::Shown, Class::Dark, Class::Whole].map(|class| {
            let ladder = if class == Class::Shown { Some(self.ladder(side)) } else { self.apart(class, side) };
            ladder.into_iter().flat_map(Ladder::iter).peekable()
        });
        loop {
            // The best price, and of equals the class that comes first.
            let keys = levels.each_mut().map(|levels| levels.peek().map(|(price, _)| self.ladder(side).key(*price)));
            let best = keys.into_iter().max().flatten();
            let Some(class) = keys.into_iter().position(|key| key.is_some() && key == best) else { return false };
            let Some((price, level)) = levels[class].next() else { return false };
            if self.ladder(side).key(price) < worst {
                return false;
            }
            if let Some(verdict) = self.try_level(&mut trial, level, class == Class::Whole as usize) {
                return verdict;
            }
        }
    }

    /// Try a level; returns the verdict, once there is one.
    fn try_level(&self, trial: &mut Trial<'_>, level: &Level, whole: bool) -> Option<bool> {
        let own = |maker: &Order| self.self_trade != SelfTrade::Allow && maker.user == trial.taker.user;
        let queue = || self.arena.queue(level.ends);
        for maker in queue() {
            if whole && maker.quantity > trial.left {
                continue;
            }
            if own(&maker) {
                if self.self_trade != SelfTrade::CancelMaker {
                    return Some(false);
                }
                continue;
            }
            let reducible = if self.reduces_only(&maker) {
                self.reducible_after(maker.user, maker.side, &trial.moved)
            } else {
                Lots::MAX
            };
            if self.try_trade(trial, &maker, maker.quantity.min(reducible)) {
                return Some(true);
            }
        }
        // What icebergs hide comes behind all that shows at the price.
        let user = trial.taker.user;
        for maker in queue().filter(|maker| self.self_trade == SelfTrade::Allow || maker.user != user) {
            if self.try_trade(trial, &maker, self.rare(&maker).reserve) {
                return Some(true);
            }
        }
        None
    }

    /// Count what would trade with a maker; returns whether that is enough now.
    fn try_trade(&self, trial: &mut Trial<'_>, maker: &Order, quantity: Lots) -> bool {
        let quantity = quantity.min(trial.left);
        if quantity >= trial.wanted {
            return true;
        }
        trial.wanted -= quantity;
        trial.left -= quantity;
        let signed = if maker.side == Side::Buy { i128::from(quantity) } else { -i128::from(quantity) };
        for (user, moved) in [(maker.user, signed), (trial.taker.user, -signed)] {
            if self.watches(user) {
                match trial.moved.iter_mut().find(|(known, _)| *known == user) {
                    Some((_, sum)) => *sum += moved,
                    None => trial.moved.push((user, moved)),
                }
            }
        }
        false
    }
}

/// A take that is only tried out.
struct Trial<'a> {
    taker: &'a Taker,
    left: Lots,
    wanted: Lots,
    moved: Moved,
}

fn worst(taker: &Taker, ladder: &Ladder) -> Key {
    taker.limit.map_or(i64::MIN, |price| ladder.key(price))
}
