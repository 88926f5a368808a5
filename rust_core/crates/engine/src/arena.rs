//! Where orders live: in blocks of sixteen, each a stretch of one price's queue.
//!
//! A new order goes behind its predecessor in the last block of its price, so that a busy level is written to in one
//! place and read from front to back. To cancel an order is to clear a bit: its neighbours are not touched, which is
//! what makes a cancel in a book of millions cost two cache lines, not four. A block leaves with its last order, but for
//! the last one of a price, which is kept for the next order there; and two neighbours that hold next to nothing are made
//! one. What is known of a block as a whole is kept apart from its orders: two to a cache line, so that the nearer caches
//! hold it for books whose orders they can't.

use crate::memory::{self, Large};
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// Where an order lives: its block's number times sixteen, and its place in the block.
pub type Slot = u32;
/// No slot, no block.
pub const NIL: Slot = Slot::MAX;

/// Orders in a block: eight cache lines.
const PLACES: usize = 16;
const PLACE_BITS: u32 = 4;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
/// So many orders of a queue are fetched before somebody comes to take them.
const FRONT: usize = 8;
/// Two neighbours that hold no more than so many each become one block.
const SPARSE: u32 = 3;

/// A resting order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its price.
    pub price: Ticks,
    /// What is left of it, as far as it shows.
    pub quantity: Lots,
    /// The side it rests on.
    pub side: Side,
    /// Whether it may never take.
    pub post_only: bool,
    /// Whether it has an uncommon part.
    pub rare: bool,
}

/// What a block keeps of an order: all but what its whole block shares.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Cell {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// What is left of it, as far as it shows.
    pub quantity: Lots,
    /// Where the id's index has it.
    pub entry: u32,
    /// Whether it may never take.
    pub post_only: bool,
    /// Whether it has an uncommon part.
    pub rare: bool,
}

/// A stretch of the queue of one price.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
struct Block {
    price: Ticks,
    prev: Slot,
    next: Slot,
    /// One bit for each place with an order.
    live: u32,
    /// Places given out, with an order or not any more.
    used: u32,
    side: Side,
}

impl Block {
    /// Put an order in the next place, which there is; returns the place.
    #[inline(always)]
    fn append(&mut self, cells: &mut Cells, side: Side, price: Ticks, cell: &Cell) -> u32 {
        let place = self.used;
        // Field by field: as one copy it would be put together in memory first, and wait for that.
        let to = &mut cells.0[place as usize];
        (to.id, to.user, to.quantity, to.entry) = (cell.id, cell.user, cell.quantity, cell.entry);
        (to.post_only, to.rare) = (cell.post_only, cell.rare);
        self.live |= 1 << place;
        self.used = place + 1;
        // An empty block may have served another price before.
        (self.price, self.side) = (price, side);
        place
    }
}

/// The orders of a block.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Cells([Cell; PLACES]);

/// The ends of a queue: its first and its last block. One block may be there without orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The first block.
    pub head: Slot,
    /// The last block.
    pub tail: Slot,
}

impl Ends {
    /// Of an empty queue.
    pub const NONE: Self = Self { head: NIL, tail: NIL };
}

/// All orders of a book.
#[derive(Clone, Debug)]
pub struct Arena {
    blocks: Large<Block>,
    cells: Large<Cells>,
    free: Slot,
    live: usize,
}

impl Default for Arena {
    fn default() -> Self {
        Self { blocks: Large::default(), cells: Large::default(), free: NIL, live: 0 }
    }
}

#[inline]
const fn split(slot: Slot) -> (usize, usize) {
    ((slot >> PLACE_BITS) as usize, (slot & PLACE_MASK) as usize)
}

#[inline]
const fn join(block: Slot, place: u32) -> Slot {
    block << PLACE_BITS | place
}

impl Arena {
    /// How many orders live here.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// Room for that many orders in all, spread over prices and thinned out by cancels as usual.
    pub fn reserve(&mut self, orders: usize) {
        let blocks = orders / (PLACES / 2) + 1;
        self.blocks.reserve_in_all(blocks);
        self.cells.reserve_in_all(blocks);
    }

    /// Put an order at the end of a queue.
    #[inline(always)]
    pub fn push(&mut self, ends: &mut Ends, side: Side, price: Ticks, cell: Cell) -> Slot {
        self.live += 1;
        let tail = ends.tail;
        // No block has the number NIL.
        if let (Some(block), Some(cells)) = (self.blocks.get_mut(tail as usize), self.cells.get_mut(tail as usize)) {
            if block.used < PLACES as u32 {
                return join(tail, block.append(cells, side, price, &cell));
            }
        }
        // A copy for this case alone: the common one has no need of it in memory.
        let Cell { id, user, quantity, entry, post_only, rare } = cell;
        self.push_behind(ends, side, price, &Cell { id, user, quantity, entry, post_only, rare })
    }

    /// `push` to a block of its own.
    #[inline(never)]
    fn push_behind(&mut self, ends: &mut Ends, side: Side, price: Ticks, cell: &Cell) -> Slot {
        let tail = self.open(ends);
        join(tail, self.blocks[tail as usize].append(&mut self.cells[tail as usize], side, price, cell))
    }

    /// A new last block.
    fn open(&mut self, ends: &mut Ends) -> Slot {
        let mut number = self.free;
        if number == NIL {
            number = self.grow();
        }
        let block = &mut self.blocks[number as usize];
        self.free = block.next;
        (block.prev, block.next, block.live, block.used) = (ends.tail, NIL, 0, 0);
        if ends.tail == NIL {
            ends.head = number;
        } else {
            self.blocks[ends.tail as usize].next = number;
        }
        ends.tail = number;
        number
    }

    /// A block more than there ever were.
    #[cold]
    fn grow(&mut self) -> Slot {
        let number = self.blocks.len();
        assert!(number < 1 << (32 - PLACE_BITS), "fewer than 2^32 orders");
        self.blocks.push(Block { price: 0, prev: NIL, next: NIL, live: 0, used: 0, side: Side::Buy });
        self.cells.push(Cells([Cell::default(); PLACES]));
        number as Slot
    }

    /// Take an order out of its queue. Tells `moved` of every order that got another slot.
    #[inline]
    pub fn remove(&mut self, ends: &mut Ends, slot: Slot, moved: impl FnMut(u32, Slot)) {
        let (number, place) = split(slot);
        self.live -= 1;
        let block = &mut self.blocks[number];
        block.live &= !(1 << place);
        // A queue's only block starts anew when it is empty: no more than that, and without a branch.
        block.used &= u32::from(block.live != 0).wrapping_neg();
        // All that is asked at once: how long a queue is nobody foresees, but that a block changes little is the rule.
        let left = block.live.count_ones();
        let empty_or_sparse = (left == 0) | ((left == SPARSE) & (block.used == PLACES as u32));
        if (ends.head != ends.tail) & empty_or_sparse {
            self.settle(ends, number as Slot, moved);
        }
    }

    /// What becomes of a block that has become empty or sparse, and is not the only one of its queue.
    #[inline]
    fn settle(&mut self, ends: &mut Ends, number: Slot, moved: impl FnMut(u32, Slot)) {
        if self.blocks[number as usize].live == 0 {
            self.close(ends, number);
        } else {
            self.thin_out(ends, number, moved);
        }
    }

    /// Give back the block of a queue that has no order left.
    pub fn release(&mut self, ends: &mut Ends) {
        if ends.head != NIL {
            self.close(ends, ends.head);
        }
    }

    /// Give an empty block back.
    #[inline(never)]
    fn close(&mut self, ends: &mut Ends, number: Slot) {
        let Block { prev, next, .. } = self.blocks[number as usize];
        match prev {
            NIL => ends.head = next,
            prev => self.blocks[prev as usize].next = next,
        }
        match next {
            NIL => ends.tail = prev,
            next => self.blocks[next as usize].prev = prev,
        }
        let block = &mut self.blocks[number as usize];
        (block.next, block.live) = (self.free, 0);
        self.free = number;
    }

    /// A block has become sparse: take in what the next one holds if that is as sparse, else leave all as it is.
    #[cold]
    #[inline(never)]
    fn thin_out(&mut self, ends: &mut Ends, number: Slot, mut moved: impl FnMut(u32, Slot)) {
        let next = self.blocks[number as usize].next;
        if next == NIL || self.blocks[next as usize].live.count_ones() > SPARSE {
            return;
        }
        let mut used = 0;
        for from in [number, next] {
            for place in places(self.blocks[from as usize].live) {
                // Of its own orders none moves up: no place is written to before it was read.
                let cell = self.cells[from as usize].0[place];
                moved(cell.entry, join(number, used));
                self.cells[number as usize].0[used as usize] = cell;
                used += 1;
            }
        }
        let block = &mut self.blocks[number as usize];
        (block.live, block.used) = ((1 << used) - 1, used);
        self.close(ends, next);
    }

    /// The first order of a queue that has one.
    #[inline]
    #[must_use]
    pub fn first(&self, ends: &Ends) -> Slot {
        join(ends.head, self.blocks[ends.head as usize].live.trailing_zeros())
    }

    /// The first slot from this one on that has an order.
    #[inline]
    pub fn live_from(&self, slot: Slot) -> Option<Slot> {
        let (mut number, place) = split(slot);
        let mut live = self.blocks.get(number)?.live & (u32::MAX << place);
        while live == 0 {
            number += 1;
            live = self.blocks.get(number)?.live;
        }
        Some(join(number as Slot, live.trailing_zeros()))
    }

    /// What is kept of an order behind the one in a slot, if their block has one: of any of its places otherwise. Without
    /// branches, for reading ahead.
    #[inline(always)]
    pub fn behind(&self, slot: Slot) -> &Cell {
        let (number, place) = split(slot);
        let after = self.blocks[number].live & (u32::MAX << 1 << place);
        &self.cells[number].0[after.trailing_zeros() as usize % PLACES]
    }

    /// Have fetched what those need who come next to a queue: the block behind its first one, and what `entry` makes of
    /// the first orders' entries.
    pub fn fetch_front(&self, ends: &Ends, entry: impl Fn(u32)) {
        let (Some(block), Some(cells)) = (self.blocks.get(ends.head as usize), self.cells.get(ends.head as usize))
        else {
            return;
        };
        for place in places(block.live).take(FRONT) {
            entry(cells.0[place].entry);
        }
        memory::fetch(&self.blocks, block.next as usize);
        if let Some(cells) = self.cells.get(block.next as usize) {
            for place in (0..PLACES).step_by(2) {
                memory::fetch(&cells.0, place);
            }
        }
    }

    /// What its block keeps of the order in a slot.
    #[inline]
    #[must_use]
    pub fn cell(&self, slot: Slot) -> &Cell {
        let (block, place) = split(slot);
        &self.cells[block].0[place]
    }

    /// What its block keeps of the order in a slot, to change.
    #[inline]
    pub fn cell_mut(&mut self, slot: Slot) -> &mut Cell {
        let (block, place) = split(slot);
        &mut self.cells[block].0[place]
    }

    /// The side and price of the order in a slot.
    #[inline]
    #[must_use]
    pub fn place(&self, slot: Slot) -> (Side, Ticks) {
        let block = &self.blocks[split(slot).0];
        (block.side, block.price)
    }

    /// The order in a slot.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: Slot) -> Order {
        self.order(split(slot).0, self.cell(slot))
    }

    fn order(&self, block: usize, cell: &Cell) -> Order {
        let (&Block { price, side, .. }, &Cell { id, user, quantity, post_only, rare, .. }) =
            (&self.blocks[block], cell);
        Order { id, user, price, quantity, side, post_only, rare }
    }

    /// The orders of a block in the places of these bits.
    fn orders(&self, number: Slot, bits: u32) -> impl Iterator<Item = Order> {
        places(bits).map(move |place| self.order(number as usize, &self.cells[number as usize].0[place]))
    }

    /// The blocks from this one on, one way or the other.
    fn blocks(&self, first: Slot, after: impl Fn(&Block) -> Slot) -> impl Iterator<Item = Order> {
        let there = |number: Slot| (number != NIL).then_some(number);
        std::iter::successors(there(first), move |number| there(after(&self.blocks[*number as usize])))
            .flat_map(|number| self.orders(number, self.blocks[number as usize].live))
    }

    /// A queue's orders, first come first.
    pub fn queue(&self, ends: Ends) -> impl Iterator<Item = Order> {
        self.blocks(ends.head, |block| block.next)
    }

    /// The orders before the one in a slot, the nearest block's first.
    pub fn ahead(&self, slot: Slot) -> impl Iterator<Item = Order> {
        let (number, place) = split(slot);
        let block = &self.blocks[number];
        let same = self.orders(number as Slot, block.live & ((1 << place) - 1));
        same.chain(self.blocks(block.prev, |block| block.prev))
    }

    /// Ask the processor for the cache lines of a slot, to be there when they are needed.
    #[inline]
    pub fn prefetch(&self, slot: Slot) {
        let (block, place) = split(slot);
        memory::fetch(&self.blocks, block);
        if let Some(cells) = self.cells.get(block) {
            memory::fetch(&cells.0, place);
        }
    }
}

/// The numbers of the bits that are set, lowest first.
fn places(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (bits != 0).then(|| {
            let place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            place
        })
    })
}

#[cfg(test)]
mod tests;
