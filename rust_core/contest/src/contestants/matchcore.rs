//! matchcore: the trades come back in the outcome of a command; an order's id is the number of its command.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use matchcore::{
    CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder, NewOrder, OrderBook,
    OrderFlags, OrderId, OrderKind, Price, Quantity, QuantityPolicy, SequenceNumber, Side, SubmitCmd, TimeInForce,
    Timestamp,
};

use crate::contest::Contestant;
use crate::flow;

/// The number of the command that each order of the flow came with.
static NUMBERS: LazyLock<Mutex<HashMap<u64, u64>>> = LazyLock::new(Mutex::default);

impl Contestant for OrderBook {
    type Operation = Command;

    fn fresh() -> Self {
        Self::new("BENCH")
    }

    fn prepare(number: usize, command: &flow::Command) -> Command {
        let number = number as u64;
        let mut numbers = NUMBERS.lock().expect("one thread");
        let kind = match *command {
            flow::Command::Cancel { id } => {
                CommandKind::Cancel(CancelCmd { order_id: OrderId(numbers[&id]), order_kind: OrderKind::Limit })
            }
            flow::Command::Add { id, buy, price, quantity } => {
                numbers.insert(id, number);
                let side = if buy { Side::Buy } else { Side::Sell };
                CommandKind::Submit(SubmitCmd {
                    order: NewOrder::Limit(LimitOrder::new(
                        Price(price),
                        QuantityPolicy::Standard { quantity: Quantity(quantity) },
                        OrderFlags::new(side, false, TimeInForce::Gtc),
                    )),
                })
            }
        };
        Command { meta: CommandMeta { sequence_number: SequenceNumber(number), timestamp: Timestamp(number) }, kind }
    }

    #[inline]
    fn apply(&mut self, operation: &Command) -> u64 {
        match self.execute(operation) {
            CommandOutcome::Applied(CommandReport::Submit(effects)) => effects
                .target_order()
                .match_result()
                .map_or(0, |found| found.trades().iter().map(|trade| trade.quantity().0).sum()),
            _ => 0,
        }
    }
}
