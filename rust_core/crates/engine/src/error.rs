//! Everything that a book can refuse. A refusal changes nothing.

use crate::types::OrderId;

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BookError {
    /// A live order has this id.
    #[error("order_id {0} is already in the book")]
    DuplicateOrderId(OrderId),
    /// No live order has this id.
    #[error("order_id {0} is not in the book")]
    UnknownOrder(OrderId),
    /// NaN or an infinity.
    #[error("{field} {value} is not a finite number")]
    NotFinite {
        /// The argument's name.
        field: &'static str,
        /// What was given.
        value: f64,
    },
    /// Zero or less where more is needed.
    #[error("{field} {value} must be greater than zero")]
    NotPositive {
        /// The argument's name.
        field: &'static str,
        /// What was given.
        value: f64,
    },
    /// Not a whole number of ticks or lots.
    #[error("{field} {value} is not a multiple of {step_name} {step}")]
    OffGrid {
        /// The argument's name.
        field: &'static str,
        /// What was given.
        value: f64,
        /// `tick_size` or `lot_size`.
        step_name: &'static str,
        /// The grid's step.
        step: f64,
    },
    /// More ticks or lots than the book can count exactly.
    #[error("{field} {value} is too large: at most {limit} is exact with this {step_name}")]
    TooLarge {
        /// The argument's name.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The largest accepted value.
        limit: f64,
        /// `tick_size` or `lot_size`.
        step_name: &'static str,
    },
    /// The resting quantity of one side would no longer fit.
    #[error("quantity {0} lots would overflow the side's total")]
    SideOverflow(u64),
    /// A post-only order would have traded.
    #[error("post_only order_id {0} would take")]
    WouldTake(OrderId),
    /// An option that contradicts another, or a code that means nothing.
    #[error("{field} {value} is not one of {expected}")]
    BadChoice {
        /// The argument's name.
        field: &'static str,
        /// What was given.
        value: u64,
        /// What is accepted.
        expected: &'static str,
    },
    /// What only a resting order can have, asked of one that never rests.
    #[error("{field} needs a tif that lets the order rest, not IOC or FOK")]
    NeverRests {
        /// The argument's name.
        field: &'static str,
    },
    /// A stop has one way to fire.
    #[error("trigger_price or trail is needed, and not both")]
    TriggerOrTrail,
    /// Nothing may come in or trade.
    #[error("the book is halted: orders can only leave")]
    Halted,
    /// What an auction has no use for.
    #[error("{field} is not possible during an auction: orders only gather")]
    InAuction {
        /// The argument's name.
        field: &'static str,
    },
    /// An order for an auction that is not on.
    #[error("tif asks for an auction that is not on")]
    NoAuction,
    /// A crossed book can't trade continuously.
    #[error("phase continuous needs a book that is not crossed: uncross it")]
    Crossed,
    /// A trailing stop has nothing to follow.
    #[error("order_id {0} can't trail: nothing has traded yet")]
    NoTradeYet(OrderId),
    /// Something that only a resting order allows.
    #[error("order_id {0} is a stop that has not fired: cancel it and enter another")]
    NotResting(OrderId),
    /// More must trade at once than there is.
    #[error("min_quantity {0} lots is more than the order's quantity")]
    MinQuantity(u64),
    /// A good-till-date order without a date in the future.
    #[error("expires {0} is not after the book's time {1}")]
    Expired(u64, u64),
    /// A reduce-only order of a user whose position it can't reduce.
    #[error("reduce_only order_id {0} has no position to reduce")]
    NothingToReduce(OrderId),
    /// Two options that can't go together.
    #[error("{field} can't go together with {other}")]
    Contradiction {
        /// The argument's name.
        field: &'static str,
        /// The other one's.
        other: &'static str,
    },
}

impl BookError {
    /// A name that never changes, for logs, events and clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateOrderId(_) => "duplicate_order_id",
            Self::UnknownOrder(_) => "unknown_order",
            Self::NotFinite { .. } => "not_finite",
            Self::NotPositive { .. } => "not_positive",
            Self::OffGrid { .. } => "off_grid",
            Self::TooLarge { .. } => "too_large",
            Self::SideOverflow(_) => "side_overflow",
            Self::WouldTake(_) => "post_only_would_take",
            Self::BadChoice { .. } => "bad_choice",
            Self::NeverRests { .. } => "never_rests",
            Self::MinQuantity(_) => "min_quantity",
            Self::Expired(..) => "expired",
            Self::Halted => "halted",
            Self::InAuction { .. } => "in_auction",
            Self::NoAuction => "no_auction",
            Self::Crossed => "crossed",
            Self::NoTradeYet(_) => "no_trade_yet",
            Self::NotResting(_) => "not_resting",
            Self::TriggerOrTrail => "trigger_or_trail",
            Self::NothingToReduce(_) => "nothing_to_reduce",
            Self::Contradiction { .. } => "contradiction",
        }
    }

    /// The argument that was refused.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::DuplicateOrderId(_) | Self::UnknownOrder(_) | Self::NotResting(_) => "order_id",
            Self::Halted | Self::Crossed => "phase",
            Self::NoAuction => "tif",
            Self::TriggerOrTrail => "trigger_price",
            Self::NoTradeYet(_) => "trail",
            Self::NotFinite { field, .. }
            | Self::NotPositive { field, .. }
            | Self::OffGrid { field, .. }
            | Self::TooLarge { field, .. }
            | Self::NeverRests { field }
            | Self::InAuction { field }
            | Self::Contradiction { field, .. }
            | Self::BadChoice { field, .. } => field,
            Self::SideOverflow(_) => "quantity",
            Self::WouldTake(_) => "post_only",
            Self::MinQuantity(_) => "min_quantity",
            Self::Expired(..) => "expires",
            Self::NothingToReduce(_) => "reduce_only",
        }
    }

    /// The same as a number, for batches: 0 means accepted.
    #[must_use]
    pub const fn number(&self) -> u16 {
        match self {
            Self::DuplicateOrderId(_) => 1,
            Self::UnknownOrder(_) => 2,
            Self::NotFinite { .. } => 3,
            Self::NotPositive { .. } => 4,
            Self::OffGrid { .. } => 5,
            Self::TooLarge { .. } => 6,
            Self::SideOverflow(_) => 7,
            Self::WouldTake(_) => 8,
            Self::BadChoice { .. } => 9,
            Self::NeverRests { .. } => 10,
            Self::MinQuantity(_) => 11,
            Self::Expired(..) => 12,
            Self::Halted => 13,
            Self::InAuction { .. } => 14,
            Self::NoAuction => 15,
            Self::Crossed => 16,
            Self::NoTradeYet(_) => 17,
            Self::NotResting(_) => 18,
            Self::TriggerOrTrail => 19,
            Self::NothingToReduce(_) => 20,
            Self::Contradiction { .. } => 21,
        }
    }
}
