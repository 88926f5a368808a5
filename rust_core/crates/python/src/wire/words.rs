//! The words that stand for a message's choices in Python, both ways.

macro_rules! words {
    ($($(#[$doc:meta])* $choice:ident: $kind:ident { $first:literal => $value:ident $(, $word:literal => $other:ident)* })+) => {
        $(
            $(#[$doc])*
            pub mod $choice {
                use cift_engine::wire::$kind;

                /// What may stand there.
                pub const EXPECTED: &str = concat!("one of ", $first $(, ", ", $word)*);

                /// The word for a value.
                pub const fn word(value: $kind) -> &'static str {
                    match value {
                        $kind::$value => $first,
                        $($kind::$other => $word,)*
                    }
                }

                /// The value that a word stands for, if any.
                pub fn value(word: &str) -> Option<$kind> {
                    match word {
                        $first => Some($kind::$value),
                        $($word => Some($kind::$other),)*
                        _ => None,
                    }
                }
            }
        )+
    };
}

words! {
    /// Who buys.
    side: Side { "buy" => Buy, "sell" => Sell }
    /// What an order is.
    order_type: OrderType {
        "limit" => Limit, "market" => Market, "market_to_limit" => MarketToLimit, "stop" => Stop, "pegged" => Pegged,
        "notional" => Notional
    }
    /// How long it stays.
    tif: TimeInForce {
        "GTC" => Gtc, "IOC" => Ioc, "FOK" => Fok, "DAY" => Day, "GTD" => Gtd, "ATO" => Ato, "ATC" => Atc
    }
    /// What may happen to a book.
    phase: Phase {
        "continuous" => Continuous, "halted" => Halted, "opening_auction" => OpeningAuction,
        "closing_auction" => ClosingAuction, "volatility_auction" => VolatilityAuction
    }
    /// What a kill switch leaves.
    state: TradingState { "active" => Active, "reducing" => Reducing, "halted" => Halted }
    /// What can be set about risk.
    setting: RiskSetting {
        "max_quantity" => MaxQuantity, "max_notional" => MaxNotional, "max_position" => MaxPosition,
        "collar_last" => CollarLast, "collar_reference" => CollarReference, "collar_period" => CollarPeriod,
        "max_executions" => MaxExecutions, "duplicate_window" => DuplicateWindow, "max_open_orders" => MaxOpenOrders,
        "max_open_notional" => MaxOpenNotional, "max_leverage" => MaxLeverage, "buying_power" => BuyingPower,
        "max_messages" => MaxMessages, "cash" => Cash, "reference" => Reference, "restricted" => Restricted,
        "unauthorised" => Unauthorised, "enable" => Enable
    }
}
