//! Many books and one risk engine as one machine: one command in, its events out.
//!
//! A command goes through the checks of [`crate::risk`] first, then to its symbol's book; what the book says goes back
//! to the risk engine before it goes out. The machine has no clock and draws no lots: time comes with the command. The
//! same commands give the same events, byte for byte, and the same `state_hash`, on every machine.

mod admission;
pub(crate) mod command;
pub(crate) mod entry;
mod listener;
mod orders;
mod risk_gate;
mod snapshot;
mod staff;

use std::collections::HashMap;

pub use command::{Command, EVERY_SIDE, EVERY_SYMBOL, EVERY_USER, EventRecord, Op};
pub use risk_gate::{GateError, RiskGate};
pub use snapshot::RestoreError;

use crate::error::BookError;
use crate::instrument::Instrument;
use crate::risk::{Reason, Risk, RiskError};
use crate::types::SelfTrade;

/// One symbol.
#[derive(Clone, Debug)]
struct Market {
    symbol: String,
    instrument: Instrument,
}

/// Why a command was refused. A refusal changes nothing but the time, the count of messages and the number of events.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// By a limit or a switch.
    #[error("{}", .0.code())]
    Risk(Reason),
    /// By the book.
    #[error(transparent)]
    Book(#[from] BookError),
    /// A setting that makes no sense.
    #[error(transparent)]
    Setting(#[from] RiskError),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Risk(reason)
    }
}

impl Refusal {
    /// The code of a setting that makes no sense.
    pub const BAD_SETTING: u16 = 512;

    /// The number in a rejected event's `code`: the book's below 256, those of `Reason` from 256 on.
    #[must_use]
    pub const fn number(&self) -> u16 {
        match self {
            Self::Risk(reason) => reason.number(),
            Self::Book(error) => error.number(),
            Self::Setting(_) => Self::BAD_SETTING,
        }
    }
}

/// Books and limits of everybody.
#[derive(Clone, Debug)]
pub struct Exchange {
    markets: Vec<Market>,
    numbers: HashMap<String, u32>,
    /// The limits, and who has what.
    pub risk: Risk,
    /// How many events there were.
    sequence: u64,
}

impl Exchange {
    /// A machine without symbols. With `open_access` everybody may trade; without it, those whom a command authorised.
    #[must_use]
    pub fn new(open_access: bool) -> Self {
        Self { markets: Vec::new(), numbers: HashMap::new(), risk: Risk::new(open_access), sequence: 0 }
    }

    /// Open a symbol; returns its number, counted from zero.
    ///
    /// # Errors
    /// A symbol without a name or with one that is taken, steps that are no positive decimal numbers, or whose product
    /// is no whole number of 10^-12 of the currency.
    pub fn add_symbol(
        &mut self,
        symbol: &str,
        tick_size: f64,
        lot_size: f64,
        self_trade: SelfTrade,
        negative_prices: bool,
    ) -> Result<u32, Refusal> {
        if symbol.is_empty() || self.numbers.contains_key(symbol) {
            let expected = if symbol.is_empty() { "a name" } else { "a name that is not taken" };
            return Err(BookError::BadChoice { field: "symbol", value: self.numbers.len() as u64, expected }.into());
        }
        let instrument = Instrument::new(tick_size, lot_size, self_trade, negative_prices)?;
        let number = self.risk.add_symbol(tick_size, lot_size)?;
        self.markets.push(Market { symbol: symbol.to_owned(), instrument });
        self.numbers.insert(symbol.to_owned(), number);
        Ok(number)
    }

    /// The number of a symbol.
    #[must_use]
    pub fn number(&self, symbol: &str) -> Option<u32> {
        self.numbers.get(symbol).copied()
    }

    /// The symbols, in the order of their numbers.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.markets.iter().map(|market| market.symbol.as_str())
    }

    /// A symbol's instrument and book.
    #[must_use]
    pub fn instrument(&self, symbol: u32) -> Option<&Instrument> {
        self.markets.get(symbol as usize).map(|market| &market.instrument)
    }

    /// Give back the memory that books and limits no longer need. This moves every resting order: for quiet times.
    pub fn shrink(&mut self) {
        for market in &mut self.markets {
            market.instrument.book.shrink();
        }
        self.risk.shrink();
    }

    /// How many events there were.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Carry out commands in order; their events go behind `events`. Each command ends in an accepted or a rejected
    /// event, or for one that only takes away, in its cancelled events.
    pub fn submit_batch(&mut self, commands: &[Command], events: &mut Vec<EventRecord>) {
        for (number, command) in commands.iter().enumerate() {
            // A refusal is among the events.
            let _ = self.submit(command, number as u64, events);
        }
    }

    /// Carry out one command, called `number` in its events.
    ///
    /// # Errors
    /// What the rejected event says.
    #[inline]
    pub fn submit(&mut self, command: &Command, number: u64, events: &mut Vec<EventRecord>) -> Result<(), Refusal> {
        self.risk.advance(command.time);
        let from = events.len();
        let outcome = self.carry_out(command, events);
        match &outcome {
            Ok(None) => {}
            Ok(Some(quantity)) => {
                events.push(EventRecord { kind: EventRecord::ACCEPTED, quantity: *quantity, ..command.end() });
            }
            Err(refusal) => {
                events.push(EventRecord { kind: EventRecord::REJECTED, code: refusal.number(), ..command.end() });
            }
        }
        for event in &mut events[from..] {
            event.sequence = self.sequence;
            event.time = self.risk.now();
            event.command = number;
            self.sequence += 1;
        }
        outcome.map(drop)
    }

    /// Returns what rests, where that is news.
    #[inline]
    fn carry_out(&mut self, command: &Command, events: &mut Vec<EventRecord>) -> Result<Option<f64>, Refusal> {
        let expected = "0 to 7 and 13 for orders, 8 mass cancel, 9 advance, 10 end of day, 11 phase, 12 uncross, 20 to 27 for staff";
        let op = Op::from_code(command.op);
        let op = op.filter(|op| *op != Op::SetPosition);
        let op = op.ok_or(BookError::BadChoice { field: "op", value: command.op.into(), expected })?;
        match op {
            Op::Limit | Op::Market | Op::MarketToLimit | Op::Stop | Op::Notional | Op::Pegged => {
                self.new_order(op, command, events).map(Some)
            }
            Op::Cancel | Op::Reduce => self.take_away(op, command, events).map(|()| None),
            Op::Modify => self.modify(command, events).map(Some),
            _ => self.staff(op, command, events).map(|()| Some(0.0)),
        }
    }
}
