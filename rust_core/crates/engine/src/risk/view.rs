//! What can be asked of the engine.

use super::Risk;
use super::ceilings::UserCeilings;
use super::gate::{Gate, Scope};
use super::limits::LimitSet;
use super::money::{MAX_MONEY, currency};
use crate::arena::NIL;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// What a user has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UserView {
    /// What the user brought and earned, in currency.
    pub cash: f64,
    /// What open positions cost.
    pub exposure: f64,
    /// What open orders hold.
    pub held: f64,
    /// What open orders are worth.
    pub open_notional: f64,
    /// How many they are.
    pub open_orders: u32,
}

/// What a user has in a symbol, in lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountView {
    /// The position; negative is short.
    pub position: i64,
    /// What rests to buy.
    pub open_buy: i64,
    /// What rests to sell.
    pub open_sell: i64,
    /// Whether the user traded too often here.
    pub throttled: bool,
}

impl Risk {
    /// A live order: its owner, side, price and what is left.
    #[must_use]
    pub fn live(&self, symbol: u32, id: OrderId) -> Option<(UserId, Side, Ticks, Lots)> {
        let slot = self.parts.symbols.get(symbol as usize)?.holds.get(id)?;
        let hold = &self.parts.holds[slot as usize];
        let user = self.parts.accounts[hold.account as usize].user;
        Some((self.parts.users[user as usize].id, hold.side, hold.price, hold.lots))
    }

    /// Every live order of a scope, as symbol and id: by account, then oldest first.
    #[must_use]
    pub fn live_orders(&self, scope: Scope) -> Vec<(u32, OrderId)> {
        let mut orders = Vec::new();
        for account in self.parts.accounts.iter().filter(|account| self.parts.is_in(scope, account)) {
            let mut slot = account.first;
            while slot != NIL {
                let hold = &self.parts.holds[slot as usize];
                orders.push((account.symbol, hold.order));
                slot = hold.next;
            }
        }
        orders
    }

    /// What a user has.
    #[must_use]
    pub fn user(&self, user: UserId) -> Option<UserView> {
        let user = &self.parts.users[self.parts.user_index.get(user)? as usize];
        Some(UserView {
            cash: currency(user.cash),
            exposure: currency(user.exposure),
            held: currency(user.held()),
            open_notional: currency(user.open_notional),
            open_orders: user.open_orders,
        })
    }

    /// What a user may still commit in positions and open orders, by leverage and by buying power, in currency; `None`
    /// without such a limit.
    #[must_use]
    pub fn buying_power_left(&self, user: UserId) -> Option<f64> {
        let known = self.parts.user_index.get(user).map(|slot| &self.parts.users[slot as usize]);
        let own = known.map_or_else(LimitSet::default, |user| user.limits.clone());
        let (cash, committed) = known.map_or((0, 0), |user| (user.cash, user.committed));
        let most = UserCeilings::resolve(&self.defaults, &own).committed(cash);
        (most < MAX_MONEY).then(|| currency(most - committed))
    }

    /// What a user has in a symbol; nothing, if they never came.
    #[must_use]
    pub fn account(&self, user: UserId, symbol: u32) -> AccountView {
        let known = self.parts.symbols.get(symbol as usize).and_then(|symbol| symbol.accounts.get(user));
        known.map_or(AccountView::default(), |slot| {
            let account = &self.parts.accounts[slot as usize];
            let (position, [open_buy, open_sell]) = (account.lots, account.open);
            AccountView { position, open_buy, open_sell, throttled: account.gate.has(Gate::THROTTLED) }
        })
    }

    /// Whether a halt or the kill switch forbids a user all trading in a symbol.
    #[must_use]
    pub fn is_halted(&self, user: UserId, symbol: u32) -> bool {
        let parts = &self.parts;
        let known = parts.symbols.get(symbol as usize);
        let account = known.and_then(|symbol| symbol.accounts.get(user));
        let gates = [
            Some(self.gate),
            known.map(|symbol| symbol.gate),
            parts.user_index.get(user).map(|slot| parts.users[slot as usize].gate),
            account.map(|slot| parts.accounts[slot as usize].gate),
        ];
        gates.into_iter().flatten().any(|gate| gate.has(Gate::HALTED.and(Gate::KILLED)))
    }

    /// Whether there is such a symbol.
    #[must_use]
    pub fn has_symbol(&self, symbol: u32) -> bool {
        (symbol as usize) < self.parts.symbols.len()
    }
}
