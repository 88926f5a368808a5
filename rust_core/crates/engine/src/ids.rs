//! From an order's id to its slot: open addressing with linear probing, so that a look-up touches one cache line.
//!
//! Ids usually come from a counter. So eight neighbours keep together, for the sake of the cache, and their blocks are
//! spread by the golden ratio, which does that perfectly for counters and well for everything else. Removal shifts the
//! entries behind the gap back, so there are no tombstones and a table that lives for months does not slow down.

use crate::arena::{NIL, Slot};
use crate::types::OrderId;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const SMALLEST: usize = 64;
const BLOCK_BITS: u32 = 3;
const BLOCK_MASK: usize = (1 << BLOCK_BITS) - 1;

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: OrderId,
    slot: Slot,
    /// A number that is wanted along with the slot: what it leads to need not wait for what the slot leads to.
    beside: u32,
}

const EMPTY: Entry = Entry { id: 0, slot: NIL, beside: 0 };

/// The index of all live orders of a book.
#[derive(Clone, Debug)]
pub struct IdIndex {
    table: Vec<Entry>,
    shift: u32,
    len: usize,
}

impl Default for IdIndex {
    fn default() -> Self {
        Self::with_size(SMALLEST)
    }
}

impl IdIndex {
    fn with_size(size: usize) -> Self {
        Self { table: vec![EMPTY; size], shift: 64 - size.trailing_zeros(), len: 0 }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    const fn home(&self, id: OrderId) -> usize {
        let block = ((id >> BLOCK_BITS).wrapping_mul(GOLDEN) >> self.shift) as usize;
        (block & !BLOCK_MASK) | (id as usize & BLOCK_MASK)
    }

    /// The position of `id`, or of the empty entry where it belongs.
    #[inline]
    fn find(&self, id: OrderId) -> usize {
        let mask = self.table.len() - 1;
        let mut at = self.home(id);
        loop {
            let entry = &self.table[at];
            if entry.slot == NIL || entry.id == id {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// How many ids are here.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The slot of an id, if it is here.
    #[inline]
    #[must_use]
    pub fn get(&self, id: OrderId) -> Option<Slot> {
        self.get_both(id).map(|(slot, _)| slot)
    }

    /// The slot of an id and the number beside it, if it is here.
    #[inline]
    #[must_use]
    pub fn get_both(&self, id: OrderId) -> Option<(Slot, u32)> {
        let Entry { slot, beside, .. } = self.table[self.find(id)];
        (slot != NIL).then_some((slot, beside))
    }

    /// Remember where an id lives; it must not be here yet.
    #[inline]
    pub fn insert(&mut self, id: OrderId, slot: Slot) {
        self.insert_both(id, slot, 0);
    }

    /// Remember where an id lives, and a number beside it; it must not be here yet.
    #[inline]
    pub fn insert_both(&mut self, id: OrderId, slot: Slot, beside: u32) {
        if (self.len + 1) * 2 > self.table.len() {
            self.resize(self.table.len() * 2);
        }
        let at = self.find(id);
        debug_assert!(self.table[at].slot == NIL, "id {id} inserted twice");
        self.table[at] = Entry { id, slot, beside };
        self.len += 1;
    }

    /// Forget an id; returns its slot if it was here.
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<Slot> {
        let mask = self.table.len() - 1;
        let mut gap = self.find(id);
        let slot = self.table[gap].slot;
        if slot == NIL {
            return None;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let entry = self.table[at];
            if entry.slot == NIL {
                break;
            }
            // An entry may fill the gap if its home is not after it (all counted around the circle).
            if at.wrapping_sub(self.home(entry.id)) & mask >= at.wrapping_sub(gap) & mask {
                self.table[gap] = entry;
                gap = at;
            }
        }
        self.table[gap] = EMPTY;
        self.len -= 1;
        Some(slot)
    }

    #[cold]
    fn resize(&mut self, size: usize) {
        let mut bigger = Self::with_size(size);
        for entry in self.table.iter().filter(|entry| entry.slot != NIL) {
            let at = bigger.find(entry.id);
            bigger.table[at] = *entry;
        }
        bigger.len = self.len;
        *self = bigger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::collections::hash_map::Entry;

    #[test]
    fn agrees_with_the_standard_map() {
        let (mut index, mut model) = (IdIndex::default(), HashMap::new());
        let mut state = 7_u64;
        for round in 0..200_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // A small key space makes long runs and wrap-around common.
            let id = ((state >> 33) % 500).wrapping_mul(GOLDEN);
            match model.entry(id) {
                Entry::Occupied(known) => {
                    assert_eq!(index.get(id), Some(*known.get()));
                    assert_eq!(index.remove(id), Some(known.remove()));
                    assert_eq!(index.get(id), None);
                }
                Entry::Vacant(place) => {
                    index.insert_both(id, round, !round);
                    place.insert(round);
                }
            }
        }
        for (id, slot) in model {
            assert_eq!(index.get_both(id), Some((slot, !slot)));
        }
    }
}
