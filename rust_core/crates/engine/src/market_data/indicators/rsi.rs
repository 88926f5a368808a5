//! The relative strength index of Wilder (1978, "New concepts in technical trading systems").

use super::{MarketDataError, Smoothed, check, column};

/// `100 - 100 / (1 + average gain / average loss)`, with Wilder's averages of `period` changes: the first value is in row
/// `period`. Without losses it is 100, and 50 where nothing moved.
///
/// # Errors
/// A period of 0, NaN or infinite values, an `out` of another length.
pub fn rsi(values: &[f64], period: usize, out: &mut [f64]) -> Result<(), MarketDataError> {
    let mut stream = Rsi::new(period)?;
    column(values, out, |value| stream.take(value))
}

/// RSI, value by value.
#[derive(Clone, Debug)]
pub struct Rsi {
    before: Option<f64>,
    gain: Smoothed,
    loss: Smoothed,
}

impl Rsi {
    /// No value yet.
    ///
    /// # Errors
    /// A period of 0.
    pub fn new(period: usize) -> Result<Self, MarketDataError> {
        check::at_least_one("period", period)?;
        Ok(Self { before: None, gain: Smoothed::wilder(period), loss: Smoothed::wilder(period) })
    }

    /// Take a value in and return the index; `None` before `period` changes.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("value", value)?;
        Ok(self.take(value))
    }

    fn take(&mut self, value: f64) -> Option<f64> {
        if let Some(before) = self.before.replace(value) {
            let change = value - before;
            self.gain.take(change.max(0.0));
            self.loss.take((-change).max(0.0));
        }
        self.value()
    }

    /// The index; `None` before `period` changes.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let (gain, loss) = (self.gain.value()?, self.loss.value()?);
        let both = gain + loss;
        Some(if both > 0.0 { 100.0 * gain / both } else { 50.0 })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    fn column(values: &[f64], period: usize) -> Vec<f64> {
        let mut out = vec![0.0; values.len()];
        rsi(values, period, &mut out).unwrap();
        out
    }

    #[test]
    fn gains_against_losses() {
        let values = column(&[1.0, 2.0, 4.0, 3.0, 5.0], 3);
        assert!(values[2].is_nan());
        assert_eq!(values[3], 75.0);
        // Gains (1 + 2 + 0) / 3 = 1 and losses 1/3, then 1 + (2 - 1) / 3 and 1/3 - 1/9.
        assert!((values[4] - 100.0 * (4.0 / 3.0) / (4.0 / 3.0 + 2.0 / 9.0)).abs() < 1e-12);
        assert_eq!(column(&[1.0, 1.0, 1.0], 2)[2], 50.0);
        assert_eq!(column(&[1.0, 2.0, 3.0], 2)[2], 100.0);
    }
}
