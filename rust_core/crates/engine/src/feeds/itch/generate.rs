//! A day that never was: valid messages of every type for tests and benchmarks, the same for a seed everywhere.
//!
//! The mix is that of a busy day: of a hundred messages, some 43 add orders, 41 delete them, 8 replace, 3 execute, 2
//! cancel in part, and the rest changes no book. Half of what happens to orders happens to the latest 256. Which order
//! is executed is chance: no price-time priority is pretended.

use super::field::symbol;
use super::messages as m;
use super::messages::Header;

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// How many messages, after the directory of stocks.
    pub messages: usize,
    /// How many stocks.
    pub stocks: u16,
    /// How many orders rest in all books together, once there were as many.
    pub resting: usize,
    /// Another seed, another day.
    pub seed: u64,
}

impl Default for Flow {
    fn default() -> Self {
        Self { messages: 100_000, stocks: 100, resting: 10_000, seed: 1 }
    }
}

#[derive(Clone, Copy)]
struct Live {
    reference: u64,
    stock: u16,
    side: u8,
    shares: u32,
}

struct Day {
    chance: Chance,
    out: Vec<u8>,
    now: u64,
    stocks: u16,
    live: Vec<Live>,
    reference: u64,
    matches: u64,
}

/// A directory of stocks, and then the day's messages, each with its length in front; the session stays open.
#[must_use]
pub fn generate(flow: &Flow) -> Vec<u8> {
    let mut day = Day {
        chance: Chance(flow.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        out: Vec::with_capacity(flow.messages * 34 + usize::from(flow.stocks) * 70),
        now: 14_400_000_000_000,
        stocks: flow.stocks.max(1),
        live: Vec::with_capacity(flow.resting + flow.resting / 8),
        reference: 0,
        matches: 0,
    };
    day.open();
    for number in 0..flow.messages {
        let draw = day.chance.below(1000);
        match draw {
            _ if day.live.is_empty() => day.add(),
            0..30 if day.live.len() > flow.resting => day.delete(),
            0..430 => day.add(),
            430..840 if day.live.len() < flow.resting && draw & 1 == 0 => day.add(),
            430..840 => day.delete(),
            840..920 => day.replace(),
            920..950 => day.execute(),
            950..970 => day.cancel(),
            970..985 => day.trade(),
            _ => day.rare(number),
        }
    }
    day.out
}

fn name(stock: u16) -> [u8; 8] {
    symbol(&format!("S{stock:04}"))
}

impl Day {
    fn header(&mut self, stock: u16) -> Header {
        self.now += self.chance.below(20_000);
        Header { stock_locate: stock, tracking_number: 0, timestamp: self.now }
    }

    fn open(&mut self) {
        let header = self.header(0);
        m::SystemEvent::write(&mut self.out, header, b'O');
        for stock in 1..=self.stocks {
            let (header, out) = (self.header(stock), &mut self.out);
            m::StockDirectory::write(
                out,
                header,
                name(stock),
                b'Q',
                b'N',
                100,
                b'N',
                b'C',
                *b"Z ",
                b'P',
                b'N',
                b'N',
                b'1',
                b'N',
                0,
                b'N',
            );
            m::StockTradingAction::write(out, header, name(stock), b'T', b' ', *b"    ");
        }
    }

    /// Prices on both sides of a stock's own, which no order crosses; most are near it.
    fn price(&mut self, stock: u16, side: u8) -> u32 {
        let near = self.chance.below(40) + 1;
        let distance = self.small(near);
        let middle = 1000 + u32::from(stock) * 7919 % 40_000;
        (if side == b'B' { middle - 1 - distance } else { middle + distance }) * 100
    }

    fn side(&mut self) -> u8 {
        if self.chance.below(2) == 0 { b'B' } else { b'S' }
    }

    fn shares(&mut self) -> u32 {
        (self.small(10) + 1) * 100
    }

    fn small(&mut self, end: u64) -> u32 {
        u32::try_from(self.chance.below(end)).unwrap_or(0)
    }

    fn stock(&mut self, end: u64) -> u16 {
        u16::try_from(self.chance.below(end)).unwrap_or(0) + 1
    }

    fn add(&mut self) {
        let busy = self.chance.below(u64::from(self.stocks)) + 1;
        let stock = self.stock(busy);
        let (side, shares) = (self.side(), self.shares());
        let price = self.price(stock, side);
        self.reference += 1 + self.chance.below(3);
        let (reference, header) = (self.reference, self.header(stock));
        if self.chance.below(20) == 0 {
            m::AddOrderMpid::write(&mut self.out, header, reference, side, shares, name(stock), price, *b"MMKR");
        } else {
            m::AddOrder::write(&mut self.out, header, reference, side, shares, name(stock), price);
        }
        self.live.push(Live { reference, stock, side, shares });
    }

    fn pick(&mut self) -> usize {
        let count = self.live.len() as u64;
        let below = if self.chance.below(2) == 0 { count } else { count.min(256) };
        self.live.len() - 1 - usize::try_from(self.chance.below(below)).unwrap_or(0)
    }

    fn delete(&mut self) {
        let at = self.pick();
        let Live { reference, stock, .. } = self.live.swap_remove(at);
        let header = self.header(stock);
        m::OrderDelete::write(&mut self.out, header, reference);
    }

    fn replace(&mut self) {
        let at = self.pick();
        let Live { reference: old, stock, side, .. } = self.live.swap_remove(at);
        let (shares, price) = (self.shares(), self.price(stock, side));
        self.reference += 1;
        let (reference, header) = (self.reference, self.header(stock));
        m::OrderReplace::write(&mut self.out, header, old, reference, shares, price);
        self.live.push(Live { reference, stock, side, shares });
    }

    fn execute(&mut self) {
        let at = self.pick();
        let Live { reference, stock, shares: left, .. } = self.live[at];
        let shares = if self.chance.below(2) == 0 { left } else { left.min(100) };
        self.matches += 1;
        let (header, matched) = (self.header(stock), self.matches);
        if self.chance.below(8) == 0 {
            let price = 1000 + u32::from(stock);
            m::OrderExecutedWithPrice::write(&mut self.out, header, reference, shares, matched, b'Y', price * 100);
        } else {
            m::OrderExecuted::write(&mut self.out, header, reference, shares, matched);
        }
        self.take(at, shares);
    }

    fn cancel(&mut self) {
        let at = self.pick();
        let Live { reference, stock, shares, .. } = self.live[at];
        if shares > 100 {
            let header = self.header(stock);
            m::OrderCancel::write(&mut self.out, header, reference, 100);
            self.take(at, 100);
        } else {
            self.delete();
        }
    }

    fn take(&mut self, at: usize, shares: u32) {
        self.live[at].shares -= shares;
        if self.live[at].shares == 0 {
            self.live.swap_remove(at);
        }
    }

    fn trade(&mut self) {
        let stock = self.stock(u64::from(self.stocks));
        let (side, shares) = (self.side(), self.shares());
        let price = self.price(stock, side);
        self.matches += 1;
        let (header, matched) = (self.header(stock), self.matches);
        m::TradeNonCross::write(&mut self.out, header, 0, side, shares, name(stock), price, matched);
    }

    /// One of the messages that are rare and change no book.
    fn rare(&mut self, number: usize) {
        let stock = self.stock(u64::from(self.stocks));
        let (header, symbol) = (self.header(stock), name(stock));
        let everybody = Header { stock_locate: 0, ..header };
        let out = &mut self.out;
        match number % 14 {
            0 => m::RegShoRestriction::write(out, header, symbol, b'0'),
            1 => m::MarketParticipantPosition::write(out, header, *b"MMKR", symbol, b'Y', b'N', b'A'),
            2 => m::MwcbDeclineLevel::write(out, everybody, 10 << 32, 9 << 32, 8 << 32),
            3 => m::MwcbStatus::write(out, everybody, b'1'),
            4 => m::IpoQuotingPeriodUpdate::write(out, header, symbol, 34_200, b'A', 100_000),
            5 => m::LuldAuctionCollar::write(out, header, symbol, 100_000, 105_000, 95_000, 0),
            6 => m::OperationalHalt::write(out, header, symbol, b'Q', b'T'),
            7 => m::CrossTrade::write(out, header, 5000, symbol, 100_000, 1, b'O'),
            8 => m::BrokenTrade::write(out, header, self.matches),
            9 => m::NetOrderImbalance::write(out, header, 5000, 100, b'B', symbol, 1, 2, 3, b'O', b'L'),
            10 => m::RetailInterest::write(out, header, symbol, b'B'),
            11 => m::DirectListingPriceDiscovery::write(out, header, symbol, b'Y', 1, 2, 3, 4, 5, 6),
            12 => m::StockTradingAction::write(out, header, symbol, b'T', b' ', *b"    "),
            _ => m::SystemEvent::write(out, everybody, b'S'),
        }
    }
}

/// A small generator of its own, so that a seed gives the same day on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u64::try_from((u128::from(self.0) * u128::from(end)) >> 64).unwrap_or(0)
    }
}
