//! What accounts hold and earned: positions by account and instrument, each instrument's last price, who traded since when.

use std::collections::{BTreeSet, HashMap};

use super::held::Held;
use super::message::{Fill, Head};
use super::tables::PositionHistory;

/// How often an account that trades is noted, in nanoseconds.
pub const PERIOD_NS: i64 = 60 * 1_000_000_000;

/// A position as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct PositionRow {
    /// Whose.
    pub account_id: u64,
    /// Of what.
    pub symbol: String,
    /// What is held.
    pub held: Held,
    /// The price of the fill that made it so; 0 in rows from before this was stored.
    pub mark_price: f64,
    /// When that was, in nanoseconds since 1970 (UTC).
    pub ts: i64,
}

/// An account at the end of a minute in which it traded; amounts are in the account's currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snapshot {
    /// The minute's end, in nanoseconds since 1970 (UTC).
    pub ts: i64,
    /// Whose.
    pub account_id: u64,
    /// The start's value and what was earned since.
    pub equity: f64,
    /// What all positions are worth at the last prices; those that are short count less than 0.
    pub worth: f64,
    /// The same, all of them counting more.
    pub gross: f64,
    /// Earned by closing.
    pub realized_pnl: f64,
    /// To be earned by closing the rest now.
    pub unrealized_pnl: f64,
}

/// An instrument and where its position lies.
type Place = (usize, usize);

/// All positions. Their order within an account is that of their first fills, so that sums of doubles are everywhere the
/// same.
#[derive(Clone, Debug)]
pub struct Positions {
    value: f64,
    symbols: HashMap<String, usize>,
    marks: Vec<f64>,
    held: Vec<Held>,
    places: HashMap<(u64, usize), usize>,
    accounts: HashMap<u64, Vec<Place>>,
    traded: BTreeSet<u64>,
    period: i64,
}

impl Positions {
    /// None yet; `value` is what each account had before its first fill.
    #[must_use]
    pub fn new(value: f64) -> Self {
        Self {
            value,
            symbols: HashMap::new(),
            marks: Vec::new(),
            held: Vec::new(),
            places: HashMap::new(),
            accounts: HashMap::new(),
            traded: BTreeSet::new(),
            period: 0,
        }
    }

    /// Forget everything, and go on from the last stored row of each position, oldest first.
    pub fn load(&mut self, rows: impl IntoIterator<Item = PositionRow>) {
        *self = Self::new(self.value);
        for row in rows {
            let symbol = self.symbol(&row.symbol);
            let place = self.place(row.account_id, symbol);
            self.held[place] = row.held;
            self.marks[symbol] = if row.mark_price == 0.0 { row.held.average_price } else { row.mark_price };
            self.trade(row.account_id, row.ts);
        }
    }

    /// Add the rows of the positions that a fill changes: the taker's and the maker's, or one if he is both.
    pub(super) fn apply(&mut self, stream_seq: u64, head: &Head<'_>, fill: &Fill, rows: &mut PositionHistory) {
        let symbol = self.symbol(head.symbol);
        self.marks[symbol] = fill.price;
        let bought = if fill.side == 0 { fill.quantity } else { -fill.quantity };
        let (taker, maker) = (head.user_id, fill.maker_user_id);
        let mut add = |account_id, held: Held| {
            rows.ts.push(head.ts);
            rows.account_id.push(account_id);
            rows.symbol.push(head.symbol);
            rows.stream_seq.push(stream_seq);
            rows.quantity.push(held.quantity);
            rows.average_price.push(held.average_price);
            rows.realized_pnl.push(held.realized_pnl);
            rows.unrealized_pnl.push(held.unrealized_pnl(fill.price));
            rows.mark_price.push(fill.price);
        };
        let of_taker = self.change(taker, symbol, bought, fill.price, head.ts);
        if taker != maker {
            add(taker, of_taker);
        }
        add(maker, self.change(maker, symbol, -bought, fill.price, head.ts));
    }

    /// A snapshot of each account that traded in a period that is over at `ts`, and not again. A fill that comes late
    /// makes it anew.
    pub fn ended(&mut self, ts: i64) -> Vec<Snapshot> {
        if self.traded.is_empty() || ts.div_euclid(PERIOD_NS) <= self.period {
            return Vec::new();
        }
        let end = self.period.saturating_add(1).saturating_mul(PERIOD_NS);
        std::mem::take(&mut self.traded).into_iter().map(|account| self.snapshot(account, end)).collect()
    }

    fn snapshot(&self, account_id: u64, ts: i64) -> Snapshot {
        let mut found =
            Snapshot { ts, account_id, equity: 0.0, worth: 0.0, gross: 0.0, realized_pnl: 0.0, unrealized_pnl: 0.0 };
        for &(symbol, place) in self.accounts.get(&account_id).into_iter().flatten() {
            let (held, mark) = (self.held[place], self.marks[symbol]);
            let worth = held.quantity * mark;
            found.worth += worth;
            found.gross += worth.abs();
            found.realized_pnl += held.realized_pnl;
            found.unrealized_pnl += held.unrealized_pnl(mark);
        }
        found.equity = self.value + found.realized_pnl + found.unrealized_pnl;
        found
    }

    fn change(&mut self, account_id: u64, symbol: usize, quantity: f64, price: f64, ts: i64) -> Held {
        let place = self.place(account_id, symbol);
        let held = self.held[place].after(quantity, price);
        self.held[place] = held;
        self.trade(account_id, ts);
        held
    }

    fn trade(&mut self, account_id: u64, ts: i64) {
        let period = ts.div_euclid(PERIOD_NS);
        if period > self.period {
            self.traded.clear();
            self.period = period;
        }
        self.traded.insert(account_id);
    }

    fn symbol(&mut self, name: &str) -> usize {
        if let Some(&symbol) = self.symbols.get(name) {
            return symbol;
        }
        self.symbols.insert(name.to_owned(), self.marks.len());
        self.marks.push(0.0);
        self.marks.len() - 1
    }

    fn place(&mut self, account_id: u64, symbol: usize) -> usize {
        *self.places.entry((account_id, symbol)).or_insert_with(|| {
            self.held.push(Held::default());
            self.accounts.entry(account_id).or_default().push((symbol, self.held.len() - 1));
            self.held.len() - 1
        })
    }
}
