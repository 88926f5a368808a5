//! Refusals as Python exceptions: `OrderError`, a `ValueError` with the stable code and the field.

use cift_engine::error::BookError;
use cift_engine::risk::RiskError;
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyInt;

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
#[inline(always)]
#[allow(unsafe_code)]
pub fn unsigned(field: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if value.is_exact_instance_of::<PyInt>() {
        // PyO3's own `extract` asks through a function what type this is, and once more whether there is an exception.
        // SAFETY: `value` is a live object and this thread is attached to the interpreter, as a `Bound` is proof of both,
        // and it is an int: the function has no other demands. It borrows the object for the time of the call only.
        let number = unsafe { ffi::PyLong_AsUnsignedLongLong(value.as_ptr()) };
        if number != u64::MAX {
            return Ok(number);
        }
        // That is the largest number, or stands for an exception, which is set then and is said in words of ours.
        drop(PyErr::take(value.py()));
    }
    any_unsigned(field, value)
}

#[cold]
fn any_unsigned(field: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract::<u64>().map_err(|error| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            PyTypeError::new_err(format!("{field} {value} is not an integer"))
        } else {
            PyValueError::new_err(format!("{field} {value} does not fit 64 bits without a sign"))
        }
    })
}
