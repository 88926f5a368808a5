//! Feeds: bindings of `cift_engine::feeds`.

mod binance;
mod itch;
mod lobster;

use cift_engine::feeds::itch::ItchError;
use cift_engine::feeds::text::TextError;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub use binance::{BinanceDepth, parse_binance};
pub use itch::{ItchBook, generate_itch, itch_dtypes, parse_itch};
pub use lobster::LobsterReader;

create_exception!(
    cift_core,
    FeedError,
    PyValueError,
    "A message that can't be read or can't be true; it changed nothing. `offset` is where in the data it starts, in \
     bytes; `line` its line, from 1, or None in a binary feed."
);

fn feed_error(py: Python<'_>, text: &str, offset: usize, line: Option<usize>) -> PyErr {
    let exception = FeedError::new_err(text.to_owned());
    let value = exception.value(py);
    let set = value.setattr("offset", offset).and_then(|()| value.setattr("line", line));
    set.err().unwrap_or(exception)
}

fn itch_error(py: Python<'_>, error: &ItchError) -> PyErr {
    feed_error(py, &error.to_string(), error.offset, None)
}

fn text_error(py: Python<'_>, error: &TextError) -> PyErr {
    feed_error(py, &error.to_string(), error.offset, Some(error.line))
}

/// What a feed is read from. Bytes and numpy arrays are read in place; another buffer may change while the GIL is gone,
/// and is copied.
enum Data<'py> {
    Bytes(Bound<'py, PyBytes>),
    Array(PyReadonlyArray1<'py, u8>),
    Copy(Vec<u8>),
}

impl<'py> Data<'py> {
    fn of(data: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone()));
        }
        if let Ok(array) = data.cast::<PyArray1<u8>>() {
            return Ok(Self::Array(array.try_readonly().map_err(|error| PyValueError::new_err(error.to_string()))?));
        }
        let Ok(buffer) = PyBuffer::<u8>::get(data) else {
            let kind = data.get_type().name()?;
            return Err(PyTypeError::new_err(format!("data is a {kind}, expected bytes or a buffer of bytes")));
        };
        Ok(Self::Copy(buffer.to_vec(data.py())?))
    }

    fn as_slice(&self) -> PyResult<&[u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.as_bytes()),
            Self::Array(array) => {
                array.as_slice().map_err(|_| PyValueError::new_err("data is not contiguous: use its .copy()"))
            }
            Self::Copy(bytes) => Ok(bytes),
        }
    }
}

/// Rows as an array of a structured type.
fn rows<'py>(py: Python<'py>, bytes: Vec<u8>, dtype: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    PyArray1::from_vec(py, bytes).call_method1("view", (dtype,))
}
