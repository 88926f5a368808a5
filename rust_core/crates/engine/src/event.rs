//! What a command causes, told to whoever listens.

use crate::change::Change;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// One match, at the maker's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The maker's price.
    pub price: Ticks,
    /// How much changed hands.
    pub quantity: Lots,
    /// The resting order.
    pub maker: OrderId,
    /// Its owner.
    pub maker_user: UserId,
    /// The incoming order.
    pub taker: OrderId,
    /// Its owner.
    pub taker_user: UserId,
    /// The side of the incoming order.
    pub side: Side,
}

/// Why quantity left without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// Somebody asked.
    User = 0,
    /// An immediate order found no more to take.
    Unfilled = 1,
    /// It would have met an order of the same user.
    SelfTrade = 2,
    /// Its time was up.
    Expired = 3,
    /// It fired, and then could not be carried out.
    Refused = 4,
    /// It was more than there is to reduce.
    ReduceOnly = 5,
    /// It fired while its owner may not trade.
    KillSwitch = 6,
}

/// Quantity that left without a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// The order.
    pub order: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// How much left.
    pub quantity: Lots,
    /// Why.
    pub reason: CancelReason,
}

/// A stop that has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The order.
    pub order: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
}

/// Anything that happens in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A match.
    Fill(Fill),
    /// Quantity left without one.
    Cancel(Cancel),
    /// A stop fired; what comes of it follows.
    Trigger(Trigger),
}

/// A listener: told of every event in the order in which they happen.
pub trait Sink {
    /// Something happened.
    fn emit(&mut self, event: Event);

    /// Whether a user's stop that has fired may be carried out; it is cancelled otherwise.
    #[inline]
    fn may_fire(&self, _user: UserId) -> bool {
        true
    }

    /// Whether to be told of changes, too. Where this is a constant, the telling costs nothing.
    #[inline]
    fn wants_changes(&self) -> bool {
        false
    }

    /// The book changed, or two orders traded; asked for by `wants_changes`.
    fn change(&mut self, _change: Change) {}
}

/// Nobody listens.
impl Sink for () {
    #[inline]
    fn emit(&mut self, _event: Event) {}
}

impl Sink for Vec<Event> {
    #[inline]
    fn emit(&mut self, event: Event) {
        self.push(event);
    }
}

/// Fills alone, for callers that don't care for the rest.
impl Sink for Vec<Fill> {
    #[inline]
    fn emit(&mut self, event: Event) {
        if let Event::Fill(fill) = event {
            self.push(fill);
        }
    }
}
