//! Books, trades and quotes: what travels on MARKET_DATA.

use capnp::struct_list;

use super::check;
use super::error::{InField, WireError};
use super::frame::{self, Encoded, SMALL_MESSAGE_WORDS, known_version, required_text, text_bytes};
use super::quote::Quote;
use super::schema::messages_capnp::{Phase, Side, level, market_data};

const LEVEL_WORDS: usize = 2;

/// A market data message. Fields and units are those of `cift/core/messages.py`.
#[derive(Clone, Debug, PartialEq)]
pub struct Market<'a> {
    /// The schema version.
    pub version: u16,
    /// The instrument.
    pub symbol: &'a str,
    /// Nanoseconds since 1970 (UTC).
    pub ts: i64,
    /// The stream sequence of the command that caused it.
    pub seq: u64,
    /// What is told.
    pub body: MarketBody,
}

/// What is told of the market.
#[derive(Clone, Debug, PartialEq)]
pub enum MarketBody {
    /// Depth: price and quantity of each level, best first.
    Book {
        /// Who buys.
        bids: Vec<[f64; 2]>,
        /// Who sells.
        asks: Vec<[f64; 2]>,
        /// What may happen to it.
        phase: Phase,
        /// What its auction would do if it ended now; none when nothing would trade.
        indication: Option<Indication>,
    },
    /// A fill as the market sees it.
    Trade(Trade),
    /// The best prices.
    Quote(Quote),
}

/// What an auction would do if it ended now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indication {
    /// The one price.
    pub price: f64,
    /// How much would trade.
    pub volume: f64,
    /// How much more would be bought than sold at that price; negative when more would be sold.
    pub imbalance: f64,
}

/// A fill as the market sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// The position among the command's events.
    pub pos: u32,
    /// The taker's side.
    pub side: Side,
    /// The price.
    pub price: f64,
    /// How much.
    pub quantity: f64,
}

impl Market<'_> {
    /// The message.
    ///
    /// # Errors
    /// An unknown version, or more levels or text than a message holds.
    pub fn encode(&self) -> Result<Encoded, WireError> {
        let levels = match &self.body {
            MarketBody::Book { bids, asks, .. } => bids.len() + asks.len(),
            MarketBody::Trade(_) | MarketBody::Quote(_) => 0,
        };
        let words = SMALL_MESSAGE_WORDS + LEVEL_WORDS * levels;
        Encoded::build::<market_data::Owned>(words, text_bytes(self.symbol), |builder| self.fill(builder))
    }

    /// Give `work` the message in `data`, which is one message and nothing more.
    ///
    /// # Errors
    /// `data` is no such message, or `work` said so.
    pub fn read<R>(data: &[u8], work: impl for<'m> FnOnce(Market<'m>) -> Result<R, WireError>) -> Result<R, WireError> {
        frame::read::<market_data::Owned, R>(data, |reader, _| work(Market::of(reader)?))
    }

    /// What to say of one that has no place where it was found.
    #[must_use]
    pub fn unexpected(&self) -> WireError {
        let (found, expected) = match self.body {
            MarketBody::Book { .. } => ("book", "quote"),
            MarketBody::Trade(_) => ("trade", "quote"),
            MarketBody::Quote(_) => ("quote", "trade or book"),
        };
        WireError::field("marketData", format!("found {found:?}, expected {expected}"))
    }

    fn fill(&self, mut builder: market_data::Builder<'_>) -> Result<(), WireError> {
        builder.set_version(known_version("marketData.version", self.version)?);
        check::market(&self.body)?;
        builder.set_symbol(self.symbol);
        builder.set_ts(self.ts);
        builder.set_seq(self.seq);
        match &self.body {
            MarketBody::Book { bids, asks, phase, indication } => {
                let mut group = builder.init_book();
                set_levels(bids, |count| group.reborrow().init_bids(count));
                set_levels(asks, |count| group.reborrow().init_asks(count));
                group.set_phase(*phase);
                if let Some(indication) = indication {
                    let mut some = group.init_indication().init_some();
                    some.set_price(indication.price);
                    some.set_volume(indication.volume);
                    some.set_imbalance(indication.imbalance);
                }
            }
            MarketBody::Trade(trade) => {
                let mut group = builder.init_trade();
                group.set_pos(trade.pos);
                group.set_side(trade.side);
                group.set_price(trade.price);
                group.set_quantity(trade.quantity);
            }
            MarketBody::Quote(quote) => quote.fill(builder.init_quote().init_best()),
        }
        Ok(())
    }
}

impl<'a> Market<'a> {
    fn of(reader: market_data::Reader<'a>) -> Result<Self, WireError> {
        use market_data::book::indication;
        let body = match reader.which().in_field("marketData")? {
            market_data::Book(group) => MarketBody::Book {
                bids: levels(group.get_bids().in_field("marketData.book.bids")?),
                asks: levels(group.get_asks().in_field("marketData.book.asks")?),
                phase: group.get_phase().in_field("marketData.book.phase")?,
                indication: match group.get_indication().which().in_field("marketData.book.indication")? {
                    indication::None(()) => None,
                    indication::Some(some) => Some(Indication {
                        price: some.get_price(),
                        volume: some.get_volume(),
                        imbalance: some.get_imbalance(),
                    }),
                },
            },
            market_data::Trade(group) => MarketBody::Trade(Trade {
                pos: group.get_pos(),
                side: group.get_side().in_field("marketData.trade.side")?,
                price: group.get_price(),
                quantity: group.get_quantity(),
            }),
            market_data::Quote(group) => {
                MarketBody::Quote(Quote::of(group.get_best().in_field("marketData.quote.best")?)?)
            }
        };
        check::market(&body)?;
        Ok(Self {
            version: known_version("marketData.version", reader.get_version())?,
            symbol: required_text!(reader, has_symbol, get_symbol, "marketData.symbol"),
            ts: reader.get_ts(),
            seq: reader.get_seq(),
            body,
        })
    }
}

/// Write levels; their number fits, since their bytes fit into a message.
fn set_levels<'b>(levels: &[[f64; 2]], init: impl FnOnce(u32) -> struct_list::Builder<'b, level::Owned>) {
    let mut list = init(u32::try_from(levels.len()).unwrap_or(u32::MAX));
    for (index, &[price, quantity]) in (0u32..).zip(levels) {
        let mut entry = list.reborrow().get(index);
        entry.set_price(price);
        entry.set_quantity(quantity);
    }
}

fn levels(list: struct_list::Reader<'_, level::Owned>) -> Vec<[f64; 2]> {
    list.iter().map(|entry| [entry.get_price(), entry.get_quantity()]).collect()
}
