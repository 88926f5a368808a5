//! How much memory a book holds.

use crate::arena::{Arena, Order};
use crate::book::Book;
use crate::ids::IdIndex;
use crate::ladder::Ladder;
use crate::rare::Class;
use crate::types::Side;

impl Book {
    /// Make room for that many resting orders in all, so that no order has to wait while the book grows.
    pub fn reserve(&mut self, orders: usize) {
        self.arena.reserve(orders);
        self.ids.reserve(orders);
    }

    /// Give back what the book no longer needs. This moves every resting order: for quiet times.
    pub fn shrink(&mut self) {
        let sides = [Side::Buy, Side::Sell];
        let queues: Vec<Order> = sides.into_iter().flat_map(|side| self.queue(side)).copied().collect();
        let unseen = sides.into_iter().flat_map(|side| self.unseen(side));
        let unseen: Vec<(Order, Class)> = unseen.map(|order| (*order, self.class(order))).collect();
        self.arena = Arena::default();
        self.ids = IdIndex::default();
        self.bids = Ladder::new(Side::Buy);
        self.asks = Ladder::new(Side::Sell);
        self.reserve(queues.len() + unseen.len());
        // Nothing changes for anybody outside, and nothing of it counts.
        let changes = self.changes;
        for order in queues {
            // Its uncommon part stays where it is.
            self.link(order, &mut ());
        }
        self.changes = changes;
        self.shrink_special(unseen.is_empty());
        for (order, class) in unseen {
            let slot = self.arena.insert(order);
            self.ids.insert(order.id, slot);
            self.link_apart(slot, class);
        }
    }
}
