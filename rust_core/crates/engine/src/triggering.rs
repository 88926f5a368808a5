//! Stops in a book: entering them, and carrying out what fired.

use std::collections::BTreeSet;

use crate::book::Book;
use crate::error::BookError;
use crate::event::{CancelReason, Event, Sink, Trigger};
use crate::orders::{Incoming, Stop};
use crate::types::{Lots, OrderId, Side, UserId};

/// Who may not trade at the moment. No order of theirs should come in; a stop that waits already doesn't ask anybody.
#[derive(Clone, Debug, Default)]
pub struct Barred {
    /// Nobody may.
    pub everybody: bool,
    /// These may not.
    pub users: BTreeSet<UserId>,
}

impl Barred {
    fn has(&self, user: UserId) -> bool {
        self.everybody || self.users.contains(&user)
    }
}

impl Book {
    /// From now on a stop of those who are barred is cancelled when it fires; all other orders are left alone. This is
    /// no part of a snapshot: who decides it says it again.
    pub fn set_barred(&mut self, barred: Barred) {
        self.barred = barred;
    }

    /// Let an order wait until a trade reaches its trigger; one that the last trade has reached already does not wait.
    /// Returns what rests of it in the book.
    ///
    /// # Errors
    /// A live id, a trailing stop before any trade, terms that contradict each other, or a book that is halted.
    pub fn add_stop(&mut self, stop: &Stop, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let mut stop = *stop;
        let (id, side) = (stop.order.id(), stop.order.side());
        self.check_open()?;
        self.check_new(id)?;
        if let Incoming::Limit(limit) = &stop.order {
            self.check_terms(limit)?;
            // An auction's end is what fires stops: an order for that auction alone would come too late.
            if limit.terms.tif.auction().is_some() {
                return Err(BookError::NoAuction);
            }
        }
        if stop.trail > 0 {
            let last = self.last.ok_or(BookError::NoTradeYet(id))?;
            stop.trigger = if side == Side::Buy { last + stop.trail } else { last - stop.trail };
        }
        self.stops.insert(&stop);
        self.rares.watch(id, stop.order.end_of_life());
        // As if the last trade happened once more: only this stop can be waiting for it.
        if let Some(last) = self.last {
            self.stops.trade(last);
            self.carry_out_fired(sink);
        }
        Ok(self.order(id).map_or(0, |order| self.open(&order)))
    }

    /// Tell the stops of a trade.
    #[inline]
    pub(crate) fn traded(&mut self, price: i64) {
        self.last = Some(price);
        if !self.stops.is_empty() {
            self.stops.trade(price);
        }
    }

    /// Carry out what has fired, and what that fires in turn; then let orders with a special part come to rest.
    #[inline]
    pub(crate) fn carry_out_fired(&mut self, sink: &mut impl Sink) {
        if !self.stops.is_empty() || self.special.is_some() {
            self.carry_out_all(sink);
        }
    }

    #[cold]
    fn carry_out_all(&mut self, sink: &mut impl Sink) {
        self.carry_out_stops(sink);
        while self.settle_once(sink) {
            self.carry_out_stops(sink);
        }
    }

    fn carry_out_stops(&mut self, sink: &mut impl Sink) {
        while let Some(parked) = self.stops.next_fired() {
            let order = parked.order;
            self.rares.unwatch(order.id(), order.end_of_life());
            sink.emit(Event::Trigger(Trigger { order: order.id(), user: order.user(), side: order.side() }));
            if self.barred.has(order.user()) || !sink.may_fire(order.user()) {
                order.tell_cancel(CancelReason::KillSwitch, sink);
                continue;
            }
            let outcome = match &order {
                Incoming::Market(market) => self.enter_market(market, sink),
                Incoming::Limit(limit) => self.enter_limit(limit, sink).map(|_| ()),
            };
            if outcome.is_err() {
                order.tell_cancel(CancelReason::Refused, sink);
            }
        }
    }

    /// Cancel a stop that has not fired.
    pub(crate) fn cancel_stop(&mut self, id: OrderId, reason: CancelReason, sink: &mut impl Sink) -> Option<Lots> {
        let parked = self.stops.remove(id)?;
        self.rares.unwatch(id, parked.order.end_of_life());
        parked.order.tell_cancel(reason, sink);
        Some(parked.order.quantity())
    }
}
