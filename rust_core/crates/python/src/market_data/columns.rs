//! numpy arrays as slices, without a copy; whatever can't be taken so is refused by the argument's name.

use cift_engine::market_data::{MarketDataError, Tops};
use numpy::{
    Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// The exception for a refusal.
pub fn refused(error: MarketDataError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A count; the engine judges the rest.
pub fn count(name: &str, value: i64) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyValueError::new_err(format!("{name} {value} must not be negative")))
}

/// A window that may be left out.
pub fn window(value: Option<i64>) -> PyResult<Option<usize>> {
    value.map(|value| count("window", value)).transpose()
}

/// A value that may not be there yet.
pub fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// The array if its type, dimensions and layout are right.
fn checked<'a, 'py, T: Element>(
    name: &str,
    value: &'a Bound<'py, PyAny>,
    dimensions: usize,
) -> PyResult<&'a Bound<'py, PyUntypedArray>> {
    let py = value.py();
    let wanted = dtype::<T>(py);
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} is a {kind}, expected a numpy array of {wanted}")));
    };
    if !array.dtype().is_equiv_to(&wanted) {
        let found = array.dtype();
        return Err(PyValueError::new_err(format!("{name} has dtype {found}, expected {wanted}")));
    }
    if array.ndim() != dimensions {
        let shape = value.getattr("shape")?;
        let expected = if dimensions == 1 { "one dimension" } else { "two dimensions" };
        return Err(PyValueError::new_err(format!("{name} has shape {shape}, expected {expected}")));
    }
    if !array.is_c_contiguous() || !array.is_aligned() {
        let message = format!("{name} is not contiguous and aligned in memory: pass its .copy()");
        return Err(PyValueError::new_err(message));
    }
    Ok(array)
}

fn in_use(name: &str) -> PyErr {
    PyValueError::new_err(format!("{name} is being written to"))
}

/// A one-dimensional array.
pub fn column<'py, T: Element>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray1<'py, T>> {
    let array = checked::<T>(name, value, 1)?;
    array.cast::<PyArray1<T>>()?.try_readonly().map_err(|_| in_use(name))
}

/// A two-dimensional array, row after row.
pub fn table<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArray2<'py, f64>> {
    let array = checked::<f64>(name, value, 2)?;
    array.cast::<PyArray2<f64>>()?.try_readonly().map_err(|_| in_use(name))
}

/// A new array of `length` values that `work` writes, without the GIL. numpy allocates it, and asks for large pages.
pub fn written<'py, T: Element>(
    py: Python<'py>,
    length: usize,
    work: impl FnOnce(&mut [T]) -> Result<(), MarketDataError> + Send,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    let array = PyArray1::zeros(py, length, false);
    {
        let mut out = array.readwrite();
        let out = out.as_slice_mut()?;
        py.detach(|| work(out)).map_err(refused)?;
    }
    Ok(array)
}

/// Three arrays of one length.
pub type Lines<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// Three new arrays that `work` writes.
pub fn written_lines<'py>(
    py: Python<'py>,
    length: usize,
    work: impl FnOnce([&mut [f64]; 3]) -> Result<(), MarketDataError> + Send,
) -> PyResult<Lines<'py>> {
    let new = || PyArray1::zeros(py, length, false);
    let lines = (new(), new(), new());
    {
        let mut out = (lines.0.readwrite(), lines.1.readwrite(), lines.2.readwrite());
        let out = [out.0.as_slice_mut()?, out.1.as_slice_mut()?, out.2.as_slice_mut()?];
        py.detach(|| work(out)).map_err(refused)?;
    }
    Ok(lines)
}

/// Four columns that describe the top of a book.
pub struct TopColumns<'py>([PyReadonlyArray1<'py, f64>; 4]);

impl<'py> TopColumns<'py> {
    pub fn new(
        bids: &Bound<'py, PyAny>,
        bid_volumes: &Bound<'py, PyAny>,
        asks: &Bound<'py, PyAny>,
        ask_volumes: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self([
            column("bids", bids)?,
            column("bid_volumes", bid_volumes)?,
            column("asks", asks)?,
            column("ask_volumes", ask_volumes)?,
        ]))
    }

    /// A new array of a value for each row, that `work` writes.
    pub fn write(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&Tops<'_>, &mut [f64]) -> Result<(), MarketDataError> + Send,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let [bids, bid_volumes, asks, ask_volumes] = &self.0;
        let (bids, bid_volumes) = (bids.as_slice()?, bid_volumes.as_slice()?);
        let (asks, ask_volumes) = (asks.as_slice()?, ask_volumes.as_slice()?);
        written(py, bids.len(), |out| work(&Tops::new(bids, bid_volumes, asks, ask_volumes)?, out))
    }

    /// Run `work` over the checked rows, without the GIL.
    pub fn run<R: Send>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&Tops<'_>) -> Result<R, MarketDataError> + Send,
    ) -> PyResult<R> {
        let [bids, bid_volumes, asks, ask_volumes] = &self.0;
        let (bids, bid_volumes) = (bids.as_slice()?, bid_volumes.as_slice()?);
        let (asks, ask_volumes) = (asks.as_slice()?, ask_volumes.as_slice()?);
        py.detach(|| work(&Tops::new(bids, bid_volumes, asks, ask_volumes)?)).map_err(refused)
    }
}
