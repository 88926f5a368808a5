//! `FastOrderBook`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::allocation::cast_vec;
use cift_engine::batch::{CommandRow, EventRow};
use cift_engine::event;
use cift_engine::instrument::{Instrument, Options};
use cift_engine::types::{OrderId, Side};
use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyBytes;

use crate::arguments::{self, side_name, stp_name};
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::rows::Rows;

/// The state behind one book, with room for fills that is used again and again.
struct State {
    instrument: Instrument,
    fills: Vec<event::Fill>,
}

impl State {
    fn take_fills(&mut self) -> Vec<Fill> {
        let instrument = &self.instrument;
        let fills = self.fills.iter().map(|fill| Fill {
            price: instrument.price(fill.price),
            quantity: instrument.quantity(fill.quantity),
            maker_order_id: fill.maker,
            maker_user_id: fill.maker_user,
            taker_order_id: fill.taker,
            taker_user_id: fill.taker_user,
        });
        let fills = fills.collect();
        self.fills.clear();
        fills
    }
}

/// A resting order: side, price, quantity left, user_id, post_only.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct RestingOrder {
    /// The order's id.
    order_id: u64,
    /// "buy" or "sell".
    side: &'static str,
    /// Its price.
    price: f64,
    /// What is left of it.
    quantity: f64,
    /// Its owner.
    user_id: u64,
    /// Whether it may never take.
    post_only: bool,
}

type Levels = Vec<(f64, f64)>;

/// One instrument's order book: price, then time. Safe to use from several threads.
#[pyclass(frozen, module = "cift_core")]
pub struct FastOrderBook {
    #[pyo3(get)]
    symbol: String,
    state: Mutex<State>,
}

impl FastOrderBook {
    /// The state, waiting without the GIL; a panic of another thread leaves plain data behind, so it is used on.
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl FastOrderBook {
    #[new]
    #[pyo3(signature = (symbol, *, tick_size=0.01, lot_size=1.0, stp="none", negative_prices=false))]
    fn new(
        py: Python<'_>,
        symbol: String,
        tick_size: f64,
        lot_size: f64,
        stp: &str,
        negative_prices: bool,
    ) -> PyResult<Self> {
        if symbol.is_empty() {
            return Err(PyValueError::new_err("symbol is empty"));
        }
        let instrument = Instrument::new(tick_size, lot_size, arguments::stp(stp)?, negative_prices)
            .map_err(|error| order_error(py, &error))?;
        Ok(Self { symbol, state: Mutex::new(State { instrument, fills: Vec::new() }) })
    }

    /// The smallest price step.
    #[getter]
    fn tick_size(&self, py: Python<'_>) -> f64 {
        self.lock(py).instrument.tick_size()
    }

    /// The smallest quantity step.
    #[getter]
    fn lot_size(&self, py: Python<'_>) -> f64 {
        self.lock(py).instrument.lot_size()
    }

    /// The self-trade prevention mode.
    #[getter]
    fn stp(&self, py: Python<'_>) -> &'static str {
        stp_name(self.lock(py).instrument.book.self_trade())
    }

    /// Take what the order can; the rest lives as `tif` says. Returns `(order_id, fills)`.
    #[pyo3(signature = (order_id, side, price, quantity, user_id, *, tif="GTC", post_only=false))]
    #[allow(clippy::too_many_arguments)]
    fn add_limit_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &str,
        price: f64,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        tif: &str,
        post_only: bool,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side(side)?;
        let options = Options { tif: arguments::tif(tif)?, post_only };
        let mut state = self.lock(py);
        let State { instrument, fills } = &mut *state;
        match instrument.add_limit(id, side, price, quantity, user, options, fills) {
            Ok(_) => Ok((id, state.take_fills())),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// Take whatever is there; what finds no counterpart is cancelled. Returns the fills.
    fn add_market_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &str,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Fill>> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side(side)?;
        let mut state = self.lock(py);
        let State { instrument, fills } = &mut *state;
        match instrument.add_market(id, side, quantity, user, fills) {
            Ok(()) => Ok(state.take_fills()),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// Take an order out of the book; False when no such order rests.
    fn cancel_order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = unsigned("order_id", order_id)?;
        let mut state = self.lock(py);
        let State { instrument, fills } = &mut *state;
        Ok(instrument.book.cancel(id, fills).is_ok())
    }

    /// Take `by` off an order, which keeps its place; all of it, if it has no more. Returns what is left.
    fn reduce_order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>, by: f64) -> PyResult<f64> {
        let id = unsigned("order_id", order_id)?;
        let mut state = self.lock(py);
        let State { instrument, fills } = &mut *state;
        match instrument.reduce(id, by, fills) {
            Ok(left) => Ok(instrument.quantity(left)),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// Give an order another price, another quantity left, or both. It keeps its place only if the price stays and the
    /// quantity does not grow; otherwise it comes in anew and may take. Returns the fills.
    #[pyo3(signature = (order_id, *, price=None, quantity=None))]
    fn modify_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        price: Option<f64>,
        quantity: Option<f64>,
    ) -> PyResult<Vec<Fill>> {
        let id = unsigned("order_id", order_id)?;
        let mut state = self.lock(py);
        let State { instrument, fills } = &mut *state;
        match instrument.modify(id, price, quantity, fills) {
            Ok(_) => Ok(state.take_fills()),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// A resting order, or None.
    fn order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<RestingOrder>> {
        let id = unsigned("order_id", order_id)?;
        let state = self.lock(py);
        let instrument = &state.instrument;
        Ok(instrument.book.order(id).map(|order| RestingOrder {
            order_id: order.id,
            side: side_name(order.side),
            price: instrument.price(order.price),
            quantity: instrument.quantity(order.quantity),
            user_id: order.user,
            post_only: order.post_only,
        }))
    }

    /// The highest bid, or None.
    fn best_bid(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.best(Side::Buy).map(|ticks| state.instrument.price(ticks))
    }

    /// The lowest ask, or None.
    fn best_ask(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.best(Side::Sell).map(|ticks| state.instrument.price(ticks))
    }

    /// Best ask less best bid, or None when a side is empty.
    fn spread(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        let (bid, ask) = (state.instrument.book.best(Side::Buy)?, state.instrument.book.best(Side::Sell)?);
        Some(state.instrument.price(ask - bid))
    }

    /// What rests at a price.
    fn volume_at_price(&self, py: Python<'_>, price: f64, side: &str) -> PyResult<f64> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let ticks = state.instrument.ticks(price).map_err(|error| order_error(py, &error))?;
        let level = state.instrument.book.level(side, ticks);
        Ok(level.map_or(0.0, |level| state.instrument.quantity(level.quantity)))
    }

    /// The best `levels` of both sides, best first: `([(price, quantity), ...], [...])`, bids then asks.
    #[pyo3(signature = (levels=10))]
    fn depth(&self, py: Python<'_>, levels: usize) -> (Levels, Levels) {
        let state = self.lock(py);
        let instrument = &state.instrument;
        let side = |side| {
            let rows = instrument.book.levels(side).take(levels);
            rows.map(|(price, level)| (instrument.price(price), instrument.quantity(level.quantity))).collect()
        };
        (side(Side::Buy), side(Side::Sell))
    }

    /// All resting orders of a side in the order in which they would trade: `[(order_id, price, quantity, user_id), ...]`.
    fn orders(&self, py: Python<'_>, side: &str) -> PyResult<Vec<(u64, f64, f64, u64)>> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let instrument = &state.instrument;
        let queue = instrument.book.queue(side);
        Ok(queue
            .map(|order| (order.id, instrument.price(order.price), instrument.quantity(order.quantity), order.user))
            .collect())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.lock(py).instrument.book.len()
    }

    /// Carry out an array of commands (`COMMAND_DTYPE`) without the GIL; returns an array of events (`EVENT_DTYPE`).
    fn submit_batch<'py>(&self, py: Python<'py>, commands: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
        let rows = Rows::of(py)?;
        if commands.ndim() != 1
            || !commands.is_c_contiguous()
            || !commands.dtype().is(rows.command_dtype(py)) && !commands.dtype().eq(rows.command_dtype(py))?
        {
            return Err(PyTypeError::new_err("commands is not a contiguous one-dimensional array of COMMAND_DTYPE"));
        }
        let bytes: PyReadonlyArray1<'py, u8> = commands.call_method1("view", ("u1",))?.extract()?;
        let commands: &[CommandRow] = match bytes.as_slice()? {
            [] => &[],
            bytes => bytemuck::try_cast_slice(bytes).map_err(|_| {
                PyValueError::new_err("commands does not start at a multiple of 8 bytes: use its .copy()")
            })?,
        };
        let events = py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut events: Vec<EventRow> = Vec::with_capacity(commands.len() + commands.len() / 2);
            state.instrument.submit_batch(commands, &mut events);
            events
        });
        let words: Vec<[u64; 8]> = cast_vec(events);
        let words = PyArray1::from_vec(py, words.into_flattened());
        words.call_method1("view", (rows.event_dtype(py),))
    }

    /// The whole state as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock(py).instrument.snapshot(&self.symbol))
    }

    /// Become what `snapshot` says. A damaged snapshot, or one of another symbol or grid, raises ValueError and leaves
    /// the book as it was.
    fn restore(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        let mut state = self.lock(py);
        state.instrument.restore(&self.symbol, snapshot).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A number that two books share exactly when they hold the same instrument, orders and queues.
    fn state_hash(&self, py: Python<'_>) -> u64 {
        self.lock(py).instrument.state_hash(&self.symbol)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = self.lock(py);
        format!("FastOrderBook({:?}, {} orders)", self.symbol, state.instrument.book.len())
    }
}
