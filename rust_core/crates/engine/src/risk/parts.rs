//! What the engine remembers of users, symbols, accounts and live orders.

use super::band::Period;
use super::ceilings::{AccountCeilings, UserCeilings};
use super::gate::Gate;
use super::ledger::Position;
use super::limits::{Kind, LimitSet};
use super::money::{Money, Unit, money};
use super::rate::Rate;
use super::{RiskError, Scope};
use crate::arena::{NIL, Slot};
use crate::ids::IdIndex;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// A user over all symbols.
#[derive(Clone, Debug)]
pub struct User {
    pub id: UserId,
    pub gate: Gate,
    /// Of which change of the limits the ceilings below are.
    pub generation: u64,
    pub open_orders: u32,
    pub open_notional: Money,
    /// The part of `open_notional` that may open positions.
    pub held: Money,
    /// What open positions cost.
    pub exposure: Money,
    /// What the user brought and earned.
    pub cash: Money,
    /// The most that positions and holds may be worth by leverage, with this much cash.
    pub commitment: Money,
    pub ceilings: UserCeilings,
    pub messages: Rate,
    /// Apart, because a check looks at the ceilings alone.
    pub limits: Box<LimitSet>,
}

impl User {
    pub fn new(id: UserId, gate: Gate) -> Self {
        let limits = Box::<LimitSet>::default();
        Self {
            id,
            gate,
            generation: 0,
            open_orders: 0,
            open_notional: 0,
            held: 0,
            exposure: 0,
            cash: 0,
            commitment: 0,
            ceilings: UserCeilings::resolve(&limits, &limits),
            messages: Rate::default(),
            limits,
        }
    }

    pub fn refresh(&mut self, generation: u64, defaults: &LimitSet) {
        self.generation = generation;
        self.ceilings = UserCeilings::resolve(defaults, &self.limits);
        self.commitment = self.ceilings.commitment(self.cash);
    }

    #[inline]
    pub fn earn(&mut self, amount: Money) {
        self.cash += amount;
        self.commitment = self.ceilings.commitment(self.cash);
    }
}

/// A symbol for everybody.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub unit: Unit,
    pub lot: Money,
    pub gate: Gate,
    pub last: Option<Ticks>,
    pub reference: Option<Ticks>,
    pub period: Period,
    pub limits: LimitSet,
    /// From a user to the account.
    pub accounts: IdIndex,
    /// From a live order to its hold.
    pub holds: IdIndex,
}

impl Symbol {
    pub fn new(tick_size: f64, lot_size: f64) -> Result<Self, RiskError> {
        Ok(Self {
            unit: Unit::new(tick_size, lot_size)?,
            lot: money(lot_size),
            gate: Gate::OPEN,
            last: None,
            reference: None,
            period: Period::default(),
            limits: LimitSet::default(),
            accounts: IdIndex::default(),
            holds: IdIndex::default(),
        })
    }

    /// Begin the period anew when its length is another one now.
    pub fn refresh(&mut self, defaults: &LimitSet) {
        let limit = self.limits.get(Kind::CollarPeriod).or(defaults.get(Kind::CollarPeriod));
        let fresh = Period::new(limit.map_or(0, |limit| limit.window));
        if !self.period.same_length(&fresh) {
            self.period = fresh;
        }
    }
}

/// A user in a symbol. What a check looks at comes first, in two lines of the CPU's cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Account {
    pub user: u32,
    pub symbol: u32,
    pub generation: u64,
    /// What rests to buy and to sell.
    pub open: [i64; 2],
    pub position: Position,
    pub ceilings: AccountCeilings,
    pub gate: Gate,
    /// The account's live orders, oldest first.
    pub first: Slot,
    pub last: Slot,
    pub executions: Rate,
    /// Apart, because a check looks at the ceilings alone.
    pub limits: Box<LimitSet>,
}

impl Account {
    pub fn new(user: u32, symbol: u32) -> Self {
        let limits = Box::<LimitSet>::default();
        Self {
            user,
            symbol,
            gate: Gate::OPEN,
            generation: 0,
            position: Position::default(),
            open: [0; 2],
            ceilings: AccountCeilings::resolve(1, &limits, &limits, &limits, &limits),
            first: NIL,
            last: NIL,
            executions: Rate::default(),
            limits,
        }
    }

    pub fn refresh(&mut self, generation: u64, defaults: &LimitSet, symbol: &Symbol, user: &User) {
        self.generation = generation;
        self.ceilings = AccountCeilings::resolve(symbol.lot, defaults, &symbol.limits, &user.limits, &self.limits);
    }
}

/// A live order: what it keeps from being used twice.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub order: OrderId,
    pub account: u32,
    pub side: Side,
    /// Whether it may open a position, and so holds buying power.
    pub opens: bool,
    /// Whether it has traded.
    pub traded: bool,
    pub price: Ticks,
    pub lots: Lots,
    pub prev: Slot,
    pub next: Slot,
}

/// Users, symbols and accounts by the numbers that they got when they came.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub users: Vec<User>,
    pub user_index: IdIndex,
    pub symbols: Vec<Symbol>,
    pub accounts: Vec<Account>,
    pub holds: Vec<Hold>,
    /// The first of the holds that nobody uses; their `next` leads to the others.
    pub free: Option<Slot>,
}

impl Parts {
    /// The number of a user, who is let in as `gate` says if they are new.
    pub fn user(&mut self, id: UserId, gate: Gate) -> u32 {
        if let Some(slot) = self.user_index.get(id) {
            return slot;
        }
        let slot = u32::try_from(self.users.len()).expect("fewer than 2^32 users");
        self.users.push(User::new(id, gate));
        self.user_index.insert(id, slot);
        slot
    }

    /// The number of a user's account in a symbol.
    pub fn account(&mut self, user: u32, symbol: u32) -> u32 {
        let (id, index) = (self.users[user as usize].id, &mut self.symbols[symbol as usize].accounts);
        if let Some(slot) = index.get(id) {
            return slot;
        }
        let slot = u32::try_from(self.accounts.len()).expect("fewer than 2^32 accounts");
        index.insert(id, slot);
        self.accounts.push(Account::new(user, symbol));
        slot
    }

    /// Whether an account is in a scope.
    pub fn is_in(&self, scope: Scope, account: &Account) -> bool {
        match scope {
            Scope::All => true,
            Scope::Symbol(symbol) => account.symbol == symbol,
            Scope::User(user) => self.users[account.user as usize].id == user,
            Scope::Account(user, symbol) => account.symbol == symbol && self.users[account.user as usize].id == user,
        }
    }

    /// Count a live order in.
    #[inline]
    pub fn count(&mut self, hold: &Hold) {
        let account = &mut self.accounts[hold.account as usize];
        let user = &mut self.users[account.user as usize];
        account.open[hold.side as usize] += hold.lots as i64;
        let value = self.symbols[account.symbol as usize].unit.value(hold.price, hold.lots).unwrap_or(0);
        user.open_orders += 1;
        user.open_notional += value;
        user.held += if hold.opens { value } else { 0 };
    }

    /// Count a live order out.
    #[inline]
    pub fn discount(&mut self, hold: &Hold) {
        self.users[self.accounts[hold.account as usize].user as usize].open_orders -= 1;
        self.shrink(hold, hold.lots);
    }

    /// Count `lots` of a live order out.
    #[inline]
    pub fn shrink(&mut self, hold: &Hold, lots: Lots) {
        let account = &mut self.accounts[hold.account as usize];
        let user = &mut self.users[account.user as usize];
        account.open[hold.side as usize] -= lots as i64;
        let value = self.symbols[account.symbol as usize].unit.value(hold.price, lots).unwrap_or(0);
        user.open_notional -= value;
        user.held -= if hold.opens { value } else { 0 };
    }

    /// Remember a live order, behind its account's others, and count it in.
    #[inline]
    pub fn lay(&mut self, hold: Hold) {
        let slot = match self.free {
            Some(slot) => {
                let next = self.holds[slot as usize].next;
                self.free = (next != NIL).then_some(next);
                slot
            }
            None => {
                self.holds.push(hold);
                u32::try_from(self.holds.len() - 1).expect("fewer than 2^32 orders")
            }
        };
        let account = &mut self.accounts[hold.account as usize];
        self.holds[slot as usize] = Hold { prev: account.last, next: NIL, ..hold };
        match account.last {
            NIL => account.first = slot,
            last => self.holds[last as usize].next = slot,
        }
        account.last = slot;
        self.symbols[account.symbol as usize].holds.insert(hold.order, slot);
        self.count(&hold);
    }

    /// Forget a live order that is counted out already.
    #[inline]
    pub fn lift(&mut self, slot: Slot) {
        let hold = self.holds[slot as usize];
        let account = &mut self.accounts[hold.account as usize];
        match hold.prev {
            NIL => account.first = hold.next,
            prev => self.holds[prev as usize].next = hold.next,
        }
        match hold.next {
            NIL => account.last = hold.prev,
            next => self.holds[next as usize].prev = hold.prev,
        }
        self.symbols[account.symbol as usize].holds.remove(hold.order);
        self.holds[slot as usize].next = self.free.unwrap_or(NIL);
        self.free = Some(slot);
    }
}
