//! The whole state of a book as bytes, and back.
//!
//! Layout, little endian: magic, version, self-trade mode, phase, time, last trade price; for each side the number of
//! orders and the orders in the order in which they would trade; the number of stops and the stops as they were entered;
//! then a 64-bit checksum of everything before it. The bytes are a function of the
//! state alone, never of the path to it, so that their hash is the book's `state_hash`.

use xxhash_rust::xxh3::Xxh3;

use crate::arena::Order;
use crate::book::Book;
use crate::instrument::Instrument;
use crate::orders::{Incoming, Limit, Market, PostOnly, Stop, Terms};
use crate::rare::Rare;
use crate::stops::Parked;
use crate::types::{MAX_TICKS, Phase, SelfTrade, Side, Ticks, TimeInForce};

const MAGIC: [u8; 8] = *b"CIFTBOOK";
const VERSION: u16 = 3;
const PLAIN_BYTES: usize = 33;
const RARE_BYTES: usize = 24;
const POST_ONLY: u8 = 1;
const RARE: u8 = 2;
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
        let mut bytes = Vec::with_capacity(64 + self.len() * PLAIN_BYTES);
        self.write_state(&mut |part| bytes.extend_from_slice(part));
        let checksum = self.state_hash();
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
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
        if xxhash_rust::xxh3::xxh3_64(state).to_le_bytes() != checksum {
            return Err(SnapshotError::Checksum);
        }
        let mut book = Self::new(reader.code(SelfTrade::from_code, "an unknown self-trade mode")?);
        book.phase = reader.code(Phase::from_code, "an unknown phase")?;
        book.now = reader.number()?;
        book.last = match reader.number()? {
            0 => None,
            1 => Some(reader.ticks()?),
            _ => return Err(reader.invalid("a last price that is neither there nor not")),
        };
        for side in [Side::Buy, Side::Sell] {
            let count = reader.number()?;
            let mut last_key = i64::MAX;
            for _ in 0..count {
                let (order, rare) = reader.order(side)?;
                if order.quantity == 0 {
                    return Err(reader.invalid("an order without quantity"));
                }
                let key = book.ladder(side).key(order.price);
                if key > last_key {
                    return Err(reader.invalid("orders out of priority"));
                }
                if book.order(order.id).is_some() {
                    return Err(reader.invalid("an order id twice"));
                }
                let reserve = rare.map_or(0, |rare| rare.reserve);
                let sums = [book.ladder(side).quantity(), book.rares.hidden(side), order.quantity, reserve];
                if sums.into_iter().try_fold(0_u64, u64::checked_add).is_none() {
                    return Err(reader.invalid("a side that overflows"));
                }
                last_key = key;
                book.rest(&order, rare);
            }
        }
        if book.phase == Phase::Continuous && book.crossed() {
            return Err(reader.invalid("a crossed book"));
        }
        for _ in 0..reader.number()? {
            let stop = reader.stop()?;
            if book.check_new(stop.order.id()).is_err() {
                return Err(reader.invalid("an order id twice"));
            }
            book.stops.insert(&stop);
            book.rares.watch(stop.order.id(), stop.order.end_of_life());
        }
        if reader.at != split {
            return Err(reader.invalid("more bytes than orders"));
        }
        Ok(book)
    }

    fn write_state(&self, write: &mut impl FnMut(&[u8])) {
        write(&MAGIC);
        write(&VERSION.to_le_bytes());
        write(&[self.self_trade as u8]);
        write(&[self.phase.code()]);
        write(&self.now.to_le_bytes());
        write(&u64::from(self.last.is_some()).to_le_bytes());
        if let Some(last) = self.last {
            write(&last.to_le_bytes());
        }
        for side in [Side::Buy, Side::Sell] {
            let count: u64 = self.levels(side).map(|(_, level)| u64::from(level.orders)).sum();
            write(&count.to_le_bytes());
            for order in self.queue(side) {
                let mut row = [0; PLAIN_BYTES];
                row[..8].copy_from_slice(&order.id.to_le_bytes());
                row[8..16].copy_from_slice(&order.user.to_le_bytes());
                row[16..24].copy_from_slice(&order.price.to_le_bytes());
                row[24..32].copy_from_slice(&order.quantity.to_le_bytes());
                row[32] = u8::from(order.post_only) * POST_ONLY + u8::from(order.rare) * RARE;
                write(&row);
                if order.rare {
                    let Rare { display, reserve, expires } = self.rare(&order);
                    let mut row = [0; RARE_BYTES];
                    row[..8].copy_from_slice(&display.to_le_bytes());
                    row[8..16].copy_from_slice(&reserve.to_le_bytes());
                    row[16..].copy_from_slice(&expires.to_le_bytes());
                    write(&row);
                }
            }
        }
        write(&(self.stops().count() as u64).to_le_bytes());
        for stop in self.stops() {
            write_stop(stop, write);
        }
    }
}

fn write_stop(stop: &Parked, write: &mut impl FnMut(&[u8])) {
    let (kind, price, terms) = match stop.order {
        Incoming::Market(_) => (MARKET, 0, Terms::default()),
        Incoming::Limit(limit) => (LIMIT, limit.price, limit.terms),
    };
    write(&[kind, stop.order.side() as u8, terms.tif as u8, terms.post_only as u8]);
    write(&stop.order.id().to_le_bytes());
    write(&stop.order.user().to_le_bytes());
    write(&stop.order.quantity().to_le_bytes());
    for ticks in [price, stop.trigger, stop.trail] {
        write(&ticks.to_le_bytes());
    }
    for number in [terms.display.unwrap_or(0), terms.min_quantity, terms.expires] {
        write(&number.to_le_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let part = self.bytes.get(self.at..self.at + N);
        let part = part
            .ok_or_else(|| SnapshotError::Truncated { at: self.bytes.len(), wanted: self.at + N - self.bytes.len() })?;
        self.at += N;
        Ok(part.try_into().expect("a slice of N bytes"))
    }

    fn order(&mut self, side: Side) -> Result<(Order, Option<Rare>), SnapshotError> {
        let (id, user, price, quantity) = (self.number()?, self.number()?, self.ticks()?, self.number()?);
        let [flags] = self.take()?;
        if flags & !(POST_ONLY | RARE) != 0 {
            return Err(self.invalid("an unknown flag"));
        }
        let rare = if flags & RARE == 0 {
            None
        } else {
            Some(Rare { display: self.number()?, reserve: self.number()?, expires: self.number()? })
        };
        if rare.is_some_and(|rare| rare.display == 0 && (rare.reserve != 0 || rare.expires == 0)) {
            return Err(self.invalid("an uncommon part that says nothing"));
        }
        let post_only = flags & POST_ONLY != 0;
        Ok((Order { id, user, price, quantity, side, post_only, rare: false }, rare))
    }

    fn stop(&mut self) -> Result<Stop, SnapshotError> {
        let [kind] = self.take()?;
        let side = self.code(Side::from_code, "an unknown side")?;
        let tif = self.code(TimeInForce::from_code, "an unknown time in force")?;
        let post_only = self.code(PostOnly::from_code, "an unknown post-only choice")?;
        let (id, user, quantity) = (self.number()?, self.number()?, self.number()?);
        let (price, trigger, trail) = (self.ticks()?, self.ticks()?, self.ticks()?);
        let (display, min_quantity, expires) = (self.number()?, self.number()?, self.number()?);
        if tif.auction().is_some() {
            return Err(self.invalid("a stop for an auction alone"));
        }
        if quantity == 0 || trail < 0 {
            return Err(self.invalid("a stop without quantity, or one that runs ahead"));
        }
        let terms = Terms { tif, post_only, display: (display != 0).then_some(display), min_quantity, expires };
        let order = match kind {
            MARKET => Incoming::Market(Market { id, user, side, quantity }),
            LIMIT => Incoming::Limit(Limit { id, user, side, price, quantity, terms }),
            _ => return Err(self.invalid("an unknown kind of order")),
        };
        Ok(Stop { order, trigger, trail })
    }

    fn number(&mut self) -> Result<u64, SnapshotError> {
        self.take().map(u64::from_le_bytes)
    }

    fn ticks(&mut self) -> Result<Ticks, SnapshotError> {
        let ticks = i64::from_le_bytes(self.take()?);
        if ticks.unsigned_abs() > MAX_TICKS.unsigned_abs() {
            return Err(self.invalid("a price beyond all bounds"));
        }
        Ok(ticks)
    }

    fn code<T>(&mut self, meaning: impl Fn(u8) -> Option<T>, what: &'static str) -> Result<T, SnapshotError> {
        let [code] = self.take()?;
        meaning(code).ok_or_else(|| self.invalid(what))
    }

    const fn invalid(&self, what: &'static str) -> SnapshotError {
        SnapshotError::Invalid { at: self.at, what }
    }
}

impl Instrument {
    /// Everything, as bytes: the instrument's own description, then its book.
    #[must_use]
    pub fn snapshot(&self, symbol: &str) -> Vec<u8> {
        let mut bytes = self.description(symbol);
        bytes.extend_from_slice(&self.book.snapshot());
        bytes
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
