//! What commands are decided on, as Python's matcher keeps it.

use cift_engine::journal::New;
use cift_engine::risk::{Decision, Request};
use cift_engine::types::Side;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySet, PyString, PyTuple};

use super::Refusal;
use super::market::Market;
use crate::risk::FastRiskEngine;

/// Python's own objects: what changes here has changed there.
pub struct State<'py> {
    pub markets: Bound<'py, PyDict>,
    positions: Bound<'py, PyDict>,
    /// Live orders by user and name.
    names: Bound<'py, PyDict>,
    /// Users and names by live order.
    named: Bound<'py, PyDict>,
    owners: Bound<'py, PyDict>,
    /// Limits and account value of accounts that have their own.
    judges: Bound<'py, PyDict>,
    everybody: Bound<'py, PyTuple>,
    pub touched: Bound<'py, PySet>,
}

/// What a check came to.
pub enum Verdict {
    Passed,
    Refused(Refusal),
    /// Python must look at it.
    Unsure,
}

impl<'py> State<'py> {
    pub fn of(parts: &Bound<'py, PyTuple>) -> PyResult<Self> {
        let dict = |index| -> PyResult<_> { Ok(parts.get_item(index)?.cast_into::<PyDict>()?) };
        Ok(Self {
            markets: dict(0)?,
            positions: dict(1)?,
            names: dict(2)?,
            named: dict(3)?,
            owners: dict(4)?,
            judges: dict(5)?,
            everybody: parts.get_item(6)?.cast_into()?,
            touched: parts.get_item(7)?.cast_into()?,
        })
    }

    /// What `Matcher._check` asks of a plain order.
    pub fn check(&self, py: Python<'py>, user: u64, order: &New<'_>, market: &Market) -> PyResult<Verdict> {
        if let Some(name) = order.name {
            if let Some(taken) = self.names.get_item((user, name))? {
                let name = PyString::new(py, name).repr()?;
                let reason = format!("client_order_id {name} is that of live order {taken}");
                return Ok(Verdict::Refused(Refusal { code: "duplicate_client_order_id", reason }));
            }
        }
        let Some(position) = self.position(py, user, market)? else { return Ok(Verdict::Unsure) };
        let Some(price) = order.limit.or_else(|| market.best(py, order.side.opposite())) else {
            return Ok(Verdict::Passed); // nothing would be traded
        };
        let judge = match self.judges.get_item(user)? {
            Some(judge) => judge.cast_into()?,
            None => self.everybody.clone(),
        };
        let (engine, account_value) = (judge.get_item(0)?.cast_into::<FastRiskEngine>()?, judge.get_item(1)?);
        let request = Request {
            buy: order.side == Side::Buy,
            quantity: order.quantity,
            price,
            position,
            account_value: account_value.extract()?,
        };
        Ok(match engine.get().limits.check(&request) {
            Ok(Decision::Passed) => Verdict::Passed,
            Ok(decision) => {
                let code = decision.code();
                Verdict::Refused(Refusal {
                    code,
                    reason: format!("risk: {} would be exceeded", code.replace('_', " ")),
                })
            }
            Err(_) => Verdict::Unsure,
        })
    }

    /// What a user holds; none if that is more lots than fit.
    fn position(&self, py: Python<'py>, user: u64, market: &Market) -> PyResult<Option<f64>> {
        match self.positions.get_item((user, market.symbol.bind(py)))? {
            Some(lots) => Ok(lots.extract().ok().map(|lots| market.quantity(lots))),
            None => Ok(Some(0.0)),
        }
    }

    /// A user holds so many lots more. Python's own sum: it has no end.
    pub fn hold(&self, py: Python<'py>, user: u64, market: &Market, lots: i64) -> PyResult<()> {
        let key = (user, market.symbol.bind(py)).into_pyobject(py)?;
        match self.positions.get_item(&key)? {
            Some(held) => self.positions.set_item(key, held.add(lots)?),
            None => self.positions.set_item(key, lots),
        }
    }

    /// A client calls an order so.
    pub fn name(&self, py: Python<'py>, order: u64, user: u64, name: &str) -> PyResult<()> {
        let key = (user, name).into_pyobject(py)?;
        self.names.set_item(&key, order)?;
        self.named.set_item(order, key)
    }

    /// Whether clients have named any live order.
    pub fn has_names(&self) -> bool {
        !self.named.is_empty()
    }

    /// The order has left: its name is free again.
    pub fn forget(&self, order: u64) -> PyResult<()> {
        if self.has_names() {
            if let Some(key) = self.named.get_item(order)? {
                self.named.del_item(order)?;
                self.names.del_item(key)?;
            }
        }
        if !self.owners.is_empty() && self.owners.contains(order)? {
            self.owners.del_item(order)?;
        }
        Ok(())
    }

    /// A maker has left: the same, but for whose it was, which is kept for named orders alone here as there.
    pub fn forget_named(&self, order: u64) -> PyResult<()> {
        if self.named.contains(order)? { self.forget(order) } else { Ok(()) }
    }
}
