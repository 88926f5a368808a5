//! Damaged snapshots with right checksums: refused, or a sound book that has exactly these bytes as its snapshot.
//!
//! The input: the self-trade mode, how many commands build the book, the commands, and then what is damaged, two bytes of
//! place and one of value each; an odd rest cuts the snapshot short.
#![no_main]

use cift_engine::book::Book;
use cift_fuzz::{COMMAND, check, commands, instrument};
use libfuzzer_sys::fuzz_target;
use xxhash_rust::xxh3::xxh3_64;

fuzz_target!(|bytes: &[u8]| {
    let [choice, count, bytes @ ..] = bytes else { return };
    let (build, damage) = bytes.split_at(bytes.len().min(usize::from(*count) * COMMAND));
    let mut built = instrument(*choice);
    built.submit_wide(&commands(build), &mut Vec::new(), None);

    let mut state = built.book.snapshot();
    state.truncate(state.len() - 8);
    for part in damage.chunks(3) {
        match part {
            [high, low, value] => {
                let at = usize::from(u16::from_be_bytes([*high, *low])) % state.len().max(1);
                if let Some(byte) = state.get_mut(at) {
                    *byte = *value;
                }
            }
            [cut, ..] => state.truncate(state.len().saturating_sub(usize::from(*cut))),
            [] => {}
        }
    }
    state.extend(xxh3_64(&state).to_le_bytes());
    if let Ok(book) = Book::from_snapshot(&state) {
        assert_eq!(book.snapshot(), state, "a book with another snapshot than its own");
        let mut sound = instrument(*choice);
        sound.book = book;
        check(&sound);
    }

    // The same through an instrument, which must stay as it was when it refuses.
    let (before, mut whole) = (built.state_hash("X"), built.snapshot("X"));
    if let (Some(last), [.., value]) = (whole.last_mut(), bytes) {
        *last ^= value;
        if built.restore("X", &whole).is_err() {
            assert_eq!(built.state_hash("X"), before);
        }
    }
});
