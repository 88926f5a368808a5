//! What stands behind a `FastOrderBook`.

use std::sync::MutexGuard;

use cift_engine::change::Change;
use cift_engine::error::BookError;
use cift_engine::event::{self, Event, Sink};
use cift_engine::instrument::Instrument;
use cift_engine::types::OrderId;
use pyo3::prelude::*;

use crate::arguments::reason_name;
use crate::errors::order_error;
use crate::fill::Fill;

/// `(order_id, quantity, reason)` of everything cancelled.
pub type Cancels = Vec<(OrderId, f64, &'static str)>;

/// What the last command caused; the room is used again and again.
#[derive(Default)]
pub struct Outcome {
    fills: Vec<event::Fill>,
    cancels: Vec<event::Cancel>,
    triggers: Vec<event::Trigger>,
    /// What changed since somebody asked last, if anybody wants to know.
    changes: Option<Vec<Change>>,
}

impl Outcome {
    /// An empty one; with `changes` it collects those, too.
    pub fn new(changes: bool) -> Self {
        Self { changes: changes.then(Vec::new), ..Self::default() }
    }

    /// Give the room back that what is in it does not need: a mass cancel takes some for every order.
    pub fn shrink(&mut self) {
        self.fills.shrink_to_fit();
        self.cancels.shrink_to_fit();
        self.triggers.shrink_to_fit();
        if let Some(changes) = &mut self.changes {
            changes.shrink_to_fit();
        }
    }

    /// Whether the last command matched anything.
    #[inline]
    pub fn filled(&self) -> bool {
        !self.fills.is_empty()
    }

    /// What the last command caused: fills, then what was cancelled.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        let fills = self.fills.iter().copied().map(Event::Fill);
        fills.chain(self.cancels.iter().copied().map(Event::Cancel))
    }

    /// Where changes go, if anybody wants to know.
    pub fn changes(&mut self) -> Option<&mut Vec<Change>> {
        self.changes.as_mut()
    }
}

impl Sink for Outcome {
    #[inline]
    fn wants_changes(&self) -> bool {
        self.changes.is_some()
    }

    #[cold]
    fn change(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    #[inline]
    fn emit(&mut self, event: Event) {
        match event {
            Event::Fill(fill) => self.fills.push(fill),
            Event::Cancel(cancel) => self.cancels.push(cancel),
            Event::Trigger(trigger) => self.triggers.push(trigger),
        }
    }
}

/// The state behind one book.
pub struct State {
    /// The instrument with its book.
    pub instrument: Instrument,
    /// What the last command caused.
    pub outcome: Outcome,
}

impl State {
    /// The instrument and an emptied outcome, to carry out a command.
    #[inline]
    pub fn begin(&mut self) -> (&mut Instrument, &mut Outcome) {
        self.outcome.fills.clear();
        self.outcome.cancels.clear();
        self.outcome.triggers.clear();
        (&mut self.instrument, &mut self.outcome)
    }

    /// What the last command matched.
    pub fn fills(&self) -> Vec<Fill> {
        let instrument = &self.instrument;
        let fills = self.outcome.fills.iter().map(|fill| Fill {
            price: instrument.price(fill.price),
            quantity: instrument.quantity(fill.quantity),
            maker_order_id: fill.maker,
            maker_user_id: fill.maker_user,
            taker_order_id: fill.taker,
            taker_user_id: fill.taker_user,
            taker_side: fill.side,
        });
        fills.collect()
    }

    /// What the last command cancelled.
    pub fn cancels(&self) -> Cancels {
        let cancels = self.outcome.cancels.iter();
        cancels
            .map(|cancel| (cancel.order, self.instrument.quantity(cancel.quantity), reason_name(cancel.reason)))
            .collect()
    }

    /// The stops that the last command fired.
    pub fn triggers(&self) -> Vec<OrderId> {
        self.outcome.triggers.iter().map(|trigger| trigger.order).collect()
    }
}

/// What a command filled, or why it was refused. The lock goes before the first Python object comes: making one may start a
/// garbage collection, and that runs what a program likes, which may want this book.
pub fn told<T>(py: Python<'_>, state: MutexGuard<'_, State>, done: Result<T, BookError>) -> PyResult<Vec<Fill>> {
    let fills = done.map(|_| state.fills());
    drop(state);
    fills.map_err(|error| order_error(py, &error))
}
