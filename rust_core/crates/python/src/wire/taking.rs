//! The fields of a Python message as the engine's types.

use cift_engine::wire::{
    Accepted, AccountLimits, Command, CommandBody, Event, EventBody, Fill, Indication, Market, MarketBody, NewOrder,
    OrderOptions, Peg, Phase, Quote, Trade,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::kinds::Kind;
use super::{WireError, words};

/// An error of the field `name`.
fn bad(name: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyErr {
    let shown = value.repr().map_or_else(|_| "what it is".to_owned(), |text| text.to_string_lossy().into_owned());
    let problem = format!("{shown} is not {expected}");
    let exception = WireError::new_err(format!("{name}: {problem}"));
    let object = exception.value(value.py());
    let set = object
        .setattr("offset", 0)
        .and_then(|()| object.setattr("field", name))
        .and_then(|()| object.setattr("key", name))
        .and_then(|()| object.setattr("problem", problem));
    set.err().unwrap_or(exception)
}

/// The attribute, converted.
macro_rules! take {
    ($message:expr, $name:literal, $kind:ty, $expected:literal) => {{
        let value = $message.getattr(intern!($message.py(), $name))?;
        value.extract::<$kind>().map_err(|_| bad($name, &value, $expected))?
    }};
}

macro_rules! float {
    ($message:expr, $name:literal) => {
        take!($message, $name, f64, "a number")
    };
}

macro_rules! unsigned {
    ($message:expr, $name:literal) => {
        take!($message, $name, u64, "a whole number from 0 to 2**64 - 1")
    };
}

/// A number, or nothing.
macro_rules! maybe_float {
    ($message:expr, $name:literal) => {
        take!($message, $name, Option<f64>, "a number or None")
    };
}

/// A number but 0, which stands for nothing in a message; 0 if it is None.
macro_rules! said {
    ($message:expr, $name:literal, $kind:ty, $expected:literal) => {{
        let value = $message.getattr(intern!($message.py(), $name))?;
        match value.extract::<Option<$kind>>() {
            Ok(None) => <$kind>::default(),
            Ok(Some(number)) if number != <$kind>::default() => number,
            _ => return Err(bad($name, &value, $expected)),
        }
    }};
}

macro_rules! small {
    ($message:expr, $name:literal) => {
        take!($message, $name, u32, "a whole number from 0 to 2**32 - 1")
    };
}

macro_rules! version {
    ($message:expr) => {
        take!($message, "v", u16, "a schema version")
    };
}

macro_rules! time {
    ($message:expr) => {
        take!($message, "ts", i64, "nanoseconds in 64 bits")
    };
}

/// The attribute, one of a few words.
macro_rules! word {
    ($message:expr, $name:literal, $choice:ident) => {{
        let value = $message.getattr(intern!($message.py(), $name))?;
        let text = value.cast::<PyString>().ok().and_then(|text| text.to_str().ok());
        text.and_then(words::$choice::value).ok_or_else(|| bad($name, &value, words::$choice::EXPECTED))?
    }};
}

/// The texts of a message, which the engine's type borrows.
pub struct Texts<'py> {
    symbol: Bound<'py, PyString>,
    first: Option<Bound<'py, PyString>>,
    second: Option<Bound<'py, PyString>>,
}

impl<'py> Texts<'py> {
    /// The texts of `message`.
    pub fn of(kind: Kind, message: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = message.py();
        let text = |name: &str, value: Bound<'py, PyAny>| -> PyResult<Bound<'py, PyString>> {
            let text = value.cast_into::<PyString>().map_err(|error| bad(name, &error.into_inner(), "a text"))?;
            text.to_str().map_err(|_| bad(name, text.as_any(), "a text that UTF-8 can carry"))?;
            Ok(text)
        };
        let symbol = text("symbol", message.getattr(intern!(py, "symbol"))?)?;
        let (first, second) = match kind {
            Kind::New | Kind::Accepted => {
                let id = message.getattr(intern!(py, "client_order_id"))?;
                (if id.is_none() { None } else { Some(text("client_order_id", id)?) }, None)
            }
            Kind::Cancelled => (Some(text("reason", message.getattr(intern!(py, "reason"))?)?), None),
            Kind::Rejected => (
                Some(text("code", message.getattr(intern!(py, "code"))?)?),
                Some(text("reason", message.getattr(intern!(py, "reason"))?)?),
            ),
            Kind::KillSwitch | Kind::Risk | Kind::KillSwitchSet | Kind::RiskSet => {
                let instrument = message.getattr(intern!(py, "instrument"))?;
                (if instrument.is_none() { None } else { Some(text("instrument", instrument)?) }, None)
            }
            Kind::SetPhase | Kind::Uncross | Kind::EndOfDay | Kind::PhaseSet | Kind::Uncrossed | Kind::DayEnded => {
                (Some(text("instrument", message.getattr(intern!(py, "instrument"))?)?), None)
            }
            _ => (None, None),
        };
        Ok(Self { symbol, first, second })
    }

    fn symbol(&self) -> PyResult<&str> {
        self.symbol.to_str()
    }

    fn first(&self) -> PyResult<Option<&str>> {
        self.first.as_ref().map(|text| text.to_str()).transpose()
    }

    fn second(&self) -> PyResult<&str> {
        self.second.as_ref().map_or(Ok(""), |text| text.to_str())
    }
}

/// What few orders ask for; none if this one doesn't.
fn options(message: &Bound<'_, PyAny>) -> PyResult<Option<OrderOptions>> {
    let py = message.py();
    // Messages of a class without these fields are plain.
    if !message.hasattr(intern!(py, "peg"))? {
        return Ok(None);
    }
    let peg = message.getattr(intern!(py, "peg"))?;
    let options = OrderOptions {
        display_quantity: said!(message, "display_quantity", f64, "a number but 0, or None"),
        min_quantity: said!(message, "min_quantity", f64, "a number but 0, or None"),
        expires: said!(message, "expires", u64, "nanoseconds but 0, or None"),
        trigger_price: said!(message, "trigger_price", f64, "a number but 0, or None"),
        trail: said!(message, "trail", f64, "a number but 0, or None"),
        offset: float!(message, "offset"),
        peg: match peg.cast::<PyString>().ok().and_then(|text| text.to_str().ok()) {
            Some("primary") => Peg::Primary,
            Some("mid") => Peg::Mid,
            Some("market") => Peg::Market,
            None if peg.is_none() => Peg::None,
            _ => return Err(bad("peg", &peg, "one of primary, mid, market or None")),
        },
        reprice: take!(message, "reprice", bool, "a bool"),
        hidden: take!(message, "hidden", bool, "a bool"),
        all_or_none: take!(message, "all_or_none", bool, "a bool"),
        reduce_only: take!(message, "reduce_only", bool, "a bool"),
    };
    Ok((options != OrderOptions::default()).then_some(options))
}

/// An account's own limits.
fn account_limits(message: &Bound<'_, PyAny>) -> PyResult<AccountLimits> {
    Ok(AccountLimits {
        max_position: maybe_float!(message, "max_position"),
        max_notional: maybe_float!(message, "max_notional"),
        max_leverage: maybe_float!(message, "max_leverage"),
        account_value: maybe_float!(message, "account_value"),
    })
}

/// A command, or none if `kind` is none.
pub fn command<'a>(kind: Kind, message: &Bound<'_, PyAny>, texts: &'a Texts<'_>) -> PyResult<Option<Command<'a>>> {
    let body = match kind {
        Kind::New => CommandBody::NewOrder(NewOrder {
            side: word!(message, "side", side),
            order_type: word!(message, "order_type", order_type),
            quantity: float!(message, "quantity"),
            price: maybe_float!(message, "price"),
            tif: word!(message, "tif", tif),
            post_only: take!(message, "post_only", bool, "a bool"),
            client_order_id: texts.first()?,
            options: options(message)?,
        }),
        Kind::Cancel => CommandBody::CancelOrder { order_id: unsigned!(message, "order_id") },
        Kind::Reduce => {
            CommandBody::ReduceOrder { order_id: unsigned!(message, "order_id"), by: float!(message, "by") }
        }
        Kind::Modify => CommandBody::ModifyOrder {
            order_id: unsigned!(message, "order_id"),
            price: maybe_float!(message, "price"),
            quantity: maybe_float!(message, "quantity"),
        },
        Kind::MassCancel => CommandBody::MassCancel {
            side: if message.getattr(intern!(message.py(), "side"))?.is_none() {
                None
            } else {
                Some(word!(message, "side", side))
            },
            min_price: maybe_float!(message, "min_price"),
            max_price: maybe_float!(message, "max_price"),
        },
        Kind::Instrument => CommandBody::SetInstrument {
            tick_size: float!(message, "tick_size"),
            lot_size: float!(message, "lot_size"),
        },
        Kind::Limits => CommandBody::SetLimits {
            max_position: float!(message, "max_position"),
            max_notional: float!(message, "max_notional"),
            max_leverage: float!(message, "max_leverage"),
            account_value: float!(message, "account_value"),
        },
        Kind::AccountLimits => {
            CommandBody::SetAccountLimits { limits: account_limits(message)?, by: unsigned!(message, "by") }
        }
        Kind::KillSwitch => CommandBody::KillSwitch {
            state: word!(message, "state", state),
            instrument: texts.first()?,
            by: unsigned!(message, "by"),
        },
        Kind::Risk => CommandBody::SetRisk {
            setting: word!(message, "setting", setting),
            value: maybe_float!(message, "value"),
            window_ns: take!(message, "window_ns", i64, "nanoseconds in 64 bits"),
            instrument: texts.first()?,
            by: unsigned!(message, "by"),
        },
        Kind::SetPhase => CommandBody::SetPhase {
            instrument: texts.first()?.unwrap_or_default(),
            phase: word!(message, "phase", phase),
            by: unsigned!(message, "by"),
        },
        Kind::Uncross => CommandBody::Uncross {
            instrument: texts.first()?.unwrap_or_default(),
            reference: maybe_float!(message, "reference"),
            then: word!(message, "then", phase),
            by: unsigned!(message, "by"),
        },
        Kind::EndOfDay => {
            CommandBody::EndOfDay { instrument: texts.first()?.unwrap_or_default(), by: unsigned!(message, "by") }
        }
        _ => return Ok(None),
    };
    Ok(Some(Command {
        version: version!(message),
        symbol: texts.symbol()?,
        ts: time!(message),
        user_id: unsigned!(message, "user_id"),
        body,
    }))
}

/// An event, or none if `kind` is none.
pub fn event<'a>(kind: Kind, message: &Bound<'_, PyAny>, texts: &'a Texts<'_>) -> PyResult<Option<Event<'a>>> {
    let body = match kind {
        Kind::Accepted => EventBody::Accepted(Accepted {
            side: word!(message, "side", side),
            quantity: float!(message, "quantity"),
            price: maybe_float!(message, "price"),
            resting: float!(message, "resting"),
            client_order_id: texts.first()?,
        }),
        Kind::Fill => EventBody::Fill(Fill {
            side: word!(message, "side", side),
            price: float!(message, "price"),
            quantity: float!(message, "quantity"),
            maker_order_id: unsigned!(message, "maker_order_id"),
            maker_user_id: unsigned!(message, "maker_user_id"),
        }),
        Kind::Cancelled => {
            EventBody::Cancelled { quantity: float!(message, "quantity"), reason: texts.first()?.unwrap_or_default() }
        }
        Kind::Reduced => EventBody::Reduced { remaining: float!(message, "remaining") },
        Kind::Modified => EventBody::Modified {
            price: maybe_float!(message, "price"),
            quantity: float!(message, "quantity"),
            resting: float!(message, "resting"),
        },
        Kind::MassCancelled => EventBody::MassCancelled { count: small!(message, "count") },
        Kind::AccountLimitsSet => EventBody::AccountLimitsSet(account_limits(message)?),
        Kind::KillSwitchSet => {
            EventBody::KillSwitchSet { state: word!(message, "state", state), instrument: texts.first()? }
        }
        Kind::RiskSet => EventBody::RiskSet {
            setting: word!(message, "setting", setting),
            value: maybe_float!(message, "value"),
            window_ns: take!(message, "window_ns", i64, "nanoseconds in 64 bits"),
            instrument: texts.first()?,
        },
        Kind::PhaseSet => EventBody::PhaseSet {
            instrument: texts.first()?.unwrap_or_default(),
            phase: word!(message, "phase", phase),
        },
        Kind::Uncrossed => EventBody::Uncrossed {
            instrument: texts.first()?.unwrap_or_default(),
            phase: word!(message, "phase", phase),
            price: maybe_float!(message, "price"),
            volume: float!(message, "volume"),
            imbalance: float!(message, "imbalance"),
        },
        Kind::DayEnded => EventBody::DayEnded {
            instrument: texts.first()?.unwrap_or_default(),
            phase: word!(message, "phase", phase),
            count: small!(message, "count"),
        },
        Kind::Rejected => EventBody::Rejected { code: texts.first()?.unwrap_or_default(), reason: texts.second()? },
        _ => return Ok(None),
    };
    Ok(Some(Event {
        version: version!(message),
        symbol: texts.symbol()?,
        ts: time!(message),
        seq: unsigned!(message, "seq"),
        pos: small!(message, "pos"),
        user_id: unsigned!(message, "user_id"),
        order_id: unsigned!(message, "order_id"),
        last: take!(message, "last", bool, "a bool"),
        body,
    }))
}

/// A book's phase; messages of a class without one trade continuously.
fn book_phase(message: &Bound<'_, PyAny>) -> PyResult<Phase> {
    if !message.hasattr(intern!(message.py(), "phase"))? {
        return Ok(Phase::Continuous);
    }
    Ok(word!(message, "phase", phase))
}

/// What a book's auction would do if it ended now.
fn indication(message: &Bound<'_, PyAny>) -> PyResult<Option<Indication>> {
    if !message.hasattr(intern!(message.py(), "indicative_price"))? {
        return Ok(None);
    }
    let Some(price) = maybe_float!(message, "indicative_price") else { return Ok(None) };
    Ok(Some(Indication {
        price,
        volume: float!(message, "indicative_volume"),
        imbalance: float!(message, "imbalance"),
    }))
}

/// A market data message, or none if `kind` is none.
pub fn market<'a>(kind: Kind, message: &Bound<'_, PyAny>, texts: &'a Texts<'_>) -> PyResult<Option<Market<'a>>> {
    let body = match kind {
        Kind::Book => MarketBody::Book {
            bids: take!(message, "bids", Vec<[f64; 2]>, "pairs of price and quantity"),
            asks: take!(message, "asks", Vec<[f64; 2]>, "pairs of price and quantity"),
            phase: book_phase(message)?,
            indication: indication(message)?,
        },
        Kind::Trade => MarketBody::Trade(Trade {
            pos: small!(message, "pos"),
            side: word!(message, "side", side),
            price: float!(message, "price"),
            quantity: float!(message, "quantity"),
        }),
        Kind::Quote => MarketBody::Quote(Quote {
            bid: maybe_float!(message, "bid"),
            bid_quantity: maybe_float!(message, "bid_quantity"),
            ask: maybe_float!(message, "ask"),
            ask_quantity: maybe_float!(message, "ask_quantity"),
        }),
        _ => return Ok(None),
    };
    Ok(Some(Market {
        version: version!(message),
        symbol: texts.symbol()?,
        ts: time!(message),
        seq: unsigned!(message, "seq"),
        body,
    }))
}
