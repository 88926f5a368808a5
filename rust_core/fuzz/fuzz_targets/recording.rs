//! Any bytes as messages for the recorder: rows or an error with its place, and every column of a table as long as the
//! others.
#![no_main]

use cift_engine::recording::{Column, Positions, record_events, record_trades};
use libfuzzer_sys::fuzz_target;

fn rows(column: &Column) -> usize {
    match column {
        Column::Unsigned(values) => values.len(),
        Column::Moments(values) => values.len(),
        Column::Positions(values) => values.len(),
        Column::Halves(values) => values.len(),
        Column::Floats(values) => values.len(),
        Column::MaybeFloats(values, there) => {
            assert_eq!(there.len(), values.len().div_ceil(8));
            values.len()
        }
        Column::Choice(codes, words) => {
            assert!(codes.iter().all(|code| usize::try_from(*code).is_ok_and(|code| code < words.len())));
            codes.len()
        }
        Column::Words(codes, words) => {
            assert!(codes.iter().all(|code| usize::try_from(*code).is_ok_and(|code| code < words.len())));
            codes.len()
        }
        Column::Texts(offsets, bytes) => {
            assert!(offsets.is_sorted() && offsets.last().is_some_and(|end| usize::try_from(*end) == Ok(bytes.len())));
            assert!(std::str::from_utf8(bytes).is_ok());
            offsets.len() - 1
        }
    }
}

fn table(columns: &[(&'static str, Column)]) -> usize {
    let lengths: Vec<_> = columns.iter().map(|(_, column)| rows(column)).collect();
    assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "{lengths:?}");
    lengths[0]
}

fuzz_target!(|bytes: &[u8]| {
    // Lines, which may be JSON, and the whole, which may be Cap'n Proto.
    let messages = || (1..).zip(bytes.split(|byte| *byte == b'\n').chain([bytes]));
    let mut positions = Positions::new(1e6);
    let events = record_events(messages(), &mut positions, 0);
    let fills = table(&events.executions.columns());
    // A fill has two accounts, or one; two orders always.
    assert!(table(&events.positions.columns()) >= fills);
    assert!(table(&events.orders.columns()) >= 2 * fills);
    positions.ended(i64::MAX);
    let trades = record_trades(messages());
    let all = messages().count();
    assert!(table(&trades.ticks.columns()) + trades.left_out.len() <= all);
    assert!(events.left_out.iter().chain(&trades.left_out).all(|left_out| !left_out.error.to_string().is_empty()));
});
