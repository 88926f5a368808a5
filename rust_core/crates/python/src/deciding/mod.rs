//! Plain commands of the journal, decided by the batch: on the state that Python's matcher keeps, to messages on their
//! way.
//!
//! What is decided here is what `Matcher.apply` would, and the same bytes are said of it. Anything else stops the batch
//! before it has changed anything, and is Python's.

mod market;
mod messages;
mod shard;
mod state;
mod telling;

use std::time::Instant;

use cift_engine::journal::{self, Body, Plain};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};

use self::market::{Entered, Market, Markets};
use self::messages::Messages;
use self::shard::shard_of;
use self::state::{State, Verdict};
use self::telling::tell;
use crate::nats::Stored;

const JOURNAL: &str = "orders.";

/// What became of a batch, up to the first command that is Python's.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct DecidedBatch {
    /// The place in the batch of the first message that is not decided.
    next: usize,
    /// The sequence of the last one before it.
    sequence: u64,
    /// The number of the last event.
    number: u64,
    /// The number of the last trade.
    trades: u64,
    /// How many commands were decided.
    commands: usize,
    /// The time of the last one, or None.
    ts: Option<i64>,
    /// The codes of those that were refused.
    refused: Vec<&'static str>,
    /// How long each took for risk and matching, in microseconds.
    took_us: Vec<f64>,
}

/// What a command came to; nothing is changed by one that was refused.
pub enum Outcome {
    Entered(Entered),
    Cancelled(f64),
    Reduced(f64),
    Refused(Refusal),
}

/// Why a command changes nothing.
pub struct Refusal {
    pub code: &'static str,
    pub reason: String,
}

/// Decides the plain commands of a shard: `number` of `shards`. `outgoing` is the class of messages on their way, a named
/// tuple of number, subject, message id, data, correlation id and traceparent; `events` is what the subjects of events
/// begin with.
#[pyclass(module = "cift_core")]
pub struct PlainDecider {
    markets: Markets,
    outgoing: Py<PyType>,
    number: u32,
    shards: u32,
}

#[pymethods]
impl PlainDecider {
    #[new]
    fn new(outgoing: Py<PyType>, events: String, number: u32, shards: u32) -> Self {
        Self { markets: Markets::new(events), outgoing, number, shards }
    }

    /// Decide the messages of `batch` (a list of `Stored`) from place `start` on, as long as they are plain commands of the
    /// state's markets. `state` is what they are decided on, a tuple of Python's own (dict of markets, dict of positions,
    /// dicts of the orders by name, the names by order and the owners by order, dict of the accounts' judges and everybody's,
    /// set of the markets touched); `so_far` the numbers of the last command, event and trade. Messages go to the end of the
    /// lists `events` and `trades`.
    #[allow(clippy::too_many_arguments)] // what goes in, and what comes out
    fn decide(
        &mut self,
        py: Python<'_>,
        batch: &Bound<'_, PyList>,
        start: usize,
        state: &Bound<'_, PyTuple>,
        so_far: (u64, u64, u64),
        events: &Bound<'_, PyList>,
        trades: &Bound<'_, PyList>,
    ) -> PyResult<DecidedBatch> {
        let state = State::of(state)?;
        let (sequence, number, traded) = so_far;
        let mut messages = Messages::new(self.outgoing.bind(py), events, trades, number, traded)?;
        let mut done = DecidedBatch {
            next: start,
            sequence,
            number,
            trades: traded,
            commands: 0,
            ts: None,
            refused: Vec::new(),
            took_us: Vec::new(),
        };
        while done.next < batch.len() {
            let message = batch.get_item(done.next)?.cast_into::<Stored>()?;
            let stored = message.get();
            if stored.seq > done.sequence && !self.message(py, stored, &state, &mut messages, &mut done)? {
                break;
            }
            done.sequence = done.sequence.max(stored.seq);
            done.next += 1;
        }
        (done.number, done.trades) = (messages.number, messages.trades);
        Ok(done)
    }
}

impl PlainDecider {
    /// Decide one message; false, and nothing has changed, where that is Python's.
    fn message(
        &mut self,
        py: Python<'_>,
        stored: &Stored,
        state: &State<'_>,
        messages: &mut Messages<'_>,
        done: &mut DecidedBatch,
    ) -> PyResult<bool> {
        let Some(symbol) = stored.subject.bind(py).to_str()?.strip_prefix(JOURNAL) else { return Ok(false) };
        if symbol.starts_with('_') || !stored.trace.bind(py).is_empty()? {
            return Ok(false);
        }
        if self.shards > 1 && shard_of(symbol, self.shards) != self.number {
            return Ok(true); // another one's, and none of what every shard reads
        }
        let Some(market) = self.markets.find(py, symbol, state)? else { return Ok(false) };
        let decided = journal::read(stored.data.as_bytes(py), |command| {
            if command.symbol != symbol {
                return Ok(false);
            }
            let began = Instant::now();
            let Some(outcome) = decide(py, stored.seq, command, market, state)? else { return Ok(false) };
            done.took_us.push(began.elapsed().as_nanos() as f64 / 1e3);
            if let Outcome::Refused(refusal) = &outcome {
                done.refused.push(refusal.code);
            } else {
                state.touched.add(market.symbol.bind(py))?;
            }
            done.commands += 1;
            done.ts = Some(command.ts);
            tell(stored, command, &outcome, market, messages)?;
            Ok(true)
        });
        decided.unwrap_or(Ok(false))
    }
}

/// What becomes of a command; none, and nothing has changed, if that is Python's to say.
fn decide(
    py: Python<'_>,
    seq: u64,
    command: &Plain<'_>,
    market: &Market,
    state: &State<'_>,
) -> PyResult<Option<Outcome>> {
    match &command.body {
        Body::New(order) => match state.check(py, command.user, order, market)? {
            Verdict::Passed => market.enter(py, seq, command.user, order, state).map(Some),
            Verdict::Refused(refusal) => Ok(Some(Outcome::Refused(refusal))),
            Verdict::Unsure => Ok(None),
        },
        Body::Cancel { order } => market.cancel(py, command.user, *order, state).map(Some),
        Body::Reduce { order, by } => market.reduce(py, command.user, *order, *by, state).map(Some),
    }
}
