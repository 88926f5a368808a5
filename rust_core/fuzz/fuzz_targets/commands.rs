//! Any commands: a sound book after each, refusals that change nothing, and the same outcome in one batch.
#![no_main]

use cift_engine::batch::EventRow;
use cift_fuzz::{check, commands, instrument};
use libfuzzer_sys::fuzz_target;

/// The kind of a rejection's row.
const REJECTED: u8 = 3;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let commands = commands(bytes);
    let (mut single, mut events) = (instrument(*choice), Vec::new());
    for (number, command) in (0_u64..).zip(&commands) {
        let (before, mut caused) = (single.state_hash("X"), Vec::new());
        single.submit_wide(std::slice::from_ref(command), &mut caused, None);
        check(&single);
        // Time passes even when the command that brings it is refused.
        if let ([EventRow { kind: REJECTED, .. }], 0) = (&caused[..], command.time) {
            assert_eq!(single.state_hash("X"), before, "a refusal changed the book: {command:?}");
        }
        events.extend(caused.into_iter().map(|event| EventRow { command: number, ..event }));
    }
    let (mut whole, mut at_once) = (instrument(*choice), Vec::new());
    whole.submit_wide(&commands, &mut at_once, None);
    assert_eq!(whole.state_hash("X"), single.state_hash("X"));
    assert_eq!(format!("{at_once:?}"), format!("{events:?}"));
    let mut restored = instrument(*choice);
    restored.restore("X", &whole.snapshot("X")).expect("a snapshot of a book");
    check(&restored);
    assert_eq!(restored.state_hash("X"), whole.state_hash("X"));
});
