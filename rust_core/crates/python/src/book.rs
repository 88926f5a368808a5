//! `FastOrderBook`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::AnyBitPattern;
use bytemuck::allocation::cast_vec;
use cift_engine::batch::{CommandRow, EventRow};
use cift_engine::exchange;
use cift_engine::instrument::Instrument;
use cift_engine::types::OrderId;
use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::arguments::{self, stp_name};
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::given::Given;
use crate::rows::Rows;
use crate::state::{Outcome, State, told};

/// One instrument's order book: price, then time. Safe to use from several threads.
#[pyclass(frozen, module = "cift_core")]
pub struct FastOrderBook {
    /// The instrument's name.
    #[pyo3(get)]
    pub symbol: String,
    state: Mutex<State>,
}

/// The bytes of an array as rows.
fn commands_of<T: AnyBitPattern>(bytes: &[u8]) -> PyResult<&[T]> {
    match bytes {
        [] => Ok(&[]),
        bytes => bytemuck::try_cast_slice(bytes)
            .map_err(|_| PyValueError::new_err("commands does not start at a multiple of 8 bytes: use its .copy()")),
    }
}

impl FastOrderBook {
    /// Do something with the state without the GIL.
    fn carry_out(
        &self,
        py: Python<'_>,
        commands: usize,
        act: impl FnOnce(&mut State, &mut Vec<EventRow>) + Send,
    ) -> Vec<EventRow> {
        py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut events = Vec::with_capacity(commands + commands / 2);
            act(&mut state, &mut events);
            events
        })
    }

    /// The state, waiting without the GIL; a panic of another thread leaves plain data behind, so it is used on.
    #[inline(always)]
    pub fn lock(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl FastOrderBook {
    #[new]
    #[pyo3(signature = (symbol, *, tick_size=0.01, lot_size=1.0, stp="none", negative_prices=false, changes=false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        symbol: String,
        tick_size: f64,
        lot_size: f64,
        stp: &str,
        negative_prices: bool,
        changes: bool,
    ) -> PyResult<Self> {
        if symbol.is_empty() {
            return Err(PyValueError::new_err("symbol is empty"));
        }
        let instrument = Instrument::new(tick_size, lot_size, arguments::stp(stp)?, negative_prices)
            .map_err(|error| order_error(py, &error))?;
        Ok(Self { symbol, state: Mutex::new(State { instrument, outcome: Outcome::new(changes) }) })
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

    /// Take whatever is there; what finds no counterpart is cancelled. `reduce_only` as in `add_limit_order`. Returns the
    /// fills.
    #[pyo3(signature = (order_id, side, quantity, user_id, *, reduce_only=false))]
    fn add_market_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        reduce_only: bool,
    ) -> PyResult<Vec<Fill>> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let added = if reduce_only {
            instrument.add_reducing(id, side, quantity, user, false, outcome).map(drop)
        } else {
            instrument.add_market(id, side, quantity, user, outcome)
        };
        told(py, state, added)
    }

    /// Take at the best price that shows alone; the rest becomes a limit order there. `reduce_only` as in
    /// `add_limit_order`. Returns `(order_id, fills)`.
    #[pyo3(signature = (order_id, side, quantity, user_id, *, reduce_only=false))]
    fn add_market_to_limit_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        reduce_only: bool,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let added = if reduce_only {
            instrument.add_reducing(id, side, quantity, user, true, outcome)
        } else {
            instrument.add_market_to_limit(id, side, quantity, user, outcome)
        };
        Ok((id, told(py, state, added)?))
    }

    /// Take as many whole lots as `notional` in money buys, or as sell for it, and never for more, nor at a price worse than
    /// `limit_price`. Returns the fills.
    #[pyo3(signature = (order_id, side, notional, user_id, *, limit_price=None))]
    fn add_market_notional_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        notional: f64,
        user_id: &Bound<'_, PyAny>,
        limit_price: Option<f64>,
    ) -> PyResult<Vec<Fill>> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let done = instrument.add_notional(id, side, notional, user, limit_price, outcome);
        told(py, state, done)
    }

    /// Let an order wait for a trade at `trigger_price` (or beyond), or with `trail` so far behind the market's best trade
    /// price. Then it is a limit order at `limit_price` with the options of `add_limit_order`, or a market order. One
    /// that the last trade has reached already does not wait. Returns `(order_id, fills)`.
    #[pyo3(signature = (
        order_id, side, quantity, user_id, *, trigger_price=None, trail=None, limit_price=None, tif="GTC",
        post_only=false, reprice=false, display_quantity=None, min_quantity=None, expires=None, hidden=false,
        all_or_none=false, reduce_only=false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn add_stop_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        trigger_price: Option<f64>,
        trail: Option<f64>,
        limit_price: Option<f64>,
        tif: &str,
        post_only: bool,
        reprice: bool,
        display_quantity: Option<f64>,
        min_quantity: Option<f64>,
        expires: Option<&Bound<'_, PyAny>>,
        hidden: bool,
        all_or_none: bool,
        reduce_only: bool,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let given = Given {
            tif,
            post_only,
            reprice,
            display_quantity,
            min_quantity,
            expires,
            hidden,
            all_or_none,
            reduce_only,
        };
        let options = given.options()?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let added = instrument.add_stop(id, side, quantity, user, trigger_price, trail, limit_price, options, outcome);
        Ok((id, told(py, state, added)?))
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
        let left = instrument.reduce(id, by, outcome).map(|left| instrument.quantity(left));
        drop(state);
        left.map_err(|error| order_error(py, &error))
    }

    /// Give an order another price, another quantity left, or both. It keeps its place only if the price stays and the
    /// quantity does not grow; otherwise it comes in anew and may take. A pegged order's price is its limit. Returns the
    /// fills.
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
        let done = instrument.modify(id, price, quantity, outcome);
        told(py, state, done)
    }

    /// Carry out an array of commands without the GIL; returns an array of events (`EVENT_DTYPE`). `COMMAND_DTYPE` is for
    /// plain orders; rows of `EXCHANGE_COMMAND_DTYPE` can be orders of all types, mass cancels, time, phases and positions.
    fn submit_batch<'py>(&self, py: Python<'py>, commands: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
        let rows = Rows::of(py)?;
        let dtype = commands.dtype();
        let is = |wanted: &Bound<'py, PyAny>| -> PyResult<bool> { Ok(dtype.is(wanted) || dtype.eq(wanted)?) };
        let wide = !is(rows.command_dtype(py))? && is(rows.wide_dtype(py))?;
        if commands.ndim() != 1 || !commands.is_c_contiguous() || !wide && !is(rows.command_dtype(py))? {
            let expected =
                "commands is not a contiguous one-dimensional array of COMMAND_DTYPE or EXCHANGE_COMMAND_DTYPE";
            return Err(PyTypeError::new_err(expected));
        }
        let bytes: PyReadonlyArray1<'py, u8> = commands.call_method1("view", ("u1",))?.extract()?;
        let bytes = bytes.as_slice()?;
        let events = if wide {
            let commands = commands_of::<exchange::Command>(bytes)?;
            self.carry_out(py, commands.len(), |state, events| {
                state.instrument.submit_wide(commands, events, state.outcome.changes());
            })
        } else {
            let commands = commands_of::<CommandRow>(bytes)?;
            self.carry_out(py, commands.len(), |state, events| {
                state.instrument.submit_batch_telling(commands, events, state.outcome.changes());
            })
        };
        let words: Vec<[u64; 8]> = cast_vec(events);
        let words = PyArray1::from_vec(py, words.into_flattened());
        words.call_method1("view", (rows.event_dtype(py),))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let state = self.lock(py);
        format!("FastOrderBook({:?}, {} orders)", self.symbol, state.instrument.book.len())
    }
}
