//! Cap'n Proto messages as what makes rows: the same of each as of its JSON.

use super::fields::MessageError;
use super::message::{Body, Fill, Head, Trade};
use crate::wire::{Event, EventBody, Market, MarketBody, Side, WireError};

const fn place(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

/// The event of a message.
pub(super) fn event<'f>(event: &Event<'f>) -> (Head<'f>, Body<'f>) {
    let Event { symbol, ts, seq, pos, user_id, order_id, .. } = *event;
    let body = match event.body {
        EventBody::Accepted(accepted) => Body::Accepted {
            side: place(accepted.side),
            price: accepted.price,
            quantity: accepted.quantity,
            client_order_id: accepted.client_order_id.unwrap_or_default(),
        },
        EventBody::Fill(fill) => Body::Fill(Fill {
            side: place(fill.side),
            price: fill.price,
            quantity: fill.quantity,
            maker_order_id: fill.maker_order_id,
            maker_user_id: fill.maker_user_id,
        }),
        EventBody::Cancelled { quantity, reason } => Body::Cancelled { quantity, reason },
        EventBody::Reduced { remaining } => Body::Reduced { remaining },
        EventBody::Modified { price, quantity, .. } => Body::Modified { price, quantity },
        EventBody::Rejected { code, .. } => Body::Rejected { code },
        EventBody::MassCancelled { .. }
        | EventBody::AccountLimitsSet(_)
        | EventBody::KillSwitchSet { .. }
        | EventBody::RiskSet { .. }
        | EventBody::PhaseSet { .. }
        | EventBody::Uncrossed { .. }
        | EventBody::DayEnded { .. } => Body::Other,
    };
    (Head { symbol, ts, seq, pos, user_id, order_id }, body)
}

/// The trade of a message; none for a book.
pub(super) fn trade<'f>(market: &Market<'f>) -> Result<Option<Trade<'f>>, MessageError> {
    match &market.body {
        MarketBody::Trade(trade) => Ok(Some(Trade {
            symbol: market.symbol,
            ts: market.ts,
            seq: market.seq,
            pos: trade.pos,
            side: place(trade.side),
            price: trade.price,
            quantity: trade.quantity,
        })),
        MarketBody::Book { .. } => Ok(None),
        MarketBody::Quote(_) => Err(error("market data", &market.unexpected())),
    }
}

/// What is wrong with bytes, as it is said of JSON.
pub(super) fn error(kind: &'static str, error: &WireError) -> MessageError {
    MessageError { kind, field: error.key().into(), problem: error.what() }
}
