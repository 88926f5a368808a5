//! Feeds that are lines of text: lines with their places, exact numbers, and errors that say where.

/// A line that can't be read or can't be true; it changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {offset}: {fault}")]
pub struct TextError {
    /// The line, counted from 1.
    pub line: usize,
    /// Where the fault is, in bytes from the beginning of what was given.
    pub offset: usize,
    /// What is wrong.
    pub fault: TextFault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Too many or too few fields.
    #[error("{found} fields, expected {expected}")]
    Fields {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: String,
    },
    /// Not the number that the field needs.
    #[error("{field} {value:?} is not {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says, cut after 40 letters.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Not JSON, or not the JSON of the message.
    #[error("{0}")]
    Json(String),
    /// Updates are missing between the book and this one.
    #[error("updates {expected} to {} are missing", .found - 1)]
    Gap {
        /// The first missing update.
        expected: u64,
        /// The first update of the message.
        found: u64,
    },
    /// More updates than can wait for a snapshot.
    #[error("{0} updates wait for a snapshot already")]
    NoSnapshot(usize),
}

impl TextFault {
    /// A field that says something else than it should.
    #[cold]
    pub(super) fn value(field: &'static str, value: &[u8], expected: &'static str) -> Self {
        let value = String::from_utf8_lossy(value).chars().take(40).collect();
        Self::Value { field, value, expected }
    }
}

/// Lines with their numbers, from 1, and offsets; without their ends.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let mut at = 0;
    bytes.split_inclusive(|byte| *byte == b'\n').enumerate().map(move |(number, whole)| {
        let offset = at;
        at += whole.len();
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        (number + 1, offset, line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// A whole number.
#[must_use]
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = i64::try_from(decimal(digits, 0).filter(|_| !digits.contains(&b'.'))?).ok()?;
    Some(if negative { -value } else { value })
}

/// A decimal number of zero or more as a whole number of units of `10^-places`, exactly; none if that loses a digit.
#[must_use]
pub fn decimal(text: &[u8], places: u32) -> Option<u64> {
    let (mut value, mut left, mut point, mut digits) = (0_u64, places, false, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if point && left == 0 {
                    if *byte != b'0' {
                        return None;
                    }
                    continue;
                }
                left -= u32::from(point);
                value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    if digits == 0 { None } else { value.checked_mul(10_u64.checked_pow(left)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_none() {
        assert_eq!(decimal(b"61737.63000000", 8), Some(6_173_763_000_000));
        assert_eq!(decimal(b"34200.00426064", 9), Some(34_200_004_260_640));
        assert_eq!(decimal(b"1.5000", 2), Some(150));
        assert_eq!((decimal(b".5", 1), decimal(b"5.", 1)), (Some(5), Some(50)));
        for bad in [&b""[..], b".", b"-1", b"+1", b"1e5", b"1.234", b"1..2", b" 1", b"NaN", b"184467440737095516.16"] {
            assert_eq!(decimal(bad, 2), None, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!((integer(b"-9999999999"), integer(b"12")), (Some(-9_999_999_999), Some(12)));
        for bad in [&b""[..], b"-", b"--1", b"1.0", b"1.", b"9223372036854775808"] {
            assert_eq!(integer(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn lines_know_their_places() {
        let found: Vec<_> = lines(b"a\r\n\nbc").collect();
        assert_eq!(found, [(1, 0, &b"a"[..]), (2, 3, b""), (3, 4, b"bc")]);
        assert_eq!(lines(b"").count(), 0);
    }
}
