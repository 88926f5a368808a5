//! A book that fits no cache is read ahead of those who trade: that must change nothing but time.

use cift_engine::book::Book;
use cift_engine::event::{Event, Fill};
use cift_engine::orders::{Limit, Terms};
use cift_engine::types::{OrderId, SelfTrade, Side, Ticks};

const ORDERS: u64 = 60_000;
const PRICES: u64 = 25;

fn limit(id: OrderId, side: Side, price: Ticks, quantity: u64) -> Limit {
    Limit { id, user: id % 100, side, price, quantity, terms: Terms::default() }
}

#[test]
fn takers_meet_price_and_time_in_a_book_of_any_size() {
    let (mut book, mut events) = (Book::new(SelfTrade::Allow), Vec::new());
    let mut expected: Vec<(Ticks, OrderId)> = Vec::new();
    for id in 0..ORDERS {
        // Prices come in no order; every third order leaves again.
        let price = 1_000 + (id * 7 % PRICES) as Ticks;
        book.add_limit(&limit(id, Side::Sell, price, 1), &mut events).expect("a new order");
        expected.push((price, id));
    }
    for id in (0..ORDERS).step_by(3) {
        book.cancel(id, &mut events).expect("it rests");
    }
    expected.retain(|(_, id)| id % 3 != 0);
    expected.sort_unstable();
    let (mut taken, mut next): (Vec<Fill>, _) = (Vec::new(), ORDERS);
    events.clear();
    while !book.is_empty() {
        book.add_limit(&limit(next, Side::Buy, 2_000, 1 + next % 40), &mut events).expect("a new order");
        next += 1;
        taken
            .extend(events.drain(..).filter_map(|event| if let Event::Fill(fill) = event { Some(fill) } else { None }));
        // What was left of the last one rests.
        if book.best(Side::Buy).is_some() {
            break;
        }
    }
    assert!(taken.iter().map(|fill| (fill.price, fill.maker)).eq(expected));
}
