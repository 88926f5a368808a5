//! The whole state of a book as bytes, and back.
//!
//! Layout, little endian: magic, version, self-trade mode, phase, time, how many trades and changes there were,
//! last trade price; for each side the number of
//! orders and the orders in the order in which they would trade; the number of stops and the stops as they were entered;
//! for each side the same of hidden and pegged, of all-or-none, and of sleeping pegged orders; the ids of pegged and
//! reduce-only orders as they were entered; the positions of watched users, by user; then a 64-bit checksum of everything
//! before it. Other versions are refused: version 3 knew no special orders and no numbers. The bytes are a function of the
//! state alone, never of the path to it, so that their hash is the book's `state_hash`.

mod instrument;
mod reader;
mod special;
mod writer;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use self::reader::Reader;
use crate::arena::Order;
use crate::book::Book;
use crate::rare::{Class, Rare};
use crate::types::{Phase, SelfTrade, Side};

const MAGIC: [u8; 8] = *b"CIFTBOOK";
const VERSION: u16 = 4;
const PLAIN_BYTES: usize = 33;
const RARE_BYTES: usize = 24;
const POST_ONLY: u8 = 1;
const RARE: u8 = 2;
const SPECIAL: u8 = 4;
const MARKET: u8 = 0;
const LIMIT: u8 = 1;

/// Why bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Shorter than its own contents say.
    #[error("snapshot ends at byte {at}, expected {wanted} more")]
    Truncated {
        /// Where it ends.
        at: usize,
        /// How many bytes are missing at least.
        wanted: usize,
    },
    /// Not a snapshot, or one of another version.
    #[error("snapshot is not one of version {VERSION}: it starts with other bytes")]
    Header,
    /// The snapshot of another symbol, another grid or another self-trade mode, or not a snapshot at all.
    #[error("snapshot belongs to another symbol, tick_size, lot_size or stp")]
    OtherInstrument,
    /// The checksum differs.
    #[error("snapshot is damaged: its checksum differs")]
    Checksum,
    /// The bytes are whole, but no book could be in this state.
    #[error("snapshot byte {at}: {what}")]
    Invalid {
        /// Where.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl Book {
    /// Everything, as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_snapshot(&mut bytes);
        bytes
    }

    /// Append everything to `bytes`. The orders are walked through once: they lie all over memory, their bytes do not.
    fn write_snapshot(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.reserve(160 + self.len() * PLAIN_BYTES);
        self.write_state(&mut |part| bytes.extend_from_slice(part));
        let checksum = xxh3_64(&bytes[start..]);
        bytes.extend_from_slice(&checksum.to_le_bytes());
    }

    /// A number that two books share exactly when they would behave the same from here on.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        self.write_state(&mut |part| hash.update(part));
        hash.digest()
    }

    /// A book from its bytes.
    ///
    /// # Errors
    /// When the bytes are not a whole, undamaged snapshot of a possible book.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take::<8>()? != MAGIC || reader.take::<2>()? != VERSION.to_le_bytes() {
            return Err(SnapshotError::Header);
        }
        let split = bytes.len().saturating_sub(8);
        let (state, checksum) = bytes.split_at(split);
        if xxh3_64(state).to_le_bytes() != checksum {
            return Err(SnapshotError::Checksum);
        }
        let mut book = Self::new(reader.code(SelfTrade::from_code, "an unknown self-trade mode")?);
        book.phase = reader.code(Phase::from_code, "an unknown phase")?;
        book.now = reader.number()?;
        let counts = (reader.number()?, reader.number()?);
        book.last = match reader.number()? {
            0 => None,
            1 => Some(reader.ticks()?),
            _ => return Err(reader.invalid("a last price that is neither there nor not")),
        };
        for side in [Side::Buy, Side::Sell] {
            book.read_queue(&mut reader, side, Class::Shown)?;
        }
        for _ in 0..reader.number()? {
            let stop = reader.stop()?;
            if book.check_new(stop.order.id()).is_err() {
                return Err(reader.invalid("an order id twice"));
            }
            book.stops.insert(&stop);
            book.rares.watch(stop.order.id(), stop.order.end_of_life());
        }
        book.read_special(&mut reader)?;
        if book.phase == Phase::Continuous && book.crossed() {
            return Err(reader.invalid("a crossed book"));
        }
        if reader.at != split {
            return Err(reader.invalid("more bytes than orders"));
        }
        (book.trades, book.changes) = counts;
        Ok(book)
    }

    /// The orders of a side and class.
    fn read_queue(&mut self, reader: &mut Reader<'_>, side: Side, class: Class) -> Result<(), SnapshotError> {
        let mut last_key = i64::MAX;
        for _ in 0..reader.number()? {
            let (order, rare) = reader.order(side, class)?;
            let key = self.ladder(side).key(order.price);
            if key > last_key {
                return Err(reader.invalid("orders out of priority"));
            }
            last_key = key;
            self.read_order(reader, order, rare)?;
        }
        Ok(())
    }

    fn read_order(&mut self, reader: &Reader<'_>, order: Order, rare: Option<Rare>) -> Result<(), SnapshotError> {
        if self.check_new(order.id).is_err() {
            return Err(reader.invalid("an order id twice"));
        }
        let reserve = rare.map_or(0, |rare| rare.reserve);
        if order.quantity.checked_add(reserve).is_none_or(|open| self.check_room_special(order.side, open).is_err()) {
            return Err(reader.invalid("a side that overflows"));
        }
        self.rest(&order, rare, &mut ());
        Ok(())
    }
}
