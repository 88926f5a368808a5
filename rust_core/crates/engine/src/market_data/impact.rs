//! Kyle's lambda: how far signed volume moves the price.

use super::check;
use super::error::MarketDataError;
use super::pairs::Pairs;

/// A straight line through price changes over signed volumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceImpact {
    /// The slope: Kyle's lambda, price per unit of signed volume. NaN where the volumes don't vary.
    pub slope: f64,
    /// The change without volume; 0 where the line was drawn through the origin.
    pub intercept: f64,
    /// The part of the variance that the line explains, 0 to 1; NaN where the changes don't vary.
    pub r_squared: f64,
    /// How many pairs it was drawn from.
    pub count: f64,
}

/// Kyle's lambda (Kyle 1985, "Continuous auctions and insider trading"), estimated as usual (Hasbrouck 2007, chapter 7):
/// the slope of the least squares line of price changes on signed volumes, row by row of the same stretches of time; a
/// bought volume is positive. Without `intercept` the line goes through the origin, as in Kyle's model itself.
///
/// # Errors
/// Columns of two lengths, NaN or infinite values.
pub fn kyle_lambda(
    price_changes: &[f64],
    signed_volumes: &[f64],
    intercept: bool,
) -> Result<PriceImpact, MarketDataError> {
    check::same_length("price_changes", price_changes.len(), &[("signed_volumes", signed_volumes.len())])?;
    check::finite("price_changes", price_changes)?;
    check::finite("signed_volumes", signed_volumes)?;
    let mut pairs = Pairs::new(None);
    for pair in signed_volumes.iter().zip(price_changes) {
        pairs.push((*pair.0, *pair.1));
    }
    Ok(line(&pairs, intercept))
}

fn line(pairs: &Pairs, intercept: bool) -> PriceImpact {
    let (xx, xy, yy) = if intercept { pairs.centred() } else { pairs.raw() };
    let slope = if xx > 0.0 { xy / xx } else { f64::NAN };
    let mean = pairs.means();
    PriceImpact {
        slope,
        intercept: if intercept { mean.1 - slope * mean.0 } else { 0.0 },
        r_squared: if yy > 0.0 { (slope * xy / yy).min(1.0) } else { f64::NAN },
        count: pairs.count(),
    }
}

/// Kyle's lambda as changes come: of all of them, or of the last `window`.
#[derive(Clone, Debug)]
pub struct KyleLambda {
    pairs: Pairs,
    intercept: bool,
}

impl KyleLambda {
    /// A line through nothing yet.
    ///
    /// # Errors
    /// A window of 0.
    pub fn new(window: Option<usize>, intercept: bool) -> Result<Self, MarketDataError> {
        check::window(window)?;
        Ok(Self { pairs: Pairs::new(window), intercept })
    }

    /// Take in the price change and the signed volume of one stretch of time, and return lambda; NaN where the volumes
    /// don't vary.
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn update(&mut self, price_change: f64, signed_volume: f64) -> Result<f64, MarketDataError> {
        check::finite_value("price_change", price_change)?;
        check::finite_value("signed_volume", signed_volume)?;
        self.pairs.push((signed_volume, price_change));
        Ok(self.impact().slope)
    }

    /// The whole line.
    #[must_use]
    pub fn impact(&self) -> PriceImpact {
        line(&self.pairs, self.intercept)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        let volumes: Vec<f64> = (0..50_i32).map(|i| f64::from(i * 7 % 13 - 6)).collect();
        let changes: Vec<f64> = volumes.iter().map(|v| 0.25 + 0.5 * v).collect();
        let found = kyle_lambda(&changes, &volumes, true).unwrap();
        assert!((found.slope - 0.5).abs() < 1e-12 && (found.intercept - 0.25).abs() < 1e-12);
        assert!((found.r_squared - 1.0).abs() < 1e-12);
        let through: Vec<f64> = volumes.iter().map(|v| 0.5 * v).collect();
        let found = kyle_lambda(&through, &volumes, false).unwrap();
        assert!((found.slope - 0.5).abs() < 1e-12 && found.intercept == 0.0);
    }

    #[test]
    fn volumes_that_do_not_vary_tell_nothing() {
        assert!(kyle_lambda(&[], &[], true).unwrap().slope.is_nan());
        assert!(kyle_lambda(&[1.0, 2.0], &[3.0, 3.0], true).unwrap().slope.is_nan());
    }
}
