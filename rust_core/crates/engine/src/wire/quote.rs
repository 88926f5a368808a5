//! The best prices of a market that a feed tells of.

use super::error::{InField, WireError};
use super::schema::messages_capnp::quote;

/// The best prices and the quantities there; a side that is empty has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quote {
    /// What is bid.
    pub bid: Option<f64>,
    /// How much.
    pub bid_quantity: Option<f64>,
    /// What is asked.
    pub ask: Option<f64>,
    /// How much.
    pub ask_quantity: Option<f64>,
}

impl Quote {
    pub(super) fn fill(&self, mut builder: quote::Builder<'_>) {
        if let Some(price) = self.bid {
            builder.reborrow().init_bid().set_some(price);
        }
        if let Some(quantity) = self.bid_quantity {
            builder.reborrow().init_bid_quantity().set_some(quantity);
        }
        if let Some(price) = self.ask {
            builder.reborrow().init_ask().set_some(price);
        }
        if let Some(quantity) = self.ask_quantity {
            builder.init_ask_quantity().set_some(quantity);
        }
    }

    pub(super) fn of(reader: quote::Reader<'_>) -> Result<Self, WireError> {
        use quote::{ask, ask_quantity, bid, bid_quantity};
        Ok(Self {
            bid: match reader.get_bid().which().in_field("marketData.quote.bid")? {
                bid::None(()) => None,
                bid::Some(price) => Some(price),
            },
            bid_quantity: match reader.get_bid_quantity().which().in_field("marketData.quote.bidQuantity")? {
                bid_quantity::None(()) => None,
                bid_quantity::Some(quantity) => Some(quantity),
            },
            ask: match reader.get_ask().which().in_field("marketData.quote.ask")? {
                ask::None(()) => None,
                ask::Some(price) => Some(price),
            },
            ask_quantity: match reader.get_ask_quantity().which().in_field("marketData.quote.askQuantity")? {
                ask_quantity::None(()) => None,
                ask_quantity::Some(quantity) => Some(quantity),
            },
        })
    }
}
