//! Columns as Arrow lays them out in memory: values one after the other, texts behind offsets, repeated words by number.

use std::collections::HashMap;

/// A finished column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Whole numbers.
    Unsigned(Vec<u64>),
    /// Moments, in nanoseconds since 1970 (UTC).
    Moments(Vec<i64>),
    /// Positions among a command's events.
    Positions(Vec<u32>),
    /// Halves of such positions, as tables have them whose keys once had two bytes for all.
    Halves(Vec<u16>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Numbers, of which some are missing: a bit is set, the least first, where there is one.
    MaybeFloats(Vec<f64>, Vec<u8>),
    /// Words of a list that every batch has.
    Choice(Vec<i8>, &'static [&'static str]),
    /// Words of the batch's own list.
    Words(Vec<i32>, Vec<String>),
    /// Texts: where each begins, and where the last one ends; and their bytes, UTF-8.
    Texts(Vec<i32>, Vec<u8>),
}

/// Few words, many times.
#[derive(Clone, Debug, Default)]
pub struct Words {
    codes: Vec<i32>,
    known: HashMap<String, i32>,
    words: Vec<String>,
}

impl Words {
    /// Add a row.
    pub fn push(&mut self, word: &str) {
        let last = self.codes.last().and_then(|&code| Some((code, self.words.get(usize::try_from(code).ok()?)?)));
        if let Some((code, _)) = last.filter(|(_, last)| *last == word) {
            self.codes.push(code); // as often
            return;
        }
        let code = self.known.get(word).copied().unwrap_or_else(|| {
            // A batch has fewer messages than this.
            let code = i32::try_from(self.words.len()).unwrap_or(i32::MAX);
            self.known.insert(word.to_owned(), code);
            self.words.push(word.to_owned());
            code
        });
        self.codes.push(code);
    }

    /// The column.
    #[must_use]
    pub fn column(self) -> Column {
        Column::Words(self.codes, self.words)
    }
}

/// Texts that seldom repeat.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new() }
    }
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        // The messages of a batch, which hold these texts, are far from 2 GiB.
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    pub fn column(self) -> Column {
        Column::Texts(self.offsets, self.bytes)
    }
}

/// Positions in halves: no column of a key can be widened, but a key can get another column.
#[derive(Clone, Debug, Default)]
pub(super) struct Halves {
    low: Vec<u16>,
    high: Vec<u16>,
}

impl Halves {
    pub fn push(&mut self, position: u32) {
        let [least, low, high, most] = position.to_le_bytes();
        self.low.push(u16::from_le_bytes([least, low]));
        self.high.push(u16::from_le_bytes([high, most]));
    }

    /// The lower halves and the upper ones.
    pub fn columns(self) -> [Column; 2] {
        [Column::Halves(self.low), Column::Halves(self.high)]
    }
}

/// Numbers that may be missing.
#[derive(Clone, Debug, Default)]
pub(super) struct MaybeFloats {
    values: Vec<f64>,
    there: Vec<u8>,
}

impl MaybeFloats {
    pub fn push(&mut self, value: Option<f64>) {
        let row = self.values.len();
        if row % 8 == 0 {
            self.there.push(0);
        }
        if let (Some(_), Some(byte)) = (value, self.there.last_mut()) {
            *byte |= 1 << (row % 8);
        }
        self.values.push(value.unwrap_or(0.0));
    }

    pub fn column(self) -> Column {
        Column::MaybeFloats(self.values, self.there)
    }
}
