//! The order book alone: nanoseconds per operation of a mixed flow, and how they change with the size of the book.
//!
//! `cargo bench -p cift-engine --bench book [-- --json] [-- --mixed]`; `--mixed` leaves the sizes out. The mix is 60 % passive adds, 30 % cancels and 10 % orders that
//! take. Means come from whole runs, without a clock between operations; percentiles from runs that read the clock
//! around each operation, and so contain some 20 ns of it.

use std::hint::black_box;
use std::time::Instant;

use cift_engine::book::Book;
use cift_engine::event::Fill;
use cift_engine::orders::{Limit, Terms};
use cift_engine::types::{OrderId, SelfTrade, Side, Ticks, TimeInForce};
use hdrhistogram::Histogram;

const OPERATIONS: usize = 200_000;
const RUNS: usize = 9;
const MID: Ticks = 100_000;

#[derive(Clone, Copy)]
enum Operation {
    Limit(Limit),
    Cancel(OrderId),
}

/// A small generator of its own, so that the flow is the same on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * u128::from(end)) >> 64) as u64
    }
}

fn limit(id: OrderId, side: Side, price: Ticks, quantity: u64, tif: TimeInForce) -> Limit {
    Limit { id, user: id % 100, side, price, quantity, terms: Terms { tif, ..Terms::default() } }
}

/// Mixed operations on a book in which `resting` orders rest already, with those orders first.
fn flow(resting: usize, operations: usize) -> (Vec<Operation>, Vec<Operation>) {
    let mut chance = Chance(0x2545_F491_4F6C_DD1D);
    let mut book = Book::new(SelfTrade::Allow);
    let mut live: Vec<OrderId> = Vec::new();
    let mut fills: Vec<Fill> = Vec::new();
    let mut next = 1;
    let (mut first, mut mixed) = (Vec::new(), Vec::new());
    while first.len() < resting {
        let order = passive(&mut chance, next);
        next += 1;
        first.push(Operation::Limit(order));
        book.add_limit(&order, &mut fills).expect("a fresh id");
        live.push(order.id);
    }
    while mixed.len() < operations {
        let draw = chance.below(10);
        if draw < 6 || live.is_empty() {
            let order = passive(&mut chance, next);
            next += 1;
            book.add_limit(&order, &mut fills).expect("a fresh id");
            live.push(order.id);
            mixed.push(Operation::Limit(order));
        } else if draw < 9 {
            // An order that was filled meanwhile is drawn again: every cancel finds its order.
            let at = chance.below(live.len() as u64) as usize;
            let id = live.swap_remove(at);
            if book.cancel(id, &mut fills).is_ok() {
                mixed.push(Operation::Cancel(id));
            }
        } else {
            let side = if chance.below(2) == 0 { Side::Buy } else { Side::Sell };
            let price = if side == Side::Buy { MID + 60 } else { MID - 60 };
            let order = limit(next, side, price, 50 + chance.below(150), TimeInForce::Ioc);
            next += 1;
            book.add_limit(&order, &mut fills).expect("a fresh id");
            mixed.push(Operation::Limit(order));
        }
        fills.clear();
    }
    (first, mixed)
}

fn passive(chance: &mut Chance, id: OrderId) -> Limit {
    let behind = 1 + chance.below(50) as Ticks;
    let (side, price) = if chance.below(2) == 0 { (Side::Buy, MID - behind) } else { (Side::Sell, MID + behind) };
    limit(id, side, price, 1 + chance.below(100), TimeInForce::Gtc)
}

#[inline]
fn apply(book: &mut Book, operation: &Operation, fills: &mut Vec<Fill>) {
    match operation {
        Operation::Limit(order) => {
            let _ = black_box(book.add_limit(order, fills));
        }
        Operation::Cancel(id) => {
            let _ = black_box(book.cancel(*id, fills));
        }
    }
    if !fills.is_empty() {
        black_box(fills.as_slice());
        fills.clear();
    }
}

/// Nanoseconds per mixed operation: the median over runs, and the best run, which other programs disturbed least.
fn mean(first: &[Operation], mixed: &[Operation]) -> (f64, f64) {
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (mut book, mut fills) = prepared(first);
            let started = Instant::now();
            for operation in mixed {
                apply(&mut book, operation, &mut fills);
            }
            started.elapsed().as_nanos() as f64 / mixed.len() as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    (runs[RUNS / 2], runs[0])
}

fn percentiles(first: &[Operation], mixed: &[Operation]) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("sane bounds");
    for _ in 0..RUNS {
        let (mut book, mut fills) = prepared(first);
        for operation in mixed {
            let started = Instant::now();
            apply(&mut book, operation, &mut fills);
            histogram.saturating_record(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }
    histogram
}

fn prepared(first: &[Operation]) -> (Book, Vec<Fill>) {
    let (mut book, mut fills) = (Book::new(SelfTrade::Allow), Vec::with_capacity(1024));
    book.reserve(first.len() + OPERATIONS / 4);
    for operation in first {
        apply(&mut book, operation, &mut fills);
    }
    (book, fills)
}

fn main() {
    let given = |option: &str| std::env::args().any(|argument| argument == option);
    let json = given("--json");
    let (first, mixed) = flow(1_000, OPERATIONS);
    let (mixed_mean, mixed_best) = mean(&first, &mixed);
    let histogram = percentiles(&first, &mixed);
    let at = |percent| histogram.value_at_quantile(percent);
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), histogram.max());
    let sizes: &[usize] = if given("--mixed") { &[] } else { &[1_000, 10_000, 100_000, 1_000_000, 5_000_000] };
    let curve: Vec<(usize, (f64, f64))> = sizes
        .iter()
        .copied()
        .map(|resting| {
            let (first, mixed) = flow(resting, OPERATIONS / 2);
            (resting, mean(&first, &mixed))
        })
        .collect();
    if json {
        let curve: Vec<String> = curve
            .iter()
            .map(|(n, (mean, best))| format!("{{\"resting\":{n},\"mean_ns\":{mean:.2},\"best_ns\":{best:.2}}}"))
            .collect();
        println!(
            "{{\"operations\":{OPERATIONS},\"mean_ns\":{mixed_mean:.2},\"best_ns\":{mixed_best:.2},\"p50_ns\":{p50},\"p99_ns\":{p99},\
             \"p999_ns\":{p999},\"max_ns\":{max},\"curve\":[{}]}}",
            curve.join(",")
        );
        return;
    }
    println!("mixed flow of {OPERATIONS} operations: mean {mixed_mean:.1} ns, best run {mixed_best:.1} ns");
    println!("with a clock around each: p50 {p50} ns, p99 {p99} ns, p99.9 {p999} ns, max {max} ns");
    for (resting, (mean, best)) in curve {
        println!("{resting:>9} resting orders: mean {mean:.1} ns, best run {best:.1} ns");
    }
}
