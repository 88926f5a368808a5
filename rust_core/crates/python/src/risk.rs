//! `FastRiskEngine`.

use cift_engine::risk::{Decision, Limits, Request};
use cift_engine::types::Side;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::arguments::SideWord;
use crate::errors::risk_error;

/// Pre-trade limits of one account.
#[pyclass(frozen, module = "cift_core")]
pub struct FastRiskEngine {
    pub limits: Limits,
    /// The answers as Python objects, made once.
    answers: [Py<PyTuple>; Decision::ALL.len()],
}

/// `(passed, reason)`.
fn answer(py: Python<'_>, decision: Decision) -> PyResult<Py<PyTuple>> {
    let reason = PyString::intern(py, decision.code());
    Ok((decision == Decision::Passed, reason).into_pyobject(py)?.unbind())
}

#[pymethods]
impl FastRiskEngine {
    #[new]
    fn new(py: Python<'_>, max_position_size: f64, max_notional: f64, max_leverage: f64) -> PyResult<Self> {
        let limits = Limits { max_position_size, max_notional, max_leverage };
        let limits = limits.checked().map_err(|error| risk_error(&error))?;
        let [passed, notional, position, leverage] = Decision::ALL.map(|decision| answer(py, decision));
        Ok(Self { limits, answers: [passed?, notional?, position?, leverage?] })
    }

    /// The largest position after an order.
    #[getter]
    fn max_position_size(&self) -> f64 {
        self.limits.max_position_size
    }

    /// The largest value of one order.
    #[getter]
    fn max_notional(&self) -> f64 {
        self.limits.max_notional
    }

    /// The largest value of a position as a multiple of the account's value.
    #[getter]
    fn max_leverage(&self) -> f64 {
        self.limits.max_leverage
    }

    /// Judge an order: `(passed, reason)`, the reason "ok" or a stable code (max_notional, max_position_size,
    /// max_leverage). An order that brings the position closer to zero always passes the limits on positions.
    #[allow(clippy::too_many_arguments)]
    fn check_order(
        &self,
        py: Python<'_>,
        symbol: &str,
        side: SideWord<'_>,
        quantity: f64,
        price: f64,
        current_position: f64,
        account_value: f64,
    ) -> PyResult<Py<PyTuple>> {
        let _ = symbol;
        let buy = side.side()? == Side::Buy;
        let request = Request { buy, quantity, price, position: current_position, account_value };
        let decision = self.limits.check(&request).map_err(|error| risk_error(&error))?;
        Ok(self.answers[decision as usize].clone_ref(py))
    }

    /// The largest quantity that would pass; zero when none would.
    fn max_order_size(
        &self,
        symbol: &str,
        side: SideWord<'_>,
        price: f64,
        current_position: f64,
        account_value: f64,
    ) -> PyResult<f64> {
        let _ = symbol;
        let buy = side.side()? == Side::Buy;
        let most = self.limits.max_order_size(buy, price, current_position, account_value);
        most.map_err(|error| risk_error(&error))
    }
}
