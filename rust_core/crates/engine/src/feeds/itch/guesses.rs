//! Which level a price has, probably: one look, where the sorted prices of a side take several.
//!
//! A table remembers the last level of the prices that meet in each of its places. Nobody relies on it: a level tells
//! of itself whose it is, and where it is another one the sorted prices know. So nothing is ever taken out.

use super::orders::NIL;
use crate::memory::{self, Large};

/// Places for each level, so that few prices meet.
const PLACES: usize = 4;
const FIRST: usize = 1 << 10;

/// Guesses for all prices of all stocks. The sides of a stock share theirs: they have no price in common for long.
#[derive(Clone, Debug, Default)]
pub struct Guesses(Large<u32>);

impl Guesses {
    /// Where the guess for a price is.
    #[inline(always)]
    fn place(&self, stock_locate: u16, price: u32) -> usize {
        let name = u64::from(stock_locate) << 32 | u64::from(price);
        // The upper bits are those that all bits of the name have a say in.
        let mixed = name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        mixed as usize & self.0.len().wrapping_sub(1)
    }

    /// The level of a price, if it is that of any; `NIL` where none is known.
    #[inline(always)]
    pub fn get(&self, stock_locate: u16, price: u32) -> u32 {
        self.0.get(self.place(stock_locate, price)).copied().unwrap_or(NIL)
    }

    /// Have a guess fetched into the cache.
    #[inline(always)]
    pub fn fetch(&self, stock_locate: u16, price: u32) {
        memory::fetch(&self.0, self.place(stock_locate, price));
    }

    /// Remember a level.
    #[inline(always)]
    pub fn set(&mut self, stock_locate: u16, price: u32, level: u32) {
        let place = self.place(stock_locate, price);
        if let Some(guess) = self.0.get_mut(place) {
            *guess = level;
        }
    }

    /// Whether there is room for the guesses of so many levels.
    #[inline(always)]
    pub fn suffices(&self, levels: usize) -> bool {
        levels * PLACES <= self.0.len()
    }

    /// Twice the room, with nothing remembered.
    pub fn grow(&mut self) {
        let places = (self.0.len() * 2).max(FIRST);
        self.0 = Large::default();
        self.0.lengthen(places, NIL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_guesses_are_right_and_none_is_made_up() {
        let mut guesses = Guesses::default();
        assert_eq!(guesses.get(1, 100), NIL);
        guesses.set(1, 100, 5);
        guesses.fetch(1, 100);
        assert!(guesses.suffices(0) && !guesses.suffices(1));
        let names = |number: u32| (u16::try_from(number % 500).expect("small"), number / 500 * 100);
        for number in 0..20_000 {
            while !guesses.suffices(number as usize + 1) {
                guesses.grow();
                (0..number).for_each(|number| guesses.set(names(number).0, names(number).1, number));
            }
            let (stock, price) = names(number);
            guesses.set(stock, price, number);
            assert_eq!(guesses.get(stock, price), number);
        }
        let right = (0..20_000).filter(|number| guesses.get(names(*number).0, names(*number).1) == *number).count();
        assert!(right > 15_000, "{right}");
        assert!((0..20_000).all(|number| guesses.get(names(number).0, names(number).1) < 20_000));
    }
}
