//! `machine ROUNDS`: prints, as JSON, what this machine takes for steps that each wait for the one before.
//!
//! `steps` are a multiplication, then a load out of a working set of so many bytes: a chase along one random cycle
//! through all of its cache lines. Every figure is the median of the rounds, in nanoseconds. Whoever reads figures of
//! order books needs these beside them: a virtual machine's share of caches, and its neighbours, change both.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const STEPS: u32 = 200_000;
const LINE: usize = 64;
const SETS: [usize; 4] = [16 << 10, 1 << 20, 16 << 20, 256 << 20];

fn main() -> Result<(), Box<dyn Error>> {
    let rounds: usize = env::args().nth(1).ok_or("expected ROUNDS")?.parse()?;
    let mut steps = vec![serde_json::json!({"bytes": 0, "ns": median(rounds, multiplications)})];
    for bytes in SETS {
        let next = cycle(bytes / LINE);
        steps.push(serde_json::json!({"bytes": bytes, "ns": median(rounds, || chase(&next))}));
    }
    println!("{}", serde_json::json!({"steps": steps}));
    Ok(())
}

fn median(rounds: usize, run: impl Fn()) -> f64 {
    run();
    let mut found: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

fn multiplications() {
    let (mut value, factor) = black_box((3_u64, 0x9E37_79B9_7F4A_7C15_u64));
    for _ in 0..STEPS {
        value = value.wrapping_mul(black_box(factor));
    }
    black_box(value);
}

/// The first word of each line tells the line that comes after it; one cycle visits all (Sattolo's shuffle).
fn cycle(lines: usize) -> Vec<[usize; LINE / 8]> {
    let mut order: Vec<usize> = (0..lines).collect();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for last in (1..lines).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, usize::try_from(state % last as u64).expect("a line's number"));
    }
    order.into_iter().map(|next| [next; LINE / 8]).collect()
}

fn chase(next: &[[usize; LINE / 8]]) {
    let mut at = 0;
    for _ in 0..STEPS {
        at = next[at][0];
    }
    black_box(at);
}
