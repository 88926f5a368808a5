//! Plain orders: nothing but price and time decides what becomes of them. Nearly all orders are, and most of those only
//! rest: nothing on their way asks what others may be, and nothing is handed on through memory.

use crate::arena::{Cell, Slot};
use crate::book::Book;
use crate::change::ChangeKind;
use crate::error::BookError;
use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::matching::Taker;
use crate::order_index::Vacancy;
use crate::types::{Lots, OrderId, Phase, Side, Ticks, UserId};

/// A limit order as most are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub id: OrderId,
    pub user: UserId,
    pub side: Side,
    pub price: Ticks,
    pub quantity: Lots,
    /// Whether what does not trade at once rests.
    pub rests: bool,
}

impl Book {
    /// Whether orders trade as they come, and the book has none that need a closer look.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.phase == Phase::Continuous && self.special.is_none()
    }

    /// `add_limit` of a plain order to a plain book.
    #[inline(always)]
    pub(crate) fn add_plain(&mut self, order: &Plain, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let Plain { id, user, side, price, quantity, rests } = *order;
        if self.crosses(side, price) | !rests {
            // A copy for this case alone: the common one has no need of it in memory.
            return self.add_taking(&Plain { id, user, side, price, quantity, rests }, sink);
        }
        let vacancy = self.vacancy(id)?;
        self.check_room(side, quantity)?;
        self.settle(vacancy, side, price, Cell { id, user, quantity, ..Cell::default() }, sink);
        Ok(quantity)
    }

    /// Take an order without an uncommon part out at its owner's wish; returns what was left of it.
    #[inline(always)]
    pub(crate) fn cancel_plain(&mut self, slot: Slot, sink: &mut impl Sink) -> Lots {
        let (side, &Cell { id, user, quantity, .. }) = (self.arena.place(slot).0, self.arena.cell(slot));
        self.remove_shown(side, slot, sink);
        sink.emit(Event::Cancel(Cancel { order: id, user, side, quantity, reason: CancelReason::User }));
        quantity
    }

    #[inline(never)]
    fn add_taking(&mut self, order: &Plain, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let Plain { id, user, side, price, quantity, rests } = *order;
        self.vacancy(id)?;
        self.check_room(side, quantity)?;
        let mut taker = Taker { limit: Some(price), ..Taker::new(id, user, side, quantity) };
        self.take(&mut taker, sink);
        let mut left = taker.quantity;
        if left > 0 && rests {
            let vacancy = self.vacancy(id)?;
            self.settle(vacancy, side, price, Cell { id, user, quantity: left, ..Cell::default() }, sink);
        } else if left > 0 {
            taker.tell_cancel(left, CancelReason::Unfilled, sink);
            left = 0;
        }
        self.carry_out_fired(sink);
        Ok(left)
    }

    /// A place for a new id.
    #[inline(always)]
    fn vacancy(&mut self, id: OrderId) -> Result<Vacancy, BookError> {
        self.ids.make_room(&mut self.arena);
        match self.ids.vacancy(&self.arena, id) {
            Some(vacancy) if !self.stops.contains(id) => Ok(vacancy),
            _ => Err(BookError::DuplicateOrderId(id)),
        }
    }

    /// Put an order at the end of its queue, at a vacancy for its id.
    #[inline(always)]
    pub(crate) fn settle(&mut self, vacancy: Vacancy, side: Side, price: Ticks, cell: Cell, sink: &mut impl Sink) {
        let (ladder, arena) = self.side_mut(side);
        let (id, slot) = (cell.id, ladder.push(arena, price, Cell { entry: vacancy.entry(), ..cell }));
        self.ids.put(vacancy, id, slot);
        self.changes += 1;
        if sink.wants_changes() {
            let order = self.arena.get(slot);
            self.tell_change(ChangeKind::Add, &order, order.quantity, sink);
        }
    }
}
