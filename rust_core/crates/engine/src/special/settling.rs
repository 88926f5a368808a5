//! After every command: what it set free comes to rest.

use super::Numbered;
use crate::book::Book;
use crate::event::Sink;
use crate::types::{OrderId, UserId};

impl Book {
    /// One round: trim reduce-only orders; move pegged orders if what they follow has moved; let an all-or-none order
    /// trade. Returns whether anything happened, so that another round is due.
    pub(crate) fn settle_once(&mut self, sink: &mut impl Sink) -> bool {
        self.special.is_some() && (self.trim(sink) || self.move_pegs(sink) || self.trade_whole(sink))
    }

    /// Whether every reduce-only order fits its owner's position and every pegged one has its price.
    pub(crate) fn is_settled(&self) -> bool {
        self.excesses().is_empty() && self.pegs_have_their_prices()
    }

    /// The ids of all pegged and reduce-only orders as they were entered.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = OrderId> {
        self.special.iter().flat_map(|special| special.numbered.iter().map(|each| each.id))
    }

    /// Give all pegged and reduce-only orders new numbers, in this order; false if it is not exactly those.
    pub(crate) fn renumber(&mut self, ids: &[OrderId]) -> bool {
        let Some(special) = &mut self.special else { return ids.is_empty() };
        let mut known: Vec<Option<Numbered>> = std::mem::take(&mut special.numbered).into_iter().map(Some).collect();
        special.next = ids.len() as u64 + 1;
        if known.len() != ids.len() {
            return false;
        }
        for (number, id) in (1..).zip(ids) {
            // They were numbered from 1 on as they came to rest.
            let old = self
                .ids
                .get(&self.arena, *id)
                .filter(|slot| self.arena.cell(*slot).rare)
                .map(|_| self.rares.get(*id).number);
            let place = old.and_then(|old| usize::try_from(old).ok()?.checked_sub(1));
            let Some(each) = place.and_then(|place| known.get_mut(place)?.take()) else { return false };
            special.numbered.push(Numbered { number, ..each });
        }
        for Numbered { number, id, .. } in &special.numbered {
            self.rares.get_mut(*id).number = *number;
        }
        true
    }

    /// Take a position over as it was.
    pub(crate) fn put_position(&mut self, user: UserId, position: i128) {
        self.special_mut().positions.insert(user, position);
    }
}
