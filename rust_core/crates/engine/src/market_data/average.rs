//! Average prices, weighted by volume and by time.

use super::check;
use super::error::{At, MarketDataError};
use super::rolling::RollingSum;

/// Running sums side by side: floats may not be reordered, so this is what lets the compiler use whole vectors.
const LANES: usize = 8;
/// Rows that are read twice while they are near: one loop for both sums would be made of halves of vectors.
const BLOCK: usize = 1024;

/// The same for pairs: a vector of theirs holds half as many.
const PAIR_LANES: usize = 4;

/// What is found in prices and volumes.
#[derive(Default)]
struct Totals {
    value: f64,
    volume: f64,
    /// The bits of all volumes: the highest is set if one is negative.
    bits: u64,
}

impl Totals {
    fn add(&mut self, prices: &[f64], volumes: &[f64]) {
        self.value += dot(prices, volumes);
        let (volume, bits) = sum_and_bits(volumes);
        self.volume += volume;
        self.bits |= bits;
    }

    fn average(&self) -> Option<f64> {
        (self.volume > 0.0).then(|| self.value / self.volume)
    }

    /// Whether every row was good: NaN and infinities poison the sums, so a look at the sums replaces a look at the rows.
    const fn is_sound(&self) -> bool {
        self.value.is_finite() && self.volume.is_finite() && self.bits >> 63 == 0
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// The sum of values, and all bits that are set in one of them.
pub(super) fn sum_and_bits(values: &[f64]) -> (f64, u64) {
    let (mut sums, mut bits) = ([0.0; LANES], [0; LANES]);
    let values = values.chunks_exact(LANES);
    let rest = values.remainder().iter().fold((0.0, 0), |(sum, bits), value| (sum + value, bits | value.to_bits()));
    for values in values {
        for lane in 0..LANES {
            sums[lane] += values[lane];
        }
        for lane in 0..LANES {
            bits[lane] |= values[lane].to_bits();
        }
    }
    (sums.iter().sum::<f64>() + rest.0, bits.iter().fold(rest.1, |all, bits| all | bits))
}

/// Volume-weighted average price (Berkowitz, Logue and Noser 1988): the sum of price times volume over the sum of
/// volumes; `None` without volume.
///
/// # Errors
/// Columns of two lengths, NaN or infinite values, negative volumes.
pub fn vwap(prices: &[f64], volumes: &[f64]) -> Result<Option<f64>, MarketDataError> {
    check::same_length("prices", prices.len(), &[("volumes", volumes.len())])?;
    let mut totals = Totals::default();
    for (prices, volumes) in prices.chunks(BLOCK).zip(volumes.chunks(BLOCK)) {
        totals.add(prices, volumes);
    }
    if !totals.is_sound() {
        check::finite("prices", prices)?;
        check::volumes("volumes", volumes)?;
    }
    Ok(totals.average())
}

/// The same of (price, volume) pairs, one after the other in `ticks`; a last value without partner is left out.
///
/// # Errors
/// NaN or infinite values, negative volumes.
pub fn vwap_of_pairs(ticks: &[f64]) -> Result<Option<f64>, MarketDataError> {
    let mut totals = Totals::default();
    let (mut value, mut volume, mut bits) = ([0.0; PAIR_LANES], [0.0; PAIR_LANES], [0; PAIR_LANES]);
    let blocks = ticks.chunks_exact(2 * PAIR_LANES);
    for pair in blocks.remainder().chunks_exact(2) {
        totals.add(&pair[..1], &pair[1..]);
    }
    for pairs in blocks {
        for lane in 0..PAIR_LANES {
            let (p, v) = (pairs[2 * lane], pairs[2 * lane + 1]);
            value[lane] += p * v;
            volume[lane] += v;
            bits[lane] |= v.to_bits();
        }
    }
    totals.value += value.iter().sum::<f64>();
    totals.volume += volume.iter().sum::<f64>();
    totals.bits |= bits.iter().fold(0, |all, bits| all | bits);
    if !totals.is_sound() {
        for (row, pair) in ticks.chunks_exact(2).enumerate() {
            check::finite_at(At::row("ticks", row), pair[0])?;
            check::volume_at(At::row("ticks", row), pair[1])?;
        }
    }
    Ok(totals.average())
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
        for n in (0..70_u32).chain([1023, 1024, 1025, 3000]) {
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
                    Some(got) => assert!((got - wanted).abs() < 1e-9 * wanted, "{n}: {got} {wanted}"),
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
