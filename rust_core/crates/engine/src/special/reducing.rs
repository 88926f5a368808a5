//! Reduce-only orders: they bring their owner's position closer to zero, and never beyond.
//!
//! The book keeps the positions of users that it was told of; every trade of theirs moves them. Of an incoming order what
//! is more than the position goes at once, and all of it is refused when there is nothing to reduce. A resting one trades
//! at most what the position leaves at that moment. After every command the resting ones of a user and side shrink until
//! together they are no more than the position, the newest first. Orders that meet in an auction's end are measured by
//! the positions before it.

use crate::arena::Order;
use crate::book::Book;
use crate::error::BookError;
use crate::event::{CancelReason, Fill, Sink};
use crate::orders::Market;
use crate::types::{Lots, OrderId, Side, TimeInForce, UserId};

impl Book {
    /// Say what a user holds, in lots, negative when short: from now on the book keeps count. `None` forgets the user.
    /// Resting reduce-only orders shrink to what there is to reduce.
    pub fn set_position(&mut self, user: UserId, position: Option<i64>, sink: &mut impl Sink) {
        self.watch(user, position);
        self.carry_out_fired(sink);
    }

    /// `set_position` before what follows from it.
    pub(crate) fn watch(&mut self, user: UserId, position: Option<i64>) {
        if position.is_none() && self.special.is_none() {
            return;
        }
        let special = self.special_mut();
        match position {
            Some(position) => special.positions.insert(user, position.into()),
            None => special.positions.remove(&user),
        };
        special.untrimmed = true;
    }

    /// A market order that only reduces its owner's position; with `to_limit` it takes at the best price that shows
    /// alone, and the rest becomes a limit order there, which only reduces as well. Returns what rests.
    ///
    /// # Errors
    /// Nothing to reduce, and what `add_market` refuses.
    pub fn add_reducing(&mut self, order: &Market, to_limit: bool, sink: &mut impl Sink) -> Result<Lots, BookError> {
        if self.auction().is_some() {
            return Err(BookError::InAuction { field: "price" });
        }
        let mut limit = order.reducing();
        if let Some(best) = self.best(order.side.opposite()).filter(|_| to_limit) {
            (limit.price, limit.terms.tif) = (best, TimeInForce::Gtc);
        }
        self.add_limit(&limit, sink)
    }

    /// What a user holds, if the book keeps count.
    #[must_use]
    pub fn position(&self, user: UserId) -> Option<i128> {
        self.special.as_ref()?.positions.get(&user).copied()
    }

    /// All positions that the book keeps, by user.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (UserId, i128)> {
        self.special.iter().flat_map(|special| special.positions.iter().map(|(user, position)| (*user, *position)))
    }

    /// Whether the book keeps count of a user's position.
    pub(super) fn watches(&self, user: UserId) -> bool {
        self.special.as_ref().is_some_and(|special| special.positions.contains_key(&user))
    }

    /// Whether a resting order is reduce-only.
    #[must_use]
    pub fn reduces_only(&self, order: &Order) -> bool {
        order.rare && self.rares.get(order.id).reduce_only
    }

    /// How much an order of this user and side can reduce the position.
    #[must_use]
    pub fn reducible(&self, user: UserId, side: Side) -> Lots {
        self.reducible_after(user, side, &[])
    }

    /// `reducible` after users have bought (or sold) so much more.
    pub(super) fn reducible_after(&self, user: UserId, side: Side, moved: &[(UserId, i128)]) -> Lots {
        let moved = moved.iter().find(|(known, _)| *known == user).map_or(0, |(_, moved)| *moved);
        let position = self.position(user).unwrap_or(0) + moved;
        let against = if side == Side::Buy { -position } else { position };
        Lots::try_from(against.max(0)).unwrap_or(Lots::MAX)
    }

    /// A trade moves the positions of its two users.
    #[inline]
    pub(crate) fn move_positions(&mut self, fill: &Fill) {
        let Some(special) = &mut self.special else { return };
        let bought = i128::from(fill.quantity);
        let bought = if fill.side == Side::Buy { bought } else { -bought };
        for (user, moved) in [(fill.taker_user, bought), (fill.maker_user, -bought)] {
            if let Some(position) = special.positions.get_mut(&user) {
                *position += moved;
                special.untrimmed = true;
            }
        }
    }

    /// Shrink resting reduce-only orders to what there is to reduce; returns whether any did.
    pub(super) fn trim(&mut self, sink: &mut impl Sink) -> bool {
        let due = self.special.as_mut().is_some_and(|special| std::mem::take(&mut special.untrimmed));
        if !due {
            return false;
        }
        let excesses = self.excesses();
        for (id, excess) in excesses.iter().rev() {
            let Some(slot) = self.ids.get(&self.arena, *id) else { continue };
            let order = self.arena.get(slot);
            if *excess == order.quantity {
                self.cancel_slot(slot, CancelReason::ReduceOnly, sink);
            } else {
                self.lessen(slot, *excess, sink);
                order.tell_cancel(*excess, CancelReason::ReduceOnly, sink);
            }
        }
        !excesses.is_empty()
    }

    /// By how much resting reduce-only orders exceed what there is to reduce, those that came first before others.
    pub(super) fn excesses(&self) -> Vec<(OrderId, Lots)> {
        // The oldest keep what they can: what is left for the newest is what goes.
        let mut rooms: Vec<(UserId, Side, Lots)> = Vec::new();
        let mut excesses = Vec::new();
        for each in self.special.iter().flat_map(|special| &special.numbered).filter(|each| each.reduce_only) {
            let Some(order) = self.order(each.id) else { continue };
            let known = rooms.iter().position(|(user, side, _)| (*user, *side) == (order.user, order.side));
            let known = known.unwrap_or_else(|| {
                rooms.push((order.user, order.side, self.reducible(order.user, order.side)));
                rooms.len() - 1
            });
            let room = &mut rooms[known].2;
            let kept = order.quantity.min(*room);
            *room -= kept;
            if kept < order.quantity {
                excesses.push((each.id, order.quantity - kept));
            }
        }
        excesses
    }
}
