//! Everything that the engine remembers, as plain data: what a snapshot holds. Sums and indexes are worked out again
//! from it, so that a restored engine can't contradict itself.

use serde::{Deserialize, Serialize};

use super::band::Period;
use super::duplicates::{Duplicates, Same};
use super::engine::Risk;
use super::gate::Gate;
use super::ledger::Position;
use super::limits::LimitSet;
use super::money::{MAX_MONEY, Money};
use super::parts::{Account, Hold, Parts, Record, Symbol, User};
use super::rate::{Pace, Rate};
use crate::arena::NIL;
use crate::types::{Lots, MAX_TICKS, Nanos, OrderId, Side, Ticks, UserId};

/// Why a state is none: which part contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("risk state: {0}")]
pub struct StateError(pub &'static str);

/// A state as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskState {
    now: Nanos,
    open_access: bool,
    gate: u8,
    keep: Nanos,
    defaults: LimitSet,
    users: Vec<UserState>,
    symbols: Vec<SymbolState>,
    accounts: Vec<AccountState>,
    recent: Vec<(Nanos, u32, bool, Ticks, Lots)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct UserState {
    id: UserId,
    gate: u8,
    cash: Money,
    messages: Vec<Nanos>,
    limits: LimitSet,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SymbolState {
    gate: u8,
    last: Option<Ticks>,
    reference: Option<Ticks>,
    period: Period,
    limits: LimitSet,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct AccountState {
    user: u32,
    symbol: u32,
    gate: u8,
    lots: i64,
    cost: Money,
    executions: Vec<Nanos>,
    limits: LimitSet,
    holds: Vec<HoldState>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct HoldState {
    order: OrderId,
    buy: bool,
    opens: bool,
    traded: bool,
    price: Ticks,
    lots: Lots,
}

fn rate(times: &[Nanos], now: Nanos) -> Result<Rate, StateError> {
    if times.len() > Pace::MOST as usize || !times.is_sorted() || times.last().is_some_and(|time| *time > now) {
        return Err(StateError("moments out of order, too many, or in the future"));
    }
    Ok(times.iter().copied().collect())
}

fn gate(bits: u8) -> Result<Gate, StateError> {
    if bits & !Gate::KNOWN == 0 { Ok(Gate(bits)) } else { Err(StateError("a switch that does not exist")) }
}

fn limits(set: &LimitSet) -> Result<LimitSet, StateError> {
    if set.is_sound() { Ok(set.clone()) } else { Err(StateError("a limit that makes no sense")) }
}

fn amount(amount: Money) -> Result<Money, StateError> {
    if amount.abs() <= MAX_MONEY { Ok(amount) } else { Err(StateError("an amount beyond all bounds")) }
}

fn price(ticks: Option<Ticks>) -> Result<Option<Ticks>, StateError> {
    match ticks {
        Some(ticks) if ticks.unsigned_abs() > MAX_TICKS.unsigned_abs() => Err(StateError("a price beyond all bounds")),
        ticks => Ok(ticks),
    }
}

impl Risk {
    /// The state as data.
    #[must_use]
    pub fn state(&self) -> RiskState {
        let Parts { users, symbols, accounts, holds, .. } = &self.parts;
        let chain = |account: &Account| {
            let mut slot = account.first;
            std::iter::from_fn(move || {
                (slot != NIL).then(|| {
                    let hold = &holds[slot as usize];
                    slot = hold.next;
                    hold
                })
            })
        };
        RiskState {
            now: self.now,
            open_access: self.open_access,
            gate: self.gate.0,
            keep: self.keep,
            defaults: self.defaults.clone(),
            users: users
                .iter()
                .map(|user| UserState {
                    id: user.id,
                    gate: user.gate.0,
                    cash: user.cash,
                    messages: user.messages.times().collect(),
                    limits: user.limits.clone(),
                })
                .collect(),
            symbols: symbols
                .iter()
                .map(|symbol| SymbolState {
                    gate: symbol.gate.0,
                    last: symbol.last,
                    reference: symbol.reference,
                    period: symbol.period,
                    limits: symbol.limits.clone(),
                })
                .collect(),
            accounts: accounts
                .iter()
                .zip(&self.parts.records)
                .map(|(account, record)| AccountState {
                    user: account.user,
                    symbol: account.symbol,
                    gate: account.gate.0,
                    lots: account.lots,
                    cost: record.cost,
                    executions: record.executions.times().collect(),
                    limits: record.limits.clone(),
                    holds: chain(account)
                        .map(|hold| HoldState {
                            order: hold.order,
                            buy: hold.side == Side::Buy,
                            opens: hold.opens,
                            traded: hold.traded,
                            price: hold.price,
                            lots: hold.lots,
                        })
                        .collect(),
                })
                .collect(),
            recent: self
                .duplicates
                .iter()
                .map(|(time, same)| (*time, same.account, same.side == Side::Buy, same.price, same.lots))
                .collect(),
        }
    }

    /// An engine in this state, for symbols with these tick and lot sizes.
    ///
    /// # Errors
    /// When no engine could be in it.
    pub fn from_state(state: &RiskState, grids: &[(f64, f64)]) -> Result<Self, StateError> {
        let mut risk = Self::new(state.open_access);
        risk.now = state.now;
        risk.gate = gate(state.gate)?;
        risk.keep = state.keep;
        risk.defaults = limits(&state.defaults)?;
        if grids.len() != state.symbols.len() {
            return Err(StateError("another number of symbols"));
        }
        for (symbol, (tick_size, lot_size)) in state.symbols.iter().zip(grids) {
            if !symbol.period.is_sound(state.now) {
                return Err(StateError("a period that contradicts itself"));
            }
            let fresh =
                Symbol::new(*tick_size, *lot_size).map_err(|_| StateError("a tick or lot that has no worth"))?;
            risk.parts.symbols.push(Symbol {
                gate: gate(symbol.gate)?,
                last: price(symbol.last)?,
                reference: price(symbol.reference)?,
                period: symbol.period,
                limits: limits(&symbol.limits)?,
                ..fresh
            });
        }
        for user in &state.users {
            if risk.parts.user_index.get(user.id).is_some() {
                return Err(StateError("a user twice"));
            }
            let slot = risk.parts.user(user.id, gate(user.gate)?) as usize;
            risk.parts.users[slot] = User {
                cash: amount(user.cash)?,
                messages: rate(&user.messages, state.now)?,
                limits: limits(&user.limits)?,
                ..risk.parts.users[slot].clone()
            };
        }
        for account in &state.accounts {
            risk.restore_account(account)?;
        }
        risk.duplicates = risk.restore_recent(state)?;
        Ok(risk)
    }

    fn restore_account(&mut self, state: &AccountState) -> Result<(), StateError> {
        let parts = &mut self.parts;
        let (user, symbol) = (state.user as usize, state.symbol as usize);
        if user >= parts.users.len() || symbol >= parts.symbols.len() {
            return Err(StateError("an account of nobody or of no symbol"));
        }
        if parts.symbols[symbol].accounts.get(parts.users[user].id).is_some() {
            return Err(StateError("an account twice"));
        }
        if state.lots.unsigned_abs() > 1 << 62 {
            return Err(StateError("a position beyond all bounds"));
        }
        let slot = parts.account(state.user, state.symbol);
        let position = Position { lots: state.lots, cost: amount(state.cost)? };
        parts.users[user].expose(position.exposure(), 0);
        let account = &mut parts.accounts[slot as usize];
        (account.gate, account.lots) = (gate(state.gate)?, position.lots);
        parts.records[slot as usize] = Record {
            cost: position.cost,
            executions: rate(&state.executions, self.now)?,
            limits: limits(&state.limits)?,
        };
        for hold in &state.holds {
            if parts.symbols[symbol].holds.get(hold.order).is_some() {
                return Err(StateError("a live order twice"));
            }
            let side = if hold.buy { Side::Buy } else { Side::Sell };
            let open = i128::from(parts.accounts[slot as usize].open[side as usize]) + i128::from(hold.lots);
            price(Some(hold.price))?;
            if hold.lots == 0 || open > 1 << 62 {
                return Err(StateError("an order's quantity beyond all bounds"));
            }
            parts.lay(Hold {
                order: hold.order,
                account: slot,
                side,
                opens: hold.opens,
                traded: hold.traded,
                price: hold.price,
                lots: hold.lots,
                prev: NIL,
                next: NIL,
            });
        }
        Ok(())
    }

    fn restore_recent(&self, state: &RiskState) -> Result<Duplicates, StateError> {
        let mut duplicates = Duplicates::default();
        let mut latest = 0;
        for (time, account, buy, price, lots) in &state.recent {
            if *time < latest || *time > state.now || *account as usize >= self.parts.accounts.len() {
                return Err(StateError("recent orders out of order, in the future, or of nobody"));
            }
            latest = *time;
            let side = if *buy { Side::Buy } else { Side::Sell };
            duplicates.insert(Same { account: *account, side, price: *price, lots: *lots }, *time, Nanos::MAX);
        }
        Ok(duplicates)
    }
}
