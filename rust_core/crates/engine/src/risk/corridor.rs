//! All collars at once: the prices that none of them refuses are those from a lowest to a highest one.
//!
//! Both change only when the market moves, so they are worked out then, and an order is compared with two numbers. They
//! are kept for a symbol and for one set of widths: most accounts have the same.

use super::band::{FREE, Millionths};
use crate::types::{Nanos, Ticks};

/// How wide the three collars are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Widths {
    pub last: Millionths,
    pub reference: Millionths,
    pub period: Millionths,
}

/// What collars are measured from.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    pub last: Option<Ticks>,
    pub reference: Option<Ticks>,
    /// The lowest and highest trade of the period.
    pub range: Option<(Ticks, Ticks)>,
}

/// The prices that no collar of these widths refuses.
#[derive(Clone, Copy, Debug)]
pub struct Corridor {
    low: Ticks,
    high: Ticks,
    /// What was worked out holds until then.
    until: Nanos,
    widths: Widths,
}

impl Default for Corridor {
    fn default() -> Self {
        let widths = Widths { last: FREE, reference: FREE, period: FREE };
        Self { low: Ticks::MIN, high: Ticks::MAX, until: 0, widths }
    }
}

/// How far a collar reaches from a price. `within` compares a million times the distance with width times price; a whole
/// distance passes that when it is no more than their quotient rounded down.
#[inline]
fn reach(from: Ticks, width: Millionths) -> i128 {
    let (from, width) = (from.unsigned_abs(), u64::from(width));
    match from.checked_mul(width) {
        Some(product) => i128::from(product / 1_000_000),
        // Below 2^96: fits.
        None => (i128::from(from) * i128::from(width)) / 1_000_000,
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
fn clamp(price: i128) -> Ticks {
    price.clamp(i128::from(Ticks::MIN), i128::from(Ticks::MAX)) as Ticks
}

impl Corridor {
    /// Worked out for these widths, in a market that holds until then unless it trades.
    pub fn new(widths: Widths, market: &Market, until: Nanos) -> Self {
        let mut corridor = Self { widths, until, ..Self::default() };
        for (middle, width) in [(market.last, widths.last), (market.reference, widths.reference)] {
            if let Some(middle) = middle {
                corridor.narrow(middle, middle, width);
            }
        }
        if let Some((low, high)) = market.range {
            corridor.narrow(high, low, widths.period);
        }
        corridor
    }

    /// No lower than `width` below one price, no higher than `width` above another.
    #[inline]
    fn narrow(&mut self, below: Ticks, above: Ticks, width: Millionths) {
        if width != FREE {
            self.low = self.low.max(clamp(i128::from(below) - reach(below, width)));
            self.high = self.high.min(clamp(i128::from(above) + reach(above, width)));
        }
    }

    /// The market moved: what was worked out holds no longer.
    #[inline]
    pub const fn close(&mut self) {
        self.until = 0;
    }

    /// Whether this holds now, for these widths.
    #[inline]
    pub fn is_for(&self, now: Nanos, widths: &Widths) -> bool {
        let Widths { last, reference, period } = self.widths;
        let other = (last ^ widths.last) | (reference ^ widths.reference) | (period ^ widths.period);
        (now < self.until) & (other == 0)
    }

    /// Whether no collar refuses a price.
    #[inline]
    pub const fn has(&self, price: Ticks) -> bool {
        (self.low <= price) & (price <= self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::band::{moves_within, within};

    #[test]
    fn agrees_with_the_collars_one_by_one() {
        let mut state = 5_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let mut seen = [0; 2];
        for _ in 0..200_000 {
            let scale = 64 - random() % 63;
            let mut price = || (random() as i64) >> (64 - scale);
            let (a, b, last, reference) = (price(), price(), price(), price());
            let mut width = || [FREE, (random() >> 32) as u32, (random() % 2_000_000) as u32][random() as usize % 3];
            let widths = Widths { last: width(), reference: width(), period: width() };
            let market = Market {
                last: (random() % 3 > 0).then_some(last),
                reference: (random() % 3 > 0).then_some(reference),
                range: (random() % 3 > 0).then_some((a.min(b), a.max(b))),
            };
            let corridor = Corridor::new(widths, &market, 1);
            assert!(corridor.is_for(0, &widths) && !corridor.is_for(1, &widths));
            let edges = [corridor.low, corridor.high, last, reference, a, i64::MIN, i64::MAX];
            for price in edges.into_iter().flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)]) {
                let slow = market.last.is_none_or(|last| within(price, last, widths.last))
                    && market.reference.is_none_or(|middle| within(price, middle, widths.reference))
                    && market.range.is_none_or(|range| moves_within(price, range, widths.period));
                assert_eq!(corridor.has(price), slow, "{price} {widths:?} {market:?}");
                seen[usize::from(slow)] += 1;
            }
        }
        assert!(seen.iter().all(|count| *count > 100_000), "{seen:?}");
    }
}
