//! A book's commands as an exchange's rows, which have a column for everything that an order can be.

use crate::batch::{EventRow, Rows};
use crate::change::Change;
use crate::error::BookError;
use crate::exchange::command::given;
use crate::exchange::entry::Entry;
use crate::exchange::{Command, EVERY_SIDE, EVERY_USER, Op};
use crate::instrument::Instrument;
use crate::orders::Filter;
use crate::types::{Lots, Phase};

impl Instrument {
    /// `submit_batch` for an exchange's rows, as far as they are about books: orders of all types, cancels, time, phases,
    /// and positions. A row's `time`, where it is later than the book's, comes first; its `symbol` is ignored. Changes go
    /// behind `changes`, if given.
    pub fn submit_wide(&mut self, commands: &[Command], events: &mut Vec<EventRow>, changes: Option<&mut Vec<Change>>) {
        let mut rows = Rows::new(self, events, changes);
        for (number, command) in (0..).zip(commands) {
            rows.begin(number);
            let Command { order_id, user_id, side, .. } = *command;
            let outcome = self.submit_one(command, &mut rows);
            rows.end(side, order_id, user_id, outcome);
        }
    }

    /// Carry out one command; returns what rests where that is news.
    fn submit_one(&mut self, command: &Command, sink: &mut Rows<'_>) -> Result<Option<Lots>, BookError> {
        let (value, expected) = (command.op.into(), "0 to 14, as in an exchange, but for those of its staff");
        let op = Op::from_code(command.op).ok_or(BookError::BadChoice { field: "op", value, expected })?;
        if command.time > self.book.now() {
            self.book.advance(command.time, sink);
        }
        let id = command.order_id;
        match op {
            Op::Limit | Op::Market | Op::MarketToLimit | Op::Stop | Op::Notional | Op::Pegged => {
                let entry = Entry::read(op, command, self)?;
                return entry.enter(&mut self.book, sink).map(Some);
            }
            Op::Cancel => return self.book.cancel(id, sink).map(|_| None),
            Op::Reduce => return self.reduce(id, command.quantity, sink).map(|_| None),
            Op::Modify => return self.modify(id, given(command.price), given(command.quantity), sink).map(Some),
            Op::MassCancel => {
                let side = if command.side == EVERY_SIDE { None } else { Some(command.side()?) };
                let user = (command.user_id != EVERY_USER).then_some(command.user_id);
                let low = given(command.price).map(|price| self.named_ticks("price", price)).transpose()?;
                let high = given(command.trigger).map(|price| self.named_ticks("trigger", price)).transpose()?;
                self.book.cancel_all(&Filter { user, side, low, high }, sink);
            }
            Op::Advance => {}
            Op::EndOfDay => self.book.end_of_day(sink),
            Op::SetPhase => {
                let (value, expected) = (command.flags.into(), Phase::CODES);
                let phase = Phase::from_code(command.flags);
                self.book.set_phase(phase.ok_or(BookError::BadChoice { field: "flags", value, expected })?, sink)?;
            }
            Op::Uncross => {
                let reference = given(command.price).map(|price| self.ticks(price)).transpose()?;
                self.book.uncross(reference, sink);
            }
            Op::SetPosition => self.set_position(command.user_id, given(command.quantity), sink)?,
            _ => return Err(BookError::BadChoice { field: "op", value, expected }),
        }
        Ok(Some(0))
    }
}
