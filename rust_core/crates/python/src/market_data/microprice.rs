//! Stoikov's micro-price.

use cift_engine::market_data::{self, Top};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use super::columns::{TopColumns, count, refused};

/// Counts the steps between samples of the top of a book, for `fit`.
#[pyclass(module = "cift_core.market_data")]
pub struct MicroPriceEstimator(market_data::MicroPriceEstimator);

#[pymethods]
impl MicroPriceEstimator {
    #[new]
    #[pyo3(signature = (tick_size, *, imbalance_buckets = 9, max_spread = 4))]
    fn new(tick_size: f64, imbalance_buckets: i64, max_spread: i64) -> PyResult<Self> {
        let estimator = market_data::MicroPriceEstimator::new(
            tick_size,
            count("imbalance_buckets", imbalance_buckets)?,
            count("max_spread", max_spread)?,
        );
        estimator.map(Self).map_err(refused)
    }

    /// Count the step to the next sample.
    fn update(&mut self, bid: f64, bid_volume: f64, ask: f64, ask_volume: f64) -> PyResult<()> {
        self.0.update(Top { bid, bid_volume, ask, ask_volume }).map_err(refused)
    }

    /// Count the steps to many samples, n rows of four columns, one after the other.
    fn extend<'py>(
        &mut self,
        py: Python<'py>,
        bids: &Bound<'py, PyAny>,
        bid_volumes: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
        ask_volumes: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let estimator = &mut self.0;
        TopColumns::new(bids, bid_volumes, asks, ask_volumes)?.run(py, |tops| {
            estimator.extend(tops);
            Ok(())
        })
    }

    /// How many steps were counted.
    #[getter]
    fn steps(&self) -> u64 {
        self.0.steps()
    }

    /// The micro-price that these samples tell. ValueError where they don't tell one.
    fn fit(&self, py: Python<'_>) -> PyResult<MicroPrice> {
        py.detach(|| self.0.fit()).map(MicroPrice).map_err(refused)
    }
}

/// A fitted micro-price (Stoikov, SSRN 2970694): the limit of the expected mid, given the imbalance and the spread.
#[pyclass(frozen, module = "cift_core.market_data")]
pub struct MicroPrice(market_data::MicroPrice);

#[pymethods]
impl MicroPrice {
    /// Fit samples of the top of a book, n rows of four columns in the order of their time.
    #[staticmethod]
    #[pyo3(signature = (bids, bid_volumes, asks, ask_volumes, *, tick_size, imbalance_buckets = 9, max_spread = 4))]
    #[allow(clippy::too_many_arguments)]
    fn fit<'py>(
        py: Python<'py>,
        bids: &Bound<'py, PyAny>,
        bid_volumes: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
        ask_volumes: &Bound<'py, PyAny>,
        tick_size: f64,
        imbalance_buckets: i64,
        max_spread: i64,
    ) -> PyResult<Self> {
        let mut estimator = MicroPriceEstimator::new(tick_size, imbalance_buckets, max_spread)?;
        estimator.extend(py, bids, bid_volumes, asks, ask_volumes)?;
        estimator.fit(py)
    }

    /// The micro-price of a top; NaN for a state that the samples don't tell.
    fn price(&self, bid: f64, bid_volume: f64, ask: f64, ask_volume: f64) -> PyResult<f64> {
        self.0.price(Top { bid, bid_volume, ask, ask_volume }).map_err(refused)
    }

    /// The micro-price row by row: n rows of four columns in, n values out, NaN for states that the samples don't tell.
    fn prices<'py>(
        &self,
        py: Python<'py>,
        bids: &Bound<'py, PyAny>,
        bid_volumes: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
        ask_volumes: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let tops = TopColumns::new(bids, bid_volumes, asks, ask_volumes)?;
        tops.write(py, |tops, out| self.0.prices(tops, out))
    }

    /// What to add to the mid, shape (max_spread, imbalance_buckets): rows by the spread in ticks from 1 on, columns from
    /// asks only to bids only. NaN for states that the samples don't tell.
    #[getter]
    fn adjustments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        PyArray1::from_slice(py, self.0.table()).reshape([self.0.max_spread(), self.0.imbalance_buckets()])
    }

    /// The price step.
    #[getter]
    fn tick_size(&self) -> f64 {
        self.0.tick_size()
    }
}
