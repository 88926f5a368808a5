//! An account's own limits.

use super::error::{InField, WireError};
use super::schema::messages_capnp::account_limits;

/// The limits of one account; everybody's where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AccountLimits {
    /// Largest position.
    pub max_position: Option<f64>,
    /// Largest notional.
    pub max_notional: Option<f64>,
    /// Largest leverage.
    pub max_leverage: Option<f64>,
    /// The account's value.
    pub account_value: Option<f64>,
}

impl AccountLimits {
    /// What they take in a message.
    pub(super) const BYTES: usize = 48;

    pub(super) fn fill(&self, mut builder: account_limits::Builder<'_>) {
        if let Some(limit) = self.max_position {
            builder.reborrow().init_max_position().set_some(limit);
        }
        if let Some(limit) = self.max_notional {
            builder.reborrow().init_max_notional().set_some(limit);
        }
        if let Some(limit) = self.max_leverage {
            builder.reborrow().init_max_leverage().set_some(limit);
        }
        if let Some(value) = self.account_value {
            builder.init_account_value().set_some(value);
        }
    }

    pub(super) fn of(reader: account_limits::Reader<'_>) -> Result<Self, WireError> {
        use account_limits::{account_value, max_leverage, max_notional, max_position};
        Ok(Self {
            max_position: match reader.get_max_position().which().in_field("accountLimits.maxPosition")? {
                max_position::None(()) => None,
                max_position::Some(limit) => Some(limit),
            },
            max_notional: match reader.get_max_notional().which().in_field("accountLimits.maxNotional")? {
                max_notional::None(()) => None,
                max_notional::Some(limit) => Some(limit),
            },
            max_leverage: match reader.get_max_leverage().which().in_field("accountLimits.maxLeverage")? {
                max_leverage::None(()) => None,
                max_leverage::Some(limit) => Some(limit),
            },
            account_value: match reader.get_account_value().which().in_field("accountLimits.accountValue")? {
                account_value::None(()) => None,
                account_value::Some(value) => Some(value),
            },
        })
    }
}
