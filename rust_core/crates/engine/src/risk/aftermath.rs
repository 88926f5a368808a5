//! What happened after an order had passed: holds laid and lifted, positions, last prices.

use super::engine::{Admitted, Order, Risk, same};
use super::gate::Gate;
use super::parts::Hold;
use crate::arena::{NIL, Slot};
use crate::types::{Lots, OrderId, Side, Ticks};

impl Risk {
    /// The book took an admitted order: `resting` lots of it live on at `price`, and some may have traded.
    #[inline]
    pub fn accept(
        &mut self,
        order: &Order,
        admitted: Admitted,
        id: OrderId,
        price: Ticks,
        resting: Lots,
        traded: bool,
    ) {
        let Admitted { account, opens } = admitted;
        if traded {
            self.executed(account);
        }
        if self.keep > 0 {
            self.duplicates.insert(same(order, account), self.now, self.keep);
        }
        if resting > 0 {
            let (side, lots) = (order.side, resting);
            self.parts.lay(Hold { order: id, account, side, opens, traded, price, lots, prev: NIL, next: NIL });
        }
    }

    /// A live order changed: `resting` lots of it are left, at `price`; some may have traded on the way.
    pub fn changed(&mut self, symbol: u32, id: OrderId, opens: bool, price: Ticks, resting: Lots, traded: bool) {
        let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) else { return };
        let hold = self.parts.holds[slot as usize];
        if traded && !hold.traded {
            self.executed(hold.account);
        }
        self.parts.discount(&hold);
        if resting == 0 {
            self.parts.lift(slot);
            return;
        }
        let changed = Hold { opens, price, lots: resting, traded: traded || hold.traded, ..hold };
        self.parts.holds[slot as usize] = changed;
        self.parts.count(&changed);
    }

    /// `lots` of a live order left the book without a trade.
    #[inline]
    pub fn release(&mut self, symbol: u32, id: OrderId, lots: Lots) {
        if let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) {
            self.let_go(slot, lots);
        }
    }

    /// `lots` of a live order traded.
    #[inline]
    pub fn filled(&mut self, symbol: u32, id: OrderId, lots: Lots, price: Ticks) {
        let Some(slot) = self.parts.symbols[symbol as usize].holds.get(id) else { return };
        let hold = &mut self.parts.holds[slot as usize];
        let (account, side, first) = (hold.account, hold.side, !hold.traded);
        hold.traded = true;
        self.fill(account, side, lots, price);
        if first {
            self.executed(account);
        }
        self.let_go(slot, lots);
    }

    #[inline]
    fn let_go(&mut self, slot: Slot, lots: Lots) {
        let hold = self.parts.holds[slot as usize];
        if lots >= hold.lots {
            self.parts.discount(&hold);
            self.parts.lift(slot);
        } else {
            self.parts.shrink(&hold, lots);
            self.parts.holds[slot as usize].lots -= lots;
        }
    }

    /// The account with this number bought or sold.
    #[inline]
    pub fn fill(&mut self, account: u32, side: Side, lots: Lots, price: Ticks) {
        let mut position = self.parts.position(account);
        let (part, record) = (&mut self.parts.accounts[account as usize], &mut self.parts.records[account as usize]);
        let value = self.parts.symbols[part.symbol as usize].unit.signed(price, lots);
        let user = &mut self.parts.users[part.user as usize];
        let before = position.exposure();
        let earned = position.fill(side == Side::Buy, lots, value);
        (part.lots, record.cost) = (position.lots, position.cost);
        user.expose(position.exposure(), before);
        if earned != 0 {
            user.earn(earned);
        }
    }

    /// The market traded.
    #[inline]
    pub fn trade(&mut self, symbol: u32, price: Ticks) {
        self.parts.symbols[symbol as usize].trade(self.now, price);
    }

    /// An order of the account with this number traded for the first time.
    #[inline]
    pub fn executed(&mut self, account: u32) {
        self.update(account);
        let (part, record) = (&mut self.parts.accounts[account as usize], &mut self.parts.records[account as usize]);
        let pace = self.parts.classes.get(part.class).executions;
        record.executions.record(self.now, pace);
        if record.executions.full(self.now, pace) {
            part.gate.set(Gate::THROTTLED, true);
        }
    }
}
