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

    /// The argument, called `name` in a note on its error as PyO3 writes one on those that it reads itself.
    pub fn or<T: FromPyObject<'a, 'py>>(self, name: &str, default: T) -> PyResult<T> {
        let Some(value) = self.0 else { return Ok(default) };
        value.extract().map_err(|error: T::Error| {
            let error: PyErr = error.into();
            let note = format!("while processing '{name}'");
            // A note that can't be added is no reason to lose the error.
            let _ = error.value(value.py()).call_method1(intern!(value.py(), "add_note"), (note,));
            error
        })
    }
}
