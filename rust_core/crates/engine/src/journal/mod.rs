//! Commands as they lie in the journal, in either format: the plain ones, that nearly all are.
//!
//! Whatever there is any doubt about is none of them, be it an order that asks for more, a field that nobody knows, or
//! bytes that are no command: somebody else reads it, and says what is wrong with it in words of its own.

mod json;

use crate::types::{Side, TimeInForce};
use crate::wire::{self, Command, CommandBody, OrderType};

/// No plain number is larger: of what lies beyond, doubles are not sure.
const LARGEST: f64 = 1e15;

/// A plain command, its texts borrowed from where it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Nanoseconds since 1970 (UTC).
    pub ts: i64,
    /// Who commands.
    pub user: u64,
    /// What is commanded.
    pub body: Body<'a>,
}

/// What is commanded. Its numbers are above zero, and not too large to be sure of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body<'a> {
    /// Open an order.
    New(New<'a>),
    /// Cancel what is left of an order.
    Cancel {
        /// The order.
        order: u64,
    },
    /// Take `by` off an order's quantity.
    Reduce {
        /// The order.
        order: u64,
        /// How much.
        by: f64,
    },
}

/// A plain order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct New<'a> {
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub quantity: f64,
    /// The price that it names, which a market order may do, too.
    pub price: Option<f64>,
    /// The price that it trades at or better; none for a market order.
    pub limit: Option<f64>,
    /// How long: GTC, IOC or FOK.
    pub tif: TimeInForce,
    /// Whether it must not take.
    pub post_only: bool,
    /// The client's own name for it.
    pub name: Option<&'a str>,
}

/// Give `work` the command in `data`, if it is a plain one for sure.
pub fn read<R>(data: &[u8], work: impl FnOnce(&Plain<'_>) -> R) -> Option<R> {
    if !wire::is_framed(data) {
        return json::plain(data).and_then(Plain::sure).map(|plain| work(&plain));
    }
    let read = Command::read(data, |command| Ok(Plain::of(&command).and_then(Plain::sure).map(|plain| work(&plain))));
    read.ok().flatten()
}

impl<'a> Plain<'a> {
    fn of(command: &Command<'a>) -> Option<Self> {
        let &Command { symbol, ts, user_id: user, body, .. } = command;
        let body = match body {
            CommandBody::NewOrder(order) if order.options.is_none() => Body::New(New {
                side: if order.side == wire::Side::Buy { Side::Buy } else { Side::Sell },
                quantity: order.quantity,
                price: order.price,
                limit: match order.order_type {
                    OrderType::Limit => Some(order.price?),
                    OrderType::Market => None,
                    _ => return None,
                },
                tif: match order.tif {
                    wire::TimeInForce::Gtc => TimeInForce::Gtc,
                    wire::TimeInForce::Ioc => TimeInForce::Ioc,
                    wire::TimeInForce::Fok => TimeInForce::Fok,
                    _ => return None,
                },
                post_only: order.post_only,
                name: order.client_order_id,
            }),
            CommandBody::CancelOrder { order_id: order } => Body::Cancel { order },
            CommandBody::ReduceOrder { order_id: order, by } => Body::Reduce { order, by },
            _ => return None,
        };
        Some(Self { symbol, ts, user, body })
    }

    /// The same, if its numbers are what everybody reads alike.
    fn sure(self) -> Option<Self> {
        let sure = |number: f64| number > 0.0 && number <= LARGEST;
        let all = match self.body {
            Body::New(New { quantity, price, .. }) => sure(quantity) && price.is_none_or(sure),
            Body::Reduce { by, .. } => sure(by),
            Body::Cancel { .. } => true,
        };
        all.then_some(self)
    }
}

#[cfg(test)]
mod tests;
