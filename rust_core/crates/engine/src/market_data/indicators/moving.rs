//! Moving averages.

use super::{MarketDataError, Smoothed, check, column};
use crate::market_data::rolling::RollingSum;

/// Simple moving average: the mean of the last `period` values.
///
/// # Errors
/// A period of 0, NaN or infinite values, an `out` of another length.
pub fn sma(values: &[f64], period: usize, out: &mut [f64]) -> Result<(), MarketDataError> {
    let mut stream = Sma::new(period)?;
    column(values, out, |value| stream.take(value))
}

/// Simple moving average, value by value.
#[derive(Clone, Debug)]
pub struct Sma {
    period: usize,
    sum: RollingSum,
}

impl Sma {
    /// No value yet.
    ///
    /// # Errors
    /// A period of 0.
    pub fn new(period: usize) -> Result<Self, MarketDataError> {
        check::at_least_one("period", period)?;
        Ok(Self { period, sum: RollingSum::new(Some(period)) })
    }

    /// Take a value in and return the average; `None` before the `period`-th value.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("value", value)?;
        Ok(self.take(value))
    }

    fn take(&mut self, value: f64) -> Option<f64> {
        self.sum.push(value);
        self.value()
    }

    /// The average; `None` before the `period`-th value.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn value(&self) -> Option<f64> {
        self.sum.is_full().then(|| self.sum.sum() / self.period as f64)
    }
}

/// Exponential moving average: the mean of the first `period` values, and then `average + (value - average) * 2 / (period
/// + 1)`.
///
/// # Errors
/// A period of 0, NaN or infinite values, an `out` of another length.
pub fn ema(values: &[f64], period: usize, out: &mut [f64]) -> Result<(), MarketDataError> {
    let mut stream = Ema::new(period)?;
    column(values, out, |value| stream.take(value))
}

/// Exponential moving average, value by value.
#[derive(Clone, Debug)]
pub struct Ema(Smoothed);

impl Ema {
    /// No value yet.
    ///
    /// # Errors
    /// A period of 0.
    #[allow(clippy::cast_precision_loss)]
    pub fn new(period: usize) -> Result<Self, MarketDataError> {
        check::at_least_one("period", period)?;
        Ok(Self(Smoothed::new(period, 2.0 / (period as f64 + 1.0))))
    }

    /// Take a value in and return the average; `None` before the `period`-th value.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("value", value)?;
        Ok(self.take(value))
    }

    pub(super) fn take(&mut self, value: f64) -> Option<f64> {
        self.0.take(value)
    }

    /// The average; `None` before the `period`-th value.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.0.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_begin_with_the_mean_of_the_first_values() {
        let (values, mut simple, mut exponential) = ([1.0, 2.0, 6.0, 5.0], [0.0; 4], [0.0; 4]);
        sma(&values, 3, &mut simple).unwrap();
        ema(&values, 3, &mut exponential).unwrap();
        assert_eq!(simple[2..], [3.0, 13.0 / 3.0]);
        assert_eq!(exponential[2..], [3.0, 4.0]);
        assert!(simple[1].is_nan() && exponential[1].is_nan());
        assert!(sma(&values, 0, &mut simple).is_err());
        assert!(sma(&values, 3, &mut simple[1..]).is_err());
        sma(&values, usize::MAX, &mut simple).unwrap();
        assert!(simple[3].is_nan());
    }
}
