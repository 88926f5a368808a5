//! `Exchange`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytemuck::allocation::cast_vec;
use cift_engine::exchange::{self, Command, EVERY_SYMBOL, EVERY_USER, EventRecord, Op, Refusal};
use cift_engine::instrument::Instrument;
use cift_engine::risk::{AccountView, Kind, Limit, Order, Reason, UserView};
use cift_engine::types::Side;
use numpy::{PyArray1, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::arguments;
use crate::errors::{order_error, unsigned};

/// The dtypes of commands and events, taken from `cift_core.exchange`, where they are written down once.
static DTYPES: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();

fn dtypes(py: Python<'_>) -> PyResult<&'static (Py<PyAny>, Py<PyAny>)> {
    DTYPES.get_or_try_init(py, || {
        let module = py.import("cift_core.exchange")?;
        Ok((module.getattr("EXCHANGE_COMMAND_DTYPE")?.unbind(), module.getattr("EXCHANGE_EVENT_DTYPE")?.unbind()))
    })
}

fn event_array(py: Python<'_>, events: Vec<EventRecord>) -> PyResult<Bound<'_, PyAny>> {
    let words: Vec<[u64; 10]> = cast_vec(events);
    PyArray1::from_vec(py, words.into_flattened()).call_method1("view", (dtypes(py)?.1.bind(py),))
}

fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    match refusal {
        Refusal::Book(error) => order_error(py, error),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// What a user has: cash and sums over all symbols, in currency.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct UserState {
    /// What the user brought and earned by closing positions.
    cash: f64,
    /// What open positions cost.
    exposure: f64,
    /// What open orders hold of the buying power.
    held: f64,
    /// What open orders are worth.
    open_notional: f64,
    /// How many they are.
    open_orders: u32,
}

/// What a user has in a symbol, in units of the symbol.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct AccountState {
    /// The position; negative is short.
    position: f64,
    /// What rests to buy.
    open_buy: f64,
    /// What rests to sell.
    open_sell: f64,
    /// Whether the user traded too often and waits for `enable`.
    throttled: bool,
}

impl From<UserView> for UserState {
    fn from(view: UserView) -> Self {
        let UserView { cash, exposure, held, open_notional, open_orders } = view;
        Self { cash, exposure, held, open_notional, open_orders }
    }
}

impl AccountState {
    /// An account's lots in units of its symbol.
    pub fn new(view: AccountView, instrument: &Instrument) -> Self {
        let units = |lots: i64| {
            let units = instrument.quantity(lots.unsigned_abs());
            if lots < 0 { -units } else { units }
        };
        Self {
            position: units(view.position),
            open_buy: units(view.open_buy),
            open_sell: units(view.open_sell),
            throttled: view.throttled,
        }
    }
}

type Levels = Vec<(f64, f64)>;

/// Books of many symbols behind one risk engine: one command in, its events out. Safe to use from several threads.
#[pyclass(frozen, module = "cift_core")]
pub struct Exchange {
    state: Mutex<exchange::Exchange>,
    /// The reasons as Python strings, made once.
    reasons: [Py<PyString>; Reason::ALL.len()],
}

impl Exchange {
    /// The state, waiting without the GIL; a panic of another thread leaves plain data behind, so it is used on.
    #[inline]
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, exchange::Exchange> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Carry out a command of staff; raises what refuses it.
    fn command<'py>(&self, py: Python<'py>, command: Command) -> PyResult<Bound<'py, PyAny>> {
        let mut events = Vec::new();
        // The lock is given back before an exception is made: see `state::told`.
        let submitted = self.lock(py).submit(&command, 0, &mut events);
        submitted.map_err(|refusal| refused(py, &refusal))?;
        event_array(py, events)
    }

    /// A command about a scope; None is everybody, or everything.
    fn scoped(
        &self,
        py: Python<'_>,
        op: Op,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
        flags: u8,
    ) -> PyResult<Command> {
        let user_id = user_id.map_or(Ok(EVERY_USER), |user| unsigned("user_id", user))?;
        let symbol = symbol.map_or(Ok(EVERY_SYMBOL), |symbol| number(&self.lock(py), symbol))?;
        Ok(Command { op: op as u8, user_id, symbol, flags, price: f64::NAN, ..Command::default() })
    }
}

/// The kind of limit with this name.
pub fn kind(name: &str) -> PyResult<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        PyValueError::new_err(format!("name {name:?} is not one of {}", names.join(", ")))
    })
}

/// The number of a symbol that is named or numbered.
#[inline]
fn number(exchange: &exchange::Exchange, symbol: &Bound<'_, PyAny>) -> PyResult<u32> {
    let found = match symbol.cast::<PyString>() {
        Ok(name) => exchange.number(name.to_str()?),
        Err(_) => symbol.extract::<u32>().ok().filter(|number| exchange.risk.has_symbol(*number)),
    };
    found.ok_or_else(|| PyValueError::new_err(format!("symbol {symbol} is not open for trading")))
}

#[pymethods]
impl Exchange {
    /// With `open_access` everybody may trade; without it, users whom `authorise` let in.
    #[new]
    #[pyo3(signature = (*, open_access=true))]
    fn new(py: Python<'_>, open_access: bool) -> Self {
        Self {
            state: Mutex::new(exchange::Exchange::new(open_access)),
            reasons: Reason::ALL.map(|reason| PyString::intern(py, reason.code()).unbind()),
        }
    }

    /// Open a symbol; returns its number, counted from zero.
    #[pyo3(signature = (symbol, *, tick_size=0.01, lot_size=1.0, stp="none", negative_prices=false))]
    fn add_symbol(
        &self,
        py: Python<'_>,
        symbol: &str,
        tick_size: f64,
        lot_size: f64,
        stp: &str,
        negative_prices: bool,
    ) -> PyResult<u32> {
        let stp = arguments::stp(stp)?;
        let added = self.lock(py).add_symbol(symbol, tick_size, lot_size, stp, negative_prices);
        added.map_err(|refusal| refused(py, &refusal))
    }

    /// The symbols, in the order of their numbers.
    #[getter]
    fn symbols(&self, py: Python<'_>) -> Vec<String> {
        self.lock(py).symbols().map(str::to_owned).collect()
    }

    /// The time that commands have brought, in nanoseconds.
    #[getter]
    fn now(&self, py: Python<'_>) -> u64 {
        self.lock(py).risk.now()
    }

    /// How many events there were.
    #[getter]
    fn sequence(&self, py: Python<'_>) -> u64 {
        self.lock(py).sequence()
    }

    /// Every reason's number (as in a rejected event's `code`), with its stable name and the rule that asks for it.
    #[staticmethod]
    fn reasons(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let reasons = PyDict::new(py);
        for reason in Reason::ALL.into_iter().filter(|reason| *reason != Reason::Passed) {
            reasons.set_item(reason.number(), (reason.code(), reason.rule()))?;
        }
        Ok(reasons)
    }

    /// Carry out an array of commands (`EXCHANGE_COMMAND_DTYPE`) without the GIL; returns an array of events
    /// (`EXCHANGE_EVENT_DTYPE`).
    fn submit_batch<'py>(&self, py: Python<'py>, commands: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
        let wanted = dtypes(py)?.0.bind(py);
        if commands.ndim() != 1
            || !commands.is_c_contiguous()
            || !commands.dtype().is(wanted) && !commands.dtype().eq(wanted)?
        {
            let expected = "commands is not a contiguous one-dimensional array of EXCHANGE_COMMAND_DTYPE";
            return Err(PyTypeError::new_err(expected));
        }
        let bytes: PyReadonlyArray1<'py, u8> = commands.call_method1("view", ("u1",))?.extract()?;
        let commands: &[Command] = match bytes.as_slice()? {
            [] => &[],
            bytes => bytemuck::try_cast_slice(bytes).map_err(|_| {
                PyValueError::new_err("commands does not start at a multiple of 8 bytes: use its .copy()")
            })?,
        };
        let events = py.detach(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut events = Vec::with_capacity(commands.len() + commands.len() / 2);
            state.submit_batch(commands, &mut events);
            events
        });
        event_array(py, events)
    }

    /// Judge a limit order without a trace: `(passed, reason)`, the reason "ok" or a stable code. The time is that of
    /// the last command.
    fn check_order(
        &self,
        py: Python<'_>,
        symbol: &Bound<'_, PyAny>,
        user_id: &Bound<'_, PyAny>,
        side: &str,
        quantity: f64,
        price: f64,
    ) -> PyResult<(bool, Py<PyString>)> {
        let user = unsigned("user_id", user_id)?;
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let symbol = number(&state, symbol)?;
        let instrument = state.instrument(symbol).ok_or_else(|| PyValueError::new_err("symbol is unknown"))?;
        let limit = instrument.ticks(price).and_then(|ticks| Ok((ticks, instrument.lots("quantity", quantity)?)));
        let (price, lots) = match limit {
            Ok(limit) => limit,
            Err(error) => {
                drop(state);
                return Err(order_error(py, &error));
            }
        };
        let worth = match side {
            Side::Buy => price,
            Side::Sell => instrument.book.best(Side::Buy).map_or(price, |bid| bid.max(price)),
        };
        let reason = state.risk.preview(&Order { user, symbol, side, price, collared: true, worth, lots });
        Ok((reason == Reason::Passed, self.reasons[reason as usize].clone_ref(py)))
    }

    /// What a user has, or None for a user who never came.
    fn user(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>) -> PyResult<Option<UserState>> {
        let view = self.lock(py).risk.user(unsigned("user_id", user_id)?);
        Ok(view.map(UserState::from))
    }

    /// What a user has in a symbol.
    fn account(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>, symbol: &Bound<'_, PyAny>) -> PyResult<AccountState> {
        let user = unsigned("user_id", user_id)?;
        let state = self.lock(py);
        let symbol = number(&state, symbol)?;
        let view = state.risk.account(user, symbol);
        let instrument = state.instrument(symbol).ok_or_else(|| PyValueError::new_err("symbol is unknown"))?;
        Ok(AccountState::new(view, instrument))
    }

    /// The best `levels` of both sides of a symbol, best first: `([(price, quantity), ...], [...])`, bids then asks.
    #[pyo3(signature = (symbol, levels=10))]
    fn depth(&self, py: Python<'_>, symbol: &Bound<'_, PyAny>, levels: usize) -> PyResult<(Levels, Levels)> {
        let state = self.lock(py);
        let symbol = number(&state, symbol)?;
        let instrument = state.instrument(symbol).ok_or_else(|| PyValueError::new_err("symbol is unknown"))?;
        let side = |side| {
            let rows = instrument.book.levels(side).take(levels);
            rows.map(|(price, level)| (instrument.price(price), instrument.quantity(level.quantity))).collect()
        };
        Ok((side(Side::Buy), side(Side::Sell)))
    }

    /// Set a limit for everybody, a symbol, a user or a user in a symbol; a value of None takes it away. `window` is in
    /// nanoseconds, for limits over a time.
    #[pyo3(signature = (name, value, *, user_id=None, symbol=None, window=0))]
    fn set_limit(
        &self,
        py: Python<'_>,
        name: &str,
        value: Option<f64>,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
        window: u64,
    ) -> PyResult<()> {
        let kind = kind(name)?;
        if let Some(value) = value {
            // A command can't say NaN: there it takes the limit away.
            Limit { value, window }.checked(kind).map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        let command = self.scoped(py, Op::SetLimit, user_id, symbol, kind as u8)?;
        self.command(py, Command { price: value.unwrap_or(f64::NAN), expires: window, ..command }).map(drop)
    }

    /// Say how much cash a user has; closed positions add to it and take from it.
    fn set_cash(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>, amount: f64) -> PyResult<()> {
        let command = self.scoped(py, Op::SetCash, Some(user_id), None, 0)?;
        self.command(py, Command { price: amount, ..command }).map(drop)
    }

    /// Set a symbol's reference price; None takes it away.
    fn set_reference(&self, py: Python<'_>, symbol: &Bound<'_, PyAny>, price: Option<f64>) -> PyResult<()> {
        let command = self.scoped(py, Op::SetReference, None, Some(symbol), 0)?;
        self.command(py, Command { price: price.unwrap_or(f64::NAN), ..command }).map(drop)
    }

    /// Make a scope "active", "reducing" (only orders that reduce the position pass) or "halted".
    #[pyo3(signature = (state, *, user_id=None, symbol=None))]
    fn set_state(
        &self,
        py: Python<'_>,
        state: &str,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let flags = ["active", "reducing", "halted"].into_iter().zip(0..).find(|(name, _)| *name == state);
        let (_, flags) = flags
            .ok_or_else(|| PyValueError::new_err(format!("state {state:?} is not one of active, reducing, halted")))?;
        let command = self.scoped(py, Op::SetState, user_id, symbol, flags)?;
        self.command(py, command).map(drop)
    }

    /// Turn the kill switch of a scope on, which cancels every order of the scope, or off. Returns the events.
    #[pyo3(signature = (on=true, *, user_id=None, symbol=None))]
    fn kill<'py>(
        &self,
        py: Python<'py>,
        on: bool,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let command = self.scoped(py, Op::Kill, user_id, symbol, u8::from(on))?;
        self.command(py, command)
    }

    /// Put a scope off limits, or no longer.
    #[pyo3(signature = (on=true, *, user_id=None, symbol=None))]
    fn restrict(
        &self,
        py: Python<'_>,
        on: bool,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let command = self.scoped(py, Op::Restrict, user_id, symbol, u8::from(on))?;
        self.command(py, command).map(drop)
    }

    /// Let accounts of a scope that traded too often go on.
    #[pyo3(signature = (*, user_id=None, symbol=None))]
    fn enable(
        &self,
        py: Python<'_>,
        user_id: Option<&Bound<'_, PyAny>>,
        symbol: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let command = self.scoped(py, Op::Enable, user_id, symbol, 0)?;
        self.command(py, command).map(drop)
    }

    /// Let a user trade, or no longer.
    #[pyo3(signature = (user_id, on=true))]
    fn authorise(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>, on: bool) -> PyResult<()> {
        let command = self.scoped(py, Op::Authorise, Some(user_id), None, u8::from(on))?;
        self.command(py, command).map(drop)
    }

    /// Give back the memory that books and limits no longer need. This moves every resting order: for quiet times.
    fn shrink(&self, py: Python<'_>) {
        self.lock(py).shrink();
    }

    /// The whole state as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock(py).snapshot())
    }

    /// Become what `snapshot` says, symbols and all. A damaged snapshot raises ValueError and leaves everything as it
    /// was.
    fn restore(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        self.lock(py).restore(snapshot).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A number that two exchanges share exactly when they would behave the same from here on.
    fn state_hash(&self, py: Python<'_>) -> u64 {
        self.lock(py).state_hash()
    }
}
