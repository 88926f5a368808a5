//! Why an order was refused: one list of stable names.

/// What the engine decided about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Go on.
    Passed = 0,
    /// The symbol is not traded here.
    UnknownSymbol = 1,
    /// Nobody gave this user access.
    UnauthorisedUser = 2,
    /// The order belongs to somebody else.
    NotOwner = 3,
    /// The kill switch of the user, the symbol or everything is on.
    KillSwitch = 4,
    /// The user, the symbol or everything is halted.
    Halted = 5,
    /// The symbol is restricted, for everybody or for this user.
    RestrictedSymbol = 6,
    /// The user traded too often in this symbol, and nobody has looked at it yet.
    RepeatedExecution = 7,
    /// Only orders that reduce the position may pass.
    ReduceOnly = 8,
    /// Too many messages in too short a time.
    MessageRate = 9,
    /// The order is too large.
    MaxQuantity = 10,
    /// The order is worth too much.
    MaxNotional = 11,
    /// The price is too far from the last trade's.
    CollarLast = 12,
    /// The price is too far from the reference price.
    CollarReference = 13,
    /// The price would move the market too far in too short a time.
    CollarPeriod = 14,
    /// The same order came a moment ago.
    Duplicate = 15,
    /// The user has too many open orders.
    MaxOpenOrders = 16,
    /// The user's open orders are worth too much.
    MaxOpenNotional = 17,
    /// The position could become too large.
    MaxPosition = 18,
    /// Positions and open orders would be too much for the user's cash.
    MaxLeverage = 19,
    /// Positions and open orders would be worth more than the user may commit.
    BuyingPower = 20,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::Passed,
        Self::UnknownSymbol,
        Self::UnauthorisedUser,
        Self::NotOwner,
        Self::KillSwitch,
        Self::Halted,
        Self::RestrictedSymbol,
        Self::RepeatedExecution,
        Self::ReduceOnly,
        Self::MessageRate,
        Self::MaxQuantity,
        Self::MaxNotional,
        Self::CollarLast,
        Self::CollarReference,
        Self::CollarPeriod,
        Self::Duplicate,
        Self::MaxOpenOrders,
        Self::MaxOpenNotional,
        Self::MaxPosition,
        Self::MaxLeverage,
        Self::BuyingPower,
    ];
    /// Where these numbers start among the codes of rejected commands; the book's own codes lie below.
    pub const FIRST_CODE: u16 = 256;

    /// A name that never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::UnknownSymbol => "unknown_symbol",
            Self::UnauthorisedUser => "unauthorised_user",
            Self::NotOwner => "not_owner",
            Self::KillSwitch => "kill_switch",
            Self::Halted => "halted",
            Self::RestrictedSymbol => "restricted_symbol",
            Self::RepeatedExecution => "repeated_execution",
            Self::ReduceOnly => "reduce_only",
            Self::MessageRate => "message_rate",
            Self::MaxQuantity => "max_quantity",
            Self::MaxNotional => "max_notional",
            Self::CollarLast => "collar_last",
            Self::CollarReference => "collar_reference",
            Self::CollarPeriod => "collar_period",
            Self::Duplicate => "duplicate_order",
            Self::MaxOpenOrders => "max_open_orders",
            Self::MaxOpenNotional => "max_open_notional",
            Self::MaxPosition => "max_position",
            Self::MaxLeverage => "max_leverage",
            Self::BuyingPower => "buying_power",
        }
    }

    /// The rule that asks for the check, of those that were read: RTS 6 is Commission Delegated Regulation (EU)
    /// 2017/589, RTS 7 is (EU) 2017/584, the SEC's is 17 CFR 240.15c3-5. Empty where it is the engine's own.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Passed | Self::UnknownSymbol | Self::NotOwner | Self::ReduceOnly => "",
            Self::UnauthorisedUser => "SEC 15c3-5(c)(2)(iii): access for authorised persons and accounts alone",
            Self::KillSwitch => "RTS 6 art. 12, RTS 7 art. 18(2)(c): kill functionality",
            Self::Halted => "RTS 7 art. 18(1)(b), 18(2)(b): mechanisms against volatility, suspended access",
            Self::RestrictedSymbol => {
                "SEC 15c3-5(c)(2)(ii), RTS 6 art. 15(5): instruments that the person may not trade"
            }
            Self::RepeatedExecution => "RTS 6 art. 15(3): repeated automated execution throttle",
            Self::MessageRate => "RTS 6 art. 15(1)(d), RTS 7 art. 18(1)(a): maximum messages, orders per second",
            Self::MaxQuantity => "RTS 6 art. 15(1)(c), RTS 7 art. 20(1)(c), SEC 15c3-5(c)(1)(ii): maximum order volume",
            Self::MaxNotional => "RTS 6 art. 15(1)(b), RTS 7 art. 20(1)(b), SEC 15c3-5(c)(1)(ii): maximum order value",
            Self::CollarLast | Self::CollarReference => {
                "RTS 6 art. 15(1)(a), RTS 7 art. 20(1)(a), SEC 15c3-5(c)(1)(ii): price collar, order by order"
            }
            Self::CollarPeriod => "RTS 6 art. 15(1)(a), SEC 15c3-5(c)(1)(ii): price collar over a period",
            Self::Duplicate => "SEC 15c3-5(c)(1)(ii): duplicative orders",
            Self::MaxOpenOrders | Self::MaxPosition => "RTS 6 art. 15(5): the firm's own risk thresholds",
            Self::MaxOpenNotional | Self::MaxLeverage | Self::BuyingPower => {
                "SEC 15c3-5(c)(1)(i), RTS 6 art. 15(4): pre-set credit and capital thresholds"
            }
        }
    }

    /// The number in a rejected row's `code`.
    #[must_use]
    pub const fn number(self) -> u16 {
        Self::FIRST_CODE + self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_its_names_differ() {
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert!(Reason::ALL[..number].iter().all(|earlier| earlier.code() != reason.code()));
        }
    }
}
