//! How much memory a book holds.

use crate::arena::{Arena, Order};
use crate::book::{Book, sides};
use crate::order_index::OrderIndex;
use crate::types::Side;

impl Book {
    /// Make room for that many resting orders in all, so that no order has to wait while the book grows.
    pub fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.ids.reserve(&mut self.arena, orders);
    }

    /// Give back what the book no longer needs. This moves every resting order: for quiet times.
    pub fn shrink(&mut self) {
        let queues: Vec<Order> = [Side::Buy, Side::Sell].into_iter().flat_map(|side| self.queue(side)).collect();
        self.arena = Arena::default();
        self.ids = OrderIndex::default();
        self.sides = sides();
        self.reserve(queues.len());
        for order in queues {
            // Its uncommon part stays where it is.
            self.link(&order);
        }
    }
}
