//! The average true range of Wilder (1978, "New concepts in technical trading systems").

use super::{MarketDataError, Smoothed, check};
use crate::market_data::error::At;

/// Wilder's average of the true range `max(high, close before) - min(low, close before)`; the first bar's is its range.
/// Into `out`, from row `period - 1` on: the mean of the first `period` true ranges.
///
/// # Errors
/// Columns of several lengths, a period of 0, NaN or infinite values, a high below its low.
pub fn atr(highs: &[f64], lows: &[f64], closes: &[f64], period: usize, out: &mut [f64]) -> Result<(), MarketDataError> {
    let mut stream = Atr::new(period)?;
    check::same_length("highs", highs.len(), &[("lows", lows.len()), ("closes", closes.len()), ("out", out.len())])?;
    check::finite("highs", highs)?;
    check::finite("lows", lows)?;
    check::finite("closes", closes)?;
    if let Some(row) = highs.iter().zip(lows).position(|(high, low)| high < low) {
        return Err(MarketDataError::HighBelowLow { at: At::row("highs", row), high: highs[row], low: lows[row] });
    }
    for (out, ((high, low), close)) in out.iter_mut().zip(highs.iter().zip(lows).zip(closes)) {
        *out = stream.take(*high, *low, *close).unwrap_or(f64::NAN);
    }
    Ok(())
}

/// ATR, bar by bar.
#[derive(Clone, Debug)]
pub struct Atr {
    before: Option<f64>,
    average: Smoothed,
}

impl Atr {
    /// No bar yet.
    ///
    /// # Errors
    /// A period of 0.
    pub fn new(period: usize) -> Result<Self, MarketDataError> {
        check::at_least_one("period", period)?;
        Ok(Self { before: None, average: Smoothed::wilder(period) })
    }

    /// Take a bar in and return the average; `None` before the `period`-th bar.
    ///
    /// # Errors
    /// Values that are not finite, a high below the low.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("high", high)?;
        check::finite_value("low", low)?;
        check::finite_value("close", close)?;
        if high < low {
            return Err(MarketDataError::HighBelowLow { at: At::argument("high"), high, low });
        }
        Ok(self.take(high, low, close))
    }

    fn take(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let before = self.before.replace(close);
        let (top, bottom) = before.map_or((high, low), |before| (high.max(before), low.min(before)));
        self.average.take(top - bottom)
    }

    /// The average; `None` before the `period`-th bar.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.average.value()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts() {
        let mut values = [0.0; 3];
        atr(&[3.0, 9.0, 9.0], &[1.0, 8.0, 8.0], &[2.0, 8.5, 8.0], 2, &mut values).unwrap();
        assert!(values[0].is_nan());
        assert_eq!(values[1], (2.0 + 7.0) / 2.0);
        assert_eq!(values[2], 4.5 + (1.0 - 4.5) / 2.0);
        assert_eq!(
            atr(&[1.0], &[2.0], &[1.0], 2, &mut values[..1]).unwrap_err().to_string(),
            "highs[0] 1 is below the low 2"
        );
    }
}
