//! What a limit expected and what an order was, in words: for people, after a refusal.

use super::band::bounds;
use super::corridor::Market;
use super::engine::{Order, Risk};
use super::money::currency;
use super::{Money, Reason};
use crate::instrument::Instrument;
use crate::types::{OrderId, Ticks};

fn at_most(what: &str, most: f64, found: f64) -> String {
    format!("{what}: expected at most {most}, found {found}")
}

impl Risk {
    /// Say what was expected and found where `order` (a change of live order `changing`, or zero) was refused just now.
    #[must_use]
    pub fn explain(&self, reason: Reason, order: &Order, changing: OrderId, instrument: &Instrument) -> String {
        let general = || reason.code().replace('_', " ");
        let Some(symbol) = self.parts.symbols.get(order.symbol as usize) else { return general() };
        let Some(slot) = symbol.accounts.get(order.user) else { return general() };
        let account = &self.parts.accounts[slot as usize];
        let (user, ceilings) = (&self.parts.users[account.user as usize], self.parts.classes.get(account.class));
        let value = symbol.unit.value(order.worth, order.lots).unwrap_or(Money::MAX);
        // A change is judged as if the order were not there.
        let changed = symbol.holds.get(changing).map(|slot| self.parts.holds[slot as usize]);
        let held = changed.map_or(0, |hold| symbol.unit.value(hold.price, hold.lots).unwrap_or(0));
        let units = |lots: i64| instrument.quantity(lots.unsigned_abs());
        let worth = |value: Money| currency(value);
        let Market { last, reference, range } = symbol.market(self.now);
        let collar = |what: &str, low: Ticks, high: Ticks| {
            let (low, high) = (instrument.price(low), instrument.price(high));
            format!("{what}: expected a price from {low} to {high}, found {}", instrument.price(order.price))
        };
        match reason {
            Reason::UnauthorisedUser => "the account is not authorised to trade".into(),
            Reason::RestrictedSymbol => "the symbol is restricted, for everybody or for the account".into(),
            Reason::RepeatedExecution => format!(
                "max_executions: expected fewer than {} orders that trade within {} ns, found as many; a risk officer has to \
                 enable the account",
                ceilings.executions.limit, ceilings.executions.window
            ),
            Reason::ReduceOnly => "expected a position to reduce, found none".into(),
            Reason::MessageRate => format!(
                "max_messages: expected at most {} within {} ns, found one more",
                user.pace.limit, user.pace.window
            ),
            Reason::MaxQuantity => {
                at_most("max_quantity", instrument.quantity(ceilings.max_lots), instrument.quantity(order.lots))
            }
            Reason::MaxNotional => at_most("max_notional", worth(ceilings.max_notional), worth(value)),
            Reason::CollarLast => {
                let (low, high) = bounds(last.unwrap_or(0), ceilings.widths.last);
                collar("collar_last", low, high)
            }
            Reason::CollarReference => {
                let (low, high) = bounds(reference.unwrap_or(0), ceilings.widths.reference);
                collar("collar_reference", low, high)
            }
            Reason::CollarPeriod => {
                let (low, high) = range.unwrap_or((0, 0));
                let width = ceilings.widths.period;
                collar("collar_period", bounds(high, width).0, bounds(low, width).1)
            }
            Reason::Duplicate => format!(
                "duplicate_window: expected no order of the same side, price and quantity within {} ns, found one",
                ceilings.duplicate_window
            ),
            Reason::MaxOpenOrders => {
                let found = user.open_orders + 1 - u32::from(changed.is_some());
                at_most("max_open_orders", user.most_open_orders.into(), found.into())
            }
            Reason::MaxOpenNotional => {
                let found = user.open_notional - held + value;
                at_most("max_open_notional", worth(user.most_open_notional), worth(found))
            }
            Reason::MaxPosition => {
                let open = changed.map_or(0, |hold| hold.lots as i64);
                at_most(
                    "max_position",
                    units(ceilings.max_position),
                    units(account.beyond(order.side, order.lots) - open),
                )
            }
            Reason::MaxLeverage | Reason::BuyingPower => {
                let (what, most) = if reason == Reason::MaxLeverage {
                    ("max_leverage", user.ceilings.commitment(user.cash))
                } else {
                    ("buying_power", user.most_committed)
                };
                let held = changed.filter(|hold| hold.opens).map_or(0, |_| held);
                at_most(what, worth(most), worth(user.committed - held + value))
            }
            _ => general(),
        }
    }
}
