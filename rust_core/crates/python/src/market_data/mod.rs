//! `FastMarketData` and everything beside it: bindings of `cift_engine::market_data`.

mod bars;
mod columns;
mod flow;
mod indicators;
mod microprice;
mod prices;

use cift_engine::market_data::{self, At, MarketDataError};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

pub use bars::{Bar, BarBuilder};
use columns::{TopColumns, column, count, or_nan, refused, table, written};
pub use flow::{BulkVpin, KyleLambda, MultiLevelOrderFlowImbalance, OrderFlowImbalance, PriceImpact, Vpin};
pub use indicators::{Atr, Bollinger, Ema, Macd, Rsi, Sma, atr, bollinger, ema, macd, rsi, sma};
pub use microprice::{MicroPrice, MicroPriceEstimator};
pub use prices::{RealizedVolatility, Twap, Vwap};

type Any<'a, 'py> = &'a Bound<'py, PyAny>;
type Values<'py> = PyResult<Bound<'py, PyArray1<f64>>>;

/// The published measures of a market, one value or whole arrays at a time. Arrays are float64 or int64, contiguous, and
/// read in place without the GIL; anything else raises ValueError with the argument's name.
#[pyclass(frozen, module = "cift_core")]
pub struct FastMarketData;

#[pymethods]
impl FastMarketData {
    #[new]
    const fn new() -> Self {
        Self
    }

    /// Volume-weighted average price of `(price, volume)` ticks, a sequence or an array of shape (n, 2); 0.0 without
    /// volume. An array of float64, row after row, is read in place.
    fn calculate_vwap(&self, py: Python<'_>, ticks: Any<'_, '_>) -> PyResult<f64> {
        let average = if let Ok(array) = ticks.cast::<PyUntypedArray>() {
            let pairs = pairs(ticks, array.shape())?;
            let pairs = pairs.as_slice()?;
            py.detach(|| market_data::vwap_of_pairs(pairs))
        } else {
            let mut pairs = Vec::new();
            for tick in ticks.try_iter()? {
                pairs.push(tick?.extract::<(f64, f64)>()?.into());
            }
            market_data::vwap_of_pairs((&pairs as &Vec<[f64; 2]>).as_flattened())
        };
        Ok(average.map_err(refused)?.unwrap_or(0.0))
    }

    /// Imbalance of summed volumes, `(bids - asks) / (bids + asks)`, from -1 to 1; 0.0 without volume.
    fn calculate_ofi(&self, bid_volumes: Any<'_, '_>, ask_volumes: Any<'_, '_>) -> PyResult<f64> {
        Ok(market_data::imbalance(total("bid_volumes", bid_volumes)?, total("ask_volumes", ask_volumes)?))
    }

    /// Size-weighted mid, `(bid * ask_volume + ask * bid_volume) / (bid_volume + ask_volume)`; the mid without volume.
    /// (Stoikov's micro-price, SSRN 2970694, is another quantity: `MicroPrice`.)
    fn calculate_microprice(&self, best_bid: f64, best_ask: f64, bid_volume: f64, ask_volume: f64) -> PyResult<f64> {
        let named =
            [("best_bid", best_bid), ("best_ask", best_ask), ("bid_volume", bid_volume), ("ask_volume", ask_volume)];
        for (field, value) in named {
            let at = At::argument(field);
            if !value.is_finite() {
                return Err(refused(MarketDataError::NotFinite { at, value }));
            }
            if value < 0.0 && field.ends_with("volume") {
                return Err(refused(MarketDataError::Negative { at, value }));
            }
        }
        Ok(market_data::size_weighted_mid(best_bid, best_ask, bid_volume, ask_volume))
    }

    /// Volume-weighted average price of two columns; NaN without volume.
    fn vwap(&self, py: Python<'_>, prices: Any<'_, '_>, volumes: Any<'_, '_>) -> PyResult<f64> {
        let (prices, volumes) = (column("prices", prices)?, column("volumes", volumes)?);
        let (prices, volumes) = (prices.as_slice()?, volumes.as_slice()?);
        py.detach(|| market_data::vwap(prices, volumes)).map(or_nan).map_err(refused)
    }

    /// Time-weighted average price: each price counts as long as it stood, the last one until `end`, or not at all. NaN
    /// without a span of time.
    #[pyo3(signature = (times, prices, *, end = None))]
    fn twap(&self, py: Python<'_>, times: Any<'_, '_>, prices: Any<'_, '_>, end: Option<i64>) -> PyResult<f64> {
        let (times, prices) = (column("times", times)?, column("prices", prices)?);
        let (times, prices) = (times.as_slice()?, prices.as_slice()?);
        py.detach(|| market_data::twap(times, prices, end)).map(or_nan).map_err(refused)
    }

    /// Size-weighted mid row by row: n values in, n values out.
    fn size_weighted_mid<'py>(
        &self,
        py: Python<'py>,
        bids: Any<'_, 'py>,
        asks: Any<'_, 'py>,
        bid_volumes: Any<'_, 'py>,
        ask_volumes: Any<'_, 'py>,
    ) -> Values<'py> {
        let tops = TopColumns::new(bids, bid_volumes, asks, ask_volumes)?;
        tops.write(py, market_data::size_weighted_mids)
    }

    /// Queue imbalance (Gould and Bonart, arXiv 1512.03492) row by row, `(bid - ask) / (bid + ask)`, 0.0 without volume: n
    /// values in, n values out.
    fn queue_imbalance<'py>(
        &self,
        py: Python<'py>,
        bid_volumes: Any<'_, 'py>,
        ask_volumes: Any<'_, 'py>,
    ) -> Values<'py> {
        let (bids, asks) = (column("bid_volumes", bid_volumes)?, column("ask_volumes", ask_volumes)?);
        let (bids, asks) = (bids.as_slice()?, asks.as_slice()?);
        written(py, bids.len(), |out| market_data::queue_imbalances(bids, asks, out))
    }

    /// Order flow imbalance of Cont, Kukanov and Stoikov (arXiv 1011.6402): n rows in, n values out, the first one 0.0.
    fn order_flow_imbalance<'py>(
        &self,
        py: Python<'py>,
        bids: Any<'_, 'py>,
        bid_volumes: Any<'_, 'py>,
        asks: Any<'_, 'py>,
        ask_volumes: Any<'_, 'py>,
    ) -> Values<'py> {
        let tops = TopColumns::new(bids, bid_volumes, asks, ask_volumes)?;
        tops.write(py, market_data::order_flow_imbalances)
    }

    /// Multi-level order flow imbalance of Xu, Gould and Howison (arXiv 1907.06230): four arrays of shape (n, levels), best
    /// level first, in; one of the same shape out, its first row 0.0. A level that does not exist has volume 0 and a price
    /// beyond all others.
    fn multi_level_order_flow_imbalance<'py>(
        &self,
        py: Python<'py>,
        bids: Any<'_, 'py>,
        bid_volumes: Any<'_, 'py>,
        asks: Any<'_, 'py>,
        ask_volumes: Any<'_, 'py>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let tables = [("bids", bids), ("bid_volumes", bid_volumes), ("asks", asks), ("ask_volumes", ask_volumes)];
        let mut read = Vec::with_capacity(tables.len());
        for (name, value) in tables {
            read.push(table(name, value)?);
        }
        let shape = [read[0].shape()[0], read[0].shape()[1]];
        if let Some(at) = read.iter().position(|table| table.shape() != shape) {
            let found = tables[at].1.getattr("shape")?;
            return Err(PyValueError::new_err(format!("{} has shape {found}, bids has {shape:?}", tables[at].0)));
        }
        let (bids, bid_volumes) = (read[0].as_slice()?, read[1].as_slice()?);
        let (asks, ask_volumes) = (read[2].as_slice()?, read[3].as_slice()?);
        let values = written(py, bids.len(), |out| {
            let tops = market_data::Tops::new(bids, bid_volumes, asks, ask_volumes)?;
            market_data::multi_level_order_flow_imbalances(&tops, shape[1], out)
        })?;
        values.reshape(shape)
    }

    /// Signs of trades by the tick rule (Lee and Ready 1991): n prices in, n of 1, -1 or (before the first move) 0 out.
    fn tick_rule<'py>(&self, py: Python<'py>, prices: Any<'_, 'py>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let prices = column("prices", prices)?;
        let prices = prices.as_slice()?;
        written(py, prices.len(), |out| market_data::tick_rule(prices, out))
    }

    /// VPIN (Easley, López de Prado and O'Hara 2012) of trades with known sides, after each trade: n in, n out, NaN until
    /// `buckets` buckets are complete.
    #[pyo3(signature = (volumes, sides, *, bucket_volume, buckets = 50))]
    fn vpin<'py>(
        &self,
        py: Python<'py>,
        volumes: Any<'_, 'py>,
        sides: Any<'_, 'py>,
        bucket_volume: f64,
        buckets: i64,
    ) -> Values<'py> {
        let (volumes, sides) = (column("volumes", volumes)?, column("sides", sides)?);
        let (volumes, sides) = (volumes.as_slice()?, sides.as_slice()?);
        let buckets = count("buckets", buckets)?;
        written(py, volumes.len(), |out| market_data::vpin(volumes, sides, bucket_volume, buckets, out))
    }

    /// VPIN of bars by bulk classification: of a bar's volume the part Z((price - price before) / sigma) was bought. n in,
    /// n out, NaN until `buckets` buckets are complete. Without `sigma` it is the sample's own deviation of changes.
    #[pyo3(signature = (prices, volumes, *, bucket_volume, buckets = 50, sigma = None))]
    fn bulk_vpin<'py>(
        &self,
        py: Python<'py>,
        prices: Any<'_, 'py>,
        volumes: Any<'_, 'py>,
        bucket_volume: f64,
        buckets: i64,
        sigma: Option<f64>,
    ) -> Values<'py> {
        let (prices, volumes) = (column("prices", prices)?, column("volumes", volumes)?);
        let (prices, volumes) = (prices.as_slice()?, volumes.as_slice()?);
        let buckets = count("buckets", buckets)?;
        written(py, prices.len(), |out| market_data::bulk_vpin(prices, volumes, bucket_volume, buckets, sigma, out))
    }

    /// Kyle's lambda (Kyle 1985): the least squares line of price changes over signed volumes; without `intercept` through
    /// the origin.
    #[pyo3(signature = (price_changes, signed_volumes, *, intercept = true))]
    fn kyle_lambda(
        &self,
        py: Python<'_>,
        price_changes: Any<'_, '_>,
        signed_volumes: Any<'_, '_>,
        intercept: bool,
    ) -> PyResult<PriceImpact> {
        let (changes, volumes) = (column("price_changes", price_changes)?, column("signed_volumes", signed_volumes)?);
        let (changes, volumes) = (changes.as_slice()?, volumes.as_slice()?);
        py.detach(|| market_data::kyle_lambda(changes, volumes, intercept)).map(PriceImpact::from).map_err(refused)
    }

    /// Realized volatility (Andersen, Bollerslev, Diebold and Labys 2003): the root of the sum of squared logarithmic
    /// returns; NaN with less than two prices.
    fn realized_volatility(&self, py: Python<'_>, prices: Any<'_, '_>) -> PyResult<f64> {
        let prices = column("prices", prices)?;
        let prices = prices.as_slice()?;
        py.detach(|| market_data::realized_volatility(prices)).map(or_nan).map_err(refused)
    }
}

/// An array of any layout and kind of number as pairs of float64: itself, where it is so already.
fn pairs<'py>(ticks: Any<'_, 'py>, shape: &[usize]) -> PyResult<PyReadonlyArray2<'py, f64>> {
    match shape {
        [_, 2] => {}
        [_, columns] => {
            return Err(PyValueError::new_err(format!("ticks has {columns} columns, expected price, volume")));
        }
        _ => return Err(PyValueError::new_err(format!("ticks has {} dimensions, expected 2", shape.len()))),
    }
    let options = PyDict::new(ticks.py());
    options.set_item("order", "C")?;
    options.set_item("copy", false)?;
    let arguments = PyTuple::new(ticks.py(), ["float64"])?;
    table("ticks", &ticks.call_method("astype", arguments, Some(&options))?)
}

/// The sum of an array's or a sequence's values.
fn total(name: &'static str, values: Any<'_, '_>) -> PyResult<f64> {
    let sum: f64 = match values.extract::<PyReadonlyArray1<'_, f64>>() {
        Ok(array) => array.as_array().sum(),
        Err(_) => values.extract::<Vec<f64>>()?.iter().sum(),
    };
    if sum.is_finite() {
        Ok(sum)
    } else {
        Err(refused(MarketDataError::NotFinite { at: At::argument(name), value: sum }))
    }
}
