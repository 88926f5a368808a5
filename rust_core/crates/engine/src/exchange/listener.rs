//! What a book says, on its way out: the risk engine hears it first.

use super::EventRecord;
use crate::event::{Cancel, Event, Fill, Sink, Trigger};
use crate::grid::Grid;
use crate::instrument::Instrument;
use crate::risk::Risk;
use crate::types::{Lots, OrderId, Side, Ticks, UserId};

/// The order that a command is about, while it is carried out. Its hold is laid or changed at the end.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub id: OrderId,
    pub account: u32,
    /// What lives on of it.
    pub left: Lots,
    pub traded: bool,
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

    /// One of a fill's two orders.
    #[inline]
    fn filled(&mut self, id: OrderId, side: Side, lots: Lots, price: Ticks) {
        match &mut self.own {
            Some(own) if own.id == id => {
                own.left = own.left.saturating_sub(lots);
                own.traded = true;
                self.risk.fill(own.account, side, lots, price);
            }
            _ => self.risk.filled(self.symbol, id, lots, price),
        }
    }
}

impl Sink for Listener<'_> {
    fn may_fire(&self, user: UserId) -> bool {
        !self.risk.is_halted(user, self.symbol)
    }

    #[inline]
    fn emit(&mut self, event: Event) {
        let symbol = self.symbol;
        let record = match event {
            Event::Fill(Fill { price, quantity, maker, maker_user, taker, taker_user, side }) => {
                self.risk.trade(symbol, price);
                self.filled(maker, side.opposite(), quantity, price);
                self.filled(taker, side, quantity, price);
                EventRecord {
                    kind: EventRecord::FILL,
                    order_id: taker,
                    user_id: taker_user,
                    price: self.tick.value(price),
                    quantity: self.lot.quantity(quantity),
                    maker_order_id: maker,
                    maker_user_id: maker_user,
                    side: side as u8,
                    ..EventRecord::default()
                }
            }
            Event::Cancel(Cancel { order, user, side, quantity, reason }) => {
                match &mut self.own {
                    Some(own) if own.id == order => own.left = own.left.saturating_sub(quantity),
                    _ => self.risk.release(symbol, order, quantity),
                }
                EventRecord {
                    kind: EventRecord::CANCELLED,
                    code: reason as u16,
                    order_id: order,
                    user_id: user,
                    quantity: self.lot.quantity(quantity),
                    side: side as u8,
                    ..EventRecord::default()
                }
            }
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
