//! Any bytes as an ITCH file: whatever is wrong with them, the book is what the messages before it build.
#![no_main]

use cift_engine::feeds::itch::{Frames, ItchBook, Side};
use libfuzzer_sys::fuzz_target;

type Queue = (u16, bool, u32, Vec<(u64, u32)>);

/// Every queue, after its level has been held against it.
fn queues(book: &ItchBook) -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    for stock in book.locates() {
        for side in [Side::Buy, Side::Sell] {
            let first = queues.len();
            for level in book.levels(stock, side) {
                let queue: Vec<_> = book.queue(level).map(|order| (order.reference, order.shares)).collect();
                assert_eq!(queue.len(), level.orders as usize);
                assert_eq!(queue.iter().map(|order| u64::from(order.1)).sum::<u64>(), level.shares);
                assert!(queue.iter().all(|order| book.order(order.0).is_some()));
                queues.push((stock, side == Side::Sell, level.price, queue));
            }
            assert!(queues[first..].is_sorted_by(|a, b| if side == Side::Buy { a.2 > b.2 } else { a.2 < b.2 }));
        }
    }
    assert_eq!(queues.iter().map(|queue| queue.3.len()).sum::<usize>(), book.len());
    queues
}

fuzz_target!(|bytes: &[u8]| {
    let mut book = ItchBook::new();
    let done = match book.apply(bytes, false) {
        Ok(done) => {
            assert_eq!(done, bytes.len());
            done
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            error.offset
        }
    };
    let mut before = ItchBook::new();
    assert_eq!(before.apply(&bytes[..done], true), Ok(done));
    assert_eq!(queues(&before), queues(&book));
    assert!(Frames::new(bytes).filter(Result::is_ok).count() as u64 >= book.messages());
});
