//! What can be wrong with bytes that should be a message, or with values that should become one.

/// Bytes that are no such message, or values that none can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Where the message at fault begins, in bytes; in framing errors, where the bytes at fault are.
    pub offset: usize,
    /// The field at fault, as `command.symbol`; empty when it is the framing.
    pub field: &'static str,
    /// What was found and what was expected.
    pub problem: String,
}

impl WireError {
    /// An error of the framing.
    pub(super) const fn frame(offset: usize, problem: String) -> Self {
        Self { offset, field: "", problem }
    }

    /// An error of a field.
    pub(super) const fn field(field: &'static str, problem: String) -> Self {
        Self { offset: 0, field, problem }
    }

    /// The field as JSON has it: `maker_order_id` for `event.fill.makerOrderId`; empty when it is the framing.
    #[must_use]
    pub fn key(&self) -> String {
        match self.field {
            "" | "message" => return String::new(),
            "command" | "event" | "marketData" => return "type".to_owned(),
            "marketData.book.indication.price" => return "indicative_price".to_owned(),
            "marketData.book.indication.volume" => return "indicative_volume".to_owned(),
            _ => {}
        }
        match self.field.rsplit('.').next().unwrap_or_default() {
            "version" => "v".to_owned(),
            name => name.chars().fold(String::new(), |key, letter| {
                let joint = if letter.is_ascii_uppercase() { "_" } else { "" };
                key + joint + letter.to_ascii_lowercase().encode_utf8(&mut [0; 4])
            }),
        }
    }

    /// What is wrong, and where if not with a field.
    #[must_use]
    pub fn what(&self) -> String {
        if self.field.is_empty() { format!("{} at byte {}", self.problem, self.offset) } else { self.problem.clone() }
    }

    /// The same, where the message itself begins at `offset` of the whole.
    #[must_use]
    pub const fn moved_by(mut self, offset: usize) -> Self {
        self.offset += offset;
        self
    }
}

impl std::error::Error for WireError {}

impl std::fmt::Display for WireError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offset, field, problem } = self;
        if field.is_empty() {
            write!(formatter, "offset {offset}: {problem}")
        } else {
            write!(formatter, "offset {offset}: {field}: {problem}")
        }
    }
}

/// Name the field in an error of the capnp library.
pub(super) trait InField<T> {
    /// The value, or the error with the field's name.
    fn in_field(self, field: &'static str) -> Result<T, WireError>;
}

impl<T> InField<T> for Result<T, capnp::Error> {
    #[inline]
    fn in_field(self, field: &'static str) -> Result<T, WireError> {
        self.map_err(|error| WireError::field(field, error.to_string()))
    }
}

impl<T> InField<T> for Result<T, capnp::NotInSchema> {
    #[inline]
    fn in_field(self, field: &'static str) -> Result<T, WireError> {
        self.map_err(|found| WireError::field(field, format!("{} is not in this schema", found.0)))
    }
}

impl<T> InField<T> for Result<T, std::str::Utf8Error> {
    #[inline]
    fn in_field(self, field: &'static str) -> Result<T, WireError> {
        self.map_err(|error| WireError::field(field, format!("is not UTF-8: {error}")))
    }
}
