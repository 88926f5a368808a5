//! Any bytes as lines of Binance's streams: the book that a bad line leaves is the one that the lines before it build.
#![no_main]

use cift_engine::feeds::binance::DepthBook;
use libfuzzer_sys::fuzz_target;

type Levels = Vec<(u64, u64)>;

fn state(book: &DepthBook) -> (Option<u64>, usize, Levels, Levels) {
    (book.last_update_id(), book.waiting(), book.bids().collect(), book.asks().collect())
}

fuzz_target!(|bytes: &[u8]| {
    let mut book = DepthBook::new();
    if let Err(error) = book.apply(bytes, |_, _| ()) {
        assert!(error.offset <= bytes.len() && error.line > 0, "{error}");
        let good: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line - 1).map(<[u8]>::len).sum();
        let mut before = DepthBook::new();
        before.apply(&bytes[..good], |_, _| ()).expect("the lines before the bad one");
        assert_eq!(state(&before), state(&book));
    }
    let (_, _, bids, asks) = state(&book);
    assert!(bids.is_sorted_by(|a, b| a.0 > b.0) && asks.is_sorted_by(|a, b| a.0 < b.0));
    assert!(bids.iter().chain(&asks).all(|level| level.0 > 0 && level.1 > 0));
});
