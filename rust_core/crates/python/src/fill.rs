//! One match as Python sees it: fields by name, and a sequence for callers that unpack.

use cift_engine::types::Side;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyTuple};

use crate::arguments::side_name;

/// A match: `(price, quantity, maker_order_id, maker_user_id, taker_order_id, taker_user_id)`, also by name.
#[pyclass(frozen, eq, module = "cift_core")]
#[derive(Clone, Copy, PartialEq)]
pub struct Fill {
    /// The maker's price.
    #[pyo3(get)]
    pub price: f64,
    /// How much changed hands.
    #[pyo3(get)]
    pub quantity: f64,
    /// The resting order.
    #[pyo3(get)]
    pub maker_order_id: u64,
    /// Its owner.
    #[pyo3(get)]
    pub maker_user_id: u64,
    /// The incoming order.
    #[pyo3(get)]
    pub taker_order_id: u64,
    /// Its owner.
    #[pyo3(get)]
    pub taker_user_id: u64,
    /// The side of the incoming order.
    pub taker_side: Side,
}

impl Fill {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (self.price, self.quantity, self.maker_order_id, self.maker_user_id, self.taker_order_id, self.taker_user_id)
            .into_pyobject(py)
    }
}

#[pymethods]
impl Fill {
    /// The side of the incoming order: "buy" or "sell"; by name alone.
    #[getter]
    fn taker_side(&self) -> &'static str {
        side_name(self.taker_side)
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("price", "quantity", "maker_order_id")
    }

    fn __len__(&self) -> usize {
        6
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tuple(py)?.try_iter()?.into_any())
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let tuple = self.tuple(index.py())?;
        if let Ok(slice) = index.cast::<PySlice>() {
            return tuple.as_any().get_item(slice);
        }
        let at: isize = index.extract()?;
        let at = if at < 0 { at + 6 } else { at };
        usize::try_from(at)
            .ok()
            .and_then(|at| tuple.get_item(at).ok())
            .ok_or(PyIndexError::new_err("fill has 6 fields"))
    }

    fn __repr__(&self) -> String {
        format!(
            "Fill(price={}, quantity={}, maker_order_id={}, maker_user_id={}, taker_order_id={}, taker_user_id={})",
            self.price, self.quantity, self.maker_order_id, self.maker_user_id, self.taker_order_id, self.taker_user_id
        )
    }
}
