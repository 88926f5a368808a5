//! The order book: price, then time.

use crate::arena::{Arena, Order, Slot};
use crate::error::BookError;
use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::ids::IdIndex;
use crate::ladder::Ladder;
use crate::matching::Taker;
use crate::orders::{Filter, Limit, Market, PostOnly, Terms};
use crate::rare::{END_OF_DAY, Rare, Rares};
use crate::types::{Lots, Nanos, OrderId, SelfTrade, Side, Ticks, TimeInForce};

/// One instrument's resting orders.
#[derive(Clone, Debug)]
pub struct Book {
    pub(crate) bids: Ladder,
    pub(crate) asks: Ladder,
    pub(crate) arena: Arena,
    pub(crate) ids: IdIndex,
    pub(crate) rares: Rares,
    pub(crate) now: Nanos,
    pub(crate) self_trade: SelfTrade,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(self_trade: SelfTrade) -> Self {
        Self {
            bids: Ladder::new(Side::Buy),
            asks: Ladder::new(Side::Sell),
            arena: Arena::default(),
            ids: IdIndex::default(),
            rares: Rares::default(),
            now: 0,
            self_trade,
        }
    }

    /// Take what the order can, then let the rest live as its time in force says. Returns what rests.
    ///
    /// # Errors
    /// A live id, terms that contradict each other, a post-only order that would take, or a side that would overflow.
    pub fn add_limit(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        if self.ids.get(order.id).is_some() {
            return Err(BookError::DuplicateOrderId(order.id));
        }
        self.check_room(order.side, order.quantity)?;
        self.check_terms(order)?;
        let mut order = *order;
        let mut taker = Taker {
            id: order.id,
            user: order.user,
            side: order.side,
            limit: Some(order.price),
            quantity: order.quantity,
        };
        if self.crosses(order.side, order.price) {
            match order.terms.post_only {
                PostOnly::No => {
                    let at_once =
                        if order.terms.tif == TimeInForce::Fok { order.quantity } else { order.terms.min_quantity };
                    if at_once == 0 || self.can_fill(&taker, at_once) {
                        self.take(&mut taker, sink);
                    } else {
                        order.terms.tif = TimeInForce::Ioc;
                    }
                }
                PostOnly::Reject => return Err(BookError::WouldTake(order.id)),
                PostOnly::Reprice => order.price = self.before_the_best(&order)?,
            }
        } else if order.terms.min_quantity > 0 {
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
        self.rest(
            Order {
                price: order.price,
                quantity: left - rare.map_or(0, |rare| rare.reserve),
                post_only: order.terms.post_only != PostOnly::No,
                ..taker.rest()
            },
            rare,
        );
        Ok(left)
    }

    /// Take whatever is there; the rest is cancelled.
    ///
    /// # Errors
    /// A live id.
    pub fn add_market(&mut self, order: &Market, sink: &mut impl Sink) -> Result<(), BookError> {
        if self.ids.get(order.id).is_some() {
            return Err(BookError::DuplicateOrderId(order.id));
        }
        let Market { id, user, side, quantity } = *order;
        let mut taker = Taker { id, user, side, limit: None, quantity };
        self.take(&mut taker, sink);
        if taker.quantity > 0 {
            taker.tell_cancel(taker.quantity, CancelReason::Unfilled, sink);
        }
        Ok(())
    }

    /// Take at the best price alone; the rest becomes a limit order there. Without any price it is cancelled. Returns
    /// what rests.
    ///
    /// # Errors
    /// A live id, or a side that would overflow.
    pub fn add_market_to_limit(&mut self, order: &Market, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let Market { id, user, side, quantity } = *order;
        match self.best(side.opposite()) {
            Some(price) => self.add_limit(&Limit { id, user, side, price, quantity, terms: Terms::default() }, sink),
            None => self.add_market(order, sink).map(|()| 0),
        }
    }

    /// Take an order out of the book; returns what was left of it.
    ///
    /// # Errors
    /// No such live order.
    pub fn cancel(&mut self, id: OrderId, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let slot = self.ids.get(id).ok_or(BookError::UnknownOrder(id))?;
        Ok(self.cancel_slot(slot, CancelReason::User, sink))
    }

    /// Cancel every order that fits, bids before asks, in the order in which they would trade. Returns how many.
    pub fn cancel_all(&mut self, filter: &Filter, sink: &mut impl Sink) -> usize {
        let Filter { user, side, low, high } = *filter;
        let sides = [Side::Buy, Side::Sell].into_iter().filter(|each| side.is_none_or(|side| side == *each));
        let ids: Vec<OrderId> = sides
            .flat_map(|side| self.queue(side))
            .filter(|order| user.is_none_or(|user| user == order.user))
            .filter(|order| low.is_none_or(|low| low <= order.price) && high.is_none_or(|high| high >= order.price))
            .map(|order| order.id)
            .collect();
        for id in &ids {
            let _ = self.cancel(*id, sink);
        }
        ids.len()
    }

    /// Take `by` lots off an order, which keeps its place; what does not show goes first. All of it goes, if it has no
    /// more. Returns what is left.
    ///
    /// # Errors
    /// No such live order.
    pub fn reduce(&mut self, id: OrderId, by: Lots, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let slot = self.ids.get(id).ok_or(BookError::UnknownOrder(id))?;
        let order = *self.arena.get(slot);
        let open = self.open(&order);
        if by >= open {
            self.cancel_slot(slot, CancelReason::User, sink);
            return Ok(0);
        }
        let drawn = if order.rare { self.rares.draw(id, order.side, by) } else { 0 };
        if by > drawn {
            let (ladder, arena) = self.side_mut(order.side);
            ladder.reduce(arena, slot, by - drawn);
        }
        order.tell_cancel(by, CancelReason::User, sink);
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
        let slot = self.ids.get(id).ok_or(BookError::UnknownOrder(id))?;
        let old = *self.arena.get(slot);
        let open = self.open(&old);
        let price = price.unwrap_or(old.price);
        let quantity = quantity.unwrap_or(open);
        if price == old.price && quantity <= open {
            return if quantity == open { Ok(open) } else { self.reduce(id, open - quantity, sink) };
        }
        self.check_room(old.side, quantity)?;
        if old.post_only && self.crosses(old.side, price) {
            return Err(BookError::WouldTake(id));
        }
        let rare = self.rare(&old);
        self.remove(slot);
        let terms = Terms {
            tif: match rare.expires {
                0 => TimeInForce::Gtc,
                END_OF_DAY => TimeInForce::Day,
                _ => TimeInForce::Gtd,
            },
            post_only: if old.post_only { PostOnly::Reject } else { PostOnly::No },
            display: (rare.display != 0).then_some(rare.display),
            min_quantity: 0,
            expires: rare.expires,
        };
        self.add_limit(&Limit { id, user: old.user, side: old.side, price, quantity, terms }, sink)
    }

    /// Let time pass: every order whose time is up is cancelled, the earliest first. Time never goes back.
    pub fn advance(&mut self, now: Nanos, sink: &mut impl Sink) {
        self.now = self.now.max(now);
        // The end of the day is not a time that passes.
        self.expire(self.now.min(END_OF_DAY - 1), sink);
    }

    /// The day is over: every order that is good for the day is cancelled.
    pub fn end_of_day(&mut self, sink: &mut impl Sink) {
        self.expire(END_OF_DAY, sink);
    }

    fn expire(&mut self, until: Nanos, sink: &mut impl Sink) {
        while let Some(id) = self.rares.expired(until) {
            let slot = self.ids.get(id).expect("an order that can expire rests");
            self.cancel_slot(slot, CancelReason::Expired, sink);
        }
    }

    fn check_terms(&self, order: &Limit) -> Result<(), BookError> {
        let Terms { tif, post_only, display, min_quantity, expires } = order.terms;
        if !tif.rests() {
            if post_only != PostOnly::No {
                return Err(BookError::NeverRests { field: "post_only" });
            }
            if display.is_some() {
                return Err(BookError::NeverRests { field: "display_quantity" });
            }
        }
        if min_quantity > order.quantity {
            return Err(BookError::MinQuantity(min_quantity));
        }
        if tif == TimeInForce::Gtd && (expires <= self.now || expires == END_OF_DAY) {
            return Err(BookError::Expired(expires, self.now));
        }
        Ok(())
    }

    /// Whether an order of this side and price would take.
    #[inline]
    fn crosses(&self, side: Side, price: Ticks) -> bool {
        let other = self.ladder(side.opposite());
        other.best().is_some_and(|best| best >= other.key(price))
    }

    /// One tick before the price that the order would take; an order with a positive price keeps one.
    fn before_the_best(&self, order: &Limit) -> Result<Ticks, BookError> {
        let best = self.best(order.side.opposite()).unwrap_or(order.price);
        let price = if order.side == Side::Buy { best - 1 } else { best + 1 };
        if order.price > 0 && price <= 0 { Err(BookError::WouldTake(order.id)) } else { Ok(price) }
    }

    #[inline]
    fn check_room(&self, side: Side, quantity: Lots) -> Result<(), BookError> {
        let resting = self.ladder(side).quantity();
        match resting.checked_add(self.rares.hidden(side)).and_then(|open| open.checked_add(quantity)) {
            Some(_) => Ok(()),
            None => Err(BookError::SideOverflow(quantity)),
        }
    }

    /// Put an order at the end of its queue.
    #[inline]
    pub(crate) fn rest(&mut self, order: Order, rare: Option<Rare>) {
        let slot = self.arena.insert(Order { rare: rare.is_some(), ..order });
        self.ids.insert(order.id, slot);
        if let Some(rare) = rare {
            self.rares.insert(order.id, order.side, rare);
        }
        let (ladder, arena) = self.side_mut(order.side);
        ladder.push(arena, slot);
    }

    /// Forget a resting order.
    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot) -> Order {
        let order = *self.arena.get(slot);
        let (ladder, arena) = self.side_mut(order.side);
        ladder.unlink(arena, slot);
        self.ids.remove(order.id);
        self.arena.remove(slot);
        if order.rare {
            self.rares.remove(order.id, order.side);
        }
        order
    }

    /// Take an order out and say so; returns what was left of it.
    #[inline]
    pub(crate) fn cancel_slot(&mut self, slot: Slot, reason: CancelReason, sink: &mut impl Sink) -> Lots {
        let open = self.open(self.arena.get(slot));
        let order = self.remove(slot);
        order.tell_cancel(open, reason, sink);
        open
    }

    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// One side's ladder with the arena that its orders live in.
    #[inline]
    pub(crate) const fn side_mut(&mut self, side: Side) -> (&mut Ladder, &mut Arena) {
        match side {
            Side::Buy => (&mut self.bids, &mut self.arena),
            Side::Sell => (&mut self.asks, &mut self.arena),
        }
    }
}

impl Order {
    pub(crate) fn tell_cancel(&self, quantity: Lots, reason: CancelReason, sink: &mut impl Sink) {
        let Self { id, user, side, .. } = *self;
        sink.emit(Event::Cancel(Cancel { order: id, user, side, quantity, reason }));
    }
}
