//! Stoikov's micro-price ("The micro-price: a high-frequency estimator of future prices", SSRN 2970694): the limit of
//! the expected mid, given the imbalance and the spread now. (The size-weighted mid, in `quote`, is another quantity.)
//!
//! A state of the top of the book is a bucket of the imbalance `bid_volume / (bid_volume + ask_volume)` and the spread in
//! whole ticks. From counted steps between states come Q, the chance to reach another state while the mid stands still;
//! T, the chance to reach it by a move of the mid; and r, the expected move of the mid in one step. The expected first
//! move and the state after it are `G1 = (1 - Q)^-1 r` and `B = (1 - Q)^-1 T`; the micro-price is
//! `mid + G1 + B G1 + B^2 G1 + ...`. Every step is counted a second time in the mirror, bids for asks: then the sum has
//! a limit, and the adjustment of a mirrored state is the opposite one.

use super::check;
use super::error::MarketDataError;
use super::linear::Matrix;
use super::quote::{Top, Tops};

/// The most states: solving them takes well under a second.
const MOST_STATES: usize = 400;
/// The sum doubles its terms each time; a chain that mixes at all is done long before.
const MOST_DOUBLINGS: usize = 64;

/// Where a top is on the grid of states.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    tick_size: f64,
    imbalances: usize,
    spreads: usize,
}

impl Grid {
    #[allow(clippy::cast_precision_loss)]
    fn new(tick_size: f64, imbalances: usize, spreads: usize) -> Result<Self, MarketDataError> {
        check::positive_value("tick_size", tick_size)?;
        let out =
            |field, value: usize, expected| Err(MarketDataError::OutOfRange { field, value: value as f64, expected });
        if !(2..=MOST_STATES).contains(&imbalances) {
            return out("imbalance_buckets", imbalances, "2 to 400");
        }
        if spreads == 0 || spreads > MOST_STATES / imbalances {
            return out("max_spread", spreads, "at least 1, and with imbalance_buckets at most 400 states");
        }
        Ok(Self { tick_size, imbalances, spreads })
    }

    const fn states(&self) -> usize {
        self.imbalances * self.spreads
    }

    /// The state of a top; `None` without volume, or with a spread that is not 1 to `spreads` ticks.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
    fn state(&self, top: &Top) -> Option<usize> {
        let total = top.bid_volume + top.ask_volume;
        let ticks = ((top.ask - top.bid) / self.tick_size).round();
        if !(total > 0.0 && total.is_finite() && ticks >= 1.0 && ticks <= self.spreads as f64) {
            return None;
        }
        let bucket = (top.bid_volume / total * self.imbalances as f64) as usize;
        Some((ticks as usize - 1) * self.imbalances + bucket.min(self.imbalances - 1))
    }

    /// The state with bids for asks.
    const fn mirrored(&self, state: usize) -> usize {
        let bucket = state % self.imbalances;
        state - bucket + (self.imbalances - 1 - bucket)
    }
}

/// Counts the steps between samples of the top of a book.
#[derive(Clone, Debug)]
pub struct MicroPriceEstimator {
    grid: Grid,
    /// Steps from state (row) to state (column) with the mid where it was.
    stays: Matrix,
    /// Steps from state (row) to state (column) with a move of the mid.
    moves: Matrix,
    /// Sum of the mid's moves in steps from state (row) to state (column).
    moved: Matrix,
    before: Option<(usize, f64)>,
    samples: u64,
}

impl MicroPriceEstimator {
    /// No sample yet. `imbalance_buckets` split the imbalance evenly: an odd number leaves balanced queues a bucket of
    /// their own. Tops with a spread beyond `max_spread` ticks, crossed, locked or without volume are not counted, nor
    /// is a step to or from one.
    ///
    /// # Errors
    /// A tick size that is not above zero, less than 2 buckets, no spread, or more than 400 states together.
    pub fn new(tick_size: f64, imbalance_buckets: usize, max_spread: usize) -> Result<Self, MarketDataError> {
        let grid = Grid::new(tick_size, imbalance_buckets, max_spread)?;
        let empty = Matrix::zeros(grid.states(), grid.states());
        Ok(Self { grid, stays: empty.clone(), moves: empty.clone(), moved: empty, before: None, samples: 0 })
    }

    /// Count the step to the next sample. Samples come at even times or at every change of the book: that chooses the
    /// clock of the steps, not the limit.
    ///
    /// # Errors
    /// Prices or volumes that are not finite, negative volumes.
    pub fn update(&mut self, top: Top) -> Result<(), MarketDataError> {
        self.take(&top.checked()?);
        Ok(())
    }

    /// Count the steps to many samples, one after the other.
    pub fn extend(&mut self, tops: &Tops<'_>) {
        tops.iter().for_each(|top| self.take(&top));
    }

    fn take(&mut self, top: &Top) {
        let now = self.grid.state(top).map(|state| (state, f64::midpoint(top.bid, top.ask)));
        if let (Some((from, before)), Some((to, mid))) = (self.before, now) {
            let change = mid - before;
            // Mids lie half ticks apart: what is less is rounding.
            let moved = change.abs() > 0.25 * self.grid.tick_size;
            self.count(from, to, if moved { change } else { 0.0 }, moved);
            self.count(self.grid.mirrored(from), self.grid.mirrored(to), if moved { -change } else { 0.0 }, moved);
            self.samples += 1;
        }
        self.before = now;
    }

    fn count(&mut self, from: usize, to: usize, change: f64, moved: bool) {
        (if moved { &mut self.moves } else { &mut self.stays }).row_mut(from)[to] += 1.0;
        self.moved.row_mut(from)[to] += change;
    }

    /// How many steps were counted, without their mirrors.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.samples
    }

    /// The micro-price that these samples tell. States that were never seen, or only as the last one, have none.
    ///
    /// # Errors
    /// Samples that have states from which the mid never moves, or whose expected mid has no limit.
    pub fn fit(&self) -> Result<MicroPrice, MarketDataError> {
        let live = self.live_states();
        let (mut stay, mut right) = (Matrix::zeros(live.len(), live.len()), Matrix::zeros(live.len(), live.len() + 1));
        for (row, from) in live.iter().enumerate() {
            let total: f64 = live.iter().map(|to| self.stays.row(*from)[*to] + self.moves.row(*from)[*to]).sum();
            for (column, to) in live.iter().enumerate() {
                let identity = if row == column { 1.0 } else { 0.0 };
                stay.row_mut(row)[column] = identity - self.stays.row(*from)[*to] / total;
                right.row_mut(row)[column] = self.moves.row(*from)[*to] / total;
                right.row_mut(row)[live.len()] += self.moved.row(*from)[*to] / total;
            }
        }
        let solved = stay.solve(right).ok_or(MarketDataError::MidNeverMoves)?;
        let adjustments = self.limit(&solved, live.len())?;
        let mut table = vec![f64::NAN; self.grid.states()];
        for (state, value) in live.iter().zip(adjustments.values) {
            table[*state] = value;
        }
        Ok(MicroPrice { grid: self.grid, table })
    }

    /// States with a step to another such state: dropping one may strand the states before it.
    fn live_states(&self) -> Vec<usize> {
        let mut live: Vec<usize> = (0..self.grid.states()).collect();
        loop {
            let has_step =
                |from: &usize| live.iter().any(|to| self.stays.row(*from)[*to] + self.moves.row(*from)[*to] > 0.0);
            let kept: Vec<usize> = live.iter().copied().filter(has_step).collect();
            if kept.len() == live.len() {
                return live;
            }
            live = kept;
        }
    }

    /// `G1 + B G1 + B^2 G1 + ...`, twice as many terms with each round, from `[B | G1]`.
    fn limit(&self, solved: &Matrix, states: usize) -> Result<Matrix, MarketDataError> {
        let (mut power, mut sum) = (Matrix::zeros(states, states), Matrix::zeros(states, 1));
        for row in 0..states {
            power.row_mut(row).copy_from_slice(&solved.row(row)[..states]);
            sum.row_mut(row)[0] = solved.row(row)[states];
        }
        let negligible = 1e-10 * self.grid.tick_size;
        for _ in 0..MOST_DOUBLINGS {
            let more = power.times(&sum);
            sum.values.iter_mut().zip(&more.values).for_each(|(sum, more)| *sum += more);
            let largest = more.values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            if sum.values.iter().any(|value| !value.is_finite()) {
                break;
            }
            if largest <= negligible {
                return Ok(sum);
            }
            power = power.times(&power);
        }
        Err(MarketDataError::NoLimit)
    }
}

/// A fitted micro-price.
#[derive(Clone, Debug)]
pub struct MicroPrice {
    grid: Grid,
    table: Vec<f64>,
}

impl MicroPrice {
    /// What to add to the mid: `max_spread` rows by the spread in ticks from 1 on, `imbalance_buckets` values each, from
    /// asks only to bids only. NaN for states that the samples don't tell.
    #[must_use]
    pub fn table(&self) -> &[f64] {
        &self.table
    }

    /// How many buckets of the imbalance there are.
    #[must_use]
    pub const fn imbalance_buckets(&self) -> usize {
        self.grid.imbalances
    }

    /// The widest spread, in ticks.
    #[must_use]
    pub const fn max_spread(&self) -> usize {
        self.grid.spreads
    }

    /// The price step.
    #[must_use]
    pub const fn tick_size(&self) -> f64 {
        self.grid.tick_size
    }

    /// The micro-price of a top; NaN for a state that the samples don't tell.
    ///
    /// # Errors
    /// Prices or volumes that are not finite, negative volumes.
    pub fn price(&self, top: Top) -> Result<f64, MarketDataError> {
        Ok(self.evaluate(&top.checked()?))
    }

    /// The micro-price of every row, into `out`.
    ///
    /// # Errors
    /// An `out` of another length.
    pub fn prices(&self, tops: &Tops<'_>, out: &mut [f64]) -> Result<(), MarketDataError> {
        check::same_length("bids", tops.len(), &[("out", out.len())])?;
        for (value, top) in out.iter_mut().zip(tops.iter()) {
            *value = self.evaluate(&top);
        }
        Ok(())
    }

    fn evaluate(&self, top: &Top) -> f64 {
        self.grid.state(top).map_or(f64::NAN, |state| f64::midpoint(top.bid, top.ask) + self.table[state])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two imbalance states and one spread: from "bids outweigh" the mid rises one tick with chance p in each step and
    /// then either state follows evenly. Then `G1` is a tick, `B` mixes evenly and adds nothing: the limit is one tick.
    #[test]
    fn a_chain_known_by_heart() {
        let mut estimator = MicroPriceEstimator::new(1.0, 2, 1).unwrap();
        let heavy = |bid: f64| Top { bid, bid_volume: 9.0, ask: bid + 1.0, ask_volume: 1.0 };
        let light = |bid: f64| Top { bid, bid_volume: 1.0, ask: bid + 1.0, ask_volume: 9.0 };
        for top in [heavy(10.0), heavy(10.0), heavy(11.0), light(12.0), light(12.0), light(11.0), heavy(10.0)] {
            estimator.update(top).unwrap();
        }
        let model = estimator.fit().unwrap();
        assert!((model.price(heavy(10.0)).unwrap() - 11.5).abs() < 1e-9, "{:?}", model.table());
        assert!((model.price(light(10.0)).unwrap() - 9.5).abs() < 1e-9);
        assert!(model.price(Top { ask: 12.0, ..heavy(10.0) }).unwrap().is_nan());
    }

    #[test]
    fn samples_that_tell_nothing_are_refused() {
        let mut estimator = MicroPriceEstimator::new(0.01, 3, 2).unwrap();
        assert!(estimator.fit().unwrap().table().iter().all(|value| value.is_nan()));
        for _ in 0..5 {
            estimator.update(Top { bid: 1.0, bid_volume: 1.0, ask: 1.01, ask_volume: 1.0 }).unwrap();
        }
        assert_eq!(estimator.fit().unwrap_err(), MarketDataError::MidNeverMoves);
        assert!(MicroPriceEstimator::new(0.01, 101, 4).is_err());
    }
}
