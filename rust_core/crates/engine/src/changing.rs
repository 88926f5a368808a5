//! Orders that rest already, given less, or another price and quantity.

use crate::arena::Slot;
use crate::book::Book;
use crate::error::BookError;
use crate::event::{CancelReason, Sink};
use crate::orders::Limit;
use crate::types::{Lots, OrderId, Ticks};

impl Book {
    /// Take `by` lots off an order, which keeps its place; what does not show goes first. All of it goes, if it has no
    /// more. Returns what is left.
    ///
    /// # Errors
    /// No such live order, or a stop that has not fired.
    pub fn reduce(&mut self, id: OrderId, by: Lots, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let slot = self.resting(id)?;
        let order = self.arena.get(slot);
        let open = self.open(&order);
        if by >= open {
            self.cancel_slot(slot, CancelReason::User, sink);
            self.carry_out_fired(sink);
            return Ok(0);
        }
        let drawn = if order.rare { self.rares.draw(id, order.side, by) } else { 0 };
        if by > drawn {
            self.lessen(slot, by - drawn, sink);
        }
        order.tell_cancel(by, CancelReason::User, sink);
        self.carry_out_fired(sink);
        Ok(open - by)
    }

    /// Give an order another price, another quantity left, or both. It keeps its place only if the price stays and the
    /// quantity does not grow; otherwise it comes in anew, and may take. Returns what rests.
    ///
    /// # Errors
    /// No such live order, a post-only order that would take, or a side that would overflow.
    pub fn modify(
        &mut self,
        id: OrderId,
        price: Option<Ticks>,
        quantity: Option<Lots>,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let slot = self.resting(id)?;
        if self.special.is_some() {
            return self.modify_special(slot, price, quantity, sink);
        }
        let old = self.arena.get(slot);
        let open = self.open(&old);
        let price = price.unwrap_or(old.price);
        let quantity = quantity.unwrap_or(open);
        if price == old.price && quantity <= open {
            return if quantity == open { Ok(open) } else { self.reduce(id, open - quantity, sink) };
        }
        self.check_open()?;
        self.check_room(old.side, quantity)?;
        if old.post_only && self.crosses(old.side, price) {
            return Err(BookError::WouldTake(id));
        }
        let terms = self.rare(&old).terms(old.post_only);
        self.remove(slot, sink);
        let order = Limit { id, user: old.user, side: old.side, price, quantity, terms };
        let left = self.enter_limit(&order, sink)?;
        self.carry_out_fired(sink);
        Ok(left)
    }

    fn resting(&self, id: OrderId) -> Result<Slot, BookError> {
        self.ids.get(&self.arena, id).ok_or_else(|| match self.stops.contains(id) {
            true => BookError::NotResting(id),
            false => BookError::UnknownOrder(id),
        })
    }
}
