//! Ours: fills and cancels go to a list that the caller keeps.

use cift_engine::book::Book;
use cift_engine::event::Event;
use cift_engine::orders::{Limit, Terms};
use cift_engine::types::{Lots, OrderId, SelfTrade, Side, Ticks, UserId};

use crate::contest::Contestant;
use crate::flow::Command;

/// The engine's book and its caller's list of events.
pub struct Cift {
    book: Book,
    events: Vec<Event>,
}

/// A command in the engine's own types; its `Limit` is made of it at the call, as whoever reads a message makes one.
pub enum Operation {
    /// Add a limit order.
    Add {
        /// Its id.
        id: OrderId,
        /// Its owner.
        user: UserId,
        /// Its side.
        side: Side,
        /// Its price.
        price: Ticks,
        /// How much.
        quantity: Lots,
    },
    /// Cancel an order.
    Cancel(OrderId),
}

impl Cift {
    /// Cancel an order, if there is one.
    pub fn cancel_if_resting(&mut self, id: u64) {
        let _ = self.book.cancel(id, &mut self.events);
        self.events.clear();
    }
}

impl Contestant for Cift {
    type Operation = Operation;

    fn fresh() -> Self {
        Self { book: Book::new(SelfTrade::Allow), events: Vec::with_capacity(1024) }
    }

    fn prepare(_: usize, command: &Command) -> Operation {
        match *command {
            Command::Cancel { id } => Operation::Cancel(id),
            Command::Add { id, buy, price, quantity } => Operation::Add {
                id,
                user: id % 100,
                side: if buy { Side::Buy } else { Side::Sell },
                price: i64::try_from(price).expect("a price of the flow"),
                quantity,
            },
        }
    }

    #[inline]
    fn apply(&mut self, operation: &Operation) -> u64 {
        match *operation {
            Operation::Add { id, user, side, price, quantity } => {
                let order = Limit { id, user, side, price, quantity, terms: Terms::default() };
                self.book.add_limit(&order, &mut self.events).expect("a valid order");
            }
            Operation::Cancel(id) => {
                self.book.cancel(id, &mut self.events).expect("an order that rests");
            }
        }
        let filled =
            self.events.iter().map(|event| if let Event::Fill(fill) = event { fill.quantity } else { 0 }).sum();
        self.events.clear();
        filled
    }
}
