//! From an order's id to its slot, in one cache line.
//!
//! A line holds six orders: a byte of each id's hash, all six compared in one step, and the slots. The order itself has
//! the whole id, and knows its place here, so that a fill need not search. Ids usually come from a counter: four
//! neighbours keep together in two lines that share a cache line, and the golden ratio spreads their groups, which it
//! does perfectly for counters and well for everything else. What finds its line full goes to the next one with room;
//! the lines that it passes count it, so that a search ends at the first line that nobody passed, and nothing is left
//! behind by what leaves: a table that lives for months does not slow down.

use crate::arena::{Arena, Slot};
use crate::memory::{self, Large};
use crate::types::OrderId;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Two lines at least, so that a pair is whole.
const FEWEST: usize = 16;
/// How many orders find their place in a larger table at once.
const RUN: usize = 32;
/// With fewer, it grows fast: every move finds each order's place anew.
const FEW: usize = 2048;
const PLACES: usize = 6;
const ENTRY_BITS: u32 = 3;
const ENTRY_MASK: u32 = (1 << ENTRY_BITS) - 1;
/// The tag's six bits of the hash: just below those that can ever choose a line, of which there are 2^29 at most.
const TAG_SHIFT: u32 = 64 - 28 - 6;
/// Orders per line, on average, at which the table doubles.
const FULL: usize = 3;

const ONES: u64 = 0x0000_0101_0101_0101;
const HIGHS: u64 = ONES << 7;
const PASSED: u64 = 1 << 48;

/// Six tags from the lowest byte up, each zero or with its highest bit set; then how many entries went on from here,
/// which sticks at the end of its range.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Line {
    tags: u64,
    slots: [Slot; PLACES],
}

impl Line {
    /// Bit 7 of every byte that equals `tag`, exactly for the lowest; a byte above an equal one may be shown in vain.
    #[inline]
    const fn equal(&self, tag: u64) -> u64 {
        let differ = self.tags ^ (tag * ONES);
        differ.wrapping_sub(ONES) & !differ & HIGHS
    }

    /// Bit 7 of every free place.
    #[inline]
    const fn free(&self) -> u64 {
        !self.tags & HIGHS
    }

    #[inline]
    const fn passed(&self) -> bool {
        self.tags >= PASSED
    }
}

/// A place in the table.
pub type Entry = u32;

/// Where a new id may go, as long as nothing else changes. It fits a register: one that was handed on through memory
/// would be read as a whole while its parts are still being written, and the processor waits for that.
#[derive(Clone, Copy, Debug)]
pub struct Vacancy {
    entry: Entry,
    tag: u8,
    /// Whether it lies behind full lines.
    displaced: bool,
}

impl Vacancy {
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)]
    const fn new(line: usize, place: usize, tag: u64, displaced: bool) -> Self {
        Self { entry: (line as Entry) << ENTRY_BITS | place as Entry, tag: tag as u8, displaced }
    }

    /// The place as a number.
    #[inline]
    pub const fn entry(self) -> Entry {
        self.entry
    }
}

#[inline]
const fn split(entry: Entry) -> (usize, usize) {
    ((entry >> ENTRY_BITS) as usize, (entry & ENTRY_MASK) as usize)
}

/// The index of all live orders of a book: of those in its arena, which counts them.
#[derive(Clone, Debug)]
pub struct OrderIndex {
    lines: Large<Line>,
    shift: u32,
}

impl Default for OrderIndex {
    fn default() -> Self {
        Self::with_size(FEWEST)
    }
}

#[inline]
const fn place(bits: u64) -> usize {
    (bits.trailing_zeros() >> 3) as usize
}

impl OrderIndex {
    fn with_size(lines: usize) -> Self {
        let mut empty = Large::with_capacity(lines);
        empty.lengthen(lines, Line::default());
        Self { lines: empty, shift: 64 - (lines / 2).trailing_zeros() }
    }

    /// The line where an id belongs, and its tag.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    const fn home(&self, id: OrderId) -> (usize, u64) {
        let spread = (id >> 2).wrapping_mul(GOLDEN);
        let line = (spread >> self.shift) << 1 | (id >> 1 & 1);
        // Bits below those that choose the line, whatever its size, and the one that tells the neighbours apart.
        (line as usize, 0x80 | (spread >> (TAG_SHIFT - 1) & 0x7E) | id & 1)
    }

    /// The slot of an id, if it is here.
    #[inline]
    #[must_use]
    pub fn get(&self, arena: &Arena, id: OrderId) -> Option<Slot> {
        let (mut at, tag) = self.home(id);
        loop {
            let line = &self.lines[at];
            let mut equal = line.equal(tag);
            while equal != 0 {
                let slot = line.slots[place(equal)];
                if arena.cell(slot).id == id {
                    return Some(slot);
                }
                equal &= equal - 1;
            }
            if !line.passed() {
                return None;
            }
            at = (at + 1) & (self.lines.len() - 1);
        }
    }

    /// Where a new id may go; `None` if it is here already. There is room after `make_room`.
    #[inline(always)]
    pub fn vacancy(&self, arena: &Arena, id: OrderId) -> Option<Vacancy> {
        let (at, tag) = self.home(id);
        let line = &self.lines[at];
        let free = line.free();
        // The common case: nothing like it, nobody went on from here, and a place is free.
        if line.equal(tag) == 0 && !line.passed() && free != 0 {
            return Some(Vacancy::new(at, place(free), tag, false));
        }
        self.search_vacancy(arena, id)
    }

    #[cold]
    #[inline(never)]
    fn search_vacancy(&self, arena: &Arena, id: OrderId) -> Option<Vacancy> {
        if self.get(arena, id).is_some() {
            return None;
        }
        let (home, tag) = self.home(id);
        let mut at = home;
        loop {
            let free = self.lines[at].free();
            if free != 0 {
                return Some(Vacancy::new(at, place(free), tag, at != home));
            }
            at = (at + 1) & (self.lines.len() - 1);
        }
    }

    /// Where an id that is known to be new may go.
    pub fn new_vacancy(&mut self, arena: &mut Arena, id: OrderId) -> Vacancy {
        self.make_room(arena);
        self.vacancy(arena, id).expect("a new id")
    }

    /// Room for one more. Tells where everybody is if they had to move; every vacancy is void then.
    #[inline]
    pub fn make_room(&mut self, arena: &mut Arena) {
        if arena.live() >= self.lines.len() * FULL {
            let times = if self.lines.len() < FEW { 4 } else { 2 };
            self.resize(arena, self.lines.len() * times);
        }
    }

    /// Remember where an id lives, at a vacancy of its own.
    #[inline(always)]
    pub fn put(&mut self, vacancy: Vacancy, id: OrderId, slot: Slot) {
        let (at, place) = split(vacancy.entry);
        let line = &mut self.lines[at];
        line.tags |= u64::from(vacancy.tag) << (place * 8);
        line.slots[place] = slot;
        if vacancy.displaced {
            self.count_passed(id, at);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_passed(&mut self, id: OrderId, end: usize) {
        let home = self.home(id).0;
        self.count(home, end, |passed| passed.saturating_add(1));
    }

    /// Forget an id that is at this entry.
    #[inline]
    pub fn remove(&mut self, entry: Entry, id: OrderId) {
        let ((at, place), home) = (split(entry), self.home(id).0);
        self.lines[at].tags &= !(0xFF << (place * 8));
        if at != home {
            // A count that has stuck says no more than that somebody may have gone on.
            self.count(home, at, |passed| if passed == u16::MAX { passed } else { passed - 1 });
        }
    }

    /// An order has moved.
    #[inline]
    pub fn moved(&mut self, entry: Entry, slot: Slot) {
        let (at, place) = split(entry);
        self.lines[at].slots[place] = slot;
    }

    /// Change the counts of the lines that an entry passed on its way.
    #[cold]
    fn count(&mut self, home: usize, end: usize, change: impl Fn(u16) -> u16) {
        let mut at = home;
        while at != end {
            let tags = &mut self.lines[at].tags;
            *tags = *tags & (PASSED - 1) | u64::from(change((*tags >> 48) as u16)) << 48;
            at = (at + 1) & (self.lines.len() - 1);
        }
    }

    /// Room for that many ids in all, so that none of them has to wait for a larger table.
    pub fn reserve(&mut self, arena: &mut Arena, ids: usize) {
        let lines = (ids / FULL + 1).next_power_of_two().max(FEWEST);
        if lines > self.lines.len() {
            self.resize(arena, lines);
        }
    }

    /// All orders of the arena are here, and the other way round: going through those, block by block, reads forwards.
    /// Going through the lines would wait for each order's own. Their new lines are anywhere: a run of them is fetched
    /// at once.
    #[cold]
    #[inline(never)]
    fn resize(&mut self, arena: &mut Arena, lines: usize) {
        let mut bigger = Self::with_size(lines);
        let (mut run, mut from) = (Vec::with_capacity(RUN), 0);
        loop {
            run.extend(
                std::iter::from_fn(|| {
                    let slot = arena.live_from(from)?;
                    from = slot + 1;
                    Some(slot)
                })
                .take(RUN),
            );
            if run.is_empty() {
                break;
            }
            for slot in &run {
                bigger.prefetch(arena.cell(*slot).id);
            }
            for slot in run.drain(..) {
                let id = arena.cell(slot).id;
                let vacancy = bigger.vacancy(arena, id).expect("every id is here once");
                bigger.put(vacancy, id, slot);
                arena.cell_mut(slot).entry = vacancy.entry();
            }
        }
        *self = bigger;
    }

    /// Ask the processor for the cache line of an entry.
    #[inline(always)]
    pub fn fetch(&self, entry: Entry) {
        memory::fetch(&self.lines, split(entry).0);
    }

    /// Ask the processor for the cache line of an id.
    #[inline]
    pub fn prefetch(&self, id: OrderId) {
        memory::fetch(&self.lines, self.home(id).0);
    }

    /// Where an id probably is, without looking at the order itself.
    #[inline]
    #[must_use]
    pub fn likely(&self, id: OrderId) -> Option<Slot> {
        let (at, tag) = self.home(id);
        let line = &self.lines[at];
        let equal = line.equal(tag);
        (equal != 0).then(|| line.slots[place(equal)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::{Cell, Ends};
    use crate::types::Side;
    use std::collections::HashMap;
    use std::collections::hash_map::Entry as ModelEntry;

    /// An index with the arena that it looks into.
    #[derive(Default)]
    struct Both {
        index: OrderIndex,
        arena: Arena,
    }

    impl Both {
        fn insert(&mut self, ends: &mut Ends, id: OrderId) -> Slot {
            self.index.make_room(&mut self.arena);
            let vacancy = self.index.vacancy(&self.arena, id).expect("a new id");
            let cell = Cell { id, quantity: 1, entry: vacancy.entry(), ..Cell::default() };
            let slot = self.arena.push(ends, Side::Buy, 1, cell);
            self.index.put(vacancy, id, slot);
            slot
        }

        fn remove(&mut self, ends: &mut Ends, id: OrderId) {
            let slot = self.index.get(&self.arena, id).expect("a known id");
            self.index.remove(self.arena.cell(slot).entry, id);
            let Self { index, arena } = self;
            arena.remove(ends, slot, |entry, slot| index.moved(entry, slot));
        }
    }

    fn agrees_with_the_standard_map(space: u64, key: impl Fn(u64) -> OrderId) {
        let (mut both, mut ends, mut model) = (Both::default(), Ends::NONE, HashMap::new());
        let mut state = 7_u64;
        for round in 0..200_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = key((state >> 33) % space);
            match model.entry(id) {
                ModelEntry::Occupied(known) => {
                    assert!(both.index.vacancy(&both.arena, id).is_none());
                    known.remove();
                    both.remove(&mut ends, id);
                    assert_eq!(both.index.get(&both.arena, id), None);
                }
                ModelEntry::Vacant(place) => {
                    both.insert(&mut ends, id);
                    place.insert(round);
                }
            }
        }
        assert_eq!(both.arena.live(), model.len());
        for id in model.into_keys() {
            let slot = both.index.get(&both.arena, id).expect("still here");
            assert_eq!(both.arena.cell(slot).id, id);
            both.remove(&mut ends, id);
        }
        // Nothing is left behind: not even the counts of those that went on.
        assert!(both.index.lines.iter().all(|line| line.tags == 0));
    }

    #[test]
    fn ids_of_all_kinds_are_found() {
        agrees_with_the_standard_map(500, |draw| draw.wrapping_mul(GOLDEN));
        agrees_with_the_standard_map(5_000, |draw| draw);
        agrees_with_the_standard_map(5_000, |draw| u64::MAX - draw * draw);
    }

    #[test]
    fn ids_that_all_belong_in_one_line_are_found() {
        // The inverse of the golden ratio undoes the spreading: every id wants to go where the first one is.
        const INVERSE: u64 = 0xF1DE_83E1_9937_733D;
        assert_eq!(GOLDEN.wrapping_mul(INVERSE), 1);
        let inverse = |draw: u64| draw.wrapping_mul(INVERSE).wrapping_mul(4);
        agrees_with_the_standard_map(300, inverse);
    }
}
