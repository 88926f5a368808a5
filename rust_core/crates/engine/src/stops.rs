//! Orders that wait for a price.
//!
//! Every trade is told, in order. A trade first moves the triggers of trailing stops, then every stop whose trigger it
//! reaches fires: fired stops wait, those of an earlier trade first, then those entered first, until the order that
//! traded is done.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::orders::{Incoming, Stop};
use crate::types::{OrderId, Side, Ticks};

/// A stop, its present trigger, and its place among all that were ever entered.
#[derive(Clone, Copy, Debug)]
pub struct Parked {
    /// The order that it turns into.
    pub order: Incoming,
    /// The trade price that fires it.
    pub trigger: Ticks,
    /// How far a trailing stop's trigger stays behind the best trade price; zero for a fixed one.
    pub trail: Ticks,
    number: u64,
}

/// All stops of a book.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    // Never iterated over: the order of a hash map differs from run to run.
    parked: HashMap<OrderId, Parked>,
    entered: BTreeMap<u64, OrderId>,
    buys: BTreeMap<(Ticks, u64), OrderId>,
    sells: BTreeMap<(Ticks, u64), OrderId>,
    trailing: BTreeMap<u64, OrderId>,
    fired: VecDeque<OrderId>,
    next: u64,
}

impl Stops {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty()
    }

    /// Whether a stop has this id.
    #[inline]
    pub fn contains(&self, id: OrderId) -> bool {
        !self.is_empty() && self.parked.contains_key(&id)
    }

    /// A stop.
    pub fn get(&self, id: OrderId) -> Option<&Parked> {
        self.parked.get(&id)
    }

    /// All stops, those entered first before others.
    pub fn iter(&self) -> impl Iterator<Item = &Parked> {
        self.entered.values().map(|id| &self.parked[id])
    }

    /// Park a stop behind all others.
    pub fn insert(&mut self, stop: &Stop) {
        let number = self.next;
        self.next += 1;
        let id = stop.order.id();
        let parked = Parked { order: stop.order, trigger: stop.trigger, trail: stop.trail, number };
        self.entered.insert(number, id);
        if stop.trail > 0 {
            self.trailing.insert(number, id);
        }
        self.side(stop.order.side()).insert((stop.trigger, number), id);
        self.parked.insert(id, parked);
    }

    /// Take a stop out.
    pub fn remove(&mut self, id: OrderId) -> Option<Parked> {
        let parked = self.parked.remove(&id)?;
        self.entered.remove(&parked.number);
        self.trailing.remove(&parked.number);
        self.side(parked.order.side()).remove(&(parked.trigger, parked.number));
        Some(parked)
    }

    /// A trade happened at `price`.
    #[inline(never)]
    pub fn trade(&mut self, price: Ticks) {
        self.follow(price);
        let mut fired: Vec<(u64, OrderId)> = Vec::new();
        while let Some(entry) = self.buys.first_entry().filter(|entry| entry.key().0 <= price) {
            fired.push((entry.key().1, entry.remove()));
        }
        while let Some(entry) = self.sells.last_entry().filter(|entry| entry.key().0 >= price) {
            fired.push((entry.key().1, entry.remove()));
        }
        fired.sort_unstable();
        for (number, id) in fired {
            // What has fired no longer follows the market.
            self.trailing.remove(&number);
            self.fired.push_back(id);
        }
    }

    /// The next stop that has fired, no longer parked.
    pub fn next_fired(&mut self) -> Option<Parked> {
        while let Some(id) = self.fired.pop_front() {
            if let Some(parked) = self.remove(id) {
                return Some(parked);
            }
        }
        None
    }

    /// Move the triggers of trailing stops with the market.
    fn follow(&mut self, price: Ticks) {
        let trailing: Vec<OrderId> = self.trailing.values().copied().collect();
        for id in trailing {
            let Parked { order, trigger, trail, number } = self.parked[&id];
            let moved = match order.side() {
                Side::Buy => trigger.min(price + trail),
                Side::Sell => trigger.max(price - trail),
            };
            if moved != trigger {
                let side = self.side(order.side());
                side.remove(&(trigger, number));
                side.insert((moved, number), id);
                self.parked.entry(id).and_modify(|parked| parked.trigger = moved);
            }
        }
    }

    fn side(&mut self, side: Side) -> &mut BTreeMap<(Ticks, u64), OrderId> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}
