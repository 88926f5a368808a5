//! One side of a book: price levels, best first.
//!
//! Both sides use the same code because a price is kept as a key that grows as the price gets better: the price itself
//! for bids, its negative for asks. Levels near the best price live in a window that is searched by bitmap; worse ones
//! live in a tree. The window follows the market: it always covers the best price, and all keys in the tree are worse
//! than those in the window.

use std::collections::BTreeMap;

use crate::arena::{Arena, Cell, Ends, Slot};
use crate::types::{Lots, Side, Ticks};
use crate::window::{WIDTH, Window};

/// A price, so turned that greater is better.
pub type Key = i64;

/// No best price: worse than any key.
const NONE: Key = Key::MIN;
/// Where the best price lies in a window that was just moved: room for a quarter of it to improve.
const ANCHOR: Key = (WIDTH / 4 * 3) as Key;

/// The queue of one price, first come first served.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Its orders.
    pub ends: Ends,
    /// What they add up to.
    pub quantity: Lots,
    /// How many orders.
    pub orders: u32,
}

impl Default for Level {
    fn default() -> Self {
        Self { ends: Ends::NONE, quantity: 0, orders: 0 }
    }
}

/// All levels of one side.
#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    /// Turns prices into keys: 0 for bids, -1 for asks.
    turn: Key,
    best: Key,
    quantity: Lots,
    window: Window,
    far: BTreeMap<Key, Level>,
}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub fn new(side: Side) -> Self {
        let turn = if matches!(side, Side::Buy) { 0 } else { -1 };
        Self { side, turn, best: NONE, quantity: 0, window: Window::new(0), far: BTreeMap::new() }
    }

    /// The key of a price on this side.
    #[inline]
    #[must_use]
    pub const fn key(&self, price: Ticks) -> Key {
        // The price, or its negative, without a branch that sides drawn by chance would mislead.
        (price ^ self.turn) - self.turn
    }

    /// The price of a key: the same turn again.
    #[inline]
    #[must_use]
    pub const fn price(&self, key: Key) -> Ticks {
        self.key(key)
    }

    /// What all orders of this side add up to.
    #[inline]
    #[must_use]
    pub const fn quantity(&self) -> Lots {
        self.quantity
    }

    /// The best key, or one that is worse than every price's.
    #[inline]
    #[must_use]
    pub const fn best_or_none(&self) -> Key {
        self.best
    }

    /// The best key.
    #[inline]
    #[must_use]
    pub const fn best(&self) -> Option<Key> {
        if self.best == NONE { None } else { Some(self.best) }
    }

    /// The first order of the best price, if that is no worse than `worst`.
    #[inline]
    #[must_use]
    pub fn first(&self, arena: &Arena, worst: Key) -> Option<Slot> {
        // The window always covers the best price.
        if self.best == NONE || self.best < worst {
            None
        } else {
            Some(arena.first(&self.window.level(self.best).ends))
        }
    }

    /// The queue of the best price; an empty one if there is none.
    #[inline]
    #[must_use]
    pub fn best_queue(&self) -> Ends {
        if self.best == NONE { Ends::NONE } else { self.window.level(self.best).ends }
    }

    /// The level of a key, if it has orders.
    #[inline]
    #[must_use]
    pub fn level(&self, key: Key) -> Option<&Level> {
        let level = if self.window.covers(key) { Some(self.window.level(key)) } else { self.far.get(&key) };
        level.filter(|level| level.orders > 0)
    }

    /// The levels, best first.
    pub fn iter(&self) -> impl Iterator<Item = (Ticks, &Level)> {
        let near = std::iter::successors(self.window.best(), |key| {
            if *key > self.window.base() { self.window.at_or_below(key - 1) } else { None }
        });
        let near = near.map(|key| (key, self.window.level(key)));
        let far = self.far.iter().rev().map(|(key, level)| (*key, level));
        near.chain(far).map(|(key, level)| (self.price(key), level))
    }

    /// Put an order at the end of its price's queue.
    #[inline(always)]
    pub fn push(&mut self, arena: &mut Arena, price: Ticks, cell: Cell) -> Slot {
        let key = self.key(price);
        if !self.window.covers(key) && !self.make_room(arena, key) {
            // A copy for the rare case alone: the common one has no need of it in memory.
            let Cell { id, user, quantity, entry, post_only, rare } = cell;
            return self.push_far(arena, key, &Cell { id, user, quantity, entry, post_only, rare });
        }
        self.quantity += cell.quantity;
        self.best = self.best.max(key);
        // Marked again when it is already: to ask would cost more.
        self.window.mark(key);
        let level = self.window.level_mut(key);
        level.orders += 1;
        level.quantity += cell.quantity;
        arena.push(&mut level.ends, self.side, price, cell)
    }

    #[cold]
    #[inline(never)]
    fn push_far(&mut self, arena: &mut Arena, key: Key, cell: &Cell) -> Slot {
        self.quantity += cell.quantity;
        let price = self.price(key);
        let level = self.far.entry(key).or_default();
        level.orders += 1;
        level.quantity += cell.quantity;
        arena.push(&mut level.ends, self.side, price, *cell)
    }

    /// Take `by` lots off the order of `slot`, which has at least as many; it keeps its place.
    #[inline]
    pub fn reduce(&mut self, arena: &mut Arena, slot: Slot, by: Lots) {
        let key = self.key(arena.place(slot).1);
        arena.cell_mut(slot).quantity -= by;
        self.quantity -= by;
        self.resting_level(key).quantity -= by;
    }

    /// Take the order of `slot` out of its queue, and its level out of the side when it was the last one. Tells `moved`
    /// of every order that got another slot.
    #[inline(always)]
    pub fn unlink(&mut self, arena: &mut Arena, slot: Slot, moved: impl FnMut(u32, Slot)) {
        let (price, quantity) = (arena.place(slot).1, arena.cell(slot).quantity);
        self.unlink_known(arena, slot, price, quantity, moved);
    }

    /// `unlink` of an order whose price and quantity are at hand.
    #[inline(always)]
    pub fn unlink_known(
        &mut self,
        arena: &mut Arena,
        slot: Slot,
        price: Ticks,
        quantity: Lots,
        moved: impl FnMut(u32, Slot),
    ) {
        let key = self.key(price);
        self.quantity -= quantity;
        let level = self.resting_level(key);
        arena.remove(&mut level.ends, slot, moved);
        level.quantity -= quantity;
        level.orders -= 1;
        if level.orders == 0 {
            self.drop_level(arena, key);
        }
    }

    #[inline]
    fn resting_level(&mut self, key: Key) -> &mut Level {
        if self.window.covers(key) { self.window.level_mut(key) } else { self.far_level(key) }
    }

    #[cold]
    #[inline(never)]
    fn far_level(&mut self, key: Key) -> &mut Level {
        self.far.get_mut(&key).expect("a resting order has a level")
    }

    #[inline]
    fn drop_level(&mut self, arena: &mut Arena, key: Key) {
        if !self.window.covers(key) {
            self.drop_far(arena, key);
            return;
        }
        self.window.clear(key);
        if key == self.best {
            // The next best is nearly always near: the next order that takes waits for no more than that.
            match self.window.just_below(key) {
                Some(next) => self.best = next,
                None => self.find_best(arena),
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn find_best(&mut self, arena: &mut Arena) {
        if self.window.is_empty() {
            self.fetch_far(arena);
        }
        self.best = self.window.best().unwrap_or(NONE);
    }

    #[cold]
    #[inline(never)]
    fn drop_far(&mut self, arena: &mut Arena, key: Key) {
        if let Some(mut level) = self.far.remove(&key) {
            arena.release(&mut level.ends);
        }
    }

    /// The window has run empty: move it to the best of the far levels.
    #[cold]
    #[inline(never)]
    fn fetch_far(&mut self, arena: &mut Arena) {
        if let Some((best, _)) = self.far.last_key_value() {
            self.move_window(arena, best - ANCHOR);
        }
    }

    /// Move the window so that it covers `key`, unless that is too far behind the best price. Returns whether it does.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, arena: &mut Arena, key: Key) -> bool {
        let best = self.best.max(key);
        let near = best - key <= ANCHOR;
        if near {
            self.move_window(arena, best - ANCHOR);
        }
        near
    }

    fn move_window(&mut self, arena: &mut Arena, base: Key) {
        let far = &mut self.far;
        self.window.slide(base, |key, level| {
            far.insert(key, level);
        });
        // Levels that have got a place come in; none of them is better than the window covers.
        while let Some(entry) = self.far.last_entry().filter(|entry| *entry.key() >= base) {
            let (key, level) = entry.remove_entry();
            let place = self.window.level_mut(key);
            arena.release(&mut place.ends);
            *place = level;
            self.window.mark(key);
        }
    }
}
