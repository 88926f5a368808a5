//! What is wrong with a feed, and where.

/// A message that can't be read or can't be true; it changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {fault}")]
pub struct ItchError {
    /// Where the message's length starts, in bytes from the beginning of what was given.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes end before the message does.
    #[error("the message is cut off: {found} of {wanted} bytes")]
    Truncated {
        /// How many bytes there are, with the two of the length.
        found: usize,
        /// How many the message says it has; two, when even the length is cut off.
        wanted: usize,
    },
    /// A message type that the specification does not have.
    #[error("message type {:?} is not one of ITCH 5.0", char::from(*.0))]
    UnknownType(u8),
    /// A length that the message's type does not have.
    #[error("message type {:?} has {found} bytes, expected {expected}", char::from(*.kind))]
    Length {
        /// The message type.
        kind: u8,
        /// The length in front of it.
        found: usize,
        /// The specification's.
        expected: usize,
    },
    /// Something follows the end of the session.
    #[error("the session has ended, but {0} more bytes follow")]
    AfterEnd(usize),
    /// Neither B nor S.
    #[error("buy_sell_indicator {:?} is neither 'B' nor 'S'", char::from(*.0))]
    Side(u8),
    /// An order, execution or cancel of nothing.
    #[error("shares 0 of order_reference_number {0} must be greater than zero")]
    NoShares(u64),
    /// An order that is in the book already.
    #[error("order_reference_number {0} is already in the book")]
    DuplicateOrder(u64),
    /// An order that is not in the book.
    #[error("order_reference_number {0} is not in the book")]
    UnknownOrder(u64),
    /// More shares than the order has left.
    #[error("shares {shares} of order_reference_number {reference} are more than the {left} it has left")]
    TooManyShares {
        /// The order.
        reference: u64,
        /// How many were executed or cancelled.
        shares: u32,
        /// How many it has.
        left: u32,
    },
    /// The order is another stock's.
    #[error("stock_locate {found} of order_reference_number {reference} is not {expected}, where it was added")]
    OtherStock {
        /// The order.
        reference: u64,
        /// The message's.
        found: u16,
        /// The order's.
        expected: u16,
    },
    /// More orders than the book can number.
    #[error("more orders or levels than a book can number")]
    Full,
}
