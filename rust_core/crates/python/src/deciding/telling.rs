//! How a command's outcome is said: the events that `cift.core.telling` makes, and trades.

use cift_engine::journal::{Body, New, Plain};
use cift_engine::types::Side;
use cift_engine::wire::{Accepted, Event, EventBody, Fill as FillEvent, Side as WireSide};
use pyo3::prelude::*;

use super::Outcome;
use super::market::{Entered, Market};
use super::messages::Messages;
use crate::fill::Fill;
use crate::nats::Stored;

const fn wire_side(side: Side) -> WireSide {
    match side {
        Side::Buy => WireSide::Buy,
        Side::Sell => WireSide::Sell,
    }
}

/// Say what became of a command.
pub fn tell(
    stored: &Stored,
    command: &Plain<'_>,
    outcome: &Outcome,
    market: &Market,
    messages: &mut Messages<'_>,
) -> PyResult<()> {
    let order_id = match command.body {
        Body::New(_) => stored.seq,
        Body::Cancel { order } | Body::Reduce { order, .. } => order,
    };
    let event = |pos, last, body| Event {
        version: 1,
        symbol: command.symbol,
        ts: command.ts,
        seq: stored.seq,
        pos,
        user_id: command.user,
        order_id,
        last,
        body,
    };
    let body = match (outcome, &command.body) {
        (Outcome::Entered(entered), Body::New(order)) => {
            return tell_entered(stored, order, entered, market, messages, event);
        }
        (Outcome::Cancelled(quantity), _) => EventBody::Cancelled { quantity: *quantity, reason: "user" },
        (Outcome::Reduced(remaining), _) => EventBody::Reduced { remaining: *remaining },
        (Outcome::Refused(refusal), _) => EventBody::Rejected { code: refusal.code, reason: &refusal.reason },
        (Outcome::Entered(_), _) => return Ok(()), // orders alone come in
    };
    messages.event(stored, market, &event(0, true, body))
}

/// Say what an order did that came in: accepted first, then its fills, and last what of it left.
fn tell_entered<'a>(
    stored: &Stored,
    order: &New<'a>,
    entered: &Entered,
    market: &Market,
    messages: &mut Messages<'_>,
    event: impl Fn(u32, bool, EventBody<'a>) -> Event<'a>,
) -> PyResult<()> {
    let side = wire_side(order.side);
    let last = entered.fills.len() as u32 + u32::from(entered.unfilled > 0.0);
    let accepted = Accepted {
        side,
        quantity: order.quantity,
        price: order.price,
        resting: entered.resting,
        client_order_id: order.name,
    };
    messages.event(stored, market, &event(0, last == 0, EventBody::Accepted(accepted)))?;
    for (pos, &Fill { price, quantity, maker_order_id, maker_user_id, .. }) in (1u32..).zip(&entered.fills) {
        let fill = FillEvent { side, price, quantity, maker_order_id, maker_user_id };
        let event = event(pos, pos == last, EventBody::Fill(fill));
        messages.event(stored, market, &event)?;
        messages.trade(market, &event, &fill)?;
    }
    if entered.unfilled > 0.0 {
        let body = EventBody::Cancelled { quantity: entered.unfilled, reason: entered.reason };
        messages.event(stored, market, &event(last, true, body))?;
    }
    Ok(())
}
