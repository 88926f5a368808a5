//! Trades as rows.

use super::fields::{Fields, MessageError};
use super::framed;
use super::message::{Trade, trade};
use super::tables::Ticks;
use super::{LeftOut, Stored};
use crate::wire::{Market, is_framed};

/// What a batch of market data says for the tables.
#[derive(Clone, Debug, Default)]
pub struct TradeTables {
    /// Rows of `ticks_analytics`.
    pub ticks: Ticks,
    /// Messages that are none.
    pub left_out: Vec<LeftOut>,
}

/// The rows of a batch of messages of MARKET_DATA: those of its trades.
#[must_use]
pub fn record_trades<'m>(messages: impl IntoIterator<Item = Stored<'m>>) -> TradeTables {
    let mut tables = TradeTables::default();
    for (seq, data) in messages {
        if let Err(error) = tables.ticks.read(seq, data) {
            tables.left_out.push(LeftOut { seq, error });
        }
    }
    tables
}

impl Ticks {
    fn read(&mut self, seq: u64, data: &[u8]) -> Result<(), MessageError> {
        if is_framed(data) {
            let read = Market::read(data, |market| Ok(framed::trade(&market).map(|trade| self.add(seq, trade))));
            return read.map_err(|error| framed::error("market data", &error))?;
        }
        let fields = Fields::of("market data", data)?;
        self.add(seq, trade(&fields)?);
        Ok(())
    }

    fn add(&mut self, stream_seq: u64, trade: Option<Trade<'_>>) {
        let Some(trade) = trade else { return };
        self.ts.push(trade.ts);
        self.symbol.push(trade.symbol);
        self.price.push(trade.price);
        self.quantity.push(trade.quantity);
        self.side.push(code(trade.side));
        self.seq.push(trade.seq);
        self.pos.push(trade.pos);
        self.stream_seq.push(stream_seq);
    }
}

/// A place among a few choices as a column keeps it.
pub(super) fn code(place: usize) -> i8 {
    i8::try_from(place).unwrap_or(i8::MAX)
}
