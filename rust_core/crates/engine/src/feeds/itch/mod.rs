//! NASDAQ TotalView-ITCH 5.0: every message, and the book of every order.
//!
//! Source: "Nasdaq TotalView-ITCH 5.0", the exchange's specification. Files are as the exchange gives them out: each
//! message behind its length, two bytes, big endian; a length of zero ends the session.

mod ahead;
mod book;
mod error;
mod field;
mod frames;
mod generate;
mod guesses;
mod levels;
pub mod messages;
mod orders;

pub use book::ItchBook;
pub use error::{Fault, ItchError};
pub use field::{Field, symbol};
pub use frames::Frames;
pub use generate::{Flow, generate};
pub use levels::{Level, Side};
pub use messages::{Header, KINDS, Message};
pub use orders::Order;
