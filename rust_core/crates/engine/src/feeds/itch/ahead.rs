//! Reading ahead: a large book does not fit the caches, and a message that waits for memory holds up those behind it.
//!
//! What a message needs is a chain: the index says where its order is, the order where its level and its neighbours are.
//! So messages pass through stages before their turn, a run of them at a time: each stage reads what the stage before
//! it has had fetched, and has the next link fetched, without waiting. A place that has changed when its message comes
//! costs time, never correctness.
//!
//! The first stage sorts a run's messages into those that take from orders and those that add one: which comes next is
//! chance, and a processor that has guessed wrong at each message of each stage would lose more than it gains. For the
//! same reason the stages ask as little as they can, and rather fetch what is of no use.
//!
//! What they have found goes with the message as a hint: whoever uses it sees from the order or the level itself whether
//! it still is the one, and looks it up where it is not.

use super::book::ItchBook;
use super::field::Field;
use super::frames::LENGTH;
use super::levels::Side;
use super::orders::NIL;
use crate::memory;

/// How many messages a stage takes at once.
pub const RUN: usize = 16;
/// Books with fewer orders fit the caches.
pub const WORTH: usize = 50_000;
/// Fewer bytes are through before anything has come.
pub const LONG: usize = 512;
const STAGES: usize = 5;
/// How far ahead of the first stage the bytes themselves are fetched.
const BYTES: usize = 1024;

/// Where a message that touches an order has the reference number, an add order its side and price, and a replacement
/// its price.
const REFERENCE: usize = 11;
const SIDE: usize = 19;
const PRICE: usize = 32;
const NEW_PRICE: usize = 31;
/// The first so many bytes have all of that.
const ENOUGH: usize = LENGTH + PRICE + 4;

/// What the stages have found out for a message: where its order is, and the level that its new order joins.
#[derive(Clone, Copy, Debug)]
pub struct Hint {
    pub slot: u32,
    pub level: u32,
}

impl Hint {
    /// Nothing is known.
    pub const NONE: Self = Self { slot: NIL, level: NIL };
}

/// A message that takes an order out of a book or shares off it.
#[derive(Clone, Copy, Debug)]
struct Take {
    reference: u64,
    page: u32,
    number: u8,
}

/// A message that adds an order.
#[derive(Clone, Copy, Debug)]
struct Add {
    price: u32,
    locate: u16,
    number: u8,
    /// B or S, or whatever stands there.
    side: u8,
}

/// A run of messages.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Where it begins.
    offset: usize,
    takes: [Take; RUN],
    adds: [Add; RUN],
    taking: usize,
    adding: usize,
    hints: [Hint; RUN],
}

impl Run {
    const EMPTY: Self = Self {
        offset: usize::MAX,
        takes: [Take { reference: 0, page: NIL, number: 0 }; RUN],
        adds: [Add { price: 0, locate: 0, number: 0, side: 0 }; RUN],
        taking: 0,
        adding: 0,
        hints: [Hint::NONE; RUN],
    };
}

/// The runs before their turn, one in each stage.
#[derive(Clone, Debug)]
pub struct Ahead {
    runs: [Run; STAGES],
    /// Which of them is in the first stage.
    turn: usize,
    /// Where the next run begins.
    next: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { runs: [Run::EMPTY; STAGES], turn: 0, next: 0 }
    }
}

/// What messages with a letter do; a replacement does both.
const TAKES: u8 = 1;
const ADDS: u8 = 2;
const DOES: [u8; 256] = {
    let mut does = [0; 256];
    does[b'D' as usize] = TAKES;
    does[b'E' as usize] = TAKES;
    does[b'X' as usize] = TAKES;
    does[b'C' as usize] = TAKES;
    does[b'U' as usize] = TAKES | ADDS;
    does[b'A' as usize] = ADDS;
    does[b'F' as usize] = ADDS;
    does
};

impl Ahead {
    /// Have fetched what the messages from an offset on need, and tell what is known of the next ones: call it at the
    /// beginning of each run.
    #[inline(never)]
    pub fn step(&mut self, book: &ItchBook, bytes: &[u8], offset: usize) -> [Hint; RUN] {
        self.turn = (self.turn + 1) % STAGES;
        if self.runs[self.place(STAGES - 1)].offset == offset {
            self.turn(book, bytes, STAGES);
        } else {
            // The first time: each stage has all runs before it that lie between it and the book.
            (self.runs, self.next, self.turn) = ([Run::EMPTY; STAGES], offset, 0);
            for stages in 1..=STAGES {
                self.turn = stages - 1;
                self.turn(book, bytes, stages);
            }
        }
        self.runs[self.place(STAGES - 1)].hints
    }

    /// Which run is in a stage.
    const fn place(&self, stage: usize) -> usize {
        (self.turn + STAGES - stage) % STAGES
    }

    /// A run for each of the first stages, from the last of them to the first.
    fn turn(&mut self, book: &ItchBook, bytes: &[u8], stages: usize) {
        for stage in (0..stages).rev() {
            let run = &mut self.runs[self.place(stage)];
            match stage {
                0 => self.next = run.read(book, bytes, self.next),
                1 => run.find_page(book),
                2 => run.find_order(book),
                3 => run.find_level(book),
                _ => run.find_rest(book),
            }
        }
    }
}

impl Run {
    /// Read the messages, and have fetched where their orders' pages, their stocks and the guesses for prices are.
    #[inline(always)]
    fn read(&mut self, book: &ItchBook, bytes: &[u8], offset: usize) -> usize {
        let (mut at, mut taking, mut adding) = (offset, 0, 0);
        self.offset = offset;
        self.hints = [Hint::NONE; RUN];
        for number in 0..RUN {
            let Some(message) = bytes.get(at..).and_then(|rest| rest.first_chunk::<ENOUGH>()) else { break };
            memory::fetch(bytes, at + BYTES);
            at += LENGTH + usize::from(<u16 as Field>::read(message, 0));
            let message = &message[LENGTH..];
            let does = DOES[usize::from(message[0])];
            let locate = Field::read(message, 1);
            let reference = Field::read(message, REFERENCE);
            let number = number as u8;
            // Written in any case, and written over when it does not count: nothing to guess.
            self.takes[taking % RUN] = Take { reference, page: NIL, number };
            taking += usize::from(does & TAKES > 0);
            let price = Field::read(message, if message[0] == b'U' { NEW_PRICE } else { PRICE });
            self.adds[adding % RUN] = Add { price, locate, number, side: message[SIDE] };
            adding += usize::from(does & ADDS > 0);
            book.orders.fetch_directory(reference);
            book.fetch_stock(locate);
            book.levels.fetch_guess(locate, price);
        }
        (self.taking, self.adding) = (taking, adding);
        at
    }

    #[inline(always)]
    fn find_page(&mut self, book: &ItchBook) {
        for take in &mut self.takes[..self.taking] {
            take.page = book.orders.page(take.reference);
            book.orders.fetch_place(take.page, take.reference);
        }
        for add in &self.adds[..self.adding] {
            let level = book.levels.guess(add.locate, add.price);
            self.hints[usize::from(add.number) % RUN].level = level;
            book.levels.fetch(level);
        }
    }

    #[inline(always)]
    fn find_order(&mut self, book: &ItchBook) {
        for take in &self.takes[..self.taking] {
            let slot = book.orders.in_page(take.page, take.reference);
            self.hints[usize::from(take.number) % RUN].slot = slot;
            book.orders.fetch(slot);
        }
        for add in &self.adds[..self.adding] {
            match book.levels.find(self.hints[usize::from(add.number) % RUN].level) {
                Some(level) if level.orders > 0 && level.price == add.price && level.stock_locate == add.locate => {
                    book.orders.fetch(level.tail);
                }
                _ => {
                    let side = if add.side == b'B' { Side::Buy } else { Side::Sell };
                    book.fetch_ladder(add.locate, side);
                }
            }
        }
    }

    #[inline(always)]
    fn find_level(&mut self, book: &ItchBook) {
        for take in &self.takes[..self.taking] {
            let slot = self.hints[usize::from(take.number) % RUN].slot;
            let order = book.orders.get(slot);
            book.levels.fetch(order.level);
            book.orders.fetch(order.prev);
            book.orders.fetch(order.next);
        }
    }

    #[inline(always)]
    fn find_rest(&mut self, book: &ItchBook) {
        for take in &self.takes[..self.taking] {
            let slot = self.hints[usize::from(take.number) % RUN].slot;
            if let Some(level) = book.levels.find(book.orders.get(slot).level).filter(|level| level.orders == 1) {
                book.fetch_ladder(level.stock_locate, level.side);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::itch::generate::{Flow, generate};

    #[test]
    fn any_bytes_may_lie_ahead() {
        let bytes = generate(&Flow { messages: 2000, stocks: 3, resting: 100, seed: 4 });
        let mut book = ItchBook::new();
        book.apply(&bytes, false).expect("valid messages");
        // Every place is read as if a message began there: most are none.
        for at in 0..bytes.len() {
            Ahead::default().step(&book, &bytes, at);
            Ahead::default().step(&book, &bytes[..at], at.saturating_sub(300));
        }
    }

    #[test]
    fn each_stage_is_a_run_before_the_next() {
        let bytes = generate(&Flow { messages: 2000, stocks: 3, resting: 100, seed: 4 });
        let offsets: Vec<usize> =
            super::super::Frames::new(&bytes).map(|item| item.expect("a valid message").0).collect();
        let (book, mut ahead) = (ItchBook::new(), Ahead::default());
        for run in 0..20 {
            ahead.step(&book, &bytes, offsets[run * RUN]);
            assert_eq!(ahead.next, offsets[(run + STAGES) * RUN]);
            for stage in 0..STAGES {
                assert_eq!(ahead.runs[ahead.place(stage)].offset, offsets[(run + STAGES - 1 - stage) * RUN]);
            }
        }
    }
}
