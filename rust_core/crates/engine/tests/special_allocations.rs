//! Once warm, orders that don't show cost no allocation either; neither does a listener that asks for changes.

use allocation_counter::measure;
use cift_engine::book::Book;
use cift_engine::change::Change;
use cift_engine::event::{Event, Sink};
use cift_engine::orders::{Limit, Market, Terms};
use cift_engine::special::{Peg, PegKind, Pegged};
use cift_engine::types::{SelfTrade, Side};

const ROUNDS: u64 = 600;

#[derive(Default)]
struct Both {
    events: Vec<Event>,
    changes: Vec<Change>,
}

impl Sink for Both {
    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn wants_changes(&self) -> bool {
        true
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// Shown, hidden and all-or-none orders, pegs that the market moves, and takers; leaves the book as it found it.
fn round(book: &mut Book, sink: &mut Both) {
    let peg = Peg { kind: PegKind::Primary, offset: -1, limit: None };
    for id in 0..20 {
        let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
        let peg = if side == Side::Buy { peg } else { Peg { offset: 1, ..peg } };
        let order = Pegged { id, user: id, side, quantity: 10, peg, terms: Terms::default() };
        book.add_pegged(&order, sink).unwrap();
    }
    for id in 20..ROUNDS {
        let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
        let behind = 1 + ((ROUNDS - id) / 7 % 40) as i64;
        let price = if side == Side::Buy { 1000 - behind } else { 1000 + behind };
        let terms = Terms { hidden: id % 3 == 0, all_or_none: id % 23 == 0, ..Terms::default() };
        book.add_limit(&Limit { id, user: id, side, price, quantity: 10, terms }, sink).unwrap();
    }
    for id in (20..ROUNDS).step_by(5) {
        book.cancel(id, sink).unwrap();
    }
    for side in [Side::Buy, Side::Sell] {
        book.add_market(&Market { id: ROUNDS, user: 1, side, quantity: ROUNDS * 20 }, sink).unwrap();
    }
    for id in 0..20 {
        let _ = book.cancel(id, sink);
    }
    assert!(book.is_empty());
    assert!(sink.changes.len() > 500 && sink.events.len() > 300);
    sink.events.clear();
    sink.changes.clear();
}

#[test]
fn a_warm_book_does_not_allocate_for_what_does_not_show() {
    let (mut book, mut sink) = (Book::new(SelfTrade::Allow), Both::default());
    for _ in 0..3 {
        round(&mut book, &mut sink);
    }
    let counted = measure(|| round(&mut book, &mut sink));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
