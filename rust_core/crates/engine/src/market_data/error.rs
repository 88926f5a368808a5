//! Why an argument can't be used. A refusal changes nothing.

use std::fmt;

/// An argument, or one row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The argument's name.
    pub field: &'static str,
    /// The row, where the argument is a column.
    pub row: Option<usize>,
}

impl At {
    /// A row of a column.
    #[must_use]
    pub const fn row(field: &'static str, row: usize) -> Self {
        Self { field, row: Some(row) }
    }

    /// An argument that is one value.
    #[must_use]
    pub const fn argument(field: &'static str) -> Self {
        Self { field, row: None }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "{}[{row}]", self.field),
            None => f.write_str(self.field),
        }
    }
}

/// What is wrong with an argument.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum MarketDataError {
    /// NaN or an infinity.
    #[error("{at} {value} is not a finite number")]
    NotFinite {
        /// Where.
        at: At,
        /// What was given.
        value: f64,
    },
    /// Zero or less where more is needed.
    #[error("{at} {value} must be greater than zero")]
    NotPositive {
        /// Where.
        at: At,
        /// What was given.
        value: f64,
    },
    /// Less than zero.
    #[error("{at} {value} must not be negative")]
    Negative {
        /// Where.
        at: At,
        /// What was given.
        value: f64,
    },
    /// Columns that don't fit together.
    #[error("{field} has {length} values, {other} has {other_length}")]
    Length {
        /// The column's name.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The column that it must match.
        other: &'static str,
        /// That one's length.
        other_length: usize,
    },
    /// A time before the one that came before it.
    #[error("{at} {time} is before {before}: times must not go back")]
    TimeGoesBack {
        /// Where.
        at: At,
        /// What was given.
        time: i64,
        /// The time that came before.
        before: i64,
    },
    /// A side that is none.
    #[error("{at} {value} is not one of 1 (buyer), -1 (seller), 0 (unknown)")]
    BadSide {
        /// Where.
        at: At,
        /// What was given.
        value: i64,
    },
    /// A bar upside down.
    #[error("{at} {high} is below the low {low}")]
    HighBelowLow {
        /// Where.
        at: At,
        /// The high.
        high: f64,
        /// The low.
        low: f64,
    },
    /// A parameter outside its range.
    #[error("{field} {value} is not {expected}")]
    OutOfRange {
        /// The parameter's name.
        field: &'static str,
        /// What was given.
        value: f64,
        /// What is accepted.
        expected: &'static str,
    },
    /// From some state of the book the mid never moved, so nothing tells where it goes.
    #[error(
        "the samples have states from which the mid never moves: the micro-price needs more samples, or fewer buckets"
    )]
    MidNeverMoves,
    /// The sum of expected moves has no limit.
    #[error("the expected mid has no limit in these samples: the micro-price needs more samples, or fewer buckets")]
    NoLimit,
}
