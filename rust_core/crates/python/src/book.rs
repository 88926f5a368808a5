//! `FastOrderBook`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::allocation::cast_vec;
use cift_engine::batch::{CommandRow, EventRow};
use cift_engine::event::{self, Event, Sink};
use cift_engine::instrument::{Instrument, Options};
use cift_engine::orders::{Filter, PostOnly};
use cift_engine::types::{OrderId, Side};
use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyBytes;

use crate::arguments::{self, reason_name, side_name, stp_name};
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::rows::Rows;

/// What the last command caused; the room is used again and again.
#[derive(Default)]
struct Outcome {
    fills: Vec<event::Fill>,
    cancels: Vec<event::Cancel>,
}

impl Sink for Outcome {
    #[inline]
    fn emit(&mut self, event: Event) {
        match event {
            Event::Fill(fill) => self.fills.push(fill),
            Event::Cancel(cancel) => self.cancels.push(cancel),
        }
    }
}

/// The state behind one book.
struct State {
    instrument: Instrument,
    outcome: Outcome,
}

impl State {
    /// The instrument and an emptied outcome, to carry out a command.
    #[inline]
    fn begin(&mut self) -> (&mut Instrument, &mut Outcome) {
        self.outcome.fills.clear();
        self.outcome.cancels.clear();
        (&mut self.instrument, &mut self.outcome)
    }

    fn fills(&self) -> Vec<Fill> {
        let instrument = &self.instrument;
        let fills = self.outcome.fills.iter().map(|fill| Fill {
            price: instrument.price(fill.price),
            quantity: instrument.quantity(fill.quantity),
            maker_order_id: fill.maker,
            maker_user_id: fill.maker_user,
            taker_order_id: fill.taker,
            taker_user_id: fill.taker_user,
        });
        fills.collect()
    }

    fn cancels(&self) -> Cancels {
        let cancels = self.outcome.cancels.iter();
        cancels
            .map(|cancel| (cancel.order, self.instrument.quantity(cancel.quantity), reason_name(cancel.reason)))
            .collect()
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
    /// How much of it shows.
    visible: f64,
}

type Levels = Vec<(f64, f64)>;
type Cancels = Vec<(OrderId, f64, &'static str)>;

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
        Ok(Self { symbol, state: Mutex::new(State { instrument, outcome: Outcome::default() }) })
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

    /// Take what the order can; the rest lives as `tif` says: GTC until cancelled, DAY until `end_of_day`, GTD until
    /// `expires` (on the clock of `advance_time`), IOC and FOK not at all. `post_only` refuses an order that would take,
    /// `reprice` rests it one tick before instead. `display_quantity` shows only so much at a time. Unless
    /// `min_quantity` trades at once the order is cancelled whole. Returns `(order_id, fills)`.
    #[pyo3(signature = (
        order_id, side, price, quantity, user_id, *, tif="GTC", post_only=false, reprice=false,
        display_quantity=None, min_quantity=None, expires=None
    ))]
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
        reprice: bool,
        display_quantity: Option<f64>,
        min_quantity: Option<f64>,
        expires: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side(side)?;
        let options = Options {
            tif: arguments::tif(tif)?,
            post_only: match (reprice, post_only) {
                (true, _) => PostOnly::Reprice,
                (false, true) => PostOnly::Reject,
                (false, false) => PostOnly::No,
            },
            display_quantity,
            min_quantity,
            expires: expires.map_or(Ok(0), |expires| unsigned("expires", expires))?,
        };
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        match instrument.add_limit(id, side, price, quantity, user, options, outcome) {
            Ok(_) => Ok((id, state.fills())),
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
        let (instrument, outcome) = state.begin();
        match instrument.add_market(id, side, quantity, user, outcome) {
            Ok(()) => Ok(state.fills()),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// Take at the best price alone; the rest becomes a limit order there. Returns `(order_id, fills)`.
    fn add_market_to_limit_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &str,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side(side)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        match instrument.add_market_to_limit(id, side, quantity, user, outcome) {
            Ok(_) => Ok((id, state.fills())),
            Err(error) => Err(order_error(py, &error)),
        }
    }

    /// Cancel every order that fits: of a user, on a side, at prices from `low` to `high`. Returns what `cancelled` does.
    #[pyo3(signature = (*, user_id=None, side=None, low=None, high=None))]
    fn cancel_orders(
        &self,
        py: Python<'_>,
        user_id: Option<&Bound<'_, PyAny>>,
        side: Option<&str>,
        low: Option<f64>,
        high: Option<f64>,
    ) -> PyResult<Cancels> {
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let ticks = |price: f64| instrument.ticks(price).map_err(|error| order_error(py, &error));
        let filter = Filter {
            user: user_id.map(|user| unsigned("user_id", user)).transpose()?,
            side: side.map(arguments::side).transpose()?,
            low: low.map(ticks).transpose()?,
            high: high.map(ticks).transpose()?,
        };
        instrument.book.cancel_all(&filter, outcome);
        Ok(state.cancels())
    }

    /// Let time pass, in nanoseconds: orders whose time is up are cancelled. Returns what `cancelled` does.
    fn advance_time(&self, py: Python<'_>, now: &Bound<'_, PyAny>) -> PyResult<Cancels> {
        let now = unsigned("now", now)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        instrument.book.advance(now, outcome);
        Ok(state.cancels())
    }

    /// The day is over: orders that are good for the day are cancelled. Returns what `cancelled` does.
    fn end_of_day(&self, py: Python<'_>) -> Cancels {
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        instrument.book.end_of_day(outcome);
        state.cancels()
    }

    /// What the last single command cancelled: `[(order_id, quantity, reason), ...]`, the reason user, unfilled,
    /// self_trade or expired.
    fn cancelled(&self, py: Python<'_>) -> Cancels {
        self.lock(py).cancels()
    }

    /// How many orders, and how much that shows, come before an order at its price; None when it does not rest.
    fn queue_position(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<(usize, f64)>> {
        let id = unsigned("order_id", order_id)?;
        let state = self.lock(py);
        Ok(state.instrument.book.ahead(id).map(|(orders, lots)| (orders, state.instrument.quantity(lots))))
    }

    /// Take an order out of the book; False when no such order rests.
    fn cancel_order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = unsigned("order_id", order_id)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        Ok(instrument.book.cancel(id, outcome).is_ok())
    }

    /// Take `by` off an order, which keeps its place; all of it, if it has no more. Returns what is left.
    fn reduce_order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>, by: f64) -> PyResult<f64> {
        let id = unsigned("order_id", order_id)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        match instrument.reduce(id, by, outcome) {
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
        let (instrument, outcome) = state.begin();
        match instrument.modify(id, price, quantity, outcome) {
            Ok(_) => Ok(state.fills()),
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
            quantity: instrument.quantity(instrument.book.open(order)),
            user_id: order.user,
            post_only: order.post_only,
            visible: instrument.quantity(order.quantity),
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

    /// All resting orders of a side in the order in which they would trade, with what shows of them:
    /// `[(order_id, price, quantity, user_id), ...]`.
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
