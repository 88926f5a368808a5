//! What a book says, on its way out: the risk engine hears it first.

use super::EventRecord;
use crate::event::{Cancel, Event, Fill, Sink, Trigger};
use crate::grid::Grid;
use crate::instrument::Instrument;
use crate::risk::Risk;
use crate::types::{Lots, OrderId, UserId};

/// The order that a command is about, while it is carried out. Its hold is laid or changed at the end.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub id: OrderId,
    pub account: u32,
    /// What lives on of it.
    pub left: Lots,
    pub traded: bool,
}

impl Own {
    fn is(own: Option<&mut Self>, id: OrderId) -> Option<&mut Self> {
        own.filter(|own| own.id == id)
    }
}

/// Tell the risk engine what a book said of `symbol`, and `own` what it means for the command's own order.
#[inline]
pub fn hear(risk: &mut Risk, own: &mut Option<Own>, symbol: u32, event: &Event) {
    match *event {
        Event::Fill(Fill { price, quantity, maker, taker, side, .. }) => {
            risk.trade(symbol, price);
            for (id, side) in [(maker, side.opposite()), (taker, side)] {
                match Own::is(own.as_mut(), id) {
                    Some(own) => {
                        own.left = own.left.saturating_sub(quantity);
                        own.traded = true;
                        risk.fill(own.account, side, quantity, price);
                    }
                    None => risk.filled(symbol, id, quantity, price),
                }
            }
        }
        Event::Cancel(Cancel { order, quantity, .. }) => match Own::is(own.as_mut(), order) {
            Some(own) => own.left = own.left.saturating_sub(quantity),
            None => risk.release(symbol, order, quantity),
        },
        Event::Trigger(_) => {}
    }
}

/// The listener of one command.
pub struct Listener<'a> {
    pub risk: &'a mut Risk,
    pub own: Option<Own>,
    symbol: u32,
    tick: Grid,
    lot: Grid,
    events: &'a mut Vec<EventRecord>,
}

impl<'a> Listener<'a> {
    pub fn new(
        risk: &'a mut Risk,
        own: Option<Own>,
        symbol: u32,
        instrument: &Instrument,
        events: &'a mut Vec<EventRecord>,
    ) -> Self {
        Self { risk, own, symbol, tick: instrument.tick, lot: instrument.lot, events }
    }
}

impl Sink for Listener<'_> {
    fn may_fire(&self, user: UserId) -> bool {
        !self.risk.is_halted(user, self.symbol)
    }

    #[inline]
    fn emit(&mut self, event: Event) {
        let symbol = self.symbol;
        hear(self.risk, &mut self.own, symbol, &event);
        let record = match event {
            Event::Fill(Fill { price, quantity, maker, maker_user, taker, taker_user, side }) => EventRecord {
                kind: EventRecord::FILL,
                order_id: taker,
                user_id: taker_user,
                price: self.tick.value(price),
                quantity: self.lot.quantity(quantity),
                maker_order_id: maker,
                maker_user_id: maker_user,
                side: side as u8,
                ..EventRecord::default()
            },
            Event::Cancel(Cancel { order, user, side, quantity, reason }) => EventRecord {
                kind: EventRecord::CANCELLED,
                code: reason as u16,
                order_id: order,
                user_id: user,
                quantity: self.lot.quantity(quantity),
                side: side as u8,
                ..EventRecord::default()
            },
            Event::Trigger(Trigger { order, user, side }) => EventRecord {
                kind: EventRecord::TRIGGERED,
                order_id: order,
                user_id: user,
                side: side as u8,
                ..EventRecord::default()
            },
        };
        self.events.push(EventRecord { symbol, ..record });
    }
}
