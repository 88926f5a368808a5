//! The orders of a feed, and where they are: in a dense arena, found by their reference number without a hash.
//!
//! An exchange counts reference numbers up, and most orders live shortly: those that live are neighbours. An index of
//! pages of 64 numbers says where each order is, a directory where the page of a number is, and a page whose orders are
//! all gone serves other numbers. The directory grows with the orders seen, not with their numbers: an order whose
//! number is far ahead of that is found through a hash map.
//!
//! An order whose place has been found before is known again by its number: no two have the same one, and a place that
//! is free has no shares.

use std::collections::HashMap;

use crate::memory::{self, Large};

/// A place of an order.
pub type Slot = u32;
/// No place, no page.
pub const NIL: u32 = u32::MAX;

const PAGE: usize = 64;
/// How many runs the directory may span at once, and how many more for each order seen.
const RUNS_AT_FIRST: u64 = 1 << 18;
const RUNS_PER_ORDER: u64 = 16;

/// An order in a feed's book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(32))]
pub struct Order {
    /// The exchange's number.
    pub reference: u64,
    /// When it came, in nanoseconds since midnight.
    pub timestamp: u64,
    /// What is left of it.
    pub shares: u32,
    /// Its level.
    pub(super) level: u32,
    /// The order before it in its queue.
    pub(super) prev: Slot,
    /// The order behind it.
    pub(super) next: Slot,
}

/// What a run of numbers has.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its page.
    page: u32,
    /// How many of its orders live.
    live: u32,
}

impl Entry {
    const NONE: Self = Self { page: NIL, live: 0 };
}

/// All orders of a feed.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Each order one place behind its slot. What is in front is nobody's, and what `NIL` leads to: to write a link there
    /// costs less than to ask whether there is a neighbour, which no processor can guess.
    slots: Large<Order>,
    /// The first free place; the next one is its `next`.
    free: Slot,
    len: usize,
    /// Pages of places.
    index: Large<[Slot; PAGE]>,
    free_pages: Vec<u32>,
    /// What runs of numbers have.
    directory: Large<Entry>,
    far: HashMap<u64, Slot>,
    seen: u64,
}

impl Default for Orders {
    fn default() -> Self {
        let mut slots = Large::default();
        slots.push(Order { reference: 0, timestamp: 0, shares: 0, level: 0, prev: NIL, next: NIL });
        Self {
            slots,
            free: NIL,
            len: 0,
            index: Large::default(),
            free_pages: Vec::new(),
            directory: Large::default(),
            far: HashMap::new(),
            seen: 0,
        }
    }
}

/// The run of a reference number, and its place there.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)]
const fn place(reference: u64) -> (usize, usize) {
    (reference as usize / PAGE, reference as usize % PAGE)
}

/// Where a slot is.
#[inline(always)]
const fn behind(slot: Slot) -> usize {
    slot.wrapping_add(1) as usize
}

impl Orders {
    /// How many orders live.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where an order is.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, reference: u64) -> Option<Slot> {
        let (run, at) = place(reference);
        let page = self.directory.get(run).map_or(NIL, |entry| entry.page);
        let slot = self.index.get(page as usize).map_or(NIL, |page| page[at]);
        if slot != NIL {
            return Some(slot);
        }
        if self.far.is_empty() { None } else { self.far.get(&reference).copied() }
    }

    /// Where an order is that may be in this place.
    #[inline(always)]
    pub fn find_near(&self, reference: u64, hint: Slot) -> Option<Slot> {
        match self.slots.get(behind(hint)) {
            Some(order) if order.reference == reference && order.shares > 0 => Some(hint),
            _ => self.find(reference),
        }
    }

    /// Have the part of the directory that knows a number's page fetched into the cache.
    #[inline(always)]
    pub fn fetch_directory(&self, reference: u64) {
        memory::fetch(&self.directory, place(reference).0);
    }

    /// The page of a number.
    #[inline(always)]
    pub fn page(&self, reference: u64) -> u32 {
        self.directory.get(place(reference).0).map_or(NIL, |entry| entry.page)
    }

    /// Have the part of a page that knows an order fetched into the cache.
    #[inline(always)]
    pub fn fetch_place(&self, page: u32, reference: u64) {
        if let Some(page) = self.index.get(page as usize) {
            memory::fetch(page, place(reference).1);
        }
    }

    /// Where a page says that an order is.
    #[inline(always)]
    pub fn in_page(&self, page: u32, reference: u64) -> Slot {
        self.index.get(page as usize).map_or(NIL, |page| page[place(reference).1])
    }

    /// Have an order fetched into the cache.
    #[inline(always)]
    pub fn fetch(&self, slot: Slot) {
        memory::fetch(&self.slots, behind(slot));
    }

    /// The order in a place; nobody's, without shares, in none.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, slot: Slot) -> &Order {
        &self.slots[behind(slot)]
    }

    /// The order in a place, to change; whatever one does to nobody's.
    #[inline(always)]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slots[behind(slot)]
    }

    /// Put in an order, whose reference number must not be here. The place freed last is the likeliest in cache.
    #[inline(always)]
    pub fn insert(&mut self, order: Order) -> Slot {
        let slot = self.free;
        let slot = if slot == NIL {
            self.slots.push(order);
            u32::try_from(self.slots.len() - 2).ok().filter(|slot| *slot != NIL).expect("fewer than 2^32 orders")
        } else {
            let free = &mut self.slots[behind(slot)];
            self.free = free.next;
            *free = order;
            slot
        };
        self.len += 1;
        self.seen += 1;
        let (run, at) = place(order.reference);
        if self.directory.get(run).is_none_or(|entry| entry.page == NIL) && !self.new_page(run) {
            self.far.insert(order.reference, slot);
            return slot;
        }
        let entry = &mut self.directory[run];
        entry.live += 1;
        self.index[entry.page as usize][at] = slot;
        slot
    }

    /// Free the place of an order.
    #[inline(always)]
    pub fn remove(&mut self, slot: Slot) {
        let order = &mut self.slots[behind(slot)];
        let reference = order.reference;
        order.next = self.free;
        order.shares = 0;
        self.free = slot;
        self.len -= 1;
        let (run, at) = place(reference);
        if let Some(entry) = self.directory.get_mut(run) {
            if let Some(page) = self.index.get_mut(entry.page as usize).filter(|page| page[at] == slot) {
                page[at] = NIL;
                entry.live -= 1;
                if entry.live == 0 {
                    self.free_pages.push(entry.page);
                    entry.page = NIL;
                }
                return;
            }
        }
        self.far.remove(&reference);
    }

    /// Give a run of numbers a page; not when they are far ahead.
    #[inline(never)]
    fn new_page(&mut self, run: usize) -> bool {
        if run >= self.directory.len() {
            let most = usize::try_from(RUNS_AT_FIRST + RUNS_PER_ORDER * self.seen).unwrap_or(usize::MAX);
            if run >= most {
                return false;
            }
            self.directory.lengthen((self.directory.len() * 2).min(most).max(run + 1), Entry::NONE);
        }
        let page = self.free_pages.pop().unwrap_or_else(|| {
            self.index.push([NIL; PAGE]);
            // No more pages than orders: each has one at least.
            u32::try_from(self.index.len() - 1).expect("fewer than 2^32 pages")
        });
        self.directory[run] = Entry { page, live: 0 };
        // The next run of numbers comes soon: its page is as good as random, and has to be here by then.
        if let Some(next) = self.free_pages.last().and_then(|next| self.index.get(*next as usize)) {
            next.chunks(16).for_each(|line| memory::fetch(line, 0));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(reference: u64) -> Order {
        Order { reference, timestamp: 0, shares: 1, level: 0, prev: NIL, next: NIL }
    }

    #[test]
    fn agrees_with_the_standard_map() {
        let (mut orders, mut model) = (Orders::default(), HashMap::new());
        let mut state = 7_u64;
        for round in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = state >> 33;
            // Near ones, far ones, and ones that are far at first and near later.
            let reference = match draw % 4 {
                0 | 1 => round / 8 + draw % 64,
                2 => u64::MAX - draw % 64,
                _ => 18_000_000 + draw % 64,
            };
            assert_eq!(orders.find(reference), model.get(&reference).copied());
            if let Some(slot) = model.remove(&reference) {
                orders.remove(slot);
            } else {
                model.insert(reference, orders.insert(order(reference)));
            }
            assert_eq!(orders.len(), model.len());
        }
        for (reference, slot) in model {
            assert_eq!(orders.find(reference), Some(slot));
            assert_eq!(orders.get(slot).reference, reference);
        }
    }

    #[test]
    fn pages_are_used_again_and_far_numbers_cost_little() {
        let mut orders = Orders::default();
        for reference in 0..100_000 {
            let slot = orders.insert(order(reference));
            orders.remove(slot);
        }
        assert_eq!((orders.slots.len(), orders.index.len()), (2, 1));
        for reference in 0..1000 {
            orders.insert(order(u64::MAX / 1000 * reference + 100_000));
        }
        assert!(orders.index.len() < 20 && orders.directory.len() < 300_000);
    }
}
