//! The spot streams of Binance: depth, trades and book tickers, and the book that depth builds.
//!
//! Source: "How to manage a local order book correctly" and the stream payloads of Binance's spot API documentation.
//! A line is a message as the stream sends it, alone or inside its combined-stream envelope, or the answer of the depth
//! request; a number and a space in front of it (when it was received) are allowed. Prices and quantities become whole
//! numbers of 1/100,000,000: what the exchange writes, exactly.

mod book;
mod message;

pub use book::{Applied, DepthBook};
pub use message::{Depth, Line, Message, PLACES, Ticker, Trade};
