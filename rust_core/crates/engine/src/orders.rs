//! Orders as they come in.

use crate::event::{Cancel, CancelReason, Event, Sink};
use crate::rare::{Class, END_OF_AUCTION, END_OF_DAY, Rare};
use crate::types::{Lots, MAX_TICKS, Nanos, OrderId, Side, Ticks, TimeInForce, UserId};

/// Whether an order may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum PostOnly {
    /// It may.
    #[default]
    No = 0,
    /// It is refused rather than let it take.
    Reject = 1,
    /// It rests one tick before the price that it would have taken.
    Reprice = 2,
}

impl PostOnly {
    /// The choice whose code is `code`, as in a snapshot.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::No),
            1 => Some(Self::Reject),
            2 => Some(Self::Reprice),
            _ => None,
        }
    }
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
    /// Whether nothing of it ever shows.
    pub hidden: bool,
    /// Whether it trades whole or not at all.
    pub all_or_none: bool,
    /// Whether it may only bring its owner's position closer to zero.
    pub reduce_only: bool,
}

impl Terms {
    /// Whether nothing but price and time decides what becomes of the order.
    #[inline]
    pub(crate) const fn plain(&self) -> bool {
        // Asked all at once: nearly every order is, and one branch does.
        let marks = self.tif as u8 & !(TimeInForce::Ioc as u8) | self.post_only as u8 | self.special() as u8;
        (marks == 0) & self.display.is_none() & (self.min_quantity == 0)
    }

    /// Whether the book must look closer: see [`crate::special`].
    #[inline]
    pub(crate) const fn special(&self) -> bool {
        self.hidden | self.all_or_none | self.reduce_only
    }

    /// Where the order would rest.
    pub(crate) const fn class(&self) -> Class {
        match (self.all_or_none, self.hidden) {
            (true, _) => Class::Whole,
            (false, true) => Class::Dark,
            (false, false) => Class::Shown,
        }
    }

    /// When the order leaves by itself; zero is never.
    pub(crate) const fn end_of_life(&self) -> Nanos {
        match self.tif {
            TimeInForce::Day => END_OF_DAY,
            TimeInForce::Gtd => self.expires,
            TimeInForce::AtOpen | TimeInForce::AtClose => END_OF_AUCTION,
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => 0,
        }
    }
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
        let expires = self.terms.end_of_life();
        let display = self.terms.display.unwrap_or(0);
        let reserve = if display == 0 { 0 } else { left.saturating_sub(display) };
        (expires != 0 || display != 0 || self.terms.special()).then_some(Rare {
            display,
            reserve,
            expires,
            class: self.terms.class(),
            reduce_only: self.terms.reduce_only,
            ..Rare::default()
        })
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

impl Market {
    /// The same as one that only reduces a position: a limit order at the worst price there is that never rests.
    pub(crate) fn reducing(self) -> Limit {
        let Self { id, user, side, quantity } = self;
        let price = if side == Side::Buy { MAX_TICKS } else { -MAX_TICKS };
        Limit {
            id,
            user,
            side,
            price,
            quantity,
            terms: Terms { tif: TimeInForce::Ioc, reduce_only: true, ..Terms::default() },
        }
    }
}

/// An order of either kind.
#[derive(Clone, Copy, Debug)]
pub enum Incoming {
    /// A limit order.
    Limit(Limit),
    /// A market order.
    Market(Market),
}

impl Incoming {
    /// The order's id.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        match self {
            Self::Limit(order) => order.id,
            Self::Market(order) => order.id,
        }
    }

    /// Its owner.
    #[must_use]
    pub const fn user(&self) -> UserId {
        match self {
            Self::Limit(order) => order.user,
            Self::Market(order) => order.user,
        }
    }

    /// Its side.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Limit(order) => order.side,
            Self::Market(order) => order.side,
        }
    }

    /// How much.
    #[must_use]
    pub const fn quantity(&self) -> Lots {
        match self {
            Self::Limit(order) => order.quantity,
            Self::Market(order) => order.quantity,
        }
    }

    /// When it leaves by itself; zero is never.
    pub(crate) const fn end_of_life(&self) -> Nanos {
        match self {
            Self::Limit(order) => order.terms.end_of_life(),
            Self::Market(_) => 0,
        }
    }

    pub(crate) fn tell_cancel(&self, reason: CancelReason, sink: &mut impl Sink) {
        let (order, user, side, quantity) = (self.id(), self.user(), self.side(), self.quantity());
        sink.emit(Event::Cancel(Cancel { order, user, side, quantity, reason }));
    }
}

/// An order that waits until a trade reaches its trigger.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// The order that it turns into.
    pub order: Incoming,
    /// The trade price that fires it: that or a higher one for a buy, that or a lower one for a sell.
    pub trigger: Ticks,
    /// Greater than zero, the trigger follows the market instead: so far above the lowest trade price for a buy, so far
    /// below the highest for a sell, counted from the last trade on.
    pub trail: Ticks,
}

/// A market order for an amount of money.
#[derive(Clone, Copy, Debug)]
pub struct Notional {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// How much money, in ticks times lots.
    pub amount: u128,
    /// The worst price it takes; `None` takes any.
    pub limit: Option<Ticks>,
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
