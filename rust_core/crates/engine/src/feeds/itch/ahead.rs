//! Reading ahead: a large book does not fit the caches, and a message that waits for memory holds up those behind it.
//!
//! What a message needs is a chain: the index says where its order is, the order where its level and its neighbours are.
//! So messages pass through stages before their turn, a run of them at a time: each stage reads what the stage before
//! it has had fetched, and has the next link fetched, without waiting. A place that has changed when its message comes
//! costs time, never correctness.
//!
//! The first stage sorts a run's messages into those that take from orders and those that add one: which comes next is
//! chance, and a processor that has guessed wrong at each message of each stage would lose more than it gains.

use super::book::ItchBook;
use super::field::Field;
use super::frames::LENGTH;
use super::levels::Side;
use super::orders::NIL;

/// How many messages a stage takes at once.
pub const RUN: usize = 16;
/// Books with fewer orders fit the caches.
pub const WORTH: usize = 50_000;
const STAGES: usize = 5;

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
#[derive(Clone, Copy, Debug, Default)]
struct Take {
    reference: u64,
    price: u32,
    page: u32,
    locate: u16,
    number: u8,
    replaces: bool,
}

/// A message that adds an order.
#[derive(Clone, Copy, Debug, Default)]
struct Add {
    price: u32,
    locate: u16,
    number: u8,
    sells: bool,
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
        takes: [Take { reference: 0, price: 0, page: 0, locate: 0, number: 0, replaces: false }; RUN],
        adds: [Add { price: 0, locate: 0, number: 0, sells: false }; RUN],
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

/// What kind of message a letter begins.
const TAKES: u8 = 1;
const ADDS: u8 = 2;
const KIND: [u8; 256] = {
    let mut kind = [0; 256];
    kind[b'D' as usize] = TAKES;
    kind[b'E' as usize] = TAKES;
    kind[b'X' as usize] = TAKES;
    kind[b'C' as usize] = TAKES;
    kind[b'U' as usize] = TAKES;
    kind[b'A' as usize] = ADDS;
    kind[b'F' as usize] = ADDS;
    kind
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
    /// Read the messages, and have fetched where their orders' pages and their stocks are.
    #[inline(always)]
    fn read(&mut self, book: &ItchBook, bytes: &[u8], offset: usize) -> usize {
        let (mut at, mut taking, mut adding) = (offset, 0, 0);
        self.offset = offset;
        self.hints = [Hint::NONE; RUN];
        for number in 0..RUN {
            let Some(message) = bytes.get(at..).and_then(|rest| rest.first_chunk::<ENOUGH>()) else { break };
            crate::memory::fetch(bytes, at + 1024);
            at += LENGTH + usize::from(<u16 as Field>::read(message, 0));
            let message = &message[LENGTH..];
            let kind = KIND[usize::from(message[0])];
            let replaces = message[0] == b'U';
            let locate = Field::read(message, 1);
            let reference = Field::read(message, REFERENCE);
            let number = number as u8;
            self.takes[taking % RUN] =
                Take { reference, price: Field::read(message, NEW_PRICE), page: NIL, locate, number, replaces };
            taking += usize::from(kind == TAKES);
            self.adds[adding % RUN] =
                Add { price: Field::read(message, PRICE), locate, number, sells: message[SIDE] != b'B' };
            adding += usize::from(kind == ADDS);
            book.orders.fetch_directory(reference);
            book.fetch_stock(locate);
        }
        (self.taking, self.adding) = (taking, adding);
        at
    }

    #[inline(always)]
    fn find_page(&mut self, book: &ItchBook) {
        for take in &mut self.takes[..self.taking] {
            take.page = book.orders.page(take.reference);
            book.orders.fetch_place(take.page, take.reference);
            if take.replaces {
                book.fetch_ladder(take.locate, Side::Buy);
                book.fetch_ladder(take.locate, Side::Sell);
            }
        }
        for add in &self.adds[..self.adding] {
            book.fetch_ladder(add.locate, side(add.sells));
        }
    }

    #[inline(always)]
    fn find_order(&mut self, book: &ItchBook) {
        for take in &mut self.takes[..self.taking] {
            let slot = book.orders.in_page(take.page, take.reference);
            self.hints[usize::from(take.number) % RUN].slot = slot;
            book.orders.fetch(slot);
        }
        for add in &self.adds[..self.adding] {
            let level = book.level_of(add.locate, side(add.sells), add.price);
            self.hints[usize::from(add.number) % RUN].level = level;
            book.levels.fetch(level);
        }
    }

    #[inline(always)]
    fn find_level(&mut self, book: &ItchBook) {
        for take in &self.takes[..self.taking] {
            let slot = self.hints[usize::from(take.number) % RUN].slot;
            if slot != NIL {
                let order = book.orders.get(slot);
                book.levels.fetch(order.level);
                book.orders.fetch(order.prev);
                book.orders.fetch(order.next);
            }
        }
        for add in &self.adds[..self.adding] {
            let level = self.hints[usize::from(add.number) % RUN].level;
            if level != NIL {
                book.orders.fetch(book.levels.get(level).tail);
            }
        }
    }

    #[inline(always)]
    fn find_rest(&mut self, book: &ItchBook) {
        for take in &self.takes[..self.taking] {
            let hint = &mut self.hints[usize::from(take.number) % RUN];
            if hint.slot != NIL {
                let level = book.levels.get(book.orders.get(hint.slot).level);
                if level.orders == 1 {
                    book.fetch_ladder(level.stock_locate, level.side);
                }
                if take.replaces {
                    hint.level = book.level_of(level.stock_locate, level.side, take.price);
                    book.levels.fetch(hint.level);
                }
            }
        }
    }
}

const fn side(sells: bool) -> Side {
    if sells { Side::Sell } else { Side::Buy }
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
