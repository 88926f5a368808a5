//! An instrument's bytes: its own description, then its book's.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::SnapshotError;
use crate::book::Book;
use crate::instrument::Instrument;

impl Instrument {
    /// Everything, as bytes: the instrument's own description, then its book.
    #[must_use]
    pub fn snapshot(&self, symbol: &str) -> Vec<u8> {
        let mut bytes = self.description(symbol);
        self.book.write_snapshot(&mut bytes);
        bytes
    }

    /// The `state_hash` of the instrument that `snapshot` was taken of; any number for other bytes.
    #[must_use]
    pub fn hash_of(snapshot: &[u8]) -> u64 {
        // All but the book's checksum, which covers only a part of it.
        xxh3_64(&snapshot[..snapshot.len().saturating_sub(8)])
    }

    /// A number that two instruments share exactly when they would behave the same from here on.
    #[must_use]
    pub fn state_hash(&self, symbol: &str) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&self.description(symbol));
        self.book.write_state(&mut |part| hash.update(part));
        hash.digest()
    }

    /// Become what a snapshot says; on an error nothing changes.
    ///
    /// # Errors
    /// When the bytes are damaged, or belong to another symbol, grid or self-trade mode.
    pub fn restore(&mut self, symbol: &str, bytes: &[u8]) -> Result<(), SnapshotError> {
        let Some(state) = bytes.strip_prefix(self.description(symbol).as_slice()) else {
            return Err(SnapshotError::OtherInstrument);
        };
        let book = Book::from_snapshot(state)?;
        if book.self_trade != self.book.self_trade {
            return Err(SnapshotError::OtherInstrument);
        }
        self.book = book;
        Ok(())
    }

    fn description(&self, symbol: &str) -> Vec<u8> {
        let mut bytes = b"CIFTINST".to_vec();
        bytes.extend_from_slice(&(symbol.len() as u64).to_le_bytes());
        bytes.extend_from_slice(symbol.as_bytes());
        bytes.extend_from_slice(&self.tick_size().to_bits().to_le_bytes());
        bytes.extend_from_slice(&self.lot_size().to_bits().to_le_bytes());
        bytes.push(u8::from(self.negative_prices));
        bytes
    }
}
