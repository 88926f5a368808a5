//! The engine of CIFT Markets: order book, risk and market data. It knows nothing of Python.

pub mod arena;
pub mod auction;
pub mod batch;
pub mod book;
pub mod change;
pub mod error;
pub mod event;
pub mod exchange;
pub mod feeds;
pub mod grid;
mod ids;
pub mod instrument;
pub mod ladder;
mod leaving;
pub mod market_data;
mod matching;
mod notional;
pub mod orders;
mod rare;

pub mod risk;
mod room;
pub mod snapshot;
pub mod special;
pub mod stops;
mod triggering;
pub mod types;
mod view;
mod wide;
mod window;
pub mod wire;
