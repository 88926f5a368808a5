//! `LobsterReader`.

use bytemuck::cast_vec;
use cift_engine::feeds::lobster::{Books, MessageRow, parse_books, parse_messages};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use super::{Data, feed_error, text_error};

/// A LOBSTER message file, and the orderbook file that belongs to it, as arrays.
#[pyclass(frozen, module = "cift_core")]
pub struct LobsterReader {
    /// Structured array of LOBSTER_MESSAGE_DTYPE, shape (n,).
    #[pyo3(get)]
    messages: Py<PyAny>,
    /// int64 array of shape (n, 4 * levels), or None without an orderbook file.
    #[pyo3(get)]
    orderbook: Option<Py<PyArray2<i64>>>,
    /// How many levels the orderbook file has; 0 without one.
    #[pyo3(get)]
    levels: usize,
    length: usize,
}

#[pymethods]
impl LobsterReader {
    /// Read both files' bytes without the GIL. A bad line, or another number of rows than of messages, raises FeedError.
    #[new]
    #[pyo3(signature = (messages, orderbook=None))]
    fn new(py: Python<'_>, messages: &Bound<'_, PyAny>, orderbook: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let messages = Data::of(messages)?;
        let orderbook = orderbook.map(Data::of).transpose()?;
        let bytes = messages.as_slice()?;
        let book_bytes = orderbook.as_ref().map(Data::as_slice).transpose()?;
        let parsed = py.detach(|| Ok((parse_messages(bytes)?, book_bytes.map(parse_books).transpose()?)));
        let (messages, books): (Vec<MessageRow>, Option<Books>) = parsed.map_err(|error| text_error(py, &error))?;
        let (length, levels) = (messages.len(), books.as_ref().map_or(0, |books| books.levels));
        let orderbook = match books {
            Some(books) => {
                let found = books.values.len().checked_div(levels * 4).unwrap_or(0);
                if found != length {
                    let text = format!("the orderbook has {found} rows, the message file {length}");
                    let end = book_bytes.map_or(0, <[u8]>::len);
                    return Err(feed_error(py, &text, end, Some(found.min(length) + 1)));
                }
                Some(PyArray1::from_vec(py, books.values).reshape([length, levels * 4])?.unbind())
            }
            None => None,
        };
        let dtype = py.import("cift_core.feeds")?.getattr("LOBSTER_MESSAGE_DTYPE")?;
        let words: Vec<[u64; 5]> = cast_vec(messages);
        let messages = PyArray1::from_vec(py, words.into_flattened()).call_method1("view", (dtype,))?.unbind();
        Ok(Self { messages, orderbook, levels, length })
    }

    const fn __len__(&self) -> usize {
        self.length
    }
}
