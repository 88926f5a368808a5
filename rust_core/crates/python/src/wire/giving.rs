//! The engine's messages as fields for Python.

use cift_engine::wire::{
    AccountLimits, Command, CommandBody, Event, EventBody, Market, MarketBody, OrderOptions, Peg, Phase,
};
use pyo3::intern;

use super::fields::{Fields, Value};
use super::kinds::Kind;
use super::words;

macro_rules! put {
    ($fields:expr, $($name:literal: $value:expr),+ $(,)?) => {
        $($fields.put($name, |py| intern!(py, $name), $value);)+
    };
}

/// A choice by its word.
macro_rules! word {
    ($choice:ident, $value:expr) => {
        Value::Text(words::$choice::word($value))
    };
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
                "side": word!(side, order.side),
                "order_type": word!(order_type, order.order_type),
                "quantity": Value::Float(order.quantity),
                "price": maybe(order.price, Value::Float),
                "tif": word!(tif, order.tif),
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
                "side": maybe(of, |side| word!(side, side)),
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
                "instrument": Value::Text(instrument), "phase": word!(phase, phase), "by": Value::Unsigned(by),
            );
            Kind::SetPhase
        }
        CommandBody::Uncross { instrument, reference, then, by } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "reference": maybe(reference, Value::Float),
                "then": word!(phase, then),
                "by": Value::Unsigned(by),
            );
            Kind::Uncross
        }
        CommandBody::EndOfDay { instrument, by } => {
            put!(fields, "instrument": Value::Text(instrument), "by": Value::Unsigned(by));
            Kind::EndOfDay
        }
        CommandBody::SetAccountLimits { limits, by } => {
            account_limits(limits, fields);
            put!(fields, "by": Value::Unsigned(by));
            Kind::AccountLimits
        }
        CommandBody::KillSwitch { state, instrument, by } => {
            put!(fields,
                "state": word!(state, state),
                "instrument": maybe(instrument, Value::Text),
                "by": Value::Unsigned(by),
            );
            Kind::KillSwitch
        }
        CommandBody::SetRisk { setting, value, window_ns, instrument, by } => {
            put!(fields,
                "setting": word!(setting, setting),
                "value": maybe(value, Value::Float),
                "window_ns": Value::Signed(window_ns),
                "instrument": maybe(instrument, Value::Text),
                "by": Value::Unsigned(by),
            );
            Kind::Risk
        }
    }
}

fn account_limits(limits: AccountLimits, fields: &mut impl Fields) {
    put!(fields,
        "max_position": maybe(limits.max_position, Value::Float),
        "max_notional": maybe(limits.max_notional, Value::Float),
        "max_leverage": maybe(limits.max_leverage, Value::Float),
        "account_value": maybe(limits.account_value, Value::Float),
    );
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
                "side": word!(side, accepted.side),
                "quantity": Value::Float(accepted.quantity),
                "price": maybe(accepted.price, Value::Float),
                "resting": Value::Float(accepted.resting),
                "client_order_id": maybe(accepted.client_order_id, Value::Text),
            );
            Kind::Accepted
        }
        EventBody::Fill(fill) => {
            put!(fields,
                "side": word!(side, fill.side),
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
            put!(fields, "instrument": Value::Text(instrument), "phase": word!(phase, phase));
            Kind::PhaseSet
        }
        EventBody::Uncrossed { instrument, phase, price, volume, imbalance } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "phase": word!(phase, phase),
                "price": maybe(price, Value::Float),
                "volume": Value::Float(volume),
                "imbalance": Value::Float(imbalance),
            );
            Kind::Uncrossed
        }
        EventBody::DayEnded { instrument, phase, count } => {
            put!(fields,
                "instrument": Value::Text(instrument),
                "phase": word!(phase, phase),
                "count": Value::Unsigned(count.into()),
            );
            Kind::DayEnded
        }
        EventBody::AccountLimitsSet(limits) => {
            account_limits(limits, fields);
            Kind::AccountLimitsSet
        }
        EventBody::KillSwitchSet { state, instrument } => {
            put!(fields, "state": word!(state, state), "instrument": maybe(instrument, Value::Text));
            Kind::KillSwitchSet
        }
        EventBody::RiskSet { setting, value, window_ns, instrument } => {
            put!(fields,
                "setting": word!(setting, setting),
                "value": maybe(value, Value::Float),
                "window_ns": Value::Signed(window_ns),
                "instrument": maybe(instrument, Value::Text),
            );
            Kind::RiskSet
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
                put!(fields, "phase": word!(phase, *phase));
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
                "side": word!(side, trade.side),
                "price": Value::Float(trade.price),
                "quantity": Value::Float(trade.quantity),
            );
            Kind::Trade
        }
        MarketBody::Quote(quote) => {
            put!(fields,
                "bid": maybe(quote.bid, Value::Float),
                "bid_quantity": maybe(quote.bid_quantity, Value::Float),
                "ask": maybe(quote.ask, Value::Float),
                "ask_quantity": maybe(quote.ask_quantity, Value::Float),
            );
            Kind::Quote
        }
    }
}
