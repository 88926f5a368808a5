//! What can be asked of a book.

use crate::arena::{Order, Slot};
use crate::book::Book;
use crate::ladder::Level;
use crate::rare::Rare;
use crate::stops::Parked;
use crate::types::{Lots, Nanos, OrderId, Phase, SelfTrade, Side, Ticks};

impl Book {
    /// What happens when a user meets themself.
    #[must_use]
    pub const fn self_trade(&self) -> SelfTrade {
        self.self_trade
    }

    /// The time that commands have brought.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// What may happen.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The price of the last trade.
    #[must_use]
    pub const fn last(&self) -> Option<Ticks> {
        self.last
    }

    /// The stops that have not fired, those entered first before others.
    pub fn stops(&self) -> impl Iterator<Item = &Parked> {
        self.stops.iter()
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
    pub fn order(&self, id: OrderId) -> Option<Order> {
        self.ids.get(&self.arena, id).map(|slot| self.arena.get(slot))
    }

    /// What is left of a resting order, whether it shows or not.
    #[inline]
    #[must_use]
    pub fn open(&self, order: &Order) -> Lots {
        if order.rare { order.quantity + self.rares.get(order.id).reserve } else { order.quantity }
    }

    /// How many orders, and how many lots that could trade before any reserve, come before an order at its price: all of
    /// the classes before its own, too. `None` for a pegged order without a price.
    #[must_use]
    pub fn ahead(&self, id: OrderId) -> Option<(usize, Lots)> {
        let slot = self.ids.get(&self.arena, id)?;
        if self.is_apart(&self.arena.get(slot)) {
            return self.ahead_apart(slot);
        }
        Some(self.lots_ahead(slot))
    }

    /// How many orders, and how many lots, come before an order in its own queue.
    pub(crate) fn lots_ahead(&self, slot: Slot) -> (usize, Lots) {
        self.arena.ahead(slot).fold((0, 0), |(n, lots), order| (n + 1, lots + order.quantity))
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
    pub fn queue(&self, side: Side) -> impl Iterator<Item = Order> {
        self.levels(side).flat_map(|(_, level)| self.arena.queue(level.ends))
    }

    /// The uncommon part of an order; the default for a plain one.
    pub(crate) fn rare(&self, order: &Order) -> Rare {
        if order.rare { self.rares.get(order.id) } else { Rare::default() }
    }

    /// Have the processor fetch the place of an id that a coming command names, so that a book of millions need not wait
    /// for its memory. Only a hint; best some ten commands ahead.
    #[inline]
    pub fn fetch_id(&self, id: OrderId) {
        self.ids.prefetch(id);
    }

    /// Have the processor fetch an order that a coming command names, some commands after `fetch_id`.
    #[inline]
    pub fn fetch_order(&self, id: OrderId) {
        if let Some(slot) = self.ids.likely(id) {
            self.arena.prefetch(slot);
        }
    }
}
