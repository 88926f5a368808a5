//! Any bytes as a NATS server's: cut in two or read whole, they say the same, and what is no message ends it.
#![no_main]

use cift_engine::nats::{Burst, Condition, Delivery, Operation, Origin, ProtocolError, Splitter, status};
use libfuzzer_sys::fuzz_target;

fn read(parts: &[&[u8]]) -> (Vec<String>, bool) {
    let mut splitter = Splitter::new();
    let mut said = Vec::new();
    let whole = parts.iter().try_for_each(|part| {
        splitter.feed(part, |operation| {
            if let Operation::Message(message) = operation {
                let _ = (Delivery::of(message.reply), status(message.headers));
                let origin = Origin::of(message.headers);
                assert!(Burst::default().publish("events.A", "", Condition::default(), origin, b"").is_ok());
            }
            said.push(format!("{operation:?}"));
            Ok::<(), ProtocolError>(())
        })
    });
    (said, whole.is_ok())
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(read(&[bytes]), read(&[first, second]));
});
