//! Commands of traders: orders in, changed and out.

use super::admission::{Admission, Change, owned};
use super::command::{Command, EventRecord, Op};
use super::listener::Listener;
use super::{Exchange, Refusal};
use crate::book::Book;
use crate::event::CancelReason;
use crate::risk::{Order, Reason, Risk};
use crate::types::OrderId;

impl Exchange {
    /// Let the time of a command come to its symbol, whose dated orders may leave.
    #[inline]
    fn bring_time(&mut self, symbol: u32, events: &mut Vec<EventRecord>) -> Result<(), Reason> {
        let market = self.markets.get_mut(symbol as usize).ok_or(Reason::UnknownSymbol)?;
        let now = self.risk.now();
        if market.instrument.book.now() < now {
            let mut listener = Listener::new(&mut self.risk, None, symbol, &market.instrument, events);
            market.instrument.book.advance(now, &mut listener);
        }
        Ok(())
    }

    /// A new order; returns what lives on of it.
    #[inline]
    pub(super) fn new_order(
        &mut self,
        op: Op,
        command: &Command,
        events: &mut Vec<EventRecord>,
    ) -> Result<f64, Refusal> {
        let symbol = command.symbol;
        self.bring_time(symbol, events)?;
        let instrument = &mut self.markets[symbol as usize].instrument;
        let admission = Admission::of(op, command, instrument, &mut self.risk)?;
        let watched = admission.reduce_only.then(|| watch(&mut instrument.book, &self.risk, &admission.order));
        let mut listener = Listener::new(&mut self.risk, Some(admission.own()), symbol, instrument, events);
        if let Err(error) = admission.entry.enter(&mut instrument.book, &mut listener) {
            if watched == Some(false) {
                instrument.book.watch(command.user_id, None);
            }
            return Err(error.into());
        }
        let own = listener.own.unwrap_or_else(|| admission.own());
        let left = admission.settle(own, &instrument.book, &mut self.risk);
        Ok(instrument.quantity(left))
    }

    /// Another price, another quantity left, or both; returns what lives on. One that only shrinks passes always.
    pub(super) fn modify(&mut self, command: &Command, events: &mut Vec<EventRecord>) -> Result<f64, Refusal> {
        let (symbol, id) = (command.symbol, command.order_id);
        self.bring_time(symbol, events)?;
        let instrument = &mut self.markets[symbol as usize].instrument;
        let change = Change::of(command, instrument, &mut self.risk)?;
        let own = change.own();
        let mut listener = Listener::new(&mut self.risk, own, symbol, instrument, events);
        let left = instrument.book.modify(id, change.price, change.lots, &mut listener)?;
        let own = listener.own;
        let left = own.map_or(left, |own| own.left);
        change.settle(own, symbol, &mut self.risk);
        Ok(instrument.quantity(left))
    }

    /// A cancel or a reduction: always passes, if the order is the user's.
    pub(super) fn take_away(
        &mut self,
        op: Op,
        command: &Command,
        events: &mut Vec<EventRecord>,
    ) -> Result<(), Refusal> {
        let (symbol, id) = (command.symbol, command.order_id);
        self.bring_time(symbol, events)?;
        owned(&self.risk, command)?;
        self.risk.count_message(command.user_id, symbol)?;
        let instrument = &mut self.markets[symbol as usize].instrument;
        let by = if op == Op::Reduce { Some(instrument.lots("quantity", command.quantity)?) } else { None };
        let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
        match by {
            None => instrument.book.cancel(id, &mut listener)?,
            Some(by) => instrument.book.reduce(id, by, &mut listener)?,
        };
        Ok(())
    }

    /// Cancel an order whoever it belongs to; what follows from it waits.
    pub(super) fn cancel(&mut self, symbol: u32, id: OrderId, events: &mut Vec<EventRecord>) {
        let instrument = &mut self.markets[symbol as usize].instrument;
        let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
        instrument.book.drop_by_id(id, CancelReason::User, &mut listener);
    }
}

/// Let the book keep count of the user's position, which is the risk engine's; returns whether it already did.
fn watch(book: &mut Book, risk: &Risk, order: &Order) -> bool {
    let known = book.position(order.user).is_some();
    if !known {
        book.watch(order.user, Some(risk.account(order.user, order.symbol).position));
    }
    known
}
