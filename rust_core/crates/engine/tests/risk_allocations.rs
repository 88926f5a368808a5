//! Once warm, no check, hold or release allocates.

use allocation_counter::measure;
use cift_engine::risk::{Kind, Limit, Order, Risk, Scope};
use cift_engine::types::Side;

const ROUND: u64 = 5_000;

/// Orders of 20 users in three symbols, 100 live at a time; every second one trades when it leaves.
fn round(risk: &mut Risk, from: u64) {
    let order = |number: u64| Order {
        user: number % 20,
        symbol: (number % 3) as u32,
        side: if number % 2 == 0 { Side::Buy } else { Side::Sell },
        price: 1_000 + (number % 7) as i64,
        collared: true,
        worth: 1_000 + (number % 7) as i64,
        lots: 1 + number % 50,
    };
    for number in from..from + ROUND {
        risk.advance(number * 10);
        let Order { worth, lots, .. } = order(number);
        if let Ok(admitted) = risk.check(&order(number)) {
            risk.accept(&order(number), admitted, number, worth, lots, false);
        }
        if number >= 100 {
            let Order { symbol, worth, lots, .. } = order(number - 100);
            if number % 2 == 0 && risk.live(symbol, number - 100).is_some() {
                risk.filled(symbol, number - 100, lots, worth);
                risk.trade(symbol, worth);
            }
            risk.release(symbol, number - 100, lots);
        }
    }
}

#[test]
fn a_warm_engine_does_not_allocate() {
    let mut risk = Risk::new(true);
    for _ in 0..3 {
        risk.add_symbol(0.01, 1.0).unwrap();
    }
    for kind in Kind::ALL {
        let value = if kind == Kind::MaxExecutions { 200.0 } else { 500.0 };
        let limit = Limit { value, window: if kind.has_window() { 10_000 } else { 0 } };
        risk.set_limit(Scope::All, kind, Some(limit)).unwrap();
    }
    for user in 0..20 {
        risk.set_cash(user, 1e9).unwrap();
    }
    risk.set_limit(Scope::All, Kind::BuyingPower, Some(Limit { value: 1e9, window: 0 })).unwrap();
    for warm in 0..4 {
        round(&mut risk, warm * ROUND);
        risk.enable(Scope::All);
    }
    let counted = measure(|| round(&mut risk, 4 * ROUND));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
}
