//! What can be asked of a `FastOrderBook`.

use cift_engine::types::{OrderId, Side};
use pyo3::prelude::*;

use crate::arguments::{self, side_name};
use crate::book::FastOrderBook;
use crate::errors::{order_error, unsigned};
use crate::state::Cancels;

type Levels = Vec<(f64, f64)>;

/// A resting order: side, price, quantity left, user_id, post_only.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct RestingOrder {
    /// The order's id.
    order_id: u64,
    /// "buy" or "sell".
    side: &'static str,
    /// Its price.
    price: f64,
    /// What is left of it.
    quantity: f64,
    /// Its owner.
    user_id: u64,
    /// Whether it may never take.
    post_only: bool,
    /// How much of it shows.
    visible: f64,
}

#[pymethods]
impl FastOrderBook {
    /// A resting order, or None.
    fn order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<RestingOrder>> {
        let id = unsigned("order_id", order_id)?;
        let state = self.lock(py);
        let instrument = &state.instrument;
        Ok(instrument.book.order(id).map(|order| RestingOrder {
            order_id: order.id,
            side: side_name(order.side),
            price: instrument.price(order.price),
            quantity: instrument.quantity(instrument.book.open(&order)),
            user_id: order.user,
            post_only: order.post_only,
            visible: instrument.quantity(order.quantity),
        }))
    }

    /// The highest bid, or None.
    fn best_bid(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.best(Side::Buy).map(|ticks| state.instrument.price(ticks))
    }

    /// The lowest ask, or None.
    fn best_ask(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.best(Side::Sell).map(|ticks| state.instrument.price(ticks))
    }

    /// Best ask less best bid, or None when a side is empty.
    fn spread(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        let (bid, ask) = (state.instrument.book.best(Side::Buy)?, state.instrument.book.best(Side::Sell)?);
        Some(state.instrument.price(ask - bid))
    }

    /// What rests at a price.
    fn volume_at_price(&self, py: Python<'_>, price: f64, side: &str) -> PyResult<f64> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let ticks = state.instrument.ticks(price).map_err(|error| order_error(py, &error))?;
        let level = state.instrument.book.level(side, ticks);
        Ok(level.map_or(0.0, |level| state.instrument.quantity(level.quantity)))
    }

    /// The best `levels` of both sides, best first: `([(price, quantity), ...], [...])`, bids then asks.
    #[pyo3(signature = (levels=10))]
    fn depth(&self, py: Python<'_>, levels: usize) -> (Levels, Levels) {
        let state = self.lock(py);
        let instrument = &state.instrument;
        let side = |side| {
            let rows = instrument.book.levels(side).take(levels);
            rows.map(|(price, level)| (instrument.price(price), instrument.quantity(level.quantity))).collect()
        };
        (side(Side::Buy), side(Side::Sell))
    }

    /// All resting orders of a side in the order in which they would trade, with what shows of them:
    /// `[(order_id, price, quantity, user_id), ...]`.
    fn orders(&self, py: Python<'_>, side: &str) -> PyResult<Vec<(u64, f64, f64, u64)>> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let instrument = &state.instrument;
        let queue = instrument.book.queue(side);
        Ok(queue
            .map(|order| (order.id, instrument.price(order.price), instrument.quantity(order.quantity), order.user))
            .collect())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.lock(py).instrument.book.len()
    }

    /// How many orders, and how much that shows, come before an order at its price; None when it does not rest.
    fn queue_position(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<(usize, f64)>> {
        let id = unsigned("order_id", order_id)?;
        let state = self.lock(py);
        Ok(state.instrument.book.ahead(id).map(|(orders, lots)| (orders, state.instrument.quantity(lots))))
    }

    /// The stops that have not fired, those entered first before others:
    /// `[(order_id, side, trigger_price, quantity, user_id), ...]`.
    fn stops(&self, py: Python<'_>) -> Vec<(OrderId, &'static str, f64, f64, u64)> {
        let state = self.lock(py);
        let instrument = &state.instrument;
        let stops = instrument.book.stops();
        stops
            .map(|stop| {
                let (side, trigger) = (side_name(stop.order.side()), instrument.price(stop.trigger));
                let quantity = instrument.quantity(stop.order.quantity());
                (stop.order.id(), side, trigger, quantity, stop.order.user())
            })
            .collect()
    }

    /// The price of the last trade, or None.
    fn last_price(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.last().map(|ticks| state.instrument.price(ticks))
    }

    /// What the last single command cancelled: `[(order_id, quantity, reason), ...]`, the reason user, unfilled,
    /// self_trade, expired or refused.
    fn cancelled(&self, py: Python<'_>) -> Cancels {
        self.lock(py).cancels()
    }

    /// The ids of the stops that the last single command fired, in that order.
    fn triggered(&self, py: Python<'_>) -> Vec<OrderId> {
        self.lock(py).triggers()
    }
}
