//! What the targets share: commands out of bytes, and what must hold in every book.

use cift_engine::exchange::{Command, Op};
use cift_engine::instrument::Instrument;
use cift_engine::special::Class;
use cift_engine::types::{Phase, SelfTrade, Side, Ticks};

/// How many bytes make a command.
pub const COMMAND: usize = 8;

const PEG: u8 = 96;

/// Commands of all kinds near each other, so that ids collide, prices cross and levels empty; some are nonsense.
#[must_use]
pub fn commands(bytes: &[u8]) -> Vec<Command> {
    let price = |byte: u8| if byte == 0 { f64::NAN } else { f64::from(byte) / 100.0 };
    let command = |bytes: &[u8]| {
        let op = bytes[0] % 16;
        let pegged = op == Op::Pegged as u8;
        Command {
            op,
            side: bytes[0] >> 4 & 1,
            tif: bytes[1] % 8,
            flags: if pegged { bytes[5] & (PEG | 4) } else { bytes[5] & 31 },
            order_id: u64::from(bytes[2] % 64),
            user_id: u64::from(bytes[2] >> 6),
            price: price(bytes[3]),
            quantity: match bytes[4] {
                0 => f64::NAN,
                // Positions may be short.
                byte if op == Op::SetPosition as u8 => f64::from(byte as i8),
                byte => f64::from(byte % 64) * f64::from(byte / 64),
            },
            display_quantity: f64::from(bytes[6] % 4 * 3),
            min_quantity: f64::from(bytes[6] >> 2 & 1) * 5.0,
            trigger: if bytes[7] & 1 == 0 { price(bytes[7]) } else { f64::NAN },
            trail: if pegged || bytes[7] & 1 == 1 { f64::from(bytes[7] as i8) / 100.0 } else { f64::NAN },
            expires: u64::from(bytes[6]),
            time: if bytes[1] > 250 { u64::from(bytes[6]) } else { 0 },
            ..Command::default()
        }
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

/// Levels are sorted and add up to their orders, and the sides don't cross while the book trades, whether they show or not.
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
    if book.phase() == Phase::Continuous {
        let best = |side| {
            let better = |a: Ticks, b: Ticks| if side == Side::Buy { a.max(b) } else { a.min(b) };
            let dark = book.queue_apart(Class::Dark, side).map(|order| order.price);
            dark.chain(book.best(side)).reduce(better)
        };
        if let (Some(bid), Some(ask)) = (best(Side::Buy), best(Side::Sell)) {
            assert!(bid < ask, "a crossed book: {bid} and {ask}");
        }
    }
    for order in [Side::Buy, Side::Sell].into_iter().flat_map(|side| book.unseen(side)) {
        assert!(order.quantity > 0 && book.order(order.id).is_some() && book.class(&order) != Class::Shown);
    }
}
