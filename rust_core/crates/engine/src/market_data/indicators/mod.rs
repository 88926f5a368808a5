//! Technical indicators: a column in, a column of the same length written, NaN until there is enough; or value by value.
//!
//! Columns run the streaming form from its start, so both agree to the last bit.

mod atr;
mod bollinger;
mod macd;
mod moving;
mod rsi;

pub use atr::{Atr, atr};
pub use bollinger::{Band, Bollinger, bollinger};
pub use macd::{Macd, MacdValue, macd};
pub use moving::{Ema, Sma, ema, sma};
pub use rsi::{Rsi, rsi};

use super::check;
use super::error::MarketDataError;

/// Three columns to write to, as long as the column they are made of.
pub type Lines<'a> = [&'a mut [f64]; 3];

/// Run `take` over checked values, into `out`; NaN where it has nothing to say yet.
fn column(values: &[f64], out: &mut [f64], mut take: impl FnMut(f64) -> Option<f64>) -> Result<(), MarketDataError> {
    check::finite("values", values)?;
    check::same_length("values", values.len(), &[("out", out.len())])?;
    for (out, value) in out.iter_mut().zip(values) {
        *out = take(*value).unwrap_or(f64::NAN);
    }
    Ok(())
}

/// The same with three results for each value.
fn lines(values: &[f64], out: Lines<'_>, mut take: impl FnMut(f64) -> [f64; 3]) -> Result<(), MarketDataError> {
    check::finite("values", values)?;
    let [first, second, third] = out;
    let lengths = [("out", first.len()), ("out", second.len()), ("out", third.len())];
    check::same_length("values", values.len(), &lengths)?;
    for (((first, second), third), value) in first.iter_mut().zip(second).zip(third).zip(values) {
        [*first, *second, *third] = take(*value);
    }
    Ok(())
}

/// The mean of the first `period` values, then Wilder's or an exponential average that starts from it.
#[derive(Clone, Debug)]
struct Smoothed {
    period: usize,
    weight: f64,
    seen: usize,
    value: f64,
}

impl Smoothed {
    /// Each value after the first `period` moves the average by `weight` of its distance.
    const fn new(period: usize, weight: f64) -> Self {
        Self { period, weight, seen: 0, value: 0.0 }
    }

    /// Wilder's: `average + (value - average) / period`.
    #[allow(clippy::cast_precision_loss)]
    fn wilder(period: usize) -> Self {
        Self::new(period, 1.0 / period as f64)
    }

    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, value: f64) -> Option<f64> {
        if self.seen < self.period {
            self.seen += 1;
            // A running mean: no sum that could grow beyond what a float holds exactly.
            self.value += (value - self.value) / self.seen as f64;
        } else {
            self.value += self.weight * (value - self.value);
        }
        self.value()
    }

    fn value(&self) -> Option<f64> {
        (self.seen >= self.period).then_some(self.value)
    }
}
