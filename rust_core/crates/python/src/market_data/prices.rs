//! Averages and volatility of prices, value by value.

use cift_engine::market_data;
use pyo3::prelude::*;

use super::columns::{or_nan, refused, window};

/// Volume-weighted average price, sum(price * volume) / sum(volume), as trades come: of all of them, or of the last
/// `window`.
#[pyclass(module = "cift_core.market_data")]
pub struct Vwap(market_data::Vwap);

#[pymethods]
impl Vwap {
    #[new]
    #[pyo3(signature = (window = None))]
    fn new(window: Option<i64>) -> PyResult<Self> {
        market_data::Vwap::new(self::window(window)?).map(Self).map_err(refused)
    }

    /// Take a trade in and return the average, NaN without volume.
    fn update(&mut self, price: f64, volume: f64) -> PyResult<f64> {
        self.0.update(price, volume).map(or_nan).map_err(refused)
    }

    /// The average, NaN without volume.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }
}

/// Time-weighted average price as prices come: each counts as long as it stood.
#[pyclass(module = "cift_core.market_data")]
pub struct Twap(market_data::Twap);

#[pymethods]
impl Twap {
    #[new]
    fn new() -> Self {
        Self(market_data::Twap::default())
    }

    /// Take in the price that stands from `time` on and return the average until then, NaN without a span of time.
    fn update(&mut self, time: i64, price: f64) -> PyResult<f64> {
        self.0.update(time, price).map(or_nan).map_err(refused)
    }

    /// The average until the last price came, NaN without a span of time.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }

    /// The average until `end`, with the last price standing until then.
    fn value_at(&self, end: i64) -> PyResult<f64> {
        self.0.value_at(end).map(or_nan).map_err(refused)
    }
}

/// Realized volatility (Andersen, Bollerslev, Diebold and Labys 2003), the root of the sum of squared logarithmic
/// returns, as prices come: of all returns, or of the last `window` of them.
#[pyclass(module = "cift_core.market_data")]
pub struct RealizedVolatility(market_data::RealizedVolatility);

#[pymethods]
impl RealizedVolatility {
    #[new]
    #[pyo3(signature = (window = None))]
    fn new(window: Option<i64>) -> PyResult<Self> {
        market_data::RealizedVolatility::new(self::window(window)?).map(Self).map_err(refused)
    }

    /// Take a price in and return the volatility, NaN before the second price.
    fn update(&mut self, price: f64) -> PyResult<f64> {
        self.0.update(price).map(or_nan).map_err(refused)
    }

    /// The volatility, NaN before the second price.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }
}
