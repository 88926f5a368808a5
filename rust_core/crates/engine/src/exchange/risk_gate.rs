//! The risk engine beside books that somebody else keeps: asked before an order goes into its book, told after what the
//! book said. It judges as the exchange does, by the same code.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Refusal;
use super::admission::{Admission, Change, owned};
use super::command::{Command, Op};
use super::entry::Entry;
use super::listener::{Own, hear};
use crate::event::Event;
use crate::instrument::Instrument;
use crate::orders::{Incoming, Stop};
use crate::risk::{Order, Reason, Risk, RiskError, RiskState, StateError};
use crate::types::{MAX_TICKS, Nanos, Side, Ticks, UserId};

/// Why bytes are no gate.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum GateError {
    /// The bytes say nothing.
    #[error("snapshot is damaged: symbols and limits can't be read")]
    Unreadable,
    /// No risk engine could be in this state.
    #[error(transparent)]
    Risk(#[from] StateError),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Symbol {
    name: String,
    tick_size: f64,
    lot_size: f64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    symbols: Vec<Symbol>,
    risk: RiskState,
}

/// What passed and is with its book now.
#[derive(Clone, Copy, Debug)]
enum Passed {
    Order(Admission),
    Change(Change),
}

/// Limits and what everybody has, for books by the names of their symbols.
#[derive(Clone, Debug)]
pub struct RiskGate {
    symbols: Vec<Symbol>,
    numbers: HashMap<String, u32>,
    /// The limits, and who has what.
    pub risk: Risk,
    passed: Option<(u32, Passed)>,
}

impl Default for RiskGate {
    fn default() -> Self {
        Self { symbols: Vec::new(), numbers: HashMap::new(), risk: Risk::new(true), passed: None }
    }
}

impl RiskGate {
    /// The symbols that are open.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.symbols.iter().map(|symbol| symbol.name.as_str()).filter(|name| !name.is_empty())
    }

    /// The number of a symbol.
    #[must_use]
    pub fn number(&self, symbol: &str) -> Option<u32> {
        self.numbers.get(symbol).copied()
    }

    /// The tick and the lot of the symbol with this number.
    #[must_use]
    pub fn grid(&self, symbol: u32) -> (f64, f64) {
        let Symbol { tick_size, lot_size, .. } = self.symbols[symbol as usize];
        (tick_size, lot_size)
    }

    /// Open a symbol, or give one without orders another grid; what was counted is counted on the new one. One that can't
    /// be counted is no longer open.
    ///
    /// # Errors
    /// When a tick times a lot is not a whole number of 10^-12 of the currency.
    pub fn open(&mut self, name: &str, tick_size: f64, lot_size: f64) -> Result<u32, RiskError> {
        let symbol = Symbol { name: name.to_owned(), tick_size, lot_size };
        if let Some(number) = self.number(name) {
            let (old_tick, old_lot) = self.grid(number);
            if (old_tick, old_lot) != (tick_size, lot_size) {
                if let Err(error) = self.risk.regrid(number, (old_tick, old_lot), (tick_size, lot_size)) {
                    // Nobody may take what is counted on the old grid for the new one's.
                    self.numbers.remove(name);
                    self.symbols[number as usize].name.clear();
                    return Err(error);
                }
                self.symbols[number as usize] = symbol;
            }
            return Ok(number);
        }
        let number = self.risk.add_symbol(tick_size, lot_size)?;
        self.numbers.insert(name.to_owned(), number);
        self.symbols.push(symbol);
        Ok(number)
    }

    /// Take over what there was before any limit: positions in lots, which cost what the symbol traded at last, and what
    /// rests in the book.
    ///
    /// # Errors
    /// A symbol that is not open.
    pub fn adopt(&mut self, symbol: u32, instrument: &Instrument, positions: &[(UserId, i64)]) -> Result<(), Reason> {
        let (book, risk) = (&instrument.book, &mut self.risk);
        let last = book.last();
        for (user, lots) in positions.iter().filter(|(_, lots)| *lots != 0) {
            risk.adopt_position(*user, symbol, *lots, last.unwrap_or(0))?;
        }
        if let Some(last) = last {
            risk.trade(symbol, last);
        }
        for side in [Side::Buy, Side::Sell] {
            let mark = risk.mark(symbol).unwrap_or(0);
            for order in book.queue(side).chain(book.unseen(side)) {
                let price = book.peg(&order).map_or(order.price, |peg| peg.limit.unwrap_or(mark));
                let (user, lots) = (order.user, book.open(&order));
                let adopted = Order { user, symbol, side, price, collared: false, worth: price, lots };
                risk.adopt_order(&adopted, order.id, book.reduces_only(&order))?;
            }
        }
        for stop in book.stops() {
            let reduces = matches!(&stop.order, Incoming::Limit(limit) if limit.terms.reduce_only);
            let stop = Stop { order: stop.order, trigger: stop.trigger, trail: 0 };
            let order = Entry::Stop(stop).order(symbol, book, risk);
            risk.adopt_order(&Order { price: order.worth, ..order }, stop.order.id(), reduces)?;
        }
        Ok(())
    }

    /// A command comes: time passes, and what the one before left open is forgotten.
    pub fn begin(&mut self, now: Nanos) {
        self.risk.advance(now);
        self.passed = None;
    }

    /// Judge a new order. Returns the worst price that the book may let it trade at, if it is a market order that collars
    /// bound.
    ///
    /// # Errors
    /// What is against it.
    pub fn check(&mut self, op: Op, command: &Command, instrument: &Instrument) -> Result<Option<Ticks>, Refusal> {
        let admission = Admission::of(op, command, instrument, &mut self.risk)?;
        self.passed = Some((command.symbol, Passed::Order(admission)));
        let lowest = if instrument.negative_prices { -MAX_TICKS } else { 1 };
        Ok(admission.bound().map(|price| price.clamp(lowest, MAX_TICKS)))
    }

    /// Judge a change of a live order.
    ///
    /// # Errors
    /// What is against it.
    pub fn check_change(&mut self, command: &Command, instrument: &Instrument) -> Result<(), Refusal> {
        let change = Change::of(command, instrument, &mut self.risk)?;
        self.passed = Some((command.symbol, Passed::Change(change)));
        Ok(())
    }

    /// Count the message that a cancel or a reduction of a live order is.
    ///
    /// # Errors
    /// An order that is not live, or not the user's.
    pub fn count_message(&mut self, command: &Command) -> Result<(), Refusal> {
        owned(&self.risk, command)?;
        Ok(self.risk.count_message(command.user_id, command.symbol)?)
    }

    /// A symbol's book did something and said `events`, fills first; what passed and went into it is settled.
    pub fn settle(&mut self, symbol: u32, instrument: &Instrument, events: impl Iterator<Item = Event>) {
        let passed = self.passed.take_if(|(of, _)| *of == symbol).map(|(_, passed)| passed);
        let mut own: Option<Own> = match &passed {
            Some(Passed::Order(admission)) => Some(admission.own()),
            Some(Passed::Change(change)) => change.own(),
            None => None,
        };
        for event in events {
            hear(&mut self.risk, &mut own, symbol, &event);
        }
        match (passed, own) {
            (Some(Passed::Order(admission)), Some(own)) => {
                admission.settle(own, &instrument.book, &mut self.risk);
            }
            (Some(Passed::Change(change)), own) => change.settle(own, symbol, &mut self.risk),
            _ => {}
        }
    }

    /// What was expected and found, where a new order was refused for this reason just now.
    #[must_use]
    pub fn explain(&mut self, reason: Reason, op: Op, command: &Command, instrument: &Instrument) -> String {
        let entry = Entry::read(op, command, instrument).ok();
        let entry = entry.and_then(|entry| entry.protect(&mut self.risk, command.symbol).ok());
        match entry {
            Some(entry) => {
                let order = entry.order(command.symbol, &instrument.book, &self.risk);
                self.risk.explain(reason, &order, 0, instrument)
            }
            None => reason.code().replace('_', " "),
        }
    }

    /// The same of a change.
    #[must_use]
    pub fn explain_change(&self, reason: Reason, command: &Command, instrument: &Instrument) -> String {
        match Change::order_of(command, instrument, &self.risk) {
            Ok((order, _)) => self.risk.explain(reason, &order, command.order_id, instrument),
            Err(_) => reason.code().replace('_', " "),
        }
    }

    /// Everything, as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let head = Head { symbols: self.symbols.clone(), risk: self.risk.state() };
        postcard::to_stdvec(&head).expect("plain data in memory")
    }

    /// A number that two gates share exactly when they would judge the same from here on.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        Self::hash_of(&self.snapshot())
    }

    /// The `state_hash` of the gate that a snapshot was taken of.
    #[must_use]
    pub fn hash_of(snapshot: &[u8]) -> u64 {
        xxh3_64(snapshot)
    }

    /// A gate from its bytes.
    ///
    /// # Errors
    /// When they are not those of a possible gate.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, GateError> {
        let head: Head = postcard::from_bytes(bytes).map_err(|_| GateError::Unreadable)?;
        let grids: Vec<_> = head.symbols.iter().map(|symbol| (symbol.tick_size, symbol.lot_size)).collect();
        let risk = Risk::from_state(&head.risk, &grids)?;
        let named = (0..).zip(&head.symbols).filter(|(_, symbol)| !symbol.name.is_empty());
        let numbers = named.map(|(number, symbol)| (symbol.name.clone(), number)).collect();
        Ok(Self { symbols: head.symbols, numbers, risk, passed: None })
    }
}
