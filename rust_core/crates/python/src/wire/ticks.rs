//! Batches of ticks: columns in, and where the columns of a message lie.

use cift_engine::wire::{TickColumns, TickLayout};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::{bytes, refused};

/// Columns of ticks as one message. Arrays are contiguous, one entry per tick: `symbol` uint32 (index into `symbols`),
/// `ts` int64 (nanoseconds since 1970), `price` and `quantity` float64, `side` int8 (1, -1, 0), `seq` uint64, `pos`
/// uint32.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // a column each
pub fn encode_ticks<'py>(
    py: Python<'py>,
    symbols: Vec<String>,
    symbol: PyReadonlyArray1<'py, u32>,
    ts: PyReadonlyArray1<'py, i64>,
    price: PyReadonlyArray1<'py, f64>,
    quantity: PyReadonlyArray1<'py, f64>,
    side: PyReadonlyArray1<'py, i8>,
    seq: PyReadonlyArray1<'py, u64>,
    pos: PyReadonlyArray1<'py, u32>,
) -> PyResult<Bound<'py, PyBytes>> {
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let columns = TickColumns {
        symbols: &symbols,
        symbol: symbol.as_slice()?,
        ts: ts.as_slice()?,
        price: price.as_slice()?,
        quantity: quantity.as_slice()?,
        side: side.as_slice()?,
        seq: seq.as_slice()?,
        pos: pos.as_slice()?,
    };
    let encoded = py.detach(|| columns.encode()).map_err(|error| refused(py, &error))?;
    PyBytes::new_with(py, encoded.len(), |target| {
        py.detach(|| encoded.write_to(target)).map_err(|error| refused(py, &error))
    })
}

/// Return the number of ticks in `data` (bytes), the symbols, and each column's offset in bytes.
#[pyfunction]
pub fn tick_layout<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
) -> PyResult<(usize, Vec<String>, Bound<'py, PyDict>)> {
    let data = bytes(data)?;
    let layout = TickLayout::of(data.as_bytes()).map_err(|error| refused(py, &error))?;
    let offsets = PyDict::new(py);
    for column in layout.columns {
        offsets.set_item(column.name, column.offset)?;
    }
    Ok((layout.rows, layout.symbols, offsets))
}
