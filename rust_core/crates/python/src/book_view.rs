//! What can be asked of a `FastOrderBook`.

use cift_engine::special::Class;
use cift_engine::types::{OrderId, Side};
use pyo3::prelude::*;

use crate::arguments::{self, peg_name, side_name};
use crate::book::FastOrderBook;
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::state::Cancels;

type Levels = Vec<(f64, f64)>;

/// A resting order: side, price (NaN for a pegged one that has none now), quantity left, user_id, how it is treated.
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
    /// Whether it never shows.
    hidden: bool,
    /// Whether it trades whole or not at all.
    all_or_none: bool,
    /// Whether it may only reduce its owner's position.
    reduce_only: bool,
    /// What its price follows: "primary", "mid", "market" or None.
    peg: Option<&'static str>,
    /// The price that a pegged order never goes beyond, or None.
    limit_price: Option<f64>,
}

#[pymethods]
impl FastOrderBook {
    /// A resting order, or None.
    fn order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<RestingOrder>> {
        let id = unsigned("order_id", order_id)?;
        let state = self.lock(py);
        let instrument = &state.instrument;
        let book = &instrument.book;
        Ok(book.order(id).map(|order| {
            let class = book.class(&order);
            RestingOrder {
                order_id: order.id,
                side: side_name(order.side),
                price: if class == Class::Asleep { f64::NAN } else { instrument.price(order.price) },
                quantity: instrument.quantity(book.open(&order)),
                user_id: order.user,
                post_only: order.post_only,
                visible: if class == Class::Shown { instrument.quantity(order.quantity) } else { 0.0 },
                hidden: class != Class::Shown,
                all_or_none: class == Class::Whole,
                reduce_only: book.reduces_only(&order),
                peg: book.peg(&order).map(|peg| peg_name(peg.kind)),
                limit_price: book.peg(&order).and_then(|peg| peg.limit).map(|limit| instrument.price(limit)),
            }
        }))
    }

    /// The highest bid that shows, or None.
    fn best_bid(&self, py: Python<'_>) -> Option<f64> {
        let state = self.lock(py);
        state.instrument.book.best(Side::Buy).map(|ticks| state.instrument.price(ticks))
    }

    /// The lowest ask that shows, or None.
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

    /// What shows at a price.
    fn volume_at_price(&self, py: Python<'_>, price: f64, side: &str) -> PyResult<f64> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let level = state.instrument.ticks(price).map(|ticks| state.instrument.book.level(side, ticks));
        let volume = level.map(|level| level.map_or(0.0, |level| state.instrument.quantity(level.quantity)));
        drop(state);
        volume.map_err(|error| order_error(py, &error))
    }

    /// The best `levels` of both sides that show, best first: `([(price, quantity), ...], [...])`, bids then asks.
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

    /// The orders of a side that show in the order in which they would trade, with what shows of them:
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

    /// How many orders, and how much (but for what icebergs hide), come before an order at its price; None when it does
    /// not rest, or is pegged and has no price now.
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
    /// self_trade, expired, refused or reduce_only.
    fn cancelled(&self, py: Python<'_>) -> Cancels {
        self.lock(py).cancels()
    }

    /// Everything that the last single command matched, what it returned and what followed from it.
    fn fills(&self, py: Python<'_>) -> Vec<Fill> {
        self.lock(py).fills()
    }

    /// The ids of the stops that the last single command fired, in that order.
    fn triggered(&self, py: Python<'_>) -> Vec<OrderId> {
        self.lock(py).triggers()
    }
}
