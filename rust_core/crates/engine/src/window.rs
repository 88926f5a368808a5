//! A ring of price levels around the best price, with a bitmap that finds the best one in two steps.
//!
//! A key lives at `key mod WIDTH`, so that sliding the window moves nothing: it only gives places another meaning.

use crate::ladder::{Key, Level};

/// How many prices the window holds: as many as two 64-bit steps can search.
pub const WIDTH: usize = 64 * 64;

/// The levels of keys from `base` on.
#[derive(Clone, Debug)]
pub struct Window {
    levels: Box<[Level; WIDTH]>,
    /// One bit for each level that has orders.
    words: [u64; 64],
    /// One bit for each word that has one.
    summary: u64,
    base: Key,
}

impl Window {
    /// An empty window from `base` on.
    pub fn new(base: Key) -> Self {
        let levels = vec![Level::default(); WIDTH].into_boxed_slice().try_into();
        Self { levels: levels.expect("as many as asked for"), words: [0; 64], summary: 0, base }
    }

    /// The worst key that has a place.
    #[inline]
    pub const fn base(&self) -> Key {
        self.base
    }

    /// Whether no level has orders.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.summary == 0
    }

    /// Whether a key has a place here.
    #[inline]
    pub const fn covers(&self, key: Key) -> bool {
        // One comparison: a key below the base wraps around to a huge number.
        (key.wrapping_sub(self.base) as u64) < WIDTH as u64
    }

    /// The level of a key that has a place.
    #[inline]
    pub fn level(&self, key: Key) -> &Level {
        &self.levels[place(key)]
    }

    /// The level of a key that has a place, to change.
    #[inline]
    pub fn level_mut(&mut self, key: Key) -> &mut Level {
        &mut self.levels[place(key)]
    }

    /// Note that a level has got its first order.
    #[inline]
    pub fn mark(&mut self, key: Key) {
        let at = place(key);
        self.words[at >> 6] |= 1 << (at & 63);
        self.summary |= 1 << (at >> 6);
    }

    /// Note that a level has lost its last order.
    #[inline]
    pub fn clear(&mut self, key: Key) {
        let at = place(key);
        self.words[at >> 6] &= !(1 << (at & 63));
        if self.words[at >> 6] == 0 {
            self.summary &= !(1 << (at >> 6));
        }
    }

    /// The best key with orders that is worse than `key`, if one is among its nearest: `key` has a place, and none with
    /// orders is better.
    #[inline]
    pub const fn just_below(&self, key: Key) -> Option<Key> {
        let (word, bit) = (place(key) >> 6, place(key) & 63);
        match self.words[word] & !(u64::MAX << bit) {
            0 => None,
            below => Some(key - (bit - highest_bit(below)) as Key),
        }
    }

    /// The best key that has orders.
    #[inline]
    pub fn best(&self) -> Option<Key> {
        if self.is_empty() { None } else { self.at_or_below(self.base + (WIDTH as Key - 1)) }
    }

    /// The best key with orders that is no better than `key`, which has a place.
    pub fn at_or_below(&self, key: Key) -> Option<Key> {
        let top = place(key);
        let found = self.highest(0, top).or_else(|| self.highest(top + 1, WIDTH - 1));
        // Places run around the ring: how far down from `top` the found one is, is how much worse its key is.
        let found = key - (top.wrapping_sub(found?) & (WIDTH - 1)) as Key;
        (found >= self.base).then_some(found)
    }

    /// The highest marked place from `low` to `high`.
    #[inline]
    fn highest(&self, low: usize, high: usize) -> Option<usize> {
        if low > high {
            return None;
        }
        let (word, bit) = (high >> 6, high & 63);
        let first = self.words[word] & (u64::MAX >> (63 - bit));
        let found = if first != 0 {
            (word << 6) + highest_bit(first)
        } else {
            let below = self.summary & !(u64::MAX << word);
            if below == 0 {
                return None;
            }
            let word = highest_bit(below);
            (word << 6) + highest_bit(self.words[word])
        };
        (found >= low).then_some(found)
    }

    /// Move to another base. Every level that loses its place is handed to `evicted`.
    pub fn slide(&mut self, base: Key, mut evicted: impl FnMut(Key, Level)) {
        let (old, last) = (self.base, self.base + (WIDTH as Key - 1));
        // Moving up loses the worst keys, from `base - 1` down; moving down loses the best, down to the new end.
        let (mut key, end) =
            if base > old { (self.at_or_below(last.min(base - 1)), old) } else { (self.best(), base + WIDTH as Key) };
        while let Some(lost) = key.filter(|key| *key >= end) {
            self.clear(lost);
            evicted(lost, std::mem::take(self.level_mut(lost)));
            key = if lost > old { self.at_or_below(lost - 1) } else { None };
        }
        self.base = base;
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
const fn place(key: Key) -> usize {
    key as usize & (WIDTH - 1)
}

#[inline]
const fn highest_bit(word: u64) -> usize {
    63 - word.leading_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn finds_the_best_wherever_the_window_lies() {
        let mut state = 3_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for base in [0, -1, -4096, 17, 4095, 1 << 40, -(1 << 40) - 77] {
            let (mut window, mut model) = (Window::new(base), BTreeSet::new());
            for _ in 0..3000 {
                let key = base + random(WIDTH as u64) as Key;
                assert!(window.covers(key));
                if model.remove(&key) {
                    window.clear(key);
                } else {
                    window.mark(key);
                    model.insert(key);
                }
                assert_eq!(window.best(), model.last().copied());
                if let Some(best) = window.best() {
                    let next = model.range(..best).next_back().copied();
                    let near = next.filter(|next| place(*next) >> 6 == place(best) >> 6 && best - next < 64);
                    assert_eq!(window.just_below(best), near);
                }
                let from = base + random(WIDTH as u64) as Key;
                assert_eq!(window.at_or_below(from), model.range(..=from).next_back().copied());
            }
            assert!(!window.covers(base - 1) && !window.covers(base + WIDTH as Key));
        }
    }

    #[test]
    fn sliding_hands_out_what_no_longer_fits() {
        let mut window = Window::new(0);
        for key in [5, 100, 4000] {
            window.mark(key);
            window.level_mut(key).quantity = key.unsigned_abs();
        }
        let mut lost = Vec::new();
        window.slide(50, |key, level| lost.push((key, level.quantity)));
        assert_eq!(lost, [(5, 5)]);
        assert_eq!(window.best(), Some(4000));
        window.slide(-2000, |key, level| lost.push((key, level.quantity)));
        assert_eq!(lost, [(5, 5), (4000, 4000)]);
        assert_eq!((window.best(), window.level(100).quantity), (Some(100), 100));
    }
}
