//! Bollinger bands (Bollinger 2002, "Bollinger on Bollinger bands").

use super::{Lines, MarketDataError, check};
use crate::market_data::pairs::Pairs;

/// One value of each band; NaN before there are enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// The mean plus the width.
    pub upper: f64,
    /// The mean.
    pub middle: f64,
    /// The mean less the width.
    pub lower: f64,
}

/// Upper, middle and lower band: the mean of the last `period` values, and `width` standard deviations (of the population:
/// n in the denominator) away from it.
///
/// # Errors
/// A period of 0, a width that is not above zero, NaN or infinite values.
pub fn bollinger(values: &[f64], period: usize, width: f64) -> Result<Lines, MarketDataError> {
    let mut stream = Bollinger::new(period, width)?;
    check::finite("values", values)?;
    let room = || Vec::with_capacity(values.len());
    let mut bands = (room(), room(), room());
    for value in values {
        let now = stream.take(*value);
        bands.0.push(now.upper);
        bands.1.push(now.middle);
        bands.2.push(now.lower);
    }
    Ok(bands)
}

/// Bollinger bands, value by value.
#[derive(Clone, Debug)]
pub struct Bollinger {
    width: f64,
    values: Pairs,
}

impl Bollinger {
    /// No value yet.
    ///
    /// # Errors
    /// A period of 0, or a width that is not above zero.
    pub fn new(period: usize, width: f64) -> Result<Self, MarketDataError> {
        check::at_least_one("period", period)?;
        check::positive_value("width", width)?;
        Ok(Self { width, values: Pairs::new(Some(period)) })
    }

    /// Take a value in and return the bands, NaN before the `period`-th value.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn update(&mut self, value: f64) -> Result<Band, MarketDataError> {
        check::finite_value("value", value)?;
        Ok(self.take(value))
    }

    fn take(&mut self, value: f64) -> Band {
        self.values.push((value, 0.0));
        self.value()
    }

    /// The bands, NaN before the `period`-th value.
    #[must_use]
    pub fn value(&self) -> Band {
        if !self.values.is_full() {
            return Band { upper: f64::NAN, middle: f64::NAN, lower: f64::NAN };
        }
        let middle = self.values.means().0;
        let width = self.width * (self.values.centred().0 / self.values.count()).sqrt();
        Band { upper: middle + width, middle, lower: middle - width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_lie_two_deviations_away() {
        let (upper, middle, lower) = bollinger(&[1.0, 3.0, 5.0, 7.0], 2, 2.0).unwrap();
        assert_eq!((upper[3], middle[3], lower[3]), (8.0, 6.0, 4.0));
        assert!(upper[0].is_nan());
        assert!(bollinger(&[1.0], 1, 0.0).is_err());
    }
}
