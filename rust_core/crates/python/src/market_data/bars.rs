//! Bars of trades.

use bytemuck::cast_vec;
use cift_engine::market_data::{self, Measure, Rule};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::columns::{column, refused};

/// What happened in one bar.
#[pyclass(frozen, get_all, module = "cift_core.market_data")]
pub struct Bar {
    /// When the bar began, in the unit of the trades' times: for bars by time the start of its interval, else its first trade.
    time: i64,
    /// When its last trade was.
    last_time: i64,
    /// The first trade's price.
    open: f64,
    /// The highest price.
    high: f64,
    /// The lowest price.
    low: f64,
    /// The last trade's price.
    close: f64,
    /// The sum of quantities.
    volume: f64,
    /// The sum of price times quantity; divided by the volume it is the bar's VWAP.
    notional: f64,
    /// What buyers took.
    buy_volume: f64,
    /// What sellers took.
    sell_volume: f64,
    /// How many trades there were.
    trades: u64,
}

impl From<market_data::Bar> for Bar {
    fn from(bar: market_data::Bar) -> Self {
        Self {
            time: bar.time,
            last_time: bar.last_time,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
            notional: bar.notional,
            buy_volume: bar.buy_volume,
            sell_volume: bar.sell_volume,
            trades: bar.trades,
        }
    }
}

#[pymethods]
impl Bar {
    /// Volume-weighted average price, NaN without volume.
    #[getter]
    fn vwap(&self) -> f64 {
        if self.volume > 0.0 { self.notional / self.volume } else { f64::NAN }
    }

    fn __repr__(&self) -> String {
        let Self { time, open, high, low, close, volume, trades, .. } = self;
        format!(
            "Bar(time={time}, open={open}, high={high}, low={low}, close={close}, volume={volume}, trades={trades})"
        )
    }
}

/// Makes bars of trades, one trade or many at a time.
#[pyclass(module = "cift_core.market_data")]
pub struct BarBuilder(market_data::BarBuilder);

static DTYPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn measure(name: &str) -> PyResult<Measure> {
    match name {
        "ticks" => Ok(Measure::Ticks),
        "volume" => Ok(Measure::Volume),
        "notional" => Ok(Measure::Notional),
        _ => Err(PyValueError::new_err(format!("of {name:?} is not one of ticks, volume, notional"))),
    }
}

impl BarBuilder {
    fn by(rule: Rule) -> PyResult<Self> {
        market_data::BarBuilder::new(rule).map(Self).map_err(refused)
    }
}

#[pymethods]
impl BarBuilder {
    /// Bars that end at multiples of `interval`, in the unit of the times. An interval without a trade has no bar.
    #[staticmethod]
    fn by_time(interval: i64) -> PyResult<Self> {
        Self::by(Rule::Time(interval))
    }

    /// Bars of `size` trades.
    #[staticmethod]
    #[allow(clippy::cast_precision_loss)]
    fn by_ticks(size: i64) -> PyResult<Self> {
        Self::by(Rule::Total(Measure::Ticks, size as f64))
    }

    /// Bars that end with the trade that brings their volume to `size`.
    #[staticmethod]
    fn by_volume(size: f64) -> PyResult<Self> {
        Self::by(Rule::Total(Measure::Volume, size))
    }

    /// Bars that end with the trade that brings their sum of absolute price times volume to `size`.
    #[staticmethod]
    fn by_notional(size: f64) -> PyResult<Self> {
        Self::by(Rule::Total(Measure::Notional, size))
    }

    /// Bars that end with the trade that brings their absolute sum of side times ticks, volume or notional to
    /// `expected_ticks * expected_imbalance`. After each bar both follow its trades, and its imbalance per trade, by the
    /// part `adapt` of the distance.
    #[staticmethod]
    #[pyo3(signature = (expected_ticks, expected_imbalance, *, of = "volume", adapt = 0.0))]
    fn by_imbalance(expected_ticks: f64, expected_imbalance: f64, of: &str, adapt: f64) -> PyResult<Self> {
        Self::by(Rule::Imbalance { measure: measure(of)?, expected_ticks, expected_imbalance, adapt })
    }

    /// Take a trade in, and return the bar that it completed, or None. A bar by time is completed by the first trade after
    /// it, which is not in it; any other by its own last trade.
    #[pyo3(signature = (time, price, volume, side = 0))]
    fn update(&mut self, time: i64, price: f64, volume: f64, side: i64) -> PyResult<Option<Bar>> {
        Ok(self.0.update(time, price, volume, side).map_err(refused)?.map(Bar::from))
    }

    /// Take n trades in, and return the bars that they completed, an array of BAR_DTYPE. ValueError leaves the builder as
    /// it was.
    #[pyo3(signature = (times, prices, volumes, sides = None))]
    fn extend<'py>(
        &mut self,
        py: Python<'py>,
        times: &Bound<'py, PyAny>,
        prices: &Bound<'py, PyAny>,
        volumes: &Bound<'py, PyAny>,
        sides: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let dtype = DTYPE.get_or_try_init(py, || {
            Ok::<_, PyErr>(py.import("cift_core.market_data")?.getattr("BAR_DTYPE")?.unbind())
        })?;
        let times = column("times", times)?;
        let (prices, volumes) = (column("prices", prices)?, column("volumes", volumes)?);
        let sides: Option<PyReadonlyArray1<'_, i64>> = sides.map(|sides| column("sides", sides)).transpose()?;
        let (times, prices, volumes) = (times.as_slice()?, prices.as_slice()?, volumes.as_slice()?);
        let sides = sides.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
        let builder = &mut self.0;
        let bars = py.detach(|| builder.extend(times, prices, volumes, sides)).map_err(refused)?;
        let words: Vec<[u64; 11]> = cast_vec(bars);
        PyArray1::from_vec(py, words.into_flattened()).call_method1("view", (dtype,))
    }

    /// The bar that is being made, or None.
    #[getter]
    fn current(&self) -> Option<Bar> {
        self.0.current().map(Bar::from)
    }
}
