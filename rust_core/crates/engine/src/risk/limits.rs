//! The limits as staff set them, for everybody, a symbol, a user, or a user in a symbol.

use serde::{Deserialize, Serialize};

use super::RiskError;
use super::rate::Pace;
use crate::types::Nanos;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The quantity of one order, in units of the symbol.
    MaxQuantity = 0,
    /// The worth of one order, in currency.
    MaxNotional = 1,
    /// The position of a user in a symbol, of either sign, were all open orders of a side to trade; in units.
    MaxPosition = 2,
    /// How far an order's price may lie from the last trade's, as a fraction of that.
    CollarLast = 3,
    /// How far an order's price may lie from the reference price, as a fraction of that.
    CollarReference = 4,
    /// How far an order's price may lie above the lowest and below the highest trade of the window, as a fraction.
    CollarPeriod = 5,
    /// So many orders of a user may trade in a symbol within the window; then somebody must look at it.
    MaxExecutions = 6,
    /// For how many nanoseconds an order may not be repeated.
    DuplicateWindow = 7,
    /// The open orders of a user, in all symbols.
    MaxOpenOrders = 8,
    /// The worth of a user's open orders, in currency.
    MaxOpenNotional = 9,
    /// Positions at cost and holds, as a multiple of the user's cash.
    MaxLeverage = 10,
    /// Positions at cost and holds, in currency.
    BuyingPower = 11,
    /// The messages of a user within the window.
    MaxMessages = 12,
}

/// How many kinds there are.
pub const KINDS: usize = 13;

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; KINDS] = [
        Self::MaxQuantity,
        Self::MaxNotional,
        Self::MaxPosition,
        Self::CollarLast,
        Self::CollarReference,
        Self::CollarPeriod,
        Self::MaxExecutions,
        Self::DuplicateWindow,
        Self::MaxOpenOrders,
        Self::MaxOpenNotional,
        Self::MaxLeverage,
        Self::BuyingPower,
        Self::MaxMessages,
    ];

    /// A name that never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxQuantity => "max_quantity",
            Self::MaxNotional => "max_notional",
            Self::MaxPosition => "max_position",
            Self::CollarLast => "collar_last",
            Self::CollarReference => "collar_reference",
            Self::CollarPeriod => "collar_period",
            Self::MaxExecutions => "max_executions",
            Self::DuplicateWindow => "duplicate_window",
            Self::MaxOpenOrders => "max_open_orders",
            Self::MaxOpenNotional => "max_open_notional",
            Self::MaxLeverage => "max_leverage",
            Self::BuyingPower => "buying_power",
            Self::MaxMessages => "max_messages",
        }
    }

    /// Whether it is about a user in all symbols together, and so can't be set for a symbol.
    #[must_use]
    pub const fn is_of_user(self) -> bool {
        self as u8 >= Self::MaxOpenOrders as u8
    }

    /// Whether it needs a window.
    #[must_use]
    pub const fn has_window(self) -> bool {
        matches!(self, Self::CollarPeriod | Self::MaxExecutions | Self::MaxMessages)
    }
}

/// A limit's value, and its window where the kind has one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The limit.
    pub value: f64,
    /// The window; zero for kinds without.
    pub window: Nanos,
}

impl Limit {
    /// The limit, if it makes sense for its kind.
    ///
    /// # Errors
    /// A value that is not a positive finite number or too large for the kind, a count that is not whole, a window
    /// where none belongs, or none where one does.
    pub fn checked(self, kind: Kind) -> Result<Self, RiskError> {
        let Self { value, window } = self;
        let refuse = |expected| Err(RiskError { field: kind.name(), value, expected });
        if !value.is_finite() {
            return refuse("is not a finite number");
        }
        if value <= 0.0 {
            return refuse("must be greater than zero");
        }
        #[allow(clippy::cast_precision_loss)]
        let (most, whole) = match kind {
            Kind::CollarLast | Kind::CollarReference | Kind::CollarPeriod => (4_000.0, false),
            Kind::MaxExecutions | Kind::MaxMessages => (f64::from(Pace::MOST), true),
            Kind::MaxOpenOrders => (f64::from(u32::MAX), true),
            Kind::DuplicateWindow => ((1_u64 << 53) as f64, true),
            Kind::MaxLeverage => (1000.0, false),
            _ => (f64::MAX, false),
        };
        if value > most {
            return refuse("is too large for this limit");
        }
        if whole && value.fract() != 0.0 {
            return refuse("must be a whole number");
        }
        #[allow(clippy::cast_precision_loss)]
        if kind.has_window() != (window > 0) {
            let expected = if window == 0 { "must be greater than zero" } else { "has no meaning for this limit" };
            return Err(RiskError { field: "window", value: window as f64, expected });
        }
        Ok(self)
    }
}

/// The limits of one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitSet {
    limits: [Option<Limit>; KINDS],
}

impl LimitSet {
    /// A limit of this scope, if there is one.
    #[must_use]
    pub const fn get(&self, kind: Kind) -> Option<Limit> {
        self.limits[kind as usize]
    }

    /// Set a limit, or take it away.
    pub const fn set(&mut self, kind: Kind, limit: Option<Limit>) {
        self.limits[kind as usize] = limit;
    }

    /// Whether every limit makes sense.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        Kind::ALL.into_iter().all(|kind| self.get(kind).is_none_or(|limit| limit.checked(kind).is_ok()))
    }
}

/// The limit that counts: the account's own alone; otherwise the tighter one of the user's and the symbol's; otherwise
/// the default.
#[must_use]
pub fn resolve(
    kind: Kind,
    default: &LimitSet,
    symbol: &LimitSet,
    user: &LimitSet,
    account: &LimitSet,
) -> Option<Limit> {
    let both = match (user.get(kind), symbol.get(kind)) {
        (Some(user), Some(symbol)) => {
            // Twice the time without a repetition is the tighter limit.
            let looser =
                if kind == Kind::DuplicateWindow { user.value < symbol.value } else { user.value > symbol.value };
            Some(if looser { symbol } else { user })
        }
        (user, symbol) => user.or(symbol),
    };
    account.get(kind).or(both).or(default.get(kind))
}
