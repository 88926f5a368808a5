//! How much memory a book holds.

use crate::arena::{Arena, Order};
use crate::book::{Book, sides};
use crate::order_index::OrderIndex;
use crate::rare::Class;
use crate::types::Side;

impl Book {
    /// Make room for that many resting orders in all, so that no order has to wait while the book grows.
    pub fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.ids.reserve(&mut self.arena, orders);
    }

    /// Give back what the book no longer needs. This moves every resting order: for quiet times.
    pub fn shrink(&mut self) {
        let both = [Side::Buy, Side::Sell];
        let queues: Vec<Order> = both.into_iter().flat_map(|side| self.queue(side)).collect();
        let unseen = both.into_iter().flat_map(|side| self.unseen(side));
        let unseen: Vec<(Order, Class)> = unseen.map(|order| (order, self.class(&order))).collect();
        self.arena = Arena::default();
        self.ids = OrderIndex::default();
        self.sides = sides();
        self.reserve(queues.len() + unseen.len());
        // Nothing changes for anybody outside, and nothing of it counts.
        let changes = self.changes;
        for order in queues {
            // Its uncommon part stays where it is.
            self.link(&order, &mut ());
        }
        self.changes = changes;
        self.shrink_special(unseen.is_empty());
        for (order, class) in unseen {
            self.link_apart(&order, class);
        }
    }
}
