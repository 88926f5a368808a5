//! The options of a limit order, as Python gives them.

use cift_engine::instrument::Options;
use cift_engine::orders::PostOnly;
use pyo3::prelude::*;

use crate::arguments;
use crate::errors::unsigned;

/// The options of a limit order, as Python gives them.
pub struct Given<'a, 'py> {
    pub tif: &'a str,
    pub post_only: bool,
    pub reprice: bool,
    pub display_quantity: Option<f64>,
    pub min_quantity: Option<f64>,
    pub expires: Option<&'a Bound<'py, PyAny>>,
    pub hidden: bool,
    pub all_or_none: bool,
    pub reduce_only: bool,
}

impl Given<'_, '_> {
    pub fn options(self) -> PyResult<Options> {
        let (tif, whole) = arguments::tif(self.tif)?;
        Ok(Options {
            tif,
            post_only: match (self.reprice, self.post_only) {
                (true, _) => PostOnly::Reprice,
                (false, true) => PostOnly::Reject,
                (false, false) => PostOnly::No,
            },
            display_quantity: self.display_quantity,
            min_quantity: self.min_quantity,
            expires: self.expires.map_or(Ok(0), |expires| unsigned("expires", expires))?,
            hidden: self.hidden,
            all_or_none: self.all_or_none | whole,
            reduce_only: self.reduce_only,
        })
    }
}
