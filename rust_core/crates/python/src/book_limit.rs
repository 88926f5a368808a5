//! Limit orders in a `FastOrderBook`: the call that a program makes most, of which nearly all give no option.

use std::sync::MutexGuard;

use cift_engine::error::BookError;
use cift_engine::instrument::Options;
use cift_engine::types::{Lots, OrderId};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

use crate::arguments;
use crate::book::FastOrderBook;
use crate::errors::unsigned;
use crate::given::Given;
use crate::later::Later;
use crate::state::{State, told};

/// The options as they came.
struct Asked<'a, 'py> {
    tif: Later<'a, 'py>,
    post_only: Later<'a, 'py>,
    reprice: Later<'a, 'py>,
    display_quantity: Later<'a, 'py>,
    min_quantity: Later<'a, 'py>,
    expires: Later<'a, 'py>,
    hidden: Later<'a, 'py>,
    all_or_none: Later<'a, 'py>,
    reduce_only: Later<'a, 'py>,
}

impl FastOrderBook {
    /// A limit order with options. Their types are looked at before the other arguments, their values after.
    #[inline(never)]
    fn add_limit_with<'py>(
        &self,
        order_id: &Bound<'py, PyAny>,
        side: &Bound<'_, PyAny>,
        (price, quantity): (f64, f64),
        user_id: &Bound<'_, PyAny>,
        asked: &Asked<'_, 'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (tif, post_only) = (asked.tif.or("tif", "GTC")?, asked.post_only.or("post_only", false)?);
        let reprice = asked.reprice.or("reprice", false)?;
        let display_quantity = asked.display_quantity.or("display_quantity", None)?;
        let min_quantity = asked.min_quantity.or("min_quantity", None)?;
        let expires = asked.expires.some();
        let given = Given {
            tif,
            post_only,
            reprice,
            display_quantity,
            min_quantity,
            expires: expires.as_deref(),
            hidden: asked.hidden.or("hidden", false)?,
            all_or_none: asked.all_or_none.or("all_or_none", false)?,
            reduce_only: asked.reduce_only.or("reduce_only", false)?,
        };
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let options = given.options()?;
        let mut state = self.lock(order_id.py());
        let (instrument, outcome) = state.begin();
        let added = instrument.add_limit(id, side, price, quantity, user, options, outcome);
        answer(order_id, id, state, added)
    }
}

/// What the caller is told of an order: the lock goes first, as in `told`.
#[inline(always)]
fn answer<'py>(
    order_id: &Bound<'py, PyAny>,
    id: OrderId,
    state: MutexGuard<'_, State>,
    added: Result<Lots, BookError>,
) -> PyResult<Bound<'py, PyTuple>> {
    if added.is_err() || state.outcome.filled() {
        return answer_more(order_id, id, state, added);
    }
    drop(state);
    with_fills(order_id, id, &PyList::empty(order_id.py()))
}

/// Of one that filled, or was refused.
#[inline(never)]
fn answer_more<'py>(
    order_id: &Bound<'py, PyAny>,
    id: OrderId,
    state: MutexGuard<'_, State>,
    added: Result<Lots, BookError>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = order_id.py();
    with_fills(order_id, id, &PyList::new(py, told(py, state, added)?)?)
}

/// `(order_id, fills)`: the id goes back as the object that came, unless that is an integer of another kind.
#[inline(always)]
fn with_fills<'py>(
    order_id: &Bound<'py, PyAny>,
    id: OrderId,
    fills: &Bound<'py, PyList>,
) -> PyResult<Bound<'py, PyTuple>> {
    if order_id.is_exact_instance_of::<PyInt>() {
        (order_id, fills).into_pyobject(order_id.py())
    } else {
        (id, fills).into_pyobject(order_id.py())
    }
}

#[pymethods]
impl FastOrderBook {
    /// Take what the order can; the rest lives as `tif` says: GTC until cancelled, DAY until `end_of_day`, GTD until
    /// `expires` (on the clock of `advance_time`), IOC and FOK not at all. `post_only` refuses an order that would take,
    /// `reprice` rests it one tick before instead. `display_quantity` shows only so much at a time. Unless
    /// `min_quantity` trades at once the order is cancelled whole. `hidden` never shows; at its price it trades after all
    /// that does. `all_or_none` (or `tif="AON"`) trades whole or rests, unseen and behind everybody at its price.
    /// `reduce_only` is cut to what it can reduce of the position that `set_position` told of. Returns
    /// `(order_id, fills)`.
    #[pyo3(
        signature = (
            order_id, side, price, quantity, user_id, *, tif=Later::ABSENT, post_only=Later::ABSENT,
            reprice=Later::ABSENT, display_quantity=Later::ABSENT, min_quantity=Later::ABSENT, expires=Later::ABSENT,
            hidden=Later::ABSENT, all_or_none=Later::ABSENT, reduce_only=Later::ABSENT
        ),
        text_signature = "($self, order_id, side, price, quantity, user_id, *, tif=\"GTC\", post_only=False, \
                          reprice=False, display_quantity=None, min_quantity=None, expires=None, hidden=False, \
                          all_or_none=False, reduce_only=False)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn add_limit_order<'py>(
        &self,
        order_id: &Bound<'py, PyAny>,
        side: &Bound<'_, PyAny>,
        price: f64,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        tif: Later<'_, 'py>,
        post_only: Later<'_, 'py>,
        reprice: Later<'_, 'py>,
        display_quantity: Later<'_, 'py>,
        min_quantity: Later<'_, 'py>,
        expires: Later<'_, 'py>,
        hidden: Later<'_, 'py>,
        all_or_none: Later<'_, 'py>,
        reduce_only: Later<'_, 'py>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let nothing = tif.is_absent()
            & post_only.is_absent()
            & reprice.is_absent()
            & display_quantity.is_absent()
            & min_quantity.is_absent()
            & expires.is_absent()
            & hidden.is_absent()
            & all_or_none.is_absent()
            & reduce_only.is_absent();
        if !nothing {
            // Put together here, not before: else a call without options would write it to memory, too.
            let asked = Asked {
                tif,
                post_only,
                reprice,
                display_quantity,
                min_quantity,
                expires,
                hidden,
                all_or_none,
                reduce_only,
            };
            return self.add_limit_with(order_id, side, (price, quantity), user_id, &asked);
        }
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let side = arguments::side_of(side)?;
        let mut state = self.lock(order_id.py());
        let (instrument, outcome) = state.begin();
        let added = instrument.add_limit(id, side, price, quantity, user, Options::default(), outcome);
        answer(order_id, id, state, added)
    }
}
