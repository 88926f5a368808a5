//! The engine that remembers: asked before every order, told of everything that happened after.

use super::band::{FREE, bounds, moves_within, within};
use super::ceilings::AccountCeilings;
use super::corridor::Market;
use super::duplicates::{Duplicates, Same};
use super::gate::Gate;
use super::limits::LimitSet;
use super::parts::{Account, Parts, Symbol, User};
use super::{Reason, RiskError};
use crate::arena::Slot;
use crate::types::{Lots, Nanos, OrderId, Side, Ticks, UserId};

/// An order to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its owner.
    pub user: UserId,
    /// Its symbol's number.
    pub symbol: u32,
    /// Buy or sell.
    pub side: Side,
    /// Its price, or whatever else tells it from another one of the same size.
    pub price: Ticks,
    /// Whether that is a price that collars look at.
    pub collared: bool,
    /// The price that its worth is counted at: the worst that it may trade at.
    pub worth: Ticks,
    /// How much.
    pub lots: Lots,
}

/// An order that passed.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// The number of the owner's account in the symbol.
    pub account: u32,
    /// Whether it may open a position.
    pub opens: bool,
}

/// The engine.
#[derive(Clone, Debug)]
pub struct Risk {
    pub(super) now: Nanos,
    pub(super) open_access: bool,
    pub(super) gate: Gate,
    /// Counts the changes of limits.
    pub(super) generation: u64,
    pub(super) defaults: LimitSet,
    /// The longest time without a repetition that was ever asked for.
    pub(super) keep: Nanos,
    pub(super) duplicates: Duplicates,
    pub(super) parts: Parts,
}

impl Risk {
    /// An engine without symbols, users and limits. With `open_access` everybody may trade; without it, those whom
    /// `authorise` let in.
    #[must_use]
    pub fn new(open_access: bool) -> Self {
        Self {
            now: 0,
            open_access,
            gate: Gate::OPEN,
            generation: 1,
            defaults: LimitSet::default(),
            keep: 0,
            duplicates: Duplicates::default(),
            parts: Parts::default(),
        }
    }

    /// Give back the memory that live and recent orders no longer need. This moves all of them: for quiet times.
    pub fn shrink(&mut self) {
        self.parts.shrink_holds();
        self.duplicates.shrink();
    }

    /// Open a symbol; returns its number, counted from zero.
    ///
    /// # Errors
    /// When a tick times a lot is not a whole number of 10^-12 of the currency.
    pub fn add_symbol(&mut self, tick_size: f64, lot_size: f64) -> Result<u32, RiskError> {
        let mut symbol = Symbol::new(tick_size, lot_size)?;
        symbol.refresh(&self.defaults);
        self.parts.symbols.push(symbol);
        Ok(u32::try_from(self.parts.symbols.len() - 1).expect("fewer than 2^32 symbols"))
    }

    /// Let time pass; it never goes back.
    #[inline]
    pub fn advance(&mut self, now: Nanos) {
        self.now = self.now.max(now);
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// Judge an order, and count its message. Nothing else changes: tell `accept` when the book has taken it.
    ///
    /// # Errors
    /// The first reason against it, in the order of the checks: access and switches, message rate, size, collars,
    /// repetition, then the sums over open orders and positions.
    #[inline]
    pub fn check(&mut self, order: &Order) -> Result<Admitted, Reason> {
        let place = self.enter(order.user, order.symbol)?;
        self.message(place)?;
        self.judge(order, place, true)
    }

    /// Judge a live order's new price and quantity left, and count the message.
    ///
    /// # Errors
    /// As `check`; a repetition is no reason here.
    pub fn check_change(&mut self, order: &Order, id: OrderId) -> Result<Admitted, Reason> {
        let place = self.enter(order.user, order.symbol)?;
        self.message(place)?;
        let Some(slot) = self.parts.symbols[order.symbol as usize].holds.get(id) else {
            return self.judge(order, place, false);
        };
        let hold = self.parts.holds[slot as usize];
        self.parts.discount(&hold);
        let verdict = self.judge(order, place, false);
        self.parts.count(&hold);
        verdict
    }

    /// Judge an order without a trace.
    #[must_use]
    pub fn preview(&self, order: &Order) -> Reason {
        let known = self.parts.symbols.get(order.symbol as usize);
        if let Some((slot, user)) = known.and_then(|symbol| symbol.accounts.get_both(order.user)) {
            let account = &self.parts.accounts[slot as usize];
            if account.generation == self.generation {
                let user = &self.parts.users[user as usize];
                return self.preview_for(order, Some(slot), account, user, self.parts.classes.get(account.class));
            }
        }
        self.preview_stranger(order)
    }

    #[inline]
    fn preview_for(
        &self,
        order: &Order,
        slot: Option<Slot>,
        account: &Account,
        user: &User,
        ceilings: &AccountCeilings,
    ) -> Reason {
        if user.messages.full(self.now, user.pace) {
            return Reason::MessageRate;
        }
        let symbol = &self.parts.symbols[order.symbol as usize];
        let outside = order.collared && self.collars(order.price, symbol, ceilings).is_err();
        let subject = Subject { symbol, user, account, ceilings, outside, slot };
        self.verdict(order, &subject).err().unwrap_or(Reason::Passed)
    }

    #[cold]
    fn preview_stranger(&self, order: &Order) -> Reason {
        let Some(symbol) = self.parts.symbols.get(order.symbol as usize) else { return Reason::UnknownSymbol };
        let mut user = match self.parts.user_index.get(order.user) {
            Some(slot) => self.parts.users[slot as usize].clone(),
            None if self.open_access => User::new(order.user, Gate::OPEN),
            None => return Reason::UnauthorisedUser,
        };
        let slot = symbol.accounts.get(order.user);
        let (account, own) = match slot {
            Some(slot) => (self.parts.accounts[slot as usize].clone(), &self.parts.records[slot as usize].limits),
            None => (Account::new(0, order.symbol), &LimitSet::default()),
        };
        user.refresh(self.generation, &self.defaults);
        let ceilings = AccountCeilings::resolve(symbol.lot, &self.defaults, &symbol.limits, &user.limits, own);
        self.preview_for(order, slot, &account, &user, &ceilings)
    }

    /// The account of a user in a symbol, with limits up to date.
    #[inline]
    pub(super) fn enter(&mut self, user: UserId, symbol: u32) -> Result<Place, Reason> {
        let Some(known) = self.parts.symbols.get(symbol as usize) else { return Err(Reason::UnknownSymbol) };
        let (account, user) = match known.accounts.get_both(user) {
            Some(both) => both,
            None => self.admit(user, symbol)?,
        };
        self.update(account);
        Ok(Place { account, user })
    }

    /// Bring the limits of an account up to date, and with them its user's: no account is newer than its user.
    #[inline]
    pub(super) fn update(&mut self, account: u32) {
        if self.parts.accounts[account as usize].generation != self.generation {
            self.parts.refresh(account, self.generation, &self.defaults);
        }
    }

    #[cold]
    fn admit(&mut self, user: UserId, symbol: u32) -> Result<(u32, u32), Reason> {
        if !self.open_access && self.parts.user_index.get(user).is_none() {
            return Err(Reason::UnauthorisedUser);
        }
        let user = self.parts.user(user, Gate::OPEN);
        Ok((self.parts.account(user, symbol), user))
    }

    #[inline]
    fn message(&mut self, place: Place) -> Result<(), Reason> {
        let user = &mut self.parts.users[place.user as usize];
        if user.messages.full(self.now, user.pace) {
            return Err(Reason::MessageRate);
        }
        user.messages.record(self.now, user.pace);
        Ok(())
    }

    /// Count a message that is never refused for being one too many: a cancel.
    ///
    /// # Errors
    /// A symbol or a user that is not known.
    pub fn count_message(&mut self, user: UserId, symbol: u32) -> Result<(), Reason> {
        let place = self.enter(user, symbol)?;
        // One too many is not counted: the memory stays bounded, and the next order is refused all the same.
        let _ = self.message(place);
        Ok(())
    }

    #[inline]
    fn judge(&mut self, order: &Order, place: Place, is_new: bool) -> Result<Admitted, Reason> {
        let Place { account: slot, user } = place;
        let account = &self.parts.accounts[slot as usize];
        let ceilings = self.parts.classes.get(account.class);
        self.parts.symbols[order.symbol as usize].open_corridor(self.now, &ceilings.widths);
        let symbol = &self.parts.symbols[order.symbol as usize];
        let user = &self.parts.users[user as usize];
        let outside = order.collared && !symbol.corridor.has(order.price);
        let subject = Subject { symbol, user, account, ceilings, outside, slot: is_new.then_some(slot) };
        let opens = self.verdict(order, &subject)?;
        Ok(Admitted { account: slot, opens })
    }

    /// The checks themselves. Returns whether the order may open a position.
    #[inline]
    fn verdict(&self, order: &Order, subject: &Subject<'_>) -> Result<bool, Reason> {
        let Subject { symbol, user, account, ceilings, outside, slot } = *subject;
        let gate = self.gate.and(symbol.gate).and(user.gate).and(account.gate);
        if gate != Gate::OPEN {
            if let Some(reason) = gate.reason() {
                return Err(reason);
            }
        }
        if order.lots > ceilings.max_lots {
            return Err(Reason::MaxQuantity);
        }
        let value = match symbol.unit.value(order.worth, order.lots) {
            Some(value) if value <= ceilings.max_notional => value,
            _ => return Err(Reason::MaxNotional),
        };
        if outside {
            self.collars(order.price, symbol, ceilings)?;
        }
        if let Some(account) = slot.filter(|_| ceilings.duplicate_window > 0) {
            if self.duplicates.contains(same(order, account), self.now, ceilings.duplicate_window) {
                return Err(Reason::Duplicate);
            }
        }
        if user.open_orders >= user.most_open_orders {
            return Err(Reason::MaxOpenOrders);
        }
        if user.open_notional + value > user.most_open_notional {
            return Err(Reason::MaxOpenNotional);
        }
        // How far beyond zero all that rests on this side could carry the position, on this side.
        let beyond = account.beyond(order.side, order.lots);
        if beyond <= 0 {
            return Ok(false);
        }
        if gate.has(Gate::REDUCING) {
            return Err(Reason::ReduceOnly);
        }
        if beyond > ceilings.max_position {
            return Err(Reason::MaxPosition);
        }
        let committed = user.committed + value;
        if committed > user.most_committed {
            let by_leverage = committed > user.ceilings.commitment(user.cash);
            return Err(if by_leverage { Reason::MaxLeverage } else { Reason::BuyingPower });
        }
        Ok(true)
    }

    /// The collars one by one, which names the one that refuses.
    #[inline(never)]
    fn collars(&self, price: Ticks, symbol: &Symbol, ceilings: &AccountCeilings) -> Result<(), Reason> {
        let (Market { last, reference, range }, widths) = (symbol.market(self.now), ceilings.widths);
        if last.is_some_and(|last| !within(price, last, widths.last)) {
            return Err(Reason::CollarLast);
        }
        if reference.is_some_and(|reference| !within(price, reference, widths.reference)) {
            return Err(Reason::CollarReference);
        }
        if range.is_some_and(|range| !moves_within(price, range, widths.period)) {
            return Err(Reason::CollarPeriod);
        }
        Ok(())
    }

    /// The worst price that a user's market order may trade at, if any collar bounds it.
    ///
    /// # Errors
    /// A symbol or a user that is not known.
    pub fn protection(&mut self, user: UserId, symbol: u32, side: Side) -> Result<Option<Ticks>, Reason> {
        let slot = self.enter(user, symbol)?.account;
        let widths = self.parts.classes.get(self.parts.accounts[slot as usize].class).widths;
        let Market { last, reference, range } = self.parts.symbols[symbol as usize].market(self.now);
        let around = [
            (last, widths.last),
            (reference, widths.reference),
            (range.map(|range| if side == Side::Buy { range.0 } else { range.1 }), widths.period),
        ];
        let worst = around.into_iter().filter(|(_, width)| *width != FREE).filter_map(|(price, width)| {
            let (low, high) = bounds(price?, width);
            Some(if side == Side::Buy { high } else { low })
        });
        Ok(if side == Side::Buy { worst.min() } else { worst.max() })
    }

    /// The price of the last trade, or the reference price, when there was none.
    #[must_use]
    pub fn mark(&self, symbol: u32) -> Option<Ticks> {
        self.parts.symbols.get(symbol as usize).and_then(|symbol| symbol.last.or(symbol.reference))
    }
}

/// The numbers of an account and of its user: what belongs to either can be fetched at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub account: u32,
    pub user: u32,
}

/// Whom and what an order is judged by.
struct Subject<'a> {
    symbol: &'a Symbol,
    user: &'a User,
    account: &'a Account,
    ceilings: &'a AccountCeilings,
    /// Whether a collar refuses the price.
    outside: bool,
    /// The account's number; without it the order is no repetition.
    slot: Option<Slot>,
}

#[inline]
pub(super) fn same(order: &Order, account: u32) -> Same {
    Same { account, side: order.side, price: order.price, lots: order.lots }
}
