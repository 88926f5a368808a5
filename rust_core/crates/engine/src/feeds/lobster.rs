//! LOBSTER files: the messages of one stock, and row by row the book after each of them.
//!
//! Source: the output structure that lobsterdata.com describes. A message: time (seconds after midnight), type, order
//! id, size, price, direction. A row of the book: ask price 1, ask size 1, bid price 1, bid size 1, ask price 2, ...
//! Prices are in 1/10,000 dollar; a level that no order has is `EMPTY` on the ask side, `-EMPTY` on the bid side.

use bytemuck::{Pod, Zeroable};

use super::text::{TextError, TextFault, decimal, integer, lines};

/// The price of a level that no order has.
pub const EMPTY: i64 = 9_999_999_999;
/// A new limit order.
pub const ADD: i32 = 1;
/// An order cancelled in part.
pub const CANCEL: i32 = 2;
/// All of an order deleted.
pub const DELETE: i32 = 3;
/// A visible order executed.
pub const EXECUTE: i32 = 4;
/// A hidden order executed; the book stays.
pub const EXECUTE_HIDDEN: i32 = 5;
/// An auction; the book stays.
pub const CROSS: i32 = 6;
/// A trading halt; its price says which: -1 halt, 0 quoting again, 1 trading again.
pub const HALT: i32 = 7;

/// A message: 40 bytes, no padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MessageRow {
    /// Nanoseconds after midnight.
    pub time: u64,
    /// The order; 0 for hidden ones, -1 for auctions and halts.
    pub order_id: i64,
    /// Shares.
    pub size: i64,
    /// In 1/10,000 dollar.
    pub price: i64,
    /// `ADD` to `HALT`.
    pub kind: i32,
    /// The side of the order that the message is about: 1 buy, -1 sell.
    pub direction: i32,
}

/// The book's rows: as many as there are messages, each of four columns a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// How many levels each row has.
    pub levels: usize,
    /// All rows, one behind the other.
    pub values: Vec<i64>,
}

const FIELDS: [&str; 6] = ["time", "type", "order id", "size", "price", "direction"];

/// One field: its offset in the line and its bytes.
fn fields(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    line.split(|byte| *byte == b',').map(move |field| {
        let start = at;
        at += field.len() + 1;
        (start, field)
    })
}

/// One line of a message file.
///
/// # Errors
/// The offset in the line, and what is wrong there.
pub fn parse_message(line: &[u8]) -> Result<MessageRow, (usize, TextFault)> {
    let mut found = [(0, &b""[..]); FIELDS.len()];
    let count = fields(line).count();
    if count != FIELDS.len() {
        return Err((0, TextFault::Fields { found: count, expected: format!("6 ({})", FIELDS.join(", ")) }));
    }
    for (place, field) in found.iter_mut().zip(fields(line)) {
        *place = field;
    }
    let refuse = |at: usize, expected| (found[at].0, TextFault::value(FIELDS[at], found[at].1, expected));
    let number = |at: usize| integer(found[at].1).ok_or_else(|| refuse(at, "a whole number of 64 bits"));
    let (kind, order_id, size, price, direction) = (number(1)?, number(2)?, number(3)?, number(4)?, number(5)?);
    let time = decimal(found[0].1, 9).filter(|time| *time < 86_400_000_000_000);
    let time = time.ok_or_else(|| refuse(0, "seconds after midnight with up to nine decimals"))?;
    let kind = i32::try_from(kind).ok().filter(|kind| (ADD..=HALT).contains(kind));
    let kind = kind.ok_or_else(|| refuse(1, "a type from 1 to 7"))?;
    let direction = match direction {
        1 => 1,
        -1 => -1,
        _ => return Err(refuse(5, "1 (buy) or -1 (sell)")),
    };
    if kind != HALT && size <= 0 {
        return Err(refuse(3, "greater than zero"));
    }
    if kind != HALT && price <= 0 {
        return Err(refuse(4, "greater than zero"));
    }
    Ok(MessageRow { time, order_id, size, price, kind, direction })
}

/// A message file.
///
/// # Errors
/// The first line that is not a message.
pub fn parse_messages(bytes: &[u8]) -> Result<Vec<MessageRow>, TextError> {
    let mut rows = Vec::with_capacity(bytes.len() / 40);
    for (line, offset, text) in lines(bytes) {
        let row = parse_message(text);
        rows.push(row.map_err(|(at, fault)| TextError { line, offset: offset + at, fault })?);
    }
    Ok(rows)
}

/// An orderbook file.
///
/// # Errors
/// The first line that is not a row of the book, or has another number of levels than the first one.
pub fn parse_books(bytes: &[u8]) -> Result<Books, TextError> {
    let mut books = Books::default();
    for (line, offset, text) in lines(bytes) {
        let error = |at: usize, fault| TextError { line, offset: offset + at, fault };
        let found = fields(text).count();
        if line == 1 && found % 4 == 0 {
            books.levels = found / 4;
        }
        if found != books.levels * 4 {
            let expected = if line == 1 { "four for each level".into() } else { format!("{}", books.levels * 4) };
            return Err(error(0, TextFault::Fields { found, expected }));
        }
        for (column, (at, field)) in fields(text).enumerate() {
            let (name, size) = if column % 2 == 0 { ("price", false) } else { ("size", true) };
            let value = integer(field).filter(|value| !size || *value >= 0);
            let expected = if size { "a whole number, zero or more" } else { "a whole number of 64 bits" };
            books.values.push(value.ok_or_else(|| error(at, TextFault::value(name, field, expected)))?);
        }
    }
    Ok(books)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_exact_nanoseconds() {
        let rows = parse_messages(b"34200.00426064,1,16113584,18,5853200,1\n57600,7,-1,0,-1,-1\n").expect("valid");
        let add = MessageRow {
            time: 34_200_004_260_640,
            order_id: 16_113_584,
            size: 18,
            price: 5_853_200,
            kind: ADD,
            direction: 1,
        };
        assert_eq!(rows[0], add);
        assert_eq!((rows[1].kind, rows[1].price), (HALT, -1));
    }

    #[test]
    fn errors_name_line_offset_and_field() {
        let error = |line: &str| parse_messages(format!("1,1,2,3,4,1\n{line}").as_bytes()).expect_err(line).to_string();
        assert_eq!(
            error("1,1,2,3,4"),
            "line 2, byte 12: 5 fields, expected 6 (time, type, order id, size, price, direction)"
        );
        assert_eq!(error("1,8,2,3,4,1"), "line 2, byte 14: type \"8\" is not a type from 1 to 7");
        assert_eq!(error("1,1,2,0,4,1"), "line 2, byte 18: size \"0\" is not greater than zero");
        assert_eq!(error("1,1,2,3,x,1"), "line 2, byte 20: price \"x\" is not a whole number of 64 bits");
        assert_eq!(error("1,1,2,3,4,0"), "line 2, byte 22: direction \"0\" is not 1 (buy) or -1 (sell)");
        assert!(error("86400,1,2,3,4,1").contains("time \"86400\" is not seconds after midnight"));
        assert!(error("\n").contains("1 fields"));
    }

    #[test]
    fn rows_of_a_book_are_alike() {
        let books = parse_books(b"5,1,4,2,9999999999,0,-9999999999,0\n5,1,4,2,6,1,3,1").expect("valid");
        assert_eq!((books.levels, books.values.len()), (2, 16));
        assert_eq!(books.values[6], -EMPTY);
        let error = |text: &str| parse_books(text.as_bytes()).expect_err(text).to_string();
        assert_eq!(error("1,2,3"), "line 1, byte 0: 3 fields, expected four for each level");
        assert_eq!(error("1,2,3,4\n1,2,3,4,5,6,7,8"), "line 2, byte 8: 8 fields, expected 4");
        assert_eq!(error("1,-2,3,4"), "line 1, byte 2: size \"-2\" is not a whole number, zero or more");
    }
}
