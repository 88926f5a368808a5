//! At most so many in so long a time, exactly, over a window that rolls with every moment. (A window that is made longer
//! while it runs may have let go already of what it would reach back to.)

use std::collections::VecDeque;

use crate::types::Nanos;

/// The moments of the latest things, no more than the limit of them.
///
/// The limit-th last of them is the only one that matters, so a question is one look. Where the queue would
/// grow beyond a power of two, an old one goes instead: the memory follows the traffic, and never exceeds the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub(crate) times: VecDeque<Nanos>,
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
    /// Whether one more is too many.
    #[inline]
    #[must_use]
    pub fn full(&self, now: Nanos, pace: Pace) -> bool {
        let limit = pace.limit as usize;
        limit != 0 && self.times.len() >= limit && now - self.times[self.times.len() - limit] < pace.window
    }

    /// Remember one.
    #[inline]
    pub fn record(&mut self, now: Nanos, pace: Pace) {
        if pace.limit == 0 {
            return;
        }
        // In a steady flow the queue stays at a power of two, and this always goes the same way.
        let oldest = self.times.front().filter(|_| self.times.len().is_power_of_two());
        if oldest.is_some_and(|oldest| now - oldest >= pace.window) {
            self.times.pop_front();
        }
        while self.times.len() >= pace.limit as usize {
            self.times.pop_front();
        }
        self.times.push_back(now);
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        self.times.clear();
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
        assert_eq!(rate.times, [8, 9, 10]);
        assert!(!rate.full(10, Pace::FREE));
    }
}
