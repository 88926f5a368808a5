//! What few orders have: a hidden reserve, an end of life. Kept apart, so that all others stay small.

use std::collections::{BTreeSet, HashMap};

use crate::types::{Lots, Nanos, OrderId, Side};

/// The end of life of an order that is good for the day: whenever somebody says that the day has ended.
pub const END_OF_DAY: Nanos = Nanos::MAX;

/// The end of life of an order that is for one auction alone.
pub const END_OF_AUCTION: Nanos = Nanos::MAX - 1;

/// The uncommon part of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// How much of an iceberg shows at a time; zero shows everything.
    pub display: Lots,
    /// What does not show yet.
    pub reserve: Lots,
    /// When it leaves by itself; zero is never.
    pub expires: Nanos,
}

/// The uncommon parts of all orders of a book.
#[derive(Clone, Debug, Default)]
pub struct Rares {
    // Never iterated over: the order of a hash map differs from run to run.
    parts: HashMap<OrderId, Rare>,
    expiry: BTreeSet<(Nanos, OrderId)>,
    hidden: [Lots; 2],
}

impl Rares {
    /// What all reserves of a side add up to.
    pub const fn hidden(&self, side: Side) -> Lots {
        self.hidden[side as usize]
    }

    /// The uncommon part of an order that has one.
    pub fn get(&self, id: OrderId) -> Rare {
        self.parts[&id]
    }

    /// Remember the uncommon part of an order that comes to rest.
    pub fn insert(&mut self, id: OrderId, side: Side, rare: Rare) {
        self.hidden[side as usize] += rare.reserve;
        self.watch(id, rare.expires);
        self.parts.insert(id, rare);
    }

    /// Forget the uncommon part of an order that leaves.
    pub fn remove(&mut self, id: OrderId, side: Side) {
        if let Some(rare) = self.parts.remove(&id) {
            self.hidden[side as usize] -= rare.reserve;
            self.unwatch(id, rare.expires);
        }
    }

    /// Take up to `lots` out of an order's reserve; returns how many there were.
    pub fn draw(&mut self, id: OrderId, side: Side, lots: Lots) -> Lots {
        let Some(rare) = self.parts.get_mut(&id) else { return 0 };
        let drawn = rare.reserve.min(lots);
        rare.reserve -= drawn;
        self.hidden[side as usize] -= drawn;
        drawn
    }

    /// Remember when an order leaves by itself; zero is never.
    pub fn watch(&mut self, id: OrderId, expires: Nanos) {
        if expires != 0 {
            self.expiry.insert((expires, id));
        }
    }

    /// Forget when an order would have left.
    pub fn unwatch(&mut self, id: OrderId, expires: Nanos) {
        if expires != 0 {
            self.expiry.remove(&(expires, id));
        }
    }

    /// The next order that is for the present auction alone.
    pub fn for_auction(&self) -> Option<OrderId> {
        self.expiry.range((END_OF_AUCTION, 0)..(END_OF_DAY, 0)).next().map(|(_, id)| *id)
    }

    /// The order that expires next, if that is at `now` or before.
    pub fn expired(&self, now: Nanos) -> Option<OrderId> {
        self.expiry.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }
}
