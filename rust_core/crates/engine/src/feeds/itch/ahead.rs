//! Reading ahead: a large book does not fit the caches, and a message that waits for memory holds up those behind it.
//!
//! What a message needs is a chain: the index says where its order is, the order where its level and its neighbours are.
//! So messages pass through stages before their turn, a run of them at a time: each stage reads what the stage before
//! it has had fetched, and has the next link fetched, without waiting. A place that has changed when its message comes
//! costs time, never correctness.

use super::book::ItchBook;
use super::field::Field;
use super::frames::LENGTH;
use super::levels::Side;
use super::orders::NIL;

/// How many messages a stage takes at once.
pub const RUN: usize = 16;
/// Books with fewer orders fit the caches.
pub const WORTH: usize = 50_000;
const STAGES: usize = 4;

/// What the messages that touch an order start with: header and reference number.
const REFERENCE: usize = 11;
/// An add order's side and price, and a replacement's price.
const SIDE: usize = 19;
const PRICE: usize = 32;
const NEW_PRICE: usize = 31;

/// How far each stage has come: offsets, the last stage's being the least.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead {
    stages: [usize; STAGES],
}

impl Ahead {
    /// Have fetched what the messages from an offset on need: call it at the beginning of each run.
    #[inline(never)]
    pub fn step(&mut self, book: &ItchBook, bytes: &[u8], offset: usize) {
        if self.stages[STAGES - 1] <= offset {
            // The first time: each stage has all runs before it that lie between it and the book.
            self.stages = [offset; STAGES];
            for stages in 1..=STAGES {
                self.turn(book, bytes, stages);
            }
        }
        self.turn(book, bytes, STAGES);
    }

    /// A run for each of the first stages, from the last of them to the first.
    fn turn(&mut self, book: &ItchBook, bytes: &[u8], stages: usize) {
        for stage in (0..stages).rev() {
            let at = &mut self.stages[stage];
            for _ in 0..RUN {
                let Some(rest) = bytes.get(*at..).filter(|rest| rest.len() >= LENGTH + SIDE) else { break };
                let message = &rest[LENGTH..];
                match stage {
                    0 => book.fetch_index(message),
                    1 => book.fetch_order(message),
                    2 => book.fetch_level(message),
                    _ => book.fetch_queue(message),
                }
                *at += LENGTH + usize::from(<u16 as Field>::read(rest, 0));
            }
        }
    }
}

/// Whether a message takes an order out of a book or shares off it.
const fn takes(letter: u8) -> bool {
    matches!(letter, b'D' | b'E' | b'X' | b'U' | b'C')
}

/// Side and price of an order that a message adds, if it is one and all here.
#[inline(always)]
fn added(message: &[u8]) -> Option<(Side, u32)> {
    let adds = matches!(message[0], b'A' | b'F') && message.len() >= PRICE + 4;
    adds.then(|| (if message[SIDE] == b'B' { Side::Buy } else { Side::Sell }, Field::read(message, PRICE)))
}

#[inline(always)]
fn locate(message: &[u8]) -> u16 {
    Field::read(message, 1)
}

/// Each of these gets the bytes from a message's type on, 19 of them at least.
impl ItchBook {
    #[inline(always)]
    fn fetch_index(&self, message: &[u8]) {
        if takes(message[0]) {
            self.orders.fetch_place(Field::read(message, REFERENCE));
        }
        self.fetch_stock(locate(message));
    }

    #[inline(always)]
    fn fetch_order(&self, message: &[u8]) {
        if takes(message[0]) {
            self.orders.fetch(self.orders.find(Field::read(message, REFERENCE)).unwrap_or(NIL));
        } else if let Some((side, _)) = added(message) {
            self.fetch_ladder(locate(message), side);
        }
    }

    #[inline(always)]
    fn fetch_level(&self, message: &[u8]) {
        if takes(message[0]) {
            if let Some(slot) = self.orders.find(Field::read(message, REFERENCE)) {
                let order = self.orders.get(slot);
                self.levels.fetch(order.level);
                self.orders.fetch(order.prev);
                self.orders.fetch(order.next);
            }
        } else if let Some((side, price)) = added(message) {
            self.levels.fetch(self.level_of(locate(message), side, price));
        }
    }

    #[inline(always)]
    fn fetch_queue(&self, message: &[u8]) {
        if takes(message[0]) {
            if let Some(slot) = self.orders.find(Field::read(message, REFERENCE)) {
                let level = self.levels.get(self.orders.get(slot).level);
                if level.orders == 1 {
                    self.fetch_ladder(level.stock_locate, level.side);
                }
                if message[0] == b'U' && message.len() >= NEW_PRICE + 4 {
                    let price = Field::read(message, NEW_PRICE);
                    self.levels.fetch(self.level_of(level.stock_locate, level.side, price));
                }
            }
        } else if let Some((side, price)) = added(message) {
            let level = self.level_of(locate(message), side, price);
            if level != NIL {
                self.orders.fetch(self.levels.get(level).tail);
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
            let runs = ahead.stages.map(|at| offsets.binary_search(&at).expect("a message") / RUN - run);
            assert_eq!(runs, [5, 4, 3, 2]);
        }
    }
}
