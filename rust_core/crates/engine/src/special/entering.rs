//! Orders that come in where something is special: they, or the book.

use super::pegs::{Peg, Pegged};
use crate::arena::{Order, Slot};
use crate::book::Book;
use crate::error::BookError;
use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::matching::Taker;
use crate::orders::{Limit, PostOnly, Terms};
use crate::rare::END_OF_AUCTION;
use crate::types::{Lots, OrderId, Phase, Side, Ticks, TimeInForce, UserId};

impl Book {
    /// What special terms contradict.
    #[cold]
    pub(crate) fn check_special(&self, terms: &Terms) -> Result<(), BookError> {
        let contradiction = |field, other| Err(BookError::Contradiction { field, other });
        if !terms.tif.rests() && (terms.hidden || terms.all_or_none) {
            return Err(BookError::NeverRests { field: if terms.hidden { "hidden" } else { "all_or_none" } });
        }
        if terms.display.is_some() {
            let field = if terms.hidden {
                "hidden"
            } else if terms.all_or_none {
                "all_or_none"
            } else {
                "reduce_only"
            };
            return contradiction(field, "display_quantity");
        }
        if !terms.all_or_none {
            return Ok(());
        }
        let others = [
            (terms.post_only != PostOnly::No, "post_only"),
            (terms.min_quantity > 0, "min_quantity"),
            (terms.reduce_only, "reduce_only"),
            // An auction's orders trade in part.
            (terms.tif.auction().is_some(), "tif"),
        ];
        match others.into_iter().find(|(given, _)| *given) {
            Some((_, other)) => contradiction("all_or_none", other),
            None => Ok(()),
        }
    }

    /// Whether a good-till-date order's date lies ahead.
    #[inline]
    pub(crate) fn check_date(&self, terms: &Terms) -> Result<(), BookError> {
        let Terms { tif, expires, .. } = *terms;
        if tif == TimeInForce::Gtd && (expires <= self.now || expires >= END_OF_AUCTION) {
            return Err(BookError::Expired(expires, self.now));
        }
        Ok(())
    }

    /// Whether that much more fits on a side, everything counted.
    pub(crate) fn check_room_special(&self, side: Side, quantity: Lots) -> Result<(), BookError> {
        let apart = self.quantity_apart(side).ok_or(BookError::SideOverflow(quantity))?;
        let shown = self.ladder(side).quantity().checked_add(self.rares.hidden(side));
        match shown.and_then(|sum| sum.checked_add(apart)).and_then(|sum| sum.checked_add(quantity)) {
            Some(_) => Ok(()),
            None => Err(BookError::SideOverflow(quantity)),
        }
    }

    /// What a reduce-only order may be at most; says what is cut off. Other orders stay as they are.
    pub(super) fn cut_to_position(
        &self,
        order: OrderId,
        user: UserId,
        side: Side,
        quantity: Lots,
        reduce_only: bool,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        if !reduce_only {
            return Ok(quantity);
        }
        let most = quantity.min(self.reducible(user, side));
        if most == 0 {
            return Err(BookError::NothingToReduce(order));
        }
        if most < quantity {
            let (quantity, reason) = (quantity - most, CancelReason::ReduceOnly);
            sink.emit(Event::Cancel(Cancel { order, user, side, quantity, reason }));
        }
        Ok(most)
    }

    /// `enter_limit` for special terms, or in a book with a special part.
    #[cold]
    pub(crate) fn enter_special(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let mut order = *order;
        let Limit { id, user, side, .. } = order;
        self.check_room_special(side, order.quantity)?;
        let takes_at = match self.phase {
            Phase::Continuous => self.takes_at(side, order.price, order.quantity),
            _ => None,
        };
        if let Some(best) = takes_at {
            order.price = self.price_of_post_only(&order, best)?;
        }
        order.quantity = self.cut_to_position(id, user, side, order.quantity, order.terms.reduce_only, sink)?;
        let mut taker = Taker { limit: Some(order.price), ..Taker::new(id, user, side, order.quantity) };
        if takes_at.is_some() && order.terms.post_only == PostOnly::No {
            let whole = order.terms.tif == TimeInForce::Fok || order.terms.all_or_none;
            let at_once = if whole { order.quantity } else { order.terms.min_quantity };
            if at_once == 0 || self.can_fill(&taker, at_once) {
                self.take(&mut taker, sink);
            } else if !order.terms.all_or_none {
                order.terms.tif = TimeInForce::Ioc;
            }
        } else if takes_at.is_none() && order.terms.min_quantity > 0 {
            order.terms.tif = TimeInForce::Ioc;
        }
        let left = taker.quantity;
        if left == 0 {
            return Ok(0);
        }
        if !order.terms.tif.rests() {
            taker.tell_cancel(left, CancelReason::Unfilled, sink);
            return Ok(0);
        }
        let rare = order.rare(left);
        let quantity = left - rare.map_or(0, |rare| rare.reserve);
        let post_only = order.terms.post_only != PostOnly::No;
        self.rest(&Order { quantity, post_only, ..taker.rest() }, rare, sink);
        Ok(left)
    }

    /// The price of an order that would take at `best`: its own, if it may take, or one tick before.
    fn price_of_post_only(&self, order: &Limit, best: Ticks) -> Result<Ticks, BookError> {
        let before = if order.side == Side::Buy { best - 1 } else { best + 1 };
        match order.terms.post_only {
            PostOnly::No => Ok(order.price),
            PostOnly::Reprice if order.price <= 0 || before > 0 => Ok(before),
            PostOnly::Reprice | PostOnly::Reject => Err(BookError::WouldTake(order.id)),
        }
    }

    /// `modify` in a book with a special part; the price of a pegged order is its limit.
    #[cold]
    pub(crate) fn modify_special(
        &mut self,
        slot: Slot,
        price: Option<Ticks>,
        quantity: Option<Lots>,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let old = self.arena.get(slot);
        let Order { id, user, side, .. } = old;
        let (open, rare) = (self.open(&old), self.rare(&old));
        let old_price = match rare.peg {
            Some(peg) => peg.limit,
            None => Some(old.price),
        };
        let (price, quantity) = (price.or(old_price), quantity.unwrap_or(open));
        if price == old_price && quantity <= open {
            return if quantity == open { Ok(open) } else { self.reduce(id, open - quantity, sink) };
        }
        self.check_open()?;
        self.check_room_special(side, quantity)?;
        let terms = rare.terms(old.post_only);
        let left = match (rare.peg, price) {
            (Some(peg), limit) => {
                self.remove(slot, sink);
                self.enter_pegged(&Pegged { id, user, side, quantity, peg: Peg { limit, ..peg }, terms }, sink)?
            }
            (None, price) => {
                let price = price.unwrap_or(old.price);
                if old.post_only && self.would_take(side, price, quantity) {
                    return Err(BookError::WouldTake(id));
                }
                self.remove(slot, sink);
                self.enter_limit(&Limit { id, user, side, price, quantity, terms }, sink)?
            }
        };
        self.carry_out_fired(sink);
        Ok(left)
    }
}
