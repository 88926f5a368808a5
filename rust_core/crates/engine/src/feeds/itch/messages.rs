//! Every message of the specification: its fields with their offsets, read where they lie.
//!
//! Prices are whole numbers: `Price(4)` in 1/10,000 dollar, `Price(8)` in 1/100,000,000 dollar. Names are the
//! specification's, in snake case.

use super::error::Fault;
use super::field::Field;

/// How many bytes each message starts with: type, stock locate, tracking number, timestamp.
pub const HEADER: usize = 11;

/// What each message starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The stock's number of the day; 0 when the message is not about a stock.
    pub stock_locate: u16,
    /// NASDAQ's own.
    pub tracking_number: u16,
    /// Nanoseconds since midnight; 48 bits.
    pub timestamp: u64,
}

/// A message type: its letter, its length, its fields and how to write it as a row.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The message type.
    pub letter: u8,
    /// The specification's name of the message.
    pub name: &'static str,
    /// How many bytes, without the length in front.
    pub size: usize,
    /// Each field after the header.
    pub columns: fn() -> Vec<Column>,
}

/// A field of a message type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The specification's name.
    pub name: &'static str,
    /// Its offset in the message.
    pub at: usize,
    /// How many bytes.
    pub width: usize,
    /// Its numpy type in a row of an array.
    pub dtype: String,
}

macro_rules! messages {
    ($( $(#[$about:meta])* $name:ident = $letter:literal, $size:literal { $( $field:ident: $kind:ty = $at:literal, )* } )*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name<'a>(&'a [u8; $size]);

            impl $name<'_> {
                /// What the message starts with.
                #[inline(always)]
                #[must_use]
                pub fn header(&self) -> Header {
                    header(self.0)
                }

                $(
                    #[doc = concat!("`", stringify!($field), "`, at byte ", stringify!($at), ".")]
                    #[inline(always)]
                    #[must_use]
                    pub fn $field(&self) -> $kind {
                        Field::read(self.0, $at)
                    }
                )*

                /// Write such a message, with its length in front.
                #[allow(clippy::too_many_arguments)]
                pub fn write(out: &mut Vec<u8>, header: Header, $($field: $kind),*) {
                    begin(out, $size, $letter, header);
                    $( $field.write(out); )*
                }

                /// Write the fields after the header as a row of an array has them.
                fn write_row(&self, out: &mut Vec<u8>) {
                    $( self.$field().write_row(out); )*
                }
            }
        )*

        /// A message, still where it was read from.
        #[derive(Clone, Copy, Debug)]
        pub enum Message<'a> {
            $( $(#[$about])* $name($name<'a>), )*
        }

        impl<'a> Message<'a> {
            /// The message that these bytes are, without the length in front.
            ///
            /// # Errors
            /// A type that does not exist, or a length that the type does not have.
            #[inline(always)]
            pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
                match bytes.first() {
                    $( Some(&$letter) => match bytes.try_into() {
                        Ok(bytes) => Ok(Self::$name($name(bytes))),
                        Err(_) => Err(Fault::Length { kind: $letter, found: bytes.len(), expected: $size }),
                    }, )*
                    Some(letter) => Err(Fault::UnknownType(*letter)),
                    None => Err(Fault::Truncated { found: 0, wanted: 1 }),
                }
            }

            /// What the message starts with.
            #[must_use]
            pub fn header(&self) -> Header {
                match self { $( Self::$name(message) => message.header(), )* }
            }

            /// The place of the message's type in `KINDS`.
            #[must_use]
            pub const fn kind(&self) -> usize {
                #[allow(non_camel_case_types)]
                enum Place { $($name),* }
                match self { $( Self::$name(_) => Place::$name as usize, )* }
            }

            /// Write the fields after the header as a row of an array has them.
            pub fn write_row(&self, out: &mut Vec<u8>) {
                match self { $( Self::$name(message) => message.write_row(out), )* }
            }
        }

        /// Every message type.
        pub const KINDS: &[Kind] = &[
            $( Kind {
                letter: $letter,
                name: stringify!($name),
                size: $size,
                columns: || vec![$( Column {
                    name: stringify!($field),
                    at: $at,
                    width: <$kind as Field>::WIDTH,
                    dtype: <$kind as Field>::dtype(),
                } ),*],
            }, )*
        ];
    };
}

messages! {
    /// Start and end of messages, system hours and market hours.
    SystemEvent = b'S', 12 { event_code: u8 = 11, }
    /// A stock of the day, and its number.
    StockDirectory = b'R', 39 {
        stock: [u8; 8] = 11,
        market_category: u8 = 19,
        financial_status_indicator: u8 = 20,
        round_lot_size: u32 = 21,
        round_lots_only: u8 = 25,
        issue_classification: u8 = 26,
        issue_sub_type: [u8; 2] = 27,
        authenticity: u8 = 29,
        short_sale_threshold_indicator: u8 = 30,
        ipo_flag: u8 = 31,
        luld_reference_price_tier: u8 = 32,
        etp_flag: u8 = 33,
        etp_leverage_factor: u32 = 34,
        inverse_indicator: u8 = 38,
    }
    /// A stock is halted (H), paused (P), quoted only (Q) or traded (T).
    StockTradingAction = b'H', 25 {
        stock: [u8; 8] = 11,
        trading_state: u8 = 19,
        reserved: u8 = 20,
        reason: [u8; 4] = 21,
    }
    /// A stock's short sale price test.
    RegShoRestriction = b'Y', 20 { stock: [u8; 8] = 11, reg_sho_action: u8 = 19, }
    /// Whether a firm makes the market in a stock.
    MarketParticipantPosition = b'L', 26 {
        mpid: [u8; 4] = 11,
        stock: [u8; 8] = 15,
        primary_market_maker: u8 = 23,
        market_maker_mode: u8 = 24,
        market_participant_state: u8 = 25,
    }
    /// The day's levels of the market-wide circuit breaker, `Price(8)`.
    MwcbDeclineLevel = b'V', 35 { level_1: u64 = 11, level_2: u64 = 19, level_3: u64 = 27, }
    /// A level of the market-wide circuit breaker was breached.
    MwcbStatus = b'W', 12 { breached_level: u8 = 11, }
    /// When and at what price quoting of a new stock begins; the time in seconds since midnight.
    IpoQuotingPeriodUpdate = b'K', 28 {
        stock: [u8; 8] = 11,
        ipo_quotation_release_time: u32 = 19,
        ipo_quotation_release_qualifier: u8 = 23,
        ipo_price: u32 = 24,
    }
    /// The price bounds of the auction after a pause.
    LuldAuctionCollar = b'J', 35 {
        stock: [u8; 8] = 11,
        auction_collar_reference_price: u32 = 19,
        upper_auction_collar_price: u32 = 23,
        lower_auction_collar_price: u32 = 27,
        auction_collar_extension: u32 = 31,
    }
    /// A market's own halt of a stock.
    OperationalHalt = b'h', 21 { stock: [u8; 8] = 11, market_code: u8 = 19, operational_halt_action: u8 = 20, }
    /// A new order.
    AddOrder = b'A', 36 {
        order_reference_number: u64 = 11,
        buy_sell_indicator: u8 = 19,
        shares: u32 = 20,
        stock: [u8; 8] = 24,
        price: u32 = 32,
    }
    /// A new order, and whose it is.
    AddOrderMpid = b'F', 40 {
        order_reference_number: u64 = 11,
        buy_sell_indicator: u8 = 19,
        shares: u32 = 20,
        stock: [u8; 8] = 24,
        price: u32 = 32,
        attribution: [u8; 4] = 36,
    }
    /// An order was executed at its own price.
    OrderExecuted = b'E', 31 { order_reference_number: u64 = 11, executed_shares: u32 = 19, match_number: u64 = 23, }
    /// An order was executed at another price.
    OrderExecutedWithPrice = b'C', 36 {
        order_reference_number: u64 = 11,
        executed_shares: u32 = 19,
        match_number: u64 = 23,
        printable: u8 = 31,
        execution_price: u32 = 32,
    }
    /// Part of an order was cancelled.
    OrderCancel = b'X', 23 { order_reference_number: u64 = 11, cancelled_shares: u32 = 19, }
    /// All of an order was cancelled.
    OrderDelete = b'D', 19 { order_reference_number: u64 = 11, }
    /// An order was replaced by another one, which goes to the end of its queue.
    OrderReplace = b'U', 35 {
        original_order_reference_number: u64 = 11,
        new_order_reference_number: u64 = 19,
        shares: u32 = 27,
        price: u32 = 31,
    }
    /// An execution of an order that is not displayed; it changes no book.
    TradeNonCross = b'P', 44 {
        order_reference_number: u64 = 11,
        buy_sell_indicator: u8 = 19,
        shares: u32 = 20,
        stock: [u8; 8] = 24,
        price: u32 = 32,
        match_number: u64 = 36,
    }
    /// All executions of an auction in one.
    CrossTrade = b'Q', 40 {
        shares: u64 = 11,
        stock: [u8; 8] = 19,
        cross_price: u32 = 27,
        match_number: u64 = 31,
        cross_type: u8 = 39,
    }
    /// An execution is void.
    BrokenTrade = b'B', 19 { match_number: u64 = 11, }
    /// The net order imbalance before an auction.
    NetOrderImbalance = b'I', 50 {
        paired_shares: u64 = 11,
        imbalance_shares: u64 = 19,
        imbalance_direction: u8 = 27,
        stock: [u8; 8] = 28,
        far_price: u32 = 36,
        near_price: u32 = 40,
        current_reference_price: u32 = 44,
        cross_type: u8 = 48,
        price_variation_indicator: u8 = 49,
    }
    /// Retail interest on a side of a stock.
    RetailInterest = b'N', 20 { stock: [u8; 8] = 11, interest_flag: u8 = 19, }
    /// Price discovery of a direct listing with a capital raise; the time in nanoseconds since midnight.
    DirectListingPriceDiscovery = b'O', 48 {
        stock: [u8; 8] = 11,
        open_eligibility_status: u8 = 19,
        minimum_allowable_price: u32 = 20,
        maximum_allowable_price: u32 = 24,
        near_execution_price: u32 = 28,
        near_execution_time: u64 = 32,
        lower_price_range_collar: u32 = 40,
        upper_price_range_collar: u32 = 44,
    }
}

#[inline(always)]
fn header(bytes: &[u8]) -> Header {
    // The six bytes of the timestamp lie behind the two of the tracking number: one read, one mask.
    Header {
        stock_locate: Field::read(bytes, 1),
        tracking_number: Field::read(bytes, 3),
        timestamp: <u64 as Field>::read(bytes, 3) & 0xFFFF_FFFF_FFFF,
    }
}

fn begin(out: &mut Vec<u8>, size: u16, letter: u8, header: Header) {
    size.write(out);
    letter.write(out);
    header.stock_locate.write(out);
    header.tracking_number.write(out);
    out.extend_from_slice(&header.timestamp.to_be_bytes()[2..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_fill_each_message_without_a_gap() {
        for kind in KINDS {
            let mut end = HEADER;
            for column in (kind.columns)() {
                assert_eq!(column.at, end, "{} {}", kind.name, column.name);
                end = column.at + column.width;
            }
            assert_eq!(end, kind.size, "{}", kind.name);
        }
        let letters: Vec<u8> = KINDS.iter().map(|kind| kind.letter).collect();
        assert_eq!(letters, b"SRHYLVWKJhAFECXDUPQBINO");
    }

    #[test]
    fn what_is_written_is_read() {
        let header = Header { stock_locate: 0x0102, tracking_number: 3, timestamp: 0x0405_0607_0809 };
        let mut out = Vec::new();
        AddOrder::write(&mut out, header, 77, b'S', 500, *b"AAPL    ", 1_234_500);
        assert_eq!(out[..14], [0, 36, b'A', 1, 2, 0, 3, 4, 5, 6, 7, 8, 9, 0]);
        let Ok(Message::AddOrder(order)) = Message::parse(&out[2..]) else { panic!("an order") };
        assert_eq!(order.header(), header);
        assert_eq!((order.order_reference_number(), order.buy_sell_indicator()), (77, b'S'));
        assert_eq!((order.shares(), order.stock(), order.price()), (500, *b"AAPL    ", 1_234_500));
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for kind in KINDS {
            let mut bytes = vec![kind.letter; kind.size + 1];
            let expected = kind.size;
            let refused = Message::parse(&bytes).expect_err("too long");
            assert_eq!(refused, Fault::Length { kind: kind.letter, found: expected + 1, expected });
            bytes.truncate(kind.size - 1);
            assert!(Message::parse(&bytes).is_err());
        }
        assert_eq!(Message::parse(b"Z").expect_err("no such type"), Fault::UnknownType(b'Z'));
        assert!(Message::parse(b"").is_err());
    }
}
