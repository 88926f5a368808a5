//! Technical indicators: a function over a column, and a class that takes value by value.

use cift_engine::market_data::indicators as engine;
use numpy::PyArray1;
use pyo3::prelude::*;

use super::columns::{Lines, column, count, or_nan, refused, written, written_lines};

type Values<'py> = PyResult<Bound<'py, PyArray1<f64>>>;

/// An indicator of one period over one value at a time.
macro_rules! simple {
    ($function:ident, $class:ident, $period:literal, $doc:literal) => {
        #[doc = $doc]
        #[pyfunction]
        #[pyo3(signature = (values, period = $period))]
        pub fn $function<'py>(py: Python<'py>, values: &Bound<'py, PyAny>, period: i64) -> Values<'py> {
            let values = column("values", values)?;
            let (values, period) = (values.as_slice()?, count("period", period)?);
            written(py, values.len(), |out| engine::$function(values, period, out))
        }

        #[doc = $doc]
        #[pyclass(module = "cift_core.indicators")]
        pub struct $class(engine::$class);

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (period = $period))]
            fn new(period: i64) -> PyResult<Self> {
                engine::$class::new(count("period", period)?).map(Self).map_err(refused)
            }

            /// Take a value in and return the indicator, NaN before there are enough.
            fn update(&mut self, value: f64) -> PyResult<f64> {
                self.0.update(value).map(or_nan).map_err(refused)
            }

            /// The indicator, NaN before there are enough.
            #[getter]
            fn value(&self) -> f64 {
                or_nan(self.0.value())
            }
        }
    };
}

simple!(sma, Sma, 20, "Simple moving average: the mean of the last `period` values.");
simple!(
    ema,
    Ema,
    20,
    "Exponential moving average, weight 2 / (period + 1), from the mean of the first `period` values."
);
simple!(rsi, Rsi, 14, "Relative strength index of Wilder (1978), 0 to 100; 50 where nothing moved.");

/// Moving average convergence and divergence (Appel): (macd, signal, histogram).
#[pyfunction]
#[pyo3(signature = (values, fast = 12, slow = 26, signal = 9))]
pub fn macd<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    fast: i64,
    slow: i64,
    signal: i64,
) -> PyResult<Lines<'py>> {
    let values = column("values", values)?;
    let values = values.as_slice()?;
    let (fast, slow, signal) = (count("fast", fast)?, count("slow", slow)?, count("signal", signal)?);
    written_lines(py, values.len(), |out| engine::macd(values, fast, slow, signal, out))
}

/// Moving average convergence and divergence (Appel), value by value: (macd, signal, histogram), NaN before they begin.
#[pyclass(module = "cift_core.indicators")]
pub struct Macd(engine::Macd);

#[pymethods]
impl Macd {
    #[new]
    #[pyo3(signature = (fast = 12, slow = 26, signal = 9))]
    fn new(fast: i64, slow: i64, signal: i64) -> PyResult<Self> {
        engine::Macd::new(count("fast", fast)?, count("slow", slow)?, count("signal", signal)?)
            .map(Self)
            .map_err(refused)
    }

    /// Take a value in and return (macd, signal, histogram), NaN where a line has not begun.
    fn update(&mut self, value: f64) -> PyResult<(f64, f64, f64)> {
        self.0.update(value).map_err(refused)?;
        Ok(self.value())
    }

    /// (macd, signal, histogram), NaN where a line has not begun.
    #[getter]
    fn value(&self) -> (f64, f64, f64) {
        let now = self.0.value();
        (now.macd, now.signal, now.histogram)
    }
}

/// Bands of Bollinger (2001): (upper, middle, lower), `width` population standard deviations around the mean of the
/// last `period` values.
#[pyfunction]
#[pyo3(signature = (values, period = 20, width = 2.0))]
pub fn bollinger<'py>(py: Python<'py>, values: &Bound<'py, PyAny>, period: i64, width: f64) -> PyResult<Lines<'py>> {
    let values = column("values", values)?;
    let (values, period) = (values.as_slice()?, count("period", period)?);
    written_lines(py, values.len(), |out| engine::bollinger(values, period, width, out))
}

/// Bands of Bollinger (2001), value by value: (upper, middle, lower), NaN before they begin.
#[pyclass(module = "cift_core.indicators")]
pub struct Bollinger(engine::Bollinger);

#[pymethods]
impl Bollinger {
    #[new]
    #[pyo3(signature = (period = 20, width = 2.0))]
    fn new(period: i64, width: f64) -> PyResult<Self> {
        engine::Bollinger::new(count("period", period)?, width).map(Self).map_err(refused)
    }

    /// Take a value in and return (upper, middle, lower), NaN before there are enough.
    fn update(&mut self, value: f64) -> PyResult<(f64, f64, f64)> {
        self.0.update(value).map_err(refused)?;
        Ok(self.value())
    }

    /// (upper, middle, lower), NaN before there are enough.
    #[getter]
    fn value(&self) -> (f64, f64, f64) {
        let now = self.0.value();
        (now.upper, now.middle, now.lower)
    }
}

/// Average true range of Wilder (1978).
#[pyfunction]
#[pyo3(signature = (highs, lows, closes, period = 14))]
pub fn atr<'py>(
    py: Python<'py>,
    highs: &Bound<'py, PyAny>,
    lows: &Bound<'py, PyAny>,
    closes: &Bound<'py, PyAny>,
    period: i64,
) -> Values<'py> {
    let (highs, lows, closes) = (column("highs", highs)?, column("lows", lows)?, column("closes", closes)?);
    let (highs, lows, closes) = (highs.as_slice()?, lows.as_slice()?, closes.as_slice()?);
    let period = count("period", period)?;
    written(py, highs.len(), |out| engine::atr(highs, lows, closes, period, out))
}

/// Average true range of Wilder (1978), bar by bar; the first bar's true range is high - low.
#[pyclass(module = "cift_core.indicators")]
pub struct Atr(engine::Atr);

#[pymethods]
impl Atr {
    #[new]
    #[pyo3(signature = (period = 14))]
    fn new(period: i64) -> PyResult<Self> {
        engine::Atr::new(count("period", period)?).map(Self).map_err(refused)
    }

    /// Take a bar in and return the average, NaN before there are enough.
    fn update(&mut self, high: f64, low: f64, close: f64) -> PyResult<f64> {
        self.0.update(high, low, close).map(or_nan).map_err(refused)
    }

    /// The average, NaN before there are enough.
    #[getter]
    fn value(&self) -> f64 {
        or_nan(self.0.value())
    }
}
