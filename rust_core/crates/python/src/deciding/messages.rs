//! What is said, as messages on their way: what `cift.core.said` makes.

use cift_engine::wire::{Event, Fill, Market as MarketData, MarketBody, Trade};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple, PyType};

use super::market::Market;
use crate::nats::Stored;
use crate::wire::{refused, written};

/// Events and trades so far, and the numbers of the last ones.
pub struct Messages<'py> {
    events: Bound<'py, PyList>,
    traded: Bound<'py, PyList>,
    outgoing: Bound<'py, PyType>,
    /// `tuple.__new__`: a named tuple's own is Python's, and takes three times as long.
    new: Bound<'py, PyAny>,
    pub number: u64,
    pub trades: u64,
}

impl<'py> Messages<'py> {
    pub fn new(
        outgoing: &Bound<'py, PyType>,
        events: &Bound<'py, PyList>,
        traded: &Bound<'py, PyList>,
        number: u64,
        trades: u64,
    ) -> PyResult<Self> {
        let py = outgoing.py();
        let new = py.get_type::<PyTuple>().getattr(intern!(py, "__new__"))?;
        Ok(Self { events: events.clone(), traded: traded.clone(), outgoing: outgoing.clone(), new, number, trades })
    }

    /// Say an event to whom it concerns; it goes back to the request that its command came from.
    pub fn event(&mut self, stored: &Stored, market: &Market, event: &Event<'_>) -> PyResult<()> {
        let py = self.events.py();
        self.number += 1;
        let id = PyString::new(py, &format!("{}.{}", event.seq, event.pos));
        let data = written(py, &event.encode().map_err(|error| refused(py, &error))?)?;
        let subject = market.events.bind(py);
        let fields = (self.number, subject, id, data, stored.correlation.bind(py), stored.trace.bind(py));
        self.events.append(self.new.call1((&self.outgoing, fields))?)
    }

    /// Say a fill to the market, which must not learn whose request it goes back to.
    pub fn trade(&mut self, market: &Market, event: &Event<'_>, fill: &Fill) -> PyResult<()> {
        let py = self.events.py();
        self.trades += 1;
        let id = PyString::new(py, &format!("trade.{}.{}", event.seq, event.pos));
        let Fill { side, price, quantity, .. } = *fill;
        let trade = MarketData {
            version: event.version,
            symbol: event.symbol,
            ts: event.ts,
            seq: event.seq,
            body: MarketBody::Trade(Trade { pos: event.pos, side, price, quantity }),
        };
        let data = written(py, &trade.encode().map_err(|error| refused(py, &error))?)?;
        let none = intern!(py, "");
        let fields = (self.trades, market.trades.bind(py), id, data, none, none);
        self.traded.append(self.new.call1((&self.outgoing, fields))?)
    }
}
