//! What few orders ask for.

use super::error::{InField, WireError};
use super::schema::messages_capnp::{Peg, order_options};

/// The less common part of a new order; zero and false mean "not said".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderOptions {
    /// How much shows at a time.
    pub display_quantity: f64,
    /// How much must trade at once.
    pub min_quantity: f64,
    /// When a GTD order leaves, in nanoseconds since 1970 (UTC).
    pub expires: u64,
    /// The trade price that a stop waits for.
    pub trigger_price: f64,
    /// How far a stop stays behind the market.
    pub trail: f64,
    /// What is added to what a pegged order follows.
    pub offset: f64,
    /// What a pegged order follows.
    pub peg: Peg,
    /// Whether it rests one tick before what it would take.
    pub reprice: bool,
    /// Whether it never shows.
    pub hidden: bool,
    /// Whether it trades whole or not at all.
    pub all_or_none: bool,
    /// Whether it may only reduce a position.
    pub reduce_only: bool,
}

impl Default for OrderOptions {
    fn default() -> Self {
        Self {
            display_quantity: 0.0,
            min_quantity: 0.0,
            expires: 0,
            trigger_price: 0.0,
            trail: 0.0,
            offset: 0.0,
            peg: Peg::None,
            reprice: false,
            hidden: false,
            all_or_none: false,
            reduce_only: false,
        }
    }
}

impl OrderOptions {
    /// What they take in a message.
    pub(super) const BYTES: usize = 64;

    pub(super) fn fill(&self, mut builder: order_options::Builder<'_>) {
        builder.set_display_quantity(self.display_quantity);
        builder.set_min_quantity(self.min_quantity);
        builder.set_expires(self.expires);
        builder.set_trigger_price(self.trigger_price);
        builder.set_trail(self.trail);
        builder.set_offset(self.offset);
        builder.set_peg(self.peg);
        builder.set_reprice(self.reprice);
        builder.set_hidden(self.hidden);
        builder.set_all_or_none(self.all_or_none);
        builder.set_reduce_only(self.reduce_only);
    }

    pub(super) fn of(reader: order_options::Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            display_quantity: reader.get_display_quantity(),
            min_quantity: reader.get_min_quantity(),
            expires: reader.get_expires(),
            trigger_price: reader.get_trigger_price(),
            trail: reader.get_trail(),
            offset: reader.get_offset(),
            peg: reader.get_peg().in_field("command.newOrder.options.peg")?,
            reprice: reader.get_reprice(),
            hidden: reader.get_hidden(),
            all_or_none: reader.get_all_or_none(),
            reduce_only: reader.get_reduce_only(),
        })
    }
}
