use super::*;

fn read_json(text: &str) -> Option<String> {
    read(text.as_bytes(), |plain| format!("{plain:?}"))
}

const ORDER: &str =
    r#"{"type":"new","symbol":"AAPL","ts":7,"user_id":1,"side":"buy","order_type":"limit","quantity":2,"price":100.5"#;

#[test]
fn plain_commands_are_read_in_either_format() {
    let json = read(format!("{ORDER}}}").as_bytes(), |plain| {
        let Body::New(order) = plain.body else { panic!("an order") };
        assert_eq!((plain.symbol, plain.ts, plain.user), ("AAPL", 7, 1));
        assert_eq!((order.side, order.quantity, order.limit), (Side::Buy, 2.0, Some(100.5)));
        assert_eq!((order.tif, order.post_only, order.name), (TimeInForce::Gtc, false, None));
        format!("{plain:?}")
    });
    let order = wire::NewOrder {
        side: wire::Side::Buy,
        order_type: OrderType::Limit,
        quantity: 2.0,
        price: Some(100.5),
        tif: wire::TimeInForce::Gtc,
        post_only: false,
        client_order_id: None,
        options: None,
    };
    let command = Command { version: 1, symbol: "AAPL", ts: 7, user_id: 1, body: CommandBody::NewOrder(order) };
    let framed = command.encode().unwrap().to_vec();
    assert_eq!(read(&framed, |plain| format!("{plain:?}")), json);
    let options = Some(wire::OrderOptions { hidden: true, ..wire::OrderOptions::default() });
    let body = CommandBody::NewOrder(wire::NewOrder { options, ..order });
    assert_eq!(read(&Command { body, ..command }.encode().unwrap().to_vec(), |_| ()), None);
    let cancel = r#"{"type":"cancel","symbol":"AAPL","ts":7,"user_id":1,"order_id":3}"#;
    assert!(read_json(cancel).unwrap().contains("Cancel { order: 3 }"));
    let reduce = r#"{"type":"reduce","symbol":"AAPL","ts":7,"user_id":1,"order_id":3,"by":1.5}"#;
    assert!(read_json(reduce).unwrap().contains("Reduce { order: 3, by: 1.5 }"));
}

#[test]
fn any_doubt_is_somebody_elses() {
    for more in [
        r#","hidden":true}"#,
        r#","v":2}"#,
        r#","v":null}"#,
        r#","tif":null}"#,
        r#","tif":"DAY"}"#,
        r#","tif":{"GTC":null}}"#,
        r#","post_only":null}"#,
        r#","post_only":1}"#,
        r#","symbol":"AAPL"}"#,
        r#","client_order_id":"\n"}"#,
        r#","client_order_id":5}"#,
        r#","nobody":5}"#,
        "",
        "}}",
    ] {
        assert_eq!(read_json(&format!("{ORDER}{more}")), None, "{more}");
    }
    for (from, to) in [
        ("2", "0"),
        ("2", "-0"),
        ("2", "1e300"),
        ("2", "1e999"),
        ("2", "null"),
        ("100.5", "null"),
        ("100.5", "-1"),
        ("\"limit\"", "\"stop\""),
        ("\"buy\"", "{\"buy\":null}"),
        ("\"ts\":7", "\"ts\":7.0"),
        ("\"user_id\":1", "\"user_id\":-1"),
        ("\"new\"", "\"limits\""),
    ] {
        assert_eq!(read_json(&format!("{ORDER}}}").replace(from, to)), None, "{from} {to}");
    }
    for data in [&b""[..], b"{", b"[\"cancel\",1,\"AAPL\",7,1,3]", b"\0", b"\0\0\0\0\0\0\0\0", b"\xff"] {
        assert_eq!(read(data, |_| ()), None, "{data:?}");
    }
}
