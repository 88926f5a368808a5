//! Refusals as Python exceptions: `OrderError`, a `ValueError` with the stable code and the field.

use cift_engine::error::BookError;
use cift_engine::risk::RiskError;
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    cift_core,
    OrderError,
    PyValueError,
    "A command that the book refused; nothing changed. `code` is stable, `field` names the argument."
);

/// The exception for a refusal.
pub fn order_error(py: Python<'_>, error: &BookError) -> PyErr {
    let exception = OrderError::new_err(error.to_string());
    let value = exception.value(py);
    let set = value.setattr("code", error.code()).and_then(|()| value.setattr("field", error.field()));
    set.err().unwrap_or(exception)
}

/// The exception for an argument that the risk check can't judge.
pub fn risk_error(error: &RiskError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// An unsigned 64-bit argument, called `field` in its error.
#[inline]
pub fn unsigned(field: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract::<u64>().map_err(|error| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            PyTypeError::new_err(format!("{field} {value} is not an integer"))
        } else {
            PyValueError::new_err(format!("{field} {value} does not fit 64 bits without a sign"))
        }
    })
}
