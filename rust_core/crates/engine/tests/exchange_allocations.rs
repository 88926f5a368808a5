//! Once warm, no command of a trader allocates on its way through risk and book, fills and holds included.

use allocation_counter::measure;
use cift_engine::exchange::{Command, EVERY_SYMBOL, EVERY_USER, EventRecord, Exchange, Op};
use cift_engine::risk::Kind;
use cift_engine::types::SelfTrade;

const ROUND: u64 = 3_000;

/// Orders on both sides of two symbols, some of which trade; changes, then cancels of all that is left.
fn round(exchange: &mut Exchange, commands: &mut Vec<Command>, events: &mut Vec<EventRecord>, from: u64) {
    commands.clear();
    let order = |id: u64| {
        let (side, away) = ((id % 2) as u8, (id % 30) as f64);
        let price = if side == 0 { 1_000.0 - away } else { 1_001.0 + away };
        // Every seventh order crosses.
        let price = if id % 7 == 0 { 2_001.0 - price } else { price };
        let (user_id, symbol) = (id % 10, (id / 2 % 2) as u32);
        Command { time: id * 1_000, order_id: id, user_id, symbol, side, price, quantity: 5.0, ..Command::default() }
    };
    let ids = from..from + ROUND;
    commands.extend(ids.clone().map(order));
    commands.extend(ids.clone().step_by(3).map(|id| Command { op: Op::Modify as u8, quantity: 9.0, ..order(id) }));
    commands.extend(ids.map(|id| Command { op: Op::Cancel as u8, ..order(id) }));
    events.clear();
    exchange.submit_batch(commands, events);
}

#[test]
fn a_warm_exchange_does_not_allocate() {
    let mut exchange = Exchange::new(true);
    exchange.add_symbol("AAPL", 1.0, 1.0, SelfTrade::Allow, false).unwrap();
    exchange.add_symbol("MSFT", 1.0, 1.0, SelfTrade::Decrement, false).unwrap();
    let (mut commands, mut events) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let price = if kind == Kind::MaxExecutions { 60_000.0 } else { 4_000.0 };
        let price = if kind.name().contains("notional") || kind == Kind::BuyingPower { 1e12 } else { price };
        let price = if kind == Kind::MaxLeverage { 100.0 } else { price };
        let expires = if kind.has_window() { 100_000 } else { 0 };
        let all = Command { user_id: EVERY_USER, symbol: EVERY_SYMBOL, ..Command::default() };
        let set = Command { op: Op::SetLimit as u8, flags: kind as u8, price, expires, ..all };
        exchange.submit(&set, 0, &mut events).unwrap();
    }
    for user_id in 0..10 {
        let cash = Command { op: Op::SetCash as u8, user_id, symbol: EVERY_SYMBOL, price: 1e12, ..Command::default() };
        exchange.submit(&cash, 0, &mut events).unwrap();
    }
    for warm in 0..4 {
        round(&mut exchange, &mut commands, &mut events, warm * ROUND);
    }
    let counted = measure(|| round(&mut exchange, &mut commands, &mut events, 4 * ROUND));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0));
    let fills = events.iter().filter(|event| event.kind == EventRecord::FILL).count();
    let rejected = events.iter().filter(|event| event.kind == EventRecord::REJECTED).count();
    assert!(fills > 300 && rejected < events.len() / 3, "{fills} fills, {rejected} rejected of {}", events.len());
}
