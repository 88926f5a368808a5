//! Reading ahead: a large book does not fit the caches, and a message that waits for memory holds up those behind it.
//!
//! Before a run of messages is applied, the places that they will need are read, and nothing is done with them: these
//! reads don't depend on each other, so that the processor waits for many at once. A place that has changed when its
//! message comes costs time, never correctness.

use std::hint::black_box;

use super::book::ItchBook;
use super::field::Field;
use super::frames::LENGTH;
use super::levels::Side;
use super::orders::{NIL, Slot};

/// How many messages are read ahead.
pub const RUN: usize = 32;
/// Books with fewer orders fit the caches.
pub const WORTH: usize = 300_000;

/// What the messages that touch an order start with: header and reference number.
const REFERENCE: usize = 11;
/// An add order's side and price.
const SIDE: usize = 19;
const PRICE: usize = 32;

impl ItchBook {
    /// Read what the next messages need.
    #[inline(never)]
    pub(super) fn read_ahead(&self, bytes: &[u8]) {
        let (mut slots, mut levels) = ([NIL; RUN], [NIL; RUN]);
        let (mut at, mut sum) = (0, 0_u32);
        for (slot, level) in slots.iter_mut().zip(&mut levels) {
            let Some(rest) = bytes.get(at..at + LENGTH + SIDE) else { break };
            let length = usize::from(<u16 as Field>::read(rest, 0));
            let message = &bytes[at + LENGTH..];
            match message[0] {
                b'D' | b'E' | b'X' | b'U' | b'C' => {
                    *slot = self.orders.find(Field::read(message, REFERENCE)).unwrap_or(NIL);
                }
                b'A' | b'F' if message.len() >= PRICE + 4 => {
                    let side = if message[SIDE] == b'B' { Side::Buy } else { Side::Sell };
                    *level = self.level_of(Field::read(message, 1), side, Field::read(message, PRICE));
                }
                _ => {}
            }
            at += LENGTH + length;
        }
        for (slot, level) in slots.iter().zip(&mut levels) {
            if *slot != NIL {
                let order = self.orders.get(*slot);
                *level = order.level;
                sum = sum.wrapping_add(self.shares(order.prev)).wrapping_add(self.shares(order.next));
            }
        }
        for level in levels.iter().filter(|level| **level != NIL) {
            let level = self.levels.get(*level);
            sum = sum.wrapping_add(self.shares(level.tail));
        }
        black_box(sum);
    }

    #[inline(always)]
    fn shares(&self, slot: Slot) -> u32 {
        if slot == NIL { 0 } else { self.orders.get(slot).shares }
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
            book.read_ahead(&bytes[at..]);
            book.read_ahead(&bytes[..at]);
        }
    }
}
