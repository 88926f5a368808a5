//! Trades as rows.

use super::fields::Fields;
use super::message::trade;
use super::tables::Ticks;
use super::{LeftOut, Stored};

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
        let added = Fields::of("market data", data).and_then(|fields| {
            if let Some(trade) = trade(&fields)? {
                let rows = &mut tables.ticks;
                rows.ts.push(trade.ts);
                rows.symbol.push(trade.symbol);
                rows.price.push(trade.price);
                rows.quantity.push(trade.quantity);
                rows.side.push(code(trade.side));
                rows.seq.push(trade.seq);
                rows.pos.push(trade.pos);
                rows.stream_seq.push(seq);
            }
            Ok(())
        });
        if let Err(error) = added {
            tables.left_out.push(LeftOut { seq, error });
        }
    }
    tables
}

/// A place among a few choices as a column keeps it.
pub(super) fn code(place: usize) -> i8 {
    i8::try_from(place).unwrap_or(i8::MAX)
}
