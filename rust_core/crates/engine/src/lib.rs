//! The engine of CIFT Markets: order book, risk and market data. It knows nothing of Python.
//!
//! Nor of threads: everything here is plain data that one owner changes through `&mut`, without locks, atomics, cells or
//! statics that change. There is nothing whose interleavings loom could try; the compiler alone keeps threads apart.

pub mod arena;
pub mod auction;
pub mod batch;
pub mod book;
pub mod change;
mod changing;
pub mod error;
pub mod event;
pub mod exchange;
pub mod feeds;
pub mod grid;
mod ids;
pub mod instrument;
pub mod journal;
pub mod ladder;
mod leaving;
pub mod market_data;
mod matching;
mod memory;
pub mod nats;
mod notional;
mod order_index;
pub mod orders;
mod plain;
mod rare;
pub mod recording;
pub mod risk;
mod room;
pub mod snapshot;
pub mod special;
pub mod stops;
pub mod triggering;
pub mod types;
mod view;
mod wide;
mod window;
pub mod wire;
