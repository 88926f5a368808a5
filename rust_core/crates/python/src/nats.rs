//! NATS' client protocol for Python: what came, by the batch; what goes, in one piece.

use std::collections::HashSet;

use cift_engine::nats::{Burst, Condition, Delivery, Message, Operation, Origin, ProtocolError, Splitter, status};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use pyo3::{create_exception, intern};

create_exception!(cift_core, NatsProtocolError, PyValueError, "Bytes that NATS' protocol has no place for.");

/// One message of a stream: its sequence there, its subject and its bytes, and which request it goes back to.
#[pyclass(frozen, get_all, module = "cift_core")]
pub struct Stored {
    /// Its place in the stream.
    pub seq: u64,
    /// Where it was published to.
    pub subject: Py<PyString>,
    /// What it says.
    pub data: Py<PyBytes>,
    /// The request that it goes back to (`Cift-Correlation-Id`); empty where it names none.
    pub correlation: Py<PyString>,
    /// Its place in a trace (`traceparent`); empty where it isn't traced.
    pub trace: Py<PyString>,
}

#[pymethods]
impl Stored {
    #[new]
    #[pyo3(signature = (seq, subject, data, correlation=None, trace=None))]
    fn new(
        py: Python<'_>,
        seq: u64,
        subject: Py<PyString>,
        data: Py<PyBytes>,
        correlation: Option<Py<PyString>>,
        trace: Option<Py<PyString>>,
    ) -> Self {
        let or_none = |text: Option<Py<PyString>>| text.unwrap_or_else(|| said(py, ""));
        Self { seq, subject, data, correlation: or_none(correlation), trace: or_none(trace) }
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Stored(seq={}, subject={:?}, {} bytes)", self.seq, self.subject.bind(py), self.data.as_bytes(py).len())
    }
}

/// A header's text; most messages lack most of them, and share one empty string.
fn said(py: Python<'_>, text: &str) -> Py<PyString> {
    if text.is_empty() { intern!(py, "").clone().unbind() } else { PyString::new(py, text).unbind() }
}

/// Messages of one stream whose numbers follow each other.
struct Run<'py> {
    subscription: u64,
    first: u64,
    next: u64,
    pending: u64,
    messages: Bound<'py, PyList>,
}

/// What a server said, on its way to Python.
struct Said<'py> {
    py: Python<'py>,
    all: Bound<'py, PyList>,
    run: Option<Run<'py>>,
}

struct Failed(PyErr);

impl From<ProtocolError> for Failed {
    fn from(error: ProtocolError) -> Self {
        Self(NatsProtocolError::new_err(error.to_string()))
    }
}

impl From<PyErr> for Failed {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl<'py> Said<'py> {
    fn end_run(&mut self) -> PyResult<()> {
        match self.run.take() {
            Some(run) => {
                let word = intern!(self.py, "stored");
                self.all.append((word, run.subscription, run.first, run.pending, run.messages))
            }
            None => Ok(()),
        }
    }

    fn stored(&mut self, message: &Message<'_>, delivery: Delivery) -> PyResult<()> {
        let follows = |run: &Run<'_>| run.subscription == message.subscription && run.next == delivery.number;
        if !self.run.as_ref().is_some_and(follows) {
            self.end_run()?;
            let messages = PyList::empty(self.py);
            let (subscription, first) = (message.subscription, delivery.number);
            self.run = Some(Run { subscription, first, next: first, pending: 0, messages });
        }
        if let Some(run) = &mut self.run {
            run.next = delivery.number.saturating_add(1);
            run.pending = delivery.pending;
            let subject = PyString::new(self.py, message.subject).unbind();
            let data = PyBytes::new(self.py, message.payload).unbind();
            let origin = Origin::of(message.headers);
            let (correlation, trace) = (said(self.py, origin.correlation), said(self.py, origin.trace));
            run.messages.append(Stored { seq: delivery.stream, subject, data, correlation, trace })?;
        }
        Ok(())
    }

    fn other(&mut self, operation: Operation<'_>, of_stream: bool) -> PyResult<()> {
        self.end_run()?;
        let py = self.py;
        let bytes = |bytes| PyBytes::new(py, bytes);
        match operation {
            Operation::Message(message) if of_stream => {
                self.all.append((intern!(py, "status"), message.subscription, status(message.headers)))
            }
            Operation::Message(Message { subscription, subject, reply, headers, payload }) => {
                let headers = (!headers.is_empty()).then(|| bytes(headers));
                let (subject, reply) = (bytes(subject.as_bytes()), bytes(reply.as_bytes()));
                self.all.append((intern!(py, "message"), subscription, subject, reply, bytes(payload), headers))
            }
            Operation::Ping => self.all.append((intern!(py, "ping"),)),
            Operation::Pong => self.all.append((intern!(py, "pong"),)),
            Operation::Okay => Ok(()),
            Operation::Error(text) => self.all.append((intern!(py, "error"), bytes(text))),
            Operation::Info(text) => self.all.append((intern!(py, "info"), bytes(text))),
        }
    }
}

/// Reads what a server sends. Subscriptions that `watch` names are consumers of a stream: their messages come in runs.
#[pyclass(module = "cift_core")]
pub struct NatsParser {
    splitter: Splitter,
    streams: HashSet<u64>,
}

#[pymethods]
impl NatsParser {
    #[new]
    fn new() -> Self {
        Self { splitter: Splitter::new(), streams: HashSet::new() }
    }

    /// Forget what was left of the connection before.
    fn reset(&mut self) {
        self.splitter.reset();
    }

    /// From now on the subscription gives `stored` and `status`.
    fn watch(&mut self, subscription: u64) {
        self.streams.insert(subscription);
    }

    /// From now on it gives `message` again.
    fn unwatch(&mut self, subscription: u64) {
        self.streams.remove(&subscription);
    }

    /// Everything that is whole with `data`, in order: ("stored", subscription, number of the first, messages behind the
    /// last, [Stored, ...]), whose numbers have no gaps; ("status", subscription, code or None); ("message",
    /// subscription, subject, reply, payload, headers or None); ("ping",), ("pong",), ("error", text), ("info", JSON).
    ///
    /// NatsProtocolError where the bytes are none of these; the connection is of no use then.
    fn feed<'py>(&mut self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let mut said = Said { py, all: PyList::empty(py), run: None };
        let streams = &self.streams;
        let read = self.splitter.feed(data, |operation| {
            let Operation::Message(message) = &operation else {
                return Ok(said.other(operation, false)?);
            };
            let of_stream = streams.contains(&message.subscription);
            match Delivery::of(message.reply).filter(|_| of_stream) {
                Some(delivery) => Ok::<(), Failed>(said.stored(message, delivery)?),
                None => Ok(said.other(operation, of_stream)?),
            }
        });
        read.map_err(|Failed(error)| error)?;
        said.end_run()?;
        Ok(said.all)
    }
}

/// The bytes that publish messages, tuples of (number, subject, message id, data) and perhaps (..., correlation id,
/// traceparent), in order. The acknowledgement of the last one goes to `reply`; `chained`, each asks for a stream that
/// ends right before its number.
///
/// NatsProtocolError names a subject, an id or a traceparent that would break the protocol.
#[pyfunction]
pub fn publish_burst<'py>(messages: &Bound<'py, PyList>, reply: &str, chained: bool) -> PyResult<Bound<'py, PyBytes>> {
    const ROOM: usize = 512; // for most messages
    let mut burst = Burst::with_capacity(messages.len() * ROOM);
    let last = messages.len().saturating_sub(1);
    for (index, message) in messages.iter().enumerate() {
        let message = message.cast_into::<PyTuple>()?;
        let number: u64 = message.get_borrowed_item(0)?.extract()?;
        let (subject, id, data) = (message.get_item(1)?, message.get_item(2)?, message.get_item(3)?);
        let condition = Condition {
            message_id: id.cast::<PyString>()?.to_str()?,
            after: chained.then(|| number.saturating_sub(1)),
        };
        let named = if message.len() > 4 { Some((message.get_item(4)?, message.get_item(5)?)) } else { None };
        let origin = match &named {
            Some((correlation, trace)) => Origin {
                correlation: correlation.cast::<PyString>()?.to_str()?,
                trace: trace.cast::<PyString>()?.to_str()?,
            },
            None => Origin::default(),
        };
        let reply = if index == last { reply } else { "" };
        let (subject, data) = (subject.cast::<PyString>()?.to_str()?, data.cast::<PyBytes>()?.as_bytes());
        let published = burst.publish(subject, reply, condition, origin, data);
        published.map_err(|error| NatsProtocolError::new_err(error.to_string()))?;
    }
    Ok(PyBytes::new(messages.py(), burst.as_bytes()))
}
