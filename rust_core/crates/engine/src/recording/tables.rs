//! The columns of the tables that the recorder fills, named and ordered as in `cift/core/clickhouse/rows.py`.

use super::columns::{Column, Halves, MaybeFloats, Texts, Words};

/// Sides, as messages and tables name them.
pub(super) const SIDES: [&str; 2] = ["buy", "sell"];
/// The sides of an order, of which some events say nothing.
pub(super) const ORDER_SIDES: [&str; 3] = ["unknown", "buy", "sell"];
/// What happens to an order.
pub(super) const KINDS: [&str; 6] = ["accepted", "fill", "cancelled", "reduced", "modified", "rejected"];
/// What an order is in a fill.
pub(super) const LIQUIDITY: [&str; 3] = ["none", "taker", "maker"];

/// A table's columns by name.
pub type Columns = Vec<(&'static str, Column)>;

/// Rows of `trade_executions`: one a fill.
#[derive(Clone, Debug, Default)]
pub struct Executions {
    pub(super) stream_seq: Vec<u64>,
    pub(super) command_seq: Vec<u64>,
    pub(super) pos: Halves,
    pub(super) ts: Vec<i64>,
    pub(super) symbol: Words,
    pub(super) side: Vec<i8>,
    pub(super) price: Vec<f64>,
    pub(super) quantity: Vec<f64>,
    pub(super) taker_order_id: Vec<u64>,
    pub(super) taker_user_id: Vec<u64>,
    pub(super) maker_order_id: Vec<u64>,
    pub(super) maker_user_id: Vec<u64>,
}

impl Executions {
    /// The columns.
    #[must_use]
    pub fn columns(self) -> Columns {
        let [pos, pos_high] = self.pos.columns();
        vec![
            ("stream_seq", Column::Unsigned(self.stream_seq)),
            ("command_seq", Column::Unsigned(self.command_seq)),
            ("pos", pos),
            ("pos_high", pos_high),
            ("ts", Column::Moments(self.ts)),
            ("symbol", self.symbol.column()),
            ("side", Column::Choice(self.side, &SIDES)),
            ("price", Column::Floats(self.price)),
            ("quantity", Column::Floats(self.quantity)),
            ("taker_order_id", Column::Unsigned(self.taker_order_id)),
            ("taker_user_id", Column::Unsigned(self.taker_user_id)),
            ("maker_order_id", Column::Unsigned(self.maker_order_id)),
            ("maker_user_id", Column::Unsigned(self.maker_user_id)),
        ]
    }
}

/// Rows of `order_events`: one for each order that an event is about, two of a fill.
#[derive(Clone, Debug, Default)]
pub struct OrderEvents {
    pub(super) stream_seq: Vec<u64>,
    pub(super) command_seq: Vec<u64>,
    pub(super) pos: Vec<u32>,
    pub(super) ts: Vec<i64>,
    pub(super) account_id: Vec<u64>,
    pub(super) order_id: Vec<u64>,
    pub(super) symbol: Words,
    pub(super) kind: Vec<i8>,
    pub(super) side: Vec<i8>,
    pub(super) liquidity: Vec<i8>,
    pub(super) price: MaybeFloats,
    pub(super) quantity: Vec<f64>,
    pub(super) client_order_id: Texts,
    pub(super) reason: Words,
}

impl OrderEvents {
    /// The columns.
    #[must_use]
    pub fn columns(self) -> Columns {
        vec![
            ("stream_seq", Column::Unsigned(self.stream_seq)),
            ("command_seq", Column::Unsigned(self.command_seq)),
            ("pos", Column::Positions(self.pos)),
            ("ts", Column::Moments(self.ts)),
            ("account_id", Column::Unsigned(self.account_id)),
            ("order_id", Column::Unsigned(self.order_id)),
            ("symbol", self.symbol.column()),
            ("kind", Column::Choice(self.kind, &KINDS)),
            ("side", Column::Choice(self.side, &ORDER_SIDES)),
            ("liquidity", Column::Choice(self.liquidity, &LIQUIDITY)),
            ("price", self.price.column()),
            ("quantity", Column::Floats(self.quantity)),
            ("client_order_id", self.client_order_id.column()),
            ("reason", self.reason.column()),
        ]
    }
}

/// Rows of `position_history_analytics`: what a fill made of its two accounts' positions.
#[derive(Clone, Debug, Default)]
pub struct PositionHistory {
    pub(super) ts: Vec<i64>,
    pub(super) account_id: Vec<u64>,
    pub(super) symbol: Words,
    pub(super) stream_seq: Vec<u64>,
    pub(super) quantity: Vec<f64>,
    pub(super) average_price: Vec<f64>,
    pub(super) realized_pnl: Vec<f64>,
    pub(super) unrealized_pnl: Vec<f64>,
    pub(super) mark_price: Vec<f64>,
}

impl PositionHistory {
    /// The columns.
    #[must_use]
    pub fn columns(self) -> Columns {
        vec![
            ("ts", Column::Moments(self.ts)),
            ("account_id", Column::Unsigned(self.account_id)),
            ("symbol", self.symbol.column()),
            ("stream_seq", Column::Unsigned(self.stream_seq)),
            ("quantity", Column::Floats(self.quantity)),
            ("average_price", Column::Floats(self.average_price)),
            ("realized_pnl", Column::Floats(self.realized_pnl)),
            ("unrealized_pnl", Column::Floats(self.unrealized_pnl)),
            ("mark_price", Column::Floats(self.mark_price)),
        ]
    }
}

/// Rows of `ticks_analytics`: one a trade.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    pub(super) ts: Vec<i64>,
    pub(super) symbol: Words,
    pub(super) price: Vec<f64>,
    pub(super) quantity: Vec<f64>,
    pub(super) side: Vec<i8>,
    pub(super) seq: Vec<u64>,
    pub(super) pos: Halves,
    pub(super) stream_seq: Vec<u64>,
}

impl Ticks {
    /// The columns.
    #[must_use]
    pub fn columns(self) -> Columns {
        let [pos, pos_high] = self.pos.columns();
        vec![
            ("ts", Column::Moments(self.ts)),
            ("symbol", self.symbol.column()),
            ("price", Column::Floats(self.price)),
            ("quantity", Column::Floats(self.quantity)),
            ("side", Column::Choice(self.side, &SIDES)),
            ("seq", Column::Unsigned(self.seq)),
            ("pos", pos),
            ("pos_high", pos_high),
            ("stream_seq", Column::Unsigned(self.stream_seq)),
        ]
    }
}
