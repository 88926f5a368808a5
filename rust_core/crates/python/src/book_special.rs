//! Pegged orders, positions, and the book's changes in a `FastOrderBook`.

use bytemuck::allocation::cast_vec;
use cift_engine::change::ChangeRow;
use cift_engine::special::Class;
use cift_engine::triggering::Barred;
use cift_engine::types::OrderId;
use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments;
use crate::book::FastOrderBook;
use crate::errors::{order_error, unsigned};
use crate::fill::Fill;
use crate::given::Given;
use crate::rows::Rows;
use crate::state::{Cancels, told};

/// `(order_id, price, quantity, user_id, kind)`.
type Unseen = (OrderId, Option<f64>, f64, u64, &'static str);

#[pymethods]
impl FastOrderBook {
    /// Let an order follow the best prices that show: its own side's ("primary"), the other side's ("market") or the
    /// middle ("mid", on half a tick rounded away from the market), with the signed `offset` added. It takes, and rests,
    /// at no worse than `limit_price`. It never shows; a new price means the end of the queue there, and one that crosses
    /// takes. Without anything to follow, and while the book does not trade continuously, it sleeps. Returns
    /// `(order_id, fills)`.
    #[pyo3(signature = (
        order_id, side, quantity, user_id, *, peg, offset=0.0, limit_price=None, tif="GTC", expires=None,
        reduce_only=false
    ))]
    #[allow(clippy::too_many_arguments)]
    fn add_pegged_order(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        side: &str,
        quantity: f64,
        user_id: &Bound<'_, PyAny>,
        peg: &str,
        offset: f64,
        limit_price: Option<f64>,
        tif: &str,
        expires: Option<&Bound<'_, PyAny>>,
        reduce_only: bool,
    ) -> PyResult<(OrderId, Vec<Fill>)> {
        let (id, user) = (unsigned("order_id", order_id)?, unsigned("user_id", user_id)?);
        let (side, kind) = (arguments::side(side)?, arguments::peg(peg)?);
        let given = Given {
            tif,
            post_only: false,
            reprice: false,
            display_quantity: None,
            min_quantity: None,
            expires,
            hidden: true,
            all_or_none: false,
            reduce_only,
        };
        let options = given.options()?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let added = instrument.add_pegged(id, side, quantity, user, kind, offset, limit_price, options, outcome);
        Ok((id, told(py, state, added)?))
    }

    /// Say what a user holds, negative when short: from then on the book keeps count by the user's trades, and
    /// reduce-only orders of the user have something to reduce. None forgets the user. Resting reduce-only orders shrink
    /// to the position, the newest first. Returns what `cancelled` does.
    fn set_position(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>, position: Option<f64>) -> PyResult<Cancels> {
        let user = unsigned("user_id", user_id)?;
        let mut state = self.lock(py);
        let (instrument, outcome) = state.begin();
        let cancels = instrument.set_position(user, position, outcome).map(|()| state.cancels());
        drop(state);
        cancels.map_err(|error| order_error(py, &error))
    }

    /// What a user holds, negative when short; None if the book does not keep count.
    #[allow(clippy::cast_precision_loss)]
    fn position(&self, py: Python<'_>, user_id: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        let user = unsigned("user_id", user_id)?;
        let state = self.lock(py);
        let lots = |position: i128| {
            let lots = state.instrument.quantity(u64::try_from(position.unsigned_abs()).unwrap_or(u64::MAX));
            if position < 0 { -lots } else { lots }
        };
        Ok(state.instrument.book.position(user).map(lots))
    }

    /// From now on a stop of these users, or of `everybody`, is cancelled when it fires ("kill_switch"); all other orders
    /// are left alone. It is no part of a snapshot: say it again after `restore`.
    #[pyo3(signature = (user_ids, *, everybody=false))]
    fn set_barred(&self, py: Python<'_>, user_ids: Vec<Bound<'_, PyAny>>, everybody: bool) -> PyResult<()> {
        let users = user_ids.iter().map(|user| unsigned("user_ids", user)).collect::<PyResult<_>>()?;
        self.lock(py).instrument.book.set_barred(Barred { everybody, users });
        Ok(())
    }

    /// The orders of a side that don't show, hidden and pegged ones in the order in which they would trade, then
    /// all-or-none ones, then pegged ones without a price: `[(order_id, price or None, quantity, user_id, kind), ...]`,
    /// the kind hidden, pegged or all_or_none.
    fn unseen_orders(&self, py: Python<'_>, side: &str) -> PyResult<Vec<Unseen>> {
        let side = arguments::side(side)?;
        let state = self.lock(py);
        let (instrument, book) = (&state.instrument, &state.instrument.book);
        let row = |order: cift_engine::arena::Order| {
            let class = book.class(&order);
            let kind = match class {
                Class::Whole => "all_or_none",
                _ if book.peg(&order).is_some() => "pegged",
                _ => "hidden",
            };
            let price = (class != Class::Asleep).then(|| instrument.price(order.price));
            (order.id, price, instrument.quantity(order.quantity), order.user, kind)
        };
        Ok(book.unseen(side).map(row).collect())
    }

    /// How many trades there were: the number of the last one.
    #[getter]
    fn trade_number(&self, py: Python<'_>) -> u64 {
        self.lock(py).instrument.book.trades()
    }

    /// How many changes of the book that shows there were: the number of the last one.
    #[getter]
    fn change_number(&self, py: Python<'_>) -> u64 {
        self.lock(py).instrument.book.changes()
    }

    /// What changed in the book that shows, and what was traded, since this was called last: an array of `CHANGE_DTYPE`,
    /// enough to rebuild depth and queues. Trades and changes are numbered each by themselves, from 1 without a gap; what
    /// a trade changed comes just before it. `restore` is no change: who follows begins anew. Only for a book that was
    /// made with `changes=True`.
    fn changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut guard = self.lock(py);
        let state = &mut *guard;
        let Some(changes) = state.outcome.changes() else {
            return Err(PyValueError::new_err("changes is False for this book: make it with changes=True"));
        };
        let rows: Vec<ChangeRow> = changes.iter().map(|change| state.instrument.change_row(change)).collect();
        changes.clear();
        drop(guard);
        let words: Vec<[u64; 7]> = cast_vec(rows);
        PyArray1::from_vec(py, words.into_flattened()).call_method1("view", (Rows::of(py)?.change_dtype(py),))
    }
}
