//! Messages as Cap'n Proto, by the schemas of `cift/schema`, in the standard stream framing.
//!
//! Readers look at the bytes where they are: whoever wants one field of one message of a large batch pays for that
//! field and not for the batch. Whatever is malformed, truncated or too large is a [`WireError`] with its offset and
//! field.

mod batch;
mod check;
mod command;
mod error;
mod event;
mod frame;
mod head;
mod limits;
mod market;
mod options;
mod quote;
mod schema;
mod ticks;

pub use batch::{CommandBatch, EventBatch};
pub use command::{Command, CommandBody, NewOrder};
pub use error::WireError;
pub use event::{Accepted, Event, EventBody, Fill};
pub use frame::{Encoded, Frames, MAX_MESSAGE_BYTES, is_framed};
pub use head::EventHead;
pub use limits::AccountLimits;
pub use market::{Indication, Market, MarketBody, Trade};
pub use options::OrderOptions;
pub use quote::Quote;
pub use schema::messages_capnp::{OrderType, Peg, Phase, RiskSetting, SCHEMA_VERSION, Side, TimeInForce, TradingState};
pub use ticks::{Column, TickColumns, TickLayout, TickMessage};
