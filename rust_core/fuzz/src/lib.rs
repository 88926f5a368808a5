//! What the targets share: commands out of bytes, and what must hold in every book.

use cift_engine::batch::CommandRow;
use cift_engine::instrument::Instrument;
use cift_engine::types::{SelfTrade, Side};

/// How many bytes make a command.
pub const COMMAND: usize = 6;

/// Commands near each other, so that ids collide, prices cross and levels empty; some are nonsense.
#[must_use]
pub fn commands(bytes: &[u8]) -> Vec<CommandRow> {
    let command = |bytes: &[u8]| CommandRow {
        op: bytes[0] % 6,
        side: bytes[0] >> 4 & 1,
        tif: bytes[1] % 5,
        flags: bytes[1] >> 6,
        order_id: u64::from(bytes[2] % 64),
        user_id: u64::from(bytes[2] >> 6),
        price: if bytes[3] == 0 { f64::NAN } else { f64::from(bytes[3]) / 100.0 },
        quantity: if bytes[4] == 0 { f64::NAN } else { f64::from(bytes[4] % 32) * f64::from(bytes[5] % 4) },
        ..CommandRow::default()
    };
    bytes.chunks_exact(COMMAND).map(command).collect()
}

/// An empty book; which self-trade prevention it has, a byte says.
///
/// # Panics
/// Never: the steps are positive.
#[must_use]
pub fn instrument(choice: u8) -> Instrument {
    let self_trade = SelfTrade::from_code(choice % 5).unwrap_or(SelfTrade::Allow);
    Instrument::new(0.01, 1.0, self_trade, false).expect("positive steps")
}

/// Levels are sorted and add up to their orders, and the sides don't cross.
///
/// # Panics
/// When they don't.
pub fn check(instrument: &Instrument) {
    let book = &instrument.book;
    for side in [Side::Buy, Side::Sell] {
        let levels: Vec<_> = book.levels(side).map(|(price, level)| (price, level.quantity, level.orders)).collect();
        assert!(levels.is_sorted_by(|a, b| if side == Side::Buy { a.0 > b.0 } else { a.0 < b.0 }), "{levels:?}");
        assert_eq!(levels.first().map(|level| level.0), book.best(side));
        let mut queue = book.queue(side);
        for (price, quantity, orders) in levels {
            let found: Vec<_> = queue.by_ref().take(orders as usize).collect();
            assert!(orders > 0 && found.iter().all(|order| order.price == price && order.quantity > 0));
            assert_eq!(found.iter().map(|order| order.quantity).sum::<u64>(), quantity);
            assert!(found.iter().all(|order| book.order(order.id).is_some()));
        }
        assert!(queue.next().is_none());
    }
    if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
        assert!(bid < ask, "a crossed book: {bid} and {ask}");
    }
}
