//! The course of a day in a `FastOrderBook`: time, phases, auctions, mass cancels, snapshots.

use cift_engine::auction::Indication;
use cift_engine::instrument::Instrument;
use cift_engine::orders::Filter;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::{self, phase_name};
use crate::book::FastOrderBook;
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::state::Cancels;

type Numbers = (f64, f64, f64);

#[allow(clippy::cast_precision_loss)]
fn numbers(instrument: &Instrument, indication: &Indication) -> Numbers {
    let imbalance = indication.imbalance as f64 * instrument.lot_size();
    (instrument.price(indication.price), instrument.quantity(indication.volume), imbalance)
}

#[pymethods]
impl FastOrderBook {
    /// Cancel every order that fits: of a user, on a side, at prices from `low` to `high`. Returns what `cancelled` does.
    #[pyo3(signature = (*, user_id=None, side=None, low=None, high=None))]
    fn cancel_orders(
        &self,
        py: Python<'_>,
        user_id: Option<&Bound<'_, PyAny>>,
        side: Option<&str>,
        low: Option<f64>,
        high: Option<f64>,
    ) -> PyResult<Cancels> {
        let user = user_id.map(|user| unsigned("user_id", user)).transpose();
        let side = side.map(arguments::side).transpose();
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let (user, side) = (user?, side?);
        let ticks = |price: Option<f64>| price.map(|price| instrument.ticks(price)).transpose();
        let range = ticks(low).and_then(|low| Ok((low, ticks(high)?)));
        let done = range.map(|(low, high)| instrument.book.cancel_all(&Filter { user, side, low, high }, outcome));
        let cancels = done.map(|_| state.cancels());
        drop(state);
        cancels.map_err(|error| order_error(py, &error))
    }

    /// Let time pass, in nanoseconds: orders whose time is up are cancelled. Returns what `cancelled` does.
    fn advance_time(&self, py: Python<'_>, now: &Bound<'_, PyAny>) -> PyResult<Cancels> {
        let now = unsigned("now", now)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        instrument.book.advance(now, outcome);
        Ok(state.cancels())
    }

    /// The day is over: orders that are good for the day are cancelled. Returns what `cancelled` does.
    fn end_of_day(&self, py: Python<'_>) -> Cancels {
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        instrument.book.end_of_day(outcome);
        state.cancels()
    }

    /// What may happen: "continuous", "halted", "opening_auction", "closing_auction" or "volatility_auction".
    #[getter]
    fn phase(&self, py: Python<'_>) -> &'static str {
        phase_name(self.lock(py).instrument.book.phase())
    }

    /// Stop or resume trading, or let orders gather for an auction. A crossed book needs `uncross` to trade again. What
    /// orders trade that had to wait for it, `fills` says.
    fn set_phase(&self, py: Python<'_>, phase: &str) -> PyResult<()> {
        let phase = arguments::phase(phase)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let set = instrument.book.set_phase(phase, outcome);
        drop(state);
        set.map_err(|error| order_error(py, &error))
    }

    /// What an auction would do if it ended now: `(price, volume, imbalance)`, the imbalance negative when more would be
    /// sold than bought; None when nothing would trade. Of all prices at which most would trade it is the one with the
    /// least imbalance, then the one closest to `reference` (by default the last trade), then the higher one.
    #[pyo3(signature = (reference=None))]
    fn indication(&self, py: Python<'_>, reference: Option<f64>) -> PyResult<Option<Numbers>> {
        let state = self.lock(py);
        let instrument = &state.instrument;
        let reference = reference.map(|price| instrument.named_ticks("reference", price)).transpose();
        let found = reference.map(|reference| instrument.book.indication(reference));
        let found = found.map(|found| found.map(|indication| numbers(instrument, &indication)));
        drop(state);
        found.map_err(|error| order_error(py, &error))
    }

    /// End the auction: everything that can trade does, at the one price; then orders trade as they come. Returns what
    /// `indication` did, and the fills; a fill's taker is the buyer.
    #[pyo3(signature = (reference=None))]
    fn uncross(&self, py: Python<'_>, reference: Option<f64>) -> PyResult<(Option<Numbers>, Vec<Fill>)> {
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let reference = reference.map(|price| instrument.named_ticks("reference", price)).transpose();
        let result = reference.map(|reference| instrument.book.uncross(reference, outcome));
        let told = result.map(|found| (found.map(|found| numbers(&state.instrument, &found)), state.fills()));
        drop(state);
        told.map_err(|error| order_error(py, &error))
    }

    /// Make room for that many resting orders in all, so that no order has to wait while the book grows.
    fn reserve(&self, py: Python<'_>, orders: usize) {
        self.lock(py).instrument.book.reserve(orders);
    }

    /// Give back the memory that the book no longer needs. This moves every resting order: for quiet times.
    fn shrink(&self, py: Python<'_>) {
        let mut state = self.lock(py);
        state.instrument.book.shrink();
        state.outcome.shrink();
    }

    /// The whole state as bytes.
    fn snapshot<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock(py).instrument.snapshot(&self.symbol))
    }

    /// Become what `snapshot` says. A damaged snapshot, or one of another symbol or grid, raises ValueError and leaves
    /// the book as it was.
    fn restore(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        let mut state = self.lock(py);
        state.instrument.restore(&self.symbol, snapshot).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The `state_hash` of the book that a snapshot was taken of, from its bytes alone and without the GIL.
    #[staticmethod]
    fn hash_of(py: Python<'_>, snapshot: &[u8]) -> u64 {
        py.detach(|| Instrument::hash_of(snapshot))
    }

    /// A number that two books share exactly when they hold the same instrument, orders and queues.
    fn state_hash(&self, py: Python<'_>) -> u64 {
        self.lock(py).instrument.state_hash(&self.symbol)
    }
}
