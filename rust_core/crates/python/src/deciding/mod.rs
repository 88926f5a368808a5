//! Plain commands of the journal, decided by the batch: on the state that Python's matcher keeps, to messages on their
//! way.
//!
//! What is decided here is what `Matcher.apply` would, and the same bytes are said of it. Anything else stops the batch
//! before it has changed anything, and is Python's.

mod market;
mod messages;
mod state;

use std::time::Instant;

use cift_engine::journal::{self, Body, New, Plain};
use cift_engine::wire::{Accepted, Event, EventBody, Fill as FillEvent, Side as WireSide};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};

use crate::fill::Fill;
use crate::nats::Stored;
use cift_engine::types::Side;
use market::{Entered, Market, Markets};
use messages::Messages;
use state::State;

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
pub(crate) enum Outcome {
    Entered(Entered),
    Cancelled(f64),
    Reduced(f64),
    Refused(Refusal),
}

/// Why a command changes nothing.
pub(crate) struct Refusal {
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
            state::Verdict::Passed => market.enter(py, seq, command.user, order, state).map(Some),
            state::Verdict::Refused(refusal) => Ok(Some(Outcome::Refused(refusal))),
            state::Verdict::Unsure => Ok(None),
        },
        Body::Cancel { order } => market.cancel(py, command.user, *order, state).map(Some),
        Body::Reduce { order, by } => market.reduce(py, command.user, *order, *by, state).map(Some),
    }
}

const fn wire_side(side: Side) -> WireSide {
    match side {
        Side::Buy => WireSide::Buy,
        Side::Sell => WireSide::Sell,
    }
}

/// Say what became of a command, as `cift.core.telling` does.
fn tell(
    stored: &Stored,
    command: &Plain<'_>,
    outcome: &Outcome,
    market: &Market,
    messages: &mut Messages<'_>,
) -> PyResult<()> {
    let order_id = match command.body {
        Body::New(_) => stored.seq,
        Body::Cancel { order } | Body::Reduce { order, .. } => order,
    };
    let event = |pos, last, body| Event {
        version: 1,
        symbol: command.symbol,
        ts: command.ts,
        seq: stored.seq,
        pos,
        user_id: command.user,
        order_id,
        last,
        body,
    };
    let body = match (outcome, &command.body) {
        (Outcome::Entered(entered), Body::New(order)) => {
            return tell_entered(stored, order, entered, market, messages, event);
        }
        (Outcome::Cancelled(quantity), _) => EventBody::Cancelled { quantity: *quantity, reason: "user" },
        (Outcome::Reduced(remaining), _) => EventBody::Reduced { remaining: *remaining },
        (Outcome::Refused(refusal), _) => EventBody::Rejected { code: refusal.code, reason: &refusal.reason },
        (Outcome::Entered(_), _) => unreachable!("orders alone come in"),
    };
    messages.event(stored, market, &event(0, true, body))
}

/// Say what an order did that came in: accepted first, then its fills, and last what of it left.
fn tell_entered<'a>(
    stored: &Stored,
    order: &New<'a>,
    entered: &Entered,
    market: &Market,
    messages: &mut Messages<'_>,
    event: impl Fn(u32, bool, EventBody<'a>) -> Event<'a>,
) -> PyResult<()> {
    let side = wire_side(order.side);
    let last = entered.fills.len() as u32 + u32::from(entered.unfilled > 0.0);
    let accepted = Accepted {
        side,
        quantity: order.quantity,
        price: order.price,
        resting: entered.resting,
        client_order_id: order.name,
    };
    messages.event(stored, market, &event(0, last == 0, EventBody::Accepted(accepted)))?;
    for (pos, &Fill { price, quantity, maker_order_id, maker_user_id, .. }) in (1u32..).zip(&entered.fills) {
        let fill = FillEvent { side, price, quantity, maker_order_id, maker_user_id };
        let event = event(pos, pos == last, EventBody::Fill(fill));
        messages.event(stored, market, &event)?;
        messages.trade(market, &event, &fill)?;
    }
    if entered.unfilled > 0.0 {
        let body = EventBody::Cancelled { quantity: entered.unfilled, reason: entered.reason };
        messages.event(stored, market, &event(last, true, body))?;
    }
    Ok(())
}

/// The shard that decides an instrument's orders, as `cift.core.shards.shard_of` says: the CRC-32 of its name.
fn shard_of(symbol: &str, shards: u32) -> u32 {
    let crc = symbol.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    !crc % shards
}
