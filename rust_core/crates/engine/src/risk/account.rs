//! Pre-trade limits: what an order must pass before it reaches a book.

/// Limits of one account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The largest position after the order, of either sign, in units of the instrument.
    pub max_position_size: f64,
    /// The largest value of one order, in currency.
    pub max_notional: f64,
    /// The largest value of the position after the order, as a multiple of the account's value.
    pub max_leverage: f64,
}

/// What the check decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Decision {
    /// Go on.
    Passed = 0,
    /// The order is worth too much.
    MaxNotional = 1,
    /// The position would become too large.
    MaxPositionSize = 2,
    /// The position would be too much for the account.
    MaxLeverage = 3,
}

impl Decision {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Passed, Self::MaxNotional, Self::MaxPositionSize, Self::MaxLeverage];

    /// A name that never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::MaxNotional => "max_notional",
            Self::MaxPositionSize => "max_position_size",
            Self::MaxLeverage => "max_leverage",
        }
    }
}

/// An argument that no check can judge.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{field} {value} {expected}")]
pub struct RiskError {
    /// The argument's name.
    pub field: &'static str,
    /// What was given.
    pub value: f64,
    /// What it must be.
    pub expected: &'static str,
}

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Whether it buys.
    pub buy: bool,
    /// How much.
    pub quantity: f64,
    /// At which price.
    pub price: f64,
    /// The position before it; negative is short.
    pub position: f64,
    /// What the account is worth.
    pub account_value: f64,
}

fn finite(field: &'static str, value: f64) -> Result<(), RiskError> {
    if value.is_finite() { Ok(()) } else { Err(RiskError { field, value, expected: "is not a finite number" }) }
}

fn positive(field: &'static str, value: f64) -> Result<(), RiskError> {
    finite(field, value)?;
    if value > 0.0 { Ok(()) } else { Err(RiskError { field, value, expected: "must be greater than zero" }) }
}

impl Limits {
    /// The limits, if they make sense.
    ///
    /// # Errors
    /// A limit that is not a positive finite number.
    pub fn checked(self) -> Result<Self, RiskError> {
        positive("max_position_size", self.max_position_size)?;
        positive("max_notional", self.max_notional)?;
        positive("max_leverage", self.max_leverage)?;
        Ok(self)
    }

    /// Judge an order. One that brings the position closer to zero always passes the limits on positions.
    ///
    /// # Errors
    /// An argument that is not finite, or a price or quantity that is not positive.
    #[inline]
    pub fn check(&self, request: &Request) -> Result<Decision, RiskError> {
        let Request { buy, quantity, price, position, account_value } = *request;
        positive("quantity", quantity)?;
        positive("price", price)?;
        finite("current_position", position)?;
        finite("account_value", account_value)?;
        if quantity * price > self.max_notional {
            return Ok(Decision::MaxNotional);
        }
        let after = (if buy { position + quantity } else { position - quantity }).abs();
        if after <= position.abs() {
            return Ok(Decision::Passed);
        }
        if after > self.max_position_size {
            return Ok(Decision::MaxPositionSize);
        }
        if after * price > self.max_leverage * account_value {
            return Ok(Decision::MaxLeverage);
        }
        Ok(Decision::Passed)
    }

    /// The largest quantity that would pass, in units of the instrument; zero when nothing would.
    ///
    /// # Errors
    /// As `check`.
    pub fn max_order_size(&self, buy: bool, price: f64, position: f64, account_value: f64) -> Result<f64, RiskError> {
        positive("price", price)?;
        finite("current_position", position)?;
        finite("account_value", account_value)?;
        let signed = if buy { position } else { -position };
        let by_leverage = self.max_leverage * account_value / price;
        let room = self.max_position_size.min(by_leverage) - signed;
        // Through zero to the same distance on the other side only reduces, and always passes.
        let reducing = (-2.0 * signed).max(0.0);
        Ok(room.max(reducing).min(self.max_notional / price).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_position_size: 1000.0, max_notional: 100_000.0, max_leverage: 2.0 };

    fn check(buy: bool, quantity: f64, price: f64, position: f64, account_value: f64) -> Decision {
        LIMITS.check(&Request { buy, quantity, price, position, account_value }).unwrap()
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        assert_eq!(check(true, 1000.0, 100.0, 0.0, 50_000.0), Decision::Passed);
        assert_eq!(check(true, 1001.0, 100.0, 0.0, 50_000.0), Decision::MaxNotional);
        assert_eq!(check(true, 1001.0, 1.0, 0.0, 50_000.0), Decision::MaxPositionSize);
        assert_eq!(check(false, 1.0, 1.0, -1000.0, 50_000.0), Decision::MaxPositionSize);
        assert_eq!(check(true, 100.0, 100.0, 0.0, 4_999.0), Decision::MaxLeverage);
        assert_eq!(check(true, 100.0, 100.0, 0.0, 0.0), Decision::MaxLeverage);
    }

    #[test]
    fn reducing_passes_whatever_the_position() {
        assert_eq!(check(false, 10.0, 100.0, 5000.0, 0.0), Decision::Passed);
        assert_eq!(check(true, 10.0, 100.0, -5000.0, -1.0), Decision::Passed);
        assert_eq!(check(false, 5000.0, 100.0, 5000.0, 0.0), Decision::MaxNotional);
    }

    #[test]
    fn the_largest_size_passes() {
        for (buy, price, position, value) in
            [(true, 10.0, 0.0, 1e6), (false, 10.0, 700.0, 1e6), (true, 10.0, -4000.0, 0.0), (true, 50.0, 900.0, 1e6)]
        {
            let most = LIMITS.max_order_size(buy, price, position, value).unwrap();
            assert!(most > 0.0);
            assert_eq!(check(buy, most, price, position, value), Decision::Passed);
            assert_ne!(check(buy, most * 1.001 + 0.01, price, position, value), Decision::Passed);
        }
        assert_eq!(LIMITS.max_order_size(true, 10.0, 1000.0, 1e6), Ok(0.0));
    }

    #[test]
    fn nonsense_is_named() {
        let request = Request { buy: true, quantity: f64::NAN, price: 1.0, position: 0.0, account_value: 1.0 };
        assert_eq!(LIMITS.check(&request).unwrap_err().to_string(), "quantity NaN is not a finite number");
        let request = Request { quantity: 1.0, price: -1.0, ..request };
        assert_eq!(LIMITS.check(&request).unwrap_err().to_string(), "price -1 must be greater than zero");
        assert!(Limits { max_leverage: 0.0, ..LIMITS }.checked().is_err());
    }
}
