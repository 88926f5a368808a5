//! Which request a message goes back to, as headers say it.

/// The header that names the request: one name for all that it caused, in every log and stream.
const CORRELATION: &str = "Cift-Correlation-Id";
/// The header with its place in a trace (W3C Trace Context).
const TRACE: &str = "traceparent";
/// No name is longer, and no traceparent: what is, nobody of ours wrote.
const MAX_VALUE: usize = 64;

/// What a command's headers say of where it came from, and its events' headers after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The request's name; empty for none.
    pub correlation: &'a str,
    /// Its place in a trace; empty where it isn't traced.
    pub trace: &'a str,
}

impl<'a> Origin<'a> {
    /// Read it from a message's headers. Values that `Burst::publish` would refuse count as none.
    #[must_use]
    pub fn of(headers: &'a [u8]) -> Self {
        let mut found = Self::default();
        for line in headers.split(|byte| *byte == b'\n') {
            for (name, value) in [(CORRELATION, &mut found.correlation), (TRACE, &mut found.trace)] {
                if let Some(text) = line.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b":")) {
                    let text = std::str::from_utf8(text.trim_ascii()).unwrap_or_default();
                    *value = if Self::can_be(text) { text } else { "" };
                }
            }
        }
        found
    }

    /// The headers, each with its name.
    pub(super) fn headers(self) -> [(&'static str, &'a str); 2] {
        [(CORRELATION, self.correlation), (TRACE, self.trace)]
    }

    pub(super) fn can_be(text: &str) -> bool {
        text.len() <= MAX_VALUE && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}
