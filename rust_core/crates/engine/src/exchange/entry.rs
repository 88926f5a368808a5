//! An order on its way from a command's row to a book.

use super::command::{Command, Op, given_positive};
use crate::book::Book;
use crate::error::BookError;
use crate::event::Sink;
use crate::instrument::Instrument;
use crate::orders::{Incoming, Limit, Market, Notional, PostOnly, Stop, Terms};
use crate::special::{PegKind, Pegged};
use crate::types::Lots;

/// Bits of an order's flags.
const POST_ONLY: u8 = 3;
pub(super) const REDUCE_ONLY: u8 = 4;
const HIDDEN: u8 = 8;
const ALL_OR_NONE: u8 = 16;
const PEG_SHIFT: u8 = 5;

/// An order, its prices in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    Limit(Limit),
    /// Whether it only reduces a position.
    Market(Market, bool),
    MarketToLimit(Market, bool),
    Stop(Stop),
    Pegged(Pegged),
    Notional(Notional),
}

impl Entry {
    /// The order as a command says it.
    pub fn read(op: Op, command: &Command, instrument: &Instrument) -> Result<Self, BookError> {
        let (id, user, side) = (command.order_id, command.user_id, command.side()?);
        if op == Op::Notional {
            if command.flags & REDUCE_ONLY != 0 {
                return Err(BookError::Contradiction { field: "reduce_only", other: "an amount of money" });
            }
            let amount = instrument.amount(command.quantity)?;
            return Ok(Self::Notional(Notional { id, user, side, amount, limit: None }));
        }
        let quantity = instrument.lots("quantity", command.quantity)?;
        let (market, reduce_only) = (Market { id, user, side, quantity }, command.flags & REDUCE_ONLY != 0);
        let limit = || -> Result<Limit, BookError> {
            let (price, terms) = (instrument.ticks(command.price)?, terms(command, instrument, 0)?);
            Ok(Limit { id, user, side, price, quantity, terms })
        };
        Ok(match op {
            Op::Limit => Self::Limit(limit()?),
            Op::Market => Self::Market(market, reduce_only),
            Op::MarketToLimit => Self::MarketToLimit(market, reduce_only),
            Op::Pegged => {
                let expected = "32 primary, 64 mid or 96 market";
                let bad = BookError::BadChoice { field: "flags", value: command.flags.into(), expected };
                let kind = PegKind::from_code(command.flags >> PEG_SHIFT & 3).ok_or(bad)?;
                let offset = given_positive(command.trail).unwrap_or(0.0);
                let peg = instrument.peg(kind, offset, given_positive(command.price))?;
                let terms = terms(command, instrument, 3 << PEG_SHIFT)?;
                Self::Pegged(Pegged { id, user, side, quantity, peg, terms })
            }
            _ => {
                let (trigger, trail) =
                    instrument.trigger(given_positive(command.trigger), given_positive(command.trail))?;
                let order = match given_positive(command.price) {
                    Some(_) => Incoming::Limit(limit()?),
                    None if reduce_only => Incoming::Limit(market.reducing()),
                    None => Incoming::Market(market),
                };
                Self::Stop(Stop { order, trigger, trail })
            }
        })
    }

    /// How much; of an amount of money, at the best price there is.
    pub fn lots(&self, book: &Book) -> Lots {
        match self {
            Self::Limit(order) => order.quantity,
            Self::Market(order, _) | Self::MarketToLimit(order, _) => order.quantity,
            Self::Stop(stop) => stop.order.quantity(),
            Self::Pegged(order) => order.quantity,
            Self::Notional(order) => {
                let best = book.best_of_all(order.side.opposite()).and_then(|best| u128::try_from(best).ok());
                let lots = best.filter(|best| *best > 0).map_or(0, |best| order.amount / best);
                Lots::try_from(lots).unwrap_or(Lots::MAX).max(1)
            }
        }
    }

    /// Give it to the book; returns what rests.
    #[inline]
    pub fn enter(&self, book: &mut Book, sink: &mut impl Sink) -> Result<Lots, BookError> {
        match self {
            Self::Limit(order) => book.add_limit(order, sink),
            Self::Market(order, false) => book.add_market(order, sink).map(|()| 0),
            Self::MarketToLimit(order, false) => book.add_market_to_limit(order, sink),
            Self::Market(order, true) => book.add_reducing(order, false, sink),
            Self::MarketToLimit(order, true) => book.add_reducing(order, true, sink),
            Self::Stop(order) => book.add_stop(order, sink),
            Self::Pegged(order) => book.add_pegged(order, sink),
            Self::Notional(order) => book.add_notional(order, sink).map(|_| 0),
        }
    }
}

/// The terms of an order whose flags may also have the bits `others`.
fn terms(command: &Command, instrument: &Instrument, others: u8) -> Result<Terms, BookError> {
    let expected = "1 post-only or 2 post-only repriced, plus 4 reduce-only, 8 hidden, 16 all-or-none";
    let bad = BookError::BadChoice { field: "flags", value: command.flags.into(), expected };
    let flags = command.flags;
    let post_only = PostOnly::from_code(flags & POST_ONLY).ok_or(bad)?;
    if flags & !(POST_ONLY | REDUCE_ONLY | HIDDEN | ALL_OR_NONE | others) != 0 {
        return Err(bad);
    }
    let display = given_positive(command.display_quantity);
    let display = display.map(|shown| instrument.lots("display_quantity", shown)).transpose()?;
    let least = given_positive(command.min_quantity);
    let min_quantity = least.map_or(Ok(0), |least| instrument.lots("min_quantity", least))?;
    Ok(Terms {
        tif: command.tif()?,
        post_only,
        display,
        min_quantity,
        expires: command.expires,
        hidden: flags & HIDDEN != 0,
        all_or_none: flags & ALL_OR_NONE != 0,
        reduce_only: flags & REDUCE_ONLY != 0,
    })
}
