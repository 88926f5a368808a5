//! The order book: price, then time.

use crate::arena::{Arena, NIL, Order, Slot};
use crate::error::BookError;
use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::ids::IdIndex;
use crate::ladder::{Ladder, Level};
use crate::matching::Taker;
use crate::types::{Lots, OrderId, SelfTrade, Side, Ticks, TimeInForce, UserId};

/// A limit order as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// The worst price it takes, and the price it rests at; within `MAX_TICKS` of zero.
    pub price: Ticks,
    /// How much.
    pub quantity: Lots,
    /// How long it may live.
    pub tif: TimeInForce,
    /// Refuse it rather than let it take.
    pub post_only: bool,
}

/// A market order as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// How much; what finds no counterpart is cancelled.
    pub quantity: Lots,
}

/// One instrument's resting orders.
#[derive(Clone, Debug)]
pub struct Book {
    pub(crate) bids: Ladder,
    pub(crate) asks: Ladder,
    pub(crate) arena: Arena,
    pub(crate) ids: IdIndex,
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
            self_trade,
        }
    }

    /// What happens when a user meets themself.
    #[must_use]
    pub const fn self_trade(&self) -> SelfTrade {
        self.self_trade
    }

    /// How many orders rest.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.arena.live()
    }

    /// Whether no order rests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A resting order.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.ids.get(id).map(|slot| self.arena.get(slot))
    }

    /// The best price of a side.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Ticks> {
        let ladder = self.ladder(side);
        ladder.best().map(|key| ladder.price(key))
    }

    /// What rests at a price.
    #[must_use]
    pub fn level(&self, side: Side, price: Ticks) -> Option<&Level> {
        let ladder = self.ladder(side);
        ladder.level(ladder.key(price))
    }

    /// A side's levels, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Ticks, &Level)> {
        self.ladder(side).iter()
    }

    /// A side's orders in the order in which they would trade.
    pub fn queue(&self, side: Side) -> impl Iterator<Item = &Order> {
        self.levels(side).flat_map(move |(_, level)| {
            let mut slot = level.head;
            std::iter::from_fn(move || {
                (slot != NIL).then(|| {
                    let order = self.arena.get(slot);
                    slot = order.next;
                    order
                })
            })
        })
    }

    /// Take what the order can, then let the rest live as its time in force says. Returns what rests.
    ///
    /// # Errors
    /// A live id, a post-only order that would take, or a side that would overflow.
    pub fn add_limit(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        if self.ids.get(order.id).is_some() {
            return Err(BookError::DuplicateOrderId(order.id));
        }
        self.check_room(order.side, order.quantity)?;
        if order.post_only {
            if order.tif != TimeInForce::Gtc {
                return Err(BookError::PostOnlyImmediate);
            }
            if self.crosses(order.side, order.price) {
                return Err(BookError::WouldTake(order.id));
            }
        }
        let mut taker = Taker {
            id: order.id,
            user: order.user,
            side: order.side,
            limit: Some(order.price),
            quantity: order.quantity,
        };
        if order.tif != TimeInForce::Fok || self.can_fill(&taker) {
            self.take(&mut taker, sink);
        }
        if taker.quantity == 0 {
            return Ok(0);
        }
        if order.tif != TimeInForce::Gtc {
            Self::tell_cancel(&taker.rest(), taker.quantity, CancelReason::Unfilled, sink);
            return Ok(0);
        }
        self.rest(Order { post_only: order.post_only, ..taker.rest() });
        Ok(taker.quantity)
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
            Self::tell_cancel(&taker.rest(), taker.quantity, CancelReason::Unfilled, sink);
        }
        Ok(())
    }

    /// Take an order out of the book.
    ///
    /// # Errors
    /// No such live order.
    pub fn cancel(&mut self, id: OrderId, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let slot = self.ids.get(id).ok_or(BookError::UnknownOrder(id))?;
        let order = self.remove(slot);
        Self::tell_cancel(&order, order.quantity, CancelReason::User, sink);
        Ok(order.quantity)
    }

    /// Take `by` lots off an order, which keeps its place; all of it, if it has no more. Returns what is left.
    ///
    /// # Errors
    /// No such live order.
    pub fn reduce(&mut self, id: OrderId, by: Lots, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let slot = self.ids.get(id).ok_or(BookError::UnknownOrder(id))?;
        let order = *self.arena.get(slot);
        if by >= order.quantity {
            return self.cancel(id, sink).map(|_| 0);
        }
        let ladder = Self::side_mut(&mut self.bids, &mut self.asks, order.side);
        ladder.reduce(&mut self.arena, slot, by);
        Self::tell_cancel(&order, by, CancelReason::User, sink);
        Ok(order.quantity - by)
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
        let price = price.unwrap_or(old.price);
        let quantity = quantity.unwrap_or(old.quantity);
        if price == old.price && quantity <= old.quantity {
            return if quantity == old.quantity {
                Ok(quantity)
            } else {
                self.reduce(id, old.quantity - quantity, sink)
            };
        }
        self.check_room(old.side, quantity)?;
        if old.post_only && self.crosses(old.side, price) {
            return Err(BookError::WouldTake(id));
        }
        self.remove(slot);
        let Order { user, side, post_only, .. } = old;
        self.add_limit(&Limit { id, user, side, price, quantity, tif: TimeInForce::Gtc, post_only }, sink)
    }

    /// Whether an order of this side and price would take.
    fn crosses(&self, side: Side, price: Ticks) -> bool {
        let other = self.ladder(side.opposite());
        other.best().is_some_and(|best| best >= other.key(price))
    }

    fn check_room(&self, side: Side, quantity: Lots) -> Result<(), BookError> {
        match self.ladder(side).quantity().checked_add(quantity) {
            Some(_) => Ok(()),
            None => Err(BookError::SideOverflow(quantity)),
        }
    }

    /// Put an order at the end of its queue.
    pub(crate) fn rest(&mut self, order: Order) {
        let slot = self.arena.insert(order);
        self.ids.insert(order.id, slot);
        Self::side_mut(&mut self.bids, &mut self.asks, order.side).push(&mut self.arena, slot);
    }

    /// Forget a resting order.
    pub(crate) fn remove(&mut self, slot: Slot) -> Order {
        let order = *self.arena.get(slot);
        Self::side_mut(&mut self.bids, &mut self.asks, order.side).unlink(&mut self.arena, slot);
        self.ids.remove(order.id);
        self.arena.remove(slot);
        order
    }

    pub(crate) fn tell_cancel(order: &Order, quantity: Lots, reason: CancelReason, sink: &mut impl Sink) {
        let Order { id, user, side, .. } = *order;
        sink.emit(Event::Cancel(Cancel { order: id, user, side, quantity, reason }));
    }

    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// One of two ladders, borrowed apart from the rest of the book.
    pub(crate) const fn side_mut<'a>(bids: &'a mut Ladder, asks: &'a mut Ladder, side: Side) -> &'a mut Ladder {
        match side {
            Side::Buy => bids,
            Side::Sell => asks,
        }
    }
}
