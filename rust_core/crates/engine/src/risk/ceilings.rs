//! The limits that count for one account or one user, in the engine's own units: worked out once per change of a
//! limit, so that a check only compares.

use std::collections::HashMap;

use super::band::{FREE, Millionths};
use super::corridor::Widths;
use super::limits::{Kind, Limit, LimitSet, resolve};
use super::money::{MAX_MONEY, Money, money};
use super::rate::Pace;
use crate::types::Nanos;

/// The largest position and quantity that is ever counted.
pub const MAX_LOTS: i64 = 1 << 60;
/// Leverage counts in parts of 2^20.
pub const LEVERAGE_BITS: u32 = 20;
/// No limit on leverage.
pub const ANY_LEVERAGE: u64 = u64::MAX;

/// What counts for a user in a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountCeilings {
    pub max_notional: Money,
    pub max_lots: u64,
    pub max_position: i64,
    pub duplicate_window: Nanos,
    pub widths: Widths,
    pub executions: Pace,
}

/// The ceilings that accounts have. Most have the same, so that each is kept once: a check finds it in the CPU's cache.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    all: Vec<AccountCeilings>,
    numbers: HashMap<AccountCeilings, u32>,
}

impl Classes {
    /// The ceilings with this number.
    #[inline]
    #[must_use]
    pub fn get(&self, number: u32) -> &AccountCeilings {
        &self.all[number as usize]
    }

    /// The number of these ceilings.
    pub fn number(&mut self, ceilings: AccountCeilings) -> u32 {
        *self.numbers.entry(ceilings).or_insert_with(|| {
            self.all.push(ceilings);
            u32::try_from(self.all.len() - 1).expect("no more classes than accounts")
        })
    }

    /// Forget all: limits have changed, and who has old ones asks for a number again.
    pub fn clear(&mut self) {
        self.all.clear();
        self.numbers.clear();
    }
}

/// What counts for a user in all symbols.
#[derive(Clone, Copy, Debug)]
pub struct UserCeilings {
    pub open_orders: u32,
    pub open_notional: Money,
    pub leverage: u64,
    pub buying_power: Money,
    pub messages: Pace,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn pace(limit: Option<Limit>) -> Pace {
    limit.map_or(Pace::FREE, |limit| Pace { limit: limit.value as u32, window: limit.window })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn width(limit: Option<Limit>) -> Millionths {
    limit.map_or(FREE, |limit| (limit.value * 1e6).round() as Millionths)
}

impl AccountCeilings {
    /// Worked out for a symbol with this lot size.
    pub fn resolve(lot: Money, default: &LimitSet, symbol: &LimitSet, user: &LimitSet, account: &LimitSet) -> Self {
        let get = |kind| resolve(kind, default, symbol, user, account);
        let lots = |kind| {
            get(kind)
                .map_or(MAX_LOTS, |limit| i64::try_from(money(limit.value) / lot).unwrap_or(MAX_LOTS).min(MAX_LOTS))
        };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self {
            max_lots: lots(Kind::MaxQuantity).unsigned_abs(),
            max_position: lots(Kind::MaxPosition),
            max_notional: get(Kind::MaxNotional).map_or(MAX_MONEY, |limit| money(limit.value)),
            widths: Widths {
                last: width(get(Kind::CollarLast)),
                reference: width(get(Kind::CollarReference)),
                period: width(get(Kind::CollarPeriod)),
            },
            duplicate_window: get(Kind::DuplicateWindow).map_or(0, |limit| limit.value as Nanos),
            executions: pace(get(Kind::MaxExecutions)),
        }
    }
}

impl UserCeilings {
    /// Worked out for a user.
    pub fn resolve(default: &LimitSet, user: &LimitSet) -> Self {
        let get = |kind| user.get(kind).or(default.get(kind));
        let amount = |kind| get(kind).map_or(MAX_MONEY, |limit: Limit| money(limit.value));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self {
            open_orders: get(Kind::MaxOpenOrders).map_or(u32::MAX, |limit| limit.value as u32),
            open_notional: amount(Kind::MaxOpenNotional),
            leverage: get(Kind::MaxLeverage)
                .map_or(ANY_LEVERAGE, |limit| (limit.value * f64::from(1 << LEVERAGE_BITS)).round() as u64),
            buying_power: amount(Kind::BuyingPower),
            messages: pace(get(Kind::MaxMessages)),
        }
    }

    /// The most that positions and holds may be worth, with this much cash: by leverage and by buying power.
    #[must_use]
    pub fn committed(&self, cash: Money) -> Money {
        self.commitment(cash).min(self.buying_power)
    }

    /// The most that positions and holds may be worth by leverage, with this much cash.
    #[must_use]
    pub fn commitment(&self, cash: Money) -> Money {
        if self.leverage == ANY_LEVERAGE {
            return MAX_MONEY;
        }
        (cash.clamp(-MAX_CASH, MAX_CASH) * Money::from(self.leverage)) >> LEVERAGE_BITS
    }
}

/// More cash than this counts as this: 7.9 * 10^16 of the currency.
const MAX_CASH: Money = 1 << 96;
