//! The books, a file each.

#[cfg(feature = "cift-engine")]
pub mod cift;
#[cfg(feature = "lobster")]
pub mod lobster;
#[cfg(feature = "matchcore")]
pub mod matchcore;
#[cfg(feature = "orderbook-rs")]
pub mod orderbook_rs;
