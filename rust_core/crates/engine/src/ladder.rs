//! One side of a book: price levels, best first.
//!
//! Both sides use the same code because a price is kept as a key that grows as the price gets better: the price itself
//! for bids, its negative for asks.

use std::collections::BTreeMap;

use crate::arena::{Arena, NIL, Order, Slot};
use crate::types::{Lots, Side, Ticks};

/// A price, so turned that greater is better.
pub type Key = i64;

/// The queue of one price, first come first served.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// The first order.
    pub head: Slot,
    /// The last order.
    pub tail: Slot,
    /// How many orders.
    pub orders: u32,
    /// What they add up to.
    pub quantity: Lots,
}

impl Default for Level {
    fn default() -> Self {
        Self { head: NIL, tail: NIL, orders: 0, quantity: 0 }
    }
}

/// All levels of one side.
#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    levels: BTreeMap<Key, Level>,
    quantity: Lots,
}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, levels: BTreeMap::new(), quantity: 0 }
    }

    /// The key of a price on this side.
    #[inline]
    #[must_use]
    pub const fn key(&self, price: Ticks) -> Key {
        match self.side {
            Side::Buy => price,
            Side::Sell => -price,
        }
    }

    /// The price of a key: the same turn again.
    #[inline]
    #[must_use]
    pub const fn price(&self, key: Key) -> Ticks {
        self.key(key)
    }

    /// What all orders of this side add up to.
    #[must_use]
    pub const fn quantity(&self) -> Lots {
        self.quantity
    }

    /// The best key.
    #[inline]
    #[must_use]
    pub fn best(&self) -> Option<Key> {
        self.levels.last_key_value().map(|(key, _)| *key)
    }

    /// The level of a key, if it has orders.
    #[inline]
    #[must_use]
    pub fn level(&self, key: Key) -> Option<&Level> {
        self.levels.get(&key)
    }

    /// The levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = (Ticks, &Level)> {
        self.levels.iter().rev().map(|(key, level)| (self.price(*key), level))
    }

    /// Put the order of `slot` at the end of its price's queue.
    #[inline]
    pub fn push(&mut self, arena: &mut Arena, slot: Slot) {
        let Order { price, quantity, .. } = *arena.get(slot);
        let level = self.levels.entry(self.key(price)).or_default();
        let last = level.tail;
        if last == NIL {
            level.head = slot;
        } else {
            arena.get_mut(last).next = slot;
        }
        level.tail = slot;
        level.orders += 1;
        level.quantity += quantity;
        self.quantity += quantity;
        let order = arena.get_mut(slot);
        order.prev = last;
        order.next = NIL;
    }

    /// Take `by` lots off the order of `slot`, which has at least as many; it keeps its place.
    #[inline]
    pub fn reduce(&mut self, arena: &mut Arena, slot: Slot, by: Lots) {
        let order = arena.get_mut(slot);
        order.quantity -= by;
        let key = self.key(order.price);
        self.levels.get_mut(&key).expect("a resting order has a level").quantity -= by;
        self.quantity -= by;
    }

    /// Take the order of `slot` out of its queue, and its level out of the side when it was the last one.
    #[inline]
    pub fn unlink(&mut self, arena: &mut Arena, slot: Slot) {
        let Order { price, quantity, prev, next, .. } = *arena.get(slot);
        let key = self.key(price);
        let level = self.levels.get_mut(&key).expect("a resting order has a level");
        if prev == NIL {
            level.head = next;
        } else {
            arena.get_mut(prev).next = next;
        }
        if next == NIL {
            level.tail = prev;
        } else {
            arena.get_mut(next).prev = prev;
        }
        level.orders -= 1;
        level.quantity -= quantity;
        self.quantity -= quantity;
        if level.orders == 0 {
            self.levels.remove(&key);
        }
    }
}
