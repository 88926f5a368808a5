//! Commands of traders: orders in, changed and out.

use super::command::{Command, EVERY_USER, EventRecord, Op, given, given_positive};
use super::listener::{Listener, Own};
use super::{Exchange, Refusal};
use crate::book::Book;
use crate::error::BookError;
use crate::instrument::Instrument;
use crate::orders::{Incoming, Limit, Market, PostOnly, Stop, Terms};
use crate::risk::{Order, Reason, Risk};
use crate::types::{Lots, OrderId, Side, Ticks, TimeInForce, UserId};

/// The bit of an order's flags that lets it only reduce the position.
const REDUCE_ONLY: u8 = 4;

/// An order on its way to the book.
enum Entry {
    Limit(Limit),
    Market(Market),
    MarketToLimit(Market),
    Stop(Stop),
}

impl Entry {
    /// The order as a command says it, with prices in ticks.
    fn read(op: Op, command: &Command, instrument: &Instrument) -> Result<Self, BookError> {
        let (id, user, side) = (command.order_id, command.user_id, command.side()?);
        let quantity = instrument.lots("quantity", command.quantity)?;
        let market = Market { id, user, side, quantity };
        let limit = |field| -> Result<Limit, BookError> {
            let (price, terms) = (instrument.named_ticks(field, command.price)?, terms(command, instrument)?);
            Ok(Limit { id, user, side, price, quantity, terms })
        };
        Ok(match op {
            Op::Limit => Self::Limit(limit("price")?),
            Op::Market => Self::Market(market),
            Op::MarketToLimit => Self::MarketToLimit(market),
            _ => {
                let (trigger, trail) = match (given_positive(command.trigger), given_positive(command.trail)) {
                    (Some(trigger), None) => (instrument.named_ticks("trigger", trigger)?, 0),
                    (None, Some(trail)) => (0, instrument.tick.positive_steps("trail", trail)? as Ticks),
                    _ => return Err(BookError::TriggerOrTrail),
                };
                let order = match given_positive(command.price) {
                    Some(_) => Incoming::Limit(limit("price")?),
                    None => Incoming::Market(market),
                };
                Self::Stop(Stop { order, trigger, trail })
            }
        })
    }

    /// Bound a market order by the user's collars: beyond them it trades nothing.
    fn protect(self, risk: &mut Risk, symbol: u32) -> Result<Self, Reason> {
        let Self::Market(market) = self else { return Ok(self) };
        let Market { id, user, side, quantity } = market;
        Ok(match risk.protection(user, symbol, side)? {
            None => Self::Market(market),
            Some(price) => {
                let terms = Terms { tif: TimeInForce::Ioc, ..Terms::default() };
                Self::Limit(Limit { id, user, side, price, quantity, terms })
            }
        })
    }

    const fn lots(&self) -> Lots {
        match self {
            Self::Limit(order) => order.quantity,
            Self::Market(order) | Self::MarketToLimit(order) => order.quantity,
            Self::Stop(stop) => stop.order.quantity(),
        }
    }

    /// The order as the risk engine judges it.
    #[inline]
    fn order(&self, symbol: u32, book: &Book, risk: &Risk) -> Order {
        let at_market = |market: &Market, collared| {
            let best = book.best(market.side.opposite());
            let worth = best.or_else(|| risk.mark(symbol)).unwrap_or(0);
            let price = if collared { best } else { None };
            (market.user, market.side, price.unwrap_or(Ticks::MAX), price.is_some(), worth)
        };
        let (user, side, price, collared, worth) = match self {
            Self::Limit(order) => (order.user, order.side, order.price, true, worth(order.side, order.price, book)),
            Self::Market(market) => at_market(market, false),
            Self::MarketToLimit(market) => at_market(market, true),
            // A stop's price may lie far from today's market: that is what it is for.
            Self::Stop(stop) => {
                let trigger = match stop.trail {
                    0 => stop.trigger,
                    trail => book.last().map_or(0, |last| trailing(stop.order.side(), last, trail)),
                };
                let worth = match &stop.order {
                    Incoming::Limit(limit) if limit.side == Side::Buy => limit.price,
                    _ => trigger,
                };
                (stop.order.user(), stop.order.side(), trigger, false, worth)
            }
        };
        Order { user, symbol, side, price, collared, worth, lots: self.lots() }
    }

    #[inline]
    fn enter(&self, book: &mut Book, listener: &mut Listener<'_>) -> Result<(), BookError> {
        match self {
            Self::Limit(order) => book.add_limit(order, listener).map(drop),
            Self::Market(order) => book.add_market(order, listener),
            Self::MarketToLimit(order) => book.add_market_to_limit(order, listener).map(drop),
            Self::Stop(order) => book.add_stop(order, listener).map(drop),
        }
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

fn terms(command: &Command, instrument: &Instrument) -> Result<Terms, BookError> {
    let expected = "1 post-only or 2 post-only repriced, plus 4 reduce-only";
    let bad = BookError::BadChoice { field: "flags", value: command.flags.into(), expected };
    let post_only = PostOnly::from_code(command.flags & !REDUCE_ONLY).ok_or(bad)?;
    let display = given_positive(command.display_quantity);
    let display = display.map(|shown| instrument.lots("display_quantity", shown)).transpose()?;
    let least = given_positive(command.min_quantity);
    let min_quantity = least.map_or(Ok(0), |least| instrument.lots("min_quantity", least))?;
    Ok(Terms { tif: command.tif()?, post_only, display, min_quantity, expires: command.expires })
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
        let order = entry.order(symbol, &instrument.book, &self.risk);
        let admitted = self.risk.check(&order)?;
        if admitted.opens && command.flags & REDUCE_ONLY != 0 {
            return Err(Reason::ReduceOnly.into());
        }
        let (id, account) = (command.order_id, admitted.account);
        let own = Own { id, account, left: order.lots, traded: false };
        let mut listener = Listener::new(&mut self.risk, Some(own), symbol, instrument, events);
        entry.enter(&mut instrument.book, &mut listener)?;
        let Own { left, traded, .. } = listener.own.unwrap_or(own);
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

    /// Cancel an order whoever it belongs to.
    pub(super) fn cancel(&mut self, symbol: u32, id: OrderId, events: &mut Vec<EventRecord>) {
        let instrument = &mut self.markets[symbol as usize].instrument;
        let mut listener = Listener::new(&mut self.risk, None, symbol, instrument, events);
        // It lives, or the risk engine would not hold anything for it.
        let _ = instrument.book.cancel(id, &mut listener);
    }
}

/// The price that what lives on of an order is held at.
#[inline]
fn held_price(book: &Book, id: OrderId, entry: &Entry, worth: Ticks) -> Ticks {
    match entry {
        Entry::Limit(order) if order.terms.post_only != PostOnly::Reprice => order.price,
        // Repriced, or made a limit order on the way: the book knows.
        _ => book.order(id).map_or(worth, |order| order.price),
    }
}

/// The live order that a command is about: side, price, lots left.
fn owned(risk: &Risk, command: &Command) -> Result<(Side, Ticks, Lots), Refusal> {
    let live: Option<(UserId, Side, Ticks, Lots)> = risk.live(command.symbol, command.order_id);
    let (user, side, price, lots) = live.ok_or(BookError::UnknownOrder(command.order_id))?;
    if user == command.user_id { Ok((side, price, lots)) } else { Err(Reason::NotOwner.into()) }
}
