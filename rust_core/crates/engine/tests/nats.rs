//! NATS' client protocol: cut anywhere it reads the same, and what is no operation is refused.

use cift_engine::nats::{Burst, Condition, Delivery, Message, Operation, Origin, ProtocolError, Splitter, status};

const STREAM: &[u8] = b"INFO {\"a\":1}\r\nPING\r\nMSG orders.AAPL 7 5\r\nhello\r\nPONG\r\n\
HMSG events.X 9 $JS.ACK.S.C.1.30.2.17.4 13 15\r\nNATS/1.0\r\nA\r\nok\r\n+OK\r\n-ERR 'no'\r\nMSG a 1 b 0\r\n\r\n";

fn read(parts: &[&[u8]]) -> Result<Vec<String>, ProtocolError> {
    let mut splitter = Splitter::new();
    let mut found = Vec::new();
    for part in parts {
        splitter.feed(part, |operation| {
            found.push(format!("{operation:?}"));
            Ok::<(), ProtocolError>(())
        })?;
    }
    Ok(found)
}

#[test]
fn cut_anywhere_it_reads_the_same() {
    let whole = read(&[STREAM]).unwrap();
    assert_eq!(whole.len(), 8);
    let message = Message { subscription: 7, subject: "orders.AAPL", reply: "", headers: b"", payload: b"hello" };
    assert_eq!(whole[2], format!("{:?}", Operation::Message(message)));
    for first in 0..STREAM.len() {
        for second in first..STREAM.len() {
            assert_eq!(read(&[&STREAM[..first], &STREAM[first..second], &STREAM[second..]]).unwrap(), whole);
        }
    }
    let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
    assert_eq!(read(&bytes).unwrap(), whole);
}

#[test]
fn what_is_no_operation_is_refused() {
    for bad in [
        &b"HELLO\r\n"[..],
        b"PING\n",
        b"MSG a 1\r\n",
        b"MSG a x 5\r\n",
        b"MSG a 1 -5\r\n",
        b"MSG a 1 99999999999\r\n",
        b"MSG a 1 99999999999999999999999999\r\n",
        b"MSG a 1 b c 5\r\n",
        b"MSG a 1 b c d e f g h 5\r\n",
        b"HMSG a 1 9 5\r\n",
        b"MSG a 1 2\r\nhello\r\n",
        b"MSG \xff 1 2\r\nhe\r\n",
        b"\r\n",
    ] {
        assert!(read(&[bad]).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert!(read(&[&vec![b'a'; 1 << 20]]).is_err());
}

#[test]
fn deliveries_and_statuses() {
    let delivery = Delivery { stream: 30, number: 2, pending: 4 };
    for reply in ["$JS.ACK.S.C.1.30.2.17.4", "$JS.ACK.hub.acc.S.C.1.30.2.17.4", "$JS.ACK.hub.acc.S.C.1.30.2.17.4.t"] {
        assert_eq!(Delivery::of(reply), Some(delivery), "{reply}");
    }
    for reply in
        ["", "_INBOX.a.b", "$JS.ACK.S.C", "$JS.ACK.S.C.1.x.2.17.4", "$JS.ACK.S.C.1.30.2.17.99999999999999999999"]
    {
        assert_eq!(Delivery::of(reply), None, "{reply}");
    }
    assert_eq!(status(b"NATS/1.0 408 Request Timeout\r\nA: b\r\n\r\n"), Some(408));
    assert_eq!(status(b"NATS/1.0 100\r\n\r\n"), Some(100));
    for none in [&b""[..], b"NATS/1.0\r\n\r\n", b"NATS/1.0 4\r\n\r\n", b"NATS/1.0 abc\r\n\r\n"] {
        assert_eq!(status(none), None);
    }
}

#[test]
fn a_burst_is_what_servers_read() {
    let mut burst = Burst::default();
    let nobody = Origin::default();
    burst.publish("a.b", "", Condition::default(), nobody, b"one").unwrap();
    burst.publish("a.c", "r.1", Condition { message_id: "7.0", after: Some(41) }, nobody, b"two").unwrap();
    let before = burst.as_bytes().to_vec();
    for (subject, reply, id) in [("", "", ""), ("a b", "", ""), ("a\r\n", "", ""), ("a", "b c", ""), ("a", "", "x\n")] {
        assert!(burst.publish(subject, reply, Condition { message_id: id, after: None }, nobody, b"").is_err());
    }
    for bad in ["x y", "x\r\nNats-Rollup:all", "\u{e4}", &"x".repeat(65)] {
        for origin in [Origin { correlation: bad, trace: "" }, Origin { correlation: "", trace: bad }] {
            assert!(burst.publish("a", "", Condition::default(), origin, b"").is_err());
        }
    }
    assert_eq!(burst.as_bytes(), before);
    let headers = "NATS/1.0\r\nNats-Msg-Id:7.0\r\nNats-Expected-Last-Sequence:41\r\n\r\n";
    let wanted =
        format!("PUB a.b 3\r\none\r\nHPUB a.c r.1 {} {}\r\n{headers}two\r\n", headers.len(), headers.len() + 3);
    assert_eq!(String::from_utf8_lossy(&before), wanted);
}

#[test]
fn an_origin_travels_in_headers() {
    let origin = Origin { correlation: "req-1", trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    let mut burst = Burst::default();
    burst.publish("events.A", "", Condition { message_id: "7.0", after: Some(6) }, origin, b"x").unwrap();
    let text = String::from_utf8_lossy(burst.as_bytes()).into_owned();
    let headers = &text[text.find("NATS/1.0").unwrap()..text.len() - "x\r\n".len()];
    assert_eq!(Origin::of(headers.as_bytes()), origin);
    assert!(headers.ends_with(&format!("Cift-Correlation-Id:req-1\r\ntraceparent:{}\r\n\r\n", origin.trace)));
}

#[test]
fn what_is_no_origin_counts_as_none() {
    assert_eq!(Origin::of(b"NATS/1.0\r\nCift-Correlation-Id: a-b \r\n\r\n").correlation, "a-b");
    let long = format!("NATS/1.0\r\nCift-Correlation-Id:{}\r\n\r\n", "x".repeat(65));
    for headers in [
        &b""[..],
        b"NATS/1.0\r\n\r\n",
        b"NATS/1.0\r\nNats-Msg-Id:traceparent:x\r\n\r\n",
        b"NATS/1.0\r\nCift-Correlation-Id:a b\r\n\r\n",
        b"NATS/1.0\r\nCift-Correlation-Id:\xff\r\n\r\n",
        b"NATS/1.0\r\nCift-Correlation-Identity:a\r\n\r\n",
        long.as_bytes(),
    ] {
        assert_eq!(Origin::of(headers), Origin::default(), "{}", String::from_utf8_lossy(headers));
    }
}
