//! What few orders have: a hidden reserve, an end of life. Kept apart, so that all others stay small.

use std::collections::{BTreeSet, HashMap};

use crate::orders::{PostOnly, Terms};
use crate::special::Peg;
use crate::types::{Lots, Nanos, OrderId, Side, TimeInForce};

/// The end of life of an order that is good for the day: whenever somebody says that the day has ended.
pub const END_OF_DAY: Nanos = Nanos::MAX;

/// The end of life of an order that is for one auction alone.
pub const END_OF_AUCTION: Nanos = Nanos::MAX - 1;

/// Where an order waits. At one price the classes trade in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// In the book that shows.
    #[default]
    Shown = 0,
    /// Behind it: hidden and pegged orders.
    Dark = 1,
    /// Behind both: orders that trade whole or not at all.
    Whole = 2,
    /// Nowhere: a pegged order without a price.
    Asleep = 3,
}

impl Class {
    /// The class whose code is `code`, as in a snapshot.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Shown),
            1 => Some(Self::Dark),
            2 => Some(Self::Whole),
            3 => Some(Self::Asleep),
            _ => None,
        }
    }
}

/// The uncommon part of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rare {
    /// How much of an iceberg shows at a time; zero shows everything.
    pub display: Lots,
    /// What does not show yet.
    pub reserve: Lots,
    /// When it leaves by itself; zero is never.
    pub expires: Nanos,
    /// Where it waits.
    pub class: Class,
    /// Whether it may only reduce its owner's position.
    pub reduce_only: bool,
    /// What its price follows.
    pub peg: Option<Peg>,
    /// Its place among all pegged and reduce-only orders that ever came; zero for others.
    pub number: u64,
}

impl Rare {
    /// The terms under which an order with this part would come in anew.
    pub(crate) fn terms(&self, post_only: bool) -> Terms {
        Terms {
            tif: match self.expires {
                0 => TimeInForce::Gtc,
                END_OF_DAY => TimeInForce::Day,
                END_OF_AUCTION => TimeInForce::AtOpen,
                _ => TimeInForce::Gtd,
            },
            post_only: if post_only { PostOnly::Reject } else { PostOnly::No },
            display: (self.display != 0).then_some(self.display),
            min_quantity: 0,
            expires: self.expires,
            hidden: self.class == Class::Dark,
            all_or_none: self.class == Class::Whole,
            reduce_only: self.reduce_only,
        }
    }
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
    pub fn remove(&mut self, id: OrderId, side: Side) -> Option<Rare> {
        let rare = self.parts.remove(&id)?;
        self.hidden[side as usize] -= rare.reserve;
        self.unwatch(id, rare.expires);
        Some(rare)
    }

    /// The uncommon part of an order that has one, to change; not its reserve or its end of life.
    pub fn get_mut(&mut self, id: OrderId) -> &mut Rare {
        self.parts.get_mut(&id).expect("an order that is marked has an uncommon part")
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

    /// The next order that is for the present day, or one of its auctions, alone.
    pub fn for_today(&self) -> Option<OrderId> {
        self.expiry.range((END_OF_AUCTION, 0)..).next().map(|(_, id)| *id)
    }

    /// The order that expires next, if that is at `now` or before.
    pub fn expired(&self, now: Nanos) -> Option<OrderId> {
        self.expiry.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }
}
