//! The messages that make rows, their texts borrowed from their fields.

use super::fields::{Fields, Key, MessageError};
use super::tables::SIDES;
use crate::risk::Kind;

const PHASES: [&str; 5] = ["continuous", "halted", "opening_auction", "closing_auction", "volatility_auction"];

/// What every event says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'f> {
    pub symbol: &'f str,
    pub ts: i64,
    pub seq: u64,
    pub pos: u32,
    pub user_id: u64,
    pub order_id: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'f> {
    Accepted {
        side: usize,
        price: Option<f64>,
        quantity: f64,
        client_order_id: &'f str,
    },
    Fill(Fill),
    Cancelled {
        quantity: f64,
        reason: &'f str,
    },
    Reduced {
        remaining: f64,
    },
    Modified {
        price: Option<f64>,
        quantity: f64,
    },
    Rejected {
        code: &'f str,
    },
    /// Nothing of one order: a mass cancel's end, new limits, a state, another setting of risk, the course of a day.
    Other,
}

/// One match: its side is the taker's, an index into [`SIDES`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub side: usize,
    pub price: f64,
    pub quantity: f64,
    pub maker_order_id: u64,
    pub maker_user_id: u64,
}

/// A trade as the market sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trade<'f> {
    pub symbol: &'f str,
    pub ts: i64,
    pub seq: u64,
    pub pos: u32,
    pub side: usize,
    pub price: f64,
    pub quantity: f64,
}

/// The event of these fields, each checked as `cift/core/messages.py` declares it.
pub(super) fn event<'f>(fields: &'f Fields<'_>) -> Result<(Head<'f>, Body<'f>), MessageError> {
    let kind = fields.text(Key::Type)?;
    let head = Head {
        symbol: fields.text(Key::Symbol)?,
        ts: fields.moment(Key::Ts)?,
        seq: fields.unsigned(Key::Seq)?,
        pos: fields.position(Key::Pos)?,
        user_id: fields.unsigned(Key::UserId)?,
        order_id: fields.unsigned(Key::OrderId)?,
    };
    fields.optional_flag(Key::Last)?;
    let body = match kind {
        "accepted" => {
            fields.optional_float(Key::Resting)?;
            Body::Accepted {
                side: fields.choice(Key::Side, &SIDES)?,
                price: fields.maybe_float(Key::Price)?,
                quantity: fields.float(Key::Quantity)?,
                client_order_id: fields.maybe_text(Key::ClientOrderId)?.unwrap_or_default(),
            }
        }
        "fill" => Body::Fill(Fill {
            side: fields.choice(Key::Side, &SIDES)?,
            price: fields.float(Key::Price)?,
            quantity: fields.float(Key::Quantity)?,
            maker_order_id: fields.unsigned(Key::MakerOrderId)?,
            maker_user_id: fields.unsigned(Key::MakerUserId)?,
        }),
        "cancelled" => {
            Body::Cancelled { quantity: fields.float(Key::Quantity)?, reason: fields.text_or(Key::Reason, "user")? }
        }
        "reduced" => Body::Reduced { remaining: fields.float(Key::Remaining)? },
        "modified" => {
            fields.optional_float(Key::Resting)?;
            Body::Modified { price: fields.maybe_float(Key::Price)?, quantity: fields.float(Key::Quantity)? }
        }
        "rejected" => {
            fields.text(Key::Reason)?;
            Body::Rejected { code: fields.text(Key::Code)? }
        }
        "mass_cancelled" => {
            fields.unsigned(Key::Count)?;
            Body::Other
        }
        "account_limits_set" => {
            for limit in [Key::MaxPosition, Key::MaxNotional, Key::MaxLeverage, Key::AccountValue] {
                fields.maybe_float(limit)?;
            }
            Body::Other
        }
        "kill_switch_set" => {
            fields.choice(Key::State, &["active", "reducing", "halted"])?;
            fields.maybe_text(Key::Instrument)?;
            Body::Other
        }
        "phase_set" => {
            session(fields)?;
            Body::Other
        }
        "uncrossed" => {
            session(fields)?;
            fields.maybe_float(Key::Price)?;
            fields.optional_float(Key::Volume)?;
            fields.optional_float(Key::Imbalance)?;
            Body::Other
        }
        "day_ended" => {
            session(fields)?;
            fields.unsigned(Key::Count)?;
            Body::Other
        }
        "risk_set" => {
            fields.choice(Key::Setting, &settings())?;
            fields.maybe_float(Key::Value)?;
            fields.optional_moment(Key::WindowNs)?;
            fields.maybe_text(Key::Instrument)?;
            Body::Other
        }
        other => return Err(fields.wrong(Key::Type, format!("found {other:?}, expected an event's"))),
    };
    Ok((head, body))
}

/// What every event about the course of a day says.
fn session(fields: &Fields<'_>) -> Result<(), MessageError> {
    fields.text(Key::Instrument)?;
    fields.choice(Key::Phase, &PHASES)?;
    Ok(())
}

/// What can be set about risk: the kinds of limits, then the rest.
fn settings() -> Vec<&'static str> {
    let others = ["cash", "reference", "restricted", "unauthorised", "enable"];
    Kind::ALL.into_iter().map(Kind::name).chain(others).collect()
}

/// The trade of these fields; none for another message of the stream.
pub(super) fn trade<'f>(fields: &'f Fields<'_>) -> Result<Option<Trade<'f>>, MessageError> {
    match fields.text(Key::Type)? {
        "trade" => {}
        "book" => return Ok(None),
        other => return Err(fields.wrong(Key::Type, format!("found {other:?}, expected trade or book"))),
    }
    Ok(Some(Trade {
        symbol: fields.text(Key::Symbol)?,
        ts: fields.moment(Key::Ts)?,
        seq: fields.unsigned(Key::Seq)?,
        pos: fields.position(Key::Pos)?,
        side: fields.choice(Key::Side, &SIDES)?,
        price: fields.float(Key::Price)?,
        quantity: fields.float(Key::Quantity)?,
    }))
}
