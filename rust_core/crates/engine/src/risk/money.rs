//! Money as whole numbers of 10^-12 of the currency: sums of it never drift, whatever order they are made in.

use super::RiskError;
use crate::types::{Lots, Ticks};

/// An amount in 10^-12 of the currency.
pub type Money = i128;
/// The largest amount of either sign: 10^24 of the currency, with room for sums of a few of them.
pub const MAX_MONEY: Money = 1 << 120;
const DECIMALS: usize = 12;

/// A float as the decimal number that its shortest notation says, in 10^-12; digits after the twelfth are dropped.
/// Amounts beyond `MAX_MONEY` become `MAX_MONEY`. The float must be finite.
#[must_use]
pub fn money(value: f64) -> Money {
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = &fraction[..fraction.len().min(DECIMALS)];
    let digits = format!("{whole}{fraction:0<DECIMALS$}");
    let amount = digits.parse().unwrap_or(MAX_MONEY).min(MAX_MONEY);
    if value < 0.0 { -amount } else { amount }
}

/// An amount as the float nearest to it.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn currency(amount: Money) -> f64 {
    amount as f64 / 1e12
}

/// What one tick times one lot of a symbol is worth.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    unit: u64,
}

impl Unit {
    /// The worth of `tick_size * lot_size`.
    ///
    /// # Errors
    /// When that is not a whole number of 10^-12, or more than 9 million.
    pub fn new(tick_size: f64, lot_size: f64) -> Result<Self, RiskError> {
        let refuse = |expected| RiskError { field: "tick_size * lot_size", value: tick_size * lot_size, expected };
        let product = money(tick_size).checked_mul(money(lot_size)).ok_or_else(|| refuse("is too large"))?;
        if product == 0 || product % 10_i128.pow(12) != 0 {
            return Err(refuse("is not a multiple of 0.000000000001"));
        }
        let unit = i64::try_from(product / 10_i128.pow(12)).map_err(|_| refuse("is too large"))?.unsigned_abs();
        Ok(Self { unit })
    }

    /// The worth of a quantity at a price, without sign; `None` when that is more than `MAX_MONEY`.
    #[inline]
    #[must_use]
    pub fn value(&self, price: Ticks, lots: Lots) -> Option<Money> {
        let Some(product) = price.unsigned_abs().checked_mul(lots) else { return self.large(price, lots) };
        // A number below 2^64 times one below 2^63: no sum of money is too large to be compared.
        #[allow(clippy::cast_possible_wrap)]
        let value = (u128::from(product) * u128::from(self.unit)) as Money;
        (value <= MAX_MONEY).then_some(value)
    }

    #[cold]
    #[inline(never)]
    fn large(&self, price: Ticks, lots: Lots) -> Option<Money> {
        let product = u128::from(price.unsigned_abs()) * u128::from(lots);
        #[allow(clippy::cast_possible_wrap)]
        (product <= self.most()).then(|| (product * u128::from(self.unit)) as Money)
    }

    /// The largest product of price and quantity that is worth no more than `MAX_MONEY`.
    fn most(&self) -> u128 {
        MAX_MONEY.unsigned_abs() / u128::from(self.unit)
    }

    /// The same with the price's sign, `MAX_MONEY` when it is more.
    #[inline]
    #[must_use]
    pub fn signed(&self, price: Ticks, lots: Lots) -> Money {
        let value = self.value(price, lots).unwrap_or(MAX_MONEY);
        if price < 0 { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_what_was_written() {
        assert_eq!(money(0.1), 100_000_000_000);
        assert_eq!(money(-100_000_000.01), -100_000_000_010_000_000_000);
        assert_eq!(money(1e-13), 0);
        assert_eq!(money(1e300), MAX_MONEY);
        assert!((currency(money(12.25)) - 12.25).abs() < 1e-12);
    }

    #[test]
    fn a_unit_is_exact_or_refused() {
        assert_eq!(Unit::new(0.01, 1.0).unwrap().value(10_050, 3), Some(money(301.5)));
        assert_eq!(Unit::new(0.01, 1e-8).unwrap().value(-1, 1), Some(100));
        assert_eq!(Unit::new(0.01, 1.0).unwrap().signed(-2, 1), -20_000_000_000);
        assert_eq!(Unit::new(1.0, 1.0).unwrap().value(i64::MAX, u64::MAX), None);
        // Around 2^64 ticks times lots, and around the largest amount of all.
        let unit = Unit::new(1e-6, 1e-6).unwrap();
        assert_eq!(unit.value(1 << 32, (1 << 32) - 1), Some((1 << 64) - (1 << 32)));
        assert_eq!(unit.value(1 << 32, 1 << 32), Some(1 << 64));
        assert_eq!(unit.value(1 << 60, 1 << 60), Some(MAX_MONEY));
        assert_eq!(unit.value(1 << 60, (1 << 60) + 1), None);
        let unit = Unit::new(2e3, 4e3).unwrap();
        assert_eq!(unit.value(1, 1 << 57), Some(Money::from(8_000_000_000_000_000_000_u64) << 57));
        assert_eq!(unit.value(1, u64::MAX), None);
        assert!(Unit::new(1e-8, 1e-8).is_err());
        assert!(Unit::new(1e6, 1e6).is_err());
    }
}
