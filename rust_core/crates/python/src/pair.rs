//! Tuples of two by one call of the interpreter: PyO3 makes an empty one and fills in each item by a call of its own.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// `(first, second)`.
#[inline(always)]
#[allow(unsafe_code)]
pub fn pair<'py>(first: &Bound<'py, PyAny>, second: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    // SAFETY: both are live objects and this thread is attached, as a `Bound` is proof of; two pointers follow the count of
    // two, and the function takes references of its own to what they point to.
    let made = unsafe { ffi::PyTuple_Pack(2, first.as_ptr(), second.as_ptr()) };
    // SAFETY: what it returns is a reference that belongs to us, or null with an exception set; and it is a tuple.
    unsafe { Ok(Bound::from_owned_ptr_or_err(first.py(), made)?.cast_into_unchecked()) }
}
