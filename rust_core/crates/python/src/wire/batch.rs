//! `MessageBatch`: many commands or events in one message, of which single fields are read in place.

use std::ops::Range;

use cift_engine::wire::{CommandBatch, EventBatch, WireError as EngineError};
use numpy::PyArray1;
use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::codec::MessageCodec;
use super::fields::{Fields, Value, Wanted};
use super::giving;
use super::{bytes, refused};

/// What a batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Commands,
    Events,
}

/// Commands or events in one message. Opening it, and one field of one message, cost the same however many there are.
#[pyclass(frozen, sequence, module = "cift_core")]
pub struct MessageBatch {
    codec: Py<MessageCodec>,
    data: Py<PyBytes>,
    family: Family,
    length: u32,
}

impl MessageBatch {
    pub fn open(codec: Bound<'_, MessageCodec>, data: &Bound<'_, PyAny>, family: Family) -> PyResult<Self> {
        let py = codec.py();
        let data = bytes(data)?;
        let length = match family {
            Family::Commands => CommandBatch::len(data.as_bytes()),
            Family::Events => EventBatch::len(data.as_bytes()),
        };
        let length = length.map_err(|error| refused(py, &error))?;
        Ok(Self { codec: codec.unbind(), data: data.unbind(), family, length })
    }

    /// An index as Python means it.
    fn index(&self, index: isize) -> PyResult<u32> {
        let from_start = if index < 0 { index + self.length as isize } else { index };
        u32::try_from(from_start)
            .ok()
            .filter(|&index| index < self.length)
            .ok_or_else(|| PyIndexError::new_err(format!("index {index} is outside a batch of {}", self.length)))
    }
}

/// Tell `fields` of the messages in `indices`, one after the other.
fn visit(data: &[u8], family: Family, indices: Range<u32>, fields: &mut impl Fields) -> Result<(), EngineError> {
    match family {
        Family::Commands => CommandBatch::read(data, indices, |command| {
            giving::command(&command, fields);
            Ok(())
        }),
        Family::Events => EventBatch::read(data, indices, |event| {
            giving::event(&event, fields);
            Ok(())
        }),
    }
}

#[pymethods]
impl MessageBatch {
    fn __len__(&self) -> usize {
        self.length as usize
    }

    /// The whole message at `index`, as an instance of its class.
    fn __getitem__(&self, py: Python<'_>, index: isize) -> PyResult<Py<PyAny>> {
        let index = self.index(index)?;
        let codec = self.codec.get();
        let data = self.data.bind(py).as_bytes();
        let mut given = Ok(py.None());
        let read = match self.family {
            Family::Commands => CommandBatch::read(data, index..index + 1, |command| {
                given = codec.give_command(py, &command);
                Ok(())
            }),
            Family::Events => EventBatch::read(data, index..index + 1, |event| {
                given = codec.give_event(py, &event);
                Ok(())
            }),
        };
        read.map_err(|error| refused(py, &error))?;
        given
    }

    /// The field `name` of the message at `index`; nothing else becomes a Python object. KeyError if it has none such.
    fn field(&self, py: Python<'_>, index: isize, name: &str) -> PyResult<Py<PyAny>> {
        let index = self.index(index)?;
        let mut given = None;
        let found = |value: Value<'_>| given = Some(value.object(py).map(Bound::unbind));
        visit(self.data.bind(py).as_bytes(), self.family, index..index + 1, &mut Wanted { name, found })
            .map_err(|error| refused(py, &error))?;
        given.unwrap_or_else(|| Err(PyKeyError::new_err(format!("message {index} has no field {name:?}"))))
    }

    /// The field `name` of all messages as float64, read without the GIL: NaN where a message has none or it is None.
    /// ValueError if it is not a number.
    fn floats<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let data = self.data.bind(py).as_bytes();
        let (family, length) = (self.family, self.length);
        let floats = Floats { name, values: Vec::new(), other: false };
        let floats = py
            .detach(|| {
                let mut floats = floats;
                floats.values.reserve_exact(length as usize);
                visit(data, family, 0..length, &mut floats).map(|()| floats)
            })
            .map_err(|error| refused(py, &error))?;
        if floats.other {
            return Err(PyValueError::new_err(format!("field {name:?} is not a floating-point number")));
        }
        Ok(PyArray1::from_vec(py, floats.values))
    }
}

/// One field of every message.
struct Floats<'a> {
    name: &'a str,
    values: Vec<f64>,
    other: bool,
}

impl Fields for Floats<'_> {
    fn begin(&mut self) {
        self.values.push(f64::NAN);
    }

    #[inline]
    fn put(&mut self, name: &'static str, _: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>, value: Value<'_>) {
        if name != self.name {
            return;
        }
        match (value, self.values.last_mut()) {
            (Value::Float(value), Some(last)) => *last = value,
            (Value::Absent, _) => {}
            _ => self.other = true,
        }
    }
}
