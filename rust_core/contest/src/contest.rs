//! What is measured of a contestant.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::flow::{Command, Flow};

/// An order book that takes part.
pub trait Contestant {
    /// A command as the book wants it, made before the clock starts.
    type Operation;

    /// An empty book.
    fn fresh() -> Self;

    /// The book's own form of a command.
    fn prepare(number: usize, command: &Command) -> Self::Operation;

    /// Carry out a command; returns the lots that the book tells as filled.
    fn apply(&mut self, operation: &Self::Operation) -> u64;
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Measured {
    /// Of each whole run: operations, and nanoseconds of the thread on the processor.
    pub runs: Vec<(usize, u64)>,
    /// Nanoseconds of single operations, the clock's own time included, of one run after the other.
    pub samples: Vec<u32>,
    /// How many of the samples each run gave.
    pub sampled: Vec<usize>,
    /// The lots that the book told as filled in the last whole run.
    pub traded: u64,
}

const CHUNK: usize = 1_000;

/// Measure a contestant in several rounds, each a whole run and a run with a clock around every operation.
pub fn measure<C: Contestant>(flow: &Flow, rounds: usize, longest: Duration) -> Measured {
    let operations: Vec<C::Operation> =
        flow.commands.iter().enumerate().map(|(number, command)| C::prepare(number, command)).collect();
    let (warm, mixed) = operations.split_at(flow.warm);
    let mut measured = Measured::default();
    whole(&mut filled::<C>(warm), mixed, longest);
    for _ in 0..rounds {
        let (run, traded) = whole(&mut filled::<C>(warm), mixed, longest);
        measured.runs.push(run);
        measured.traded = traded;
        let before = measured.samples.len();
        clocked(&mut filled::<C>(warm), mixed, longest, &mut measured.samples);
        measured.sampled.push(measured.samples.len() - before);
    }
    measured
}

/// A book with the first orders of the flow.
pub fn filled<C: Contestant>(warm: &[C::Operation]) -> C {
    let mut book = C::fresh();
    for operation in warm {
        book.apply(operation);
    }
    book
}

fn whole<C: Contestant>(book: &mut C, mixed: &[C::Operation], longest: Duration) -> ((usize, u64), u64) {
    let (mut traded, mut done) = (0, 0);
    let (clock, own) = (Instant::now(), ThreadTime::now());
    for chunk in mixed.chunks(CHUNK) {
        for operation in chunk {
            traded += black_box(book.apply(operation));
        }
        done += chunk.len();
        if clock.elapsed() > longest {
            break;
        }
    }
    let spent = u64::try_from(own.elapsed().as_nanos()).unwrap_or(u64::MAX);
    ((done, spent), traded)
}

fn clocked<C: Contestant>(book: &mut C, mixed: &[C::Operation], longest: Duration, samples: &mut Vec<u32>) {
    let clock = Instant::now();
    samples.reserve(mixed.len());
    for chunk in mixed.chunks(CHUNK) {
        for operation in chunk {
            let start = Instant::now();
            black_box(book.apply(operation));
            samples.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
        }
        if clock.elapsed() > longest {
            return;
        }
    }
}
