//! orderbook-rs: a book for many threads; the call used is the one that returns its own trades.

use orderbook_rs::OrderBook;
use pricelevel::{Id, Side, TimeInForce};

use crate::contest::Contestant;
use crate::flow::Command;

impl Contestant for OrderBook<()> {
    type Operation = Command;

    fn fresh() -> Self {
        Self::new("BENCH")
    }

    fn prepare(_: usize, command: &Command) -> Command {
        *command
    }

    #[inline]
    fn apply(&mut self, operation: &Command) -> u64 {
        match *operation {
            Command::Cancel { id } => {
                self.cancel_order(Id::from_u64(id)).expect("a valid id");
                0
            }
            Command::Add { id, buy, price, quantity } => {
                let side = if buy { Side::Buy } else { Side::Sell };
                let (_, trades) = self
                    .add_limit_order_with_result(Id::from_u64(id), price.into(), quantity, side, TimeInForce::Gtc, None)
                    .expect("a valid order");
                trades.map_or(0, |trades| trades.match_result.executed_quantity().map_or(0, |lots| lots.as_u64()))
            }
        }
    }
}
