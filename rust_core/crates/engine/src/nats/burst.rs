//! Messages on their way to streams, many in one piece of bytes.

use std::io::Write;

use super::{Origin, ProtocolError};

/// What a stream is to hold against a message before it stores it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition<'a> {
    /// A name that it takes only once (`Nats-Msg-Id`); empty for none.
    pub message_id: &'a str,
    /// The sequence it must end at (`Nats-Expected-Last-Sequence`).
    pub after: Option<u64>,
}

/// Published messages, one after the other, as one connection takes them.
#[derive(Clone, Debug, Default)]
pub struct Burst {
    bytes: Vec<u8>,
    headers: Vec<u8>,
}

impl Burst {
    /// An empty one with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), headers: Vec::with_capacity(256) }
    }

    /// What there is to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Publish `payload`, which goes back to `origin`; the acknowledgement goes to `reply`, if that isn't empty.
    ///
    /// # Errors
    /// A subject, the reply or a name holds what would end it: a space, a line's end, any control character. Nothing
    /// is added then.
    ///
    /// # Panics
    /// Never: memory takes what is written.
    pub fn publish(
        &mut self,
        subject: &str,
        reply: &str,
        condition: Condition<'_>,
        origin: Origin<'_>,
        payload: &[u8],
    ) -> Result<(), ProtocolError> {
        if subject.is_empty() {
            return Err(ProtocolError("expected a subject, found none".to_owned()));
        }
        for (what, text) in [("subject", subject), ("reply", reply), ("message id", condition.message_id)] {
            if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                return Err(ProtocolError(format!("expected a {what} without spaces and controls, found {text:?}")));
            }
        }
        for (what, text) in origin.headers() {
            if !Origin::can_be(text) {
                return Err(ProtocolError(format!("expected a {what} of up to 64 visible characters, found {text:?}")));
            }
        }
        let space = if reply.is_empty() { "" } else { " " };
        self.headers.clear();
        let mut write = |line: std::fmt::Arguments<'_>| self.headers.write_fmt(line).expect("memory takes it");
        if !condition.message_id.is_empty() {
            write(format_args!("Nats-Msg-Id:{}\r\n", condition.message_id));
        }
        if let Some(after) = condition.after {
            write(format_args!("Nats-Expected-Last-Sequence:{after}\r\n"));
        }
        for (name, value) in origin.headers() {
            if !value.is_empty() {
                write(format_args!("{name}:{value}\r\n"));
            }
        }
        let bytes = &mut self.bytes;
        let mut write = |line: std::fmt::Arguments<'_>| bytes.write_fmt(line).expect("memory takes it");
        if self.headers.is_empty() {
            write(format_args!("PUB {subject} {reply}{space}{}\r\n", payload.len()));
        } else {
            const FIRST: &str = "NATS/1.0\r\n";
            let headers = FIRST.len() + self.headers.len() + 2;
            write(format_args!("HPUB {subject} {reply}{space}{headers} {}\r\n{FIRST}", headers + payload.len()));
            bytes.extend_from_slice(&self.headers);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        Ok(())
    }
}
