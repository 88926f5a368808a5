//! Checks of arguments, a column in one pass that the compiler can turn into whole vectors.

use super::error::{At, MarketDataError};

type Checked = Result<(), MarketDataError>;

/// Rows that are judged together: long enough for vectors, short enough to stop early.
const BLOCK: usize = 4096;

fn first_bad<T: Copy>(values: &[T], good: impl Fn(T) -> bool) -> Option<(usize, T)> {
    // No early exit inside a block: an exit would forbid vectors.
    if values.chunks(BLOCK).all(|rows| rows.iter().fold(true, |all, value| all & good(*value))) {
        return None;
    }
    values.iter().position(|value| !good(*value)).map(|row| (row, values[row]))
}

/// Every value is a finite number.
pub fn finite(field: &'static str, values: &[f64]) -> Checked {
    match first_bad(values, f64::is_finite) {
        Some((row, value)) => Err(MarketDataError::NotFinite { at: At::row(field, row), value }),
        None => Ok(()),
    }
}

/// Every value is finite and not below zero.
#[allow(clippy::manual_range_contains)] // A range's `contains` stops half way, which forbids vectors again.
pub fn volumes(field: &'static str, values: &[f64]) -> Checked {
    // Against the largest number, not infinity: that one becomes a test of classes, which takes six times as long.
    match first_bad(values, |value| (value >= 0.0) & (value <= f64::MAX)) {
        Some((row, value)) => volume_at(At::row(field, row), value),
        None => Ok(()),
    }
}

/// Every value is finite and above zero.
pub fn positive(field: &'static str, values: &[f64]) -> Checked {
    match first_bad(values, |value| (value > 0.0) & (value <= f64::MAX)) {
        Some((row, value)) => positive_at(At::row(field, row), value),
        None => Ok(()),
    }
}

/// Times never go back, from `before` on.
pub fn times(field: &'static str, values: &[i64], before: Option<i64>) -> Checked {
    if let (Some(before), Some(&time)) = (before, values.first()) {
        if time < before {
            return Err(MarketDataError::TimeGoesBack { at: At::row(field, 0), time, before });
        }
    }
    match values.windows(2).position(|pair| pair[1] < pair[0]) {
        Some(row) => Err(MarketDataError::TimeGoesBack {
            at: At::row(field, row + 1),
            time: values[row + 1],
            before: values[row],
        }),
        None => Ok(()),
    }
}

/// Every side is one.
pub fn sides(field: &'static str, values: &[i64]) -> Checked {
    match first_bad(values, |value| (-1..=1).contains(&value)) {
        Some((row, value)) => Err(MarketDataError::BadSide { at: At::row(field, row), value }),
        None => Ok(()),
    }
}

/// Columns of one length.
pub fn same_length(other: &'static str, other_length: usize, columns: &[(&'static str, usize)]) -> Checked {
    match columns.iter().find(|(_, length)| *length != other_length) {
        Some(&(field, length)) => Err(MarketDataError::Length { field, length, other, other_length }),
        None => Ok(()),
    }
}

/// One finite number.
pub fn finite_value(field: &'static str, value: f64) -> Checked {
    finite_at(At::argument(field), value)
}

/// One finite number that is not below zero.
pub fn volume(field: &'static str, value: f64) -> Checked {
    volume_at(At::argument(field), value)
}

/// One finite number above zero.
pub fn positive_value(field: &'static str, value: f64) -> Checked {
    positive_at(At::argument(field), value)
}

/// One side.
pub fn side(field: &'static str, value: i64) -> Checked {
    if (-1..=1).contains(&value) { Ok(()) } else { Err(MarketDataError::BadSide { at: At::argument(field), value }) }
}

/// A count of at least one.
pub fn at_least_one(field: &'static str, value: usize) -> Checked {
    match value {
        0 => Err(MarketDataError::OutOfRange { field, value: 0.0, expected: "at least 1" }),
        _ => Ok(()),
    }
}

/// A window that is none, or of at least one value.
pub fn window(value: Option<usize>) -> Checked {
    value.map_or(Ok(()), |value| at_least_one("window", value))
}

/// One finite number in a row of its own.
pub fn finite_at(at: At, value: f64) -> Checked {
    if value.is_finite() { Ok(()) } else { Err(MarketDataError::NotFinite { at, value }) }
}

/// One volume in a row of its own.
pub fn volume_at(at: At, value: f64) -> Checked {
    if !value.is_finite() {
        Err(MarketDataError::NotFinite { at, value })
    } else if value < 0.0 {
        Err(MarketDataError::Negative { at, value })
    } else {
        Ok(())
    }
}

fn positive_at(at: At, value: f64) -> Checked {
    if !value.is_finite() {
        Err(MarketDataError::NotFinite { at, value })
    } else if value <= 0.0 {
        Err(MarketDataError::NotPositive { at, value })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_row_is_named_wherever_it_is() {
        for row in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 7] {
            let mut values = vec![1.0; 4 * BLOCK];
            values[row] = f64::NAN;
            let error = finite("prices", &values).unwrap_err().to_string();
            assert_eq!(error, format!("prices[{row}] NaN is not a finite number"));
            values[row] = -1.0;
            assert_eq!(
                volumes("volumes", &values).unwrap_err().to_string(),
                format!("volumes[{row}] -1 must not be negative")
            );
            assert!(finite("prices", &values).is_ok());
        }
        assert_eq!(
            times("times", &[1, 3, 2], None).unwrap_err().to_string(),
            "times[2] 2 is before 3: times must not go back"
        );
    }
}
