//! One account's position in one instrument.

use super::decimal::sum;

/// A position: `quantity` is negative when short; without one the average price is 0.
///
/// A fill that makes it larger moves the average; one that makes it smaller earns the difference to it; one that turns
/// it closes all of it and opens the rest anew, as the engine's risk does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Held {
    /// What is held.
    pub quantity: f64,
    /// What was paid for it, each.
    pub average_price: f64,
    /// What was earned by closing, since the start.
    pub realized_pnl: f64,
}

impl Held {
    /// The position after buying `quantity`, or selling it where it is negative.
    #[must_use]
    pub fn after(self, quantity: f64, price: f64) -> Self {
        let total = sum(self.quantity, quantity);
        if self.quantity == 0.0 || (self.quantity > 0.0) == (quantity > 0.0) {
            let paid = self.quantity * self.average_price + quantity * price;
            // Nothing traded of nothing held has no average.
            let average_price = if total == 0.0 { 0.0 } else { paid / total };
            return Self { quantity: total, average_price, realized_pnl: self.realized_pnl };
        }
        let closed = self.quantity.abs().min(quantity.abs()).copysign(self.quantity);
        let realized_pnl = self.realized_pnl + closed * (price - self.average_price);
        if total == 0.0 {
            return Self { quantity: 0.0, average_price: 0.0, realized_pnl };
        }
        let turned = (total > 0.0) != (self.quantity > 0.0);
        Self { quantity: total, average_price: if turned { price } else { self.average_price }, realized_pnl }
    }

    /// What closing it at `price` would earn.
    #[must_use]
    pub fn unrealized_pnl(self, price: f64) -> f64 {
        self.quantity * (price - self.average_price)
    }
}
