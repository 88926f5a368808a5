//! An argument that is looked at later, or not at all.

use std::convert::Infallible;

use pyo3::intern;
use pyo3::prelude::*;

/// An argument as it came. Most calls leave most options out: those cost a call nothing then but the question whether
/// any came.
#[derive(Clone, Copy)]
pub struct Later<'a, 'py>(Option<Borrowed<'a, 'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Later<'a, 'py> {
    type Error = Infallible;

    #[inline(always)]
    fn extract(value: Borrowed<'a, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(Some(value)))
    }
}

impl<'a, 'py> Later<'a, 'py> {
    /// What stands for an argument that did not come.
    pub const ABSENT: Self = Self(None);

    /// Whether it did not come.
    #[inline(always)]
    pub const fn is_absent(self) -> bool {
        self.0.is_none()
    }

    /// The argument, unless it did not come or is None.
    #[inline(always)]
    pub fn some(self) -> Option<Borrowed<'a, 'py, PyAny>> {
        self.0.filter(|value| !value.is_none())
    }

    /// The argument, called `name` in a note on its error as PyO3 writes one on those that it reads itself.
    #[inline(always)]
    pub fn or<T: FromPyObject<'a, 'py>>(self, name: &str, default: T) -> PyResult<T> {
        match self.0 {
            Some(value) => value.extract().map_err(|error: T::Error| noted(value.py(), error.into(), name)),
            None => Ok(default),
        }
    }
}

#[cold]
#[inline(never)]
fn noted(py: Python<'_>, error: PyErr, name: &str) -> PyErr {
    // A note that can't be added is no reason to lose the error.
    let _ = error.value(py).call_method1(intern!(py, "add_note"), (format!("while processing '{name}'"),));
    error
}
