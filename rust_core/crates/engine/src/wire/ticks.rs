//! Batches of trades by column, read where they lie.

use capnp::primitive_list;

use super::error::{InField, WireError};
use super::frame::{self, Encoded, MAX_MESSAGE_BYTES, SMALL_MESSAGE_WORDS, known_version, text_bytes};
use super::schema::messages_capnp::SCHEMA_VERSION;
use super::schema::ticks_capnp::tick_batch;

const WORD: usize = 8;
/// Where the columns' pointers lie: after the frame's word, the root pointer, the root's one word of data, `symbols`.
const FIRST_COLUMN_POINTER: usize = 4;

/// Ticks by column; every slice but `symbols` has one entry per tick.
#[derive(Clone, Copy, Debug)]
pub struct TickColumns<'a> {
    /// The instruments.
    pub symbols: &'a [&'a str],
    /// Index into `symbols`.
    pub symbol: &'a [u32],
    /// Nanoseconds since 1970 (UTC).
    pub ts: &'a [i64],
    /// Prices.
    pub price: &'a [f64],
    /// Quantities.
    pub quantity: &'a [f64],
    /// 1 the taker bought, -1 it sold, 0 nobody knows.
    pub side: &'a [i8],
    /// Sequence of the command that traded, or of the feed.
    pub seq: &'a [u64],
    /// Position among the events of that command.
    pub pos: &'a [u32],
}

impl<'a> TickColumns<'a> {
    /// The batch, ready to be written.
    ///
    /// # Errors
    /// Columns of different lengths, an index without a symbol, another side, or more than a message holds.
    pub fn encode(&self) -> Result<TickMessage<'a>, WireError> {
        self.check()?;
        let texts = self.symbols.iter().map(|symbol| text_bytes(symbol)).sum();
        let head = Encoded::build::<tick_batch::Owned>(SMALL_MESSAGE_WORDS, texts, |mut batch| {
            batch.set_version(SCHEMA_VERSION);
            // Their number fits: their bytes do.
            let mut symbols = batch.init_symbols(u32::try_from(self.symbols.len()).unwrap_or(u32::MAX));
            for (index, symbol) in (0u32..).zip(self.symbols) {
                symbols.set(index, symbol);
            }
            Ok(())
        })?;
        let columns = [
            Bytes::of(self.symbol),
            Bytes::of(self.ts),
            Bytes::of(self.price),
            Bytes::of(self.quantity),
            Bytes::of(self.side),
            Bytes::of(self.seq),
            Bytes::of(self.pos),
        ];
        let length = columns.iter().fold(head.len(), |sum, column| sum + column.bytes.len().next_multiple_of(WORD));
        if length > MAX_MESSAGE_BYTES {
            let problem = format!("the message needs {length} bytes, more than {MAX_MESSAGE_BYTES}");
            return Err(WireError::frame(0, problem));
        }
        Ok(TickMessage { head: head.to_vec(), columns, length })
    }

    fn check(&self) -> Result<(), WireError> {
        let rows = self.ts.len();
        let lengths = [
            ("ticks.symbol", self.symbol.len()),
            ("ticks.price", self.price.len()),
            ("ticks.quantity", self.quantity.len()),
            ("ticks.side", self.side.len()),
            ("ticks.seq", self.seq.len()),
            ("ticks.pos", self.pos.len()),
        ];
        if let Some((field, length)) = lengths.into_iter().find(|&(_, length)| length != rows) {
            return Err(WireError::field(field, format!("has {length} rows, ts has {rows}")));
        }
        if let Some(row) = self.symbol.iter().position(|&index| index as usize >= self.symbols.len()) {
            let (index, count) = (self.symbol[row], self.symbols.len());
            return Err(WireError::field(
                "ticks.symbol",
                format!("{index} in row {row} is not one of {count} symbols"),
            ));
        }
        if let Some(row) = self.side.iter().position(|side| !(-1..=1).contains(side)) {
            let problem = format!("{} in row {row} is not one of 1, -1, 0", self.side[row]);
            return Err(WireError::field("ticks.side", problem));
        }
        Ok(())
    }
}

/// A column's bytes and what a pointer to it says of their size.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    bytes: &'a [u8],
    count: usize,
    size_tag: u64,
}

impl<'a> Bytes<'a> {
    fn of<T: bytemuck::Pod>(values: &'a [T]) -> Self {
        let size_tag = match size_of::<T>() {
            1 => 2,
            4 => 4,
            _ => 5,
        };
        Self { bytes: bytemuck::cast_slice(values), count: values.len(), size_tag }
    }
}

/// A batch that is ready to be written, its columns still where they were.
///
/// The capnp library writes the head: the root and the symbols. The columns follow it, each with the list pointer of
/// <https://capnproto.org/encoding.html#lists> written here, straight from their source to their place in the message:
/// the library's own builder would first make the whole message elsewhere, which takes ten times as long.
pub struct TickMessage<'a> {
    head: Vec<u8>,
    columns: [Bytes<'a>; 7],
    length: usize,
}

impl TickMessage<'_> {
    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Never: even a batch without ticks has a root.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Write it into `target`, which is [`Self::len`] long.
    ///
    /// # Errors
    /// `target` has another length.
    pub fn write_to(&self, target: &mut [u8]) -> Result<(), WireError> {
        if target.len() != self.length {
            let problem = format!("{} bytes of room for a message of {}", target.len(), self.length);
            return Err(WireError::frame(0, problem));
        }
        target[..self.head.len()].copy_from_slice(&self.head);
        let segment_words = (self.length / WORD - 1) as u64;
        // One segment: a zero, then its length.
        target[..WORD].copy_from_slice(&(segment_words << 32).to_le_bytes());
        let mut at = self.head.len();
        for (index, column) in self.columns.iter().enumerate() {
            let pointer = FIRST_COLUMN_POINTER + index;
            // In words, from behind the pointer to the list.
            let distance = (at / WORD - pointer - 1) as u64;
            let value = 1 | distance << 2 | column.size_tag << 32 | (column.count as u64) << 35;
            target[pointer * WORD..][..WORD].copy_from_slice(&value.to_le_bytes());
            let padded = column.bytes.len().next_multiple_of(WORD);
            let (values, padding) = target[at..at + padded].split_at_mut(column.bytes.len());
            values.copy_from_slice(column.bytes);
            padding.fill(0);
            at += padded;
        }
        Ok(())
    }

    /// Its bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        self.write_to(&mut bytes).expect("the length is right");
        bytes
    }
}

// Columns are copied as they lie in memory, and read so.
const _: () = assert!(cfg!(target_endian = "little"), "Cap'n Proto's numbers are little-endian");

/// A column of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Where it begins, in bytes from the message's first.
    pub offset: usize,
}

/// Where everything is in a batch: opening one costs the same however long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickLayout {
    /// The number of ticks.
    pub rows: usize,
    /// The instruments.
    pub symbols: Vec<String>,
    /// The columns, in the order of [`TickColumns`].
    pub columns: [Column; 7],
}

impl TickLayout {
    /// Find the columns in `data`, which is one message and nothing more.
    ///
    /// # Errors
    /// `data` is no such message, or its columns don't fit together. (Values are not looked at.)
    pub fn of(data: &[u8]) -> Result<Self, WireError> {
        frame::read::<tick_batch::Owned, Self>(data, |batch, bytes| {
            known_version("ticks.version", batch.get_version())?;
            let rows = batch.get_ts().in_field("ticks.ts")?.len() as usize;
            let list = batch.get_symbols().in_field("ticks.symbols")?;
            let mut symbols = Vec::with_capacity(list.len() as usize);
            for symbol in list.iter() {
                let symbol = symbol.in_field("ticks.symbols")?.to_str().in_field("ticks.symbols")?;
                symbols.push(symbol.to_owned());
            }
            let find = Find { bytes, rows };
            let columns = [
                find.column("symbol", "ticks.symbol", batch.get_symbol())?,
                find.column("ts", "ticks.ts", batch.get_ts())?,
                find.column("price", "ticks.price", batch.get_price())?,
                find.column("quantity", "ticks.quantity", batch.get_quantity())?,
                find.column("side", "ticks.side", batch.get_side())?,
                find.column("seq", "ticks.seq", batch.get_seq())?,
                find.column("pos", "ticks.pos", batch.get_pos())?,
            ];
            Ok(Self { rows, symbols, columns })
        })
    }
}

struct Find<'m> {
    bytes: &'m [u8],
    rows: usize,
}

impl Find<'_> {
    fn column<T: capnp::private::layout::PrimitiveElement>(
        &self,
        name: &'static str,
        field: &'static str,
        list: capnp::Result<primitive_list::Reader<'_, T>>,
    ) -> Result<Column, WireError> {
        let list = list.in_field(field)?;
        if list.len() as usize != self.rows {
            return Err(WireError::field(field, format!("has {} rows, ts has {}", list.len(), self.rows)));
        }
        let problem = || WireError::field(field, "is not laid out as in the schema".into());
        let values = list.as_slice().ok_or_else(problem)?;
        if values.is_empty() {
            return Ok(Column { name, offset: 0 });
        }
        let offset = (values.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize).ok_or_else(problem)?;
        Ok(Column { name, offset })
    }
}
