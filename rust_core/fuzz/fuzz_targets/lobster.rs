//! Any bytes as LOBSTER files: rows, or an error inside the bytes.
#![no_main]

use cift_engine::feeds::lobster::{ADD, HALT, parse_books, parse_messages};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match parse_messages(bytes) {
        Ok(rows) => {
            for row in rows {
                assert!((ADD..=HALT).contains(&row.kind) && row.direction.abs() == 1);
                assert!(row.kind == HALT || row.size > 0 && row.price > 0);
            }
        }
        Err(error) => assert!(error.offset <= bytes.len() && error.line > 0, "{error}"),
    }
    match parse_books(bytes) {
        Ok(books) => assert_eq!(books.values.len().checked_rem(books.levels * 4).unwrap_or(0), 0),
        Err(error) => assert!(error.offset <= bytes.len() && error.line > 0, "{error}"),
    }
});
