//! Any bytes as a command of the journal: a plain one, of which nothing is in doubt, or somebody else's to read. What a
//! plain one says is the same again when it is written down as Cap'n Proto.
#![no_main]

use cift_engine::journal::{Body, New, Plain, read};
use cift_engine::types::{Side, TimeInForce};
use cift_engine::wire::{self, Command, CommandBody, NewOrder, OrderType};
use libfuzzer_sys::fuzz_target;

fn written(plain: &Plain<'_>) -> Vec<u8> {
    let body = match plain.body {
        Body::New(New { side, quantity, price, limit, tif, post_only, name }) => CommandBody::NewOrder(NewOrder {
            side: if side == Side::Buy { wire::Side::Buy } else { wire::Side::Sell },
            order_type: if limit.is_some() { OrderType::Limit } else { OrderType::Market },
            quantity,
            price,
            tif: match tif {
                TimeInForce::Ioc => wire::TimeInForce::Ioc,
                TimeInForce::Fok => wire::TimeInForce::Fok,
                _ => wire::TimeInForce::Gtc,
            },
            post_only,
            client_order_id: name,
            options: None,
        }),
        Body::Cancel { order } => CommandBody::CancelOrder { order_id: order },
        Body::Reduce { order, by } => CommandBody::ReduceOrder { order_id: order, by },
    };
    let command = Command { version: 1, symbol: plain.symbol, ts: plain.ts, user_id: plain.user, body };
    command.encode().expect("a plain command fits").to_vec()
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes, |plain| {
        if let Body::New(New { quantity, price, limit, .. }) = plain.body {
            assert!(quantity > 0.0 && price.is_none_or(|price| price > 0.0));
            assert!(limit.is_none() || limit == price);
        }
        let again = read(&written(plain), |again| assert_eq!(again, plain));
        assert!(again.is_some());
    });
});
