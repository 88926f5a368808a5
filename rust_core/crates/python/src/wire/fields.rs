//! A message's fields for Python: all of them for a whole message, or the one that somebody wants.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

/// The value of a field.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(&'a str),
    Levels(&'a [[f64; 2]]),
    Absent,
}

impl Value<'_> {
    /// The value as a Python object.
    pub fn object<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::Unsigned(value) => PyInt::new(py, value).into_any(),
            Self::Signed(value) => PyInt::new(py, value).into_any(),
            Self::Float(value) => PyFloat::new(py, value).into_any(),
            Self::Flag(value) => PyBool::new(py, value).to_owned().into_any(),
            Self::Text(value) => PyString::new(py, value).into_any(),
            Self::Levels(levels) => {
                let pairs: Vec<_> = levels.iter().map(|&[price, quantity]| (price, quantity)).collect();
                PyTuple::new(py, pairs)?.into_any()
            }
            Self::Absent => py.None().into_bound(py),
        })
    }
}

/// Who is told of every field: its name, the same as an interned object on demand, and its value.
pub trait Fields {
    /// A message begins.
    fn begin(&mut self) {}

    /// Whether to be told of fields that a message leaves out.
    fn wants_all(&self) -> bool {
        false
    }

    /// It has this field.
    fn put(
        &mut self,
        name: &'static str,
        key: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>,
        value: Value<'_>,
    );
}

/// All fields, as keyword arguments.
pub struct Arguments<'py> {
    py: Python<'py>,
    result: PyResult<Bound<'py, PyDict>>,
}

impl<'py> Arguments<'py> {
    pub fn new(py: Python<'py>) -> Self {
        Self { py, result: Ok(PyDict::new(py)) }
    }

    pub fn into_dict(self) -> PyResult<Bound<'py, PyDict>> {
        self.result
    }
}

impl Fields for Arguments<'_> {
    #[inline]
    fn put(&mut self, _: &'static str, key: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>, value: Value<'_>) {
        if let Ok(dict) = &self.result {
            let set = value.object(self.py).and_then(|object| dict.set_item(key(self.py), object));
            if let Err(error) = set {
                self.result = Err(error);
            }
        }
    }
}

/// The one field with the wanted name, handed to `found`.
pub struct Wanted<'a, F> {
    pub name: &'a str,
    pub found: F,
}

impl<F: FnMut(Value<'_>)> Fields for Wanted<'_, F> {
    fn wants_all(&self) -> bool {
        true
    }

    #[inline]
    fn put(&mut self, name: &'static str, _: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>, value: Value<'_>) {
        if name == self.name {
            (self.found)(value);
        }
    }
}
