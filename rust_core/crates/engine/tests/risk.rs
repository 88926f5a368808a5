//! Each rule of the stateful risk engine, at its edge.

use cift_engine::risk::{Gate, Kind, Limit, Order, Reason, Risk, Scope};
use cift_engine::types::Side::{self, Buy, Sell};

const ALICE: u64 = 11;
const BOB: u64 = 22;

/// One symbol with cents and single shares; a helper adds orders with ids counted from one.
struct Desk {
    risk: Risk,
    id: u64,
}

impl Desk {
    fn new() -> Self {
        let mut risk = Risk::new(true);
        assert_eq!(risk.add_symbol(0.01, 1.0), Ok(0));
        Self { risk, id: 0 }
    }

    fn limit(mut self, scope: Scope, kind: Kind, value: f64, window: u64) -> Self {
        self.risk.set_limit(scope, kind, Some(Limit { value, window })).unwrap();
        self
    }

    fn default(self, kind: Kind, value: f64) -> Self {
        self.limit(Scope::All, kind, value, 0)
    }

    fn order(user: u64, side: Side, lots: u64, price: i64) -> Order {
        Order { user, symbol: 0, side, price, collared: true, worth: price, lots }
    }

    /// Judge an order, and let it rest when it passes.
    fn send(&mut self, user: u64, side: Side, lots: u64, price: i64) -> Reason {
        let order = Self::order(user, side, lots, price);
        let preview = self.risk.preview(&order);
        let reason = match self.risk.check(&order) {
            Ok(admitted) => {
                self.id += 1;
                self.risk.accept(&order, admitted, self.id, price, lots, false);
                Reason::Passed
            }
            Err(reason) => reason,
        };
        assert_eq!(preview, reason, "a preview says the same");
        reason
    }

    /// A resting order trades in full.
    fn trade(&mut self, id: u64) {
        let (_, _, price, lots) = self.risk.live(0, id).unwrap();
        self.risk.filled(0, id, lots, price);
        self.risk.trade(0, price);
    }
}

#[test]
fn size_and_worth_of_one_order() {
    let mut desk = Desk::new().default(Kind::MaxQuantity, 100.0).default(Kind::MaxNotional, 5_000.0);
    assert_eq!(desk.send(ALICE, Buy, 100, 5_000), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 101, 1), Reason::MaxQuantity);
    assert_eq!(desk.send(ALICE, Sell, 100, 5_001), Reason::MaxNotional);
}

#[test]
fn the_narrower_scope_counts_and_of_two_the_tighter() {
    let mut desk = Desk::new().default(Kind::MaxQuantity, 10.0);
    assert_eq!(desk.send(ALICE, Buy, 11, 100), Reason::MaxQuantity);
    desk = desk.limit(Scope::User(ALICE), Kind::MaxQuantity, 50.0, 0);
    assert_eq!(desk.send(ALICE, Buy, 50, 100), Reason::Passed);
    assert_eq!(desk.send(BOB, Buy, 11, 100), Reason::MaxQuantity);
    desk = desk.limit(Scope::Symbol(0), Kind::MaxQuantity, 20.0, 0);
    assert_eq!(desk.send(ALICE, Buy, 21, 100), Reason::MaxQuantity);
    assert_eq!(desk.send(BOB, Buy, 20, 100), Reason::Passed);
    desk = desk.limit(Scope::Account(ALICE, 0), Kind::MaxQuantity, 60.0, 0);
    assert_eq!(desk.send(ALICE, Buy, 60, 100), Reason::Passed);
    desk.risk.set_limit(Scope::Account(ALICE, 0), Kind::MaxQuantity, None).unwrap();
    assert_eq!(desk.send(ALICE, Buy, 60, 100), Reason::MaxQuantity);
}

#[test]
fn collars() {
    let mut desk = Desk::new().default(Kind::CollarLast, 0.05).default(Kind::CollarReference, 0.1);
    assert_eq!(desk.send(ALICE, Buy, 1, 999_999), Reason::Passed, "no price to compare with yet");
    desk.risk.set_reference(0, Some(1_000));
    assert_eq!(desk.send(ALICE, Buy, 1, 1_100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 1, 1_101), Reason::CollarReference);
    assert_eq!(desk.send(ALICE, Sell, 1, 899), Reason::CollarReference);
    desk.risk.trade(0, 1_000);
    assert_eq!(desk.send(ALICE, Buy, 1, 1_050), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 1, 1_051), Reason::CollarLast);
    assert_eq!(desk.send(ALICE, Sell, 1, 949), Reason::CollarLast);
    assert_eq!(desk.risk.protection(ALICE, 0, Buy), Ok(Some(1_050)));
    assert_eq!(desk.risk.protection(ALICE, 0, Sell), Ok(Some(950)));
}

#[test]
fn the_collar_over_a_period_sees_a_market_that_creeps() {
    let mut desk = Desk::new().limit(Scope::All, Kind::CollarPeriod, 0.1, 800);
    for step in 0..10 {
        desk.risk.advance(step * 10);
        desk.risk.trade(0, 1_000 + step as i64 * 10);
    }
    assert_eq!(desk.send(ALICE, Buy, 1, 1_101), Reason::CollarPeriod);
    assert_eq!(desk.send(ALICE, Buy, 1, 1_100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Sell, 1, 980), Reason::CollarPeriod);
    desk.risk.advance(2_000);
    assert_eq!(desk.send(ALICE, Buy, 1, 5_000), Reason::Passed);
}

#[test]
fn a_repetition_within_the_window() {
    let mut desk = Desk::new().default(Kind::DuplicateWindow, 100.0);
    assert_eq!(desk.send(ALICE, Buy, 5, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 5, 100), Reason::Duplicate);
    for (user, side, lots, price) in
        [(BOB, Buy, 5, 100), (ALICE, Sell, 5, 100), (ALICE, Buy, 6, 100), (ALICE, Buy, 5, 99)]
    {
        assert_eq!(desk.send(user, side, lots, price), Reason::Passed);
    }
    desk.risk.advance(99);
    assert_eq!(desk.send(ALICE, Buy, 5, 100), Reason::Duplicate);
    desk.risk.advance(100);
    assert_eq!(desk.send(ALICE, Buy, 5, 100), Reason::Passed);
}

#[test]
fn open_orders_by_number_and_worth_come_back_when_they_leave() {
    let mut desk = Desk::new().default(Kind::MaxOpenOrders, 2.0);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::MaxOpenOrders);
    desk.risk.release(0, 1, 1);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
    let mut desk = Desk::new().default(Kind::MaxOpenNotional, 100.0);
    assert_eq!(desk.send(ALICE, Buy, 10, 600), Reason::Passed);
    assert_eq!(desk.send(ALICE, Sell, 10, 401), Reason::MaxOpenNotional);
    desk.risk.release(0, 1, 1);
    assert_eq!(desk.send(ALICE, Sell, 10, 401), Reason::Passed);
    let user = desk.risk.user(ALICE).unwrap();
    assert!((user.open_notional - 94.1).abs() < 1e-9 && user.open_orders == 2);
}

#[test]
fn a_position_counts_what_rests() {
    let mut desk = Desk::new().default(Kind::MaxPosition, 100.0);
    assert_eq!(desk.send(ALICE, Buy, 60, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 41, 100), Reason::MaxPosition);
    assert_eq!(desk.send(ALICE, Sell, 100, 200), Reason::Passed);
    assert_eq!(desk.send(ALICE, Sell, 1, 200), Reason::MaxPosition);
    desk.trade(1);
    assert_eq!(desk.risk.account(ALICE, 0).position, 60);
    assert_eq!(desk.send(ALICE, Buy, 41, 100), Reason::MaxPosition);
    assert_eq!(desk.send(ALICE, Buy, 40, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Sell, 60, 200), Reason::Passed);
}

#[test]
fn buying_power_is_held_spent_and_given_back() {
    let mut desk = Desk::new().default(Kind::BuyingPower, 1_000.0);
    assert_eq!(desk.send(ALICE, Buy, 600, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 401, 100), Reason::BuyingPower);
    desk.risk.release(0, 1, 100);
    assert_eq!(desk.send(ALICE, Buy, 400, 100), Reason::Passed);
    desk.trade(1);
    desk.trade(2);
    let user = desk.risk.user(ALICE).unwrap();
    assert_eq!((user.exposure, user.held, user.open_orders), (900.0, 0.0, 0));
    assert_eq!(desk.send(ALICE, Buy, 101, 100), Reason::BuyingPower);
    assert_eq!(desk.send(ALICE, Sell, 900, 200), Reason::Passed, "to close takes no buying power");
    assert_eq!(desk.risk.user(ALICE).unwrap().held, 0.0);
    assert_eq!(desk.send(ALICE, Sell, 1, 200), Reason::Passed, "100 of the 1000 are left, this takes 2");
    assert_eq!(desk.send(ALICE, Sell, 50, 200), Reason::BuyingPower);
    desk.trade(3);
    assert_eq!(desk.risk.user(ALICE).unwrap().cash, 900.0);
}

#[test]
fn leverage_counts_the_cash_that_trading_earns_and_loses() {
    let mut desk = Desk::new().default(Kind::MaxLeverage, 2.0);
    assert_eq!(desk.send(ALICE, Buy, 1, 1), Reason::MaxLeverage, "no cash, no position");
    desk.risk.set_cash(ALICE, 100.0).unwrap();
    assert_eq!(desk.send(ALICE, Buy, 201, 100), Reason::MaxLeverage);
    assert_eq!(desk.send(ALICE, Buy, 200, 100), Reason::Passed);
    desk.trade(1);
    assert_eq!(desk.send(ALICE, Sell, 200, 80), Reason::Passed);
    desk.trade(2);
    assert_eq!(desk.risk.user(ALICE).unwrap().cash, 60.0);
    assert_eq!(desk.send(ALICE, Buy, 121, 100), Reason::MaxLeverage);
    assert_eq!(desk.send(ALICE, Buy, 120, 100), Reason::Passed);
}

#[test]
fn messages_are_counted_even_when_they_are_refused_for_something_else() {
    let mut desk = Desk::new().limit(Scope::All, Kind::MaxMessages, 3.0, 100).default(Kind::MaxQuantity, 10.0);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Buy, 11, 100), Reason::MaxQuantity);
    desk.risk.advance(50);
    desk.risk.count_message(ALICE, 0).unwrap();
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::MessageRate);
    assert_eq!(desk.send(BOB, Buy, 1, 100), Reason::Passed);
    desk.risk.advance(99);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::MessageRate);
    desk.risk.advance(100);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
}

#[test]
fn repeated_executions_wait_for_somebody_to_look() {
    let mut desk = Desk::new().limit(Scope::All, Kind::MaxExecutions, 2.0, 100);
    for id in 1..=2 {
        assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::Passed);
        desk.trade(id);
    }
    desk.risk.advance(1_000_000);
    assert_eq!(desk.send(ALICE, Sell, 1, 100), Reason::RepeatedExecution);
    assert!(desk.risk.account(ALICE, 0).throttled);
    desk.risk.enable(Scope::User(BOB));
    assert_eq!(desk.send(ALICE, Sell, 1, 100), Reason::RepeatedExecution);
    desk.risk.enable(Scope::Account(ALICE, 0));
    assert_eq!(desk.send(ALICE, Sell, 1, 100), Reason::Passed);
}

#[test]
fn gates() {
    let mut desk = Desk::new();
    assert_eq!(desk.send(ALICE, Buy, 10, 100), Reason::Passed);
    desk.trade(1);
    for scope in [Scope::All, Scope::Symbol(0), Scope::User(ALICE), Scope::Account(ALICE, 0)] {
        for (gate, reason) in [
            (Gate::KILLED, Reason::KillSwitch),
            (Gate::HALTED, Reason::Halted),
            (Gate::RESTRICTED, Reason::RestrictedSymbol),
        ] {
            desk.risk.set_gate(scope, gate, true);
            assert_eq!(desk.send(ALICE, Sell, 1, 100), reason);
            let others = matches!(scope, Scope::User(_) | Scope::Account(..));
            assert_eq!(desk.send(BOB, Buy, 1, 100) == Reason::Passed, others);
            desk.risk.set_gate(scope, gate, false);
        }
    }
    desk.risk.set_gate(Scope::User(ALICE), Gate::REDUCING, true);
    assert_eq!(desk.send(ALICE, Buy, 1, 100), Reason::ReduceOnly);
    assert_eq!(desk.send(ALICE, Sell, 11, 100), Reason::ReduceOnly);
    assert_eq!(desk.send(ALICE, Sell, 6, 100), Reason::Passed);
    assert_eq!(desk.send(ALICE, Sell, 5, 100), Reason::ReduceOnly, "6 are on their way already");
    assert_eq!(desk.send(ALICE, Sell, 4, 100), Reason::Passed);
}

#[test]
fn strangers_stay_outside_without_open_access() {
    let mut risk = Risk::new(false);
    risk.add_symbol(0.01, 1.0).unwrap();
    let order = Desk::order(ALICE, Buy, 1, 100);
    assert_eq!(
        (risk.preview(&order), risk.check(&order).unwrap_err()),
        (Reason::UnauthorisedUser, Reason::UnauthorisedUser)
    );
    risk.set_limit(Scope::User(ALICE), Kind::MaxOpenOrders, Some(Limit { value: 1.0, window: 0 })).unwrap();
    assert_eq!(risk.check(&order).unwrap_err(), Reason::UnauthorisedUser, "a limit lets nobody in");
    risk.set_gate(Scope::User(ALICE), Gate::UNAUTHORISED, false);
    assert!(risk.check(&order).is_ok());
    assert_eq!(risk.check(&Order { symbol: 7, ..order }).unwrap_err(), Reason::UnknownSymbol);
}

#[test]
fn a_change_is_judged_without_what_it_replaces() {
    let mut desk = Desk::new().default(Kind::MaxPosition, 100.0).default(Kind::MaxOpenOrders, 1.0);
    assert_eq!(desk.send(ALICE, Buy, 60, 100), Reason::Passed);
    let order = Desk::order(ALICE, Buy, 100, 101);
    let admitted = desk.risk.check_change(&order, 1).unwrap();
    desk.risk.changed(0, 1, admitted.opens, 101, 100, false);
    assert_eq!(desk.risk.account(ALICE, 0).open_buy, 100);
    assert_eq!(desk.risk.check_change(&Desk::order(ALICE, Buy, 101, 101), 1).unwrap_err(), Reason::MaxPosition);
    desk.risk.changed(0, 1, true, 101, 0, false);
    assert_eq!(desk.risk.user(ALICE).unwrap().open_orders, 0);
}

#[test]
fn limits_that_make_no_sense_are_named() {
    let mut risk = Risk::new(true);
    risk.add_symbol(0.01, 1.0).unwrap();
    let mut say = |scope, kind, value, window| {
        risk.set_limit(scope, kind, Some(Limit { value, window })).unwrap_err().to_string()
    };
    assert_eq!(say(Scope::All, Kind::MaxNotional, f64::NAN, 0), "max_notional NaN is not a finite number");
    assert_eq!(say(Scope::All, Kind::MaxNotional, 0.0, 0), "max_notional 0 must be greater than zero");
    assert_eq!(say(Scope::All, Kind::MaxMessages, 1.5, 1), "max_messages 1.5 must be a whole number");
    assert_eq!(say(Scope::All, Kind::MaxMessages, 1e9, 1), "max_messages 1000000000 is too large for this limit");
    assert_eq!(say(Scope::All, Kind::MaxMessages, 10.0, 0), "window 0 must be greater than zero");
    assert_eq!(say(Scope::All, Kind::MaxNotional, 10.0, 5), "window 5 has no meaning for this limit");
    assert_eq!(
        say(Scope::Symbol(0), Kind::BuyingPower, 10.0, 0),
        "buying_power 10 counts over all symbols: name no symbol"
    );
}

#[test]
fn a_state_comes_back_whole() {
    let mut desk = Desk::new()
        .default(Kind::DuplicateWindow, 100.0)
        .limit(Scope::All, Kind::MaxMessages, 50.0, 1_000)
        .limit(Scope::Symbol(0), Kind::CollarPeriod, 0.5, 80)
        .limit(Scope::User(BOB), Kind::MaxExecutions, 1.0, 100);
    for step in 0..30 {
        desk.risk.advance(step * 7);
        let user = if step % 3 == 0 { ALICE } else { BOB };
        desk.send(user, if step % 2 == 0 { Buy } else { Sell }, 1 + step % 4, 100 + step as i64 % 5);
        if step % 4 == 3 && desk.risk.live(0, step / 4 + 1).is_some() {
            desk.trade(step / 4 + 1);
        }
    }
    let state = desk.risk.state();
    let again = Risk::from_state(&state, &[(0.01, 1.0)]).unwrap();
    assert_eq!(again.state(), state);
    assert_eq!(again.user(ALICE), desk.risk.user(ALICE));
    assert_eq!(again.account(BOB, 0), desk.risk.account(BOB, 0));
    assert_eq!(again.live_orders(Scope::All), desk.risk.live_orders(Scope::All));
    assert!(Risk::from_state(&state, &[]).is_err());
}
