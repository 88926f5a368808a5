//! lobster: the fills come back in a list of their own for each order that takes.

use lobster::{OrderBook, OrderEvent, OrderType, Side};

use crate::contest::Contestant;
use crate::flow::Command;

impl Contestant for OrderBook {
    type Operation = OrderType;

    fn fresh() -> Self {
        Self::default()
    }

    fn prepare(_: usize, command: &Command) -> OrderType {
        match *command {
            Command::Cancel { id } => OrderType::Cancel { id: id.into() },
            Command::Add { id, buy, price, quantity } => {
                OrderType::Limit { id: id.into(), side: if buy { Side::Bid } else { Side::Ask }, qty: quantity, price }
            }
        }
    }

    #[inline]
    fn apply(&mut self, operation: &OrderType) -> u64 {
        match self.execute(*operation) {
            OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } => {
                fills.iter().map(|fill| fill.qty).sum()
            }
            _ => 0,
        }
    }
}
