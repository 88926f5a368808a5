//! What the engine remembers of users, symbols, accounts and live orders.

use super::band::Period;
use super::ceilings::{AccountCeilings, Classes, UserCeilings};
use super::corridor::{Corridor, Market, Widths};
use super::gate::Gate;
use super::ledger::Position;
use super::limits::{Kind, LimitSet};
use super::money::{Money, Unit, money};
use super::rate::{Pace, Rate};
use super::{RiskError, Scope};
use crate::arena::{NIL, Slot};
use crate::ids::IdIndex;
use crate::types::{Lots, Nanos, OrderId, Side, Ticks, UserId};

/// A user over all symbols. What a check looks at comes first, in two lines of the CPU's cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct User {
    pub open_notional: Money,
    /// What open positions cost and open orders hold.
    pub committed: Money,
    /// The most that this may be: by leverage with the user's cash, and by buying power.
    pub most_committed: Money,
    pub most_open_notional: Money,
    pub messages: Rate,
    pub pace: Pace,
    pub open_orders: u32,
    pub most_open_orders: u32,
    pub gate: Gate,
    /// Of which change of the limits the ceilings are.
    pub generation: u64,
    pub id: UserId,
    /// What open positions cost.
    pub exposure: Money,
    /// What the user brought and earned.
    pub cash: Money,
    pub ceilings: UserCeilings,
    pub limits: LimitSet,
}

impl User {
    pub fn new(id: UserId, gate: Gate) -> Self {
        let limits = LimitSet::default();
        let ceilings = UserCeilings::resolve(&limits, &limits);
        Self {
            open_notional: 0,
            committed: 0,
            most_committed: ceilings.committed(0),
            most_open_notional: ceilings.open_notional,
            messages: Rate::default(),
            pace: ceilings.messages,
            open_orders: 0,
            most_open_orders: ceilings.open_orders,
            gate,
            generation: 0,
            id,
            exposure: 0,
            cash: 0,
            ceilings,
            limits,
        }
    }

    pub fn refresh(&mut self, generation: u64, defaults: &LimitSet) {
        self.generation = generation;
        self.ceilings = UserCeilings::resolve(defaults, &self.limits);
        self.most_open_orders = self.ceilings.open_orders;
        self.most_open_notional = self.ceilings.open_notional;
        self.pace = self.ceilings.messages;
        self.most_committed = self.ceilings.committed(self.cash);
    }

    #[inline]
    pub fn earn(&mut self, amount: Money) {
        self.cash += amount;
        self.most_committed = self.ceilings.committed(self.cash);
    }

    /// Another cost of a position: what it costs now, and what it did before.
    #[inline]
    pub fn expose(&mut self, now: Money, before: Money) {
        self.exposure += now - before;
        self.committed += now - before;
    }

    /// The part of what open orders are worth that may open positions.
    pub const fn held(&self) -> Money {
        self.committed - self.exposure
    }
}

/// A symbol for everybody. What a check looks at comes first.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Symbol {
    pub unit: Unit,
    pub gate: Gate,
    /// Where the collars of the account that asked last let prices be.
    pub corridor: Corridor,
    /// From a user to the account, and to the number that the user has for all symbols.
    pub accounts: IdIndex,
    pub lot: Money,
    pub last: Option<Ticks>,
    pub reference: Option<Ticks>,
    pub period: Period,
    pub limits: LimitSet,
    /// From a live order to its hold.
    pub holds: IdIndex,
}

impl Symbol {
    pub fn new(tick_size: f64, lot_size: f64) -> Result<Self, RiskError> {
        Ok(Self {
            unit: Unit::new(tick_size, lot_size)?,
            gate: Gate::OPEN,
            corridor: Corridor::default(),
            accounts: IdIndex::default(),
            lot: money(lot_size),
            last: None,
            reference: None,
            period: Period::default(),
            limits: LimitSet::default(),
            holds: IdIndex::default(),
        })
    }

    /// Begin the period anew when its length is another one now.
    pub fn refresh(&mut self, defaults: &LimitSet) {
        let limit = self.limits.get(Kind::CollarPeriod).or(defaults.get(Kind::CollarPeriod));
        let fresh = Period::new(limit.map_or(0, |limit| limit.window));
        if !self.period.same_length(&fresh) {
            self.period = fresh;
            self.corridor.close();
        }
    }

    /// What collars are measured from.
    #[inline]
    pub fn market(&self, now: Nanos) -> Market {
        Market { last: self.last, reference: self.reference, range: self.period.range(now) }
    }

    /// Have the corridor at hand that these widths make now.
    #[inline]
    pub fn open_corridor(&mut self, now: Nanos, widths: &Widths) {
        if !self.corridor.is_for(now, widths) {
            self.reopen_corridor(now, widths);
        }
    }

    #[cold]
    #[inline(never)]
    fn reopen_corridor(&mut self, now: Nanos, widths: &Widths) {
        self.period.advance(now);
        self.corridor = Corridor::new(*widths, &self.market(now), self.period.until());
    }

    /// The market traded.
    #[inline]
    pub fn trade(&mut self, now: Nanos, price: Ticks) {
        let widened = self.period.trade(now, price);
        if widened || self.last != Some(price) {
            self.last = Some(price);
            self.corridor.close();
        }
    }
}

/// A user in a symbol: what a check looks at, in one line of the CPU's cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Account {
    pub user: u32,
    pub symbol: u32,
    /// Of which change of the limits the class is, and the user's ceilings at least.
    pub generation: u64,
    /// The number of the ceilings that count.
    pub class: u32,
    pub gate: Gate,
    /// What rests to buy and to sell.
    pub open: [i64; 2],
    /// The position; negative is short.
    pub lots: i64,
    /// The account's live orders, oldest first.
    pub first: Slot,
    pub last: Slot,
}

/// The rest of an account, that a check has no need of.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What the position cost.
    pub cost: Money,
    pub executions: Rate,
    pub limits: LimitSet,
}

impl Account {
    pub const fn new(user: u32, symbol: u32) -> Self {
        Self { user, symbol, generation: 0, class: 0, gate: Gate::OPEN, open: [0; 2], lots: 0, first: NIL, last: NIL }
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
    /// What else there is of each account.
    pub records: Vec<Record>,
    /// The ceilings of accounts.
    pub classes: Classes,
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
        index.insert_both(id, slot, user);
        self.accounts.push(Account::new(user, symbol));
        self.records.push(Record::default());
        slot
    }

    /// Bring the ceilings of an account and of its user up to date.
    #[cold]
    #[inline(never)]
    pub fn refresh(&mut self, slot: u32, generation: u64, defaults: &LimitSet) {
        let account = &mut self.accounts[slot as usize];
        let (symbol, user) = (&self.symbols[account.symbol as usize], &mut self.users[account.user as usize]);
        user.refresh(generation, defaults);
        let own = &self.records[slot as usize].limits;
        let ceilings = AccountCeilings::resolve(symbol.lot, defaults, &symbol.limits, &user.limits, own);
        account.class = self.classes.number(ceilings);
        account.generation = generation;
    }

    /// The position of an account, and its cost.
    pub fn position(&self, slot: u32) -> Position {
        Position { lots: self.accounts[slot as usize].lots, cost: self.records[slot as usize].cost }
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
        user.committed += if hold.opens { value } else { 0 };
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
        user.committed -= if hold.opens { value } else { 0 };
    }

    /// Remember a live order, behind its account's others, and count it in.
    #[inline]
    pub fn lay(&mut self, hold: Hold) {
        self.place(hold);
        self.count(&hold);
    }

    #[inline]
    fn place(&mut self, hold: Hold) {
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
    }

    /// Give back what live orders no longer need; each account's stay in their order. This moves all of them.
    pub fn shrink_holds(&mut self) {
        let live = self.symbols.iter().map(|symbol| symbol.holds.len()).sum();
        let old = std::mem::replace(&mut self.holds, Vec::with_capacity(live));
        self.free = None;
        for symbol in &mut self.symbols {
            symbol.holds = IdIndex::default();
        }
        for number in 0..self.accounts.len() {
            let account = &mut self.accounts[number];
            let mut from = std::mem::replace(&mut account.first, NIL);
            account.last = NIL;
            while from != NIL {
                let hold = old[from as usize];
                from = hold.next;
                self.place(hold);
            }
        }
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
