//! `MessageCodec`: Python's message classes to bytes and back.

use cift_engine::wire::{
    Command, CommandBatch, Event, EventBatch, Frames, Market, MarketBody, WireError as EngineError,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyType};

use super::batch::{Family, MessageBatch};
use super::fields::Arguments;
use super::giving;
use super::kinds::{KINDS, Kind};
use super::taking::{self, Texts};
use super::{bytes, refused, written};

/// Writes and reads messages of given classes. A class is called with all fields of its kind as keywords; its
/// instances have them as attributes. `classes` maps the tags of all kinds ("new", "cancel", ...) to classes; ValueError if
/// one is missing or unknown.
#[pyclass(frozen, module = "cift_core")]
pub struct MessageCodec {
    classes: Vec<Py<PyType>>,
}

/// A message for Python, unless its class didn't want it, unless its bytes are none.
pub type Given = Result<PyResult<Py<PyAny>>, EngineError>;

impl MessageCodec {
    fn kind(&self, message: &Bound<'_, PyAny>) -> PyResult<Kind> {
        let class = message.get_type();
        match self.classes.iter().zip(KINDS).find(|(known, _)| known.is(&class)) {
            Some((_, (kind, _))) => Ok(kind),
            None => Err(PyTypeError::new_err(format!("message is a {}, none of this codec's classes", class.name()?))),
        }
    }

    /// An instance of the class of a kind.
    fn instance(&self, py: Python<'_>, kind: Kind, arguments: Arguments<'_>) -> PyResult<Py<PyAny>> {
        let class = &self.classes[kind as usize];
        Ok(class.bind(py).call((), Some(&arguments.into_dict()?))?.unbind())
    }

    pub fn give_command(&self, py: Python<'_>, command: &Command<'_>) -> PyResult<Py<PyAny>> {
        let mut arguments = Arguments::new(py);
        let kind = giving::command(command, &mut arguments);
        self.instance(py, kind, arguments)
    }

    pub fn give_event(&self, py: Python<'_>, event: &Event<'_>) -> PyResult<Py<PyAny>> {
        let mut arguments = Arguments::new(py);
        let kind = giving::event(event, &mut arguments);
        self.instance(py, kind, arguments)
    }

    fn command(&self, py: Python<'_>, data: &[u8]) -> Given {
        Command::read(data, |command| Ok(self.give_command(py, &command)))
    }

    fn event(&self, py: Python<'_>, data: &[u8]) -> Given {
        Event::read(data, |event| Ok(self.give_event(py, &event)))
    }

    /// A book or a trade, or else a quote: of one kind are those that a reader of a subject may find there.
    fn market(&self, py: Python<'_>, data: &[u8], quotes: bool) -> Given {
        Market::read(data, |market| {
            if matches!(market.body, MarketBody::Quote(_)) != quotes {
                return Err(market.unexpected());
            }
            let mut arguments = Arguments::new(py);
            let kind = giving::market(&market, &mut arguments);
            Ok(self.instance(py, kind, arguments))
        })
    }
}

/// Every message of a row of them.
fn row<'py>(data: &Bound<'py, PyAny>, read: impl Fn(Python<'py>, &[u8]) -> Given) -> PyResult<Bound<'py, PyList>> {
    let py = data.py();
    let data = bytes(data)?;
    let messages = PyList::empty(py);
    for frame in Frames::new(data.as_bytes()) {
        let (offset, frame) = frame.map_err(|error| refused(py, &error))?;
        messages.append(read(py, frame).map_err(|error| refused(py, &error.moved_by(offset)))??)?;
    }
    Ok(messages)
}

/// The messages with their kinds and texts.
type Taken<'py> = Vec<(Kind, Bound<'py, PyAny>, Texts<'py>)>;

fn wrong_family(message: &Bound<'_, PyAny>, expected: &str) -> PyErr {
    let name = message.get_type().name().map_or_else(|_| "message".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("messages has a {name}, expected {expected} only"))
}

#[pymethods]
impl MessageCodec {
    #[new]
    fn new(classes: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut found = Vec::with_capacity(KINDS.len());
        for (_, tag) in KINDS {
            let class = classes.get_item(tag)?;
            let class = class.ok_or_else(|| PyValueError::new_err(format!("classes: {tag:?} is missing")))?;
            found.push(class.cast_into::<PyType>()?.unbind());
        }
        if classes.len() != KINDS.len() {
            let known = KINDS.map(|(_, tag)| tag).join(", ");
            return Err(PyValueError::new_err(format!("classes: has other tags than {known}")));
        }
        Ok(Self { classes: found })
    }

    /// A command, event or market data message as bytes. WireError names the field that none can carry.
    fn encode<'py>(&self, py: Python<'py>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let kind = self.kind(message)?;
        let texts = Texts::of(kind, message)?;
        let encoded = if let Some(command) = taking::command(kind, message, &texts)? {
            command.encode()
        } else if let Some(event) = taking::event(kind, message, &texts)? {
            event.encode()
        } else {
            let market = taking::market(kind, message, &texts)?;
            market.ok_or_else(|| wrong_family(message, "a kind that has a schema"))?.encode()
        };
        written(py, &encoded.map_err(|error| refused(py, &error))?)
    }

    /// The command in `data`, which is one message and nothing more; WireError otherwise.
    fn decode_command(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.command(py, bytes(data)?.as_bytes()).map_err(|error| refused(py, &error))?
    }

    /// The event in `data`, which is one message and nothing more; WireError otherwise.
    fn decode_event(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.event(py, bytes(data)?.as_bytes()).map_err(|error| refused(py, &error))?
    }

    /// The book or trade in `data`, which is one message and nothing more; WireError otherwise.
    fn decode_market_data(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.market(py, bytes(data)?.as_bytes(), false).map_err(|error| refused(py, &error))?
    }

    /// The quote in `data`, which is one message and nothing more; WireError otherwise.
    fn decode_quote(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.market(py, bytes(data)?.as_bytes(), true).map_err(|error| refused(py, &error))?
    }

    /// All commands of a journal: messages one after the other. WireError has the offset of the one at fault.
    fn decode_commands<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        row(data, |py, frame| self.command(py, frame))
    }

    /// All events of a journal: messages one after the other. WireError has the offset of the one at fault.
    fn decode_events<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        row(data, |py, frame| self.event(py, frame))
    }

    /// Commands as one batch, for `open_commands`.
    fn encode_commands<'py>(&self, py: Python<'py>, messages: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let taken = self.taken(messages)?;
        let mut commands = Vec::with_capacity(taken.len());
        for (kind, message, texts) in &taken {
            let command = taking::command(*kind, message, texts)?;
            commands.push(command.ok_or_else(|| wrong_family(message, "commands"))?);
        }
        let encoded = py.detach(|| CommandBatch::encode(&commands)).map_err(|error| refused(py, &error))?;
        written(py, &encoded)
    }

    /// Events as one batch, for `open_events`.
    fn encode_events<'py>(&self, py: Python<'py>, messages: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let taken = self.taken(messages)?;
        let mut events = Vec::with_capacity(taken.len());
        for (kind, message, texts) in &taken {
            let event = taking::event(*kind, message, texts)?;
            events.push(event.ok_or_else(|| wrong_family(message, "events"))?);
        }
        let encoded = py.detach(|| EventBatch::encode(&events)).map_err(|error| refused(py, &error))?;
        written(py, &encoded)
    }

    /// A batch of commands, read where it lies.
    fn open_commands(slf: Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<MessageBatch> {
        MessageBatch::open(slf, data, Family::Commands)
    }

    /// A batch of events, read where it lies.
    fn open_events(slf: Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<MessageBatch> {
        MessageBatch::open(slf, data, Family::Events)
    }
}

impl MessageCodec {
    fn taken<'py>(&self, messages: &Bound<'py, PyAny>) -> PyResult<Taken<'py>> {
        let mut taken = Vec::new();
        for message in messages.try_iter()? {
            let message = message?;
            let kind = self.kind(&message)?;
            let texts = Texts::of(kind, &message)?;
            taken.push((kind, message, texts));
        }
        Ok(taken)
    }
}
