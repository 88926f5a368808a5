//! What stands in a book as bytes.

use super::{LIMIT, MAGIC, MARKET, PLAIN_BYTES, POST_ONLY, RARE, RARE_BYTES, SPECIAL, VERSION};
use crate::arena::Order;
use crate::book::Book;
use crate::orders::{Incoming, Terms};
use crate::rare::{Class, Rare};
use crate::stops::Parked;
use crate::types::Side;

impl Book {
    pub(super) fn write_state(&self, write: &mut impl FnMut(&[u8])) {
        write(&MAGIC);
        write(&VERSION.to_le_bytes());
        write(&[self.self_trade as u8]);
        write(&[self.phase.code()]);
        write(&self.now.to_le_bytes());
        write(&self.trades.to_le_bytes());
        write(&self.changes.to_le_bytes());
        write(&u64::from(self.last.is_some()).to_le_bytes());
        if let Some(last) = self.last {
            write(&last.to_le_bytes());
        }
        for side in [Side::Buy, Side::Sell] {
            let count: u64 = self.levels(side).map(|(_, level)| u64::from(level.orders)).sum();
            write(&count.to_le_bytes());
            for order in self.queue(side) {
                self.write_order(&order, write);
            }
        }
        write(&(self.stops().count() as u64).to_le_bytes());
        for stop in self.stops() {
            write_stop(stop, write);
        }
        self.write_special(write);
    }

    fn write_special(&self, write: &mut impl FnMut(&[u8])) {
        for side in [Side::Buy, Side::Sell] {
            for class in [Class::Dark, Class::Whole, Class::Asleep] {
                write(&(self.queue_apart(class, side).count() as u64).to_le_bytes());
                for order in self.queue_apart(class, side) {
                    self.write_order(&order, write);
                }
            }
        }
        write(&(self.numbered().count() as u64).to_le_bytes());
        for id in self.numbered() {
            write(&id.to_le_bytes());
        }
        write(&(self.positions().count() as u64).to_le_bytes());
        for (user, position) in self.positions() {
            write(&user.to_le_bytes());
            write(&position.to_le_bytes());
        }
    }

    fn write_order(&self, order: &Order, write: &mut impl FnMut(&[u8])) {
        let rare = self.rare(order);
        let special = rare.reduce_only || rare.peg.is_some();
        let mut row = [0; PLAIN_BYTES];
        row[..8].copy_from_slice(&order.id.to_le_bytes());
        row[8..16].copy_from_slice(&order.user.to_le_bytes());
        row[16..24].copy_from_slice(&order.price.to_le_bytes());
        row[24..32].copy_from_slice(&order.quantity.to_le_bytes());
        row[32] = u8::from(order.post_only) * POST_ONLY + u8::from(order.rare) * RARE + u8::from(special) * SPECIAL;
        write(&row);
        if !order.rare {
            return;
        }
        let Rare { display, reserve, expires, reduce_only, peg, .. } = rare;
        let mut row = [0; RARE_BYTES];
        row[..8].copy_from_slice(&display.to_le_bytes());
        row[8..16].copy_from_slice(&reserve.to_le_bytes());
        row[16..].copy_from_slice(&expires.to_le_bytes());
        write(&row);
        if !special {
            return;
        }
        write(&[u8::from(reduce_only), peg.map_or(0, |peg| peg.kind as u8)]);
        if let Some(peg) = peg {
            write(&peg.offset.to_le_bytes());
            write(&[u8::from(peg.limit.is_some())]);
            if let Some(limit) = peg.limit {
                write(&limit.to_le_bytes());
            }
        }
    }
}

fn write_stop(stop: &Parked, write: &mut impl FnMut(&[u8])) {
    let (kind, price, terms) = match stop.order {
        Incoming::Market(_) => (MARKET, 0, Terms::default()),
        Incoming::Limit(limit) => (LIMIT, limit.price, limit.terms),
    };
    write(&[kind, stop.order.side() as u8, terms.tif as u8, terms.post_only as u8]);
    write(&[terms.hidden, terms.all_or_none, terms.reduce_only].map(u8::from));
    write(&stop.order.id().to_le_bytes());
    write(&stop.order.user().to_le_bytes());
    write(&stop.order.quantity().to_le_bytes());
    for ticks in [price, stop.trigger, stop.trail] {
        write(&ticks.to_le_bytes());
    }
    for number in [terms.display.unwrap_or(0), terms.min_quantity, terms.expires] {
        write(&number.to_le_bytes());
    }
}
