//! What a consumer of a stream says beside its messages.

/// Where a message stands: in its stream, and among what its consumer delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its sequence in the stream.
    pub stream: u64,
    /// Its number among the consumer's deliveries, without gaps from 1 on.
    pub number: u64,
    /// How many messages of the stream the consumer had behind it.
    pub pending: u64,
}

impl Delivery {
    /// Read a reply subject, `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<tries>.<stream sequence>.<number>.
    /// <time>.<pending>[.<token>]`; `None` for any other.
    #[must_use]
    pub fn of(reply: &str) -> Option<Self> {
        let tokens = reply.strip_prefix("$JS.ACK.")?;
        let short = tokens.bytes().filter(|byte| *byte == b'.').count() == 6;
        let mut tokens = tokens.split('.').skip(if short { 3 } else { 5 });
        let mut number = || tokens.next()?.parse().ok();
        let (stream, delivered) = (number()?, number()?);
        number()?; // the time
        Some(Self { stream, number: delivered, pending: number()? })
    }
}

/// The status in a message's headers (`NATS/1.0 408 Request Timeout`); `None` where there is none.
#[must_use]
pub fn status(headers: &[u8]) -> Option<u16> {
    let line = headers.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"NATS/1.0 ")?.trim_ascii_start();
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}
