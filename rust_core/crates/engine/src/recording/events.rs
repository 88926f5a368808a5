//! Events as rows: executions, what happened to each order, and positions.

use super::fields::{Fields, MessageError};
use super::framed;
use super::message::{Body, Fill, Head, event};
use super::positions::{Positions, Snapshot};
use super::tables::{Executions, OrderEvents, PositionHistory};
use super::trades::code;
use super::{LeftOut, Stored};
use crate::wire::{Event, is_framed};

/// What a batch of events says for the tables.
#[derive(Clone, Debug, Default)]
pub struct EventTables {
    /// Rows of `trade_executions`.
    pub executions: Executions,
    /// Rows of `order_events`.
    pub orders: OrderEvents,
    /// Rows of `position_history_analytics`.
    pub positions: PositionHistory,
    /// Accounts at the end of minutes that were over before some fill of the batch.
    pub snapshots: Vec<Snapshot>,
    /// Messages that are none.
    pub left_out: Vec<LeftOut>,
}

/// The rows of a batch of messages of EVENTS. `positions` go on with the fills behind sequence `after`.
#[must_use]
pub fn record_events<'m>(
    messages: impl IntoIterator<Item = Stored<'m>>,
    positions: &mut Positions,
    after: u64,
) -> EventTables {
    let mut tables = EventTables::default();
    for (seq, data) in messages {
        if let Err(error) = tables.add(seq, data, positions, after) {
            tables.left_out.push(LeftOut { seq, error });
        }
    }
    tables
}

impl EventTables {
    fn add(&mut self, seq: u64, data: &[u8], positions: &mut Positions, after: u64) -> Result<(), MessageError> {
        if is_framed(data) {
            let read = Event::read(data, |message| {
                let (head, body) = framed::event(&message);
                self.rows(seq, &head, &body, positions, after);
                Ok(())
            });
            return read.map_err(|error| framed::error("event", &error));
        }
        let fields = Fields::of("event", data)?;
        let (head, body) = event(&fields)?;
        self.rows(seq, &head, &body, positions, after);
        Ok(())
    }

    fn rows(&mut self, seq: u64, head: &Head<'_>, body: &Body<'_>, positions: &mut Positions, after: u64) {
        self.orders.add(seq, head, body);
        if let Body::Fill(fill) = body {
            if seq > after {
                self.snapshots.extend(positions.ended(head.ts));
                positions.apply(seq, head, fill, &mut self.positions);
            }
            self.execution(seq, head, fill);
        }
    }

    fn execution(&mut self, seq: u64, head: &Head<'_>, fill: &Fill) {
        let rows = &mut self.executions;
        rows.stream_seq.push(seq);
        rows.command_seq.push(head.seq);
        rows.pos.push(head.pos);
        rows.ts.push(head.ts);
        rows.symbol.push(head.symbol);
        rows.side.push(code(fill.side));
        rows.price.push(fill.price);
        rows.quantity.push(fill.quantity);
        rows.taker_order_id.push(head.order_id);
        rows.taker_user_id.push(head.user_id);
        rows.maker_order_id.push(fill.maker_order_id);
        rows.maker_user_id.push(fill.maker_user_id);
    }
}

/// What an event says of one order.
#[derive(Clone, Copy)]
struct Said<'f> {
    kind: i8,
    side: i8,
    liquidity: i8,
    price: Option<f64>,
    quantity: f64,
    client_order_id: &'f str,
    reason: &'f str,
}

impl OrderEvents {
    fn add(&mut self, seq: u64, head: &Head<'_>, body: &Body<'_>) {
        let nothing =
            Said { kind: 0, side: 0, liquidity: 0, price: None, quantity: 0.0, client_order_id: "", reason: "" };
        let (owner, order) = (head.user_id, head.order_id);
        // Codes count tables::KINDS, ORDER_SIDES (which has the two sides behind "unknown") and LIQUIDITY.
        let said = match *body {
            Body::Accepted { side, price, quantity, client_order_id } => {
                Said { side: code(side + 1), price, quantity, client_order_id, ..nothing }
            }
            Body::Fill(Fill { side, price, quantity, maker_order_id, maker_user_id }) => {
                let taker =
                    Said { kind: 1, side: code(side + 1), liquidity: 1, price: Some(price), quantity, ..nothing };
                let maker = Said { side: code(2 - side), liquidity: 2, ..taker };
                self.row(seq, head, owner, order, &taker);
                self.row(seq, head, maker_user_id, maker_order_id, &maker);
                return;
            }
            Body::Cancelled { quantity, reason } => Said { kind: 2, quantity, reason, ..nothing },
            Body::Reduced { remaining } => Said { kind: 3, quantity: remaining, ..nothing },
            Body::Modified { price, quantity } => Said { kind: 4, price, quantity, ..nothing },
            Body::Rejected { code } if head.seq == order && owner > 0 => Said { kind: 5, reason: code, ..nothing },
            // A change refused, which left the order as it was, or nothing that happened to an order.
            Body::Rejected { .. } | Body::Other => return,
        };
        self.row(seq, head, owner, order, &said);
    }

    fn row(&mut self, seq: u64, head: &Head<'_>, account_id: u64, order_id: u64, said: &Said<'_>) {
        self.stream_seq.push(seq);
        self.command_seq.push(head.seq);
        self.pos.push(head.pos);
        self.ts.push(head.ts);
        self.account_id.push(account_id);
        self.order_id.push(order_id);
        self.symbol.push(head.symbol);
        self.kind.push(said.kind);
        self.side.push(said.side);
        self.liquidity.push(said.liquidity);
        self.price.push(said.price);
        self.quantity.push(said.quantity);
        self.client_order_id.push(said.client_order_id);
        self.reason.push(said.reason);
    }
}
