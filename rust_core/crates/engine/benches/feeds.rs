//! Feeds: messages per second per core, of parsing alone and of parsing and building every stock's book.
//!
//! The books hold their resting orders already when the clock starts: a day is long, its first minute is not the rule.
//! `cargo bench -p cift-engine --bench feeds [-- --json]`. The bytes are generated (`feeds::itch::generate`); runs are
//! whole files, and the median of them counts. Time is the thread's own on the processor where the kernel tells it
//! (`/proc/thread-self/schedstat`), so that a busy machine does not count as a slow feed; otherwise the wall clock's.

use std::hint::black_box;
use std::time::Instant;

use cift_engine::feeds::itch::{Flow, Frames, ItchBook, generate};

const MESSAGES: usize = 4_000_000;
const RUNS: usize = 7;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    for (stocks, resting) in [(100, 10_000), (1000, 100_000), (8000, 1_000_000)] {
        let warm_up = resting * 12;
        let bytes = generate(&Flow { messages: MESSAGES + warm_up, stocks, resting, seed: 1 });
        let (split, _) = Frames::new(&bytes).nth(warm_up).expect("more than the warm-up").expect("valid messages");
        let (morning, bytes) = bytes.split_at(split);
        let messages = Frames::new(bytes).count();
        let parse = median(|| (), |()| Frames::new(bytes).filter(|item| item.is_ok()).count());
        let mut book = ItchBook::new();
        book.apply(morning, false).expect("valid messages");
        let build = median(
            || book.clone(),
            |mut book| {
                book.apply(bytes, false).expect("valid messages");
                book.len()
            },
        );
        for (name, seconds) in [("parse", parse), ("parse and build", build)] {
            let rate = messages as f64 / seconds;
            if json {
                println!(
                    "{}",
                    format_args!(
                        r#"{{"section": "feeds", "name": "itch {name}, {stocks} stocks, {resting} resting", "unit": "ops/s", "n": {messages}, "value": {rate:.0}}}"#
                    )
                );
            } else {
                println!(
                    "itch {name:>15}  {stocks:>5} stocks  {resting:>8} resting  {:>6.1} million/s  {:>5.1} ns/message",
                    rate / 1e6,
                    seconds / messages as f64 * 1e9
                );
            }
        }
    }
}

/// The median of some runs, in seconds.
fn median<T>(prepare: impl Fn() -> T, run: impl Fn(T) -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let prepared = prepare();
            let (start, clock) = (on_processor(), Instant::now());
            black_box(run(prepared));
            match (start, on_processor()) {
                (Some(start), Some(end)) => (end - start) as f64 / 1e9,
                _ => clock.elapsed().as_secs_f64(),
            }
        })
        .collect();
    seconds.sort_unstable_by(f64::total_cmp);
    seconds[RUNS / 2]
}

/// How long this thread has run, in nanoseconds.
fn on_processor() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}
