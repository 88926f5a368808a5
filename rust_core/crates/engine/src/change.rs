//! What changed in the book that shows, change by change: enough to rebuild it, by price and by order.
//!
//! Every change of an order that shows has a number, and every trade has one, each counted from 1 without a gap. The book
//! counts whether or not anybody listens, and the numbers are part of its state. Orders that don't show change nothing
//! here; that they traded, the trades tell. An iceberg that shows its next part leaves its queue and comes back at the
//! end of it: two changes.

use bytemuck::{Pod, Zeroable};

use crate::arena::Order;
use crate::book::Book;
use crate::event::{Fill, Sink};
use crate::instrument::Instrument;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChangeKind {
    /// An order came to the end of its price's queue.
    Add = 0,
    /// It became smaller, and kept its place.
    Reduce = 1,
    /// It left.
    Remove = 2,
    /// Two orders traded; what that changed in the book was told just before (in an auction: for both).
    Trade = 3,
}

/// One change of the book that shows, or one trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Counted from 1: trades among trades, changes among changes.
    pub number: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// The order's side; the taker's for a trade.
    pub side: Side,
    /// The order; the resting one for a trade.
    pub order: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its price.
    pub price: Ticks,
    /// How much of the order shows now; how much was traded.
    pub quantity: Lots,
    /// How much shows at the price now; zero for a trade.
    pub level: Lots,
    /// How many orders show at the price now; zero for a trade.
    pub orders: u32,
}

impl Book {
    /// How many changes there were.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// How many trades there were.
    #[must_use]
    pub const fn trades(&self) -> u64 {
        self.trades
    }

    /// An order that shows has changed: count it, and say so to whoever wants to know.
    #[inline]
    pub(crate) fn changed(&mut self, kind: ChangeKind, order: &Order, quantity: Lots, sink: &mut impl Sink) {
        self.changes += 1;
        if sink.wants_changes() {
            self.tell_change(kind, order, quantity, sink);
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn tell_change(&self, kind: ChangeKind, order: &Order, quantity: Lots, sink: &mut impl Sink) {
        let level = self.level(order.side, order.price).copied().unwrap_or_default();
        sink.change(Change {
            number: self.changes,
            kind,
            side: order.side,
            order: order.id,
            user: order.user,
            price: order.price,
            quantity,
            level: level.quantity,
            orders: level.orders,
        });
    }

    /// Two orders traded: count it, and say so to whoever wants to know.
    #[inline]
    pub(crate) fn count_trade(&mut self, fill: &Fill, sink: &mut impl Sink) {
        self.trades += 1;
        if sink.wants_changes() {
            let Fill { price, quantity, maker, maker_user, side, .. } = *fill;
            let (kind, number) = (ChangeKind::Trade, self.trades);
            sink.change(Change {
                number,
                kind,
                side,
                order: maker,
                user: maker_user,
                price,
                quantity,
                level: 0,
                orders: 0,
            });
        }
    }
}

/// A change as a row: 56 bytes, no padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct ChangeRow {
    /// Counted from 1: trades among trades, changes among changes.
    pub number: u64,
    /// The order; the resting one for a trade.
    pub order_id: u64,
    /// Its owner.
    pub user_id: u64,
    /// Its price.
    pub price: f64,
    /// How much of the order shows now; how much was traded.
    pub quantity: f64,
    /// How much shows at the price now; zero for a trade.
    pub level_quantity: f64,
    /// How many orders show at the price now; zero for a trade.
    pub level_orders: u32,
    /// 0 add, 1 reduce, 2 remove, 3 trade.
    pub kind: u8,
    /// 0 buy, 1 sell; the taker's for a trade.
    pub side: u8,
    /// Zero.
    pub reserved: u16,
}

impl Instrument {
    /// A change with prices and quantities as floats.
    #[must_use]
    pub fn change_row(&self, change: &Change) -> ChangeRow {
        ChangeRow {
            number: change.number,
            order_id: change.order,
            user_id: change.user,
            price: self.price(change.price),
            quantity: self.quantity(change.quantity),
            level_quantity: self.quantity(change.level),
            level_orders: change.orders,
            kind: change.kind as u8,
            side: change.side as u8,
            reserved: 0,
        }
    }
}
