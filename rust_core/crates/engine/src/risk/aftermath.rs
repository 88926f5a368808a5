//! What happened after an order had passed: holds laid and lifted, positions, last prices.

use super::engine::{Admitted, Order, Risk, same};
use super::gate::Gate;
use super::parts::Hold;
use crate::arena::NIL;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

impl Risk {
    /// The book took an admitted order, and `resting` lots of it rest at `price`.
    #[inline]
    pub fn accept(&mut self, order: &Order, admitted: Admitted, id: OrderId, price: Ticks, resting: Lots) {
        let Admitted { account, opens } = admitted;
        if self.keep > 0 {
            self.duplicates.insert(same(order, account), self.now, self.keep);
        }
        if resting > 0 {
            let traded = resting < order.lots;
            let (side, lots) = (order.side, resting);
            self.parts.lay(Hold { order: id, account, side, opens, traded, price, lots, prev: NIL, next: NIL });
        }
    }

    /// A live order changed: `resting` lots of it are left, at `price`.
    pub fn changed(&mut self, symbol: u32, id: OrderId, opens: bool, price: Ticks, resting: Lots) {
        let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) else { return };
        let hold = self.parts.holds[slot as usize];
        self.parts.discount(&hold);
        if resting == 0 {
            self.parts.lift(slot);
            return;
        }
        let changed = Hold { opens, price, lots: resting, ..hold };
        self.parts.holds[slot as usize] = changed;
        self.parts.count(&changed);
    }

    /// `lots` of a live order left the book, by a trade or without one.
    #[inline]
    pub fn release(&mut self, symbol: u32, id: OrderId, lots: Lots) {
        let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) else { return };
        let hold = self.parts.holds[slot as usize];
        if lots >= hold.lots {
            self.parts.discount(&hold);
            self.parts.lift(slot);
        } else {
            self.parts.shrink(&hold, lots);
            self.parts.holds[slot as usize].lots -= lots;
        }
    }

    /// A user bought or sold.
    #[inline]
    pub fn fill(&mut self, user: UserId, symbol: u32, side: Side, lots: Lots, price: Ticks) {
        let Some(slot) = self.parts.symbols[symbol as usize].accounts.get(user) else { return };
        let value = self.parts.symbols[symbol as usize].unit.signed(price, lots);
        let account = &mut self.parts.accounts[slot as usize];
        let user = &mut self.parts.users[account.user as usize];
        let before = account.position.exposure();
        let earned = account.position.fill(side == Side::Buy, lots, value);
        user.exposure += account.position.exposure() - before;
        if earned != 0 {
            user.earn(earned);
        }
    }

    /// The market traded.
    #[inline]
    pub fn trade(&mut self, symbol: u32, price: Ticks) {
        let now = self.now;
        let symbol = &mut self.parts.symbols[symbol as usize];
        symbol.last = Some(price);
        symbol.period.trade(now, price);
    }

    /// A user's order traded for the first time.
    #[inline]
    pub fn executed(&mut self, user: UserId, symbol: u32) {
        let Some(slot) = self.parts.symbols[symbol as usize].accounts.get(user) else { return };
        let account = &mut self.parts.accounts[slot as usize];
        let pace = account.ceilings.executions;
        account.executions.record(self.now, pace);
        if account.executions.full(self.now, pace) {
            account.gate.set(Gate::THROTTLED, true);
        }
    }

    /// A live order traded; counts it as an execution of its owner the first time.
    #[inline]
    pub fn order_traded(&mut self, symbol: u32, id: OrderId, user: UserId) {
        let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) else { return };
        let hold = &mut self.parts.holds[slot as usize];
        if !std::mem::replace(&mut hold.traded, true) {
            self.executed(user, symbol);
        }
    }
}
