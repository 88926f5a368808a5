//! Commands of those who run the place: time, phases, switches, limits. They are commands like others, so that a
//! replay makes the same decisions at the same moments.

use super::command::{Command, EVERY_SIDE, EVERY_SYMBOL, EVERY_USER, EventRecord, Op, given};
use super::listener::Listener;
use super::{Exchange, Refusal};
use crate::book::Book;
use crate::error::BookError;
use crate::orders::Filter;
use crate::risk::{Gate, Kind, Limit, Reason, Scope};
use crate::types::Phase;

impl Exchange {
    pub(super) fn staff(&mut self, op: Op, command: &Command, events: &mut Vec<EventRecord>) -> Result<(), Refusal> {
        let named = command.symbol != EVERY_SYMBOL;
        if named && !self.risk.has_symbol(command.symbol) {
            return Err(Reason::UnknownSymbol.into());
        }
        match op {
            Op::MassCancel => self.mass_cancel(command, events),
            Op::Advance => {
                let now = self.risk.now();
                self.in_books(EVERY_SYMBOL, events, |book, listener| book.advance(now, listener));
                Ok(())
            }
            Op::EndOfDay => {
                self.in_books(command.symbol, events, |book, listener| book.end_of_day(listener));
                Ok(())
            }
            Op::SetPhase | Op::Uncross | Op::SetReference if !named => Err(Reason::UnknownSymbol.into()),
            Op::SetPhase => {
                let expected = Phase::CODES;
                let value = command.flags.into();
                let phase = Phase::from_code(command.flags);
                let phase = phase.ok_or(BookError::BadChoice { field: "flags", value, expected })?;
                let mut outcome = Ok(());
                self.in_books(command.symbol, events, |book, listener| outcome = book.set_phase(phase, listener));
                Ok(outcome?)
            }
            Op::Uncross => self.uncross(command, events),
            Op::SetReference => {
                let instrument = &self.markets[command.symbol as usize].instrument;
                let price = given(command.price).map(|price| instrument.ticks(price)).transpose()?;
                self.risk.set_reference(command.symbol, price);
                Ok(())
            }
            Op::SetCash | Op::Authorise if command.user_id == EVERY_USER => Err(Reason::UnauthorisedUser.into()),
            Op::SetCash => Ok(self.risk.set_cash(command.user_id, command.price)?),
            Op::Authorise => {
                let lets_in = command.switch()?;
                self.risk.set_gate(Scope::User(command.user_id), Gate::UNAUTHORISED, !lets_in);
                Ok(())
            }
            _ => self.switch(op, command, events),
        }
    }

    fn switch(&mut self, op: Op, command: &Command, events: &mut Vec<EventRecord>) -> Result<(), Refusal> {
        let scope = command.scope();
        match op {
            Op::SetState => {
                let (value, expected) = (command.flags.into(), "0 active, 1 reducing, 2 halted");
                if value > 2 {
                    return Err(BookError::BadChoice { field: "flags", value, expected }.into());
                }
                self.risk.set_gate(scope, Gate::REDUCING, command.flags == 1);
                self.risk.set_gate(scope, Gate::HALTED, command.flags == 2);
            }
            Op::Kill => {
                let on = command.switch()?;
                self.risk.set_gate(scope, Gate::KILLED, on);
                if on {
                    for (symbol, order) in self.risk.live_orders(scope) {
                        self.cancel(symbol, order, events);
                    }
                    self.in_books(EVERY_SYMBOL, events, |book, listener| book.carry_out_fired(listener));
                }
            }
            Op::Restrict => {
                let on = command.switch()?;
                self.risk.set_gate(scope, Gate::RESTRICTED, on);
            }
            Op::Enable => self.risk.enable(scope),
            _ => {
                let (value, expected) = (command.flags.into(), "the number of a kind of limit");
                let kind = Kind::ALL.get(command.flags as usize).copied();
                let kind = kind.ok_or(BookError::BadChoice { field: "flags", value, expected })?;
                let limit = given(command.price).map(|value| Limit { value, window: command.expires });
                self.risk.set_limit(scope, kind, limit)?;
            }
        }
        Ok(())
    }

    fn mass_cancel(&mut self, command: &Command, events: &mut Vec<EventRecord>) -> Result<(), Refusal> {
        let side = if command.side == EVERY_SIDE { None } else { Some(command.side()?) };
        let user = (command.user_id != EVERY_USER).then_some(command.user_id);
        let (low, high) = (given(command.price), given(command.trigger));
        // Every symbol has its own grid: read all prices before anything is cancelled.
        let numbers = match command.symbol {
            EVERY_SYMBOL => 0..self.markets.len(),
            symbol => symbol as usize..symbol as usize + 1,
        };
        let filters = numbers.map(|number| {
            let instrument = &self.markets[number].instrument;
            let low = low.map(|low| instrument.named_ticks("price", low)).transpose()?;
            let high = high.map(|high| instrument.named_ticks("trigger", high)).transpose()?;
            Ok((number, Filter { user, side, low, high }))
        });
        let filters: Vec<(usize, Filter)> = filters.collect::<Result<_, BookError>>()?;
        for (number, filter) in filters {
            self.in_books(number as u32, events, |book, listener| {
                book.cancel_all(&filter, listener);
            });
        }
        Ok(())
    }

    fn uncross(&mut self, command: &Command, events: &mut Vec<EventRecord>) -> Result<(), Refusal> {
        let instrument = &self.markets[command.symbol as usize].instrument;
        let reference = given(command.price).map(|price| instrument.ticks(price)).transpose()?;
        self.in_books(command.symbol, events, |book, listener| {
            book.uncross(reference, listener);
        });
        Ok(())
    }

    /// Do something to a symbol's book, or to those of all symbols in the order of their numbers.
    fn in_books(
        &mut self,
        symbol: u32,
        events: &mut Vec<EventRecord>,
        mut act: impl FnMut(&mut Book, &mut Listener<'_>),
    ) {
        for (number, market) in (0..).zip(&mut self.markets) {
            if symbol == EVERY_SYMBOL || symbol == number {
                let mut listener = Listener::new(&mut self.risk, None, number, &market.instrument, events);
                act(&mut market.instrument.book, &mut listener);
            }
        }
    }
}
