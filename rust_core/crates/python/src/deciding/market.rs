//! A symbol's book, and what plain commands do in it.

use std::collections::HashMap;

use cift_engine::error::BookError;
use cift_engine::instrument::Options;
use cift_engine::journal::New;
use cift_engine::orders::PostOnly;
use cift_engine::types::{Side, TimeInForce};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::state::State;
use super::{Outcome, Refusal};
use crate::book::FastOrderBook;
use crate::fill::Fill;

/// What an order did that came in.
pub struct Entered {
    pub fills: Vec<Fill>,
    pub resting: f64,
    /// What of it left, because of `reason`.
    pub unfilled: f64,
    pub reason: &'static str,
}

/// One symbol as Python's matcher keeps it (`cift.core.market.Market`), with what never changes of it.
pub struct Market {
    object: Py<PyAny>,
    book: Py<FastOrderBook>,
    lot_size: f64,
    decimals: usize,
    pub symbol: Py<PyString>,
    pub events: Py<PyString>,
    pub trades: Py<PyString>,
}

/// Those that were asked for.
pub struct Markets {
    known: HashMap<String, Market>,
    events: String,
}

impl Markets {
    pub fn new(events: String) -> Self {
        Self { known: HashMap::new(), events }
    }

    /// The market of a symbol, if there is one and nothing in it is more than plain.
    pub fn find(&mut self, py: Python<'_>, symbol: &str, state: &State<'_>) -> PyResult<Option<&Market>> {
        let object = match self.known.get(symbol) {
            Some(known) => state.markets.get_item(&known.symbol)?,
            None => state.markets.get_item(symbol)?,
        };
        let Some(object) = object else { return Ok(None) };
        if object.getattr(intern!(py, "special"))?.is_truthy()? {
            return Ok(None);
        }
        // Another grid is another market.
        if self.known.get(symbol).is_none_or(|known| !known.object.is(&object)) {
            let market = Market {
                book: object.getattr(intern!(py, "book"))?.cast_into::<FastOrderBook>()?.unbind(),
                lot_size: object.getattr(intern!(py, "lot_size"))?.extract()?,
                decimals: object.getattr(intern!(py, "decimals"))?.extract()?,
                symbol: PyString::new(py, symbol).unbind(),
                events: PyString::new(py, &format!("{}{symbol}", self.events)).unbind(),
                trades: PyString::new(py, &format!("market.trades.{symbol}")).unbind(),
                object: object.unbind(),
            };
            self.known.insert(symbol.to_owned(), market);
        }
        Ok(self.known.get(symbol))
    }
}

impl Market {
    /// A quantity as whole lots, as Python rounds.
    #[allow(clippy::cast_possible_truncation)] // what a book takes fits
    fn lots(&self, quantity: f64) -> i64 {
        (quantity / self.lot_size).round_ties_even() as i64
    }

    /// Whole lots as a quantity, as Python rounds: to the closest decimal number of so many decimals.
    #[allow(clippy::cast_precision_loss)] // as there
    pub fn quantity(&self, lots: i64) -> f64 {
        let exact = lots as f64 * self.lot_size;
        if exact.fract() == 0.0 {
            return exact;
        }
        format!("{exact:.*}", self.decimals).parse().unwrap_or(exact)
    }

    /// The best price of a side that shows.
    pub fn best(&self, py: Python<'_>, side: Side) -> Option<f64> {
        let state = self.book.get().lock(py);
        state.instrument.book.best(side).map(|ticks| state.instrument.price(ticks))
    }

    /// Let an order in that passed all checks, and let everybody have what traded.
    pub fn enter(
        &self,
        py: Python<'_>,
        seq: u64,
        user: u64,
        order: &New<'_>,
        matcher: &State<'_>,
    ) -> PyResult<Outcome> {
        let mut state = self.book.get().lock(py);
        let (instrument, outcome) = state.begin();
        let added = match order.limit {
            Some(price) => {
                let post_only = if order.post_only { PostOnly::Reject } else { PostOnly::No };
                let options = Options { tif: order.tif, post_only, ..Options::default() };
                instrument.add_limit(seq, order.side, price, order.quantity, user, options, outcome).map(drop)
            }
            None => instrument.add_market(seq, order.side, order.quantity, user, outcome),
        };
        if let Err(error) = added {
            return Ok(refused(&error));
        }
        let fills = state.fills();
        let book = &state.instrument.book;
        let rests = book.order(seq).map(|order| state.instrument.quantity(book.open(&order)));
        let gone: Vec<u64> = if matcher.has_names() {
            let makers = fills.iter().map(|fill| fill.maker_order_id);
            makers.filter(|maker| book.order(*maker).is_none()).collect()
        } else {
            Vec::new()
        };
        drop(state);
        if let (Some(_), Some(name)) = (rests, order.name) {
            matcher.name(py, seq, user, name)?;
        }
        let mut done = 0;
        for fill in &fills {
            let lots = self.lots(fill.quantity);
            done += lots;
            let lots = if order.side == Side::Buy { lots } else { -lots };
            matcher.hold(py, user, self, lots)?;
            matcher.hold(py, fill.maker_user_id, self, -lots)?;
        }
        for maker in gone {
            matcher.forget_named(maker)?;
        }
        let resting = rests.unwrap_or(0.0);
        let rest = self.lots(order.quantity) - done - self.lots(resting);
        let unfilled = if rest > 0 { self.quantity(rest) } else { 0.0 };
        let reason = match order.tif {
            _ if order.limit.is_none() => "no_liquidity",
            TimeInForce::Ioc => "ioc",
            TimeInForce::Fok => "fok",
            _ => "gtc",
        };
        Ok(Outcome::Entered(Entered { fills, resting, unfilled, reason }))
    }

    /// Take a user's own order out.
    pub fn cancel(&self, py: Python<'_>, user: u64, id: u64, matcher: &State<'_>) -> PyResult<Outcome> {
        let mut state = self.book.get().lock(py);
        let quantity = match own(&state, user, id) {
            Ok(quantity) => quantity,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let (instrument, outcome) = state.begin();
        if let Err(error) = instrument.book.cancel(id, outcome) {
            return Ok(refused(&error));
        }
        drop(state);
        matcher.forget(id)?;
        Ok(Outcome::Cancelled(quantity))
    }

    /// Take `by` off a user's own order.
    pub fn reduce(&self, py: Python<'_>, user: u64, id: u64, by: f64, matcher: &State<'_>) -> PyResult<Outcome> {
        let mut state = self.book.get().lock(py);
        if let Err(refusal) = own(&state, user, id) {
            return Ok(Outcome::Refused(refusal));
        }
        let (instrument, outcome) = state.begin();
        let remaining = match instrument.reduce(id, by, outcome) {
            Ok(left) => instrument.quantity(left),
            Err(error) => return Ok(refused(&error)),
        };
        let gone = instrument.book.order(id).is_none();
        drop(state);
        if gone {
            matcher.forget(id)?;
        }
        Ok(Outcome::Reduced(remaining))
    }
}

/// What is left of a user's own order.
fn own(state: &crate::state::State, user: u64, id: u64) -> Result<f64, Refusal> {
    let (instrument, book) = (&state.instrument, &state.instrument.book);
    match book.order(id) {
        None => Err(Refusal { code: "unknown_order", reason: format!("order {id} is not in the book") }),
        Some(order) if order.user != user => {
            Err(Refusal { code: "not_owner", reason: format!("order {id} belongs to another account") })
        }
        Some(order) => Ok(instrument.quantity(book.open(&order))),
    }
}

#[cold]
fn refused(error: &BookError) -> Outcome {
    Outcome::Refused(Refusal { code: error.code(), reason: error.to_string() })
}
