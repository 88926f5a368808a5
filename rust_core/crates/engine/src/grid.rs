//! Floats outside, whole ticks and lots inside.
//!
//! A step is kept as the decimal fraction it was written as (0.05 is 5/100), because `ticks * 5 / 100` gives back the
//! very float a user writes for that price, while `ticks * 0.05` is often one bit off.

use crate::error::BookError;

/// The largest count of steps: far below 2^53, so that every float near it still tells neighbours apart.
const MAX_STEPS: f64 = 140_737_488_355_328.0; // 2^47
/// How far from a whole number of steps a value may lie and still mean it: float noise, not a price.
const TOLERANCE: f64 = 1e-6;
const MAX_DECIMALS: i32 = 12;
/// In the middle of the floats that are one apart.
const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// A grid of equally spaced values from zero: a tick size or a lot size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    name: &'static str,
    step: f64,
    numerator: f64,
    denominator: f64,
    per_step: f64,
}

impl Grid {
    /// A grid of `step`, called `name` in errors.
    ///
    /// # Errors
    /// When the step is not finite, not positive, or has more than twelve decimals.
    pub fn new(name: &'static str, step: f64) -> Result<Self, BookError> {
        if !step.is_finite() {
            return Err(BookError::NotFinite { field: name, value: step });
        }
        if step <= 0.0 {
            return Err(BookError::NotPositive { field: name, value: step });
        }
        for decimals in 0..=MAX_DECIMALS {
            let denominator = 10f64.powi(decimals);
            let numerator = (step * denominator).round();
            // Only the fraction that divides to the same float is the step that was meant.
            #[allow(clippy::float_cmp)]
            if (1.0..=MAX_STEPS).contains(&numerator) && numerator / denominator == step {
                return Ok(Self { name, step, numerator, denominator, per_step: denominator / numerator });
            }
        }
        Err(BookError::OffGrid { field: name, value: step, step_name: "decimal step", step: 1e-12 })
    }

    /// The step as it was given.
    #[must_use]
    pub const fn step(&self) -> f64 {
        self.step
    }

    /// The number of steps in `value`, of either sign; none where it is not finite, not on the grid, or too large to be
    /// exact. Why not is asked for apart: an error has room for a lot, and would be carried along where there is none.
    #[inline]
    fn whole(&self, value: f64) -> Option<i64> {
        let exact = value * self.per_step;
        // Among floats this large the whole numbers are all there is: the sum is rounded, and its bits count. On a plain
        // x86-64, `round` is a call and a cast takes several steps.
        let shifted = exact + SHIFT;
        let whole = shifted - SHIFT;
        let error = (exact - whole).abs();
        // One comparison each on the hot path; NaN fails the first.
        let fits = error <= TOLERANCE.max(exact.abs() * 1e-15) && whole.abs() <= MAX_STEPS;
        fits.then_some(shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64)
    }

    /// The number of steps in `value`, of either sign.
    ///
    /// # Errors
    /// When the value is not finite, not on the grid, or too large to be exact.
    #[inline]
    pub fn steps(&self, field: &'static str, value: f64) -> Result<i64, BookError> {
        match self.whole(value) {
            Some(steps) => Ok(steps),
            None => Err(self.refuse(field, value)),
        }
    }

    /// The number of steps in `value`, at least one.
    ///
    /// # Errors
    /// As `steps`, and when the value is zero or negative.
    #[inline]
    pub fn positive_steps(&self, field: &'static str, value: f64) -> Result<u64, BookError> {
        match self.whole(value) {
            Some(steps) if steps > 0 => Ok(steps.unsigned_abs()),
            _ if value <= 0.0 => Err(BookError::NotPositive { field, value }),
            _ => Err(self.refuse(field, value)),
        }
    }

    /// How many steps `value` is worth, whole or not.
    #[must_use]
    pub fn fraction(&self, value: f64) -> f64 {
        value * self.denominator / self.numerator
    }

    /// The value of `steps` steps: the float closest to the decimal number.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn value(&self, steps: i64) -> f64 {
        steps as f64 * self.numerator / self.denominator
    }

    /// The value of a quantity of steps.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn quantity(&self, steps: u64) -> f64 {
        steps as f64 * self.numerator / self.denominator
    }

    #[cold]
    fn refuse(&self, field: &'static str, value: f64) -> BookError {
        if !value.is_finite() {
            BookError::NotFinite { field, value }
        } else if (value * self.per_step).round().abs() > MAX_STEPS {
            BookError::TooLarge { field, value, limit: MAX_STEPS * self.step, step_name: self.name }
        } else {
            BookError::OffGrid { field, value, step_name: self.name, step: self.step }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)]
    fn every_cent_comes_back_as_the_float_that_was_written() {
        let grid = Grid::new("tick_size", 0.01).unwrap();
        for cents in 1..2_000_000_i64 {
            let written: f64 = format!("{}.{:02}", cents / 100, cents % 100).parse().unwrap();
            assert_eq!(grid.steps("price", written), Ok(cents));
            assert_eq!(grid.value(cents), written);
        }
    }

    #[test]
    fn counts_are_right_up_to_the_largest() {
        let grid = Grid::new("lot_size", 1.0).unwrap();
        for steps in [0, 1, -1, 2, -77, (1 << 47) - 1, 1 << 47, -(1 << 47)] {
            assert_eq!(grid.steps("quantity", steps as f64), Ok(steps));
        }
        for value in [((1_i64 << 47) + 1) as f64, -((1_i64 << 47) + 1) as f64, 1e17, -1e17, f64::MAX, 0.5, -1.5, 2.5] {
            assert!(grid.steps("quantity", value).is_err(), "{value}");
        }
    }

    #[test]
    fn odd_steps_work() {
        for step in [0.05, 0.125, 0.015_625, 0.25, 0.03, 5.0, 100.0, 1e-8] {
            let grid = Grid::new("tick_size", step).unwrap();
            for steps in [1, 2, 3, 1001, 123_456_789] {
                assert_eq!(grid.steps("price", grid.value(steps)), Ok(steps), "step {step}");
            }
        }
    }

    #[test]
    fn refusals_name_field_and_value() {
        let grid = Grid::new("tick_size", 0.01).unwrap();
        let say = |value| grid.steps("price", value).unwrap_err().to_string();
        assert_eq!(say(150.005), "price 150.005 is not a multiple of tick_size 0.01");
        assert_eq!(say(f64::NAN), "price NaN is not a finite number");
        assert_eq!(say(f64::INFINITY), "price inf is not a finite number");
        assert!(say(1e300).starts_with("price 1000"), "{}", say(1e300));
        assert!(grid.positive_steps("quantity", 0.0).is_err());
        assert!(grid.positive_steps("quantity", -1.0).is_err());
        assert!(grid.positive_steps("quantity", 1e-9).is_err());
        assert!(Grid::new("tick_size", 0.0).is_err());
        assert!(Grid::new("tick_size", 1.0 / 3.0).is_err());
    }
}
