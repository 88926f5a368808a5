//! Bytes as what they stand for, or the place where they stand for nothing.

use super::{LIMIT, MARKET, POST_ONLY, RARE, SPECIAL, SnapshotError};
use crate::arena::Order;
use crate::orders::{Incoming, Limit, Market, PostOnly, Stop, Terms};
use crate::rare::{Class, END_OF_AUCTION, Rare};
use crate::special::{Peg, PegKind};
use crate::types::{MAX_TICKS, Side, Ticks, TimeInForce};

pub(super) struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Reader<'_> {
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let part = self.bytes.get(self.at..self.at + N);
        let part = part
            .ok_or_else(|| SnapshotError::Truncated { at: self.bytes.len(), wanted: self.at + N - self.bytes.len() })?;
        self.at += N;
        Ok(part.try_into().expect("a slice of N bytes"))
    }

    /// An order that rests in a queue of `class`, with its uncommon part.
    pub fn order(&mut self, side: Side, class: Class) -> Result<(Order, Option<Rare>), SnapshotError> {
        let (id, user, price, quantity) = (self.number()?, self.number()?, self.ticks()?, self.number()?);
        let [flags] = self.take()?;
        if flags & !(POST_ONLY | RARE | SPECIAL) != 0 {
            return Err(self.invalid("an unknown flag"));
        }
        if quantity == 0 {
            return Err(self.invalid("an order without quantity"));
        }
        let post_only = flags & POST_ONLY != 0;
        let order = Order { id, user, price, quantity, side, post_only, rare: false };
        if flags & RARE == 0 {
            if class != Class::Shown || flags & SPECIAL != 0 {
                return Err(self.invalid("a special order without an uncommon part"));
            }
            return Ok((order, None));
        }
        let (display, reserve, expires) = (self.number()?, self.number()?, self.number()?);
        let (reduce_only, peg) = if flags & SPECIAL == 0 { (false, None) } else { self.special()? };
        let rare = Rare { display, reserve, expires, class, reduce_only, peg, number: 0 };
        let plain = class == Class::Shown && !reduce_only;
        let senseless = match class {
            // An iceberg, or an order with an end; not one that shows part of itself and has something else as well.
            Class::Shown => peg.is_some() || display == 0 && (reserve != 0 || plain && expires == 0),
            Class::Dark => peg.is_some() && post_only,
            Class::Whole => post_only || reduce_only || peg.is_some() || expires == END_OF_AUCTION,
            Class::Asleep => post_only || peg.is_none() || price != 0,
        };
        if senseless || !plain && display != 0 || !plain && reserve != 0 || peg.is_some() && expires == END_OF_AUCTION {
            return Err(self.invalid("an uncommon part that says nothing, or contradicts itself"));
        }
        Ok((order, Some(rare)))
    }

    fn special(&mut self) -> Result<(bool, Option<Peg>), SnapshotError> {
        let reduce_only = self.flag()?;
        let peg = match self.take()? {
            [0] if reduce_only => None,
            [kind] => {
                let kind = PegKind::from_code(kind).ok_or_else(|| self.invalid("an unknown peg"))?;
                let offset = self.ticks()?;
                let limit = if self.flag()? { Some(self.ticks()?) } else { None };
                Some(Peg { kind, offset, limit })
            }
        };
        Ok((reduce_only, peg))
    }

    pub fn stop(&mut self) -> Result<Stop, SnapshotError> {
        let [kind] = self.take()?;
        let side = self.code(Side::from_code, "an unknown side")?;
        let tif = self.code(TimeInForce::from_code, "an unknown time in force")?;
        let post_only = self.code(PostOnly::from_code, "an unknown post-only choice")?;
        let (hidden, all_or_none, reduce_only) = (self.flag()?, self.flag()?, self.flag()?);
        let (id, user, quantity) = (self.number()?, self.number()?, self.number()?);
        let (price, trigger, trail) = (self.ticks()?, self.ticks()?, self.ticks()?);
        let (display, min_quantity, expires) = (self.number()?, self.number()?, self.number()?);
        if tif.auction().is_some() {
            return Err(self.invalid("a stop for an auction alone"));
        }
        if quantity == 0 || trail < 0 {
            return Err(self.invalid("a stop without quantity, or one that runs ahead"));
        }
        let display = (display != 0).then_some(display);
        let terms = Terms { tif, post_only, display, min_quantity, expires, hidden, all_or_none, reduce_only };
        let order = match kind {
            MARKET => Incoming::Market(Market { id, user, side, quantity }),
            LIMIT => Incoming::Limit(Limit { id, user, side, price, quantity, terms }),
            _ => return Err(self.invalid("an unknown kind of order")),
        };
        Ok(Stop { order, trigger, trail })
    }

    pub fn number(&mut self) -> Result<u64, SnapshotError> {
        self.take().map(u64::from_le_bytes)
    }

    pub fn ticks(&mut self) -> Result<Ticks, SnapshotError> {
        let ticks = i64::from_le_bytes(self.take()?);
        if ticks.unsigned_abs() > MAX_TICKS.unsigned_abs() {
            return Err(self.invalid("a price beyond all bounds"));
        }
        Ok(ticks)
    }

    fn flag(&mut self) -> Result<bool, SnapshotError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.invalid("something that is neither there nor not")),
        }
    }

    pub fn code<T>(&mut self, meaning: impl Fn(u8) -> Option<T>, what: &'static str) -> Result<T, SnapshotError> {
        let [code] = self.take()?;
        meaning(code).ok_or_else(|| self.invalid(what))
    }

    pub const fn invalid(&self, what: &'static str) -> SnapshotError {
        SnapshotError::Invalid { at: self.at, what }
    }
}
