//! The numpy types of batches, taken from `cift_core.dtypes`, where they are written down once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The dtypes.
pub struct Rows {
    command: Py<PyAny>,
    event: Py<PyAny>,
    change: Py<PyAny>,
    wide: Py<PyAny>,
}

static ROWS: PyOnceLock<Rows> = PyOnceLock::new();

impl Rows {
    /// The dtypes, imported at the first call.
    pub fn of(py: Python<'_>) -> PyResult<&'static Self> {
        ROWS.get_or_try_init(py, || {
            let module = py.import("cift_core.dtypes")?;
            Ok(Self {
                command: module.getattr("COMMAND_DTYPE")?.unbind(),
                event: module.getattr("EVENT_DTYPE")?.unbind(),
                change: module.getattr("CHANGE_DTYPE")?.unbind(),
                wide: py.import("cift_core.exchange")?.getattr("EXCHANGE_COMMAND_DTYPE")?.unbind(),
            })
        })
    }

    /// `COMMAND_DTYPE`.
    pub fn command_dtype<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.command.bind(py)
    }

    /// `EXCHANGE_COMMAND_DTYPE`.
    pub fn wide_dtype<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.wide.bind(py)
    }

    /// `CHANGE_DTYPE`.
    pub fn change_dtype<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.change.bind(py)
    }

    /// `EVENT_DTYPE`.
    pub fn event_dtype<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.event.bind(py)
    }
}
