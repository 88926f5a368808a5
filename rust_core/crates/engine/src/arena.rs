//! Where orders live: one vector, slots reused, neighbours in a queue linked by slot number.

use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// A slot number. Four billion orders are enough; half the size of a pointer keeps orders small.
pub type Slot = u32;
/// No slot.
pub const NIL: Slot = Slot::MAX;

/// A resting order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its price.
    pub price: Ticks,
    /// What is left of it, as far as it shows.
    pub quantity: Lots,
    /// The order before it in the queue of its price.
    pub prev: Slot,
    /// The order behind it.
    pub next: Slot,
    /// The side it rests on.
    pub side: Side,
    /// Whether it may never take.
    pub post_only: bool,
    /// Whether it has an uncommon part.
    pub rare: bool,
}

/// All orders of a book.
#[derive(Clone, Debug)]
pub struct Arena {
    slots: Vec<Order>,
    free: Slot,
    live: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Self { slots: Vec::new(), free: NIL, live: 0 }
    }
}

impl Arena {
    /// How many orders live here.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// Room for that many orders in all, so that none of them has to wait for more.
    pub fn reserve(&mut self, orders: usize) {
        self.slots.reserve(orders.saturating_sub(self.slots.len()));
    }

    /// Put an order in; the free slot used last is the one most likely in cache.
    #[inline]
    pub fn insert(&mut self, order: Order) -> Slot {
        self.live += 1;
        let slot = self.free;
        if slot == NIL {
            let slot = Slot::try_from(self.slots.len()).expect("fewer than 2^32 orders");
            self.slots.push(order);
            slot
        } else {
            let place = &mut self.slots[slot as usize];
            self.free = place.next;
            *place = order;
            slot
        }
    }

    /// Give a slot back.
    #[inline]
    pub fn remove(&mut self, slot: Slot) {
        self.slots[slot as usize].next = self.free;
        self.free = slot;
        self.live -= 1;
    }

    /// The order in a slot.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: Slot) -> &Order {
        &self.slots[slot as usize]
    }

    /// The order in a slot, to change.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slots[slot as usize]
    }
}
