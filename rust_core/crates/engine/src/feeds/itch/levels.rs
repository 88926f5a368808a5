//! Price levels of all stocks: the levels in one arena, and for each side of a stock the sorted prices.
//!
//! Most orders join a level that there is: a guess finds it (`guesses.rs`), and the level itself tells whether it is the
//! one. The sorted prices are asked only where a level comes or goes. They are kept as keys that grow as prices get
//! better, the best one last: orders come and go near the best price, so that the search looks at the last eight keys
//! at once and only then further, and little moves.
//!
//! A queue is a list that its orders carry in themselves: in a queue of any length one leaves without a search, and one
//! price's orders are found in order without a look at any other's.

use super::guesses::Guesses;
use super::orders::{NIL, Order, Orders, Slot};
use crate::memory::{self, Large};

/// The side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To buy.
    Buy = 0,
    /// To sell.
    Sell = 1,
}

/// The queue of one price of one stock.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub struct Level {
    /// What its orders add up to.
    pub shares: u64,
    /// The first order.
    pub(super) head: Slot,
    /// The last order.
    pub(super) tail: Slot,
    /// How many orders.
    pub orders: u32,
    /// In 1/10,000 dollar.
    pub price: u32,
    /// Its stock's number of the day.
    pub stock_locate: u16,
    /// Its side.
    pub side: Side,
}

/// How many rungs are looked at at once: a cache line of them.
const NEAR: usize = 8;
/// How many cache lines are worth reading ahead.
const LINES: usize = 4;

/// A key, and behind it the number of its level: one number, so that rungs sort by key.
type Rung = u64;

/// The prices of one side of a stock.
#[derive(Clone, Debug, Default)]
pub struct Ladder(Vec<Rung>);

impl Ladder {
    /// Where a key is, or where it belongs.
    #[inline(always)]
    fn find(&self, key: u32) -> Result<usize, usize> {
        let rungs = self.0.as_slice();
        let last = rung(key, u32::MAX);
        let at = match rungs.last_chunk::<NEAR>() {
            Some(near) => {
                let better = near.iter().map(|other| usize::from(*other > last)).sum::<usize>();
                if better == NEAR {
                    rungs[..rungs.len() - NEAR].partition_point(|other| *other <= last)
                } else {
                    rungs.len() - better
                }
            }
            None => rungs.iter().map(|other| usize::from(*other <= last)).sum(),
        };
        if at > 0 && rungs[at - 1] >> 32 == u64::from(key) { Ok(at - 1) } else { Err(at) }
    }

    /// Have the best prices fetched into the cache: most searches end there.
    #[inline(always)]
    pub fn fetch(&self) {
        let last = self.0.len().wrapping_sub(1);
        for line in 0..LINES {
            memory::fetch(&self.0, last.wrapping_sub(line * NEAR));
        }
    }

    /// The levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().rev().map(|rung| level(*rung))
    }
}

#[inline(always)]
const fn rung(key: u32, level: u32) -> Rung {
    (key as u64) << 32 | level as u64
}

/// The level of a rung: its lower half.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
const fn level(rung: Rung) -> u32 {
    rung as u32
}

/// Greater is better.
#[inline(always)]
const fn key(side: Side, price: u32) -> u32 {
    match side {
        Side::Buy => price,
        Side::Sell => !price,
    }
}

/// The levels of all stocks.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    levels: Large<Level>,
    free: Vec<u32>,
    guesses: Guesses,
}

impl Levels {
    /// A level.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, level: u32) -> &Level {
        &self.levels[level as usize]
    }

    /// A level that may be none.
    #[inline(always)]
    pub fn find(&self, level: u32) -> Option<&Level> {
        self.levels.get(level as usize)
    }

    /// Have a level fetched into the cache.
    #[inline(always)]
    pub fn fetch(&self, level: u32) {
        memory::fetch(&self.levels, level as usize);
    }

    /// Whether a level that has orders is that of a price.
    #[inline(always)]
    pub fn is_at(&self, level: u32, stock_locate: u16, side: Side, price: u32) -> bool {
        self.levels.get(level as usize).is_some_and(|level| {
            level.orders > 0 && level.price == price && level.stock_locate == stock_locate && level.side == side
        })
    }

    /// The level of a price, if any: probably.
    #[inline(always)]
    pub fn guess(&self, stock_locate: u16, price: u32) -> u32 {
        self.guesses.get(stock_locate, price)
    }

    /// Have the guess for a price fetched into the cache.
    #[inline(always)]
    pub fn fetch_guess(&self, stock_locate: u16, price: u32) {
        self.guesses.fetch(stock_locate, price);
    }

    /// The level of a price, a new one if need be.
    #[inline(never)]
    pub fn at(&mut self, ladder: &mut Ladder, stock_locate: u16, side: Side, price: u32) -> u32 {
        let key = key(side, price);
        let number = match ladder.find(key) {
            Ok(at) => level(ladder.0[at]),
            Err(at) => {
                let empty = Level { shares: 0, head: NIL, tail: NIL, orders: 0, price, stock_locate, side };
                let number = self.insert(empty);
                ladder.0.insert(at, rung(key, number));
                number
            }
        };
        self.guesses.set(stock_locate, price, number);
        number
    }

    #[inline(always)]
    fn insert(&mut self, level: Level) -> u32 {
        if let Some(number) = self.free.pop() {
            self.levels[number as usize] = level;
            return number;
        }
        self.levels.push(level);
        let number = u32::try_from(self.levels.len() - 1).expect("fewer levels than orders");
        if !self.guesses.suffices(self.levels.len()) {
            self.guesses.grow();
            for (number, level) in (0..).zip(self.levels.iter()).filter(|(_, level)| level.orders > 0) {
                self.guesses.set(level.stock_locate, level.price, number);
            }
        }
        number
    }

    /// Put an order at the end of the queue of its level.
    #[inline(always)]
    pub fn push(&mut self, orders: &mut Orders, mut order: Order) {
        let level = &mut self.levels[order.level as usize];
        let last = level.tail;
        order.prev = last;
        order.next = NIL;
        level.shares += u64::from(order.shares);
        level.orders += 1;
        let slot = orders.insert(order);
        level.tail = slot;
        level.head = if last == NIL { slot } else { level.head };
        orders.get_mut(last).next = slot;
    }

    /// Take shares off an order, which has more; it keeps its place.
    #[inline(always)]
    pub fn reduce(&mut self, orders: &mut Orders, slot: Slot, by: u32) {
        let order = orders.get_mut(slot);
        order.shares -= by;
        self.levels[order.level as usize].shares -= u64::from(by);
    }

    /// Take an order out of its queue, and its level out of its ladder when it was the last one.
    #[inline(always)]
    pub fn remove(&mut self, ladder: &mut Ladder, orders: &mut Orders, slot: Slot) {
        let Order { shares, level: number, prev, next, .. } = *orders.get(slot);
        orders.remove(slot);
        let level = &mut self.levels[number as usize];
        level.shares -= u64::from(shares);
        level.orders -= 1;
        if level.orders == 0 {
            if let Ok(at) = ladder.find(key(level.side, level.price)) {
                ladder.0.remove(at);
            }
            self.free.push(number);
            return;
        }
        level.head = if prev == NIL { next } else { level.head };
        level.tail = if next == NIL { prev } else { level.tail };
        orders.get_mut(prev).next = next;
        orders.get_mut(next).prev = prev;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    #[test]
    fn finds_what_a_sorted_set_finds() {
        let mut state = 3_u64;
        let (mut ladder, mut model) = (Ladder::default(), BTreeSet::new());
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = u32::try_from((state >> 33) % 60).expect("small");
            match ladder.find(key) {
                Ok(at) => {
                    assert!(model.remove(&key));
                    ladder.0.remove(at);
                }
                Err(at) => {
                    assert!(model.insert(key));
                    ladder.0.insert(at, rung(key, !key));
                }
            }
            assert!(ladder.0.iter().map(|rung| !level(*rung)).eq(model.iter().copied()));
        }
    }

    const EMPTY: Order = Order { reference: 0, timestamp: 0, shares: 1, level: 0, prev: NIL, next: NIL };

    #[test]
    fn levels_that_come_and_go_leave_nothing_behind() {
        let (mut levels, mut orders) = (Levels::default(), Orders::default());
        let mut ladder = Ladder::default();
        for price in 0..100_000 {
            let level = levels.at(&mut ladder, 1, Side::Buy, price);
            levels.push(&mut orders, Order { reference: u64::from(price), level, ..EMPTY });
            let slot = orders.find(u64::from(price)).expect("the order");
            assert!(levels.is_at(levels.guess(1, price), 1, Side::Buy, price));
            levels.remove(&mut ladder, &mut orders, slot);
            assert!(!levels.is_at(level, 1, Side::Buy, price), "a level without orders is none");
        }
        assert_eq!((levels.levels.len(), levels.free.len(), ladder.0.len(), orders.len()), (1, 1, 0, 0));
    }

    #[test]
    fn queues_keep_their_order() {
        let (mut levels, mut orders) = (Levels::default(), Orders::default());
        let (mut ladders, mut model) = (vec![Ladder::default(); 40], BTreeMap::<_, VecDeque<_>>::new());
        let (mut state, mut live) = (5_u64, Vec::new());
        let mut chance = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        for reference in 0..60_000_u64 {
            let (stock, price) = (chance(40), u32::try_from(chance(12)).expect("small"));
            let locate = u16::try_from(stock).expect("small");
            let joined = levels.at(&mut ladders[stock], locate, Side::Sell, price);
            levels.push(&mut orders, Order { reference, level: joined, shares: 2, ..EMPTY });
            model.entry((stock, price)).or_default().push_back(reference);
            live.push((stock, price, reference));
            while live.len() > 700 + chance(300) {
                let (stock, price, reference) = live.swap_remove(chance(live.len()));
                let slot = orders.find(reference).expect("a live order");
                if chance(2) == 0 {
                    levels.reduce(&mut orders, slot, 1);
                }
                levels.remove(&mut ladders[stock], &mut orders, slot);
                model.get_mut(&(stock, price)).expect("its queue").retain(|other| *other != reference);
            }
            if reference % 1000 == 0 {
                for ((stock, price), queue) in &model {
                    let found = ladders[*stock].find(key(Side::Sell, *price)).ok();
                    assert_eq!(found.is_none(), queue.is_empty());
                    let found = found.map(|at| *levels.get(level(ladders[*stock].0[at])));
                    let first = found.map_or(NIL, |level| level.head);
                    let there = |slot: Slot| (slot != NIL).then_some(slot);
                    let slots = std::iter::successors(there(first), |slot| there(orders.get(*slot).next));
                    assert!(slots.map(|slot| orders.get(slot).reference).eq(queue.iter().copied()));
                    assert_eq!(found.map_or(0, |level| level.orders as usize), queue.len());
                }
            }
        }
    }
}
