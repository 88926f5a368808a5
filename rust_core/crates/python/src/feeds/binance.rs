//! `BinanceDepth` and `parse_binance`.

use std::sync::{Mutex, MutexGuard};

use bytemuck::{Pod, Zeroable, cast_slice};
use cift_engine::feeds::binance::{Applied, DepthBook, Line, Message};
use cift_engine::feeds::text::{TextError, lines};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use super::{Data, rows, text_error};

type Levels = Vec<(f64, f64)>;

/// A row of BINANCE_TRADE_DTYPE.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct TradeRow {
    received: u64,
    event_time: u64,
    trade_time: u64,
    trade_id: u64,
    price: f64,
    quantity: f64,
    buyer_is_maker: u64,
}

/// A row of BINANCE_TICKER_DTYPE.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct TickerRow {
    received: u64,
    update_id: u64,
    bid: f64,
    bid_quantity: f64,
    ask: f64,
    ask_quantity: f64,
}

/// The number that the exchange wrote, as near as a float can be.
#[allow(clippy::cast_precision_loss)]
fn value(units: u64) -> f64 {
    units as f64 / 1e8
}

fn parse(bytes: &[u8]) -> Result<(Vec<TradeRow>, Vec<TickerRow>), TextError> {
    let (mut trades, mut tickers) = (Vec::new(), Vec::new());
    for (line, offset, text) in lines(bytes).filter(|(_, _, text)| !text.is_empty()) {
        let parsed = Line::parse(text).map_err(|(at, fault)| TextError { line, offset: offset + at, fault })?;
        let received = parsed.received.unwrap_or(0);
        match parsed.message {
            Message::Trade(trade) => trades.push(TradeRow {
                received,
                event_time: trade.event_time,
                trade_time: trade.trade_time,
                trade_id: trade.trade_id,
                price: value(trade.price),
                quantity: value(trade.quantity),
                buyer_is_maker: trade.buyer_is_maker.into(),
            }),
            Message::Ticker(ticker) => tickers.push(TickerRow {
                received,
                update_id: ticker.update,
                bid: value(ticker.bid),
                bid_quantity: value(ticker.bid_quantity),
                ask: value(ticker.ask),
                ask_quantity: value(ticker.ask_quantity),
            }),
            _ => {}
        }
    }
    Ok((trades, tickers))
}

/// The trades and book tickers of lines of Binance's spot streams, without the GIL: structured arrays "trades"
/// (BINANCE_TRADE_DTYPE) and "tickers" (BINANCE_TICKER_DTYPE). A bad line raises FeedError.
#[pyfunction]
pub fn parse_binance<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let data = Data::of(data)?;
    let bytes = data.as_slice()?;
    let (trades, tickers) = py.detach(|| parse(bytes)).map_err(|error| text_error(py, &error))?;
    let module = py.import("cift_core.feeds")?;
    let arrays = PyDict::new(py);
    let trades = cast_slice::<_, u8>(&trades).to_vec();
    arrays.set_item("trades", rows(py, trades, &module.getattr("BINANCE_TRADE_DTYPE")?)?)?;
    let tickers = cast_slice::<_, u8>(&tickers).to_vec();
    arrays.set_item("tickers", rows(py, tickers, &module.getattr("BINANCE_TICKER_DTYPE")?)?)?;
    Ok(arrays)
}

/// The book of one symbol of Binance's spot depth stream. Updates wait for the snapshot, and must follow each other
/// without a gap (`U`, `u`); after a gap: `reset()`, go on applying, and apply a new snapshot.
#[pyclass(frozen, module = "cift_core")]
#[derive(Default)]
pub struct BinanceDepth {
    book: Mutex<DepthBook>,
}

impl BinanceDepth {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, DepthBook> {
        self.book.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[pymethods]
impl BinanceDepth {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Apply lines without the GIL: stream messages, alone or in their combined-stream envelope, and depth snapshots,
    /// each with or without the time it was received in front. Returns how many there were of each kind: "snapshot",
    /// "update", "old", "waiting", "trade", "ticker", "other". A bad line, or one whose updates don't follow, raises
    /// FeedError: the lines before it are applied, it and those behind it are not.
    fn apply<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        const NAMES: [&str; 7] = ["snapshot", "update", "old", "waiting", "trade", "ticker", "other"];
        let data = Data::of(data)?;
        let bytes = data.as_slice()?;
        let mut counts = [0_u64; NAMES.len()];
        let applied = py.detach(|| {
            let mut book = self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            book.apply(bytes, |_, applied| {
                counts[match applied {
                    Applied::Snapshot => 0,
                    Applied::Update => 1,
                    Applied::Old => 2,
                    Applied::Waits => 3,
                    Applied::Trade(_) => 4,
                    Applied::Ticker(_) => 5,
                    Applied::Other => 6,
                }] += 1;
            })
        });
        applied.map_err(|error| text_error(py, &error))?;
        let told = PyDict::new(py);
        for (name, count) in NAMES.iter().zip(counts) {
            told.set_item(name, count)?;
        }
        Ok(told)
    }

    /// Forget the book and wait for a new snapshot.
    fn reset(&self, py: Python<'_>) {
        self.lock(py).reset();
    }

    /// The last update in the book, or None without a snapshot.
    #[getter]
    fn last_update_id(&self, py: Python<'_>) -> Option<u64> {
        self.lock(py).last_update_id()
    }

    /// How many updates wait for a snapshot.
    #[getter]
    fn waiting(&self, py: Python<'_>) -> usize {
        self.lock(py).waiting()
    }

    /// The highest bid, or None.
    fn best_bid(&self, py: Python<'_>) -> Option<f64> {
        self.lock(py).bids().next().map(|(price, _)| value(price))
    }

    /// The lowest ask, or None.
    fn best_ask(&self, py: Python<'_>) -> Option<f64> {
        self.lock(py).asks().next().map(|(price, _)| value(price))
    }

    /// The best `levels` of both sides, best first: `([(price, quantity), ...], [...])`, bids then asks.
    #[pyo3(signature = (levels=10))]
    fn depth(&self, py: Python<'_>, levels: usize) -> (Levels, Levels) {
        let book = self.lock(py);
        let level = |(price, quantity)| (value(price), value(quantity));
        (book.bids().take(levels).map(level).collect(), book.asks().take(levels).map(level).collect())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let last = self.lock(py).last_update_id().map_or_else(|| "None".to_owned(), |last| last.to_string());
        format!("BinanceDepth(last_update_id={last})")
    }
}
