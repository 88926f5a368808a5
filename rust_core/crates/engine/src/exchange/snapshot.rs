//! The whole machine as bytes, and back.
//!
//! Layout: magic, version, length and bytes of the head (symbols and risk, in postcard's encoding), then length and
//! bytes of every book's own snapshot in the order of the symbols, then a 64-bit checksum of everything before it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Exchange, Market};
use crate::instrument::Instrument;
use crate::risk::{Risk, RiskState, StateError};
use crate::snapshot::SnapshotError;
use crate::types::SelfTrade;

const MAGIC: [u8; 8] = *b"CIFTEXCH";
const VERSION: u16 = 1;

/// Why bytes are no exchange.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RestoreError {
    /// Shorter than its own contents say.
    #[error("snapshot ends at byte {at}, expected {wanted} more")]
    Truncated {
        /// Where it ends.
        at: usize,
        /// How many bytes are missing at least.
        wanted: usize,
    },
    /// Not a snapshot of an exchange, or one of another version.
    #[error("snapshot is not one of an exchange, version {VERSION}: it starts with other bytes")]
    Header,
    /// The checksum differs.
    #[error("snapshot is damaged: its checksum differs")]
    Checksum,
    /// The bytes are whole, but say nothing.
    #[error("snapshot is damaged: symbols and limits can't be read")]
    Head,
    /// No risk engine could be in this state.
    #[error(transparent)]
    Risk(#[from] StateError),
    /// A symbol that can't be opened.
    #[error("symbol {0:?}: {1}")]
    Symbol(String, &'static str),
    /// A book that is none.
    #[error("book of {0:?}: {1}")]
    Book(String, SnapshotError),
}

#[derive(Serialize, Deserialize)]
struct Head {
    sequence: u64,
    symbols: Vec<SymbolHead>,
    risk: RiskState,
}

#[derive(Serialize, Deserialize)]
struct SymbolHead {
    symbol: String,
    tick_size: f64,
    lot_size: f64,
    self_trade: u8,
    negative_prices: bool,
}

impl Exchange {
    fn head(&self) -> Vec<u8> {
        let symbols = self.markets.iter().map(|Market { symbol, instrument }| SymbolHead {
            symbol: symbol.clone(),
            tick_size: instrument.tick_size(),
            lot_size: instrument.lot_size(),
            self_trade: instrument.book.self_trade() as u8,
            negative_prices: instrument.negative_prices,
        });
        let head = Head { sequence: self.sequence, symbols: symbols.collect(), risk: self.risk.state() };
        postcard::to_stdvec(&head).expect("plain data in memory")
    }

    /// Everything, as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        let books = self.markets.iter().map(|market| market.instrument.snapshot(&market.symbol));
        for part in std::iter::once(self.head()).chain(books) {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&part);
        }
        let checksum = xxh3_64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// A number that two exchanges share exactly when they would behave the same from here on.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&self.head());
        for market in &self.markets {
            hash.update(&market.instrument.state_hash(&market.symbol).to_le_bytes());
        }
        hash.digest()
    }

    /// Become what a snapshot says, symbols and all; on an error nothing changes.
    ///
    /// # Errors
    /// When the bytes are not a whole, undamaged snapshot of a possible exchange.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        *self = Self::from_snapshot(bytes)?;
        Ok(())
    }

    /// An exchange from its bytes.
    ///
    /// # Errors
    /// As `restore`.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, RestoreError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(8)? != MAGIC || reader.take(2)? != VERSION.to_le_bytes() {
            return Err(RestoreError::Header);
        }
        let (state, checksum) = bytes.split_at(bytes.len().saturating_sub(8));
        if xxh3_64(state).to_le_bytes() != checksum {
            return Err(RestoreError::Checksum);
        }
        reader.bytes = state;
        let head: Head = postcard::from_bytes(reader.part()?).map_err(|_| RestoreError::Head)?;
        let mut markets = Vec::new();
        let mut numbers = HashMap::new();
        for symbol in head.symbols {
            let number = numbers.len() as u32;
            if numbers.insert(symbol.symbol.clone(), number).is_some() {
                return Err(RestoreError::Symbol(symbol.symbol, "twice"));
            }
            let instrument = symbol.open(reader.part()?)?;
            markets.push(Market { symbol: symbol.symbol, instrument });
        }
        if reader.at != state.len() {
            return Err(RestoreError::Head);
        }
        let grids: Vec<(f64, f64)> =
            markets.iter().map(|market| (market.instrument.tick_size(), market.instrument.lot_size())).collect();
        let risk = Risk::from_state(&head.risk, &grids)?;
        Ok(Self { markets, numbers, risk, sequence: head.sequence })
    }
}

impl SymbolHead {
    fn open(&self, book: &[u8]) -> Result<Instrument, RestoreError> {
        let bad = |what| RestoreError::Symbol(self.symbol.clone(), what);
        let self_trade = SelfTrade::from_code(self.self_trade).ok_or_else(|| bad("unknown self-trade mode"))?;
        let instrument = Instrument::new(self.tick_size, self.lot_size, self_trade, self.negative_prices);
        let mut instrument = instrument.map_err(|_| bad("tick or lot size is no positive decimal number"))?;
        instrument.restore(&self.symbol, book).map_err(|error| RestoreError::Book(self.symbol.clone(), error))?;
        Ok(instrument)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RestoreError> {
        let rest = &self.bytes[self.at..];
        if count > rest.len() {
            return Err(RestoreError::Truncated { at: self.bytes.len(), wanted: count - rest.len() });
        }
        self.at += count;
        Ok(&rest[..count])
    }

    fn part(&mut self) -> Result<&'a [u8], RestoreError> {
        let length = self.take(8)?.try_into().expect("eight bytes");
        self.take(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }
}
