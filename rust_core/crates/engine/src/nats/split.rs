//! Bytes as they come off a connection, cut anywhere, to whole operations.

use std::mem;

/// The longest line of control: a server's INFO names every server of its cluster.
const MAX_LINE: usize = 64 << 10;
/// The largest message that any server lets pass.
const MAX_MESSAGE: usize = 64 << 20;
/// More words than any operation has.
const MAX_WORDS: usize = 6;
const LINE_END: &[u8] = b"\r\n";

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A message of a subscription.
    Message(Message<'a>),
    /// It asks whether we are there.
    Ping,
    /// It is there.
    Pong,
    /// It took the last operation (only told when asked for).
    Okay,
    /// Something is wrong, in its words, with their quotes.
    Error(&'a [u8]),
    /// It describes itself, in JSON.
    Info(&'a [u8]),
}

/// One message as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Which subscription it is for.
    pub subscription: u64,
    /// What it was published on.
    pub subject: &'a str,
    /// Where an answer goes; empty where none is wanted.
    pub reply: &'a str,
    /// Its headers with their first line; empty without any.
    pub headers: &'a [u8],
    /// The rest of it.
    pub payload: &'a [u8],
}

/// Bytes that are no operation: the connection can't be read any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NATS' protocol: {0}")]
pub struct ProtocolError(pub String);

impl ProtocolError {
    fn of(what: &str, line: &[u8]) -> Self {
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        Self(format!("{what}, found {shown:?}"))
    }
}

/// Keeps what isn't whole yet.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    kept: Vec<u8>,
}

impl Splitter {
    /// One at the beginning of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { kept: Vec::new() }
    }

    /// Forget the connection before.
    pub fn reset(&mut self) {
        self.kept.clear();
    }

    /// How many bytes wait for the rest of their operation.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.kept.len()
    }

    /// Hand every operation that is whole now to `each`, in order.
    ///
    /// # Errors
    /// The bytes are no operation, or `each` failed; what came with them is forgotten.
    pub fn feed<E: From<ProtocolError>>(
        &mut self,
        data: &[u8],
        mut each: impl FnMut(Operation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut kept = mem::take(&mut self.kept);
        if kept.is_empty() {
            let used = all(data, &mut each)?;
            kept.extend_from_slice(&data[used..]);
        } else {
            kept.extend_from_slice(data);
            let used = all(&kept, &mut each)?;
            kept.drain(..used);
        }
        self.kept = kept;
        Ok(())
    }
}

/// Every whole operation of `data`; returns how many bytes they are.
fn all<E: From<ProtocolError>>(data: &[u8], each: &mut impl FnMut(Operation<'_>) -> Result<(), E>) -> Result<usize, E> {
    let mut at = 0;
    while let Some((operation, length)) = first(&data[at..])? {
        each(operation)?;
        at += length;
    }
    Ok(at)
}

/// The operation that `data` begins with, and its length; `None` if it isn't whole.
fn first(data: &[u8]) -> Result<Option<(Operation<'_>, usize)>, ProtocolError> {
    let searched = &data[..data.len().min(MAX_LINE)];
    let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
        let too_long = data.len() >= MAX_LINE;
        return if too_long { Err(ProtocolError::of("expected a line of control", data)) } else { Ok(None) };
    };
    let length = end + 1;
    let Some(line) = data[..length].strip_suffix(LINE_END) else {
        return Err(ProtocolError::of("expected CR LF at a line's end", &data[..length]));
    };
    let (word, rest) = line.split_at(line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()));
    let operation = match word {
        b"MSG" => return message(line, rest, &data[length..], length, false),
        b"HMSG" => return message(line, rest, &data[length..], length, true),
        b"PING" => Operation::Ping,
        b"PONG" => Operation::Pong,
        b"+OK" => Operation::Okay,
        b"-ERR" => Operation::Error(rest.trim_ascii()),
        b"INFO" => Operation::Info(rest.trim_ascii()),
        _ => return Err(ProtocolError::of("expected an operation of a server", line)),
    };
    Ok(Some((operation, length)))
}

/// A message whose line of control is `line`, its arguments `rest`, and what follows `body`.
fn message<'a>(
    line: &'a [u8],
    rest: &'a [u8],
    body: &'a [u8],
    before: usize,
    with_headers: bool,
) -> Result<Option<(Operation<'a>, usize)>, ProtocolError> {
    let wrong = || ProtocolError::of("expected subject, subscription, perhaps a reply, and sizes", line);
    let rest = std::str::from_utf8(rest).map_err(|_| wrong())?;
    let mut words = [""; MAX_WORDS];
    let mut count = 0;
    for word in rest.split_ascii_whitespace() {
        *words.get_mut(count).ok_or_else(wrong)? = word;
        count += 1;
    }
    let sizes = 1 + usize::from(with_headers);
    let reply = match count.checked_sub(sizes) {
        Some(2) => "",
        Some(3) => words[2],
        _ => return Err(wrong()),
    };
    let subscription = words[1].parse().map_err(|_| wrong())?;
    let size: usize = words[count - 1].parse().map_err(|_| wrong())?;
    let headers: usize = if with_headers { words[count - 2].parse().map_err(|_| wrong())? } else { 0 };
    if headers > size || size > MAX_MESSAGE {
        return Err(wrong());
    }
    let Some(whole) = body.get(..size + LINE_END.len()) else {
        return Ok(None);
    };
    if !whole.ends_with(LINE_END) {
        return Err(ProtocolError::of("expected a message's end where its size says", line));
    }
    let (headers, payload) = whole[..size].split_at(headers);
    let message = Message { subscription, subject: words[0], reply, headers, payload };
    Ok(Some((Operation::Message(message), before + whole.len())))
}
