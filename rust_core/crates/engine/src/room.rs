//! How much memory a book holds.

use crate::arena::{Arena, Order};
use crate::book::Book;
use crate::ids::IdIndex;
use crate::ladder::Ladder;
use crate::types::Side;

impl Book {
    /// Make room for that many resting orders in all, so that no order has to wait while the book grows.
    pub fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.ids.reserve(orders);
    }

    /// Give back what the book no longer needs. This moves every resting order: for quiet times.
    pub fn shrink(&mut self) {
        let queues: Vec<Order> =
            [Side::Buy, Side::Sell].into_iter().flat_map(|side| self.queue(side)).copied().collect();
        self.arena = Arena::default();
        self.ids = IdIndex::default();
        self.bids = Ladder::new(Side::Buy);
        self.asks = Ladder::new(Side::Sell);
        self.reserve(queues.len());
        for order in queues {
            // Its uncommon part stays where it is.
            self.link(order);
        }
    }
}
