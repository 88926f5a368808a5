//! `parse_itch`, `ItchBook` and `generate_itch`.

use std::sync::{Mutex, MutexGuard};

use cift_engine::feeds::itch::{self, Flow, Frames, KINDS, Level, Side};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyBytes, PyDict};

use super::{Data, itch_error, rows};
use crate::arguments;

type Levels = Vec<(f64, u64)>;

/// What every row starts with: which message of the data it was, and the message's header.
const HEADER: [(&str, &str); 4] =
    [("message", "<u8"), ("stock_locate", "<u2"), ("tracking_number", "<u2"), ("timestamp", "<u8")];

static DTYPES: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();

/// The row type of each message type, in the order of `KINDS`.
fn dtypes(py: Python<'_>) -> PyResult<&Vec<Py<PyAny>>> {
    DTYPES.get_or_try_init(py, || {
        let dtype = py.import("numpy")?.getattr("dtype")?;
        let kinds = KINDS.iter().map(|kind| {
            let mut columns: Vec<(&str, String)> =
                HEADER.iter().map(|(name, code)| (*name, (*code).to_owned())).collect();
            columns.extend((kind.columns)().into_iter().map(|column| (column.name, column.dtype)));
            Ok(dtype.call1((columns,))?.unbind())
        });
        kinds.collect()
    })
}

/// The row types of `parse_itch`: numpy dtypes by message type.
#[pyfunction]
pub fn itch_dtypes(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    for (kind, dtype) in KINDS.iter().zip(dtypes(py)?) {
        all.set_item(char::from(kind.letter), dtype)?;
    }
    Ok(all)
}

/// Read a file of NASDAQ TotalView-ITCH 5.0, each message with its length in front, without the GIL. Returns one
/// structured array for each message type that is in the data, by its letter; the fields have the specification's names
/// in snake case, prices are whole numbers of 1/10,000 (`Price(8)`: 1/100,000,000), timestamps nanoseconds since
/// midnight, and `message` counts all messages of the data from 0. A bad or cut-off message raises FeedError.
#[pyfunction]
pub fn parse_itch<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let data = Data::of(data)?;
    let bytes = data.as_slice()?;
    let parsed = py.detach(|| {
        let mut parsed = vec![Vec::new(); KINDS.len()];
        for (number, item) in (0_u64..).zip(Frames::new(bytes)) {
            let (_, message) = item?;
            let out: &mut Vec<u8> = &mut parsed[message.kind()];
            let header = message.header();
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(&header.stock_locate.to_le_bytes());
            out.extend_from_slice(&header.tracking_number.to_le_bytes());
            out.extend_from_slice(&header.timestamp.to_le_bytes());
            message.write_row(out);
        }
        Ok(parsed)
    });
    let parsed = parsed.map_err(|error| itch_error(py, &error))?;
    let arrays = PyDict::new(py);
    for ((kind, dtype), bytes) in KINDS.iter().zip(dtypes(py)?).zip(parsed) {
        if !bytes.is_empty() {
            arrays.set_item(char::from(kind.letter), rows(py, bytes, dtype.bind(py))?)?;
        }
    }
    Ok(arrays)
}

/// A made-up day for tests and benchmarks, the same for a seed everywhere: `messages` valid ITCH 5.0 messages of every
/// type, behind a directory of `stocks` stocks called S0001, S0002, ...; some `resting` orders rest at a time.
#[pyfunction]
#[pyo3(signature = (messages, *, stocks=100, resting=10_000, seed=1))]
pub fn generate_itch(
    py: Python<'_>,
    messages: usize,
    stocks: u16,
    resting: usize,
    seed: u64,
) -> PyResult<Bound<'_, PyBytes>> {
    if !(1..10_000).contains(&stocks) || messages > 1 << 28 || resting > 1 << 28 {
        return Err(PyValueError::new_err(format!(
            "messages {messages}, stocks {stocks}, resting {resting}: expected up to 2^28, from 1 to 9999, up to 2^28"
        )));
    }
    let bytes = py.detach(|| itch::generate(&Flow { messages, stocks, resting, seed }));
    Ok(PyBytes::new(py, &bytes))
}

/// The books of all stocks of a NASDAQ TotalView-ITCH 5.0 feed, order by order, from the beginning of a day.
#[pyclass(frozen, module = "cift_core")]
#[derive(Default)]
pub struct ItchBook {
    book: Mutex<itch::ItchBook>,
}

impl ItchBook {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, itch::ItchBook> {
        self.book.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Symbols are ASCII; should the feed say something else, its bytes are Latin-1.
fn found(book: &itch::ItchBook, name: &str) -> Option<u16> {
    let mut symbol = [b' '; 8];
    for (at, letter) in name.chars().enumerate() {
        *symbol.get_mut(at)? = u8::try_from(letter).ok()?;
    }
    book.locate(symbol)
}

fn text(letters: &[u8]) -> String {
    let end = letters.iter().rposition(|letter| *letter != b' ').map_or(0, |last| last + 1);
    letters[..end].iter().map(|letter| char::from(*letter)).collect()
}

fn locate(book: &itch::ItchBook, name: &str) -> PyResult<u16> {
    found(book, name)
        .ok_or_else(|| PyValueError::new_err(format!("symbol {name:?} is not in the feed's stock directory")))
}

/// Dollars: exact up to the last digit of the feed.
fn price(level: &Level) -> f64 {
    f64::from(level.price) / 10_000.0
}

const fn feed_side(side: cift_engine::types::Side) -> Side {
    match side {
        cift_engine::types::Side::Buy => Side::Buy,
        cift_engine::types::Side::Sell => Side::Sell,
    }
}

#[pymethods]
impl ItchBook {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Apply messages, each with its length in front, without the GIL. Returns how many bytes they have: all, or with
    /// `partial` all but the last message if that is cut off, to be given again with what follows. A message that can't
    /// be read or can't be true raises FeedError: those before it are applied, it and those behind it are not.
    #[pyo3(signature = (data, *, partial=false))]
    fn apply(&self, py: Python<'_>, data: &Bound<'_, PyAny>, partial: bool) -> PyResult<usize> {
        let data = Data::of(data)?;
        let bytes = data.as_slice()?;
        let applied = py.detach(|| {
            let mut book = self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            book.apply(bytes, partial)
        });
        applied.map_err(|error| itch_error(py, &error))
    }

    /// How many messages were applied, those that change no book among them.
    #[getter]
    fn messages(&self, py: Python<'_>) -> u64 {
        self.lock(py).messages()
    }

    /// The stock locate of each symbol of the stock directory.
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let symbols = PyDict::new(py);
        for (symbol, locate) in self.lock(py).symbols() {
            symbols.set_item(text(&symbol), locate)?;
        }
        Ok(symbols)
    }

    /// H halted, P paused, Q quotation only, T trading; an empty string when the feed has told none.
    fn trading_state(&self, py: Python<'_>, symbol: &str) -> PyResult<String> {
        let book = self.lock(py);
        Ok(match book.trading_state(locate(&book, symbol)?) {
            0 => String::new(),
            state => text(&[state]),
        })
    }

    /// The highest bid in dollars, or None.
    fn best_bid(&self, py: Python<'_>, symbol: &str) -> PyResult<Option<f64>> {
        let book = self.lock(py);
        let best = book.levels(locate(&book, symbol)?, Side::Buy).next().map(price);
        Ok(best)
    }

    /// The lowest ask in dollars, or None.
    fn best_ask(&self, py: Python<'_>, symbol: &str) -> PyResult<Option<f64>> {
        let book = self.lock(py);
        let best = book.levels(locate(&book, symbol)?, Side::Sell).next().map(price);
        Ok(best)
    }

    /// The best `levels` of both sides, best first: `([(price, shares), ...], [...])`, bids then asks.
    #[pyo3(signature = (symbol, levels=10))]
    fn depth(&self, py: Python<'_>, symbol: &str, levels: usize) -> PyResult<(Levels, Levels)> {
        let book = self.lock(py);
        let stock = locate(&book, symbol)?;
        let side =
            |side| book.levels(stock, side).take(levels).map(|level| (price(level), level.shares)).collect::<Levels>();
        Ok((side(Side::Buy), side(Side::Sell)))
    }

    /// All orders of a side in the order in which they would trade: `[(order_reference_number, price, shares,
    /// timestamp), ...]`.
    fn orders(&self, py: Python<'_>, symbol: &str, side: &str) -> PyResult<Vec<(u64, f64, u32, u64)>> {
        let side = feed_side(arguments::side(side)?);
        let book = self.lock(py);
        let stock = locate(&book, symbol)?;
        let queue = |level| {
            let orders = book.queue(level);
            orders.map(move |order| (order.reference, price(level), order.shares, order.timestamp))
        };
        let orders = book.levels(stock, side).flat_map(queue).collect();
        Ok(orders)
    }

    /// `(stock_locate, side, price, shares)` of an order, or None.
    fn order(&self, py: Python<'_>, order_reference_number: u64) -> Option<(u16, &'static str, f64, u32)> {
        let book = self.lock(py);
        let (order, level) = book.order(order_reference_number)?;
        let side = if level.side == Side::Buy { "buy" } else { "sell" };
        Some((level.stock_locate, side, price(level), order.shares))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.lock(py).len()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let book = self.lock(py);
        format!("ItchBook({} messages, {} orders)", book.messages(), book.len())
    }
}
