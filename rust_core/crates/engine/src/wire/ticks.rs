//! Batches of trades by column, read where they lie.

use capnp::primitive_list;

use super::error::{InField, WireError};
use super::frame::{self, Encoded, SMALL_MESSAGE_WORDS, known_version, text_bytes};
use super::schema::messages_capnp::SCHEMA_VERSION;
use super::schema::ticks_capnp::tick_batch;

/// One word for each of the eight columns' rests, and the fixed parts.
const FIXED_WORDS: usize = SMALL_MESSAGE_WORDS + 8;
const BYTES_PER_TICK: usize = 41;

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

impl TickColumns<'_> {
    /// The batch as a message.
    ///
    /// # Errors
    /// Columns of different lengths, an index without a symbol, another side, or more than a message holds.
    pub fn encode(&self) -> Result<Encoded, WireError> {
        self.check()?;
        let rows = self.ts.len();
        let texts = self.symbols.iter().map(|symbol| text_bytes(symbol)).sum::<usize>();
        let bytes = texts.saturating_add(rows.saturating_mul(BYTES_PER_TICK));
        Encoded::build::<tick_batch::Owned>(FIXED_WORDS, bytes, |mut batch| {
            // The number of rows fits: their bytes do.
            let count = u32::try_from(rows).unwrap_or(u32::MAX);
            batch.set_version(SCHEMA_VERSION);
            let mut symbols = batch.reborrow().init_symbols(u32::try_from(self.symbols.len()).unwrap_or(u32::MAX));
            for (index, symbol) in (0u32..).zip(self.symbols) {
                symbols.set(index, symbol);
            }
            copy(batch.reborrow().init_symbol(count).as_slice(), self.symbol);
            copy(batch.reborrow().init_ts(count).as_slice(), self.ts);
            copy(batch.reborrow().init_price(count).as_slice(), self.price);
            copy(batch.reborrow().init_quantity(count).as_slice(), self.quantity);
            copy(batch.reborrow().init_side(count).as_slice(), self.side);
            copy(batch.reborrow().init_seq(count).as_slice(), self.seq);
            copy(batch.reborrow().init_pos(count).as_slice(), self.pos);
            Ok(())
        })
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

/// A new list of plain numbers is always a slice.
fn copy<T: Copy>(target: Option<&mut [T]>, source: &[T]) {
    if let Some(target) = target {
        target.copy_from_slice(source);
    }
}

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
