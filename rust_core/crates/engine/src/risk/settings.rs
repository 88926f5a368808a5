//! What staff may change while the engine runs.

use super::gate::{Gate, Scope};
use super::limits::{Kind, Limit};
use super::money::{Money, money};
use super::{Risk, RiskError};
use crate::types::{Nanos, Ticks, UserId};

impl Risk {
    /// Shut or open what a scope says. A symbol must be known; a user is, from now on.
    pub fn set_gate(&mut self, scope: Scope, gate: Gate, shut: bool) {
        let strangers = if self.open_access { Gate::OPEN } else { Gate::UNAUTHORISED };
        match scope {
            Scope::All => self.gate.set(gate, shut),
            Scope::Symbol(symbol) => self.parts.symbols[symbol as usize].gate.set(gate, shut),
            Scope::User(user) => {
                let user = self.parts.user(user, strangers);
                self.parts.users[user as usize].gate.set(gate, shut);
            }
            Scope::Account(user, symbol) => {
                let user = self.parts.user(user, strangers);
                let account = self.parts.account(user, symbol);
                self.parts.accounts[account as usize].gate.set(gate, shut);
            }
        }
    }

    /// Somebody looked at the accounts of a scope that traded too often: they may go on, and their count starts anew.
    pub fn enable(&mut self, scope: Scope) {
        for slot in 0..self.parts.accounts.len() {
            if self.parts.is_in(scope, &self.parts.accounts[slot]) {
                let account = &mut self.parts.accounts[slot];
                account.gate.set(Gate::THROTTLED, false);
                self.parts.records[slot].executions.clear();
            }
        }
    }

    /// Set a limit for a scope, or take it away.
    ///
    /// # Errors
    /// A limit that makes no sense for its kind or its scope.
    pub fn set_limit(&mut self, scope: Scope, kind: Kind, limit: Option<Limit>) -> Result<(), RiskError> {
        let limit = limit.map(|limit| limit.checked(kind)).transpose()?;
        if kind.is_of_user() && matches!(scope, Scope::Symbol(_) | Scope::Account(..)) {
            let value = limit.map_or(f64::NAN, |limit| limit.value);
            return Err(RiskError { field: kind.name(), value, expected: "counts over all symbols: name no symbol" });
        }
        let strangers = if self.open_access { Gate::OPEN } else { Gate::UNAUTHORISED };
        let set = match scope {
            Scope::All => &mut self.defaults,
            Scope::Symbol(symbol) => &mut self.parts.symbols[symbol as usize].limits,
            Scope::User(user) => {
                let user = self.parts.user(user, strangers);
                &mut self.parts.users[user as usize].limits
            }
            Scope::Account(user, symbol) => {
                let user = self.parts.user(user, strangers);
                let account = self.parts.account(user, symbol);
                &mut self.parts.records[account as usize].limits
            }
        };
        set.set(kind, limit);
        self.generation += 1;
        self.parts.classes.clear();
        match (kind, limit) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            (Kind::DuplicateWindow, Some(limit)) => self.keep = self.keep.max(limit.value as Nanos),
            (Kind::CollarPeriod, _) => {
                for symbol in &mut self.parts.symbols {
                    symbol.refresh(&self.defaults);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Say how much cash a user has.
    ///
    /// # Errors
    /// An amount that is not finite.
    pub fn set_cash(&mut self, user: UserId, amount: f64) -> Result<(), RiskError> {
        if !amount.is_finite() {
            return Err(RiskError { field: "cash", value: amount, expected: "is not a finite number" });
        }
        let strangers = if self.open_access { Gate::OPEN } else { Gate::UNAUTHORISED };
        let user = self.parts.user(user, strangers);
        let user = &mut self.parts.users[user as usize];
        let amount: Money = money(amount);
        user.earn(amount - user.cash);
        Ok(())
    }

    /// Set the price that orders are compared with besides the last trade's, or take it away.
    pub fn set_reference(&mut self, symbol: u32, price: Option<Ticks>) {
        let symbol = &mut self.parts.symbols[symbol as usize];
        symbol.reference = price;
        symbol.corridor.close();
    }
}
