//! The stream framing: how many segments, how long each is, then the segments. Checked here, byte by byte, so that an
//! error can say where; the capnp library checks every pointer inside.

use capnp::message::{Builder, HeapAllocator, ReaderOptions};
use capnp::serialize;

use super::error::{InField, WireError};
use super::schema::messages_capnp::SCHEMA_VERSION;

/// The longest message that is written or read: 64 MiB, Cap'n Proto's own default.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;

const WORD: usize = 8;
const MAX_SEGMENTS: usize = 512;

/// Where messages in a row begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Messages in a row.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(usize, &'a [u8]), WireError>;

    /// The next message: its offset and its bytes. After an error there is no next one.
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.data.len() {
            return None;
        }
        let start = self.at;
        match end_of(self.data, start) {
            Ok(end) => {
                self.at = end;
                Some(Ok((start, &self.data[start..end])))
            }
            Err(error) => {
                self.at = self.data.len();
                Some(Err(error))
            }
        }
    }
}

/// Whether bytes begin as a message of one segment does, and all that we write do. No JSON does.
#[must_use]
#[inline]
pub fn is_framed(data: &[u8]) -> bool {
    data.first() == Some(&0)
}

/// Where the message that begins at `start` ends.
fn end_of(data: &[u8], start: usize) -> Result<usize, WireError> {
    let rest = &data[start..];
    let number = |index: usize| {
        let bytes = rest.get(4 * index..4 * index + 4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    };
    let truncated =
        |wanted: usize| WireError::frame(data.len(), format!("the message at {start} ends here, not at {wanted}"));
    let segments = number(0).ok_or_else(|| truncated(start + WORD))? + 1;
    if segments > MAX_SEGMENTS {
        let problem = format!("{segments} segments are more than {MAX_SEGMENTS}");
        return Err(WireError::frame(start, problem));
    }
    let table = (4 + 4 * segments).next_multiple_of(WORD);
    let mut length = table;
    for index in 1..=segments {
        length += number(index).ok_or_else(|| truncated(start + table))? * WORD;
    }
    if length > MAX_MESSAGE_BYTES {
        let problem = format!("{length} bytes are more than {MAX_MESSAGE_BYTES}");
        return Err(WireError::frame(start, problem));
    }
    if length > rest.len() {
        return Err(truncated(start + length));
    }
    Ok(start + length)
}

/// Give `work` the root of the only message in `data`, and the bytes that the root looks at: `data` itself, or a copy
/// where its address is not a multiple of eight.
pub(super) fn read<T, R>(
    data: &[u8],
    work: impl for<'m> FnOnce(T::Reader<'m>, &'m [u8]) -> Result<R, WireError>,
) -> Result<R, WireError>
where
    T: capnp::traits::Owned,
{
    let end = end_of(data, 0)?;
    if end != data.len() {
        return Err(WireError::frame(end, format!("{} bytes follow the message", data.len() - end)));
    }
    if data.as_ptr().align_offset(WORD) == 0 {
        return root::<T, R>(data, work);
    }
    let mut words = capnp::Word::allocate_zeroed_vec(data.len() / WORD);
    capnp::Word::words_to_bytes_mut(&mut words).copy_from_slice(data);
    root::<T, R>(capnp::Word::words_to_bytes(&words), work)
}

fn root<T, R>(
    data: &[u8],
    work: impl for<'m> FnOnce(T::Reader<'m>, &'m [u8]) -> Result<R, WireError>,
) -> Result<R, WireError>
where
    T: capnp::traits::Owned,
{
    // Nobody needs to look at a byte more than a few times; who makes us do so wants us to drown.
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(4 * (data.len() / WORD) + 64));
    let message = serialize::read_message_from_flat_slice_no_alloc(&mut &*data, options).in_field("message")?;
    work(message.get_root::<T::Reader<'_>>().in_field("message")?, data)
}

/// A message that is ready to be written.
pub struct Encoded {
    message: Builder<HeapAllocator>,
    bytes: usize,
}

impl Encoded {
    /// Build a message with room for `words` in one piece; `texts` must fit with it into [`MAX_MESSAGE_BYTES`].
    pub(super) fn build<T: capnp::traits::Owned>(
        words: usize,
        texts: usize,
        fill: impl FnOnce(T::Builder<'_>) -> Result<(), WireError>,
    ) -> Result<Self, WireError> {
        let room = words.saturating_mul(WORD).saturating_add(texts);
        if room > MAX_MESSAGE_BYTES {
            return Err(WireError::frame(0, format!("the message needs {room} bytes, more than {MAX_MESSAGE_BYTES}")));
        }
        let segment = u32::try_from(room / WORD + 1).unwrap_or(u32::MAX);
        let mut message = Builder::new(HeapAllocator::new().first_segment_words(segment));
        fill(message.init_root::<T::Builder<'_>>())?;
        let bytes = serialize::compute_serialized_size_in_words(&message) * WORD;
        Ok(Self { message, bytes })
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// Never: even an empty message has a root.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Write it into `bytes`, which is [`Self::len`] long.
    ///
    /// # Errors
    /// `bytes` is shorter.
    pub fn write_to(&self, bytes: &mut [u8]) -> Result<(), WireError> {
        serialize::write_message(bytes, &self.message).in_field("message")
    }

    /// Its bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        serialize::write_message_to_words(&self.message)
    }
}

/// A schema version that this reader and writer knows.
#[inline]
pub(super) fn known_version(field: &'static str, version: u16) -> Result<u16, WireError> {
    if (1..=SCHEMA_VERSION).contains(&version) {
        return Ok(version);
    }
    Err(WireError::field(field, format!("{version} is not a known schema version, 1 to {SCHEMA_VERSION}")))
}

/// The words that a message takes beside its texts.
pub(super) const SMALL_MESSAGE_WORDS: usize = 24;

/// The bytes that a text takes at most.
pub(super) const fn text_bytes(text: &str) -> usize {
    text.len() + 2 * WORD
}

/// A text that must be there.
macro_rules! required_text {
    ($reader:expr, $has:ident, $get:ident, $field:literal) => {{
        if !$reader.$has() {
            return Err(WireError::field($field, "is missing".into()));
        }
        $reader.$get().in_field($field)?.to_str().in_field($field)?
    }};
}
pub(super) use required_text;

/// A text that may be absent.
macro_rules! maybe_text {
    ($reader:expr, $has:ident, $get:ident, $field:literal) => {
        if $reader.$has() { Some($reader.$get().in_field($field)?.to_str().in_field($field)?) } else { None }
    };
}
pub(super) use maybe_text;
