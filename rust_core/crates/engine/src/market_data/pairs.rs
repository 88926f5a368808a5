//! First and second moments of the last pairs of values.

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Sums are of distances from here, so that a high level does not drown small moves.
    anchor: (f64, f64),
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, pair: (f64, f64), weight: f64) {
        if self.n == 0.0 {
            *self = Self { anchor: pair, ..Self::default() };
        }
        let (x, y) = (pair.0 - self.anchor.0, pair.1 - self.anchor.1);
        self.n += weight;
        self.x += weight * x;
        self.y += weight * y;
        self.xx += weight * x * x;
        self.xy += weight * x * y;
        self.yy += weight * y * y;
    }
}

/// Moments of the last `window` pairs, or of all of them. Every push costs the same; as in `RollingSum`, fresh sums
/// replace the used ones each time the ring has gone round, here with an anchor of their own.
#[derive(Clone, Debug)]
pub struct Pairs {
    window: Option<usize>,
    values: Vec<(f64, f64)>,
    at: usize,
    sums: Sums,
    fresh: Sums,
}

impl Pairs {
    /// Moments over the last `window` pairs; over all without one. The window must not be 0.
    pub fn new(window: Option<usize>) -> Self {
        Self { window, values: Vec::new(), at: 0, sums: Sums::default(), fresh: Sums::default() }
    }

    /// Take a pair in, and the oldest one out once the window is full.
    pub fn push(&mut self, pair: (f64, f64)) {
        self.sums.add(pair, 1.0);
        let Some(window) = self.window else { return };
        self.fresh.add(pair, 1.0);
        if self.values.len() < window {
            self.values.push(pair);
        } else {
            self.sums.add(self.values[self.at], -1.0);
            self.values[self.at] = pair;
        }
        self.at += 1;
        if self.at == window {
            self.at = 0;
            self.sums = self.fresh;
            self.fresh = Sums::default();
        }
    }

    /// Whether the window is full; never without one.
    pub fn is_full(&self) -> bool {
        self.window == Some(self.values.len())
    }

    /// How many pairs are in.
    pub const fn count(&self) -> f64 {
        self.sums.n
    }

    /// Both means; NaN without pairs.
    pub fn means(&self) -> (f64, f64) {
        let Sums { anchor, n, x, y, .. } = self.sums;
        (anchor.0 + x / n, anchor.1 + y / n)
    }

    /// Sums of squares and products of distances from the means: xx, xy, yy. Squares are never below zero.
    pub fn centred(&self) -> (f64, f64, f64) {
        let Sums { n, x, y, xx, xy, yy, .. } = self.sums;
        ((xx - x * x / n).max(0.0), xy - x * y / n, (yy - y * y / n).max(0.0))
    }

    /// Sums of squares and products of distances from zero: xx, xy, yy.
    pub fn raw(&self) -> (f64, f64, f64) {
        let (mean, centred, n) = (self.means(), self.centred(), self.sums.n);
        (centred.0 + n * mean.0 * mean.0, centred.1 + n * mean.0 * mean.1, centred.2 + n * mean.1 * mean.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_moves_around_a_high_level_are_not_lost() {
        let mut pairs = Pairs::new(Some(4));
        for i in 0..1000_u32 {
            pairs.push((1e9 + f64::from(i % 4), 0.0));
        }
        assert!((pairs.means().0 - (1e9 + 1.5)).abs() < 1e-6);
        assert!((pairs.centred().0 - 5.0).abs() < 1e-9);
    }
}
