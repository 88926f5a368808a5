//! What a pre-trade check costs with every limit on: `cargo bench --bench risk`, `-- --json` for machines.
//!
//! 64 users trade 16 symbols; orders come 100 us apart. Medians over runs of a thousand orders each, short enough that
//! a busy machine spoils few of them; percentiles with a clock around each check, whose own cost (told apart) is in them.

use std::time::Instant;

use cift_engine::risk::{Kind, Limit, Order, Reason, Risk, Scope};
use cift_engine::types::Side;
use hdrhistogram::Histogram;

const ORDERS: usize = 200_000;
const ROUNDS: usize = 5;
const RUN: usize = 1_000;
const SECOND: u64 = 1_000_000_000;
const APART: u64 = SECOND / 10_000;

fn engine() -> Risk {
    let mut risk = Risk::new(true);
    for symbol in 0..16 {
        risk.add_symbol(0.01, 1.0).expect("a grid");
        risk.set_reference(symbol, Some(10_000));
        risk.trade(symbol, 10_000);
    }
    for kind in Kind::ALL {
        let value = match kind {
            Kind::CollarLast | Kind::CollarReference | Kind::CollarPeriod => 0.1,
            Kind::MaxExecutions | Kind::MaxMessages => 1_000.0,
            Kind::MaxLeverage => 10.0,
            Kind::DuplicateWindow => 1e8,
            Kind::MaxOpenOrders => 1e6,
            _ => 1e12,
        };
        let window = if kind.has_window() { SECOND } else { 0 };
        risk.set_limit(Scope::All, kind, Some(Limit { value, window })).expect("a limit");
    }
    for user in 0..64 {
        risk.set_cash(user, 1e12).expect("cash");
    }
    risk
}

fn orders() -> Vec<Order> {
    let mut state = 42_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..ORDERS)
        .map(|_| {
            let price = 9_500 + random(1_000) as i64;
            Order {
                user: random(64),
                symbol: random(16) as u32,
                side: if random(2) == 0 { Side::Buy } else { Side::Sell },
                price,
                collared: true,
                worth: price,
                lots: 1 + random(1_000),
            }
        })
        .collect()
}

/// A part of all orders checked, then taken; each leaves again when `depth` others have come. Returns how many passed.
fn whole(risk: &mut Risk, all: &[Order], part: &[Order], from: u64) -> usize {
    let (depth, mut passed) = (1_000, 0);
    for (number, order) in (from..).zip(part) {
        risk.advance(number * APART);
        if let Ok(admitted) = risk.check(order) {
            risk.accept(order, admitted, number, order.worth, order.lots, false);
            passed += 1;
        }
        if number >= depth {
            let left = &all[((number - depth) % ORDERS as u64) as usize];
            risk.release(left.symbol, number - depth, left.lots);
        }
    }
    passed
}

/// Every order checked, nothing taken.
fn checks(risk: &mut Risk, orders: &[Order], from: u64) -> usize {
    let mut passed = 0;
    for (number, order) in (from..).zip(orders) {
        risk.advance(number * APART);
        passed += usize::from(risk.check(order).is_ok());
    }
    passed
}

/// The median cost per order over runs of `RUN` orders, `ROUNDS` times through all of them. `run` gets the orders and
/// the number of the first one.
#[allow(clippy::cast_precision_loss)]
fn median(orders: &[Order], from: u64, mut run: impl FnMut(&[Order], u64) -> usize) -> f64 {
    let (mut means, mut passed) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        for (number, part) in orders.chunks_exact(RUN).enumerate() {
            let first = from + (round * ORDERS + number * RUN) as u64;
            let started = Instant::now();
            passed += run(part, first);
            means.push(started.elapsed().as_nanos() as f64 / RUN as f64);
        }
    }
    assert!(passed > ROUNDS * ORDERS * 9 / 10, "only {passed} orders passed");
    means.sort_by(f64::total_cmp);
    means[means.len() / 2]
}

fn percentiles(risk: &mut Risk, orders: &[Order], from: u64) -> (Histogram<u64>, Histogram<u64>) {
    let new = || Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("bounds");
    let (mut checks, mut clock) = (new(), new());
    for (number, order) in (from..).zip(orders) {
        risk.advance(number * APART);
        let started = Instant::now();
        let verdict = std::hint::black_box(risk.check(order));
        let took = started.elapsed();
        let empty = Instant::now();
        clock.saturating_record(empty.elapsed().as_nanos() as u64);
        checks.saturating_record(took.as_nanos() as u64);
        if let Ok(admitted) = verdict {
            risk.accept(order, admitted, number, order.worth, order.lots, false);
            risk.release(order.symbol, number, order.lots);
        }
    }
    (checks, clock)
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let (mut risk, orders) = (engine(), orders());
    let span = ORDERS as u64;
    whole(&mut risk, &orders, &orders, 0);
    let whole_ns = median(&orders, span, |part, from| whole(&mut risk, &orders, part, from));
    let check_ns = median(&orders, 7 * span, |part, from| checks(&mut risk, part, from));
    let preview_ns = median(&orders, 0, |part, _| {
        part.iter().filter(|order| std::hint::black_box(risk.preview(order)) == Reason::Passed).count()
    });
    let (checks, clock) = percentiles(&mut risk, &orders, 14 * span);
    let at = |quantile| checks.value_at_quantile(quantile);
    let (p50, p99, p999, max, clock) = (at(0.5), at(0.99), at(0.999), checks.max(), clock.value_at_quantile(0.5));
    if json {
        println!(
            "{{\"orders\":{ORDERS},\"check_ns\":{check_ns:.2},\"preview_ns\":{preview_ns:.2},\
             \"check_accept_release_ns\":{whole_ns:.2},\"p50_ns\":{p50},\"p99_ns\":{p99},\"p999_ns\":{p999},\
             \"max_ns\":{max},\"clock_ns\":{clock}}}"
        );
        return;
    }
    println!("check, all limits on: {check_ns:.1} ns");
    println!("preview, nothing recorded: {preview_ns:.1} ns");
    println!("check, hold, release: {whole_ns:.1} ns");
    println!(
        "check with a clock around it: p50 {p50} ns, p99 {p99} ns, p99.9 {p999} ns, max {max} ns (clock {clock} ns)"
    );
}
