//! At most so many in so long a time, exactly, over a window that rolls with every moment. (A window that is made longer
//! while it runs may have let go already of what it would reach back to.)

use crate::memory;
use crate::types::Nanos;

/// How many moments lie in a line of the CPU's cache.
const LINE: u32 = 8;

/// The moments of the latest things, no more than the limit of them, in a ring whose length is a power of two.
///
/// The limit-th last of them is the only one that matters, so a question is one look. Where their number would
/// grow beyond a power of two, an old one goes instead: the memory follows the traffic, and never exceeds the limit.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    ring: Box<[Nanos]>,
    /// Where the oldest is, counted without end.
    first: u32,
    len: u32,
}

/// How many, in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// At most so many; zero is no limit.
    pub limit: u32,
    /// In this long.
    pub window: Nanos,
}

impl Pace {
    /// No limit.
    pub const FREE: Self = Self { limit: 0, window: 0 };
    /// The largest number that is remembered moment by moment.
    pub const MOST: u32 = 1 << 16;
}

impl Rate {
    /// The `number`-th moment, oldest first. The place is always in the ring, unless that is empty.
    #[inline]
    fn at(&self, number: u32) -> usize {
        self.first.wrapping_add(number) as usize & (self.ring.len().wrapping_sub(1))
    }

    /// Whether one more is too many.
    #[inline]
    #[must_use]
    pub fn full(&self, now: Nanos, pace: Pace) -> bool {
        let limit = pace.limit;
        limit != 0 && self.len >= limit && now - self.ring[self.at(self.len - limit)] < pace.window
    }

    /// Remember one.
    #[inline]
    pub fn record(&mut self, now: Nanos, pace: Pace) {
        // In a steady flow the ring is full, its oldest moment counts no longer, and the new one takes its place.
        let (oldest, steady) = (self.at(0), self.len <= pace.limit && self.len as usize == self.ring.len());
        match self.ring.get_mut(oldest) {
            Some(place) if steady && now - *place >= pace.window => {
                *place = now;
                self.first = self.first.wrapping_add(1);
                // The next moments of many rings don't all stay in the nearest cache.
                memory::fetch(&self.ring, self.at(LINE));
            }
            _ => self.record_anew(now, pace),
        }
    }

    #[inline(never)]
    fn record_anew(&mut self, now: Nanos, pace: Pace) {
        if pace.limit == 0 {
            return;
        }
        if self.len.is_power_of_two() && now - self.ring[self.at(0)] >= pace.window {
            self.forget(1);
        }
        if self.len >= pace.limit {
            self.forget(self.len - pace.limit + 1);
        }
        self.push(now);
    }

    #[inline]
    const fn forget(&mut self, number: u32) {
        self.first = self.first.wrapping_add(number);
        self.len -= number;
    }

    #[inline]
    fn push(&mut self, now: Nanos) {
        if self.len as usize == self.ring.len() {
            self.grow();
        }
        let at = self.at(self.len);
        self.ring[at] = now;
        self.len += 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut longer = vec![0; (self.ring.len() * 2).max(4)];
        for (place, time) in longer.iter_mut().zip(self.times()) {
            *place = time;
        }
        (self.ring, self.first) = (longer.into_boxed_slice(), 0);
    }

    /// The moments, oldest first.
    pub fn times(&self) -> impl Iterator<Item = Nanos> {
        (0..self.len).map(|number| self.ring[self.at(number)])
    }

    /// Forget everything.
    pub const fn clear(&mut self) {
        self.forget(self.len);
    }
}

impl FromIterator<Nanos> for Rate {
    fn from_iter<T: IntoIterator<Item = Nanos>>(times: T) -> Self {
        let mut rate = Self::default();
        times.into_iter().for_each(|time| rate.push(time));
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls() {
        let (mut rate, pace) = (Rate::default(), Pace { limit: 2, window: 10 });
        let mut allowed = Vec::new();
        for now in [0, 5, 9, 10, 11, 15, 19, 20] {
            if !rate.full(now, pace) {
                rate.record(now, pace);
                allowed.push(now);
            }
        }
        assert_eq!(allowed, [0, 5, 10, 15, 20]);
    }

    #[test]
    fn says_what_counting_all_moments_says() {
        let mut state = 3_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for pace in [(1, 10), (5, 30), (64, 40), (100, 50), (1_000, 500), (1_000, 0)] {
            let pace = Pace { limit: pace.0, window: pace.1 };
            let (mut rate, mut all, mut now) = (Rate::default(), Vec::<Nanos>::new(), 0);
            for _ in 0..20_000 {
                now += random(4) * random(2);
                let recent = all.iter().rev().take_while(|time| now - **time < pace.window).count();
                assert_eq!(rate.full(now, pace), recent >= pace.limit as usize, "{pace:?} at {now}");
                if recent < pace.limit as usize {
                    rate.record(now, pace);
                    all.push(now);
                }
            }
            let kept: Vec<Nanos> = rate.times().collect();
            assert!(all.ends_with(&kept) && kept.len() <= pace.limit as usize, "{pace:?}");
        }
    }

    #[test]
    fn limits_change_while_it_runs() {
        let mut rate = Rate::default();
        for now in 0..10 {
            rate.record(now, Pace { limit: 10, window: 100 });
        }
        assert!(rate.full(10, Pace { limit: 10, window: 100 }));
        assert!(!rate.full(10, Pace { limit: 11, window: 100 }));
        assert!(!rate.full(10, Pace { limit: 3, window: 3 }));
        assert!(rate.full(10, Pace { limit: 3, window: 4 }));
        rate.record(10, Pace { limit: 3, window: 4 });
        assert_eq!(rate.times().collect::<Vec<_>>(), [8, 9, 10]);
        assert!(!rate.full(10, Pace::FREE));
    }
}
