//! What order flow says, state by state and trade by trade.

use cift_engine::market_data::{self, Top, Tops};
use numpy::PyArray1;
use pyo3::prelude::*;

use super::columns::{column, count, or_nan, refused, window};

/// Order flow imbalance (Cont, Kukanov and Stoikov, arXiv 1011.6402) as states of the top come.
#[pyclass(module = "cift_core.market_data")]
pub struct OrderFlowImbalance(market_data::OrderFlow);

#[pymethods]
impl OrderFlowImbalance {
    #[new]
    #[pyo3(signature = (window = None))]
    fn new(window: Option<i64>) -> PyResult<Self> {
        market_data::OrderFlow::new(self::window(window)?).map(Self).map_err(refused)
    }

    /// Take the next state in and return the imbalance of the step to it; 0.0 for the first one.
    fn update(&mut self, bid: f64, bid_volume: f64, ask: f64, ask_volume: f64) -> PyResult<f64> {
        self.0.update(Top { bid, bid_volume, ask, ask_volume }).map_err(refused)
    }

    /// The sum over all states, or the last `window`.
    #[getter]
    fn total(&self) -> f64 {
        self.0.sum()
    }
}

/// Multi-level order flow imbalance (Xu, Gould and Howison, arXiv 1907.06230) as states of a book come.
#[pyclass(module = "cift_core.market_data")]
pub struct MultiLevelOrderFlowImbalance(market_data::MultiLevelOrderFlow);

#[pymethods]
impl MultiLevelOrderFlowImbalance {
    #[new]
    #[pyo3(signature = (levels, window = None))]
    fn new(levels: i64, window: Option<i64>) -> PyResult<Self> {
        market_data::MultiLevelOrderFlow::new(count("levels", levels)?, self::window(window)?)
            .map(Self)
            .map_err(refused)
    }

    /// Take the next state in, four arrays of one value a level, and return the imbalance of each level.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        bids: &Bound<'py, PyAny>,
        bid_volumes: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
        ask_volumes: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (bids, bid_volumes) = (column("bids", bids)?, column("bid_volumes", bid_volumes)?);
        let (asks, ask_volumes) = (column("asks", asks)?, column("ask_volumes", ask_volumes)?);
        let tops = Tops::new(bids.as_slice()?, bid_volumes.as_slice()?, asks.as_slice()?, ask_volumes.as_slice()?);
        let values = tops.and_then(|tops| self.0.update(&tops)).map_err(refused)?;
        Ok(PyArray1::from_vec(py, values))
    }

    /// The sum of each level over all states, or the last `window`.
    #[getter]
    fn total<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.0.sums())
    }
}

/// VPIN (Easley, López de Prado and O'Hara 2012) of trades with known sides, as they come: the sum of
/// |bought - sold| over the last `buckets` buckets, divided by their volume.
#[pyclass(module = "cift_core.market_data")]
pub struct Vpin(market_data::Vpin);

#[pymethods]
impl Vpin {
    #[new]
    #[pyo3(signature = (bucket_volume, buckets = 50))]
    fn new(bucket_volume: f64, buckets: i64) -> PyResult<Self> {
        market_data::Vpin::new(bucket_volume, count("buckets", buckets)?).map(Self).map_err(refused)
    }

    /// Take a trade in (side 1: bought, -1: sold, 0: unknown) and return VPIN, NaN until so many buckets are complete.
    fn update(&mut self, volume: f64, side: i64) -> PyResult<f64> {
        self.0.update(volume, side).map(or_nan).map_err(refused)
    }

    /// VPIN, NaN until so many buckets are complete.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }
}

/// VPIN (Easley, López de Prado and O'Hara 2012) by bulk classification, as bars come: of a bar's volume the part
/// Z((price - price before) / sigma) was bought.
#[pyclass(module = "cift_core.market_data")]
pub struct BulkVpin(market_data::BulkVpin);

#[pymethods]
impl BulkVpin {
    #[new]
    #[pyo3(signature = (bucket_volume, buckets = 50, *, sigma))]
    fn new(bucket_volume: f64, buckets: i64, sigma: f64) -> PyResult<Self> {
        market_data::BulkVpin::new(bucket_volume, count("buckets", buckets)?, sigma).map(Self).map_err(refused)
    }

    /// Take in a bar's last price and its volume, and return VPIN, NaN until so many buckets are complete.
    fn update(&mut self, price: f64, volume: f64) -> PyResult<f64> {
        self.0.update(price, volume).map(or_nan).map_err(refused)
    }

    /// VPIN, NaN until so many buckets are complete.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }
}

/// A straight line through price changes over signed volumes; its slope is Kyle's lambda.
#[pyclass(frozen, get_all, module = "cift_core.market_data")]
pub struct PriceImpact {
    /// Kyle's lambda: how far the price moves for a unit of signed volume.
    slope: f64,
    /// How far it moves without any.
    intercept: f64,
    /// The share of the price changes' variance that the line explains, 0 to 1.
    r_squared: f64,
    /// How many pairs the line goes through.
    count: u64,
}

impl From<market_data::PriceImpact> for PriceImpact {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn from(line: market_data::PriceImpact) -> Self {
        Self { slope: line.slope, intercept: line.intercept, r_squared: line.r_squared, count: line.count as u64 }
    }
}

#[pymethods]
impl PriceImpact {
    fn __repr__(&self) -> String {
        let Self { slope, intercept, r_squared, count } = self;
        format!("PriceImpact(slope={slope}, intercept={intercept}, r_squared={r_squared}, count={count})")
    }
}

/// Kyle's lambda (Kyle 1985), the least squares slope of price changes over signed volumes, as they come: of all of
/// them, or of the last `window`.
#[pyclass(module = "cift_core.market_data")]
pub struct KyleLambda(market_data::KyleLambda);

#[pymethods]
impl KyleLambda {
    #[new]
    #[pyo3(signature = (window = None, *, intercept = true))]
    fn new(window: Option<i64>, intercept: bool) -> PyResult<Self> {
        market_data::KyleLambda::new(self::window(window)?, intercept).map(Self).map_err(refused)
    }

    /// Take in the price change and the signed volume of one stretch of time, and return lambda, NaN where the volumes
    /// don't vary.
    fn update(&mut self, price_change: f64, signed_volume: f64) -> PyResult<f64> {
        self.0.update(price_change, signed_volume).map_err(refused)
    }

    /// The whole line.
    #[getter]
    fn impact(&self) -> PriceImpact {
        self.0.impact().into()
    }
}
