//! A snapshot comes back whole or not at all.

use cift_engine::book::Book;
use cift_engine::event::Event;
use cift_engine::orders::{Incoming, Limit, Market, Stop, Terms};
use cift_engine::special::{Peg, PegKind, Pegged};
use cift_engine::types::{SelfTrade, Side, TimeInForce};

/// A book with something of everything in it.
fn book() -> Book {
    let (mut book, mut events) = (Book::new(SelfTrade::Decrement), Vec::<Event>::new());
    let plain = Limit { id: 1, user: 7, side: Side::Buy, price: 100, quantity: 5, terms: Terms::default() };
    let dated = Terms { tif: TimeInForce::Gtd, expires: 50, ..Terms::default() };
    let iceberg = Terms { display: Some(2), ..Terms::default() };
    book.advance(10, &mut events);
    book.add_limit(&plain, &mut events).unwrap();
    book.add_limit(&Limit { id: 2, price: -3, terms: dated, ..plain }, &mut events).unwrap();
    book.add_limit(&Limit { id: 3, side: Side::Sell, price: 105, terms: iceberg, ..plain }, &mut events).unwrap();
    book.add_market(&Market { id: 4, user: 8, side: Side::Sell, quantity: 1 }, &mut events).unwrap();
    let limit = Incoming::Limit(Limit { id: 5, side: Side::Sell, price: 80, ..plain });
    book.add_stop(&Stop { order: limit, trigger: 90, trail: 0 }, &mut events).unwrap();
    let market = Incoming::Market(Market { id: 6, user: 9, side: Side::Buy, quantity: 4 });
    book.add_stop(&Stop { order: market, trigger: 0, trail: 3 }, &mut events).unwrap();
    let hidden = Terms { hidden: true, ..Terms::default() };
    let whole = Terms { all_or_none: true, tif: TimeInForce::Day, ..Terms::default() };
    let reducing = Terms { reduce_only: true, ..Terms::default() };
    book.set_position(7, Some(9), &mut events);
    book.set_position(8, Some(-9), &mut events);
    book.add_limit(&Limit { id: 7, price: 99, terms: hidden, ..plain }, &mut events).unwrap();
    book.add_limit(&Limit { id: 8, price: 98, terms: whole, ..plain }, &mut events).unwrap();
    book.add_limit(&Limit { id: 9, side: Side::Sell, price: 110, terms: reducing, ..plain }, &mut events).unwrap();
    let peg = Peg { kind: PegKind::Mid, offset: -1, limit: Some(101) };
    let pegged = Pegged { id: 10, user: 7, side: Side::Buy, quantity: 5, peg, terms: Terms::default() };
    book.add_pegged(&pegged, &mut events).unwrap();
    let far = Peg { kind: PegKind::Primary, offset: -1000, limit: None };
    book.add_pegged(&Pegged { id: 11, peg: far, ..pegged }, &mut events).unwrap();
    let terms = Terms { reduce_only: true, ..Terms::default() };
    book.add_pegged(&Pegged { id: 12, user: 8, peg: far, terms, ..pegged }, &mut events).unwrap();
    book
}

#[test]
fn it_comes_back_as_it_was() {
    let (book, bytes) = (book(), book().snapshot());
    let again = Book::from_snapshot(&bytes).unwrap();
    assert_eq!((again.state_hash(), again.snapshot()), (book.state_hash(), bytes));
    assert_eq!((again.len(), again.stops().count(), again.last()), (9, 2, Some(100)));
}

#[test]
fn every_cut_is_refused() {
    let bytes = book().snapshot();
    for end in 0..bytes.len() {
        assert!(Book::from_snapshot(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = book().snapshot();
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        assert!(Book::from_snapshot(&damaged).is_err(), "bit {at}");
    }
}

#[test]
fn nonsense_behind_a_right_checksum_is_refused() {
    let bytes = book().snapshot();
    let state = &bytes[..bytes.len() - 8];
    for at in 0..state.len() {
        let mut forged = state.to_vec();
        forged[at] = !forged[at];
        forged.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&forged).to_le_bytes());
        // Whatever it says now: an error, or a book that is sound enough to be written down again.
        if let Ok(other) = Book::from_snapshot(&forged) {
            assert_eq!(Book::from_snapshot(&other.snapshot()).unwrap().state_hash(), other.state_hash(), "byte {at}");
        }
    }
}
