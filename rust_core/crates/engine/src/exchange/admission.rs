//! What an order must pass on its way into its book, and what is kept of it after: the same whether the book is the
//! exchange's own or another's.

use super::Refusal;
use super::command::{Command, EVERY_USER, Op, given};
use super::entry::{Entry, REDUCE_ONLY};
use super::listener::Own;
use crate::book::Book;
use crate::error::BookError;
use crate::instrument::Instrument;
use crate::orders::{Incoming, Limit, Market, Notional, PostOnly, Terms};
use crate::risk::{Admitted, Order, Reason, Risk};
use crate::types::{Lots, MAX_TICKS, OrderId, Side, Ticks, TimeInForce, UserId};

impl Entry {
    /// Bound a market order by the user's collars: beyond them it trades nothing.
    pub(super) fn protect(self, risk: &mut Risk, symbol: u32) -> Result<Self, Reason> {
        match self {
            Self::Market(market, reduce_only) => {
                let Market { id, user, side, quantity } = market;
                let Some(price) = risk.protection(user, symbol, side)? else { return Ok(self) };
                let terms = Terms { tif: TimeInForce::Ioc, reduce_only, ..Terms::default() };
                Ok(Self::Limit(Limit { id, user, side, price, quantity, terms }))
            }
            Self::Notional(order) => {
                let limit = risk.protection(order.user, symbol, order.side)?;
                Ok(Self::Notional(Notional { limit, ..order }))
            }
            _ => Ok(self),
        }
    }

    /// The order as the risk engine judges it.
    #[inline]
    pub(super) fn order(&self, symbol: u32, book: &Book, risk: &Risk) -> Order {
        let at_market = |user, side: Side, collared| {
            let best = book.best(side.opposite());
            let worth = best.or_else(|| risk.mark(symbol)).unwrap_or(0);
            let price = if collared { best } else { None };
            (user, side, price.unwrap_or(Ticks::MAX), price.is_some(), worth)
        };
        let (user, side, price, collared, worth) = match self {
            Self::Limit(order) => (order.user, order.side, order.price, true, worth(order.side, order.price, book)),
            Self::Market(market, _) => at_market(market.user, market.side, false),
            Self::MarketToLimit(market, _) => at_market(market.user, market.side, true),
            Self::Notional(order) => at_market(order.user, order.side, false),
            // With a limit it is worth no more than that, without one what the market is worth now.
            Self::Pegged(order) => match order.peg.limit {
                Some(limit) => (order.user, order.side, limit, true, worth(order.side, limit, book)),
                None => at_market(order.user, order.side, false),
            },
            // A stop's price may lie far from today's market: that is what it is for.
            Self::Stop(stop) => {
                let trigger = match stop.trail {
                    0 => stop.trigger,
                    trail => book.last().map_or(0, |last| trailing(stop.order.side(), last, trail)),
                };
                let worth = match &stop.order {
                    // A market order that only reduces stands as a limit order at the worst price there is.
                    Incoming::Limit(limit) if limit.side == Side::Buy && limit.price < MAX_TICKS => limit.price,
                    _ => trigger,
                };
                (stop.order.user(), stop.order.side(), trigger, false, worth)
            }
        };
        Order { user, symbol, side, price, collared, worth, lots: self.lots(book) }
    }
}

/// A trailing stop's trigger after a trade.
const fn trailing(side: Side, last: Ticks, trail: Ticks) -> Ticks {
    match side {
        Side::Buy => last.saturating_add(trail),
        Side::Sell => last.saturating_sub(trail),
    }
}

/// The price that a limit order's worth is counted at: a seller may get more than asked for.
#[inline]
fn worth(side: Side, price: Ticks, book: &Book) -> Ticks {
    match side {
        Side::Buy => price,
        Side::Sell => book.best(Side::Buy).map_or(price, |bid| bid.max(price)),
    }
}

/// A new order that passed.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// As the book is to take it.
    pub entry: Entry,
    pub order: Order,
    pub reduce_only: bool,
    admitted: Admitted,
    id: OrderId,
    left: Lots,
    /// Whether it was a market order that has a worst price now.
    bounded: bool,
}

impl Admission {
    /// Judge the order that a command is.
    #[inline]
    pub fn of(op: Op, command: &Command, instrument: &Instrument, risk: &mut Risk) -> Result<Self, Refusal> {
        let symbol = command.symbol;
        if command.user_id == EVERY_USER {
            let expected = "a user: this number stands for all of them";
            return Err(BookError::BadChoice { field: "user_id", value: EVERY_USER, expected }.into());
        }
        let entry = Entry::read(op, command, instrument)?.protect(risk, symbol)?;
        let mut order = entry.order(symbol, &instrument.book, risk);
        let left = order.lots;
        let reduce_only = command.flags & REDUCE_ONLY != 0;
        if reduce_only {
            order.lots = reduced(&entry, &order, risk);
        }
        let mut admitted = risk.check(&Order { lots: if order.lots == 0 { left } else { order.lots }, ..order })?;
        if order.lots == 0 {
            return Err(Reason::ReduceOnly.into());
        }
        // What only reduces holds nothing back, whatever else rests on its side.
        admitted.opens &= !reduce_only;
        let bounded = op == Op::Market && matches!(entry, Entry::Limit(_));
        Ok(Self { entry, order, reduce_only, admitted, id: command.order_id, left, bounded })
    }

    /// The order, while the book works on it.
    #[inline]
    pub const fn own(&self) -> Own {
        Own { id: self.id, account: self.admitted.account, left: self.left, traded: false }
    }

    /// The worst price that the book may let a market order trade at, if collars bound it.
    pub fn bound(&self) -> Option<Ticks> {
        match self.entry {
            Entry::Limit(order) if self.bounded => Some(order.price),
            Entry::Notional(order) => order.limit,
            _ => None,
        }
    }

    /// The book took it; returns what lives on.
    #[inline]
    pub fn settle(&self, own: Own, book: &Book, risk: &mut Risk) -> Lots {
        let Own { left, traded, .. } = own;
        let left = if matches!(self.entry, Entry::Notional(_)) { 0 } else { left };
        let worth = self.order.worth;
        let price = if left == 0 { worth } else { held_price(book, self.id, &self.entry, worth) };
        risk.accept(&self.order, self.admitted, self.id, price, left, traded);
        left
    }
}

/// A change of a live order that passed; one that only shrinks passes always.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub price: Option<Ticks>,
    pub lots: Option<Lots>,
    id: OrderId,
    /// What was judged: price and lots to be.
    judged: Option<(Admitted, Ticks, Lots)>,
}

impl Change {
    /// Judge the change that a command asks for.
    pub fn of(command: &Command, instrument: &Instrument, risk: &mut Risk) -> Result<Self, Refusal> {
        let id = command.order_id;
        let (order, shrinks) = Self::order_of(command, instrument, risk)?;
        // As the book is asked: what is not given stays.
        let price = given(command.price).map(|_| order.price);
        let lots = given(command.quantity).map(|_| order.lots);
        if shrinks {
            risk.count_message(command.user_id, command.symbol)?;
            return Ok(Self { price, lots, id, judged: None });
        }
        let admitted = risk.check_change(&order, id)?;
        Ok(Self { price, lots, id, judged: Some((admitted, order.price, order.lots)) })
    }

    /// The order as it is to be, and whether it only shrinks.
    pub fn order_of(command: &Command, instrument: &Instrument, risk: &Risk) -> Result<(Order, bool), Refusal> {
        let price = given(command.price).map(|price| instrument.ticks(price)).transpose()?;
        let lots = given(command.quantity).map(|quantity| instrument.lots("quantity", quantity)).transpose()?;
        let (side, old_price, old_lots) = owned(risk, command)?;
        let (price, lots) = (price.unwrap_or(old_price), lots.unwrap_or(old_lots));
        let worth = worth(side, price, &instrument.book);
        let (user, symbol) = (command.user_id, command.symbol);
        let order = Order { user, symbol, side, price, collared: true, worth, lots };
        Ok((order, price == old_price && lots <= old_lots))
    }

    /// The order, while the book works on it.
    pub fn own(&self) -> Option<Own> {
        self.judged.map(|(admitted, _, left)| Own { id: self.id, account: admitted.account, left, traded: false })
    }

    /// The book carried it out.
    pub fn settle(&self, own: Option<Own>, symbol: u32, risk: &mut Risk) {
        if let (Some((admitted, price, _)), Some(own)) = (self.judged, own) {
            risk.changed(symbol, self.id, admitted.opens, price, own.left, own.traded);
        }
    }
}

/// The price that what lives on of an order is held at.
#[inline]
fn held_price(book: &Book, id: OrderId, entry: &Entry, worth: Ticks) -> Ticks {
    match entry {
        Entry::Limit(order) if order.terms.post_only != PostOnly::Reprice => order.price,
        // Its price moves, and may be none: it is held at what it was worth when it came.
        Entry::Pegged(_) => worth,
        // Repriced, or made a limit order on the way: the book knows.
        _ => book.order(id).map_or(worth, |order| order.price),
    }
}

/// What a reduce-only order may be at most: all of a stop, which is measured when it fires.
fn reduced(entry: &Entry, order: &Order, risk: &Risk) -> Lots {
    if matches!(entry, Entry::Stop(_)) {
        return order.lots;
    }
    let position = risk.account(order.user, order.symbol).position;
    let against = if order.side == Side::Buy { -position } else { position };
    order.lots.min(against.max(0).unsigned_abs())
}

/// The live order that a command is about: side, price, lots left.
pub fn owned(risk: &Risk, command: &Command) -> Result<(Side, Ticks, Lots), Refusal> {
    let live: Option<(UserId, Side, Ticks, Lots)> = risk.live(command.symbol, command.order_id);
    let (user, side, price, lots) = live.ok_or(BookError::UnknownOrder(command.order_id))?;
    if user == command.user_id { Ok((side, price, lots)) } else { Err(Reason::NotOwner.into()) }
}
