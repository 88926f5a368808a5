//! Market orders for an amount of money instead of a quantity.

use crate::book::Book;
use crate::error::BookError;
use crate::event::Sink;
use crate::matching::Taker;
use crate::orders::Notional;
use crate::types::Side;

impl Book {
    /// Take as many whole lots as the money buys (or as sell for it), best price first; never for more. What is left of
    /// the money is not worth a lot at the next price, or finds no counterpart. Returns it, in ticks times lots. It passes
    /// over all-or-none orders.
    ///
    /// # Errors
    /// A live id, or a book that does not trade continuously.
    pub fn add_notional(&mut self, order: &Notional, sink: &mut impl Sink) -> Result<u128, BookError> {
        self.check_open()?;
        self.check_new(order.id)?;
        if self.auction().is_some() {
            return Err(BookError::InAuction { field: "price" });
        }
        let Notional { id, user, side, mut amount, limit } = *order;
        while let Some(price) = self.best_of_all(side.opposite()) {
            if limit.is_some_and(|limit| if side == Side::Buy { price > limit } else { price < limit }) {
                break;
            }
            // Nothing can be counted off by a price that is free, or pays.
            let Some(worth) = u128::try_from(price).ok().filter(|worth| *worth > 0) else { break };
            let quantity = u64::try_from(amount / worth).unwrap_or(u64::MAX);
            // What an all-or-none order at a better price asks for may be worth more than what is left of the money.
            let passes_whole = true;
            let mut taker = Taker { limit: Some(price), passes_whole, ..Taker::new(id, user, side, quantity) };
            self.take(&mut taker, sink);
            amount -= u128::from(quantity - taker.quantity) * worth;
            if taker.stopped || quantity == 0 {
                break;
            }
        }
        self.carry_out_fired(sink);
        Ok(amount)
    }
}
