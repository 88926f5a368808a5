//! Realized volatility.

use super::average::sum_and_bits;
use super::check;
use super::error::MarketDataError;
use super::rolling::RollingSum;

/// Realized volatility (Andersen, Bollerslev, Diebold and Labys 2003): the root of the sum of squared logarithmic
/// returns, for the whole stretch of the prices; `None` with less than two. For a year, multiply by the root of the number
/// of such stretches in it.
///
/// # Errors
/// Prices that are not finite and above zero.
pub fn realized_volatility(prices: &[f64]) -> Result<Option<f64>, MarketDataError> {
    check::positive("prices", prices)?;
    if prices.len() < 2 {
        return Ok(None);
    }
    let (mut sum, mut changes) = (0.0, [0.0; BLOCK]);
    for rows in Blocks(prices) {
        let changes = &mut changes[..rows.len() - 1];
        for (change, (before, now)) in changes.iter_mut().zip(rows.iter().zip(&rows[1..])) {
            *change = half(*before, *now);
        }
        if changes.iter().fold(true, |all, change| all & (change.abs() < SMALL)) {
            for change in changes.iter_mut() {
                *change = series(*change) * series(*change);
            }
        } else {
            for (change, (before, now)) in changes.iter_mut().zip(rows.iter().zip(&rows[1..])) {
                *change = squared_return(*before, *now);
            }
        }
        sum += sum_and_bits(changes).0;
    }
    Ok(Some(sum.sqrt()))
}

/// Prices that are looked at together.
const BLOCK: usize = 512;
/// Below this half change five terms of the series are exact to the last bit or so.
const SMALL: f64 = 1.0 / 64.0;

/// Blocks of prices, of which each begins with the last price of the one before it.
struct Blocks<'a>(&'a [f64]);

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [f64];

    fn next(&mut self) -> Option<&'a [f64]> {
        let rows = self.0.get(..self.0.len().min(BLOCK + 1)).filter(|rows| rows.len() > 1)?;
        self.0 = &self.0[rows.len() - 1..];
        Some(rows)
    }
}

/// `(now - before) / (now + before)`, without an overflow.
fn half(before: f64, now: f64) -> f64 {
    0.5 * (now - before) / (0.5 * now + 0.5 * before)
}

/// `ln(now / before) = 2 artanh(half)`, for small ones: the change itself is exact, where the difference of two logarithms
/// has lost what they share.
fn series(half: f64) -> f64 {
    let square = half * half;
    let terms = 1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0)));
    2.0 * half * (1.0 + square * terms)
}

fn squared_return(before: f64, now: f64) -> f64 {
    let (half, ratio) = (half(before, now), now / before);
    let change = if half.abs() < SMALL {
        series(half)
    } else if ratio.is_normal() {
        ratio.ln()
    } else {
        now.ln() - before.ln()
    };
    change * change
}

/// Realized volatility as prices come: of all returns, or of the last `window` returns.
#[derive(Clone, Debug)]
pub struct RealizedVolatility {
    before: Option<f64>,
    returns: u64,
    squares: RollingSum,
}

impl RealizedVolatility {
    /// No price yet.
    ///
    /// # Errors
    /// A window of 0.
    pub fn new(window: Option<usize>) -> Result<Self, MarketDataError> {
        check::window(window)?;
        Ok(Self { before: None, returns: 0, squares: RollingSum::new(window) })
    }

    /// Take a price in and return the volatility; `None` before the second price.
    ///
    /// # Errors
    /// A price that is not finite and above zero.
    pub fn update(&mut self, price: f64) -> Result<Option<f64>, MarketDataError> {
        check::positive_value("price", price)?;
        if let Some(before) = self.before.replace(price) {
            self.squares.push(squared_return(before, price));
            self.returns += 1;
        }
        Ok(self.value())
    }

    /// The volatility; `None` before the second price.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.returns > 0).then(|| self.squares.sum().max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_logarithm() {
        for step in -60..60_i32 {
            let now = 100.0 * (f64::from(step) / 1900.0).exp();
            let (got, wanted) = (squared_return(100.0, now).sqrt(), (now / 100.0).ln().abs());
            assert!((got - wanted).abs() <= 4e-16, "{step}: {got} {wanted}");
        }
        assert!(squared_return(1e-300, 1e308).is_finite());
        assert!((realized_volatility(&[1.5e308, 1.6e308]).unwrap().unwrap() - (16.0_f64 / 15.0).ln()).abs() < 1e-15);
    }

    #[test]
    fn blocks_share_their_edges() {
        for count in [2, 511, 512, 513, 514, 1025, 1026, 2000_u32] {
            let mut prices: Vec<f64> = (0..count).map(|i| 100.0 + f64::from(i * 7919 % 13) / 10.0).collect();
            for jump in [100.0, 900.0] {
                prices[count as usize / 2] = jump;
                let squares = prices.windows(2).map(|pair| (pair[1] / pair[0]).ln().powi(2));
                let wanted = squares.sum::<f64>().sqrt();
                assert!((realized_volatility(&prices).unwrap().unwrap() - wanted).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_stream_is_its_column() {
        let prices = [100.0, 101.0, 99.5, 99.5, 103.0];
        let mut stream = RealizedVolatility::new(None).unwrap();
        assert_eq!(stream.update(prices[0]), Ok(None));
        for price in &prices[1..] {
            stream.update(*price).unwrap();
        }
        let column = realized_volatility(&prices).unwrap().unwrap();
        assert!((stream.value().unwrap() - column).abs() < 1e-15);
        assert!((realized_volatility(&[1.0, std::f64::consts::E]).unwrap().unwrap() - 1.0).abs() < 1e-15);
        assert!(realized_volatility(&[1.0, 0.0]).is_err());
    }
}
