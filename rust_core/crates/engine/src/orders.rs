//! Orders as they come in.

use crate::rare::{END_OF_DAY, Rare};
use crate::types::{Lots, Nanos, OrderId, Side, Ticks, TimeInForce, UserId};

/// Whether an order may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PostOnly {
    /// It may.
    #[default]
    No,
    /// It is refused rather than let it take.
    Reject,
    /// It rests one tick before the price that it would have taken.
    Reprice,
}

/// How a limit order is to be treated. The default is plain: good till cancelled, all of it shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// How long it may live.
    pub tif: TimeInForce,
    /// Whether it may take.
    pub post_only: PostOnly,
    /// How much of it shows at a time (an iceberg).
    pub display: Option<Lots>,
    /// How much must trade at once, or the order is cancelled whole.
    pub min_quantity: Lots,
    /// When a good-till-date order leaves, on the clock of `Book::advance`.
    pub expires: Nanos,
}

/// A limit order.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// The worst price it takes, and the price it rests at; within `MAX_TICKS` of zero.
    pub price: Ticks,
    /// How much.
    pub quantity: Lots,
    /// How it is to be treated.
    pub terms: Terms,
}

impl Limit {
    /// The uncommon part of this order when `left` of it rests; `None` for a plain one.
    pub(crate) fn rare(&self, left: Lots) -> Option<Rare> {
        let expires = match self.terms.tif {
            TimeInForce::Day => END_OF_DAY,
            TimeInForce::Gtd => self.terms.expires,
            _ => 0,
        };
        let display = self.terms.display.unwrap_or(0);
        let reserve = if display == 0 { 0 } else { left.saturating_sub(display) };
        (expires != 0 || display != 0).then_some(Rare { display, reserve, expires })
    }
}

/// A market order.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// How much; what finds no counterpart is cancelled.
    pub quantity: Lots,
}

/// Which orders a mass cancel is about: all that fit every given condition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this user.
    pub user: Option<UserId>,
    /// On this side.
    pub side: Option<Side>,
    /// At this price or above.
    pub low: Option<Ticks>,
    /// At this price or below.
    pub high: Option<Ticks>,
}
