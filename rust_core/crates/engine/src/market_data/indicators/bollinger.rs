//! Bollinger bands (Bollinger 2002, "Bollinger on Bollinger bands").

use super::{Lines, MarketDataError, check, lines};
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

/// Upper, middle and lower band, into `out`: the mean of the last `period` values, and `width` standard deviations (of the
/// population: n in the denominator) away from it.
///
/// # Errors
/// A period of 0, a width that is not above zero, NaN or infinite values, an `out` of another length.
pub fn bollinger(values: &[f64], period: usize, width: f64, out: Lines<'_>) -> Result<(), MarketDataError> {
    let mut stream = Bollinger::new(period, width)?;
    lines(values, out, |value| {
        let now = stream.take(value);
        [now.upper, now.middle, now.lower]
    })
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
        let [mut upper, mut middle, mut lower] = [[0.0; 4]; 3];
        bollinger(&[1.0, 3.0, 5.0, 7.0], 2, 2.0, [&mut upper, &mut middle, &mut lower]).unwrap();
        assert_eq!((upper[3], middle[3], lower[3]), (8.0, 6.0, 4.0));
        assert!(upper[0].is_nan());
        assert!(Bollinger::new(1, 0.0).is_err());
    }
}
