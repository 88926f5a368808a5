//! The ITCH book against a slow one, and against bytes that are not ITCH.

use std::collections::BTreeMap;

use cift_engine::feeds::itch::messages::{
    AddOrder, Header, Message, OrderCancel, OrderDelete, OrderExecuted, OrderReplace,
};
use cift_engine::feeds::itch::{Fault, Flow, Frames, ItchBook, ItchError, KINDS, Side, generate, symbol};

type Orders = BTreeMap<u64, (u16, Side, u32, u32, u64)>;

/// Stock, whether it is the sell side, price, and the orders with their shares.
type Queue = (u16, bool, u32, Vec<(u64, u32)>);

/// All orders by reference number: stock, side, price, shares and when they came to their queue.
fn slow_book(bytes: &[u8]) -> Orders {
    let mut orders = Orders::new();
    let side = |letter| if letter == b'B' { Side::Buy } else { Side::Sell };
    for (turn, item) in (0..).zip(Frames::new(bytes)) {
        let (_, message) = item.expect("a valid message");
        let stock = message.header().stock_locate;
        let mut take = |reference, shares| {
            let order = orders.get_mut(&reference).expect("a live order");
            order.3 -= shares;
            if order.3 == 0 {
                orders.remove(&reference);
            }
        };
        match message {
            Message::AddOrder(add) => {
                let side = side(add.buy_sell_indicator());
                orders.insert(add.order_reference_number(), (stock, side, add.price(), add.shares(), turn));
            }
            Message::AddOrderMpid(add) => {
                let side = side(add.buy_sell_indicator());
                orders.insert(add.order_reference_number(), (stock, side, add.price(), add.shares(), turn));
            }
            Message::OrderExecuted(done) => take(done.order_reference_number(), done.executed_shares()),
            Message::OrderExecutedWithPrice(done) => take(done.order_reference_number(), done.executed_shares()),
            Message::OrderCancel(cancel) => take(cancel.order_reference_number(), cancel.cancelled_shares()),
            Message::OrderDelete(delete) => {
                orders.remove(&delete.order_reference_number()).expect("a live order");
            }
            Message::OrderReplace(new) => {
                let old = orders.remove(&new.original_order_reference_number()).expect("a live order");
                orders.insert(new.new_order_reference_number(), (stock, old.1, new.price(), new.shares(), turn));
            }
            _ => {}
        }
    }
    orders
}

/// Every queue of a book in order, after what levels say of them has been held against them.
fn queues(book: &ItchBook) -> Vec<Queue> {
    let mut queues = Vec::new();
    for stock in book.locates() {
        for side in [Side::Buy, Side::Sell] {
            let mut last = None;
            for level in book.levels(stock, side) {
                let better =
                    last.is_some_and(|last| if side == Side::Buy { last <= level.price } else { last >= level.price });
                assert!(!better, "levels out of order");
                last = Some(level.price);
                let queue: Vec<(u64, u32)> = book.queue(level).map(|order| (order.reference, order.shares)).collect();
                assert_eq!(queue.len(), level.orders as usize);
                assert_eq!(queue.iter().map(|order| u64::from(order.1)).sum::<u64>(), level.shares);
                assert_eq!((level.stock_locate, level.side), (stock, side));
                queues.push((stock, side == Side::Sell, level.price, queue));
            }
        }
    }
    assert_eq!(queues.iter().map(|queue| queue.3.len()).sum::<usize>(), book.len());
    queues
}

#[test]
fn builds_the_same_queues_as_a_slow_book() {
    // The last one is large enough to be read ahead.
    for (seed, resting, stocks, messages) in
        [(1, 200, 20, 60_000), (2, 5000, 20, 60_000), (3, 1, 20, 60_000), (4, 60_000, 300, 300_000)]
    {
        let bytes = generate(&Flow { messages, stocks, resting, seed });
        let mut book = ItchBook::new();
        assert_eq!(book.apply(&bytes, false), Ok(bytes.len()));
        let mut wanted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (reference, (stock, side, price, shares, turn)) in slow_book(&bytes) {
            let better = if side == Side::Buy { !price } else { price };
            wanted.entry((stock, side == Side::Sell, better)).or_default().push((turn, reference, shares));
        }
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|((stock, sell, better), mut queue)| {
                queue.sort_unstable();
                let queue = queue.into_iter().map(|(_, reference, shares)| (reference, shares)).collect();
                (stock, sell, if sell { better } else { !better }, queue)
            })
            .collect();
        assert_eq!(queues(&book), wanted);
        assert_eq!(book.messages(), Frames::new(&bytes).count() as u64);
    }
}

#[test]
fn a_day_has_every_message_type() {
    let bytes = generate(&Flow::default());
    let mut seen = vec![0; KINDS.len()];
    for item in Frames::new(&bytes) {
        seen[item.expect("a valid message").1.kind()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn any_cut_leaves_whole_messages_applied_and_can_go_on() {
    let bytes = generate(&Flow { messages: 150, stocks: 3, resting: 20, seed: 5 });
    let mut whole = ItchBook::new();
    whole.apply(&bytes, false).expect("valid");
    for cut in 0..bytes.len() {
        let mut book = ItchBook::new();
        let done = book.apply(&bytes[..cut], true).expect("whole messages");
        assert!(done <= cut);
        match ItchBook::new().apply(&bytes[..cut], false) {
            Ok(all) => assert_eq!(all, cut),
            Err(ItchError { offset, fault }) => {
                assert_eq!(offset, done);
                assert!(matches!(fault, Fault::Truncated { .. }), "{fault}");
            }
        }
        book.apply(&bytes[done..], false).expect("the rest");
        assert_eq!(queues(&book), queues(&whole));
    }
}

#[test]
fn what_cannot_be_true_changes_nothing() {
    let here = Header { stock_locate: 1, ..Header::default() };
    let there = Header { stock_locate: 2, ..here };
    let mut bytes = Vec::new();
    AddOrder::write(&mut bytes, here, 10, b'B', 100, symbol("A"), 5000);
    AddOrder::write(&mut bytes, here, 11, b'S', 100, symbol("A"), 5100);
    let mut book = ItchBook::new();
    book.apply(&bytes, false).expect("valid");
    let before = queues(&book);
    let mut refused = |write: &dyn Fn(&mut Vec<u8>), wanted: Fault| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        assert_eq!(book.apply(&bytes, false), Err(ItchError { offset: 0, fault: wanted }));
        assert_eq!(queues(&book), before);
    };
    refused(&|out| AddOrder::write(out, here, 10, b'B', 1, symbol("A"), 5), Fault::DuplicateOrder(10));
    refused(&|out| AddOrder::write(out, here, 12, b'B', 0, symbol("A"), 5), Fault::NoShares(12));
    refused(&|out| AddOrder::write(out, here, 12, b'x', 1, symbol("A"), 5), Fault::Side(b'x'));
    refused(&|out| OrderDelete::write(out, here, 12), Fault::UnknownOrder(12));
    refused(&|out| OrderDelete::write(out, here, u64::MAX), Fault::UnknownOrder(u64::MAX));
    refused(&|out| OrderDelete::write(out, there, 10), Fault::OtherStock { reference: 10, found: 2, expected: 1 });
    refused(&|out| OrderExecuted::write(out, here, 10, 0, 1), Fault::NoShares(10));
    let too_many = Fault::TooManyShares { reference: 10, shares: 101, left: 100 };
    refused(&|out| OrderExecuted::write(out, here, 10, 101, 1), too_many);
    refused(&|out| OrderCancel::write(out, here, 10, 101), too_many);
    refused(&|out| OrderReplace::write(out, here, 10, 11, 5, 5), Fault::DuplicateOrder(11));
    refused(&|out| OrderReplace::write(out, here, 10, 10, 5, 5), Fault::DuplicateOrder(10));
    refused(&|out| OrderReplace::write(out, here, 10, 12, 0, 5), Fault::NoShares(12));
    refused(&|out| OrderReplace::write(out, here, 13, 12, 1, 5), Fault::UnknownOrder(13));
}

/// Numbers that are used again and again, for other stocks, prices and sides: what was found ahead is often wrong by its
/// turn, and many a message can't be true.
#[test]
fn what_was_found_ahead_is_never_believed() {
    let mut state = 17_u64;
    let mut chance = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let header = |stock: u64| Header { stock_locate: stock as u16, ..Header::default() };
    let mut bytes = Vec::new();
    for reference in 1000..61_000 {
        AddOrder::write(&mut bytes, header(3), reference, b'B', 100, symbol("C"), chance(500) as u32);
    }
    let (mut ahead, mut plain) = (ItchBook::new(), ItchBook::new());
    for book in [&mut ahead, &mut plain] {
        book.apply(&bytes, false).expect("valid");
    }
    bytes.clear();
    for _ in 0..60_000 {
        let mut reference = || chance(50) + if chance(4) == 0 { u64::MAX - 60 } else { 0 };
        let (old, new) = (reference(), reference());
        let (here, shares, price) = (header(1 + chance(2)), chance(4) as u32, 10 + chance(6) as u32);
        match chance(5) {
            0 | 1 => AddOrder::write(&mut bytes, here, new, b"BS"[chance(2) as usize], shares, symbol("A"), price),
            2 => OrderDelete::write(&mut bytes, here, old),
            3 => OrderReplace::write(&mut bytes, here, old, new, shares, price),
            _ => OrderExecuted::write(&mut bytes, here, old, shares, 1),
        }
    }
    let mut wrong = Vec::new();
    for item in Frames::new(&bytes) {
        let (offset, message) = item.expect("a message");
        if let Err(fault) = plain.apply_message(&message) {
            wrong.push(ItchError { offset, fault });
        }
    }
    assert!((5000..55_000).contains(&wrong.len()), "{}", wrong.len());
    // Without those that can't be true each run is long; with them, what is ahead begins anew behind each.
    let (mut at, mut found) = (0, Vec::new());
    while let Err(ItchError { offset, fault }) = ahead.apply(&bytes[at..], false) {
        found.push(ItchError { offset: at + offset, fault });
        at += offset + 2 + usize::from(u16::from_be_bytes([bytes[at + offset], bytes[at + offset + 1]]));
    }
    assert_eq!(found, wrong);
    assert_eq!(queues(&ahead), queues(&plain));
    let mut ahead = ItchBook::new();
    let mut valid = Vec::new();
    for reference in 1000..61_000 {
        AddOrder::write(&mut valid, header(3), reference, b'B', 100, symbol("C"), 7);
    }
    ahead.apply(&valid, false).expect("valid");
    let mut plain = ahead.clone();
    valid.clear();
    for item in Frames::new(&bytes) {
        let (offset, message) = item.expect("a message");
        if plain.apply_message(&message).is_ok() {
            let length = usize::from(u16::from_be_bytes([bytes[offset], bytes[offset + 1]]));
            valid.extend_from_slice(&bytes[offset..offset + 2 + length]);
        }
    }
    assert_eq!(ahead.apply(&valid, false), Ok(valid.len()));
    assert_eq!(queues(&ahead), queues(&plain));
}

#[test]
fn damaged_bytes_never_break_a_book() {
    let clean = generate(&Flow { messages: 400, stocks: 3, resting: 50, seed: 9 });
    let mut state = 11_u64;
    let mut chance = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..2000 {
        let mut bytes = clean.clone();
        for _ in 0..=chance(4) {
            let at = chance(bytes.len());
            bytes[at] = chance(256) as u8;
        }
        bytes.truncate(bytes.len() - chance(40));
        let mut book = ItchBook::new();
        let done = match book.apply(&bytes, false) {
            Ok(done) => done,
            Err(error) => error.offset,
        };
        assert!(done <= bytes.len());
        // What an error leaves is what the messages before it build.
        let mut before = ItchBook::new();
        assert_eq!(before.apply(&bytes[..done], false), Ok(done));
        assert_eq!(queues(&before), queues(&book));
    }
}
