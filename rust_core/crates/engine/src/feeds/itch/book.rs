//! The books of all stocks of a feed, order by order.

use std::collections::HashMap;

use super::ahead::{Ahead, Hint, LONG, RUN, WORTH};
use super::error::{Fault, ItchError};
use super::frames::Frames;
use super::levels::{Ladder, Level, Levels, Side};
use super::messages::{Header, Message};
use super::orders::{NIL, Order, Orders, Slot};
use crate::memory;

/// What the feed tells of one stock.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Stock {
    sides: [Ladder; 2],
    symbol: [u8; 8],
    trading_state: u8,
}

/// The books of all stocks, built from the messages of a day from its beginning.
#[derive(Clone, Debug, Default)]
pub struct ItchBook {
    stocks: Vec<Stock>,
    locates: HashMap<[u8; 8], u16>,
    pub(super) levels: Levels,
    pub(super) orders: Orders,
    messages: u64,
}

impl ItchBook {
    /// Books without orders.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Apply messages, each with its length in front. Returns how many bytes they have: all, or with `partial` all but
    /// the last message if that is cut off.
    ///
    /// # Errors
    /// The first message that can't be read or can't be true: those before it are applied, it and those behind it not.
    pub fn apply(&mut self, bytes: &[u8], partial: bool) -> Result<usize, ItchError> {
        let (mut frames, mut ahead) = (Frames::new(bytes), None);
        loop {
            let hints = if self.len() >= WORTH && bytes.len() >= LONG {
                ahead.get_or_insert_with(Ahead::default).step(self, bytes, frames.offset())
            } else {
                [Hint::NONE; RUN]
            };
            for hint in hints {
                let Some(item) = frames.next() else { return Ok(frames.offset()) };
                match item {
                    Ok((offset, message)) => {
                        self.apply_hinted(&message, hint).map_err(|fault| ItchError { offset, fault })?;
                    }
                    Err(ItchError { offset, fault: Fault::Truncated { .. } }) if partial => return Ok(offset),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Apply one message.
    ///
    /// # Errors
    /// When it can't be true; nothing has changed then.
    #[inline(always)]
    pub fn apply_message(&mut self, message: &Message<'_>) -> Result<(), Fault> {
        self.apply_hinted(message, Hint::NONE)
    }

    /// Apply one message, of which reading ahead may have told something.
    #[inline(always)]
    fn apply_hinted(&mut self, message: &Message<'_>, hint: Hint) -> Result<(), Fault> {
        match message {
            Message::AddOrder(add) => {
                let new = New { reference: add.order_reference_number(), shares: add.shares(), price: add.price() };
                self.add(add.header(), side(add.buy_sell_indicator())?, &new, hint)?;
            }
            Message::AddOrderMpid(add) => {
                let new = New { reference: add.order_reference_number(), shares: add.shares(), price: add.price() };
                self.add(add.header(), side(add.buy_sell_indicator())?, &new, hint)?;
            }
            Message::OrderExecuted(execution) => {
                let reference = execution.order_reference_number();
                self.take(execution.header(), reference, execution.executed_shares(), hint)?;
            }
            Message::OrderExecutedWithPrice(execution) => {
                let reference = execution.order_reference_number();
                self.take(execution.header(), reference, execution.executed_shares(), hint)?;
            }
            Message::OrderCancel(cancel) => {
                self.take(cancel.header(), cancel.order_reference_number(), cancel.cancelled_shares(), hint)?;
            }
            Message::OrderDelete(delete) => {
                let slot = self.find(delete.header(), delete.order_reference_number(), hint)?;
                self.remove(slot);
            }
            Message::OrderReplace(replace) => {
                let (reference, shares) = (replace.new_order_reference_number(), replace.shares());
                let old = self.find(replace.header(), replace.original_order_reference_number(), hint)?;
                let new = New { reference, shares, price: replace.price() };
                self.check_new(&new)?;
                let side = self.levels.get(self.orders.get(old).level).side;
                self.remove(old);
                self.add(replace.header(), side, &new, hint)?;
            }
            Message::StockDirectory(stock) => {
                let locate = stock.header().stock_locate;
                self.locates.insert(stock.stock(), locate);
                self.stock_mut(locate).symbol = stock.stock();
            }
            Message::StockTradingAction(action) => {
                self.stock_mut(action.header().stock_locate).trading_state = action.trading_state();
            }
            _ => {}
        }
        self.messages += 1;
        Ok(())
    }

    /// Have a stock fetched into the cache.
    #[inline(always)]
    pub(super) fn fetch_stock(&self, locate: u16) {
        memory::fetch(&self.stocks, usize::from(locate));
    }

    /// Have the best prices of a side fetched into the cache.
    #[inline(always)]
    pub(super) fn fetch_ladder(&self, locate: u16, side: Side) {
        if let Some(stock) = self.stocks.get(usize::from(locate)) {
            stock.sides[side as usize].fetch();
        }
    }

    #[inline(always)]
    fn check_new(&self, new: &New) -> Result<(), Fault> {
        if new.shares == 0 {
            return Err(Fault::NoShares(new.reference));
        }
        if self.orders.find(new.reference).is_some() {
            return Err(Fault::DuplicateOrder(new.reference));
        }
        Ok(())
    }

    #[inline(always)]
    fn add(&mut self, header: Header, side: Side, new: &New, hint: Hint) -> Result<(), Fault> {
        self.check_new(new)?;
        let locate = header.stock_locate;
        if usize::from(locate) >= self.stocks.len() {
            self.stock_mut(locate);
        }
        let guess = if hint.level == NIL { self.levels.guess(locate, new.price) } else { hint.level };
        let level = if self.levels.is_at(guess, locate, side, new.price) {
            guess
        } else {
            let ladder = &mut self.stocks[usize::from(locate)].sides[side as usize];
            self.levels.at(ladder, locate, side, new.price)
        };
        let New { reference, shares, .. } = *new;
        let order = Order { reference, timestamp: header.timestamp, shares, level, prev: NIL, next: NIL };
        self.levels.push(&mut self.orders, order);
        Ok(())
    }

    /// The place of an order that must be here, and of the message's stock.
    #[inline(always)]
    fn find(&self, header: Header, reference: u64, hint: Hint) -> Result<Slot, Fault> {
        let slot = self.orders.find_near(reference, hint.slot).ok_or(Fault::UnknownOrder(reference))?;
        let expected = self.levels.get(self.orders.get(slot).level).stock_locate;
        if header.stock_locate != expected {
            return Err(Fault::OtherStock { reference, found: header.stock_locate, expected });
        }
        Ok(slot)
    }

    /// Take shares off an order: executed or cancelled, the book can't tell.
    #[inline(always)]
    fn take(&mut self, header: Header, reference: u64, shares: u32, hint: Hint) -> Result<(), Fault> {
        let slot = self.find(header, reference, hint)?;
        let left = self.orders.get(slot).shares;
        if shares == 0 {
            return Err(Fault::NoShares(reference));
        }
        if shares > left {
            return Err(Fault::TooManyShares { reference, shares, left });
        }
        if shares == left {
            self.remove(slot);
        } else {
            self.levels.reduce(&mut self.orders, slot, shares);
        }
        Ok(())
    }

    #[inline(always)]
    fn remove(&mut self, slot: Slot) {
        let Level { stock_locate, side, .. } = *self.levels.get(self.orders.get(slot).level);
        let ladder = &mut self.stocks[usize::from(stock_locate)].sides[side as usize];
        self.levels.remove(ladder, &mut self.orders, slot);
    }

    #[cold]
    fn stock_mut(&mut self, locate: u16) -> &mut Stock {
        let at = usize::from(locate);
        if at >= self.stocks.len() {
            self.stocks.resize_with(at + 1, Stock::default);
        }
        &mut self.stocks[at]
    }

    /// How many messages were applied, those that change no book among them.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// How many orders are in all books.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether no order is in any book.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All symbols that the feed has named, with their numbers of the day, in no order.
    pub fn symbols(&self) -> impl Iterator<Item = ([u8; 8], u16)> {
        self.locates.iter().map(|(symbol, locate)| (*symbol, *locate))
    }

    /// The numbers of the day that stocks may have: all up to the highest one seen.
    pub fn locates(&self) -> impl Iterator<Item = u16> {
        (0..=u16::MAX).take(self.stocks.len())
    }

    /// The number of the day of a symbol, eight letters filled up with spaces.
    #[must_use]
    pub fn locate(&self, symbol: [u8; 8]) -> Option<u16> {
        self.locates.get(&symbol).copied()
    }

    /// A stock's trading state: H, P, Q or T; 0 when the feed has told none.
    #[must_use]
    pub fn trading_state(&self, locate: u16) -> u8 {
        self.stocks.get(usize::from(locate)).map_or(0, |stock| stock.trading_state)
    }

    /// A side's levels, best first.
    pub fn levels(&self, locate: u16, side: Side) -> impl Iterator<Item = &Level> {
        let stock = self.stocks.get(usize::from(locate));
        stock.into_iter().flat_map(move |stock| stock.sides[side as usize].iter().map(|level| self.levels.get(level)))
    }

    /// A level's orders in the order in which they would trade.
    pub fn queue(&self, level: &Level) -> impl Iterator<Item = &Order> {
        let mut slot = level.head;
        std::iter::from_fn(move || {
            (slot != NIL).then(|| {
                let order = self.orders.get(slot);
                slot = order.next;
                order
            })
        })
    }

    /// An order and its level.
    #[must_use]
    pub fn order(&self, reference: u64) -> Option<(&Order, &Level)> {
        let order = self.orders.get(self.orders.find(reference)?);
        Some((order, self.levels.get(order.level)))
    }
}

/// An order as it comes in.
struct New {
    reference: u64,
    shares: u32,
    price: u32,
}

#[inline(always)]
const fn side(letter: u8) -> Result<Side, Fault> {
    match letter {
        b'B' => Ok(Side::Buy),
        b'S' => Ok(Side::Sell),
        _ => Err(Fault::Side(letter)),
    }
}
