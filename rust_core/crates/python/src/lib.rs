//! The Python face of the engine: bindings only.

mod arguments;
mod book;
mod build_info;
mod errors;
mod fill;
mod market_data;
mod risk;
mod rows;

/// The native half of `cift_core`.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::book::{FastOrderBook, RestingOrder};
    #[pymodule_export]
    use crate::build_info::build_info;
    #[pymodule_export]
    use crate::errors::OrderError;
    #[pymodule_export]
    use crate::fill::Fill;
    #[pymodule_export]
    use crate::market_data::FastMarketData;
    #[pymodule_export]
    use crate::risk::FastRiskEngine;
}
