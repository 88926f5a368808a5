//! The book of one symbol from a snapshot and the updates around it.

use std::collections::BTreeMap;

use super::message::{Depth, Line, Message, Ticker, Trade};
use crate::feeds::text::{TextError, TextFault, lines};

/// How many updates may wait for a snapshot: at ten a second, more than a quarter of an hour.
const WAITING: usize = 10_000;

type Levels = BTreeMap<u64, u64>;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The book was told anew, and the updates that waited for it were applied.
    Snapshot,
    /// The book has changed.
    Update,
    /// An update from before the snapshot: there is nothing new in it.
    Old,
    /// There is no snapshot yet: the update waits for it.
    Waits,
    /// A trade; the book stays.
    Trade(Trade),
    /// The best prices; the book stays.
    Ticker(Ticker),
    /// A message of another stream.
    Other,
}

/// The book of one symbol. Updates that come before the snapshot wait for it.
#[derive(Clone, Debug, Default)]
pub struct DepthBook {
    bids: Levels,
    asks: Levels,
    last: Option<u64>,
    waiting: Vec<Depth>,
}

impl DepthBook {
    /// A book that waits for its snapshot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forget the book and wait for a new snapshot: what to do after a gap.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The last update in the book; none without a snapshot.
    #[must_use]
    pub const fn last_update_id(&self) -> Option<u64> {
        self.last
    }

    /// How many updates wait for a snapshot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The bids, best first: price and quantity.
    pub fn bids(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bids.iter().rev().map(|(price, quantity)| (*price, *quantity))
    }

    /// The asks, best first: price and quantity.
    pub fn asks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.asks.iter().map(|(price, quantity)| (*price, *quantity))
    }

    /// Apply lines; `tell` hears what became of each, and when it was received if the line says so. Empty lines are
    /// passed over.
    ///
    /// # Errors
    /// The first line that can't be read, or whose updates don't follow: those before it are applied, it is not.
    pub fn apply(&mut self, bytes: &[u8], mut tell: impl FnMut(Option<u64>, Applied)) -> Result<(), TextError> {
        for (line, offset, text) in lines(bytes).filter(|(_, _, text)| !text.is_empty()) {
            let error = |(at, fault)| TextError { line, offset: offset + at, fault };
            let Line { received, message } = Line::parse(text).map_err(error)?;
            let applied = self.apply_message(message).map_err(|fault| error((0, fault)))?;
            tell(received, applied);
        }
        Ok(())
    }

    /// Apply a message.
    ///
    /// # Errors
    /// Missing updates; the book stays as it was.
    pub fn apply_message(&mut self, message: Message) -> Result<Applied, TextFault> {
        match message {
            Message::Trade(trade) => Ok(Applied::Trade(trade)),
            Message::Ticker(ticker) => Ok(Applied::Ticker(ticker)),
            Message::Other => Ok(Applied::Other),
            Message::Snapshot(snapshot) => self.seed(&snapshot).map(|()| Applied::Snapshot),
            Message::Update(update) => match self.last {
                Some(last) => self.follow(last, &update),
                None if self.waiting.len() == WAITING => Err(TextFault::NoSnapshot(WAITING)),
                None => {
                    self.waiting.push(update);
                    Ok(Applied::Waits)
                }
            },
        }
    }

    fn seed(&mut self, snapshot: &Depth) -> Result<(), TextFault> {
        let mut book = Self { last: Some(snapshot.last), ..Self::default() };
        book.set(snapshot);
        for update in &self.waiting {
            let last = book.last.unwrap_or(snapshot.last);
            book.follow(last, update)?;
        }
        *self = book;
        Ok(())
    }

    /// Apply an update to a book that is at `last`.
    fn follow(&mut self, last: u64, update: &Depth) -> Result<Applied, TextFault> {
        if update.last <= last {
            return Ok(Applied::Old);
        }
        if update.first > last + 1 {
            return Err(TextFault::Gap { expected: last + 1, found: update.first });
        }
        self.set(update);
        self.last = Some(update.last);
        Ok(Applied::Update)
    }

    fn set(&mut self, depth: &Depth) {
        for (levels, changes) in [(&mut self.bids, &depth.bids), (&mut self.asks, &depth.asks)] {
            for (price, quantity) in changes {
                if *quantity == 0 {
                    levels.remove(price);
                } else {
                    levels.insert(*price, *quantity);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(first: u64, last: u64, bids: &[(u64, u64)]) -> Message {
        Message::Update(Depth { event_time: 1, first, last, bids: bids.to_vec(), asks: vec![] })
    }

    fn snapshot(last: u64) -> Message {
        Message::Snapshot(Depth { last, bids: vec![(10, 1), (9, 2)], asks: vec![(11, 3)], ..Depth::default() })
    }

    #[test]
    fn updates_wait_for_the_snapshot_and_follow_it() {
        let mut book = DepthBook::new();
        for message in [update(1, 5, &[(10, 7)]), update(6, 8, &[(9, 0), (8, 4)])] {
            assert_eq!(book.apply_message(message), Ok(Applied::Waits));
        }
        assert_eq!(book.apply_message(snapshot(6)), Ok(Applied::Snapshot));
        assert_eq!(book.bids().collect::<Vec<_>>(), [(10, 1), (8, 4)]);
        assert_eq!((book.last_update_id(), book.waiting()), (Some(8), 0));
        assert_eq!(book.apply_message(update(7, 8, &[])), Ok(Applied::Old));
        assert_eq!(book.apply_message(update(9, 9, &[(10, 0)])), Ok(Applied::Update));
        assert_eq!(book.bids().next(), Some((8, 4)));
    }

    #[test]
    fn a_gap_leaves_the_book() {
        let mut book = DepthBook::new();
        book.apply_message(snapshot(6)).expect("a first snapshot");
        let gap = book.apply_message(update(8, 9, &[(10, 0)])).expect_err("7 is missing");
        assert_eq!(gap, TextFault::Gap { expected: 7, found: 8 });
        assert_eq!((book.last_update_id(), book.bids().next()), (Some(6), Some((10, 1))));
        book.reset();
        book.apply_message(update(12, 13, &[])).expect("it waits");
        let old = book.apply_message(snapshot(10)).expect_err("11 is missing");
        assert_eq!(old, TextFault::Gap { expected: 11, found: 12 });
        assert_eq!((book.last_update_id(), book.waiting()), (None, 1));
        assert_eq!(book.apply_message(snapshot(11)), Ok(Applied::Snapshot));
    }
}
