//! The published measures of a market: batches over slices, and streaming forms whose every update costs the same.
//!
//! Batches and streams are the same arithmetic. Batches write into a slice of the caller's, as long as their columns. Arguments are checked before anything changes: an error names the
//! argument, the row and the value, and leaves a streaming form as it was. Prices and volumes are `f64`, times are
//! integers of the caller's unit (nanoseconds everywhere else in the project), and a taker's side is 1 for a buyer, -1
//! for a seller, 0 where nobody knows.

pub mod average;
pub mod bars;
mod check;
pub mod error;
pub mod impact;
pub mod indicators;
mod linear;
pub mod microprice;
pub mod order_flow;
mod pairs;
pub mod quote;
mod rolling;
pub mod signs;
pub mod volatility;
pub mod vpin;

pub use average::{Twap, Vwap, twap, vwap, vwap_of_pairs};
pub use bars::{Bar, BarBuilder, Measure, Rule};
pub use error::{At, MarketDataError};
pub use impact::{KyleLambda, PriceImpact, kyle_lambda};
pub use microprice::{MicroPrice, MicroPriceEstimator};
pub use order_flow::{MultiLevelOrderFlow, OrderFlow, multi_level_order_flow_imbalances, order_flow_imbalances};
pub use quote::{Top, Tops, imbalance, order_flow_imbalance, queue_imbalances, size_weighted_mid, size_weighted_mids};
pub use signs::tick_rule;
pub use volatility::{RealizedVolatility, realized_volatility};
pub use vpin::{BulkVpin, Vpin, bulk_vpin, vpin};
