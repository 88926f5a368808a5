//! Messages and batches of ticks as Cap'n Proto: bindings of `cift_engine::wire`.

mod batch;
mod codec;
mod fields;
mod giving;
mod kinds;
mod taking;
mod ticks;
mod words;

use cift_engine::wire::{Encoded, EventHead, WireError as EngineError};
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

pub use batch::MessageBatch;
pub use codec::MessageCodec;
pub use ticks::{encode_ticks, tick_layout};

create_exception!(
    cift_core,
    WireError,
    PyValueError,
    "Bytes that are no such message, or values that none can carry. `offset` is where the message at fault begins, or, \
     when the framing is wrong, where the bytes at fault are; `field` is empty then. `key` is the field as JSON has it, \
     `problem` what is wrong with it."
);

/// The exception for an error of the engine.
pub fn refused(py: Python<'_>, error: &EngineError) -> PyErr {
    let exception = WireError::new_err(error.to_string());
    let value = exception.value(py);
    let set = value
        .setattr("offset", error.offset)
        .and_then(|()| value.setattr("field", error.field))
        .and_then(|()| value.setattr("key", error.key()))
        .and_then(|()| value.setattr("problem", error.what()));
    set.err().unwrap_or(exception)
}

/// Return tag, `seq`, `pos` and `last` of the event in `data` (bytes), for who files it and wants no more of it.
/// WireError if there is none.
#[pyfunction]
pub fn event_head<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyString>, u64, u32, bool)> {
    let head = EventHead::of(bytes(data)?.as_bytes()).map_err(|error| refused(py, &error))?;
    Ok((PyString::intern(py, head.tag), head.seq, head.pos, head.last))
}

/// `data` as bytes: itself, or a copy of what can still change.
pub fn bytes<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    if data.is_instance_of::<PyByteArray>() || data.is_instance_of::<PyMemoryView>() {
        return Ok(data.py().get_type::<PyBytes>().call1((data,))?.cast_into()?);
    }
    let kind = data.get_type().name()?;
    Err(PyTypeError::new_err(format!("data is a {kind}, expected bytes, bytearray or memoryview")))
}

/// A message as bytes.
pub fn written<'py>(py: Python<'py>, encoded: &Encoded) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, encoded.len(), |target| encoded.write_to(target).map_err(|error| refused(py, &error)))
}
