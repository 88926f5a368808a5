//! What the recorder stores: bindings of `cift_engine::recording`, each column as the buffers that Arrow has for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cift_engine::recording::{self, Column, Held, LeftOut, PositionRow, Snapshot};
use numpy::{Element, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::nats::Stored;

/// Buffers: what is missing, if anything may be, then the values (texts: offsets, then bytes). Last, a column's words.
type Buffers<'py> = (Vec<Option<Bound<'py, PyAny>>>, Option<Vec<String>>);
type Reasons = Vec<(u64, String)>;
type Amounts = (i64, u64, f64, f64, f64, f64, f64);
type Row = (u64, String, f64, f64, f64, f64, i64);

/// Positions of every account, from fills. Each account had `value` before its first.
#[pyclass(frozen, module = "cift_core")]
pub struct Positions(Mutex<recording::Positions>);

impl Positions {
    // Nothing panics while it has the lock, and what it guards is whole between any two changes.
    fn lock(&self) -> MutexGuard<'_, recording::Positions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Positions {
    #[new]
    fn new(value: f64) -> Self {
        Self(Mutex::new(recording::Positions::new(value)))
    }

    /// Forget everything and go on from rows, oldest first: (account_id, symbol, quantity, average_price, realized_pnl,
    /// mark_price, ts).
    fn load(&self, py: Python<'_>, rows: Vec<Row>) {
        let rows = rows.into_iter().map(|row| {
            let (account_id, symbol, quantity, average_price, realized_pnl, mark_price, ts) = row;
            PositionRow { account_id, symbol, held: Held { quantity, average_price, realized_pnl }, mark_price, ts }
        });
        py.detach(|| self.lock().load(rows));
    }

    /// Accounts that traded in a minute that is over at `ts`, and not again: (ts of the minute's end, account_id, equity,
    /// worth of all positions, the same with short ones counted more, realized_pnl, unrealized_pnl).
    fn ended(&self, py: Python<'_>, ts: i64) -> Vec<Amounts> {
        amounts(&py.detach(|| self.lock().ended(ts)))
    }
}

fn amounts(snapshots: &[Snapshot]) -> Vec<Amounts> {
    let of = |s: &Snapshot| (s.ts, s.account_id, s.equity, s.worth, s.gross, s.realized_pnl, s.unrealized_pnl);
    snapshots.iter().map(of).collect()
}

fn reasons(left_out: &[LeftOut]) -> Reasons {
    left_out.iter().map(|message| (message.seq, message.error.to_string())).collect()
}

fn buffer<T: Element>(py: Python<'_>, values: Vec<T>) -> Option<Bound<'_, PyAny>> {
    Some(PyArray1::from_vec(py, values).into_any())
}

fn column(py: Python<'_>, column: Column) -> Buffers<'_> {
    let plain = |values| (vec![None, values], None);
    match column {
        Column::Unsigned(values) => plain(buffer(py, values)),
        Column::Moments(values) => plain(buffer(py, values)),
        Column::Positions(values) => plain(buffer(py, values)),
        Column::Halves(values) => plain(buffer(py, values)),
        Column::Floats(values) => plain(buffer(py, values)),
        Column::MaybeFloats(values, there) => (vec![buffer(py, there), buffer(py, values)], None),
        Column::Choice(codes, words) => {
            (vec![None, buffer(py, codes)], Some(words.iter().map(|word| (*word).to_owned()).collect()))
        }
        Column::Words(codes, words) => (vec![None, buffer(py, codes)], Some(words)),
        Column::Texts(offsets, bytes) => (vec![None, buffer(py, offsets), buffer(py, bytes)], None),
    }
}

fn table<'py>(py: Python<'py>, columns: Vec<(&'static str, Column)>) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    for (name, values) in columns {
        table.set_item(name, column(py, values))?;
    }
    Ok(table)
}

/// The messages, kept alive while their bytes are read without the GIL.
fn kept<'py>(messages: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, Stored>>> {
    messages.iter().map(|message| Ok(message.cast_into::<Stored>()?)).collect()
}

fn read<'a>(py: Python<'a>, messages: &'a [Bound<'_, Stored>]) -> Vec<recording::Stored<'a>> {
    messages.iter().map(|message| (message.get().seq, message.get().data.as_bytes(py))).collect()
}

/// Events as rows, made without the GIL: the columns of `trade_executions`, `order_events` and
/// `position_history_analytics` by name, the accounts at the end of minutes as in `Positions.ended`, and (sequence,
/// reason) of each message that is no event and is left out. `positions` go on with the fills behind sequence `after`.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn record_events<'py>(
    messages: &Bound<'py, PyList>,
    positions: &Bound<'py, Positions>,
    after: u64,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, Bound<'py, PyDict>, Vec<Amounts>, Reasons)> {
    let py = messages.py();
    let messages = kept(messages)?;
    let (messages, positions) = (read(py, &messages), positions.get());
    let tables = py.detach(|| recording::record_events(messages, &mut positions.lock(), after));
    Ok((
        table(py, tables.executions.columns())?,
        table(py, tables.orders.columns())?,
        table(py, tables.positions.columns())?,
        amounts(&tables.snapshots),
        reasons(&tables.left_out),
    ))
}

/// Market data as rows, made without the GIL: the columns of `ticks_analytics` by name, a row for each trade, and
/// (sequence, reason) of each message that is neither a trade nor a book and is left out.
#[pyfunction]
pub fn record_trades<'py>(messages: &Bound<'py, PyList>) -> PyResult<(Bound<'py, PyDict>, Reasons)> {
    let py = messages.py();
    let messages = kept(messages)?;
    let messages = read(py, &messages);
    let tables = py.detach(|| recording::record_trades(messages));
    Ok((table(py, tables.ticks.columns())?, reasons(&tables.left_out)))
}
