//! What the recorder stores: the streams' messages, Cap'n Proto or JSON, as columns of ClickHouse's tables, and positions
//! from fills.
//!
//! A message that is none is a [`MessageError`] and adds no row; the others of its batch are not touched.

mod columns;
mod decimal;
mod events;
mod fields;
mod framed;
mod held;
mod message;
mod positions;
mod tables;
mod trades;

pub use columns::{Column, Words};
pub use decimal::sum;
pub use events::{EventTables, record_events};
pub use fields::MessageError;
pub use held::Held;
pub use positions::{PERIOD_NS, PositionRow, Positions, Snapshot};
pub use tables::{Executions, OrderEvents, PositionHistory, Ticks};
pub use trades::{TradeTables, record_trades};

/// A message of a stream: its sequence there and its bytes.
pub type Stored<'a> = (u64, &'a [u8]);

/// A message that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its sequence in the stream.
    pub seq: u64,
    /// What is wrong with it.
    pub error: MessageError,
}
