//! Price collars: how far a price may lie from another one, and how far the market may move in a while.

use crate::types::{Nanos, Ticks};

/// A distance as millionths of the price it is measured from.
pub type Millionths = u32;
/// No collar.
pub const FREE: Millionths = Millionths::MAX;

/// Whether `price` lies within `width` of `reference`, either way.
#[inline]
#[must_use]
pub fn within(price: Ticks, reference: Ticks, width: Millionths) -> bool {
    if width == FREE {
        return true;
    }
    let distance = u128::from(price.abs_diff(reference));
    distance * 1_000_000 <= u128::from(width) * u128::from(reference.unsigned_abs())
}

/// Whether `price` lies at most `width` above the lowest and below the highest of a range.
#[inline]
#[must_use]
pub fn moves_within(price: Ticks, (low, high): (Ticks, Ticks), width: Millionths) -> bool {
    if width == FREE {
        return true;
    }
    // Without branches: on which side of the market a price lies is as good as random.
    let (up, down) = (price.max(low).abs_diff(low), price.min(high).abs_diff(high));
    let reach = |from: Ticks| u128::from(width) * u128::from(from.unsigned_abs());
    (u128::from(up) * 1_000_000 <= reach(low)) & (u128::from(down) * 1_000_000 <= reach(high))
}

/// The lowest and the highest price within `width` of `reference`.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
pub fn bounds(reference: Ticks, width: Millionths) -> (Ticks, Ticks) {
    let reach = u128::from(width) * u128::from(reference.unsigned_abs()) / 1_000_000;
    let reach = reach.min(i64::MAX as u128 / 2) as Ticks;
    (reference.saturating_sub(reach), reference.saturating_add(reach))
}

/// In how many steps a period rolls.
const STEPS: usize = 8;

/// The lowest and highest trade of a period that rolls in eighths of itself: it reaches back at least the whole
/// period, and at most an eighth more. Constant time and memory, however many trades there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Period {
    step: Nanos,
    /// The step that the newest bucket is about.
    current: u64,
    /// The end of that step.
    until: Nanos,
    /// Lowest and highest of each step; the step's number modulo their count says where.
    buckets: [(Ticks, Ticks); STEPS + 1],
    /// Lowest and highest of all buckets.
    all: (Ticks, Ticks),
}

const EMPTY: (Ticks, Ticks) = (Ticks::MAX, Ticks::MIN);

impl Default for Period {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Period {
    /// An empty period; one of length zero never ends.
    #[must_use]
    pub const fn new(length: Nanos) -> Self {
        let step = match length {
            0 => Nanos::MAX,
            1..8 => 1,
            _ => length / STEPS as u64,
        };
        Self { step, current: 0, until: step, buckets: [EMPTY; STEPS + 1], all: EMPTY }
    }

    /// Let time pass.
    #[inline]
    pub fn advance(&mut self, now: Nanos) {
        if now >= self.until {
            self.roll(now);
        }
    }

    /// Until when the range stays as it is, without a trade.
    #[inline]
    #[must_use]
    pub const fn until(&self) -> Nanos {
        self.until
    }

    /// A trade. Returns whether it widened the range.
    #[inline]
    pub fn trade(&mut self, now: Nanos, price: Ticks) -> bool {
        self.advance(now);
        let before = self.all;
        let bucket = &mut self.buckets[(self.current % (STEPS as u64 + 1)) as usize];
        *bucket = (bucket.0.min(price), bucket.1.max(price));
        self.all = (self.all.0.min(price), self.all.1.max(price));
        self.all != before
    }

    /// The lowest and highest trade of the period, if there was any.
    #[inline]
    #[must_use]
    pub fn range(&self, now: Nanos) -> Option<(Ticks, Ticks)> {
        let (low, high) = if now < self.until { self.all } else { self.later(now) };
        (low <= high).then_some((low, high))
    }

    #[cold]
    fn later(&self, now: Nanos) -> (Ticks, Ticks) {
        let mut rolled = *self;
        rolled.roll(now);
        rolled.all
    }

    #[cold]
    fn roll(&mut self, now: Nanos) {
        let step = now / self.step;
        let passed = (step - self.current).min(STEPS as u64 + 1);
        for past in 0..passed {
            self.buckets[((step - past) % (STEPS as u64 + 1)) as usize] = EMPTY;
        }
        self.current = step;
        self.until = (step + 1).saturating_mul(self.step);
        self.all = self.buckets.iter().fold(EMPTY, |all, bucket| (all.0.min(bucket.0), all.1.max(bucket.1)));
    }

    /// Whether both roll alike.
    #[must_use]
    pub const fn same_length(&self, other: &Self) -> bool {
        self.step == other.step
    }

    /// Whether the numbers fit together: what a restored period must satisfy.
    #[must_use]
    pub fn is_sound(&self, now: Nanos) -> bool {
        let mut again = *self;
        again.all = self.buckets.iter().fold(EMPTY, |all, bucket| (all.0.min(bucket.0), all.1.max(bucket.1)));
        self.step > 0
            && self.current <= now / self.step
            && self.until == (self.current + 1).saturating_mul(self.step)
            && again == *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collar_holds_at_its_edge() {
        assert!(within(10_500, 10_000, 50_000) && !within(10_501, 10_000, 50_000));
        assert!(within(9_500, 10_000, 50_000) && !within(9_499, 10_000, 50_000));
        assert!(within(-105, -100, 50_000) && !within(-106, -100, 50_000));
        assert!(within(i64::MIN, i64::MAX, FREE) && within(5, 0, FREE) && !within(5, 0, 1));
        assert_eq!(bounds(333, 100_000), (300, 366));
        assert_eq!(bounds(i64::MAX / 2, 1 << 31), (0, i64::MAX - 1));
    }

    #[test]
    fn a_period_agrees_with_a_list_of_trades() {
        let (mut period, mut trades, mut now, mut state) = (Period::new(80), Vec::new(), 0, 9_u64);
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            now += (state >> 40) % 23;
            let oldest = (now / 10).saturating_sub(8) * 10;
            let recent = trades.iter().filter(|(at, _)| *at >= oldest).map(|(_, price)| *price);
            let wanted = recent.clone().min().zip(recent.max());
            assert_eq!(period.range(now), wanted);
            assert!(period.is_sound(now));
            let price = ((state >> 33) % 1_000) as Ticks - 500;
            if state >> 63 == 0 {
                trades.push((now, price));
                period.trade(now, price);
            }
        }
    }
}
