//! All-or-none orders: they trade whole or not at all, and rest until they can.
//!
//! Resting, such an order has no standing: nobody sees it, everybody else at its price comes first, and a taker whose
//! remainder is less than the whole order passes it over. After every command, those that could now trade whole do, as
//! takers: bids before asks, on each side in price-time order, from the first one again after each. In an auction they
//! have no part.

use crate::arena::{Order, Slot};
use crate::book::Book;
use crate::event::Sink;
use crate::matching::Taker;
use crate::rare::Class;
use crate::types::{Phase, Side};

impl Book {
    /// Let the first all-or-none order that can trade whole do so; returns whether there was one.
    pub(super) fn trade_whole(&mut self, sink: &mut impl Sink) -> bool {
        if self.phase != Phase::Continuous {
            return false;
        }
        let Some(slot) = [Side::Buy, Side::Sell].into_iter().find_map(|side| self.whole_that_fills(side)) else {
            return false;
        };
        let order = self.remove_apart(slot);
        let mut taker = as_taker(&order);
        self.take(&mut taker, sink);
        debug_assert!(taker.quantity == 0, "order {} was to trade whole, {} are left", order.id, taker.quantity);
        true
    }

    fn whole_that_fills(&self, side: Side) -> Option<Slot> {
        let mut queue = self.queue_apart(Class::Whole, side);
        let fills = |order: &Order| {
            self.would_take(side, order.price, order.quantity) && self.can_fill(&as_taker(order), order.quantity)
        };
        queue.find(fills).and_then(|order| self.ids.get(&self.arena, order.id))
    }
}

fn as_taker(order: &Order) -> Taker {
    Taker { limit: Some(order.price), ..Taker::new(order.id, order.user, order.side, order.quantity) }
}
