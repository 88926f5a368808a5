//! Once warm, no operation allocates.

use allocation_counter::measure;
use cift_engine::book::Book;
use cift_engine::event::Event;
use cift_engine::orders::{Limit, Market, Terms};
use cift_engine::types::{SelfTrade, Side};

const ROUNDS: u64 = 2_000;

/// Adds, cancels, reduces, modifies and takes on both sides; leaves the book as it found it.
fn round(book: &mut Book, events: &mut Vec<Event>) {
    for id in 0..ROUNDS {
        let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
        let behind = 1 + (id % 40) as i64;
        let price = if side == Side::Buy { 1000 - behind } else { 1000 + behind };
        let order = Limit { id, user: id, side, price, quantity: 10, terms: Terms::default() };
        book.add_limit(&order, events).unwrap();
    }
    for id in (0..ROUNDS).step_by(3) {
        book.reduce(id, 3, events).unwrap();
        book.modify(id, Some(if id % 2 == 0 { 990 } else { 1010 }), None, events).unwrap();
    }
    for id in (0..ROUNDS).step_by(5) {
        book.cancel(id, events).unwrap();
    }
    for side in [Side::Buy, Side::Sell] {
        let order = Market { id: ROUNDS, user: 1, side, quantity: ROUNDS * 10 };
        book.add_market(&order, events).unwrap();
    }
    assert!(book.is_empty());
    events.clear();
}

#[test]
fn a_warm_book_does_not_allocate() {
    let mut book = Book::new(SelfTrade::Allow);
    let mut events = Vec::new();
    round(&mut book, &mut events);
    let counted = measure(|| round(&mut book, &mut events));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
