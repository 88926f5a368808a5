//! Plain commands in JSON, as the API writes them.

use serde::Deserialize;

use super::{Body, New, Plain};
use crate::types::{Side, TimeInForce};

/// All fields that a plain command may have; another one, or one twice, and it isn't plain. Nor is one whose texts have
/// escapes: those can't be borrowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    r#type: &'a str,
    #[serde(default = "first")]
    v: u64,
    symbol: &'a str,
    ts: i64,
    user_id: u64,
    order_id: Option<u64>,
    by: Option<f64>,
    side: Option<&'a str>,
    order_type: Option<&'a str>,
    quantity: Option<f64>,
    price: Option<f64>,
    // No options: null is nothing that could stand here.
    #[serde(default = "gtc")]
    tif: &'a str,
    #[serde(default)]
    post_only: bool,
    client_order_id: Option<&'a str>,
}

const fn first() -> u64 {
    1
}

const fn gtc() -> &'static str {
    "GTC"
}

/// The command in `data`, if it is a plain one.
pub fn plain(data: &[u8]) -> Option<Plain<'_>> {
    if data.first() != Some(&b'{') {
        return None; // a list of the fields' values would do as well otherwise
    }
    let fields: Fields<'_> = serde_json::from_slice(data).ok()?;
    if fields.v != first() {
        return None;
    }
    let body = match fields.r#type {
        "new" => Body::New(fields.order()?),
        "cancel" => Body::Cancel { order: fields.order_id? },
        "reduce" => Body::Reduce { order: fields.order_id?, by: fields.by? },
        _ => return None,
    };
    Some(Plain { symbol: fields.symbol, ts: fields.ts, user: fields.user_id, body })
}

impl<'a> Fields<'a> {
    fn order(&self) -> Option<New<'a>> {
        Some(New {
            side: match self.side? {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return None,
            },
            quantity: self.quantity?,
            price: self.price,
            limit: match self.order_type? {
                "limit" => Some(self.price?),
                "market" => None,
                _ => return None,
            },
            tif: match self.tif {
                "GTC" => TimeInForce::Gtc,
                "IOC" => TimeInForce::Ioc,
                "FOK" => TimeInForce::Fok,
                _ => return None,
            },
            post_only: self.post_only,
            name: self.client_order_id,
        })
    }
}
