//! Orders that don't show, and positions, from their bytes.

use super::{Reader, SnapshotError};
use crate::book::Book;
use crate::rare::Class;
use crate::types::{OrderId, Side};

impl Book {
    pub(super) fn read_special(&mut self, reader: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let mut asleep = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            for class in [Class::Dark, Class::Whole, Class::Asleep] {
                self.read_queue(reader, side, class)?;
            }
            asleep.push(self.asleep(side));
        }
        let count = reader.number()?;
        if count != self.numbered().count() as u64 {
            return Err(reader.invalid("pegged and reduce-only orders that were miscounted"));
        }
        let ids: Vec<OrderId> = (0..count).map(|_| reader.number()).collect::<Result<_, _>>()?;
        if !self.renumber(&ids) || asleep != [self.asleep(Side::Buy), self.asleep(Side::Sell)] {
            return Err(reader.invalid("pegged and reduce-only orders out of order"));
        }
        let mut last = None;
        for _ in 0..reader.number()? {
            let user = reader.number()?;
            if last.is_some_and(|last| user <= last) {
                return Err(reader.invalid("positions out of order"));
            }
            last = Some(user);
            self.put_position(user, i128::from_le_bytes(reader.take()?));
        }
        if !self.is_settled() {
            return Err(reader.invalid("a pegged or reduce-only order that can't be as it is"));
        }
        Ok(())
    }

    fn asleep(&self, side: Side) -> Vec<OrderId> {
        self.queue_apart(Class::Asleep, side).map(|order| order.id).collect()
    }
}
