//! Moving average convergence and divergence (Appel 2005, "Technical analysis").

use super::{Ema, Lines, MarketDataError, check, lines};

/// One value of each line; NaN where a line has not begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdValue {
    /// The fast average less the slow one.
    pub macd: f64,
    /// The average of `macd`.
    pub signal: f64,
    /// `macd` less `signal`.
    pub histogram: f64,
}

/// The three lines, into `out`: `macd` begins in row `slow - 1`, the others in row `slow + signal - 2`. Each average begins
/// with the mean of its own first values.
///
/// # Errors
/// A period of 0, a fast period that is not below the slow one, NaN or infinite values, an `out` of another length.
pub fn macd(values: &[f64], fast: usize, slow: usize, signal: usize, out: Lines<'_>) -> Result<(), MarketDataError> {
    let mut stream = Macd::new(fast, slow, signal)?;
    lines(values, out, |value| {
        let now = stream.take(value);
        [now.macd, now.signal, now.histogram]
    })
}

/// MACD, value by value.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// No value yet.
    ///
    /// # Errors
    /// A period of 0, or a fast period that is not below the slow one.
    #[allow(clippy::cast_precision_loss)]
    pub fn new(fast: usize, slow: usize, signal: usize) -> Result<Self, MarketDataError> {
        check::at_least_one("fast", fast)?;
        check::at_least_one("signal", signal)?;
        if slow <= fast {
            return Err(MarketDataError::OutOfRange {
                field: "slow",
                value: slow as f64,
                expected: "longer than the fast period",
            });
        }
        Ok(Self { fast: Ema::new(fast)?, slow: Ema::new(slow)?, signal: Ema::new(signal)? })
    }

    /// Take a value in and return the three lines, NaN where one has not begun.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<MacdValue, MarketDataError> {
        check::finite_value("value", value)?;
        Ok(self.take(value))
    }

    fn take(&mut self, value: f64) -> MacdValue {
        let (fast, slow) = (self.fast.take(value), self.slow.take(value));
        if let (Some(fast), Some(slow)) = (fast, slow) {
            self.signal.take(fast - slow);
        }
        self.value()
    }

    /// The three lines, NaN where one has not begun.
    #[must_use]
    pub fn value(&self) -> MacdValue {
        let line = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let macd = line(self.fast.value()) - line(self.slow.value());
        let signal = line(self.signal.value());
        MacdValue { macd, signal, histogram: macd - signal }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_where_they_should() {
        let values: Vec<f64> = (0..12_u32).map(f64::from).collect();
        let [mut line, mut signal, mut histogram] = [[0.0; 12]; 3];
        macd(&values, 2, 4, 3, [&mut line, &mut signal, &mut histogram]).unwrap();
        assert!(line[2].is_nan() && signal[4].is_nan());
        // On a straight line an average lags by half its period: 0.5 and 1.5.
        assert_eq!((line[3], signal[5], histogram[5]), (1.0, 1.0, 0.0));
        assert!(macd(&values, 4, 4, 3, [&mut line, &mut signal, &mut histogram]).is_err());
        assert!(macd(&values, 2, 4, 3, [&mut line, &mut signal[1..], &mut histogram]).is_err());
    }
}
