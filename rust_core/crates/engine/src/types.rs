//! The words that every part of the engine uses.

/// An order's identity, chosen by whoever submits it; unique among live orders of a book.
pub type OrderId = u64;
/// The owner of an order; self-trade prevention compares it.
pub type UserId = u64;
/// A price in whole ticks.
pub type Ticks = i64;
/// The largest price of either sign: far enough from the ends of the integer for all sums around it.
pub const MAX_TICKS: Ticks = 1 << 61;
/// A quantity in whole lots.
pub type Lots = u64;

/// A time in nanoseconds, on whatever clock the commands come with.
pub type Nanos = u64;

/// Buy or sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Takes asks, rests as a bid.
    Buy = 0,
    /// Takes bids, rests as an ask.
    Sell = 1,
}

impl Side {
    /// The side this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The side whose code is `code`, as in a snapshot or a batch.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Buy),
            1 => Some(Self::Sell),
            _ => None,
        }
    }
}

/// How long an order may live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum TimeInForce {
    /// Good till cancelled: what does not trade rests.
    #[default]
    Gtc = 0,
    /// Immediate or cancel: what does not trade at once is cancelled.
    Ioc = 1,
    /// Fill or kill: trades completely at once, or not at all.
    Fok = 2,
    /// Good for the day: leaves when the day is said to end.
    Day = 3,
    /// Good till a date: leaves at a given time.
    Gtd = 4,
    /// At the open: takes part in the opening auction alone.
    AtOpen = 5,
    /// At the close: takes part in the closing auction alone.
    AtClose = 6,
}

/// Why orders gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Auction {
    /// The day begins.
    Opening = 0,
    /// The day ends.
    Closing = 1,
    /// Prices moved too fast.
    Volatility = 2,
}

/// What may happen in a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Orders trade as they come.
    #[default]
    Continuous,
    /// Orders gather without trading.
    Auction(Auction),
    /// Orders can only leave.
    Halted,
}

impl Phase {
    /// What the codes mean, for errors.
    pub(crate) const CODES: &'static str = "0 continuous, 1 halted, 2 opening, 3 closing, 4 volatility";

    /// A number for each phase, as in a snapshot.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Continuous => 0,
            Self::Halted => 1,
            Self::Auction(auction) => 2 + auction as u8,
        }
    }

    /// The phase whose code is `code`.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Continuous),
            1 => Some(Self::Halted),
            2 => Some(Self::Auction(Auction::Opening)),
            3 => Some(Self::Auction(Auction::Closing)),
            4 => Some(Self::Auction(Auction::Volatility)),
            _ => None,
        }
    }
}

impl TimeInForce {
    /// The time in force whose code is `code`, as in a batch.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Gtc),
            1 => Some(Self::Ioc),
            2 => Some(Self::Fok),
            3 => Some(Self::Day),
            4 => Some(Self::Gtd),
            5 => Some(Self::AtOpen),
            6 => Some(Self::AtClose),
            _ => None,
        }
    }

    /// The auction that it is for alone.
    #[must_use]
    pub const fn auction(self) -> Option<Auction> {
        match self {
            Self::AtOpen => Some(Auction::Opening),
            Self::AtClose => Some(Auction::Closing),
            _ => None,
        }
    }

    /// Whether what does not trade at once may rest.
    #[must_use]
    pub const fn rests(self) -> bool {
        !matches!(self, Self::Ioc | Self::Fok)
    }
}

/// What happens when an order meets another one of the same user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTrade {
    /// They trade.
    #[default]
    Allow = 0,
    /// What is left of the incoming order is cancelled.
    CancelTaker = 1,
    /// The resting order is cancelled; the incoming one goes on.
    CancelMaker = 2,
    /// Both are cancelled.
    CancelBoth = 3,
    /// Both shrink by the smaller of the two without a trade; whichever reaches zero is cancelled.
    Decrement = 4,
}

impl SelfTrade {
    /// The mode whose code is `code`, as in a snapshot.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Allow),
            1 => Some(Self::CancelTaker),
            2 => Some(Self::CancelMaker),
            3 => Some(Self::CancelBoth),
            4 => Some(Self::Decrement),
            _ => None,
        }
    }
}
