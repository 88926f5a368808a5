//! What changes while the engine runs: limits, prices and time count from the next order on.

use cift_engine::risk::{Kind, Limit, Order, Reason, Risk, Scope};
use cift_engine::types::Side::{self, Buy, Sell};

const ALICE: u64 = 11;
const BOB: u64 = 22;

fn engine() -> Risk {
    let mut risk = Risk::new(true);
    risk.add_symbol(0.01, 1.0).unwrap();
    risk
}

fn set(risk: &mut Risk, scope: Scope, kind: Kind, value: f64) {
    let window = if kind.has_window() { 1_000 } else { 0 };
    risk.set_limit(scope, kind, Some(Limit { value, window })).unwrap();
}

fn order(user: u64, side: Side, lots: u64, price: i64) -> Order {
    Order { user, symbol: 0, side, price, collared: true, worth: price, lots }
}

/// What a check says, after a preview has said the same.
fn judge(risk: &mut Risk, order: &Order) -> Reason {
    let preview = risk.preview(order);
    let reason = risk.check(order).err().unwrap_or(Reason::Passed);
    assert_eq!(preview, reason);
    reason
}

#[test]
fn every_limit_changes_while_orders_come() {
    // In each case the same order of 10 at 100 passes, is refused under a tighter limit, and passes again without it.
    for (kind, loose, tight, reason) in [
        (Kind::MaxQuantity, 10.0, 9.0, Reason::MaxQuantity),
        (Kind::MaxNotional, 10.0, 9.99, Reason::MaxNotional),
        (Kind::MaxPosition, 15.0, 14.0, Reason::MaxPosition),
        (Kind::CollarLast, 0.25, 0.24, Reason::CollarLast),
        (Kind::CollarReference, 0.25, 0.24, Reason::CollarReference),
        (Kind::CollarPeriod, 0.25, 0.24, Reason::CollarPeriod),
        (Kind::MaxOpenOrders, 2.0, 1.0, Reason::MaxOpenOrders),
        (Kind::MaxOpenNotional, 15.0, 14.99, Reason::MaxOpenNotional),
        (Kind::MaxLeverage, 1.5, 1.49, Reason::MaxLeverage),
        (Kind::BuyingPower, 15.0, 14.99, Reason::BuyingPower),
        (Kind::MaxMessages, 4.0, 3.0, Reason::MessageRate),
    ] {
        let mut risk = engine();
        risk.set_cash(ALICE, 10.0).unwrap();
        risk.set_reference(0, Some(80));
        if kind == Kind::CollarPeriod {
            set(&mut risk, Scope::All, kind, 4_000.0);
        }
        risk.trade(0, 80);
        let first = order(ALICE, Buy, 5, 100);
        let admitted = risk.check(&first).unwrap();
        risk.accept(&first, admitted, 1, 100, 5, false);
        let again = order(ALICE, Buy, 10, 100);
        set(&mut risk, Scope::All, kind, loose);
        for _ in 0..3 {
            assert_eq!(judge(&mut risk, &again), Reason::Passed, "{kind:?}");
        }
        set(&mut risk, Scope::All, kind, tight);
        assert_eq!(judge(&mut risk, &again), reason, "{kind:?}");
        risk.set_limit(Scope::All, kind, None).unwrap();
        assert_eq!(judge(&mut risk, &again), Reason::Passed, "{kind:?}");
    }
}

#[test]
fn a_duplicate_window_changes_while_orders_come() {
    let mut risk = engine();
    set(&mut risk, Scope::All, Kind::DuplicateWindow, 100.0);
    let one = order(ALICE, Buy, 5, 100);
    let admitted = risk.check(&one).unwrap();
    risk.accept(&one, admitted, 1, 100, 5, false);
    risk.advance(50);
    assert_eq!(judge(&mut risk, &one), Reason::Duplicate);
    set(&mut risk, Scope::User(ALICE), Kind::DuplicateWindow, 50.0);
    assert_eq!(judge(&mut risk, &one), Reason::Passed);
    risk.set_limit(Scope::User(ALICE), Kind::DuplicateWindow, None).unwrap();
    assert_eq!(judge(&mut risk, &one), Reason::Duplicate);
}

#[test]
fn a_resting_order_that_trades_counts_by_the_new_limit_of_repeated_executions() {
    let mut risk = engine();
    for id in 1..=2 {
        let admitted = risk.check(&order(ALICE, Buy, 1, 100)).unwrap();
        risk.accept(&order(ALICE, Buy, 1, 100), admitted, id, 100, 1, false);
    }
    // No order of hers comes between the limit and the trades.
    set(&mut risk, Scope::All, Kind::MaxExecutions, 2.0);
    risk.filled(0, 1, 1, 100);
    assert_eq!(judge(&mut risk, &order(ALICE, Sell, 1, 100)), Reason::Passed);
    set(&mut risk, Scope::Symbol(0), Kind::MaxExecutions, 1.0);
    risk.filled(0, 2, 1, 100);
    assert_eq!(judge(&mut risk, &order(ALICE, Sell, 1, 100)), Reason::RepeatedExecution);
    risk.enable(Scope::Symbol(0));
    assert_eq!(judge(&mut risk, &order(ALICE, Sell, 1, 100)), Reason::Passed);
}

#[test]
fn collars_follow_every_price_and_the_clock() {
    let mut risk = engine();
    for kind in [Kind::CollarLast, Kind::CollarReference, Kind::CollarPeriod] {
        set(&mut risk, Scope::All, kind, 0.1);
    }
    set(&mut risk, Scope::User(BOB), Kind::CollarLast, 0.05);
    let high = |user| order(user, Buy, 1, 1_100);
    risk.trade(0, 1_000);
    for _ in 0..3 {
        // In turns, so that what was worked out for one is not taken for the other.
        assert_eq!(judge(&mut risk, &high(ALICE)), Reason::Passed);
        assert_eq!(judge(&mut risk, &high(BOB)), Reason::CollarLast);
    }
    risk.trade(0, 999);
    assert_eq!(judge(&mut risk, &high(ALICE)), Reason::CollarLast);
    risk.trade(0, 1_000);
    assert_eq!(judge(&mut risk, &high(ALICE)), Reason::CollarPeriod, "999 was the lowest a moment ago");
    risk.advance(10_000);
    assert_eq!(risk.preview(&high(ALICE)), Reason::Passed, "nobody has asked since");
    assert_eq!(judge(&mut risk, &high(ALICE)), Reason::Passed);
    risk.set_reference(0, Some(990));
    assert_eq!(judge(&mut risk, &high(ALICE)), Reason::CollarReference);
    risk.set_reference(0, None);
    assert_eq!(judge(&mut risk, &high(ALICE)), Reason::Passed);
    let stop = Order { collared: false, ..order(ALICE, Buy, 1, 9_999) };
    assert_eq!(judge(&mut risk, &stop), Reason::Passed, "a stop's price is none that collars look at");
}
