//! A message's fields: one flat JSON object, read once, and each field as the kind that its message wants.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes that are no such message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageError {
    /// "event" or "market data".
    pub kind: &'static str,
    /// The field at fault; empty for the whole.
    pub field: Cow<'static, str>,
    /// What was found and what was expected, and where if the whole is at fault.
    pub problem: String,
}

impl std::error::Error for MessageError {}

impl fmt::Display for MessageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "message" } else { &self.field };
        write!(formatter, "{}: {field}: {}", self.kind, self.problem)
    }
}

/// The fields that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Type,
    V,
    Symbol,
    Ts,
    Seq,
    Pos,
    UserId,
    OrderId,
    Last,
    Side,
    Quantity,
    Price,
    Resting,
    ClientOrderId,
    MakerOrderId,
    MakerUserId,
    Reason,
    Remaining,
    Count,
    Code,
    MaxPosition,
    MaxNotional,
    MaxLeverage,
    AccountValue,
    State,
    Instrument,
    Phase,
    Volume,
    Imbalance,
    Setting,
    Value,
    WindowNs,
}

/// Their names, in the same order.
const NAMES: [&str; 32] = [
    "type",
    "v",
    "symbol",
    "ts",
    "seq",
    "pos",
    "user_id",
    "order_id",
    "last",
    "side",
    "quantity",
    "price",
    "resting",
    "client_order_id",
    "maker_order_id",
    "maker_user_id",
    "reason",
    "remaining",
    "count",
    "code",
    "max_position",
    "max_notional",
    "max_leverage",
    "account_value",
    "state",
    "instrument",
    "phase",
    "volume",
    "imbalance",
    "setting",
    "value",
    "window_ns",
];

/// What stands at a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    #[default]
    Absent,
    Null,
    Flag(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List,
    Object,
}

impl Value<'_> {
    fn found(&self) -> String {
        match self {
            Self::Absent => "nothing".into(),
            Self::Null => "null".into(),
            Self::Flag(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Negative(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Self::List => "a list".into(),
            Self::Object => "an object".into(),
        }
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Negative(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// A name's place among the fields; none for one that nobody asks for.
struct Place(Option<usize>);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Place;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a field's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Place, E> {
                Ok(Place(NAMES.iter().position(|known| *known == name)))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// A message's fields. As everywhere in the project, one that nobody asks for is skipped and the last of a name counts.
pub(super) struct Fields<'a> {
    kind: &'static str,
    values: [Value<'a>; NAMES.len()],
}

struct AllFields<'a>(Fields<'a>);

impl<'de> Visitor<'de> for AllFields<'de> {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self::Value, A::Error> {
        while let Some(Place(place)) = object.next_key()? {
            match place {
                Some(place) => self.0.values[place] = object.next_value()?,
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(self.0)
    }
}

type Checked<T> = Result<T, MessageError>;

impl<'a> Fields<'a> {
    /// The fields of the object in `data`, which is nothing else.
    pub fn of(kind: &'static str, data: &'a [u8]) -> Checked<Self> {
        let mut json = serde_json::Deserializer::from_slice(data);
        let empty = Fields { kind, values: [const { Value::Absent }; NAMES.len()] };
        let read = json.deserialize_map(AllFields(empty)).and_then(|fields| json.end().map(|()| fields));
        let fields = read.map_err(|error| {
            // The library's words end in its own place, line and column.
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
            let lines = data.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
            let offset = lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
            MessageError { kind, field: "".into(), problem: format!("{text} at byte {offset}") }
        })?;
        match fields.value(Key::V) {
            Value::Absent | Value::Unsigned(VERSION) => Ok(fields),
            Value::Unsigned(version) => {
                Err(fields.wrong(Key::V, format!("found schema version {version}, expected {VERSION}")))
            }
            other => Err(fields.unfit(Key::V, other, "a whole number")),
        }
    }

    const fn value(&self, key: Key) -> &Value<'a> {
        &self.values[key as usize]
    }

    pub fn wrong(&self, key: Key, problem: String) -> MessageError {
        MessageError { kind: self.kind, field: NAMES[key as usize].into(), problem }
    }

    fn unfit(&self, key: Key, value: &Value<'_>, expected: &str) -> MessageError {
        self.wrong(key, format!("found {}, expected {expected}", value.found()))
    }

    pub fn unsigned(&self, key: Key) -> Checked<u64> {
        match self.value(key) {
            Value::Unsigned(value) => Ok(*value),
            other => Err(self.unfit(key, other, "a whole number from 0 to 2^64 - 1")),
        }
    }

    /// A position among a command's events.
    pub fn position(&self, key: Key) -> Checked<u32> {
        let value = self.unsigned(key)?;
        u32::try_from(value).map_err(|_| self.wrong(key, format!("found {value}, expected {} or less", u32::MAX)))
    }

    /// A moment.
    pub fn moment(&self, key: Key) -> Checked<i64> {
        let value = self.value(key);
        let moment = match value {
            Value::Unsigned(value) => i64::try_from(*value).ok(),
            Value::Negative(value) => Some(*value),
            _ => None,
        };
        moment.ok_or_else(|| self.unfit(key, value, "nanoseconds since 1970"))
    }

    /// Whether a time that may be left out is one.
    pub fn optional_moment(&self, key: Key) -> Checked<()> {
        if *self.value(key) == Value::Absent { Ok(()) } else { self.moment(key).map(drop) }
    }

    pub fn float(&self, key: Key) -> Checked<f64> {
        // As nearest doubles: what a whole number is written for.
        #[allow(clippy::cast_precision_loss)]
        match self.value(key) {
            Value::Float(value) => Ok(*value),
            Value::Unsigned(value) => Ok(*value as f64),
            Value::Negative(value) => Ok(*value as f64),
            other => Err(self.unfit(key, other, "a number")),
        }
    }

    /// A number that may be null or left out.
    pub fn maybe_float(&self, key: Key) -> Checked<Option<f64>> {
        match self.value(key) {
            Value::Absent | Value::Null => Ok(None),
            _ => self.float(key).map(Some),
        }
    }

    /// Whether a number that may be left out is one.
    pub fn optional_float(&self, key: Key) -> Checked<()> {
        if *self.value(key) == Value::Absent { Ok(()) } else { self.float(key).map(drop) }
    }

    pub fn text(&self, key: Key) -> Checked<&str> {
        match self.value(key) {
            Value::Text(text) => Ok(text),
            other => Err(self.unfit(key, other, "a text")),
        }
    }

    /// A text; `default` where it is left out.
    pub fn text_or<'s>(&'s self, key: Key, default: &'s str) -> Checked<&'s str> {
        if *self.value(key) == Value::Absent { Ok(default) } else { self.text(key) }
    }

    /// A text that may be null or left out.
    pub fn maybe_text(&self, key: Key) -> Checked<Option<&str>> {
        match self.value(key) {
            Value::Absent | Value::Null => Ok(None),
            _ => self.text(key).map(Some),
        }
    }

    /// Whether a flag that may be left out is one.
    pub fn optional_flag(&self, key: Key) -> Checked<()> {
        match self.value(key) {
            Value::Absent | Value::Flag(_) => Ok(()),
            other => Err(self.unfit(key, other, "true or false")),
        }
    }

    /// The place of a text among those that may stand there.
    pub fn choice(&self, key: Key, choices: &[&str]) -> Checked<usize> {
        let text = self.text(key)?;
        let place = choices.iter().position(|choice| *choice == text);
        place.ok_or_else(|| self.unfit(key, self.value(key), &format!("one of {}", choices.join(", "))))
    }
}

/// The schema version that this release reads.
const VERSION: u64 = 1;
