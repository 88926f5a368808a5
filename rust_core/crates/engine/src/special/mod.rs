//! Orders that don't stand in the book that shows, and orders that need more than a book: hidden, pegged, all-or-none and
//! reduce-only ones.
//!
//! A book without any of them has no `Special` part, and one test for it is all that the plain paths pay. With it, takers
//! go through `taking`, new orders through `entering`, and after every command the book comes to rest in `settling`.
//!
//! * At one price, what shows trades first, then hidden and pegged orders, then all-or-none ones; in each class first
//!   come, first served.
//! * Hidden orders take part in auctions, and stop post-only ones, as others do.
//! * Pegged orders (`pegs`) follow what shows; an all-or-none order (`whole`) trades whole or stays; reduce-only orders
//!   (`reducing`) never exceed their owner's position.

mod entering;
mod pegs;
mod reducing;
mod resting;
mod settling;
mod taking;
mod whole;

use std::collections::BTreeMap;

pub use pegs::{Peg, PegKind, Pegged};

use crate::arena::Ends;
use crate::ladder::Ladder;
pub use crate::rare::Class;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// The part of a book that few books have.
#[derive(Clone, Debug)]
pub struct Special {
    /// Hidden and pegged orders, bids and asks.
    dark: [Ladder; 2],
    /// All-or-none orders, bids and asks.
    whole: [Ladder; 2],
    /// Pegged orders without a price, on each side: a queue in no order, and what they add up to.
    asleep: [(Ends, Lots); 2],
    /// Pegged and reduce-only orders in the order of their entry.
    numbered: Vec<Numbered>,
    /// The next number.
    next: u64,
    /// How many of those are pegged.
    pegs: usize,
    /// The best bid and ask, and whether the book traded, when all pegged orders were last moved.
    followed: Option<Reference>,
    /// The positions of users that are watched.
    positions: BTreeMap<UserId, i128>,
    /// Whether a position or a reduce-only order changed since the last trim.
    untrimmed: bool,
}

/// Best bid and best ask that show, while the book trades.
type Reference = Option<(Option<Ticks>, Option<Ticks>)>;

/// A pegged or reduce-only order.
#[derive(Clone, Copy, Debug)]
struct Numbered {
    number: u64,
    id: OrderId,
    pegged: bool,
    reduce_only: bool,
}

impl Default for Special {
    fn default() -> Self {
        Self {
            dark: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            whole: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            asleep: [(Ends::NONE, 0); 2],
            numbered: Vec::new(),
            next: 1,
            pegs: 0,
            followed: None,
            positions: BTreeMap::new(),
            untrimmed: false,
        }
    }
}

impl Special {
    /// The ladder of a class that has one of its own.
    const fn ladder(&self, class: Class, side: Side) -> Option<&Ladder> {
        match class {
            Class::Dark => Some(&self.dark[side as usize]),
            Class::Whole => Some(&self.whole[side as usize]),
            Class::Shown | Class::Asleep => None,
        }
    }

    /// Where the order with this number, or the first one after it, is among the numbered ones.
    fn place(&self, number: u64) -> usize {
        self.numbered.partition_point(|each| each.number < number)
    }
}
