//! The Python face of the engine: bindings only.
//!
//! Threads share whole objects alone. A book, an exchange and a feed's book have one lock each, which holds all of their
//! state; no call holds two locks at once but those of a risk gate, which locks the book that it is about first, and
//! itself then; nothing is read beside them. The other classes that change are borrowed through PyO3, which refuses a
//! second thread that comes meanwhile. We have no order of locks of our own for loom to search, and no atomics; so real
//! threads, on one book and on several, are tested from Python instead.

mod arguments;
mod book;
mod book_limit;
mod book_session;
mod book_special;
mod book_view;
mod build_info;
mod deciding;
mod errors;
mod exchange;
mod feeds;
mod fill;
mod given;
mod later;
mod market_data;
mod nats;
mod recording;
mod risk;
mod risk_gate;
mod rows;
mod state;
mod wire;

/// The native half of `cift_core`.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::arguments::learn_words(module.py());
        Ok(())
    }

    #[pymodule_export]
    use crate::book::FastOrderBook;
    #[pymodule_export]
    use crate::book_view::RestingOrder;
    #[pymodule_export]
    use crate::build_info::build_info;
    #[pymodule_export]
    use crate::deciding::{DecidedBatch, PlainDecider};
    #[pymodule_export]
    use crate::errors::OrderError;
    #[pymodule_export]
    use crate::exchange::{AccountState, Exchange, UserState};
    #[pymodule_export]
    use crate::feeds::{
        BinanceDepth, FeedError, ItchBook, LobsterReader, generate_itch, itch_dtypes, parse_binance, parse_itch,
    };
    #[pymodule_export]
    use crate::fill::Fill;
    #[pymodule_export]
    use crate::market_data::{
        Atr, Bar, BarBuilder, Bollinger, BulkVpin, Ema, FastMarketData, KyleLambda, Macd, MicroPrice,
        MicroPriceEstimator, MultiLevelOrderFlowImbalance, OrderFlowImbalance, PriceImpact, RealizedVolatility, Rsi,
        Sma, Twap, Vpin, Vwap, atr, bollinger, ema, macd, rsi, sma,
    };
    #[pymodule_export]
    use crate::nats::{NatsParser, NatsProtocolError, Stored, publish_burst};
    #[pymodule_export]
    use crate::recording::{Positions, record_events, record_trades};
    #[pymodule_export]
    use crate::risk::FastRiskEngine;
    #[pymodule_export]
    use crate::risk_gate::RiskGate;
    #[pymodule_export]
    use crate::wire::{MessageBatch, MessageCodec, WireError, encode_ticks, event_head, tick_layout};
}
