//! Commands in, events out, as plain rows: what `submit_batch` reads and writes without an object per row.

use bytemuck::{Pod, Zeroable};

use crate::change::Change;
use crate::error::BookError;
use crate::event::{Event, Sink};
use crate::grid::Grid;
use crate::instrument::{Instrument, Options};
use crate::orders::{Limit, PostOnly, Terms};
use crate::plain::Plain;
use crate::types::{Lots, Side, TimeInForce};

/// One command: 40 bytes, no padding.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct CommandRow {
    /// 0 limit, 1 market, 2 cancel, 3 reduce, 4 modify.
    pub op: u8,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// 0 GTC, 1 IOC, 2 FOK, 3 DAY, 5 ATO, 6 ATC.
    pub tif: u8,
    /// Bit 0: post-only, refused if it would take; bit 1: post-only, repriced instead.
    pub flags: u8,
    /// Zero.
    pub reserved: u32,
    /// The order.
    pub order_id: u64,
    /// Its owner.
    pub user_id: u64,
    /// The price; for a modify, NaN keeps the old one.
    pub price: f64,
    /// The quantity; for a reduce, by how much; for a modify, NaN keeps the old one.
    pub quantity: f64,
}

/// One event: 64 bytes, no padding.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct EventRow {
    /// 0 accepted, 1 fill, 2 cancelled, 3 rejected, 4 triggered.
    pub kind: u8,
    /// The side of the order: 0 buy, 1 sell; a fill's is the taker's.
    pub side: u8,
    /// For a cancel its reason (0 user, 1 unfilled, 2 self-trade, 3 expired, 4 refused, 5 reduce-only), for a reject the
    /// number of its code.
    pub code: u16,
    /// Zero.
    pub reserved: u32,
    /// Which command of the batch caused it.
    pub command: u64,
    /// The order; a fill's is the taker.
    pub order_id: u64,
    /// Its owner.
    pub user_id: u64,
    /// A fill's price.
    pub price: f64,
    /// How much was filled or cancelled; what rests, when accepted.
    pub quantity: f64,
    /// A fill's resting order.
    pub maker_order_id: u64,
    /// Its owner.
    pub maker_user_id: u64,
}

const ACCEPTED: u8 = 0;
const FILL: u8 = 1;
const CANCELLED: u8 = 2;
const REJECTED: u8 = 3;
const TRIGGERED: u8 = 4;
const POST_ONLY: u8 = 1;
const REPRICE: u8 = 2;
/// A book with so many orders no longer fits the processor's nearest cache, and shares the next one.
const LARGE: usize = 2_048;
/// How many commands ahead an order is fetched; its id's place is fetched at twice that.
const AHEAD: usize = 12;

/// A listener that writes rows.
pub(crate) struct Rows<'a> {
    rows: &'a mut Vec<EventRow>,
    tick: Grid,
    lot: Grid,
    command: u64,
    changes: Option<&'a mut Vec<Change>>,
}

impl<'a> Rows<'a> {
    /// A listener to the book of `instrument`.
    pub fn new(instrument: &Instrument, rows: &'a mut Vec<EventRow>, changes: Option<&'a mut Vec<Change>>) -> Self {
        Self { rows, tick: instrument.tick, lot: instrument.lot, command: 0, changes }
    }

    /// The command with this number begins.
    #[inline]
    pub fn begin(&mut self, command: u64) {
        self.command = command;
    }

    /// It has ended: with what rests, where that is news, or with a refusal.
    #[inline(always)]
    pub fn end(&mut self, side: u8, order_id: u64, user_id: u64, outcome: Result<Option<Lots>, BookError>) {
        match outcome {
            Ok(Some(lots)) => self.accept(side, order_id, user_id, lots),
            Ok(None) => {}
            Err(error) => self.refuse(side, order_id, user_id, error.number()),
        }
    }

    /// It has ended, and that much rests.
    #[inline(always)]
    fn accept(&mut self, side: u8, order_id: u64, user_id: u64, lots: Lots) {
        self.row(ACCEPTED, side, order_id, user_id).quantity = self.lot.quantity(lots);
    }

    /// It was refused, for the reason with this number.
    #[inline(always)]
    fn refuse(&mut self, side: u8, order_id: u64, user_id: u64, number: u16) {
        self.row(REJECTED, side, order_id, user_id).code = number;
    }
}

impl Rows<'_> {
    /// A new row. It is filled in where it lies: put together elsewhere, it would have to wait to be copied.
    #[inline(always)]
    fn row(&mut self, kind: u8, side: u8, order_id: u64, user_id: u64) -> &mut EventRow {
        let at = self.rows.len();
        self.rows.push(EventRow::zeroed());
        let row = &mut self.rows[at];
        (row.kind, row.side, row.command, row.order_id, row.user_id) = (kind, side, self.command, order_id, user_id);
        row
    }
}

impl Sink for Rows<'_> {
    #[inline]
    fn wants_changes(&self) -> bool {
        self.changes.is_some()
    }

    #[cold]
    fn change(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    #[inline(always)]
    fn emit(&mut self, event: Event) {
        let (tick, lot) = (self.tick, self.lot);
        match event {
            Event::Fill(fill) => {
                let row = self.row(FILL, fill.side as u8, fill.taker, fill.taker_user);
                (row.price, row.quantity) = (tick.value(fill.price), lot.quantity(fill.quantity));
                (row.maker_order_id, row.maker_user_id) = (fill.maker, fill.maker_user);
            }
            Event::Cancel(cancel) => {
                let row = self.row(CANCELLED, cancel.side as u8, cancel.order, cancel.user);
                (row.code, row.quantity) = (cancel.reason as u16, lot.quantity(cancel.quantity));
            }
            Event::Trigger(trigger) => {
                self.row(TRIGGERED, trigger.side as u8, trigger.order, trigger.user);
            }
        }
    }
}

impl Instrument {
    /// Carry out every command in order. Each ends in one row: accepted (a limit or a modify, after its fills, with what
    /// rests) or rejected; a command that cancels or reduces says so by the cancelled row alone.
    pub fn submit_batch(&mut self, commands: &[CommandRow], events: &mut Vec<EventRow>) {
        self.submit_batch_telling(commands, events, None);
    }

    /// `submit_batch`, with the changes of the book behind `changes`, if given.
    pub fn submit_batch_telling(
        &mut self,
        commands: &[CommandRow],
        events: &mut Vec<EventRow>,
        changes: Option<&mut Vec<Change>>,
    ) {
        let mut rows = Rows::new(self, events, changes);
        let large = self.book.len() >= LARGE;
        for (number, command) in commands.iter().enumerate() {
            if large {
                self.look_ahead(&commands[number..]);
            }
            rows.begin(number as u64);
            let CommandRow { side, order_id, user_id, .. } = *command;
            // What most commands are: nothing to be looked up. Each outcome is read where it comes out: made another
            // one first, it would be copied in pieces that the processor has to wait for.
            let refused = match command {
                CommandRow { op: 0, tif: 0, flags: 0, .. } => match self.submit_plain(command, &mut rows) {
                    Ok(lots) => {
                        rows.accept(side, order_id, user_id, lots);
                        continue;
                    }
                    Err(number) => number,
                },
                CommandRow { op: 2, .. } => match self.book.cancel(order_id, &mut rows) {
                    Ok(_) => continue,
                    Err(error) => error.number(),
                },
                _ => {
                    let outcome = self.submit(command, &mut rows);
                    rows.end(side, order_id, user_id, outcome);
                    continue;
                }
            };
            rows.refuse(side, order_id, user_id, refused);
        }
    }

    /// Have the processor fetch what later commands will need, while this one is carried out.
    #[inline]
    fn look_ahead(&self, commands: &[CommandRow]) {
        if let Some(command) = commands.get(2 * AHEAD) {
            self.book.fetch_id(command.order_id);
        }
        if let Some(command) = commands.get(AHEAD).filter(|command| command.op > 1) {
            self.book.fetch_order(command.order_id);
        }
    }

    /// A limit order without options. An error is told by its number: that fits a register.
    #[inline(always)]
    fn submit_plain(&mut self, row: &CommandRow, sink: &mut impl Sink) -> Result<Lots, u16> {
        let (id, user, side) = (row.order_id, row.user_id, side(row).map_err(number)?);
        let price = self.ticks(row.price).map_err(number)?;
        let quantity = self.lots("quantity", row.quantity).map_err(number)?;
        if self.book.is_plain() {
            return self.book.add_plain(&Plain { id, user, side, price, quantity, rests: true }, sink).map_err(number);
        }
        self.submit_to_any(&Limit { id, user, side, price, quantity, terms: Terms::default() }, sink)
    }

    #[cold]
    #[inline(never)]
    fn submit_to_any(&mut self, order: &Limit, sink: &mut impl Sink) -> Result<Lots, u16> {
        self.book.add_limit(order, sink).map_err(number)
    }

    /// Carry out a command that is neither a plain limit nor a cancel; returns what rests where that is news.
    fn submit(&mut self, row: &CommandRow, sink: &mut impl Sink) -> Result<Option<Lots>, BookError> {
        let CommandRow { order_id, user_id, price, quantity, .. } = *row;
        match row.op {
            0 => {
                let post_only = match row.flags & (POST_ONLY | REPRICE) {
                    0 => PostOnly::No,
                    POST_ONLY => PostOnly::Reject,
                    _ => PostOnly::Reprice,
                };
                let options = Options { tif: tif(row)?, post_only, ..Options::default() };
                self.add_limit(order_id, side(row)?, price, quantity, user_id, options, sink).map(Some)
            }
            1 => self.add_market(order_id, side(row)?, quantity, user_id, sink).map(|()| Some(0)),
            3 => self.reduce(order_id, quantity, sink).map(|_| None),
            4 => {
                let given = |value: f64| (!value.is_nan()).then_some(value);
                self.modify(order_id, given(price), given(quantity), sink).map(Some)
            }
            op => Err(BookError::BadChoice {
                field: "op",
                value: op.into(),
                expected: "0 limit, 1 market, 2 cancel, 3 reduce, 4 modify",
            }),
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_pass_by_value)]
fn number(error: BookError) -> u16 {
    error.number()
}

fn side(row: &CommandRow) -> Result<Side, BookError> {
    let expected = "0 buy, 1 sell";
    Side::from_code(row.side).ok_or(BookError::BadChoice { field: "side", value: row.side.into(), expected })
}

fn tif(row: &CommandRow) -> Result<TimeInForce, BookError> {
    let expected = "0 GTC, 1 IOC, 2 FOK, 3 DAY, 5 ATO, 6 ATC";
    let tif = TimeInForce::from_code(row.tif).filter(|tif| *tif != TimeInForce::Gtd);
    tif.ok_or(BookError::BadChoice { field: "tif", value: row.tif.into(), expected })
}
