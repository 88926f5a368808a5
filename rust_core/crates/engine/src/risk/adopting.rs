//! What there was before the engine was asked for the first time, and another grid for a symbol.

use super::duplicates::Duplicates;
use super::engine::{Order, Risk};
use super::parts::{Hold, Symbol};
use super::{Reason, RiskError};
use crate::arena::NIL;
use crate::types::{Lots, Nanos, OrderId, Side, Ticks, UserId};

impl Risk {
    /// A user holds `lots` of a symbol, negative when short, that cost `price` each.
    ///
    /// # Errors
    /// A symbol or a user that is not known.
    pub fn adopt_position(&mut self, user: UserId, symbol: u32, lots: i64, price: Ticks) -> Result<(), Reason> {
        let account = self.enter(user, symbol)?.account;
        let side = if lots < 0 { Side::Sell } else { Side::Buy };
        self.fill(account, side, lots.unsigned_abs(), price);
        Ok(())
    }

    /// An order is live: it was taken before anybody asked. It holds buying power if it may open a position.
    ///
    /// # Errors
    /// A symbol or a user that is not known.
    pub fn adopt_order(&mut self, order: &Order, id: OrderId, reduce_only: bool) -> Result<(), Reason> {
        let number = self.enter(order.user, order.symbol)?.account;
        let account = &self.parts.accounts[number as usize];
        let opens = !reduce_only && account.beyond(order.side, order.lots) > 0;
        let Order { side, price, lots, .. } = *order;
        self.parts.lay(Hold {
            order: id,
            account: number,
            side,
            opens,
            traded: false,
            price,
            lots,
            prev: NIL,
            next: NIL,
        });
        Ok(())
    }

    /// A symbol without live orders gets another tick and lot: positions, limits and prices are counted on them, rounded
    /// to the nearest; the market's period and what may not be repeated begin anew there.
    ///
    /// # Errors
    /// When a tick times a lot is not a whole number of 10^-12 of the currency.
    pub fn regrid(&mut self, symbol: u32, old: (f64, f64), new: (f64, f64)) -> Result<(), RiskError> {
        let fresh = Symbol::new(new.0, new.1)?;
        let place = &mut self.parts.symbols[symbol as usize];
        let accounts = std::mem::take(&mut place.accounts);
        let ticks = |price: Option<Ticks>| price.map(|price| scaled(price, old.0, new.0));
        let (last, reference) = (ticks(place.last), ticks(place.reference));
        *place = Symbol { gate: place.gate, accounts, last, reference, limits: place.limits.clone(), ..fresh };
        place.refresh(&self.defaults);
        for (account, record) in self.parts.accounts.iter_mut().zip(&mut self.parts.records) {
            if account.symbol == symbol {
                account.lots = scaled(account.lots, old.1, new.1);
                if account.lots == 0 {
                    self.parts.users[account.user as usize].expose(0, record.cost.abs());
                    record.cost = 0;
                }
            }
        }
        let mut kept = Duplicates::default();
        for (time, same) in self.duplicates.iter() {
            if self.parts.accounts[same.account as usize].symbol != symbol {
                kept.insert(*same, *time, Nanos::MAX);
            }
        }
        self.duplicates = kept;
        self.generation += 1;
        self.parts.classes.clear();
        Ok(())
    }
}

/// So many steps of one size as steps of another.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn scaled(steps: i64, from: f64, to: f64) -> i64 {
    (steps as f64 * from / to).round_ties_even() as i64
}

impl super::parts::Account {
    /// How far beyond zero so many lots, with all that rests on their side, could carry the position, on that side.
    #[inline]
    pub fn beyond(&self, side: Side, lots: Lots) -> i64 {
        let against = if side == Side::Buy { -self.lots } else { self.lots };
        lots as i64 + self.open[side as usize] - against
    }
}
