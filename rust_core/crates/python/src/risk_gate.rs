//! `RiskGate`.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cift_engine::exchange::{self, Command, Op, Refusal};
use cift_engine::instrument::Instrument;
use cift_engine::risk::{Gate, Limit, Scope};
use cift_engine::types::UserId;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyBytes;

use crate::arguments;
use crate::book::FastOrderBook;
use crate::errors::{OrderError, order_error, risk_error, unsigned};
use crate::exchange::{AccountState, UserState};
use crate::given::Given;

/// The risk engine beside `FastOrderBook`s: asked before an order goes into its book, told after what the book said.
/// Safe to use from several threads; it and a book are locked one after the other, the book first.
#[pyclass(frozen, module = "cift_core")]
pub struct RiskGate {
    state: Mutex<exchange::RiskGate>,
}

fn not_open(symbol: &str) -> PyErr {
    PyValueError::new_err(format!(
        "symbol {symbol:?} is not open, or its tick times its lot is too fine to count money by"
    ))
}

fn op(order_type: &str) -> PyResult<Op> {
    Ok(match order_type {
        "limit" => Op::Limit,
        "market" => Op::Market,
        "market_to_limit" => Op::MarketToLimit,
        "stop" => Op::Stop,
        "pegged" => Op::Pegged,
        "notional" => Op::Notional,
        _ => {
            let expected = "limit, market, market_to_limit, stop, pegged, notional";
            return Err(PyValueError::new_err(format!("order_type {order_type:?} is not one of {expected}")));
        }
    })
}

/// A refusal; `text` says what was expected and found, where a limit refused.
fn refused(py: Python<'_>, refusal: &Refusal, text: String) -> PyErr {
    match refusal {
        Refusal::Book(error) => order_error(py, error),
        Refusal::Setting(error) => risk_error(error),
        Refusal::Risk(reason) => {
            let exception = OrderError::new_err(text);
            let value = exception.value(py);
            let set = value.setattr("code", reason.code()).and_then(|()| value.setattr("field", "risk"));
            set.err().unwrap_or(exception)
        }
    }
}

impl RiskGate {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, exchange::RiskGate> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Do something with the gate and a book. Both locks are given back before an exception is made of what went wrong:
    /// see `state::told`.
    fn with<T, E>(
        &self,
        py: Python<'_>,
        book: &FastOrderBook,
        act: impl FnOnce(&mut exchange::RiskGate, u32, &Instrument) -> Result<T, E>,
        raise: impl FnOnce(E) -> PyErr,
    ) -> PyResult<T> {
        let book_state = book.lock(py);
        let mut state = self.lock(py);
        let done = state.number(&book.symbol).map(|symbol| act(&mut state, symbol, &book_state.instrument));
        drop((book_state, state));
        done.ok_or_else(|| not_open(&book.symbol))?.map_err(raise)
    }
}

/// Whom a setting is about; None is everybody, or everything.
fn scope(state: &exchange::RiskGate, user_id: Option<UserId>, symbol: Option<&str>) -> PyResult<Scope> {
    let symbol = symbol.map(|symbol| state.number(symbol).ok_or_else(|| not_open(symbol))).transpose()?;
    Ok(match (user_id, symbol) {
        (None, None) => Scope::All,
        (None, Some(symbol)) => Scope::Symbol(symbol),
        (Some(user), None) => Scope::User(user),
        (Some(user), Some(symbol)) => Scope::Account(user, symbol),
    })
}

#[pymethods]
impl RiskGate {
    #[new]
    fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// Open a symbol, or give one without live orders another grid. Raises ValueError when a tick times a lot is not a
    /// whole number of 10^-12 of the currency.
    fn open(&self, py: Python<'_>, symbol: &str, tick_size: f64, lot_size: f64) -> PyResult<()> {
        self.lock(py).open(symbol, tick_size, lot_size).map(drop).map_err(|error| risk_error(&error))
    }

    /// The symbols that are open.
    #[getter]
    fn symbols(&self, py: Python<'_>) -> Vec<String> {
        self.lock(py).symbols().map(str::to_owned).collect()
    }

    /// Take over what there was before any limit: `positions` as `[(user_id, lots), ...]`, and what rests in `book`.
    fn adopt(&self, py: Python<'_>, book: &FastOrderBook, positions: Vec<(u64, i64)>) -> PyResult<()> {
        let adopt = |gate: &mut exchange::RiskGate, symbol, instrument: &_| gate.adopt(symbol, instrument, &positions);
        self.with(py, book, adopt, |reason| PyValueError::new_err(reason.code()))
    }

    /// A command comes at `now`, in nanoseconds; time never goes back.
    fn begin(&self, py: Python<'_>, now: u64) {
        self.lock(py).begin(now);
    }

    /// Judge a new order, given as to its book; OrderError has the reason as `code`, and says what was expected and found.
    /// Returns the worst price that the book may let it trade at, if it is a market order that collars bound.
    #[pyo3(signature = (
        book, order_id, user_id, side, order_type, quantity, *, price=None, tif="GTC", post_only=false, reprice=false,
        display_quantity=None, min_quantity=None, expires=None, trigger_price=None, trail=None, peg=None, offset=0.0,
        hidden=false, all_or_none=false, reduce_only=false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn check(
        &self,
        py: Python<'_>,
        book: &FastOrderBook,
        order_id: u64,
        user_id: &Bound<'_, PyAny>,
        side: &str,
        order_type: &str,
        quantity: f64,
        price: Option<f64>,
        tif: &str,
        post_only: bool,
        reprice: bool,
        display_quantity: Option<f64>,
        min_quantity: Option<f64>,
        expires: Option<&Bound<'_, PyAny>>,
        trigger_price: Option<f64>,
        trail: Option<f64>,
        peg: Option<&str>,
        offset: f64,
        hidden: bool,
        all_or_none: bool,
        reduce_only: bool,
    ) -> PyResult<Option<f64>> {
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
        let (op, options) = (op(order_type)?, given.options()?);
        let peg = peg.map(arguments::peg).transpose()?.map_or(0, |kind| kind as u8);
        let rests = |flag: bool, bit: u8| if flag && matches!(op, Op::Limit | Op::Stop) { bit } else { 0 };
        let flags = rests(true, options.post_only as u8)
            | rests(options.hidden, 8)
            | rests(options.all_or_none, 16)
            | if reduce_only { 4 } else { 0 }
            | peg << 5;
        let or_none = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let command = Command {
            order_id,
            user_id: unsigned("user_id", user_id)?,
            side: arguments::side(side)? as u8,
            tif: options.tif as u8,
            op: op as u8,
            flags,
            price: or_none(price),
            quantity,
            display_quantity: or_none(display_quantity),
            min_quantity: or_none(min_quantity),
            trigger: or_none(trigger_price),
            trail: if op == Op::Pegged { offset } else { or_none(trail) },
            expires: options.expires,
            ..Command::default()
        };
        let check = |gate: &mut exchange::RiskGate, symbol, instrument: &Instrument| {
            let command = Command { symbol, ..command };
            match gate.check(op, &command, instrument) {
                Ok(bound) => Ok(bound.map(|ticks| instrument.price(ticks))),
                Err(refusal) => {
                    let why = |reason| gate.explain(reason, op, &command, instrument);
                    let text = reason_of(&refusal).map_or_else(String::new, why);
                    Err((refusal, text))
                }
            }
        };
        self.with(py, book, check, |(refusal, text)| refused(py, &refusal, text))
    }

    /// Judge a live order's new price, quantity left, or both; as `check`.
    #[pyo3(signature = (book, order_id, user_id, *, price=None, quantity=None))]
    fn check_change(
        &self,
        py: Python<'_>,
        book: &FastOrderBook,
        order_id: u64,
        user_id: &Bound<'_, PyAny>,
        price: Option<f64>,
        quantity: Option<f64>,
    ) -> PyResult<()> {
        let user_id = unsigned("user_id", user_id)?;
        let (price, quantity) = (price.unwrap_or(f64::NAN), quantity.unwrap_or(f64::NAN));
        let check = |gate: &mut exchange::RiskGate, symbol, instrument: &Instrument| {
            let command = Command { order_id, user_id, symbol, price, quantity, ..Command::default() };
            gate.check_change(&command, instrument).map_err(|refusal| {
                let why = |reason| gate.explain_change(reason, &command, instrument);
                let text = reason_of(&refusal).map_or_else(String::new, why);
                (refusal, text)
            })
        };
        self.with(py, book, check, |(refusal, text)| refused(py, &refusal, text))
    }

    /// Count the message that a cancel or a reduction of a live order is; OrderError if it is not the user's.
    fn count_message(
        &self,
        py: Python<'_>,
        book: &FastOrderBook,
        order_id: u64,
        user_id: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let user_id = unsigned("user_id", user_id)?;
        let count = |gate: &mut exchange::RiskGate, symbol, _: &Instrument| {
            gate.count_message(&Command { order_id, user_id, symbol, ..Command::default() })
        };
        let raise = |refusal| refused(py, &refusal, format!("order {order_id} belongs to another account"));
        self.with(py, book, count, raise)
    }

    /// The last single command of `book` was carried out: lay, change and lift holds, move positions.
    fn settle(&self, py: Python<'_>, book: &FastOrderBook) -> PyResult<()> {
        let book_state = book.lock(py);
        let mut state = self.lock(py);
        let symbol = state.number(&book.symbol).ok_or_else(|| not_open(&book.symbol))?;
        state.settle(symbol, &book_state.instrument, book_state.outcome.events());
        Ok(())
    }

    /// Set a limit for everybody, a symbol, a user or a user in a symbol; a value of None takes it away.
    #[pyo3(signature = (name, value, *, user_id=None, symbol=None, window=0))]
    fn set_limit(
        &self,
        py: Python<'_>,
        name: &str,
        value: Option<f64>,
        user_id: Option<u64>,
        symbol: Option<&str>,
        window: u64,
    ) -> PyResult<()> {
        let kind = crate::exchange::kind(name)?;
        let mut state = self.lock(py);
        let scope = scope(&state, user_id, symbol)?;
        let limit = value.map(|value| Limit { value, window });
        state.risk.set_limit(scope, kind, limit).map_err(|error| risk_error(&error))
    }

    /// Say how much cash a user has; closed positions add to it and take from it.
    fn set_cash(&self, py: Python<'_>, user_id: u64, amount: f64) -> PyResult<()> {
        self.lock(py).risk.set_cash(user_id, amount).map_err(|error| risk_error(&error))
    }

    /// Set a symbol's reference price, on the grid of its book; None takes it away.
    fn set_reference(&self, py: Python<'_>, book: &FastOrderBook, price: Option<f64>) -> PyResult<()> {
        let set = |gate: &mut exchange::RiskGate, symbol, instrument: &Instrument| {
            gate.risk.set_reference(symbol, price.map(|price| instrument.ticks(price)).transpose()?);
            Ok(())
        };
        self.with(py, book, set, |error| order_error(py, &error))
    }

    /// Put a scope off limits, or no longer.
    #[pyo3(signature = (on=true, *, user_id=None, symbol=None))]
    fn restrict(&self, py: Python<'_>, on: bool, user_id: Option<u64>, symbol: Option<&str>) -> PyResult<()> {
        let mut state = self.lock(py);
        let scope = scope(&state, user_id, symbol)?;
        state.risk.set_gate(scope, Gate::RESTRICTED, on);
        Ok(())
    }

    /// Let accounts of a scope that traded too often go on.
    #[pyo3(signature = (*, user_id=None, symbol=None))]
    fn enable(&self, py: Python<'_>, user_id: Option<u64>, symbol: Option<&str>) -> PyResult<()> {
        let mut state = self.lock(py);
        let scope = scope(&state, user_id, symbol)?;
        state.risk.enable(scope);
        Ok(())
    }

    /// Let a user trade, or no longer; without a word everybody may.
    #[pyo3(signature = (user_id, on=true))]
    fn authorise(&self, py: Python<'_>, user_id: u64, on: bool) {
        self.lock(py).risk.set_gate(Scope::User(user_id), Gate::UNAUTHORISED, !on);
    }

    /// What a user has, or None for a user who never came.
    fn user(&self, py: Python<'_>, user_id: u64) -> Option<UserState> {
        self.lock(py).risk.user(user_id).map(UserState::from)
    }

    /// What a user has in a symbol.
    fn account(&self, py: Python<'_>, user_id: u64, book: &FastOrderBook) -> PyResult<AccountState> {
        let read = |gate: &mut exchange::RiskGate, symbol, instrument: &Instrument| {
            Ok(AccountState::new(gate.risk.account(user_id, symbol), instrument))
        };
        self.with(py, book, read, |never: Infallible| match never {})
    }

    /// What a user may still commit in positions and open orders, in currency; None without such a limit.
    fn buying_power_left(&self, py: Python<'_>, user_id: u64) -> Option<f64> {
        self.lock(py).risk.buying_power_left(user_id)
    }

    /// The whole state as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock(py).snapshot())
    }

    /// The gate that `snapshot` was taken of; damaged bytes raise ValueError.
    #[staticmethod]
    fn restore(snapshot: &[u8]) -> PyResult<Self> {
        let state = exchange::RiskGate::from_snapshot(snapshot);
        let state = state.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { state: Mutex::new(state) })
    }

    /// The `state_hash` of the gate that a snapshot was taken of, from its bytes alone.
    #[staticmethod]
    fn hash_of(snapshot: &[u8]) -> u64 {
        exchange::RiskGate::hash_of(snapshot)
    }
}

const fn reason_of(refusal: &Refusal) -> Option<cift_engine::risk::Reason> {
    match refusal {
        Refusal::Risk(reason) => Some(*reason),
        _ => None,
    }
}
