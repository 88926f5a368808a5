//! The engine's messages as fields for Python: all of them for a whole message, or the one that somebody wants.

use cift_engine::wire::{
    Command, CommandBody, Event, EventBody, Market, MarketBody, OrderOptions, OrderType, Peg, Phase, Side, TimeInForce,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

use super::taking::Kind;

/// The value of a field.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(&'a str),
    Levels(&'a [[f64; 2]]),
    Absent,
}

impl Value<'_> {
    /// The value as a Python object.
    pub fn object<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::Unsigned(value) => PyInt::new(py, value).into_any(),
            Self::Signed(value) => PyInt::new(py, value).into_any(),
            Self::Float(value) => PyFloat::new(py, value).into_any(),
            Self::Flag(value) => PyBool::new(py, value).to_owned().into_any(),
            Self::Text(value) => PyString::new(py, value).into_any(),
            Self::Levels(levels) => {
                let pairs: Vec<_> = levels.iter().map(|&[price, quantity]| (price, quantity)).collect();
                PyTuple::new(py, pairs)?.into_any()
            }
            Self::Absent => py.None().into_bound(py),
        })
    }
}

/// Who is told of every field: its name, the same as an interned object on demand, and its value.
pub trait Fields {
    /// A message begins.
    fn begin(&mut self) {}

    /// Whether to be told of fields that a message leaves out.
    fn wants_all(&self) -> bool {
        false
    }

    /// It has this field.
    fn put(
        &mut self,
        name: &'static str,
        key: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>,
        value: Value<'_>,
    );
}

/// All fields, as keyword arguments.
pub struct Arguments<'py> {
    py: Python<'py>,
    result: PyResult<Bound<'py, PyDict>>,
}

impl<'py> Arguments<'py> {
    pub fn new(py: Python<'py>) -> Self {
        Self { py, result: Ok(PyDict::new(py)) }
    }

    pub fn into_dict(self) -> PyResult<Bound<'py, PyDict>> {
        self.result
    }
}

impl Fields for Arguments<'_> {
    #[inline]
    fn put(&mut self, _: &'static str, key: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>, value: Value<'_>) {
        if let Ok(dict) = &self.result {
            let set = value.object(self.py).and_then(|object| dict.set_item(key(self.py), object));
            if let Err(error) = set {
                self.result = Err(error);
            }
        }
    }
}

/// The one field with the wanted name, handed to `found`.
pub struct Wanted<'a, F> {
    pub name: &'a str,
    pub found: F,
}

impl<F: FnMut(Value<'_>)> Fields for Wanted<'_, F> {
    fn wants_all(&self) -> bool {
        true
    }

    #[inline]
    fn put(&mut self, name: &'static str, _: impl for<'k> Fn(Python<'k>) -> &'k Bound<'k, PyString>, value: Value<'_>) {
        if name == self.name {
            (self.found)(value);
        }
    }
}

macro_rules! put {
    ($fields:expr, $($name:literal: $value:expr),+ $(,)?) => {
        $($fields.put($name, |py| intern!(py, $name), $value);)+
    };
}

const fn side(side: Side) -> Value<'static> {
    Value::Text(match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    })
}

const fn phase_name(phase: Phase) -> Value<'static> {
    Value::Text(match phase {
        Phase::Continuous => "continuous",
        Phase::Halted => "halted",
        Phase::OpeningAuction => "opening_auction",
        Phase::ClosingAuction => "closing_auction",
        Phase::VolatilityAuction => "volatility_auction",
    })
}

fn maybe<'a, T>(value: Option<T>, present: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
    value.map_or(Value::Absent, present)
}

/// Tell `fields` of everything in a command, and return its kind.
pub fn command(command: &Command<'_>, fields: &mut impl Fields) -> Kind {
    fields.begin();
    put!(fields,
        "v": Value::Unsigned(command.version.into()),
        "symbol": Value::Text(command.symbol),
        "ts": Value::Signed(command.ts),
        "user_id": Value::Unsigned(command.user_id),
    );
    match command.body {
        CommandBody::NewOrder(order) => {
            put!(fields,
                "side": side(order.side),
                "order_type": Value::Text(match order.order_type {
                    OrderType::Limit => "limit",
                    OrderType::Market => "market",
                    OrderType::MarketToLimit => "market_to_limit",
                    OrderType::Stop => "stop",
                    OrderType::Pegged => "pegged",
                    OrderType::Notional => "notional",
                }),
                "quantity": Value::Float(order.quantity),
                "price": maybe(order.price, Value::Float),
                "tif": Value::Text(match order.tif {
                    TimeInForce::Gtc => "GTC",
                    TimeInForce::Ioc => "IOC",
                    TimeInForce::Fok => "FOK",
                    TimeInForce::Day => "DAY",
                    TimeInForce::Gtd => "GTD",
                    TimeInForce::Ato => "ATO",
                    TimeInForce::Atc => "ATC",
                }),
                "post_only": Value::Flag(order.post_only),
                "client_order_id": maybe(order.client_order_id, Value::Text),
            );
            // A message leaves out what is not said; who asks for one field gets an answer all the same.
            if order.options.is_some() || fields.wants_all() {
                options(&order.options.unwrap_or_default(), fields);
            }
            Kind::New
        }
        CommandBody::CancelOrder { order_id } => {
            put!(fields, "order_id": Value::Unsigned(order_id));
            Kind::Cancel
        }
        CommandBody::ReduceOrder { order_id, by } => {
            put!(fields, "order_id": Value::Unsigned(order_id), "by": Value::Float(by));
            Kind::Reduce
        }
        CommandBody::ModifyOrder { order_id, price, quantity } => {
            put!(fields,
                "order_id": Value::Unsigned(order_id),
                "price": maybe(price, Value::Float),
                "quantity": maybe(quantity, Value::Float),
            );
            Kind::Modify
        }
        CommandBody::MassCancel { side: of, min_price, max_price } => {
            put!(fields,
                "side": maybe(of, side),
                "min_price": maybe(min_price, Value::Float),
                "max_price": maybe(max_price, Value::Float),
            );
            Kind::MassCancel
        }
        CommandBody::SetInstrument { tick_size, lot_size } => {
            put!(fields, "tick_size": Value::Float(tick_size), "lot_size": Value::Float(lot_size));
            Kind::Instrument
        }
        CommandBody::SetLimits { max_position, max_notional, max_leverage, account_value } => {
            put!(fields,
                "max_position": Value::Float(max_position),
                "max_notional": Value::Float(max_notional),
                "max_leverage": Value::Float(max_leverage),
                "account_value": Value::Float(account_value),
            );
            Kind::Limits
        }
        CommandBody::SetPhase { instrument, phase, by } => {
            put!(fields,
                "instrument": Value::Text(instrument), "phase": phase_name(phase), "by": Value::Unsigned(by),
            );
            Kind::SetPhase
        }
        CommandBody::Uncross { instrument, reference, then, by } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "reference": maybe(reference, Value::Float),
                "then": phase_name(then),
                "by": Value::Unsigned(by),
            );
            Kind::Uncross
        }
        CommandBody::EndOfDay { instrument, by } => {
            put!(fields, "instrument": Value::Text(instrument), "by": Value::Unsigned(by));
            Kind::EndOfDay
        }
    }
}

fn options(options: &OrderOptions, fields: &mut impl Fields) {
    let said = |value: f64| maybe((value != 0.0).then_some(value), Value::Float);
    put!(fields,
        "display_quantity": said(options.display_quantity),
        "min_quantity": said(options.min_quantity),
        "expires": maybe((options.expires != 0).then_some(options.expires), Value::Unsigned),
        "trigger_price": said(options.trigger_price),
        "trail": said(options.trail),
        "offset": Value::Float(options.offset),
        "peg": match options.peg {
            Peg::None => Value::Absent,
            Peg::Primary => Value::Text("primary"),
            Peg::Mid => Value::Text("mid"),
            Peg::Market => Value::Text("market"),
        },
        "reprice": Value::Flag(options.reprice),
        "hidden": Value::Flag(options.hidden),
        "all_or_none": Value::Flag(options.all_or_none),
        "reduce_only": Value::Flag(options.reduce_only),
    );
}

/// Tell `fields` of everything in an event, and return its kind.
pub fn event(event: &Event<'_>, fields: &mut impl Fields) -> Kind {
    fields.begin();
    put!(fields,
        "v": Value::Unsigned(event.version.into()),
        "symbol": Value::Text(event.symbol),
        "ts": Value::Signed(event.ts),
        "seq": Value::Unsigned(event.seq),
        "pos": Value::Unsigned(event.pos.into()),
        "user_id": Value::Unsigned(event.user_id),
        "order_id": Value::Unsigned(event.order_id),
        "last": Value::Flag(event.last),
    );
    match event.body {
        EventBody::Accepted(accepted) => {
            put!(fields,
                "side": side(accepted.side),
                "quantity": Value::Float(accepted.quantity),
                "price": maybe(accepted.price, Value::Float),
                "resting": Value::Float(accepted.resting),
                "client_order_id": maybe(accepted.client_order_id, Value::Text),
            );
            Kind::Accepted
        }
        EventBody::Fill(fill) => {
            put!(fields,
                "side": side(fill.side),
                "price": Value::Float(fill.price),
                "quantity": Value::Float(fill.quantity),
                "maker_order_id": Value::Unsigned(fill.maker_order_id),
                "maker_user_id": Value::Unsigned(fill.maker_user_id),
            );
            Kind::Fill
        }
        EventBody::Cancelled { quantity, reason } => {
            put!(fields, "quantity": Value::Float(quantity), "reason": Value::Text(reason));
            Kind::Cancelled
        }
        EventBody::Reduced { remaining } => {
            put!(fields, "remaining": Value::Float(remaining));
            Kind::Reduced
        }
        EventBody::Modified { price, quantity, resting } => {
            put!(fields,
                "price": maybe(price, Value::Float),
                "quantity": Value::Float(quantity),
                "resting": Value::Float(resting),
            );
            Kind::Modified
        }
        EventBody::MassCancelled { count } => {
            put!(fields, "count": Value::Unsigned(count.into()));
            Kind::MassCancelled
        }
        EventBody::PhaseSet { instrument, phase } => {
            put!(fields, "instrument": Value::Text(instrument), "phase": phase_name(phase));
            Kind::PhaseSet
        }
        EventBody::Uncrossed { instrument, phase, price, volume, imbalance } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "phase": phase_name(phase),
                "price": maybe(price, Value::Float),
                "volume": Value::Float(volume),
                "imbalance": Value::Float(imbalance),
            );
            Kind::Uncrossed
        }
        EventBody::DayEnded { instrument, phase, count } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "phase": phase_name(phase),
                "count": Value::Unsigned(count.into()),
            );
            Kind::DayEnded
        }
        EventBody::Rejected { code, reason } => {
            put!(fields, "code": Value::Text(code), "reason": Value::Text(reason));
            Kind::Rejected
        }
    }
}

/// Tell `fields` of everything in a market data message, and return its kind.
pub fn market(market: &Market<'_>, fields: &mut impl Fields) -> Kind {
    fields.begin();
    put!(fields,
        "v": Value::Unsigned(market.version.into()),
        "symbol": Value::Text(market.symbol),
        "ts": Value::Signed(market.ts),
        "seq": Value::Unsigned(market.seq),
    );
    match &market.body {
        MarketBody::Book { bids, asks, phase, indication } => {
            put!(fields, "bids": Value::Levels(bids), "asks": Value::Levels(asks));
            // A message leaves out what is not said.
            if *phase != Phase::Continuous {
                put!(fields, "phase": phase_name(*phase));
            }
            if let Some(indication) = indication {
                put!(fields,
                    "indicative_price": Value::Float(indication.price),
                    "indicative_volume": Value::Float(indication.volume),
                    "imbalance": Value::Float(indication.imbalance),
                );
            }
            Kind::Book
        }
        MarketBody::Trade(trade) => {
            put!(fields,
                "pos": Value::Unsigned(trade.pos.into()),
                "side": side(trade.side),
                "price": Value::Float(trade.price),
                "quantity": Value::Float(trade.quantity),
            );
            Kind::Trade
        }
    }
}
