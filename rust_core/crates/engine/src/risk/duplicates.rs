//! The orders of the last moments, to know a second one of the same user, symbol, side, price and quantity.
//!
//! They stand in a queue in the order in which they came; an open-addressed table leads from an order to its latest
//! place in the queue. Each new order lets up to two old ones go, so that no single order pays for a burst.

use std::collections::VecDeque;

use crate::types::{Lots, Nanos, Side, Ticks};

/// What makes two orders the same. The account stands for user and symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Same {
    /// The account's number.
    pub account: u32,
    /// Buy or sell.
    pub side: Side,
    /// The price, or what stands for it.
    pub price: Ticks,
    /// How much.
    pub lots: Lots,
}

impl Same {
    #[inline]
    fn tag(&self) -> u32 {
        let account = u64::from(self.account) << 1 | self.side as u64;
        let first = (account ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(self.price as u64 ^ 0xD1B5_4A32_D192_ED03);
        let mixed = (first ^ first >> 32 ^ self.lots).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // Zero is the empty place.
        (mixed >> 32) as u32 | 1
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    tag: u32,
    /// The number of the order in the queue, counted from the first one ever, modulo 2^32.
    number: u32,
}

const SMALLEST: usize = 64;

/// All of them.
#[derive(Clone, Debug)]
pub struct Duplicates {
    queue: VecDeque<(Nanos, Same)>,
    /// The number of the queue's first order.
    first: u32,
    table: Vec<Place>,
    shift: u32,
    used: usize,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::with_size(SMALLEST)
    }
}

impl Duplicates {
    fn with_size(size: usize) -> Self {
        let table = vec![Place::default(); size];
        Self { queue: VecDeque::new(), first: 0, table, shift: 32 - size.trailing_zeros(), used: 0 }
    }

    /// Whether the same order came less than `window` ago.
    #[inline]
    #[must_use]
    pub fn contains(&self, same: &Same, now: Nanos, window: Nanos) -> bool {
        match self.find(same) {
            Ok(at) => now - self.entry(self.table[at].number).0 < window,
            Err(_) => false,
        }
    }

    /// Remember an order; forget what is older than `keep`.
    #[inline]
    pub fn insert(&mut self, same: Same, now: Nanos, keep: Nanos) {
        for _ in 0..2 {
            match self.queue.front() {
                Some((time, _)) if now - time >= keep => self.forget_first(),
                _ => break,
            }
        }
        if (self.used + 1) * 4 > self.table.len() {
            self.grow();
        }
        let number = self.first.wrapping_add(self.queue.len() as u32);
        match self.find(&same) {
            Ok(at) => self.table[at].number = number,
            Err(at) => {
                self.table[at] = Place { tag: same.tag(), number };
                self.used += 1;
            }
        }
        self.queue.push_back((now, same));
    }

    /// The orders that are remembered, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Nanos, Same)> {
        self.queue.iter()
    }

    #[inline]
    fn entry(&self, number: u32) -> &(Nanos, Same) {
        &self.queue[number.wrapping_sub(self.first) as usize]
    }

    #[inline]
    const fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    /// Where an order is, or where it belongs.
    #[inline]
    fn find(&self, same: &Same) -> Result<usize, usize> {
        let tag = same.tag();
        let mask = self.table.len() - 1;
        let mut at = self.home(tag);
        loop {
            let place = self.table[at];
            if place.tag == 0 {
                return Err(at);
            }
            if place.tag == tag && self.entry(place.number).1 == *same {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
    }

    fn forget_first(&mut self) {
        let Some((_, same)) = self.queue.front() else { return };
        // A later one of the same kind may have taken its place in the table.
        if let Ok(at) = self.find(same) {
            if self.table[at].number == self.first {
                self.remove(at);
            }
        }
        self.queue.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// Empty a place, and move what stands behind it back, so that nothing is cut off from its home.
    fn remove(&mut self, mut gap: usize) {
        let mask = self.table.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let place = self.table[at];
            if place.tag == 0 {
                break;
            }
            if at.wrapping_sub(self.home(place.tag)) & mask >= at.wrapping_sub(gap) & mask {
                self.table[gap] = place;
                gap = at;
            }
        }
        self.table[gap] = Place::default();
        self.used -= 1;
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.table.len() * 2;
        let old = std::mem::replace(&mut self.table, vec![Place::default(); size]);
        self.shift = 32 - size.trailing_zeros();
        for place in old.into_iter().filter(|place| place.tag != 0) {
            let mut at = self.home(place.tag);
            while self.table[at].tag != 0 {
                at = (at + 1) & (size - 1);
            }
            self.table[at] = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_list() {
        let (mut fast, mut slow, mut now, mut state) = (Duplicates::default(), Vec::new(), 0, 5_u64);
        for round in 0..60_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Bursts, then silence.
            now += if round % 4_000 < 3_000 { (state >> 60) & 1 } else { (state >> 40) % 50 };
            let same = Same {
                account: (state >> 33) as u32 % 5,
                side: if state >> 63 == 0 { Side::Buy } else { Side::Sell },
                price: (state >> 20) as Ticks % 10,
                lots: (state >> 10) % 4,
            };
            let recent = |window| slow.iter().rev().take(900).any(|(at, old)| now - at < window && *old == same);
            for window in [1, 20, 100] {
                assert_eq!(fast.contains(&same, now, window), recent(window), "{round}");
            }
            fast.insert(same, now, 100);
            slow.push((now, same));
        }
        assert!(fast.queue.len() < 5_000);
        assert!(fast.used <= 400);
    }
}
