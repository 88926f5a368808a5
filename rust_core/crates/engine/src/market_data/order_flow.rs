//! Order flow imbalance, at the top of the book and level by level, over columns and as states come.

use super::check;
use super::error::MarketDataError;
use super::quote::{Top, Tops, order_flow_imbalance};
use super::rolling::RollingSum;

/// `order_flow_imbalance` of every row against the row before it, into `out`; the first one is 0.
///
/// # Errors
/// An `out` of another length.
pub fn order_flow_imbalances(tops: &Tops<'_>, out: &mut [f64]) -> Result<(), MarketDataError> {
    multi_level_order_flow_imbalances(tops, 1, out)
}

/// The multi-level order flow imbalance of Xu, Gould and Howison (arXiv 1907.06230): the same formula for each level of
/// the book by its rank. `tops` holds row after row, each with `levels` levels, best first; so does `out`, whose first row
/// is 0. A level that does not exist has volume 0 and a price beyond all others.
///
/// # Errors
/// No levels, a number of values that is not a whole number of rows, an `out` of another length.
pub fn multi_level_order_flow_imbalances(
    tops: &Tops<'_>,
    levels: usize,
    out: &mut [f64],
) -> Result<(), MarketDataError> {
    check::at_least_one("levels", levels)?;
    let whole = tops.len() - tops.len() % levels;
    check::same_length("a whole number of rows", whole, &[("bids", tops.len())])?;
    check::same_length("bids", tops.len(), &[("out", out.len())])?;
    let (first, rest) = out.split_at_mut(levels.min(tops.len()));
    first.fill(0.0);
    for (value, (before, now)) in rest.iter_mut().zip(tops.iter().zip(tops.after(levels).iter())) {
        *value = order_flow_imbalance(&before, &now);
    }
    Ok(())
}

/// Order flow imbalance as states of the top come, with its sum over all of them or the last `window`.
#[derive(Clone, Debug)]
pub struct OrderFlow {
    before: Option<Top>,
    sum: RollingSum,
}

impl OrderFlow {
    /// No state yet.
    ///
    /// # Errors
    /// A window of 0.
    pub fn new(window: Option<usize>) -> Result<Self, MarketDataError> {
        check::window(window)?;
        Ok(Self { before: None, sum: RollingSum::new(window) })
    }

    /// Take the next state in and return the imbalance of the step to it; 0 for the first state.
    ///
    /// # Errors
    /// Prices or volumes that are not finite, negative volumes.
    pub fn update(&mut self, now: Top) -> Result<f64, MarketDataError> {
        Ok(self.take(now.checked()?))
    }

    fn take(&mut self, now: Top) -> f64 {
        let step = self.before.replace(now).map_or(0.0, |before| order_flow_imbalance(&before, &now));
        self.sum.push(step);
        step
    }

    /// The sum: what Cont, Kukanov and Stoikov set against the change of the mid over the same stretch.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum.sum()
    }
}

/// Multi-level order flow imbalance as states of a book come, with its sums.
#[derive(Clone, Debug)]
pub struct MultiLevelOrderFlow {
    levels: Vec<OrderFlow>,
}

impl MultiLevelOrderFlow {
    /// The deepest book that is taken.
    pub const MOST_LEVELS: usize = 10_000;

    /// No state yet of a book of so many levels.
    ///
    /// # Errors
    /// A window of 0, or a number of levels that is not 1 to `MOST_LEVELS`.
    #[allow(clippy::cast_precision_loss)]
    pub fn new(levels: usize, window: Option<usize>) -> Result<Self, MarketDataError> {
        if !(1..=Self::MOST_LEVELS).contains(&levels) {
            return Err(MarketDataError::OutOfRange { field: "levels", value: levels as f64, expected: "1 to 10000" });
        }
        Ok(Self { levels: vec![OrderFlow::new(window)?; levels] })
    }

    /// Take the next state in, best level first, and return the imbalance of each level.
    ///
    /// # Errors
    /// Another number of levels.
    pub fn update(&mut self, tops: &Tops<'_>) -> Result<Vec<f64>, MarketDataError> {
        check::same_length("levels", self.levels.len(), &[("bids", tops.len())])?;
        Ok(self.levels.iter_mut().zip(tops.iter()).map(|(level, top)| level.take(top)).collect())
    }

    /// The sum of each level.
    #[must_use]
    pub fn sums(&self) -> Vec<f64> {
        self.levels.iter().map(OrderFlow::sum).collect()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use crate::market_data::error::At;

    #[test]
    fn streams_and_columns_agree() {
        let bids: Vec<f64> = (0..60_u32).map(|i| f64::from(i * 7 % 5)).collect();
        let asks: Vec<f64> = (0..60_u32).map(|i| 9.0 + f64::from(i * 11 % 4)).collect();
        let volumes: Vec<f64> = (0..60_u32).map(|i| f64::from(i * 13 % 23)).collect();
        let tops = Tops::new(&bids, &volumes, &asks, &volumes).unwrap();
        let mut stream = OrderFlow::new(Some(5)).unwrap();
        let steps: Vec<f64> = tops.iter().map(|top| stream.update(top).unwrap()).collect();
        let mut column = [1.0; 60];
        order_flow_imbalances(&tops, &mut column).unwrap();
        assert_eq!(steps, column);
        assert_eq!(stream.sum(), steps[55..].iter().sum::<f64>());

        let mut stream = MultiLevelOrderFlow::new(3, None).unwrap();
        let mut steps = Vec::new();
        for row in 0..20 {
            let at = 3 * row..3 * row + 3;
            let (bids, asks, volumes) = (&bids[at.clone()], &asks[at.clone()], &volumes[at]);
            steps.extend(stream.update(&Tops::new(bids, volumes, asks, volumes).unwrap()).unwrap());
        }
        multi_level_order_flow_imbalances(&tops, 3, &mut column).unwrap();
        assert_eq!(steps, column);
        assert!(multi_level_order_flow_imbalances(&tops, 7, &mut column).is_err());
        assert!(multi_level_order_flow_imbalances(&tops, 3, &mut column[1..]).is_err());
    }

    #[test]
    fn a_refused_state_changes_nothing() {
        let top = Top { bid: 1.0, bid_volume: 2.0, ask: 2.0, ask_volume: 3.0 };
        let mut stream = OrderFlow::new(None).unwrap();
        stream.update(top).unwrap();
        let error = stream.update(Top { ask_volume: -1.0, ..top }).unwrap_err();
        assert_eq!(error, MarketDataError::Negative { at: At::argument("ask_volume"), value: -1.0 });
        assert_eq!(stream.update(Top { bid_volume: 5.0, ..top }), Ok(3.0));
    }
}
