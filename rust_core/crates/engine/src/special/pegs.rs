//! Pegged orders: their price follows the best prices that show.
//!
//! A primary peg follows the best price of its own side, a market peg that of the other side, a mid peg the middle of
//! both, which on half a tick is rounded away from the market. A signed offset is added to what it follows (as FIX's
//! PegOffsetValue, tag 211), a limit caps the result. Pegged orders don't show, so that nothing they do moves what they
//! follow. After every command that has moved it they get their new prices, in the order of their entry: a new price
//! means the end of the queue there, and one that crosses takes. Without anything to follow, at a price that has fallen
//! to zero or below from above it, and while the book does not trade continuously, a peg sleeps: it lives, but nobody
//! meets it.

use super::{Numbered, Reference};
use crate::arena::Order;
use crate::book::Book;
use crate::error::BookError;
use crate::event::Sink;
use crate::matching::Taker;
use crate::orders::{PostOnly, Terms};
use crate::rare::{Class, Rare};
use crate::types::{Lots, MAX_TICKS, OrderId, Phase, Side, Ticks, UserId};

/// What a pegged order follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PegKind {
    /// The best price of its own side.
    Primary = 1,
    /// The middle between the best prices.
    Mid = 2,
    /// The best price of the other side.
    Market = 3,
}

impl PegKind {
    /// The kind whose code is `code`, as in a snapshot or a batch; zero is no peg.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Primary),
            2 => Some(Self::Mid),
            3 => Some(Self::Market),
            _ => None,
        }
    }
}

/// How a price follows the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peg {
    /// What it follows.
    pub kind: PegKind,
    /// What is added to that.
    pub offset: Ticks,
    /// The worst price it takes.
    pub limit: Option<Ticks>,
}

/// A pegged order.
#[derive(Clone, Copy, Debug)]
pub struct Pegged {
    /// The order's id.
    pub id: OrderId,
    /// Its owner.
    pub user: UserId,
    /// Its side.
    pub side: Side,
    /// How much.
    pub quantity: Lots,
    /// How its price follows the market.
    pub peg: Peg,
    /// How long it lives, and whether it may only reduce a position; nothing else makes sense.
    pub terms: Terms,
}

impl Book {
    /// Let an order follow the market. Returns what rests.
    ///
    /// # Errors
    /// A live id, terms that a pegged order can't have, nothing to reduce, or a side that would overflow.
    pub fn add_pegged(&mut self, order: &Pegged, sink: &mut impl Sink) -> Result<Lots, BookError> {
        self.check_open()?;
        self.check_new(order.id)?;
        self.check_pegged(order)?;
        let left = self.enter_pegged(order, sink)?;
        self.carry_out_fired(sink);
        Ok(left)
    }

    fn check_pegged(&self, order: &Pegged) -> Result<(), BookError> {
        let terms = &order.terms;
        let refusal = |other| BookError::Contradiction { field: "peg", other };
        if !terms.tif.rests() {
            return Err(BookError::NeverRests { field: "peg" });
        }
        let others = [
            (terms.tif.auction().is_some(), "tif"),
            (terms.post_only != PostOnly::No, "post_only"),
            (terms.display.is_some(), "display_quantity"),
            (terms.min_quantity > 0, "min_quantity"),
            (terms.all_or_none, "all_or_none"),
        ];
        if let Some((_, other)) = others.into_iter().find(|(given, _)| *given) {
            return Err(refusal(other));
        }
        self.check_date(terms)
    }

    /// `add_pegged` after its checks, and before what follows from it.
    pub(super) fn enter_pegged(&mut self, order: &Pegged, sink: &mut impl Sink) -> Result<Lots, BookError> {
        let Pegged { id, user, side, peg, terms, .. } = *order;
        self.check_room_special(side, order.quantity)?;
        let quantity = self.cut_to_position(id, user, side, order.quantity, terms.reduce_only, sink)?;
        let mut taker = Taker::new(id, user, side, quantity);
        let price = self.take_pegged(&mut taker, peg, sink);
        if taker.quantity > 0 {
            let class = if price.is_some() { Class::Dark } else { Class::Asleep };
            let (expires, reduce_only) = (terms.end_of_life(), terms.reduce_only);
            let rare = Rare { expires, class, reduce_only, peg: Some(peg), ..Rare::default() };
            self.rest_special(&Order { price: price.unwrap_or(0), ..taker.rest() }, rare, sink);
        }
        Ok(taker.quantity)
    }

    /// Take what a pegged order can at its present price, which is returned.
    fn take_pegged(&mut self, taker: &mut Taker, peg: Peg, sink: &mut impl Sink) -> Option<Ticks> {
        let price = self.pegged_price(taker.side, peg);
        if let Some(price) = price {
            taker.limit = Some(price);
            self.take(taker, sink);
        }
        price
    }

    /// The price of a peg right now; `None` while it sleeps.
    fn pegged_price(&self, side: Side, peg: Peg) -> Option<Ticks> {
        let (bid, ask) = self.reference()?;
        let (own, other) = if side == Side::Buy { (bid, ask) } else { (ask, bid) };
        let followed = match (peg.kind, side) {
            (PegKind::Primary, _) => own?,
            (PegKind::Market, _) => other?,
            (PegKind::Mid, Side::Buy) => (bid? + ask?).div_euclid(2),
            (PegKind::Mid, Side::Sell) => -(-(bid? + ask?)).div_euclid(2),
        };
        let price = followed + peg.offset;
        let price = match (peg.limit, side) {
            (None, _) => price,
            (Some(limit), Side::Buy) => price.min(limit),
            (Some(limit), Side::Sell) => price.max(limit),
        };
        (price.abs() <= MAX_TICKS && (followed <= 0 || price > 0)).then_some(price)
    }

    /// What pegs follow; nothing while the book does not trade.
    fn reference(&self) -> Reference {
        (self.phase == Phase::Continuous).then(|| (self.best(Side::Buy), self.best(Side::Sell)))
    }

    /// Give every peg its present price, if what they follow has moved; returns whether any moved.
    pub(super) fn move_pegs(&mut self, sink: &mut impl Sink) -> bool {
        let reference = self.reference();
        let Some(special) = &mut self.special else { return false };
        if special.pegs == 0 {
            // What was followed is forgotten: the next peg to come may move the market while it comes.
            special.followed = None;
            return false;
        }
        if special.followed == Some(reference) {
            return false;
        }
        special.followed = Some(reference);
        let (mut moved, mut next) = (false, 0);
        while let Some(peg) = self.next_peg(next) {
            next = peg.number + 1;
            moved |= self.move_peg(&peg, sink);
        }
        moved
    }

    /// Whether every peg has its present price.
    pub(super) fn pegs_have_their_prices(&self) -> bool {
        let pegs = self.special.iter().flat_map(|special| &special.numbered).filter(|each| each.pegged);
        pegs.filter_map(|each| self.order(each.id)).all(|order| {
            let Rare { class, peg, .. } = self.rares.get(order.id);
            let present = (class == Class::Dark).then_some(order.price);
            peg.is_some_and(|peg| self.pegged_price(order.side, peg) == present)
        })
    }

    /// The first peg from a number on.
    fn next_peg(&self, from: u64) -> Option<Numbered> {
        let special = self.special.as_ref()?;
        special.numbered[special.place(from)..].iter().find(|each| each.pegged).copied()
    }

    fn move_peg(&mut self, numbered: &Numbered, sink: &mut impl Sink) -> bool {
        let Some(slot) = self.ids.get(&self.arena, numbered.id) else { return false };
        let order = self.arena.get(slot);
        let Rare { class, peg: Some(peg), .. } = self.rares.get(order.id) else { return false };
        let present = (class == Class::Dark).then_some(order.price);
        let wanted = self.pegged_price(order.side, peg);
        if wanted == present {
            return false;
        }
        // Nobody can meet it while it takes: it sleeps.
        self.move_apart(slot, 0, order.quantity, Class::Asleep);
        let reducible = if numbered.reduce_only { self.reducible(order.user, order.side) } else { Lots::MAX };
        let taking = order.quantity.min(reducible);
        let mut taker = Taker::new(order.id, order.user, order.side, taking);
        let price = self.take_pegged(&mut taker, peg, sink);
        let taken = taking - taker.quantity;
        // What it met may have moved it.
        let Some(slot) = self.ids.get(&self.arena, order.id) else { return true };
        if taken == order.quantity {
            self.remove_apart(slot);
            return true;
        }
        let class = if price.is_some() { Class::Dark } else { Class::Asleep };
        self.move_apart(slot, price.unwrap_or(0), order.quantity - taken, class);
        true
    }
}
