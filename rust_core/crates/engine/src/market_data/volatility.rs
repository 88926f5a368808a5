//! Realized volatility.

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
    let squares = prices.windows(2).map(|pair| squared_return(pair[0], pair[1]));
    Ok(Some(squares.sum::<f64>().sqrt()))
}

fn squared_return(before: f64, now: f64) -> f64 {
    let change = now.ln() - before.ln();
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
