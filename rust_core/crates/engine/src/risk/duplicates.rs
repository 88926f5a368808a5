//! The orders of the last moments, to know a second one of the same user, symbol, side, price and quantity.
//!
//! They stand in a queue in the order in which they came; a table of buckets leads from an order to its latest place in
//! the queue. A bucket is a line of the CPU's cache, and is compared as a whole: whether the place that an order belongs
//! to is taken by another one is as good as random, and no branch hangs on it. What finds its bucket full goes to a hash
//! map, which is as good as always empty. Each new order lets up to two old ones go, so that no single order pays for a
//! burst.

use std::collections::{HashMap, VecDeque};

use crate::types::{Lots, Nanos, Side, Ticks};

/// What makes two orders the same. The account stands for user and symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// How many places a line has beside the counter.
const WAYS: usize = 7;

/// Orders whose tags begin alike.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket {
    /// The last one is none, and is zero.
    tags: [u32; WAYS + 1],
    /// The numbers of the orders in the queue, counted from the first one ever, modulo 2^32.
    numbers: [u32; WAYS],
    /// How many orders found no place here.
    spilled: u32,
}

impl Bucket {
    /// Whether an order with this tag may be here. Without branches, and never a no that should be a yes.
    #[inline]
    fn may_have(&self, tag: u32) -> bool {
        self.tags.iter().fold(false, |any, other| any | (*other == tag)) | (self.spilled != 0)
    }

    /// The places with a tag, as bits. Without branches: which place it is, is as good as random.
    #[inline]
    fn ways(&self, tag: u32) -> u32 {
        const BITS: [u32; WAYS + 1] = [1, 2, 4, 8, 16, 32, 64, 0];
        let bits = self.tags.iter().zip(&BITS).map(|(other, bit)| if *other == tag { *bit } else { 0 });
        bits.fold(0, |all, bit| all | bit)
    }
}

const SMALLEST: usize = 16;

/// Where an order's number stands.
enum Place {
    /// In a way of a bucket.
    Way(usize, usize),
    /// Among those whose bucket was full.
    Spilled,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Duplicates {
    queue: VecDeque<(Nanos, Same)>,
    /// The number of the queue's first order.
    first: u32,
    table: Vec<Bucket>,
    shift: u32,
    used: usize,
    spilled: HashMap<Same, u32>,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            first: 0,
            table: vec![Bucket::default(); SMALLEST],
            shift: 32 - SMALLEST.trailing_zeros(),
            used: 0,
            spilled: HashMap::new(),
        }
    }
}

impl Duplicates {
    /// Whether the same order came less than `window` ago.
    #[inline]
    #[must_use]
    pub fn contains(&self, same: Same, now: Nanos, window: Nanos) -> bool {
        let tag = same.tag();
        self.table[self.home(tag)].may_have(tag) && self.is_recent(same, now, window)
    }

    #[cold]
    #[inline(never)]
    fn is_recent(&self, same: Same, now: Nanos, window: Nanos) -> bool {
        self.find(&same).is_some_and(|place| now - self.entry(self.number(&place, &same)).0 < window)
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
        // No more than two orders in a bucket on average: then one in a thousand is full.
        if self.used >= self.table.len() * 2 {
            self.resize(self.table.len() * 2);
        }
        let number = self.first.wrapping_add(self.queue.len() as u32);
        match self.find(&same) {
            Some(Place::Way(at, way)) => self.table[at].numbers[way] = number,
            Some(Place::Spilled) => *self.spilled.entry(same).or_default() = number,
            None => self.put(same, number),
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

    fn number(&self, place: &Place, same: &Same) -> u32 {
        match *place {
            Place::Way(at, way) => self.table[at].numbers[way],
            Place::Spilled => self.spilled[same],
        }
    }

    #[inline]
    const fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    /// Where an order is.
    #[inline]
    fn find(&self, same: &Same) -> Option<Place> {
        let tag = same.tag();
        let at = self.home(tag);
        let bucket = &self.table[at];
        let mut ways = bucket.ways(tag);
        while ways != 0 {
            let way = ways.trailing_zeros() as usize;
            if self.entry(bucket.numbers[way]).1 == *same {
                return Some(Place::Way(at, way));
            }
            ways &= ways - 1;
        }
        (bucket.spilled > 0 && self.spilled.contains_key(same)).then_some(Place::Spilled)
    }

    /// Put in an order that is not here.
    #[inline]
    fn put(&mut self, same: Same, number: u32) {
        let tag = same.tag();
        let at = self.home(tag);
        let bucket = &mut self.table[at];
        self.used += 1;
        let empty = bucket.ways(0).trailing_zeros() as usize;
        if empty < WAYS {
            (bucket.tags[empty], bucket.numbers[empty]) = (tag, number);
        } else {
            bucket.spilled += 1;
            self.spilled.insert(same, number);
        }
    }

    #[inline]
    fn forget_first(&mut self) {
        let Some((_, same)) = self.queue.front() else { return };
        // A later one of the same kind may have taken its place in the table.
        let same = *same;
        let place = self.find(&same).filter(|place| self.number(place, &same) == self.first);
        match place {
            Some(Place::Way(at, way)) => self.table[at].tags[way] = 0,
            Some(Place::Spilled) => {
                let at = self.home(same.tag());
                self.table[at].spilled -= 1;
                self.spilled.remove(&same);
            }
            None => {}
        }
        self.used -= usize::from(place.is_some());
        self.queue.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// Give back what a burst took. What is remembered stays.
    pub fn shrink(&mut self) {
        self.queue.shrink_to_fit();
        self.resize(self.used.div_ceil(2).next_power_of_two().max(SMALLEST));
        self.spilled.shrink_to_fit();
    }

    #[cold]
    fn resize(&mut self, size: usize) {
        let old = std::mem::replace(&mut self.table, vec![Bucket::default(); size]);
        self.shift = 32 - size.trailing_zeros();
        self.used = 0;
        let spilled = std::mem::take(&mut self.spilled);
        let places = old.iter().flat_map(|bucket| bucket.tags[..WAYS].iter().zip(&bucket.numbers));
        for (_, number) in places.filter(|(tag, _)| **tag != 0) {
            self.put(self.entry(*number).1, *number);
        }
        for (same, number) in spilled {
            self.put(same, number);
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
                assert_eq!(fast.contains(same, now, window), recent(window), "{round}");
            }
            fast.insert(same, now, 100);
            slow.push((now, same));
            if round % 1_009 == 0 {
                fast.shrink();
            }
        }
        assert!(fast.queue.len() < 5_000);
        assert!(fast.used <= 400);
    }

    #[test]
    fn a_full_bucket_spills() {
        // Orders of one bucket, however large the table becomes: those whose tags begin with twelve zeros.
        let alike = |lots| Same { account: 1, side: Side::Buy, price: 5, lots };
        let crowd: Vec<Same> = (0..).map(alike).filter(|same| same.tag() >> 20 == 0).take(40).collect();
        let mut fast = Duplicates::default();
        for (now, same) in (0..).zip(&crowd) {
            assert!(!fast.contains(*same, now, 100));
            fast.insert(*same, now, 100);
        }
        assert!(!fast.spilled.is_empty());
        assert!(crowd.iter().all(|same| fast.contains(*same, 50, 100)));
        assert!(crowd.iter().zip(0..).all(|(same, came)| fast.contains(*same, 105, 100) == (came > 5)));
        for now in 0..40 {
            fast.insert(alike(u64::MAX - now), 200 + now, 100);
        }
        assert!(fast.spilled.is_empty() && fast.used == 40);
    }
}
