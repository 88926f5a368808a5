//! The order book: price, then time.

use crate::arena::{Arena, Cell, Order, Slot};
use crate::change::ChangeKind;
use crate::error::BookError;
use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::ladder::Ladder;
use crate::matching::Taker;
use crate::order_index::OrderIndex;
use crate::orders::{Limit, Market, PostOnly, Terms};
use crate::plain::Plain;
use crate::rare::{Class, Rare, Rares};
use crate::special::Special;
use crate::stops::Stops;
use crate::triggering::Barred;
use crate::types::{Lots, Nanos, OrderId, Phase, SelfTrade, Side, Ticks, TimeInForce};

/// One instrument's resting orders.
#[derive(Clone, Debug)]
pub struct Book {
    /// Bids, then asks: by the side's number, so that sides drawn by chance mislead no branch.
    pub(crate) sides: [Ladder; 2],
    pub(crate) arena: Arena,
    pub(crate) ids: OrderIndex,
    pub(crate) rares: Rares,
    pub(crate) stops: Stops,
    pub(crate) last: Option<Ticks>,
    pub(crate) phase: Phase,
    pub(crate) now: Nanos,
    pub(crate) self_trade: SelfTrade,
    pub(crate) trades: u64,
    pub(crate) changes: u64,
    pub(crate) barred: Barred,
    /// What few books have; one without it pays a test for it, and no more.
    pub(crate) special: Option<Box<Special>>,
}

/// How far an id is from the one whose place is fetched along with it: a few lines of the index.
const NEXT: OrderId = 8;

/// Two empty sides.
pub(crate) fn sides() -> [Ladder; 2] {
    [Ladder::new(Side::Buy), Ladder::new(Side::Sell)]
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(self_trade: SelfTrade) -> Self {
        Self {
            sides: sides(),
            arena: Arena::default(),
            ids: OrderIndex::default(),
            rares: Rares::default(),
            stops: Stops::default(),
            last: None,
            phase: Phase::Continuous,
            now: 0,
            self_trade,
            trades: 0,
            changes: 0,
            barred: Barred::default(),
            special: None,
        }
    }

    /// Take what the order can, then let the rest live as its time in force says. Returns what rests.
    ///
    /// # Errors
    /// A live id, terms that contradict each other or the phase, a post-only order that would take, or a side that
    /// would overflow.
    #[inline]
    pub fn add_limit(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        if !order.terms.plain() || !self.is_plain() {
            return self.add_with_terms(order, sink);
        }
        let Limit { id, user, side, price, quantity, terms } = *order;
        // Ids usually come from a counter: one of the next orders will look there. (A batch sees for itself.)
        self.fetch_id(id.wrapping_add(NEXT));
        self.add_plain(&Plain { id, user, side, price, quantity, rests: terms.tif.rests() }, sink)
    }

    #[inline(never)]
    fn add_with_terms(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        self.check_open()?;
        self.check_new(order.id)?;
        self.check_terms(order)?;
        let left = self.enter_limit(order, sink)?;
        self.carry_out_fired(sink);
        Ok(left)
    }

    /// `add_limit` after its checks, and before what it fires.
    pub(crate) fn enter_limit(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, BookError> {
        if self.special.is_some() || order.terms.special() {
            return self.enter_special(order, sink);
        }
        self.check_room(order.side, order.quantity)?;
        let mut order = *order;
        let Limit { id, user, side, price, quantity, .. } = order;
        let mut taker = Taker { limit: Some(price), ..Taker::new(id, user, side, quantity) };
        if self.phase == Phase::Continuous && self.crosses(order.side, order.price) {
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
            &Order {
                price: order.price,
                quantity: left - rare.map_or(0, |rare| rare.reserve),
                post_only: order.terms.post_only != PostOnly::No,
                ..taker.rest()
            },
            rare,
            sink,
        );
        Ok(left)
    }

    /// Take whatever is there; the rest is cancelled.
    ///
    /// # Errors
    /// A live id, or a book that does not trade continuously.
    pub fn add_market(&mut self, order: &Market, sink: &mut impl Sink) -> Result<(), BookError> {
        self.check_open()?;
        self.check_new(order.id)?;
        self.enter_market(order, sink)?;
        self.carry_out_fired(sink);
        Ok(())
    }

    /// `add_market` after its checks, and before what it fires.
    pub(crate) fn enter_market(&mut self, order: &Market, sink: &mut impl Sink) -> Result<(), BookError> {
        if self.auction().is_some() {
            return Err(BookError::InAuction { field: "price" });
        }
        let Market { id, user, side, quantity } = *order;
        let mut taker = Taker::new(id, user, side, quantity);
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
        if self.auction().is_some() {
            return Err(BookError::InAuction { field: "price" });
        }
        match self.best(side.opposite()) {
            Some(price) => self.add_limit(&Limit { id, user, side, price, quantity, terms: Terms::default() }, sink),
            None => self.add_market(order, sink).map(|()| 0),
        }
    }

    /// Take an order out of the book; returns what was left of it.
    ///
    /// # Errors
    /// No such live order.
    #[inline]
    pub fn cancel(&mut self, id: OrderId, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let left = match self.ids.get(&self.arena, id) {
            Some(slot) if !self.arena.cell(slot).rare => self.cancel_plain(slot, sink),
            Some(slot) => self.cancel_slot(slot, CancelReason::User, sink),
            None => self.cancel_stop(id, CancelReason::User, sink).ok_or(BookError::UnknownOrder(id))?,
        };
        self.carry_out_fired(sink);
        Ok(left)
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), BookError> {
        if self.phase == Phase::Halted { Err(BookError::Halted) } else { Ok(()) }
    }

    #[inline]
    pub(crate) fn check_new(&self, id: OrderId) -> Result<(), BookError> {
        if self.ids.get(&self.arena, id).is_some() || self.stops.contains(id) {
            return Err(BookError::DuplicateOrderId(id));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn check_terms(&self, order: &Limit) -> Result<(), BookError> {
        let Terms { tif, post_only, display, min_quantity, .. } = order.terms;
        if !tif.rests() {
            if post_only != PostOnly::No {
                return Err(BookError::NeverRests { field: "post_only" });
            }
            if display.is_some() {
                return Err(BookError::NeverRests { field: "display_quantity" });
            }
        }
        if tif.auction().is_some() && tif.auction() != self.auction() {
            return Err(BookError::NoAuction);
        }
        if self.auction().is_some() {
            if !tif.rests() {
                return Err(BookError::InAuction { field: "tif" });
            }
            if post_only != PostOnly::No {
                return Err(BookError::InAuction { field: "post_only" });
            }
            if min_quantity > 0 {
                return Err(BookError::InAuction { field: "min_quantity" });
            }
        }
        if min_quantity > order.quantity {
            return Err(BookError::MinQuantity(min_quantity));
        }
        if order.terms.special() {
            self.check_special(&order.terms)?;
        }
        self.check_date(&order.terms)
    }

    /// Whether an order of this side and price would take.
    #[inline]
    pub(crate) fn crosses(&self, side: Side, price: Ticks) -> bool {
        // On the other side the same price has the opposite key.
        self.ladder(side.opposite()).best_or_none() >= -self.ladder(side).key(price)
    }

    /// One tick before the price that the order would take; an order with a positive price keeps one.
    fn before_the_best(&self, order: &Limit) -> Result<Ticks, BookError> {
        let best = self.best(order.side.opposite()).unwrap_or(order.price);
        let price = if order.side == Side::Buy { best - 1 } else { best + 1 };
        if order.price > 0 && price <= 0 { Err(BookError::WouldTake(order.id)) } else { Ok(price) }
    }

    #[inline]
    pub(crate) fn check_room(&self, side: Side, quantity: Lots) -> Result<(), BookError> {
        let resting = self.ladder(side).quantity();
        match resting.checked_add(self.rares.hidden(side)).and_then(|open| open.checked_add(quantity)) {
            Some(_) => Ok(()),
            None => Err(BookError::SideOverflow(quantity)),
        }
    }

    /// Put an order at the end of its queue.
    #[inline]
    pub(crate) fn rest(&mut self, order: &Order, rare: Option<Rare>, sink: &mut impl Sink) {
        if let Some(rare) = rare {
            if rare.class != Class::Shown || rare.reduce_only {
                return self.rest_special(order, rare, sink);
            }
            self.rares.insert(order.id, order.side, rare);
        }
        self.link(&Order { rare: rare.is_some(), ..*order }, sink);
    }

    /// Put an order, with its uncommon part at hand, at the end of its queue.
    pub(crate) fn link(&mut self, order: &Order, sink: &mut impl Sink) {
        let Order { id, user, price, quantity, side, post_only, rare } = *order;
        let vacancy = self.ids.new_vacancy(&mut self.arena, id);
        self.settle(vacancy, side, price, Cell { id, user, quantity, entry: 0, post_only, rare }, sink);
    }

    /// Take `by` off what an order has in its queue, which is more.
    #[inline]
    pub(crate) fn lessen(&mut self, slot: Slot, by: Lots, sink: &mut impl Sink) {
        let order = self.arena.get(slot);
        if self.is_apart(&order) {
            return self.lessen_apart(slot, by);
        }
        self.lessen_shown(order.side, slot, by, sink);
    }

    /// `lessen` of an order that shows, on this side.
    #[inline(always)]
    pub(crate) fn lessen_shown(&mut self, side: Side, slot: Slot, by: Lots, sink: &mut impl Sink) {
        let (ladder, arena) = self.side_mut(side);
        ladder.reduce(arena, slot, by);
        self.changes += 1;
        if sink.wants_changes() {
            let order = self.arena.get(slot);
            self.tell_change(ChangeKind::Reduce, &order, order.quantity, sink);
        }
    }

    /// Forget a resting order.
    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot, sink: &mut impl Sink) {
        let (side, rare) = (self.arena.place(slot).0, self.arena.cell(slot).rare);
        if rare && self.is_apart(&self.arena.get(slot)) {
            self.remove_apart(slot);
            return;
        }
        self.remove_shown(side, slot, sink);
    }

    /// Forget a resting order that shows, on this side.
    #[inline(always)]
    pub(crate) fn remove_shown(&mut self, side: Side, slot: Slot, sink: &mut impl Sink) {
        let price = self.arena.place(slot).1;
        let &Cell { id, user, quantity, entry, post_only, rare } = self.arena.cell(slot);
        let Self { sides, arena, ids, .. } = self;
        ids.remove(entry, id);
        sides[side as usize].unlink_known(arena, slot, price, quantity, |entry, slot| ids.moved(entry, slot));
        if rare {
            self.forget_rare(id, side);
        }
        self.changes += 1;
        if sink.wants_changes() {
            let order = Order { id, user, price, quantity: 0, side, post_only, rare };
            self.tell_change(ChangeKind::Remove, &order, 0, sink);
        }
    }

    /// Take an order out and say so; returns what was left of it.
    #[inline]
    pub(crate) fn cancel_slot(&mut self, slot: Slot, reason: CancelReason, sink: &mut impl Sink) -> Lots {
        let order = self.arena.get(slot);
        let open = self.open(&order);
        self.remove(slot, sink);
        order.tell_cancel(open, reason, sink);
        open
    }

    #[inline]
    pub(crate) const fn ladder(&self, side: Side) -> &Ladder {
        &self.sides[side as usize]
    }

    /// One side's ladder with the arena that its orders live in.
    #[inline]
    pub(crate) const fn side_mut(&mut self, side: Side) -> (&mut Ladder, &mut Arena) {
        (&mut self.sides[side as usize], &mut self.arena)
    }
}

impl Order {
    pub(crate) fn tell_cancel(&self, quantity: Lots, reason: CancelReason, sink: &mut impl Sink) {
        let Self { id, user, side, .. } = *self;
        sink.emit(Event::Cancel(Cancel { order: id, user, side, quantity, reason }));
    }
}
