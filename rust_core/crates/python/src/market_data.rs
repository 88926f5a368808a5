//! `FastMarketData`.

use cift_engine::market_data::{self, Top};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

type Column<'py> = PyReadonlyArray1<'py, f64>;

/// The published measures of a market, one value or whole arrays at a time.
#[pyclass(frozen, module = "cift_core")]
pub struct FastMarketData;

fn same_length(names: &[&str], columns: &[&[f64]]) -> PyResult<()> {
    for (name, column) in names.iter().zip(columns) {
        if column.len() != columns[0].len() {
            return Err(PyValueError::new_err(format!(
                "{name} has {} values, {} has {}",
                column.len(),
                names[0],
                columns[0].len()
            )));
        }
    }
    Ok(())
}

#[pymethods]
impl FastMarketData {
    #[new]
    const fn new() -> Self {
        Self
    }

    /// Volume-weighted average price of `(price, volume)` ticks, a sequence or an array of shape (n, 2); 0.0 without
    /// volume.
    fn calculate_vwap(&self, ticks: &Bound<'_, PyAny>) -> PyResult<f64> {
        let (mut value, mut volume) = (0.0, 0.0);
        if let Ok(array) = ticks.extract::<PyReadonlyArray2<'_, f64>>() {
            let array = array.as_array();
            if array.ncols() != 2 {
                return Err(PyValueError::new_err(format!(
                    "ticks has {} columns, expected price, volume",
                    array.ncols()
                )));
            }
            for row in array.rows() {
                value += row[0] * row[1];
                volume += row[1];
            }
        } else {
            for tick in ticks.try_iter()? {
                let (price, size): (f64, f64) = tick?.extract()?;
                value += price * size;
                volume += size;
            }
        }
        Ok(if volume > 0.0 { value / volume } else { 0.0 })
    }

    /// Imbalance of summed volumes, `(bids - asks) / (bids + asks)`, from -1 to 1; 0.0 without volume.
    fn calculate_ofi(&self, bid_volumes: Vec<f64>, ask_volumes: Vec<f64>) -> f64 {
        market_data::imbalance(bid_volumes.iter().sum(), ask_volumes.iter().sum())
    }

    /// Size-weighted mid, `(bid * ask_volume + ask * bid_volume) / (bid_volume + ask_volume)`; the mid without volume.
    /// (Stoikov's micro-price, SSRN 2970694, is another quantity.)
    fn calculate_microprice(&self, best_bid: f64, best_ask: f64, bid_volume: f64, ask_volume: f64) -> f64 {
        market_data::size_weighted_mid(best_bid, best_ask, bid_volume, ask_volume)
    }

    /// Volume-weighted average price of two columns; NaN without volume.
    fn vwap(&self, prices: Column<'_>, volumes: Column<'_>) -> PyResult<f64> {
        let (prices, volumes) = (prices.as_slice()?, volumes.as_slice()?);
        same_length(&["prices", "volumes"], &[prices, volumes])?;
        Ok(market_data::vwap(prices, volumes).unwrap_or(f64::NAN))
    }

    /// Size-weighted mid row by row: n values in, n values out.
    fn size_weighted_mid<'py>(
        &self,
        py: Python<'py>,
        bids: Column<'py>,
        asks: Column<'py>,
        bid_volumes: Column<'py>,
        ask_volumes: Column<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let tops = Tops::new(&bids, &asks, &bid_volumes, &ask_volumes)?;
        let values = (0..tops.len()).map(|row| {
            let top = tops.row(row);
            market_data::size_weighted_mid(top.bid, top.ask, top.bid_volume, top.ask_volume)
        });
        Ok(PyArray1::from_iter(py, values))
    }

    /// Queue imbalance row by row, `(bid - ask) / (bid + ask)`: n values in, n values out.
    fn queue_imbalance<'py>(
        &self,
        py: Python<'py>,
        bid_volumes: Column<'py>,
        ask_volumes: Column<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let (bids, asks) = (bid_volumes.as_slice()?, ask_volumes.as_slice()?);
        same_length(&["bid_volumes", "ask_volumes"], &[bids, asks])?;
        Ok(PyArray1::from_iter(py, bids.iter().zip(asks).map(|(bid, ask)| market_data::imbalance(*bid, *ask))))
    }

    /// Order flow imbalance of Cont, Kukanov and Stoikov (arXiv 1011.6402): n rows in, n values out, the first one 0.0.
    fn order_flow_imbalance<'py>(
        &self,
        py: Python<'py>,
        bids: Column<'py>,
        bid_volumes: Column<'py>,
        asks: Column<'py>,
        ask_volumes: Column<'py>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let tops = Tops::new(&bids, &asks, &bid_volumes, &ask_volumes)?;
        let values = (0..tops.len()).map(|row| match row {
            0 => 0.0,
            _ => market_data::order_flow_imbalance(&tops.row(row - 1), &tops.row(row)),
        });
        Ok(PyArray1::from_iter(py, values))
    }
}

/// Four columns that describe the top of a book.
struct Tops<'a> {
    bids: &'a [f64],
    asks: &'a [f64],
    bid_volumes: &'a [f64],
    ask_volumes: &'a [f64],
}

impl<'a> Tops<'a> {
    fn new(
        bids: &'a Column<'_>,
        asks: &'a Column<'_>,
        bid_volumes: &'a Column<'_>,
        ask_volumes: &'a Column<'_>,
    ) -> PyResult<Self> {
        let (bids, asks) = (bids.as_slice()?, asks.as_slice()?);
        let (bid_volumes, ask_volumes) = (bid_volumes.as_slice()?, ask_volumes.as_slice()?);
        same_length(&["bids", "asks", "bid_volumes", "ask_volumes"], &[bids, asks, bid_volumes, ask_volumes])?;
        Ok(Self { bids, asks, bid_volumes, ask_volumes })
    }

    const fn len(&self) -> usize {
        self.bids.len()
    }

    const fn row(&self, row: usize) -> Top {
        Top {
            bid: self.bids[row],
            bid_volume: self.bid_volumes[row],
            ask: self.asks[row],
            ask_volume: self.ask_volumes[row],
        }
    }
}
