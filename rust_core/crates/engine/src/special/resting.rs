//! Orders of all classes coming to rest and leaving.

use super::{Numbered, Peg, Special};
use crate::arena::{Cell, Order, Slot};
use crate::book::Book;
use crate::event::Sink;
use crate::ladder::Ladder;
use crate::rare::{Class, Rare};
use crate::types::{Lots, OrderId, Side, Ticks};

impl Book {
    /// The special part, which comes into being at the first need.
    #[inline]
    pub(super) fn special_mut(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    /// The ladder of a class other than the one that shows.
    #[inline]
    pub(crate) fn apart(&self, class: Class, side: Side) -> Option<&Ladder> {
        self.special.as_ref()?.ladder(class, side)
    }

    /// Where an order waits.
    #[must_use]
    pub fn class(&self, order: &Order) -> Class {
        if order.rare && self.special.is_some() { self.rares.get(order.id).class } else { Class::Shown }
    }

    /// What the price of an order follows.
    #[must_use]
    pub fn peg(&self, order: &Order) -> Option<Peg> {
        self.rare(order).peg
    }

    /// Whether an order does not stand in the book that shows.
    #[inline]
    pub(crate) fn is_apart(&self, order: &Order) -> bool {
        order.rare && self.special.is_some() && self.class(order) != Class::Shown
    }

    /// Empty the queues of orders that don't show, and forget a special part that says nothing any more.
    pub(crate) fn shrink_special(&mut self, empty: bool) {
        let Some(special) = &mut self.special else { return };
        let Special { numbered, next, pegs, positions, .. } = std::mem::take(&mut **special);
        let idle = empty && numbered.is_empty() && positions.is_empty();
        **special = Special { numbered, next, pegs, positions, ..Special::default() };
        if idle {
            self.special = None;
        }
    }

    /// Put an order with a special part at the end of the queue of its class.
    #[cold]
    pub(crate) fn rest_special(&mut self, order: &Order, rare: Rare, sink: &mut impl Sink) {
        let special = self.special_mut();
        let mut rare = rare;
        if rare.reduce_only || rare.peg.is_some() {
            rare.number = special.next;
            special.next += 1;
            special.pegs += usize::from(rare.peg.is_some());
            special.untrimmed |= rare.reduce_only;
            let (id, number) = (order.id, rare.number);
            special.numbered.push(Numbered { number, id, pegged: rare.peg.is_some(), reduce_only: rare.reduce_only });
        }
        self.rares.insert(order.id, order.side, rare);
        let order = Order { rare: true, ..*order };
        if rare.class == Class::Shown {
            return self.link(&order, sink);
        }
        self.link_apart(&order, rare.class);
    }

    /// Put an order, with its uncommon part at hand, at the end of the queue of a class that does not show.
    pub(crate) fn link_apart(&mut self, order: &Order, class: Class) {
        let Order { id, user, price, quantity, side, post_only, rare } = *order;
        let vacancy = self.ids.new_vacancy(&mut self.arena, id);
        let cell = Cell { id, user, quantity, entry: vacancy.entry(), post_only, rare };
        let slot = self.push_apart(side, price, cell, class);
        self.ids.put(vacancy, id, slot);
    }

    /// Put an order that the index of ids knows at the end of the queue of a class that does not show.
    fn push_apart(&mut self, side: Side, price: Ticks, cell: Cell, class: Class) -> Slot {
        let at = side as usize;
        let special = self.special.get_or_insert_default();
        match class {
            Class::Whole => special.whole[at].push(&mut self.arena, price, cell),
            Class::Asleep => {
                special.asleep[at].1 += cell.quantity;
                self.arena.push(&mut special.asleep[at].0, side, 0, cell)
            }
            Class::Dark | Class::Shown => special.dark[at].push(&mut self.arena, price, cell),
        }
    }

    /// Move an order that does not show to the end of another queue, maybe with another price and quantity; returns its
    /// slot there.
    pub(super) fn move_apart(&mut self, slot: Slot, price: Ticks, quantity: Lots, to: Class) -> Slot {
        let (side, cell) = (self.arena.place(slot).0, *self.arena.cell(slot));
        self.unlink_apart(slot);
        self.rares.get_mut(cell.id).class = to;
        let slot = self.push_apart(side, price, Cell { quantity, ..cell }, to);
        self.ids.moved(cell.entry, slot);
        slot
    }

    /// Take an order out of the queue of a class that does not show.
    fn unlink_apart(&mut self, slot: Slot) {
        let Order { side, quantity, .. } = self.arena.get(slot);
        let (at, class) = (side as usize, self.class(&self.arena.get(slot)));
        let Self { special: Some(special), arena, ids, .. } = self else { return };
        let moved = |entry, slot| ids.moved(entry, slot);
        match class {
            Class::Dark => special.dark[at].unlink(arena, slot, moved),
            Class::Whole => special.whole[at].unlink(arena, slot, moved),
            Class::Asleep => {
                special.asleep[at].1 -= quantity;
                arena.remove(&mut special.asleep[at].0, slot, moved);
            }
            Class::Shown => {}
        }
    }

    /// Forget an order that does not show.
    #[cold]
    pub(crate) fn remove_apart(&mut self, slot: Slot) -> Order {
        let (order, entry) = (self.arena.get(slot), self.arena.cell(slot).entry);
        self.unlink_apart(slot);
        self.ids.remove(entry, order.id);
        self.forget_rare(order.id, order.side);
        order
    }

    /// Forget the uncommon part of an order that leaves.
    #[cold]
    pub(crate) fn forget_rare(&mut self, id: OrderId, side: Side) {
        let rare = self.rares.remove(id, side);
        let (Some(rare), Some(special)) = (rare, &mut self.special) else { return };
        if rare.number != 0 {
            let place = special.place(rare.number);
            special.pegs -= usize::from(special.numbered.remove(place).pegged);
        }
    }

    /// Take `by` off an order that does not show and has more.
    #[cold]
    pub(crate) fn lessen_apart(&mut self, slot: Slot, by: Lots) {
        let order = self.arena.get(slot);
        let (at, class) = (order.side as usize, self.class(&order));
        let Some(special) = &mut self.special else { return };
        match class {
            Class::Dark => special.dark[at].reduce(&mut self.arena, slot, by),
            Class::Whole => special.whole[at].reduce(&mut self.arena, slot, by),
            Class::Asleep => {
                self.arena.cell_mut(slot).quantity -= by;
                special.asleep[at].1 -= by;
            }
            Class::Shown => {}
        }
    }

    /// What rests on a side outside the book that shows.
    pub(crate) fn quantity_apart(&self, side: Side) -> Option<Lots> {
        let Some(special) = &self.special else { return Some(0) };
        let at = side as usize;
        special.dark[at].quantity().checked_add(special.whole[at].quantity())?.checked_add(special.asleep[at].1)
    }

    /// The best price of a side, whether it shows or not; all-or-none orders have no say.
    pub(crate) fn best_of_all(&self, side: Side) -> Option<Ticks> {
        let shown = self.ladder(side).best();
        let dark = self.apart(Class::Dark, side).and_then(Ladder::best);
        shown.max(dark).map(|key| self.ladder(side).price(key))
    }

    /// The first order of a side, whether it shows or not; all-or-none orders have no say.
    pub(crate) fn first_of_all(&self, side: Side) -> Option<Slot> {
        let shown = self.ladder(side);
        match self.apart(Class::Dark, side) {
            Some(dark) if dark.best() > shown.best() => dark.first(&self.arena, i64::MIN),
            _ => shown.first(&self.arena, i64::MIN),
        }
    }

    /// The orders of a class that does not show in the order in which they would trade; sleeping ones as they came.
    pub fn queue_apart(&self, class: Class, side: Side) -> impl Iterator<Item = Order> {
        let levels = self.apart(class, side).into_iter().flat_map(Ladder::iter);
        let queued = levels.flat_map(|(_, level)| self.arena.queue(level.ends));
        let numbered = self.special.as_ref().filter(|_| class == Class::Asleep).map(|special| special.numbered.iter());
        let asleep = numbered.into_iter().flatten().filter(|each| each.pegged).filter_map(|each| self.order(each.id));
        queued.chain(asleep.filter(move |order| order.side == side && self.class(order) == Class::Asleep))
    }

    /// `ahead` for an order that does not show.
    #[cold]
    pub(crate) fn ahead_apart(&self, slot: Slot) -> Option<(usize, Lots)> {
        let order = self.arena.get(slot);
        let class = self.class(&order);
        if class == Class::Asleep {
            return None;
        }
        let (orders, lots) = self.lots_ahead(slot);
        let dark = self.apart(Class::Dark, order.side).filter(|_| class == Class::Whole);
        let dark = dark.and_then(|dark| dark.level(dark.key(order.price)));
        let before = self.level(order.side, order.price).into_iter().chain(dark);
        Some(before.fold((orders, lots), |(n, lots), level| (n + level.orders as usize, lots + level.quantity)))
    }

    /// The orders of a side that don't show: hidden and pegged ones, all-or-none ones, then pegged ones without a price.
    pub fn unseen(&self, side: Side) -> impl Iterator<Item = Order> {
        [Class::Dark, Class::Whole, Class::Asleep].into_iter().flat_map(move |class| self.queue_apart(class, side))
    }
}
