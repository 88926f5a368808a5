//! VPIN, the volume-synchronized probability of informed trading (Easley, López de Prado and O'Hara 2012, "Flow toxicity
//! and liquidity in a high-frequency world"): over the last n buckets of equal volume V, the sum of |bought - sold|
//! divided by n V. A trade that overflows a bucket goes on in the next one.

use super::check;
use super::error::MarketDataError;
use super::rolling::RollingSum;

/// The longest window, in buckets.
const MOST_BUCKETS: usize = 1_000_000;

/// Buckets of equal volume, and the imbalances of the last complete ones.
#[derive(Clone, Debug)]
struct Buckets {
    size: f64,
    window: usize,
    filled: f64,
    /// Bought minus sold in the bucket that is being filled.
    net: f64,
    imbalances: RollingSum,
}

impl Buckets {
    #[allow(clippy::cast_precision_loss)]
    fn new(bucket_volume: f64, buckets: usize) -> Result<Self, MarketDataError> {
        check::positive_value("bucket_volume", bucket_volume)?;
        if !(1..=MOST_BUCKETS).contains(&buckets) {
            return Err(MarketDataError::OutOfRange {
                field: "buckets",
                value: buckets as f64,
                expected: "1 to 1000000",
            });
        }
        Ok(Self {
            size: bucket_volume,
            window: buckets,
            filled: 0.0,
            net: 0.0,
            imbalances: RollingSum::new(Some(buckets)),
        })
    }

    /// Fill in a volume, of which `lean` (from -1, all sold, to 1, all bought) is the surplus of buying.
    fn add(&mut self, volume: f64, lean: f64) {
        let room = self.size - self.filled;
        if volume < room {
            self.filled += volume;
            self.net += volume * lean;
            return;
        }
        self.imbalances.push((self.net + room * lean).abs());
        let beyond = volume - room;
        let rest = beyond % self.size;
        // Buckets that this trade fills alone are all alike, and no more than a window of them can matter.
        let whole = ((beyond - rest) / self.size).round();
        for _ in 0..whole.min(self.window as f64) as usize {
            self.imbalances.push(self.size * lean.abs());
        }
        self.filled = rest;
        self.net = rest * lean;
    }

    fn value(&self) -> Option<f64> {
        // Rounding may carry a sum of full imbalances a hair beyond its bounds.
        let most = self.window as f64 * self.size;
        self.imbalances.is_full().then(|| (self.imbalances.sum() / most).clamp(0.0, 1.0))
    }
}

/// VPIN with known sides, after every trade, into `out`: NaN until `buckets` buckets are complete. Volume of an
/// unknown side (0) fills buckets without leaning either way.
///
/// # Errors
/// Columns of two lengths, bad volumes or sides, a bucket volume that is not above zero, `buckets` not 1 to 1000000.
pub fn vpin(
    volumes: &[f64],
    sides: &[i64],
    bucket_volume: f64,
    buckets: usize,
    out: &mut [f64],
) -> Result<(), MarketDataError> {
    check::same_length("volumes", volumes.len(), &[("sides", sides.len()), ("out", out.len())])?;
    check::volumes("volumes", volumes)?;
    check::sides("sides", sides)?;
    let mut stream = Vpin::new(bucket_volume, buckets)?;
    for (value, (volume, side)) in out.iter_mut().zip(volumes.iter().zip(sides)) {
        *value = stream.take(*volume, *side).unwrap_or(f64::NAN);
    }
    Ok(())
}

/// VPIN with known sides, as trades come.
#[derive(Clone, Debug)]
pub struct Vpin(Buckets);

impl Vpin {
    /// No trade yet.
    ///
    /// # Errors
    /// A bucket volume that is not above zero, `buckets` not 1 to 1000000.
    pub fn new(bucket_volume: f64, buckets: usize) -> Result<Self, MarketDataError> {
        Ok(Self(Buckets::new(bucket_volume, buckets)?))
    }

    /// Take a trade in and return VPIN; `None` until so many buckets are complete.
    ///
    /// # Errors
    /// A bad volume or side.
    pub fn update(&mut self, volume: f64, side: i64) -> Result<Option<f64>, MarketDataError> {
        check::volume("volume", volume)?;
        check::side("side", side)?;
        Ok(self.take(volume, side))
    }

    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, volume: f64, side: i64) -> Option<f64> {
        self.0.add(volume, side as f64);
        self.0.value()
    }

    /// VPIN; `None` until so many buckets are complete.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.0.value()
    }
}

/// VPIN by bulk classification, after every bar: of a bar's volume the part Z(change / sigma) was bought, where change is
/// its price's change from the bar before it, sigma the standard deviation of these changes and Z the normal distribution.
/// The first bar has no change and only sets the price. Without `sigma` it is the sample's own (n - 1 in the denominator).
/// Into `out`, NaN until `buckets` buckets are complete.
///
/// # Errors
/// Columns of two lengths, bad prices or volumes, a bucket volume or sigma that is not above zero, `buckets` not 1 to
/// 1000000.
pub fn bulk_vpin(
    prices: &[f64],
    volumes: &[f64],
    bucket_volume: f64,
    buckets: usize,
    sigma: Option<f64>,
    out: &mut [f64],
) -> Result<(), MarketDataError> {
    check::same_length("prices", prices.len(), &[("volumes", volumes.len()), ("out", out.len())])?;
    check::finite("prices", prices)?;
    check::volumes("volumes", volumes)?;
    // Where no price ever changes every sigma gives one half, and so does 1.
    let sigma = sigma.or_else(|| deviation(prices)).unwrap_or(1.0);
    let mut stream = BulkVpin::new(bucket_volume, buckets, sigma)?;
    for (value, (price, volume)) in out.iter_mut().zip(prices.iter().zip(volumes)) {
        *value = stream.take(*price, *volume).unwrap_or(f64::NAN);
    }
    Ok(())
}

/// The sample standard deviation of changes from one price to the next, if it is above zero.
#[allow(clippy::cast_precision_loss)]
fn deviation(prices: &[f64]) -> Option<f64> {
    let changes = || prices.windows(2).map(|pair| pair[1] - pair[0]);
    let count = prices.len().saturating_sub(1) as f64;
    let mean = changes().sum::<f64>() / count;
    let squares: f64 = changes().map(|change| (change - mean) * (change - mean)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    (count > 1.0 && deviation > 0.0 && deviation.is_finite()).then_some(deviation)
}

/// VPIN by bulk classification, as bars come; sigma is given, for a stream does not know its own.
#[derive(Clone, Debug)]
pub struct BulkVpin {
    buckets: Buckets,
    sigma: f64,
    before: Option<f64>,
}

impl BulkVpin {
    /// No bar yet.
    ///
    /// # Errors
    /// A bucket volume or sigma that is not above zero, `buckets` not 1 to 1000000.
    pub fn new(bucket_volume: f64, buckets: usize, sigma: f64) -> Result<Self, MarketDataError> {
        check::positive_value("sigma", sigma)?;
        Ok(Self { buckets: Buckets::new(bucket_volume, buckets)?, sigma, before: None })
    }

    /// Take in a bar's last price and its volume, and return VPIN; `None` until so many buckets are complete.
    ///
    /// # Errors
    /// A bad price or volume.
    pub fn update(&mut self, price: f64, volume: f64) -> Result<Option<f64>, MarketDataError> {
        check::finite_value("price", price)?;
        check::volume("volume", volume)?;
        Ok(self.take(price, volume))
    }

    fn take(&mut self, price: f64, volume: f64) -> Option<f64> {
        if let Some(before) = self.before.replace(price) {
            // 2 Z(z) - 1, the surplus of buying, is erf(z / sqrt 2).
            let lean = libm::erf((price - before) / self.sigma * std::f64::consts::FRAC_1_SQRT_2);
            self.buckets.add(volume, lean);
        }
        self.buckets.value()
    }

    /// VPIN; `None` until so many buckets are complete.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.buckets.value()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_filled_exactly() {
        // Buckets of 10: [6 bought, 4 sold], [8 sold, 2 bought], then 3 of the next.
        let mut values = [0.0; 3];
        vpin(&[6.0, 12.0, 5.0], &[1, -1, 1], 10.0, 2, &mut values).unwrap();
        assert!(values[0].is_nan() && values[1].is_nan());
        assert_eq!(values[2], (2.0 + 6.0) / 20.0);
    }

    #[test]
    fn a_huge_trade_costs_no_more_than_a_window() {
        let mut stream = Vpin::new(1e-9, 3).unwrap();
        assert_eq!(stream.update(1e300, 1), Ok(Some(1.0)));
        assert_eq!(stream.update(1e300, 0), Ok(Some(0.0)));
    }

    #[test]
    fn one_deviation_up_is_the_normal_share() {
        let mut stream = BulkVpin::new(10.0, 1, 0.5).unwrap();
        assert_eq!(stream.update(100.0, 50.0), Ok(None));
        let value = stream.update(100.5, 10.0).unwrap().unwrap();
        assert!((value - 0.682_689_492_137_086).abs() < 1e-12);
    }
}
