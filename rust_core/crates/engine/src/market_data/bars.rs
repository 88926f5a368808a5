//! Bars: by time, by number of trades, by volume, by notional, and by imbalance (López de Prado 2018, "Advances in
//! financial machine learning", chapter 2).

use bytemuck::{Pod, Zeroable};

use super::check;
use super::error::{At, MarketDataError};

/// What happened in one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Bar {
    /// Start of the interval for bars by time; else the first trade's time.
    pub time: i64,
    /// The last trade's time.
    pub last_time: i64,
    /// The first price.
    pub open: f64,
    /// The highest price.
    pub high: f64,
    /// The lowest price.
    pub low: f64,
    /// The last price.
    pub close: f64,
    /// The sum of volumes.
    pub volume: f64,
    /// The sum of price times volume: divided by the volume, the bar's VWAP.
    pub notional: f64,
    /// The volume that takers bought.
    pub buy_volume: f64,
    /// The volume that takers sold.
    pub sell_volume: f64,
    /// The number of trades.
    pub trades: u64,
}

/// What a trade counts in an imbalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// One.
    Ticks,
    /// Its volume.
    Volume,
    /// Its price times volume.
    Notional,
}

impl Measure {
    fn of(self, price: f64, volume: f64) -> f64 {
        match self {
            Self::Ticks => 1.0,
            Self::Volume => volume,
            Self::Notional => price.abs() * volume,
        }
    }
}

/// When a bar ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// At multiples of so many units of time. An interval without a trade has no bar.
    Time(i64),
    /// With the trade that brings the measure's sum to so much. Trades are never split: the next bar starts at 0.
    Total(Measure, f64),
    /// With the trade that brings the absolute sum of the side times the measure to `expected_ticks` times
    /// `expected_imbalance`. After each bar both expectations move towards its number of trades and its absolute imbalance
    /// per trade, by the part `adapt` (0: never) of the distance.
    Imbalance {
        /// What is counted.
        measure: Measure,
        /// Expected number of trades in a bar, to start with.
        expected_ticks: f64,
        /// Expected imbalance per trade, to start with.
        expected_imbalance: f64,
        /// How far the expectations follow each bar, 0 to 1.
        adapt: f64,
    },
}

impl Rule {
    fn checked(self) -> Result<Self, MarketDataError> {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Time(interval) if interval < 1 => {
                return Err(MarketDataError::OutOfRange {
                    field: "interval",
                    value: interval as f64,
                    expected: "at least 1",
                });
            }
            Self::Time(_) => {}
            Self::Total(_, size) => check::positive_value("size", size)?,
            Self::Imbalance { expected_ticks, expected_imbalance, adapt, .. } => {
                check::positive_value("expected_ticks", expected_ticks)?;
                check::positive_value("expected_imbalance", expected_imbalance)?;
                if !(0.0..=1.0).contains(&adapt) {
                    return Err(MarketDataError::OutOfRange { field: "adapt", value: adapt, expected: "0 to 1" });
                }
            }
        }
        Ok(self)
    }
}

/// Makes bars of trades, one trade or many at a time.
#[derive(Clone, Debug)]
pub struct BarBuilder {
    rule: Rule,
    bar: Bar,
    /// What the rule counts, in the bar that is being made.
    sum: f64,
    last_time: Option<i64>,
}

impl BarBuilder {
    /// No trade yet.
    ///
    /// # Errors
    /// An interval below 1, a size or expectation that is not above zero, `adapt` outside 0 to 1.
    pub fn new(rule: Rule) -> Result<Self, MarketDataError> {
        Ok(Self { rule: rule.checked()?, bar: Bar::default(), sum: 0.0, last_time: None })
    }

    /// Take a trade in, and return the bar that it completed, if it did. Bars by time are completed by the first trade
    /// after them, which is not in them; all others by their own last trade.
    ///
    /// # Errors
    /// A time before the last one, a price that is not finite, a bad volume or side.
    pub fn update(&mut self, time: i64, price: f64, volume: f64, side: i64) -> Result<Option<Bar>, MarketDataError> {
        if let Some(before) = self.last_time.filter(|before| time < *before) {
            return Err(MarketDataError::TimeGoesBack { at: At::argument("time"), time, before });
        }
        check::finite_value("price", price)?;
        check::volume("volume", volume)?;
        check::side("side", side)?;
        Ok(self.take(time, price, volume, side))
    }

    /// Take many trades in, and return the bars that they completed. Without `sides` they are unknown, 0.
    ///
    /// # Errors
    /// Columns of several lengths, times that go back, NaN or infinite prices, bad volumes or sides; then no trade was
    /// taken in.
    pub fn extend(
        &mut self,
        times: &[i64],
        prices: &[f64],
        volumes: &[f64],
        sides: Option<&[i64]>,
    ) -> Result<Vec<Bar>, MarketDataError> {
        let others = [("prices", prices.len()), ("volumes", volumes.len())];
        check::same_length("times", times.len(), &others)?;
        check::times("times", times, self.last_time)?;
        check::finite("prices", prices)?;
        check::volumes("volumes", volumes)?;
        if let Some(sides) = sides {
            check::same_length("times", times.len(), &[("sides", sides.len())])?;
            check::sides("sides", sides)?;
        }
        let trades = times.iter().zip(prices).zip(volumes).enumerate();
        Ok(trades
            .filter_map(|(row, ((time, price), volume))| {
                self.take(*time, *price, *volume, sides.map_or(0, |sides| sides[row]))
            })
            .collect())
    }

    /// The bar that is being made; `None` if there is no trade in it.
    #[must_use]
    pub fn current(&self) -> Option<Bar> {
        (self.bar.trades > 0).then_some(self.bar)
    }

    #[allow(clippy::cast_precision_loss)]
    fn take(&mut self, time: i64, price: f64, volume: f64, side: i64) -> Option<Bar> {
        self.last_time = Some(time);
        match self.rule {
            Rule::Time(interval) => {
                let start = time.saturating_sub(time.rem_euclid(interval));
                let done = self.current().filter(|bar| bar.time != start);
                if done.is_some() {
                    self.bar = Bar::default();
                }
                self.add(start, time, price, volume, side);
                done
            }
            Rule::Total(measure, size) => {
                self.add(time, time, price, volume, side);
                self.sum += measure.of(price, volume);
                (self.sum >= size).then(|| self.close())
            }
            Rule::Imbalance { measure, ref mut expected_ticks, ref mut expected_imbalance, adapt } => {
                let sum = self.sum + side as f64 * measure.of(price, volume);
                let full = sum.abs() >= *expected_ticks * *expected_imbalance;
                if full {
                    let trades = (self.bar.trades + 1) as f64;
                    *expected_ticks += adapt * (trades - *expected_ticks);
                    *expected_imbalance += adapt * (sum.abs() / trades - *expected_imbalance);
                }
                self.add(time, time, price, volume, side);
                self.sum = sum;
                full.then(|| self.close())
            }
        }
    }

    fn add(&mut self, start: i64, time: i64, price: f64, volume: f64, side: i64) {
        let bar = &mut self.bar;
        if bar.trades == 0 {
            *bar = Bar { time: start, open: price, high: price, low: price, ..Bar::default() };
        }
        bar.last_time = time;
        bar.high = bar.high.max(price);
        bar.low = bar.low.min(price);
        bar.close = price;
        bar.volume += volume;
        bar.notional += price * volume;
        match side {
            1 => bar.buy_volume += volume,
            -1 => bar.sell_volume += volume,
            _ => {}
        }
        bar.trades += 1;
    }

    fn close(&mut self) -> Bar {
        self.sum = 0.0;
        std::mem::take(&mut self.bar)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    const TIMES: [i64; 6] = [-1, 0, 9, 10, 31, 32];
    const PRICES: [f64; 6] = [10.0, 12.0, 11.0, 9.0, 8.0, 13.0];
    const VOLUMES: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const SIDES: [i64; 6] = [1, -1, -1, 1, 0, 1];

    fn bars(rule: Rule) -> (Vec<Bar>, Option<Bar>) {
        let mut builder = BarBuilder::new(rule).unwrap();
        let bars = builder.extend(&TIMES, &PRICES, &VOLUMES, Some(&SIDES)).unwrap();
        (bars, builder.current())
    }

    #[test]
    fn by_time() {
        let (done, current) = bars(Rule::Time(10));
        assert_eq!(done.iter().map(|bar| bar.time).collect::<Vec<_>>(), [-10, 0, 10]);
        assert_eq!((done[1].open, done[1].high, done[1].low, done[1].close), (12.0, 12.0, 11.0, 11.0));
        assert_eq!((done[1].volume, done[1].notional, done[1].sell_volume, done[1].trades), (5.0, 57.0, 5.0, 2));
        assert_eq!(current.map(|bar| (bar.time, bar.last_time, bar.trades)), Some((30, 32, 2)));
        let mut builder = BarBuilder::new(Rule::Time(i64::MAX)).unwrap();
        assert_eq!(builder.update(i64::MIN, 1.0, 1.0, 0), Ok(None));
        assert!(builder.update(i64::MAX, 1.0, 1.0, 0).unwrap().is_some());
    }

    #[test]
    fn by_ticks_volume_and_notional() {
        let counts = |rule| bars(rule).0.iter().map(|bar| bar.trades).collect::<Vec<_>>();
        assert_eq!(counts(Rule::Total(Measure::Ticks, 4.0)), [4]);
        assert_eq!(counts(Rule::Total(Measure::Volume, 5.0)), [3, 2, 1]);
        assert_eq!(counts(Rule::Total(Measure::Notional, 36.0)), [3, 1, 1, 1]);
    }

    #[test]
    fn by_imbalance() {
        let rule =
            |adapt| Rule::Imbalance { measure: Measure::Volume, expected_ticks: 2.0, expected_imbalance: 2.0, adapt };
        let counts = |rule| bars(rule).0.iter().map(|bar| bar.trades).collect::<Vec<_>>();
        assert_eq!(counts(rule(0.0)), [3, 1, 2]);
        // After the first bar: 3 trades of 4/3 each, so 4 again; after the second one: 1 trade of 4.
        assert_eq!(counts(rule(1.0)), [3, 1, 2]);
    }

    #[test]
    fn a_refused_trade_changes_nothing() {
        let mut builder = BarBuilder::new(Rule::Time(10)).unwrap();
        builder.update(5, 1.0, 1.0, 1).unwrap();
        let before = builder.current();
        assert!(builder.update(4, 1.0, 1.0, 1).is_err());
        assert!(builder.update(6, f64::NAN, 1.0, 1).is_err());
        assert!(builder.extend(&[6, 5], &[1.0; 2], &[1.0; 2], None).is_err());
        assert!(builder.extend(&[6, 7], &[1.0; 2], &[1.0; 2], Some(&[0, 2])).is_err());
        assert_eq!(builder.current(), before);
        assert!(BarBuilder::new(Rule::Time(0)).is_err());
        assert!(BarBuilder::new(Rule::Total(Measure::Volume, f64::NAN)).is_err());
    }
}
