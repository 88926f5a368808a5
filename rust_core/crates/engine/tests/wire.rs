//! Messages as Cap'n Proto: there and back, and every kind of damage.

use cift_engine::wire::{
    Accepted, AccountLimits, Command, CommandBatch, CommandBody, Encoded, Event, EventBatch, EventBody, EventHead,
    Fill, Frames, Indication, MAX_MESSAGE_BYTES, Market, MarketBody, NewOrder, OrderOptions, OrderType, Peg, Phase,
    Quote, RiskSetting, Side, TickColumns, TickLayout, TimeInForce, Trade, TradingState, WireError, is_framed,
};

fn command(body: CommandBody<'static>) -> Command<'static> {
    Command { version: 1, symbol: "AAPL", ts: i64::MAX, user_id: u64::MAX, body }
}

fn commands() -> Vec<Command<'static>> {
    let order = NewOrder {
        side: Side::Sell,
        order_type: OrderType::Limit,
        quantity: 100.0,
        price: Some(0.1 + 0.2),
        tif: TimeInForce::Fok,
        post_only: true,
        client_order_id: Some("ünïcode"),
        options: None,
    };
    let options = OrderOptions {
        display_quantity: 1.0,
        min_quantity: 2.0,
        expires: u64::MAX,
        trigger_price: 3.0,
        trail: 4.0,
        offset: -5.0,
        peg: Peg::Mid,
        reprice: true,
        hidden: true,
        all_or_none: true,
        reduce_only: true,
    };
    let market = NewOrder { order_type: OrderType::Market, price: None, client_order_id: Some(""), ..order };
    [
        CommandBody::NewOrder(order),
        CommandBody::NewOrder(NewOrder { client_order_id: None, ..market }),
        CommandBody::NewOrder(market),
        CommandBody::NewOrder(NewOrder { options: Some(options), order_type: OrderType::Pegged, ..order }),
        CommandBody::CancelOrder { order_id: 1 },
        CommandBody::ReduceOrder { order_id: 2, by: 0.5 },
        CommandBody::ModifyOrder { order_id: 2, price: Some(0.5), quantity: None },
        CommandBody::ModifyOrder { order_id: 2, price: None, quantity: Some(0.5) },
        CommandBody::MassCancel { side: None, min_price: None, max_price: Some(-1.0) },
        CommandBody::MassCancel { side: Some(Side::Sell), min_price: Some(0.0), max_price: None },
        CommandBody::SetInstrument { tick_size: 0.01, lot_size: 1.0 },
        CommandBody::SetLimits { max_position: 1.0, max_notional: 2.0, max_leverage: 3.0, account_value: 4.0 },
        CommandBody::SetPhase { instrument: "AAPL", phase: Phase::OpeningAuction, by: 9 },
        CommandBody::Uncross { instrument: "AAPL", reference: Some(0.5), then: Phase::Halted, by: u64::MAX },
        CommandBody::Uncross { instrument: "", reference: None, then: Phase::Continuous, by: 0 },
        CommandBody::EndOfDay { instrument: "ünïcode", by: 9 },
        CommandBody::SetAccountLimits { limits: AccountLimits::default(), by: 9 },
        CommandBody::SetAccountLimits { limits: LIMITS, by: u64::MAX },
        CommandBody::KillSwitch { state: TradingState::Halted, instrument: None, by: 9 },
        CommandBody::KillSwitch { state: TradingState::Active, instrument: Some("AAPL"), by: 9 },
        CommandBody::SetRisk {
            setting: RiskSetting::Enable,
            value: Some(0.0),
            window_ns: i64::MIN,
            instrument: Some(""),
            by: 9,
        },
        CommandBody::SetRisk { setting: RiskSetting::MaxQuantity, value: None, window_ns: 0, instrument: None, by: 0 },
    ]
    .map(command)
    .to_vec()
}

const LIMITS: AccountLimits = AccountLimits {
    max_position: Some(0.0),
    max_notional: Some(2.0),
    max_leverage: Some(3.0),
    account_value: Some(4.0),
};

fn events() -> Vec<Event<'static>> {
    let accepted =
        Accepted { side: Side::Buy, quantity: 3.0, price: Some(-1.5), resting: 1.0, client_order_id: Some("x") };
    let fill = Fill { side: Side::Buy, price: 1.0, quantity: 2.0, maker_order_id: 3, maker_user_id: 4 };
    [
        EventBody::Accepted(accepted),
        EventBody::Accepted(Accepted { price: None, client_order_id: None, ..accepted }),
        EventBody::Fill(fill),
        EventBody::Cancelled { quantity: 1.0, reason: "user" },
        EventBody::Reduced { remaining: 0.0 },
        EventBody::Modified { price: Some(1.5), quantity: 2.0, resting: 1.0 },
        EventBody::Modified { price: None, quantity: 2.0, resting: 0.0 },
        EventBody::MassCancelled { count: u32::MAX },
        EventBody::Rejected { code: "price_collar", reason: "too far away" },
        EventBody::PhaseSet { instrument: "AAPL", phase: Phase::VolatilityAuction },
        EventBody::Uncrossed {
            instrument: "AAPL",
            phase: Phase::Halted,
            price: Some(1.5),
            volume: 2.0,
            imbalance: -1.0,
        },
        EventBody::Uncrossed { instrument: "", phase: Phase::Continuous, price: None, volume: 0.0, imbalance: 0.0 },
        EventBody::DayEnded { instrument: "ünïcode", phase: Phase::ClosingAuction, count: u32::MAX },
        EventBody::AccountLimitsSet(LIMITS),
        EventBody::KillSwitchSet { state: TradingState::Reducing, instrument: Some("AAPL") },
        EventBody::RiskSet { setting: RiskSetting::Cash, value: Some(-1.5), window_ns: i64::MAX, instrument: None },
    ]
    .map(|body| Event { version: 1, symbol: "", ts: -1, seq: 7, pos: 2, user_id: 3, order_id: 7, last: true, body })
    .to_vec()
}

fn bytes(encoded: Result<Encoded, WireError>) -> Vec<u8> {
    let encoded = encoded.expect("a message");
    let mut written = vec![0; encoded.len()];
    encoded.write_to(&mut written).expect("room");
    assert_eq!(written, encoded.to_vec());
    written
}

fn same<T: PartialEq + std::fmt::Debug>(got: &T, sent: &T) -> Result<(), WireError> {
    assert_eq!(got, sent);
    Ok(())
}

fn ticks() -> Vec<u8> {
    let columns = TickColumns {
        symbols: &["AAPL", "MSFT"],
        symbol: &[0, 1, 1],
        ts: &[1, 2, 3],
        price: &[0.5, 1.5, 2.5],
        quantity: &[1.0, 2.0, 3.0],
        side: &[1, -1, 0],
        seq: &[7, 8, 9],
        pos: &[0, 1, 2],
    };
    columns.encode().expect("a batch").to_vec()
}

fn market() -> Vec<u8> {
    bytes(Market { version: 1, symbol: "A", ts: 1, seq: 2, body: book() }.encode())
}

fn book() -> MarketBody {
    MarketBody::Book {
        bids: vec![[1.0, 2.0], [0.5, 1.0]],
        asks: vec![],
        phase: Phase::ClosingAuction,
        indication: Some(Indication { price: 0.5, volume: 1.0, imbalance: -2.0 }),
    }
}

/// The same message in two segments: the first has only a far pointer to the second, where the whole message lies.
fn in_two_segments(message: &[u8]) -> Vec<u8> {
    let words = u32::try_from(message.len() / 8 - 1).expect("a small message");
    let table = [1, 1, words, 0];
    let far_pointer = [2, 1];
    let mut data: Vec<u8> = table.iter().chain(&far_pointer).flat_map(|number: &u32| number.to_le_bytes()).collect();
    data.extend(&message[8..]);
    data
}

/// Read `data` as everything that there is.
fn read_all(data: &[u8]) -> Vec<WireError> {
    let results = [
        Command::read(data, |_| Ok(())),
        Event::read(data, |_| Ok(())),
        Market::read(data, |_| Ok(())),
        CommandBatch::len(data).and_then(|count| CommandBatch::read(data, 0..count.min(1_000), |_| Ok(()))),
        EventBatch::len(data).and_then(|count| EventBatch::read(data, 0..count.min(1_000), |_| Ok(()))),
        TickLayout::of(data).map(|_| ()),
        Frames::new(data).try_for_each(|frame| frame.map(|_| ())),
    ];
    results.into_iter().filter_map(Result::err).collect()
}

#[test]
fn everything_survives_the_journey() {
    for sent in commands() {
        Command::read(&bytes(sent.encode()), |got| same(&got, &sent)).expect("a command");
    }
    for sent in events() {
        Event::read(&bytes(sent.encode()), |got| same(&got, &sent)).expect("an event");
    }
    let trade = MarketBody::Trade(Trade { pos: 1, side: Side::Sell, price: 2.0, quantity: 3.0 });
    let sent = Market { version: 1, symbol: "A", ts: 1, seq: 2, body: trade };
    Market::read(&bytes(sent.encode()), |got| same(&got, &sent)).expect("a trade");
    Market::read(&market(), |got| same(&got.body, &book())).expect("a book");
}

#[test]
fn one_of_a_batch_is_read_alone() {
    let (commands, events) = (commands(), events());
    let data = bytes(CommandBatch::encode(&commands));
    assert_eq!(CommandBatch::len(&data), Ok(22));
    CommandBatch::read(&data, 3..4, |got| same(&got, &commands[3])).expect("a command");
    let error = CommandBatch::read(&data, 22..23, |_| Ok(())).expect_err("there is none");
    assert_eq!(error.to_string(), "offset 0: commandBatch.commands: 22 is not below its length 22");
    let data = bytes(EventBatch::encode(&events));
    let mut seen = Vec::new();
    EventBatch::read(&data, 0..9, |got| {
        seen.push(got.pos);
        Ok(())
    })
    .expect("events");
    assert_eq!(seen, [2; 9]);
}

#[test]
fn columns_lie_where_the_layout_says() {
    let data = ticks();
    let layout = TickLayout::of(&data).expect("a batch");
    assert_eq!((layout.rows, layout.symbols.as_slice()), (3, &["AAPL".to_owned(), "MSFT".to_owned()][..]));
    let price = layout.columns.iter().find(|column| column.name == "price").expect("prices").offset;
    assert_eq!(data[price + 8..price + 16], 1.5f64.to_le_bytes());
    let side = layout.columns.iter().find(|column| column.name == "side").expect("sides").offset;
    assert_eq!(data[side..side + 3], [1, 255, 0]);
}

#[test]
fn other_writers_may_use_several_segments() {
    let sent = commands()[0];
    let data = in_two_segments(&bytes(sent.encode()));
    Command::read(&data, |got| same(&got, &sent)).expect("a command");
    let (one, two) = (ticks(), in_two_segments(&ticks()));
    let (layout, moved) = (TickLayout::of(&one).expect("a batch"), TickLayout::of(&two).expect("a batch"));
    for (column, moved) in layout.columns.iter().zip(&moved.columns) {
        assert_eq!(one[column.offset..column.offset + 8], two[moved.offset..moved.offset + 8], "{}", column.name);
    }
}

#[test]
fn an_address_that_is_not_a_multiple_of_eight_is_as_good() {
    let data = ticks();
    let mut shifted = vec![0; data.len() + 8];
    for shift in 0..8 {
        shifted[shift..shift + data.len()].copy_from_slice(&data);
        assert_eq!(TickLayout::of(&shifted[shift..shift + data.len()]), TickLayout::of(&data));
    }
}

#[test]
fn values_that_no_message_may_carry_are_refused() {
    let mut unknown = commands()[0];
    unknown.version = 2;
    let error = unknown.encode().err().expect("a refusal").to_string();
    assert_eq!(error, "offset 0: command.version: 2 is not a known schema version, 1 to 1");
    let columns = TickColumns {
        symbols: &["A"],
        symbol: &[1],
        ts: &[1],
        price: &[1.0],
        quantity: &[1.0],
        side: &[1],
        seq: &[1],
        pos: &[0],
    };
    let refused = |columns: TickColumns<'_>| columns.encode().err().expect("a refusal").field;
    assert_eq!(refused(columns), "ticks.symbol");
    assert_eq!(refused(TickColumns { symbol: &[0], side: &[2], ..columns }), "ticks.side");
    assert_eq!(refused(TickColumns { price: &[], ..columns }), "ticks.price");
}

#[test]
fn framing_errors_say_where() {
    let data = bytes(commands()[3].encode());
    let of = |data: &[u8]| Command::read(data, |_| Ok(())).expect_err("damage");
    assert_eq!(of(&[]).to_string(), "offset 0: the message at 0 ends here, not at 8");
    let short = &data[..data.len() - 1];
    assert_eq!(of(short).offset, short.len());
    let mut long = data.clone();
    long.push(0);
    assert_eq!(of(&long).to_string(), format!("offset {}: 1 bytes follow the message", data.len()));
    let huge = [0, 0, 0, 0, 255, 255, 255, 255];
    let length = 8 + 8 * u64::from(u32::MAX);
    assert_eq!(of(&huge).to_string(), format!("offset 0: {length} bytes are more than {MAX_MESSAGE_BYTES}"));
    assert_eq!(of(&[255; 8]).to_string(), "offset 0: 4294967296 segments are more than 512");
    let two = [data.as_slice(), short].concat();
    let found: Vec<_> = Frames::new(&two).collect();
    assert_eq!(found[0], Ok((0, data.as_slice())));
    assert_eq!(found[1].as_ref().map_err(|error| error.offset), Err(two.len()));
    assert_eq!(found.len(), 2);
}

#[test]
fn all_zeros_are_no_message() {
    let error = Command::read(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], |_| Ok(())).expect_err("nothing");
    assert_eq!(error.field, "command.version");
}

/// Every byte of every message, damaged in several ways: an error or another message, never a panic.
#[test]
fn damage_is_an_error_or_another_message() {
    let messages = [
        bytes(commands()[0].encode()),
        bytes(events()[0].encode()),
        market(),
        bytes(CommandBatch::encode(&commands())),
        bytes(EventBatch::encode(&events())),
        ticks(),
        in_two_segments(&bytes(events()[0].encode())),
        in_two_segments(&ticks()),
    ];
    let mut refused = 0;
    for message in messages {
        for length in 0..message.len() {
            assert_eq!(read_all(&message[..length]).len(), if length == 0 { 6 } else { 7 }, "cut at {length}");
        }
        for position in 0..message.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut damaged = message.clone();
                damaged[position] ^= change;
                refused += read_all(&damaged).len();
            }
        }
    }
    assert!(refused > 1_000);
}

/// A list that says it has half a billion elements of no size must not keep anybody busy.
#[test]
fn small_messages_cannot_cause_much_work() {
    let mut data = bytes(EventBatch::encode(&events()[..1]));
    let list = 8 + 8 + 8;
    // A list pointer to void elements: offset 0, size tag 0, 2^29 - 1 of them.
    data[list..list + 8].copy_from_slice(&[1, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff]);
    let error = EventBatch::len(&data).expect_err("too many");
    assert_eq!(error.field, "eventBatch.events");
}

#[test]
fn an_event_is_filed_by_its_head_alone() {
    for event in events() {
        let data = bytes(event.encode());
        assert!(is_framed(&data));
        let head = EventHead::of(&data).expect("a head");
        assert_eq!((head.seq, head.pos, head.last), (event.seq, event.pos, event.last));
        assert!(EventHead::of(&data[..data.len() - 1]).is_err());
    }
    let fill = Fill { side: Side::Buy, price: 1.0, quantity: 2.0, maker_order_id: 3, maker_user_id: 4 };
    let event = Event { body: EventBody::Fill(fill), ..events()[0] };
    assert_eq!(EventHead::of(&bytes(event.encode())).expect("a head").tag, "fill");
    assert!(!is_framed(b"") && !is_framed(b"{}") && !is_framed(b" {}"));
}

#[test]
fn quotes_come_back() {
    for quote in [Quote::default(), Quote { bid: Some(1.0), bid_quantity: Some(2.0), ask: None, ask_quantity: None }] {
        let market = Market { version: 1, symbol: "A", ts: 1, seq: 2, body: MarketBody::Quote(quote) };
        Market::read(&bytes(market.encode()), |got| same(&got, &market)).expect("a quote");
    }
}

#[test]
fn what_json_cannot_say_is_refused_both_ways_by_the_name_that_it_has_there() {
    let fill = Fill { side: Side::Buy, price: 1.0, quantity: 2.0, maker_order_id: 3, maker_user_id: 4 };
    let event = |price| Event { body: EventBody::Fill(Fill { price, ..fill }), ..events()[0] };
    let error = event(f64::NAN).encode().err().expect("no number");
    assert_eq!((error.field, error.key().as_str()), ("event.fill.price", "price"));
    let mut data = bytes(event(1.5).encode());
    let at = data.windows(8).position(|word| word == 1.5_f64.to_le_bytes()).expect("the price");
    data[at..at + 8].copy_from_slice(&f64::INFINITY.to_le_bytes());
    let error = Event::read(&data, |_| Ok(())).expect_err("no number");
    assert_eq!(error.what(), "found inf, expected a finite number");
    let uncross = CommandBody::Uncross { instrument: "A", reference: None, then: Phase::OpeningAuction, by: 0 };
    assert_eq!(command(uncross).encode().err().expect("no end").key(), "then");
    let cancel = Command::read(&bytes(command(CommandBody::CancelOrder { order_id: 1 }).encode())[..9], |_| Ok(()));
    assert_eq!(cancel.expect_err("cut off").key(), "");
}
