//! Commands and events as plain rows, without a byte of padding.

use bytemuck::{Pod, Zeroable};

use crate::error::BookError;
use crate::risk::Scope;
use crate::types::{Side, TimeInForce, UserId};

/// Any symbol, where a command may be about all of them.
pub const EVERY_SYMBOL: u32 = u32::MAX;
/// Any user, where a command may be about all of them.
pub const EVERY_USER: UserId = UserId::MAX;
/// Any side, where a command may be about both.
pub const EVERY_SIDE: u8 = u8::MAX;

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// A limit order: side, price, quantity, tif, flags, and the optional columns.
    Limit = 0,
    /// A market order: side, quantity.
    Market = 1,
    /// Cancel an order of the user's.
    Cancel = 2,
    /// Take `quantity` off an order of the user's.
    Reduce = 3,
    /// Give an order of the user's another `price`, another `quantity` left, or both.
    Modify = 4,
    /// An order that takes at the best price alone and rests there: side, quantity.
    MarketToLimit = 5,
    /// An order that waits for a trade at `trigger`, or `trail` behind the market; a limit order with a `price`.
    Stop = 6,
    /// A market order for the amount of money `quantity`: side. It passes over all-or-none orders.
    Notional = 7,
    /// Cancel every order of the user (or of all) in the symbol (or in all), of the side (or of both), from `price` to
    /// `trigger` where those are given.
    MassCancel = 8,
    /// Time passes in every symbol.
    Advance = 9,
    /// The day ends in the symbol, or in all.
    EndOfDay = 10,
    /// The symbol's phase becomes `flags`: 0 continuous, 1 halted, 2 opening, 3 closing, 4 volatility auction.
    SetPhase = 11,
    /// The symbol's auction ends; `price` is its reference, if given.
    Uncross = 12,
    /// An order that follows the market at the offset `trail`, and takes at no worse than `price`, if that is given: side,
    /// quantity, tif (and expires), flags: bits 5 and 6 say what it follows, bit 2 reduce-only.
    Pegged = 13,
    /// A book by itself takes over what the user holds, `quantity`, negative when short; without one it forgets the user.
    /// An exchange knows positions itself, and refuses.
    SetPosition = 14,
    /// The scope's state becomes `flags`: 0 active, 1 reducing, 2 halted.
    SetState = 20,
    /// The scope's kill switch: `flags` 1 turns it on and cancels every order of the scope, 0 turns it off.
    Kill = 21,
    /// Accounts of the scope that traded too often may go on.
    Enable = 22,
    /// The limit of kind `flags` becomes `price` in the scope, over `expires` nanoseconds where it has a window; without
    /// a price it goes away.
    SetLimit = 23,
    /// The user has `price` in cash.
    SetCash = 24,
    /// The symbol's reference price becomes `price`; without one it goes away.
    SetReference = 25,
    /// The scope is off limits with `flags` 1, and no longer so with 0.
    Restrict = 26,
    /// The user may trade with `flags` 1, and may not with 0.
    Authorise = 27,
}

impl Op {
    /// The request whose code is `code`.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Limit,
            1 => Self::Market,
            2 => Self::Cancel,
            3 => Self::Reduce,
            4 => Self::Modify,
            5 => Self::MarketToLimit,
            6 => Self::Stop,
            7 => Self::Notional,
            8 => Self::MassCancel,
            9 => Self::Advance,
            10 => Self::EndOfDay,
            11 => Self::SetPhase,
            12 => Self::Uncross,
            13 => Self::Pegged,
            14 => Self::SetPosition,
            20 => Self::SetState,
            21 => Self::Kill,
            22 => Self::Enable,
            23 => Self::SetLimit,
            24 => Self::SetCash,
            25 => Self::SetReference,
            26 => Self::Restrict,
            27 => Self::Authorise,
            _ => return None,
        })
    }
}

/// One command: 88 bytes. A float that is not given is NaN; the floats of a zeroed row that an `Op` does not name are
/// ignored.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Command {
    /// When it came, in nanoseconds; a time before the last command's counts as that.
    pub time: u64,
    /// The order.
    pub order_id: u64,
    /// Its owner, or the user of a scope.
    pub user_id: u64,
    /// The symbol's number, or that of a scope.
    pub symbol: u32,
    /// What it asks for: a code of `Op`.
    pub op: u8,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// 0 GTC, 1 IOC, 2 FOK, 3 DAY, 4 GTD, 5 ATO, 6 ATC.
    pub tif: u8,
    /// For an order bit 0 post-only (refused if it would take), bit 1 post-only (repriced instead), bit 2 reduce-only (cut
    /// to the position, refused without one to reduce), bit 3 hidden, bit 4 all-or-none, bits 5 and 6 what a pegged order
    /// follows (32 primary, 64 mid, 96 market); else as `Op` says.
    pub flags: u8,
    /// The price.
    pub price: f64,
    /// The quantity.
    pub quantity: f64,
    /// How much of an order shows at a time; zero or NaN shows everything.
    pub display_quantity: f64,
    /// How much must trade at once; zero or NaN is nothing.
    pub min_quantity: f64,
    /// The trade price that a stop waits for; zero or NaN for one that trails.
    pub trigger: f64,
    /// How far a stop stays behind the market, zero or NaN for a fixed one; what is added to what a pegged order follows.
    pub trail: f64,
    /// When a GTD order leaves.
    pub expires: u64,
}

/// One event: 80 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct EventRecord {
    /// The event's number, counted from the exchange's first one.
    pub sequence: u64,
    /// The time of its command.
    pub time: u64,
    /// The number of its command in the batch.
    pub command: u64,
    /// The order; a fill's is the taker (in an auction the buyer).
    pub order_id: u64,
    /// Its owner.
    pub user_id: u64,
    /// A fill's price.
    pub price: f64,
    /// How much was filled or cancelled; what lives on, when accepted.
    pub quantity: f64,
    /// A fill's resting order.
    pub maker_order_id: u64,
    /// Its owner.
    pub maker_user_id: u64,
    /// The symbol's number.
    pub symbol: u32,
    /// For a cancel its reason (0 user, 1 unfilled, 2 self-trade, 3 expired, 4 refused, 5 reduce-only); for a reject the
    /// number of its code: the book's below 256, `Reason` from 256 on, 512 a setting that makes no sense.
    pub code: u16,
    /// 0 accepted, 1 fill, 2 cancelled, 3 rejected, 4 triggered.
    pub kind: u8,
    /// The side of the order: 0 buy, 1 sell; a fill's is the taker's.
    pub side: u8,
}

impl EventRecord {
    /// A command was carried out.
    pub const ACCEPTED: u8 = 0;
    /// Two orders traded.
    pub const FILL: u8 = 1;
    /// Quantity left without a trade.
    pub const CANCELLED: u8 = 2;
    /// A command was refused.
    pub const REJECTED: u8 = 3;
    /// A stop fired.
    pub const TRIGGERED: u8 = 4;
}

impl Command {
    /// The event that ends it, but for its kind.
    pub(super) fn end(&self) -> EventRecord {
        let Self { order_id, user_id, symbol, side, .. } = *self;
        EventRecord { order_id, user_id, symbol, side, ..EventRecord::default() }
    }

    /// Buy or sell.
    pub(crate) fn side(&self) -> Result<Side, BookError> {
        let expected = "0 buy, 1 sell";
        Side::from_code(self.side).ok_or(BookError::BadChoice { field: "side", value: self.side.into(), expected })
    }

    /// The time in force.
    pub(crate) fn tif(&self) -> Result<TimeInForce, BookError> {
        let expected = "0 GTC, 1 IOC, 2 FOK, 3 DAY, 4 GTD, 5 ATO, 6 ATC";
        let tif = TimeInForce::from_code(self.tif);
        tif.ok_or(BookError::BadChoice { field: "tif", value: self.tif.into(), expected })
    }

    /// `flags` as a switch.
    pub(super) fn switch(&self) -> Result<bool, BookError> {
        match self.flags {
            0 => Ok(false),
            1 => Ok(true),
            flags => Err(BookError::BadChoice { field: "flags", value: flags.into(), expected: "0 off, 1 on" }),
        }
    }

    /// Whom a setting is about.
    pub(super) const fn scope(&self) -> Scope {
        match (self.user_id, self.symbol) {
            (EVERY_USER, EVERY_SYMBOL) => Scope::All,
            (EVERY_USER, symbol) => Scope::Symbol(symbol),
            (user, EVERY_SYMBOL) => Scope::User(user),
            (user, symbol) => Scope::Account(user, symbol),
        }
    }
}

/// A float, if it is given.
pub(crate) fn given(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

/// A float that means something above zero only, if it is given.
pub(crate) fn given_positive(value: f64) -> Option<f64> {
    (!value.is_nan() && value != 0.0).then_some(value)
}
