//! Commands of traders: orders in, changed and out.

use super::command::{Command, EVERY_USER, EventRecord, Op, given};
use super::entry::{Entry, REDUCE_ONLY};
use super::listener::{Listener, Own};
use super::{Exchange, Refusal};
use crate::book::Book;
use crate::error::BookError;
use crate::event::CancelReason;
use crate::orders::{Incoming, Limit, Market, Notional, PostOnly, Terms};
use crate::risk::{Order, Reason, Risk};
use crate::types::{Lots, MAX_TICKS, OrderId, Side, Ticks, TimeInForce, UserId};

impl Entry {
    /// Bound a market order by the user's collars: beyond them it trades nothing.
    fn protect(self, risk: &mut Risk, symbol: u32) -> Result<Self, Reason> {
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
    fn order(&self, symbol: u32, book: &Book, risk: &Risk) -> Order {
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

impl Exchange {
    /// Let the time of a command come to its symbol, whose dated orders may leave.
    #[inline]
    fn bring_time(&mut self, symbol: u32, events: &mut Vec<EventRecord>) -> Result<(), Reason> {
        let market = self.markets.get_mut(symbol as usize).ok_or(Reason::UnknownSymbol)?;
        let now = self.risk.now();
        if market.instrument.book.now() < now {
            let mut listener = Listener::new(&mut self.risk, None, symbol, &market.instrument, events);
            market.instrument.book.advance(now, &mut listener);
        }
        Ok(())
    }

    /// A new order; returns what lives on of it.
    #[inline]
    pub(super) fn new_order(
        &mut self,
        op: Op,
        command: &Command,
        events: &mut Vec<EventRecord>,
    ) -> Result<f64, Refusal> {
        let symbol = command.symbol;
        self.bring_time(symbol, events)?;
        if command.user_id == EVERY_USER {
            let expected = "a user: this number stands for all of them";
            return Err(BookError::BadChoice { field: "user_id", value: EVERY_USER, expected }.into());
        }
        let instrument = &mut self.markets[symbol as usize].instrument;
        let entry = Entry::read(op, command, instrument)?.protect(&mut self.risk, symbol)?;
        let mut order = entry.order(symbol, &instrument.book, &self.risk);
        let left = order.lots;
        let reduce_only = command.flags & REDUCE_ONLY != 0;
        if reduce_only {
            order.lots = reduced(&entry, &order, &self.risk);
        }
        let mut admitted =
            self.risk.check(&Order { lots: if order.lots == 0 { left } else { order.lots }, ..order })?;
        if order.lots == 0 {
            return Err(Reason::ReduceOnly.into());
        }
        // What only reduces holds nothing back, whatever else rests on its side.
        admitted.opens &= !reduce_only;
        let (id, account) = (command.order_id, admitted.account);
        let own = Own { id, account, left, traded: false };
        let watched = if reduce_only { Some(watch(&mut instrument.book, &self.risk, &order)) } else { None };
        let mut listener = Listener::new(&mut self.risk, Some(own), symbol, instrument, events);
        if let Err(error) = entry.enter(&mut instrument.book, &mut listener) {
            if watched == Some(false) {
                instrument.book.watch(order.user, None);
            }
            return Err(error.into());
        }
        let Own { left, traded, .. } = listener.own.unwrap_or(own);
        let left = if matches!(entry, Entry::Notional(_)) { 0 } else { left };
        let price = if left == 0 { order.worth } else { held_price(&instrument.book, id, &entry, order.worth) };
        self.risk.accept(&order, admitted, id, price, left, traded);
        Ok(instrument.quantity(left))
    }

    /// Another price, another quantity left, or both; returns what lives on. One that only shrinks passes always.
    pub(super) fn modify(&mut self, command: &Command, events: &mut Vec<EventRecord>) -> Result<f64, Refusal> {
        let (symbol, id) = (command.symbol, command.order_id);
        self.bring_time(symbol, events)?;
        let instrument = &mut self.markets[symbol as usize].instrument;
        let price = given(command.price).map(|price| instrument.ticks(price)).transpose()?;
        let lots = given(command.quantity).map(|quantity| instrument.lots("quantity", quantity)).transpose()?;
        let (side, old_price, old_lots) = owned(&self.risk, command)?;
        let (new_price, new_lots) = (price.unwrap_or(old_price), lots.unwrap_or(old_lots));
        if new_price == old_price && new_lots <= old_lots {
            self.risk.count_message(command.user_id, symbol)?;
            let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
            return Ok(instrument.book.modify(id, price, lots, &mut listener).map(|left| instrument.quantity(left))?);
        }
        let worth = worth(side, new_price, &instrument.book);
        let user = command.user_id;
        let order = Order { user, symbol, side, price: new_price, collared: true, worth, lots: new_lots };
        let admitted = self.risk.check_change(&order, id)?;
        let own = Own { id, account: admitted.account, left: new_lots, traded: false };
        let mut listener = Listener::new(&mut self.risk, Some(own), symbol, instrument, events);
        instrument.book.modify(id, price, lots, &mut listener)?;
        let Own { left, traded, .. } = listener.own.unwrap_or(own);
        self.risk.changed(symbol, id, admitted.opens, new_price, left, traded);
        Ok(instrument.quantity(left))
    }

    /// A cancel or a reduction: always passes, if the order is the user's.
    pub(super) fn take_away(
        &mut self,
        op: Op,
        command: &Command,
        events: &mut Vec<EventRecord>,
    ) -> Result<(), Refusal> {
        let (symbol, id) = (command.symbol, command.order_id);
        self.bring_time(symbol, events)?;
        owned(&self.risk, command)?;
        self.risk.count_message(command.user_id, symbol)?;
        let instrument = &mut self.markets[symbol as usize].instrument;
        let by = if op == Op::Reduce { Some(instrument.lots("quantity", command.quantity)?) } else { None };
        let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
        match by {
            None => instrument.book.cancel(id, &mut listener)?,
            Some(by) => instrument.book.reduce(id, by, &mut listener)?,
        };
        Ok(())
    }

    /// Cancel an order whoever it belongs to; what follows from it waits.
    pub(super) fn cancel(&mut self, symbol: u32, id: OrderId, events: &mut Vec<EventRecord>) {
        let instrument = &mut self.markets[symbol as usize].instrument;
        let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
        instrument.book.drop_by_id(id, CancelReason::User, &mut listener);
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

/// Let the book keep count of the user's position, which is the risk engine's; returns whether it already did.
fn watch(book: &mut Book, risk: &Risk, order: &Order) -> bool {
    let known = book.position(order.user).is_some();
    if !known {
        book.watch(order.user, Some(risk.account(order.user, order.symbol).position));
    }
    known
}

/// The live order that a command is about: side, price, lots left.
fn owned(risk: &Risk, command: &Command) -> Result<(Side, Ticks, Lots), Refusal> {
    let live: Option<(UserId, Side, Ticks, Lots)> = risk.live(command.symbol, command.order_id);
    let (user, side, price, lots) = live.ok_or(BookError::UnknownOrder(command.order_id))?;
    if user == command.user_id { Ok((side, price, lots)) } else { Err(Reason::NotOwner.into()) }
}
