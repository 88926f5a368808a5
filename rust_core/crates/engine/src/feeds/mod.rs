//! Market data as exchanges send it, and the books it builds.
//!
//! A malformed or truncated message is an error that says where it starts; what came before it stays in force, and
//! the message itself changes nothing.

pub mod binance;
pub mod itch;
pub mod lobster;
pub mod text;
