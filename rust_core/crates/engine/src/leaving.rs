//! Orders that leave without a trade and without being asked for one by one: in masses, or because their time is up.

use crate::book::Book;
use crate::event::{CancelReason, Sink};
use crate::orders::Filter;
use crate::rare::{Class, END_OF_AUCTION};
use crate::types::{Nanos, OrderId, Side};

impl Book {
    /// Cancel every order that fits: bids before asks, in the order in which they would trade, then those that don't show
    /// in the same way, then stops, whose price is their trigger. A pegged order without a price fits no range of prices.
    /// Returns how many.
    pub fn cancel_all(&mut self, filter: &Filter, sink: &mut impl Sink) -> usize {
        let Filter { user, side, low, high } = *filter;
        let sides = [Side::Buy, Side::Sell].into_iter().filter(|each| side.is_none_or(|side| side == *each));
        let fits = |owner, price| {
            user.is_none_or(|user| user == owner)
                && low.is_none_or(|low| low <= price)
                && high.is_none_or(|high| high >= price)
        };
        let unseen = sides.clone().flat_map(|side| self.unseen(side));
        let resting = sides.flat_map(|side| self.queue(side)).chain(unseen).filter(|order| {
            let priced = low.is_none() && high.is_none() || self.class(order) != Class::Asleep;
            priced && fits(order.user, order.price)
        });
        let stops = self.stops().filter(|stop| side.is_none_or(|side| side == stop.order.side()));
        let stops = stops.filter(|stop| fits(stop.order.user(), stop.trigger));
        let ids: Vec<OrderId> = resting.map(|order| order.id).chain(stops.map(|stop| stop.order.id())).collect();
        for id in &ids {
            self.drop_by_id(*id, CancelReason::User, sink);
        }
        self.carry_out_fired(sink);
        ids.len()
    }

    /// Let time pass: every order whose time is up is cancelled, the earliest first. Time never goes back.
    pub fn advance(&mut self, now: Nanos, sink: &mut impl Sink) {
        self.now = self.now.max(now);
        // The ends of auction and day are not times that pass.
        self.expire(self.now.min(END_OF_AUCTION - 1), sink);
    }

    /// The day is over: every order that is good for the day, or for an auction of it, is cancelled. One that has a date
    /// stays until then.
    pub fn end_of_day(&mut self, sink: &mut impl Sink) {
        while let Some(id) = self.rares.for_today() {
            self.drop_by_id(id, CancelReason::Expired, sink);
        }
        self.carry_out_fired(sink);
    }

    fn expire(&mut self, until: Nanos, sink: &mut impl Sink) {
        while let Some(id) = self.rares.expired(until) {
            self.drop_by_id(id, CancelReason::Expired, sink);
        }
        self.carry_out_fired(sink);
    }

    /// Cancel a live order, resting or a stop; what follows from it waits for `carry_out_fired`.
    pub(crate) fn drop_by_id(&mut self, id: OrderId, reason: CancelReason, sink: &mut impl Sink) {
        match self.ids.get(&self.arena, id) {
            Some(slot) => {
                self.cancel_slot(slot, reason, sink);
            }
            None => {
                self.cancel_stop(id, reason, sink);
            }
        }
    }
}
