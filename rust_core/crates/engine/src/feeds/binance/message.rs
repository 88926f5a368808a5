//! One line as a message.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::feeds::text::{TextFault, decimal, integer};

/// How many decimals the exchange writes.
pub const PLACES: u32 = 8;

/// A message, and when it was received if the line says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number in front of the message.
    pub received: Option<u64>,
    /// The message.
    pub message: Message,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// What changed in the book.
    Update(Depth),
    /// The book, up to its `last` update.
    Snapshot(Depth),
    /// A trade.
    Trade(Trade),
    /// The best prices.
    Ticker(Ticker),
    /// A message of another stream.
    Other,
}

/// Levels of a book: those that changed, or all that a snapshot tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// The exchange's clock in milliseconds; 0 for a snapshot.
    pub event_time: u64,
    /// `U`, the first update in it.
    pub first: u64,
    /// `u` or `lastUpdateId`, the last update in it.
    pub last: u64,
    /// Price and quantity; a quantity of zero takes the level out.
    pub bids: Vec<(u64, u64)>,
    /// The same of the asks.
    pub asks: Vec<(u64, u64)>,
}

/// A trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trade {
    /// `E`, the exchange's clock in milliseconds.
    pub event_time: u64,
    /// `T`, when it happened, in milliseconds.
    pub trade_time: u64,
    /// `t`.
    pub trade_id: u64,
    /// `p`.
    pub price: u64,
    /// `q`.
    pub quantity: u64,
    /// `m`.
    pub buyer_is_maker: bool,
}

/// The best prices and what rests there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticker {
    /// `u`, the update after which it was so.
    pub update: u64,
    /// `b`.
    pub bid: u64,
    /// `B`.
    pub bid_quantity: u64,
    /// `a`.
    pub ask: u64,
    /// `A`.
    pub ask_quantity: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What tells one message from another.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    e: Option<Cow<'a, str>>,
    u: Option<u64>,
    #[serde(rename = "B", borrow)]
    bid_quantity: Option<Cow<'a, str>>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<u64>,
}

type RawLevels<'a> = Vec<(&'a str, &'a str)>;

#[derive(Deserialize)]
struct RawUpdate<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    #[serde(rename = "b", borrow)]
    bids: RawLevels<'a>,
    #[serde(rename = "a", borrow)]
    asks: RawLevels<'a>,
}

#[derive(Deserialize)]
struct RawSnapshot<'a> {
    #[serde(rename = "lastUpdateId")]
    last: u64,
    #[serde(borrow)]
    bids: RawLevels<'a>,
    #[serde(borrow)]
    asks: RawLevels<'a>,
}

#[derive(Deserialize)]
struct RawTrade<'a> {
    #[serde(rename = "E")]
    event_time: u64,
    #[serde(rename = "T")]
    trade_time: u64,
    #[serde(rename = "t")]
    trade_id: u64,
    #[serde(rename = "p")]
    price: &'a str,
    #[serde(rename = "q")]
    quantity: &'a str,
    #[serde(rename = "m")]
    buyer_is_maker: bool,
}

#[derive(Deserialize)]
struct RawTicker<'a> {
    #[serde(rename = "u")]
    update: u64,
    #[serde(rename = "b")]
    bid: &'a str,
    #[serde(rename = "B")]
    bid_quantity: &'a str,
    #[serde(rename = "a")]
    ask: &'a str,
    #[serde(rename = "A")]
    ask_quantity: &'a str,
}

/// A fault, and its offset in the line.
type Fault = (usize, TextFault);

/// A part of the line, with the offset where it starts.
#[derive(Clone, Copy)]
struct Part<'a> {
    line: &'a [u8],
    start: usize,
}

impl<'a> Part<'a> {
    fn read<T: Deserialize<'a>>(self) -> Result<T, Fault> {
        serde_json::from_slice(&self.line[self.start..]).map_err(|error| {
            // Its own words end in its own place, which counts from the part; ours counts from the line.
            let (text, at) = (error.to_string(), error.column().saturating_sub(1));
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
            (self.start + at, TextFault::Json(text))
        })
    }

    /// Where a text that was read from the line lies in it.
    fn offset(self, text: &str) -> usize {
        (text.as_ptr() as usize).saturating_sub(self.line.as_ptr() as usize)
    }

    fn number(self, field: &'static str, text: &str) -> Result<u64, Fault> {
        let value = decimal(text.as_bytes(), PLACES);
        value.ok_or_else(|| {
            (self.offset(text), TextFault::value(field, text.as_bytes(), "a decimal number with up to eight decimals"))
        })
    }

    fn price(self, text: &str) -> Result<u64, Fault> {
        match self.number("price", text)? {
            0 => Err((self.offset(text), TextFault::value("price", text.as_bytes(), "greater than zero"))),
            price => Ok(price),
        }
    }

    fn levels(self, levels: &RawLevels<'_>) -> Result<Vec<(u64, u64)>, Fault> {
        let level = |(price, quantity): &(&str, &str)| Ok((self.price(price)?, self.number("quantity", quantity)?));
        levels.iter().map(level).collect()
    }

    fn message(self) -> Result<Message, Fault> {
        let tag: Tag<'_> = self.read()?;
        match tag.e.as_deref() {
            Some("depthUpdate") => {
                let raw: RawUpdate<'_> = self.read()?;
                let RawUpdate { event_time, first, last, .. } = raw;
                if first > last {
                    let text = first.to_string();
                    return Err((self.start, TextFault::value("U", text.as_bytes(), "u or less")));
                }
                let (bids, asks) = (self.levels(&raw.bids)?, self.levels(&raw.asks)?);
                Ok(Message::Update(Depth { event_time, first, last, bids, asks }))
            }
            Some("trade") => {
                let raw: RawTrade<'_> = self.read()?;
                let RawTrade { event_time, trade_time, trade_id, buyer_is_maker, .. } = raw;
                let (price, quantity) = (self.price(raw.price)?, self.number("quantity", raw.quantity)?);
                Ok(Message::Trade(Trade { event_time, trade_time, trade_id, price, quantity, buyer_is_maker }))
            }
            None if tag.last_update_id.is_some() => {
                let raw: RawSnapshot<'_> = self.read()?;
                let (bids, asks) = (self.levels(&raw.bids)?, self.levels(&raw.asks)?);
                Ok(Message::Snapshot(Depth { event_time: 0, first: 0, last: raw.last, bids, asks }))
            }
            None if tag.u.is_some() && tag.bid_quantity.is_some() => {
                let raw: RawTicker<'_> = self.read()?;
                Ok(Message::Ticker(Ticker {
                    update: raw.update,
                    bid: self.price(raw.bid)?,
                    bid_quantity: self.number("quantity", raw.bid_quantity)?,
                    ask: self.price(raw.ask)?,
                    ask_quantity: self.number("quantity", raw.ask_quantity)?,
                }))
            }
            _ => Ok(Message::Other),
        }
    }
}

impl Line {
    /// The message of a line, without the line's end.
    ///
    /// # Errors
    /// The offset in the line, and what is wrong there.
    pub fn parse(line: &[u8]) -> Result<Self, (usize, TextFault)> {
        let (mut received, mut start) = (None, 0);
        if line.first().is_some_and(u8::is_ascii_digit) {
            let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
            let number = integer(&line[..end]).and_then(|number| u64::try_from(number).ok());
            let expected = "a whole number, a space and a message";
            received = Some(number.ok_or_else(|| (0, TextFault::value("received", &line[..end], expected)))?);
            start = (end + 1).min(line.len());
        }
        let part = Part { line, start };
        let envelope: Envelope<'_> = part.read()?;
        let part = match envelope.data {
            Some(data) => {
                // The text of the envelope's part, as long as it is.
                let start = part.offset(data.get());
                Part { line: &line[..start + data.get().len()], start }
            }
            None => part,
        };
        Ok(Self { received, message: part.message()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_is_read_alone_and_in_its_envelope() {
        let trade = r#"{"e":"trade","E":2,"s":"X","t":3,"p":"1.5","q":"0.02000000","T":1,"m":true,"M":true}"#;
        let wanted = Trade {
            event_time: 2,
            trade_time: 1,
            trade_id: 3,
            price: 150_000_000,
            quantity: 2_000_000,
            buyer_is_maker: true,
        };
        for line in [trade.to_owned(), format!(r#"17 {{"stream":"x@trade","data":{trade}}}"#)] {
            let line = Line::parse(line.as_bytes()).expect("valid");
            assert_eq!(line.message, Message::Trade(wanted));
        }
        let other = Line::parse(br#"{"stream":"x","data":{"e":"kline"}}"#).expect("valid");
        assert_eq!(other, Line { received: None, message: Message::Other });
    }

    #[test]
    fn faults_have_their_offsets() {
        let fault = |line: &str| Line::parse(line.as_bytes()).expect_err(line);
        let update = r#"{"e":"depthUpdate","E":1,"U":1,"u":2,"b":[["1.0","x"]],"a":[]}"#;
        let (at, what) = fault(update);
        assert_eq!(&update[at..=at], "x");
        assert_eq!(what.to_string(), "quantity \"x\" is not a decimal number with up to eight decimals");
        let wrapped = format!(r#"5 {{"stream":"s","data":{update}}}"#);
        assert_eq!(&wrapped[fault(&wrapped).0..][..1], "x");
        let (at, what) = fault(r#"{"e":"depthUpdate","E":1,"U":1,"u":2,"b":[["1.0"]],"a":[]}"#);
        assert!(at > 40 && what.to_string().contains("length 1"), "{at} {what}");
        assert_eq!(fault("").0, 0);
        assert_eq!(fault("12").0, 2);
        assert_eq!(fault("1x {}").1.to_string(), "received \"1x\" is not a whole number, a space and a message");
        assert!(fault(&update[..30]).1.to_string().contains("EOF"));
        assert!(fault(r#"{"e":"depthUpdate","E":1,"U":3,"u":2,"b":[],"a":[]}"#).1.to_string().contains("U \"3\""));
    }
}
