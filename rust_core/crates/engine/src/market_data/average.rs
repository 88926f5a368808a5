//! Average prices, weighted by volume and by time.

use super::check;
use super::error::{At, MarketDataError};
use super::rolling::RollingSum;

/// Running sums side by side: floats may not be reordered, so this is what lets the compiler use whole vectors.
const LANES: usize = 16;

/// What one pass over prices and volumes finds, lane by lane.
#[derive(Default)]
struct Totals {
    value: [f64; LANES],
    volume: [f64; LANES],
    /// The least volume, or 0: whether one is negative.
    least: [f64; LANES],
}

impl Totals {
    #[inline(always)]
    fn add(&mut self, lane: usize, price: f64, volume: f64) {
        self.value[lane] += price * volume;
        self.volume[lane] += volume;
        self.least[lane] = if volume < self.least[lane] { volume } else { self.least[lane] };
    }

    /// The average price, or whether a value may be bad: NaN and infinities poison the sums, so a look at the sums
    /// replaces a look at every row.
    fn finish(&self) -> (Option<f64>, bool) {
        let (value, volume): (f64, f64) = (self.value.iter().sum(), self.volume.iter().sum());
        let sound = value.is_finite() && volume.is_finite() && self.least.iter().all(|least| *least >= 0.0);
        ((volume > 0.0).then(|| value / volume), sound)
    }
}

/// Volume-weighted average price (Berkowitz, Logue and Noser 1988): the sum of price times volume over the sum of
/// volumes; `None` without volume.
///
/// # Errors
/// Columns of two lengths, NaN or infinite values, negative volumes.
pub fn vwap(prices: &[f64], volumes: &[f64]) -> Result<Option<f64>, MarketDataError> {
    check::same_length("prices", prices.len(), &[("volumes", volumes.len())])?;
    let mut totals = Totals::default();
    let (price_rows, volume_rows) = (prices.chunks_exact(LANES), volumes.chunks_exact(LANES));
    for (p, v) in price_rows.remainder().iter().zip(volume_rows.remainder()) {
        totals.add(0, *p, *v);
    }
    for (p, v) in price_rows.zip(volume_rows) {
        for lane in 0..LANES {
            totals.add(lane, p[lane], v[lane]);
        }
    }
    let (average, sound) = totals.finish();
    if !sound {
        check::finite("prices", prices)?;
        check::volumes("volumes", volumes)?;
    }
    Ok(average)
}

/// The same of (price, volume) pairs, one after the other in `ticks`; a last value without partner is left out.
///
/// # Errors
/// NaN or infinite values, negative volumes.
pub fn vwap_of_pairs(ticks: &[f64]) -> Result<Option<f64>, MarketDataError> {
    let mut totals = Totals::default();
    let blocks = ticks.chunks_exact(2 * LANES);
    for pair in blocks.remainder().chunks_exact(2) {
        totals.add(0, pair[0], pair[1]);
    }
    for block in blocks {
        for lane in 0..LANES {
            totals.add(lane, block[2 * lane], block[2 * lane + 1]);
        }
    }
    let (average, sound) = totals.finish();
    if !sound {
        for (row, pair) in ticks.chunks_exact(2).enumerate() {
            check::finite_at(At::row("ticks", row), pair[0])?;
            check::volume_at(At::row("ticks", row), pair[1])?;
        }
    }
    Ok(average)
}

/// VWAP as trades come: of all of them, or of the last `window`.
#[derive(Clone, Debug)]
pub struct Vwap {
    value: RollingSum,
    volume: RollingSum,
}

impl Vwap {
    /// An average of nothing yet.
    ///
    /// # Errors
    /// A window of 0.
    pub fn new(window: Option<usize>) -> Result<Self, MarketDataError> {
        check::window(window)?;
        Ok(Self { value: RollingSum::new(window), volume: RollingSum::new(window) })
    }

    /// Take a trade in and return the average; `None` without volume.
    ///
    /// # Errors
    /// A price that is not finite, a volume that is not finite or is negative.
    pub fn update(&mut self, price: f64, volume: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("price", price)?;
        check::volume("volume", volume)?;
        self.value.push(price * volume);
        self.volume.push(volume);
        Ok(self.value())
    }

    /// The average; `None` without volume.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let volume = self.volume.sum();
        (volume > 0.0).then(|| self.value.sum() / volume)
    }
}

/// Time-weighted average price: each price counts for as long as it stood, the last one until `end` (its own time, if
/// not given); `None` without a span of time.
///
/// # Errors
/// Columns of two lengths, NaN or infinite prices, times that go back.
pub fn twap(times: &[i64], prices: &[f64], end: Option<i64>) -> Result<Option<f64>, MarketDataError> {
    check::same_length("times", times.len(), &[("prices", prices.len())])?;
    check::times("times", times, None)?;
    check::finite("prices", prices)?;
    let mut average = Twap::default();
    for (time, price) in times.iter().zip(prices) {
        average.take(*time, *price);
    }
    match end {
        Some(end) => average.value_at(end),
        None => Ok(average.value()),
    }
}

/// TWAP as prices come.
#[derive(Clone, Debug, Default)]
pub struct Twap {
    last: Option<(i64, f64)>,
    weighted: f64,
    span: f64,
}

/// Distance of two times in their order: any two fit a `u64`.
#[allow(clippy::cast_precision_loss)]
const fn between(before: i64, now: i64) -> f64 {
    now.abs_diff(before) as f64
}

impl Twap {
    /// Take in the price that stands from `time` on and return the average until then; `None` without a span of time.
    ///
    /// # Errors
    /// A price that is not finite, a time before the last one.
    pub fn update(&mut self, time: i64, price: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("price", price)?;
        self.not_before("time", time)?;
        self.take(time, price);
        Ok(self.value())
    }

    fn take(&mut self, time: i64, price: f64) {
        if let Some((before, standing)) = self.last {
            let span = between(before, time);
            self.weighted += standing * span;
            self.span += span;
        }
        self.last = Some((time, price));
    }

    fn not_before(&self, field: &'static str, time: i64) -> Result<(), MarketDataError> {
        match self.last {
            Some((before, _)) if time < before => {
                Err(MarketDataError::TimeGoesBack { at: At::argument(field), time, before })
            }
            _ => Ok(()),
        }
    }

    /// The average until the last price came; `None` without a span of time.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.span > 0.0).then(|| self.weighted / self.span)
    }

    /// The average until `end`, with the last price standing until then.
    ///
    /// # Errors
    /// An end before the last price.
    pub fn value_at(&self, end: i64) -> Result<Option<f64>, MarketDataError> {
        self.not_before("end", end)?;
        let mut until = self.clone();
        if let Some((_, price)) = self.last {
            until.take(end, price);
        }
        Ok(until.value())
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn vwap_is_the_weighted_mean_at_every_length() {
        for n in 0..70_u32 {
            let prices: Vec<f64> = (0..n).map(|i| 100.0 + f64::from(i)).collect();
            let volumes: Vec<f64> = (0..n).map(|i| f64::from(i % 3)).collect();
            let pairs: Vec<f64> = prices.iter().zip(&volumes).flat_map(|(p, v)| [*p, *v]).collect();
            let total: f64 = volumes.iter().sum();
            let wanted = prices.iter().zip(&volumes).map(|(p, v)| p * v).sum::<f64>() / total;
            let mut stream = Vwap::new(None).unwrap();
            for (price, volume) in prices.iter().zip(&volumes) {
                stream.update(*price, *volume).unwrap();
            }
            for got in [vwap(&prices, &volumes).unwrap(), vwap_of_pairs(&pairs).unwrap(), stream.value()] {
                match got {
                    Some(got) => assert!((got - wanted).abs() < 1e-9, "{n}: {got} {wanted}"),
                    None => assert_eq!(total, 0.0),
                }
            }
        }
    }

    #[test]
    fn bad_rows_are_named() {
        let (mut prices, mut volumes) = (vec![1.0; 50], vec![1.0; 50]);
        volumes[33] = -1.0;
        assert_eq!(vwap(&prices, &volumes).unwrap_err().to_string(), "volumes[33] -1 must not be negative");
        prices[7] = f64::INFINITY;
        assert_eq!(vwap(&prices, &volumes).unwrap_err().to_string(), "prices[7] inf is not a finite number");
    }

    #[test]
    fn twap_weighs_by_time() {
        assert_eq!(twap(&[0, 1, 4], &[10.0, 20.0, 99.0], None).unwrap(), Some(17.5));
        assert_eq!(twap(&[0, 1, 4], &[10.0, 20.0, 40.0], Some(8)).unwrap(), Some(28.75));
        assert_eq!(twap(&[5], &[10.0], None).unwrap(), None);
        assert_eq!(twap(&[i64::MIN, i64::MAX], &[10.0, 0.0], None).unwrap(), Some(10.0));
        assert!(twap(&[0, 4], &[1.0, 1.0], Some(3)).is_err());
    }
}
