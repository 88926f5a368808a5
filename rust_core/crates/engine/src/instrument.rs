//! A book with its instrument: floats outside, ticks and lots inside.

use crate::book::Book;
use crate::error::BookError;
use crate::event::Sink;
use crate::grid::Grid;
use crate::orders::{Incoming, Limit, Market, Notional, PostOnly, Stop, Terms};
use crate::special::{Peg, PegKind, Pegged};
use crate::types::{Lots, Nanos, OrderId, SelfTrade, Side, Ticks, TimeInForce, UserId};

/// How a limit order is to be treated: `Terms`, with quantities as floats.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How long it may live.
    pub tif: TimeInForce,
    /// Whether it may take.
    pub post_only: PostOnly,
    /// How much of it shows at a time (an iceberg).
    pub display_quantity: Option<f64>,
    /// How much must trade at once, or the order is cancelled whole.
    pub min_quantity: Option<f64>,
    /// When a good-till-date order leaves.
    pub expires: Nanos,
    /// Whether nothing of it ever shows.
    pub hidden: bool,
    /// Whether it trades whole or not at all.
    pub all_or_none: bool,
    /// Whether it may only reduce its owner's position.
    pub reduce_only: bool,
}

/// One instrument: its grids and its book.
#[derive(Clone, Debug)]
pub struct Instrument {
    pub(crate) tick: Grid,
    pub(crate) lot: Grid,
    pub(crate) negative_prices: bool,
    /// The book itself, in ticks and lots.
    pub book: Book,
}

impl Instrument {
    /// An instrument with an empty book. Prices must be above zero unless `negative_prices`.
    ///
    /// # Errors
    /// When a step is not a positive decimal number.
    pub fn new(tick_size: f64, lot_size: f64, self_trade: SelfTrade, negative_prices: bool) -> Result<Self, BookError> {
        Ok(Self {
            tick: Grid::new("tick_size", tick_size)?,
            lot: Grid::new("lot_size", lot_size)?,
            negative_prices,
            book: Book::new(self_trade),
        })
    }

    /// The smallest price step.
    #[must_use]
    pub const fn tick_size(&self) -> f64 {
        self.tick.step()
    }

    /// The smallest quantity step.
    #[must_use]
    pub const fn lot_size(&self) -> f64 {
        self.lot.step()
    }

    /// A price in ticks.
    ///
    /// # Errors
    /// When it is not finite, off the grid, or not positive where it must be.
    #[inline]
    pub fn ticks(&self, price: f64) -> Result<Ticks, BookError> {
        self.named_ticks("price", price)
    }

    /// A price in ticks, called `field` in errors.
    ///
    /// # Errors
    /// As `ticks`.
    #[inline]
    pub fn named_ticks(&self, field: &'static str, price: f64) -> Result<Ticks, BookError> {
        match self.tick.steps(field, price) {
            Ok(ticks) if ticks > 0 || self.negative_prices => Ok(ticks),
            Err(error) if price.is_nan() || price > 0.0 || self.negative_prices => Err(error),
            _ => Err(BookError::NotPositive { field, value: price }),
        }
    }

    /// A quantity in lots.
    ///
    /// # Errors
    /// When it is not finite, off the grid or not positive.
    #[inline]
    pub fn lots(&self, field: &'static str, quantity: f64) -> Result<Lots, BookError> {
        self.lot.positive_steps(field, quantity)
    }

    /// A price as a float.
    #[inline]
    #[must_use]
    pub fn price(&self, ticks: Ticks) -> f64 {
        self.tick.value(ticks)
    }

    /// A quantity as a float.
    #[inline]
    #[must_use]
    pub fn quantity(&self, lots: Lots) -> f64 {
        self.lot.quantity(lots)
    }

    /// A limit order; returns what rests.
    ///
    /// # Errors
    /// Values off the grid, and whatever the book refuses.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn add_limit(
        &mut self,
        id: OrderId,
        side: Side,
        price: f64,
        quantity: f64,
        user: UserId,
        options: Options,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let price = self.ticks(price)?;
        let quantity = self.lots("quantity", quantity)?;
        let terms = self.terms(options)?;
        self.book.add_limit(&Limit { id, user, side, price, quantity, terms }, sink)
    }

    /// A market order.
    ///
    /// # Errors
    /// A quantity off the grid, or a live id.
    #[inline]
    pub fn add_market(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: f64,
        user: UserId,
        sink: &mut impl Sink,
    ) -> Result<(), BookError> {
        let quantity = self.lots("quantity", quantity)?;
        self.book.add_market(&Market { id, user, side, quantity }, sink)
    }

    /// An order that takes at the best price alone and rests there; returns what rests.
    ///
    /// # Errors
    /// A quantity off the grid, and whatever the book refuses.
    pub fn add_market_to_limit(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: f64,
        user: UserId,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let quantity = self.lots("quantity", quantity)?;
        self.book.add_market_to_limit(&Market { id, user, side, quantity }, sink)
    }

    /// A market order for an amount of money; it never takes for more.
    ///
    /// # Errors
    /// An amount that is not positive and finite, and whatever the book refuses.
    pub fn add_notional(
        &mut self,
        id: OrderId,
        side: Side,
        notional: f64,
        user: UserId,
        limit: Option<f64>,
        sink: &mut impl Sink,
    ) -> Result<(), BookError> {
        let amount = self.amount(notional)?;
        let limit = limit.map(|price| self.ticks(price)).transpose()?;
        self.book.add_notional(&Notional { id, user, side, amount, limit }, sink).map(|_| ())
    }

    /// An amount of money in ticks times lots.
    ///
    /// # Errors
    /// One that is not positive and finite.
    pub fn amount(&self, notional: f64) -> Result<u128, BookError> {
        if !notional.is_finite() {
            return Err(BookError::NotFinite { field: "notional", value: notional });
        }
        if notional <= 0.0 {
            return Err(BookError::NotPositive { field: "notional", value: notional });
        }
        let exact = self.lot.fraction(self.tick.fraction(notional));
        // Float noise must not cost the last lot; a real difference is far larger.
        Ok((exact + exact.abs().max(1.0) * 1e-12).floor() as u128)
    }

    /// A market order that only reduces a position, with `to_limit` one that rests at the price it took; returns what
    /// rests.
    ///
    /// # Errors
    /// A quantity off the grid, and whatever the book refuses.
    pub fn add_reducing(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: f64,
        user: UserId,
        to_limit: bool,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let quantity = self.lots("quantity", quantity)?;
        self.book.add_reducing(&Market { id, user, side, quantity }, to_limit, sink)
    }

    /// An order that follows the market at `offset`, and takes at no worse price than `limit`; returns what rests.
    ///
    /// # Errors
    /// Values off the grid, and whatever the book refuses.
    #[allow(clippy::too_many_arguments)]
    pub fn add_pegged(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: f64,
        user: UserId,
        kind: PegKind,
        offset: f64,
        limit: Option<f64>,
        options: Options,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let quantity = self.lots("quantity", quantity)?;
        let peg = self.peg(kind, offset, limit)?;
        let terms = self.terms(options)?;
        self.book.add_pegged(&Pegged { id, user, side, quantity, peg, terms }, sink)
    }

    /// How a price follows the market.
    ///
    /// # Errors
    /// Values off the grid.
    pub fn peg(&self, kind: PegKind, offset: f64, limit: Option<f64>) -> Result<Peg, BookError> {
        let offset = self.tick.steps("offset", offset)?;
        let limit = limit.map(|limit| self.named_ticks("limit_price", limit)).transpose()?;
        Ok(Peg { kind, offset, limit })
    }

    /// Say what a user holds, negative when short; from then on the book keeps count. `None` forgets the user.
    ///
    /// # Errors
    /// A position off the grid.
    pub fn set_position(&mut self, user: UserId, position: Option<f64>, sink: &mut impl Sink) -> Result<(), BookError> {
        let position = position.map(|position| self.lot.steps("position", position)).transpose()?;
        self.book.set_position(user, position, sink);
        Ok(())
    }

    /// An order that waits for a trade at `trigger`; or, with `trail`, so far behind the market. A limit order at
    /// `limit` if that is given, else a market order. Returns what rests of it.
    ///
    /// # Errors
    /// Values off the grid, neither or both of `trigger` and `trail`, and whatever the book refuses.
    #[allow(clippy::too_many_arguments)]
    pub fn add_stop(
        &mut self,
        id: OrderId,
        side: Side,
        quantity: f64,
        user: UserId,
        trigger: Option<f64>,
        trail: Option<f64>,
        limit: Option<f64>,
        options: Options,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let lots = self.lots("quantity", quantity)?;
        let (trigger, trail) = self.trigger(trigger, trail)?;
        let order = match limit {
            None if options.reduce_only => Incoming::Limit(Market { id, user, side, quantity: lots }.reducing()),
            None => Incoming::Market(Market { id, user, side, quantity: lots }),
            Some(limit) => {
                let (price, terms) = (self.named_ticks("limit_price", limit)?, self.terms(options)?);
                Incoming::Limit(Limit { id, user, side, price, quantity: lots, terms })
            }
        };
        self.book.add_stop(&Stop { order, trigger, trail }, sink)
    }

    /// Trigger and trail of a stop, which has one of the two.
    pub(crate) fn trigger(&self, trigger: Option<f64>, trail: Option<f64>) -> Result<(Ticks, Ticks), BookError> {
        match (trigger, trail) {
            (Some(trigger), None) => Ok((self.named_ticks("trigger_price", trigger)?, 0)),
            (None, Some(trail)) => Ok((0, self.tick.positive_steps("trail", trail)? as Ticks)),
            _ => Err(BookError::TriggerOrTrail),
        }
    }

    #[inline(always)]
    fn terms(&self, options: Options) -> Result<Terms, BookError> {
        let Options { tif, post_only, display_quantity, min_quantity, expires, hidden, all_or_none, reduce_only } =
            options;
        let display = display_quantity.map(|shown| self.lots("display_quantity", shown)).transpose()?;
        let min_quantity = min_quantity.map_or(Ok(0), |least| self.lots("min_quantity", least))?;
        Ok(Terms { tif, post_only, display, min_quantity, expires, hidden, all_or_none, reduce_only })
    }

    /// Take `by` off an order; returns what is left.
    ///
    /// # Errors
    /// A quantity off the grid, or no such live order.
    pub fn reduce(&mut self, id: OrderId, by: f64, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let by = self.lots("by", by)?;
        self.book.reduce(id, by, sink)
    }

    /// Give an order another price, quantity or both; returns what rests.
    ///
    /// # Errors
    /// Values off the grid, and whatever the book refuses.
    pub fn modify(
        &mut self,
        id: OrderId,
        price: Option<f64>,
        quantity: Option<f64>,
        sink: &mut impl Sink,
    ) -> Result<Lots, BookError> {
        let price = price.map(|price| self.ticks(price)).transpose()?;
        let quantity = quantity.map(|quantity| self.lots("quantity", quantity)).transpose()?;
        self.book.modify(id, price, quantity, sink)
    }
}
