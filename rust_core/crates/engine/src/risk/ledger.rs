//! A position and what it cost: fills open and close it, and closing earns or loses.

use super::money::{MAX_MONEY, Money};
use crate::types::Lots;

/// A position in one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How much; negative is short.
    pub lots: i64,
    /// What it cost, at the prices it was opened at; has the sign of the prices.
    pub cost: Money,
}

/// The part `part` of `whole` of an amount, rounded towards zero.
fn share(amount: Money, part: u64, whole: u64) -> Money {
    let (part, whole) = (Money::from(part), Money::from(whole));
    // In two steps, because the product alone may not fit.
    amount / whole * part + amount % whole * part / whole
}

impl Position {
    /// Buy or sell so many lots that cost `value` altogether (with the price's sign). Returns what was earned by
    /// closing: nothing, when the fill only opens.
    #[inline]
    pub fn fill(&mut self, buy: bool, lots: Lots, value: Money) -> Money {
        #[allow(clippy::cast_possible_wrap)]
        let signed = if buy { lots as i64 } else { -(lots as i64) };
        if self.lots == 0 || (self.lots > 0) == buy {
            self.lots = self.lots.saturating_add(signed);
            self.cost = (self.cost + value).clamp(-MAX_MONEY, MAX_MONEY);
            return 0;
        }
        self.close(signed, lots, value)
    }

    fn close(&mut self, signed: i64, lots: Lots, value: Money) -> Money {
        let held = self.lots.unsigned_abs();
        let was_long = self.lots > 0;
        let (paid, got) =
            if lots < held { (share(self.cost, lots, held), value) } else { (self.cost, share(value, held, lots)) };
        self.lots += signed;
        self.cost = if lots < held { self.cost - paid } else { value - got };
        if was_long { got - paid } else { paid - got }
    }

    /// What the position ties up.
    #[inline]
    #[must_use]
    pub const fn exposure(&self) -> Money {
        self.cost.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_earns_the_difference_and_turning_opens_anew() {
        let mut position = Position::default();
        assert_eq!(position.fill(true, 10, 1_000), 0);
        assert_eq!(position.fill(true, 10, 1_200), 0);
        assert_eq!(position.fill(false, 5, 650), 100);
        assert_eq!(position, Position { lots: 15, cost: 1_650 });
        assert_eq!(position.fill(false, 20, 2_000), -150);
        assert_eq!(position, Position { lots: -5, cost: 500 });
        assert_eq!(position.fill(true, 5, 400), 100);
        assert_eq!(position, Position::default());
    }

    #[test]
    fn nothing_is_lost_to_rounding() {
        let mut position = Position::default();
        let mut earned = position.fill(true, 3, 100);
        for _ in 0..3 {
            earned += position.fill(false, 1, 40);
        }
        assert_eq!((earned, position), (20, Position::default()));
    }
}
