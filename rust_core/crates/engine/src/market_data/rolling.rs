//! The sum of the last values.

/// The sum of the last `window` values, or of all of them. Every push costs the same.
///
/// Taking old values off a float sum leaves their rounding behind. So a second sum grows from nothing beside the first
/// one, and replaces it each time the ring has gone round: what the first one leaves behind never outlives one window.
#[derive(Clone, Debug)]
pub struct RollingSum {
    window: Option<usize>,
    values: Vec<f64>,
    at: usize,
    sum: f64,
    fresh: f64,
}

impl RollingSum {
    /// A sum over the last `window` values; over all without one. The window must not be 0.
    pub const fn new(window: Option<usize>) -> Self {
        Self { window, values: Vec::new(), at: 0, sum: 0.0, fresh: 0.0 }
    }

    /// Take a value in, and the oldest one out once the window is full.
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        let Some(window) = self.window else { return };
        self.fresh += value;
        if self.values.len() < window {
            // The ring grows as values come: a huge window costs nothing before it is used.
            self.values.push(value);
        } else {
            self.sum -= self.values[self.at];
            self.values[self.at] = value;
        }
        self.at += 1;
        if self.at == window {
            self.at = 0;
            self.sum = self.fresh;
            self.fresh = 0.0;
        }
    }

    /// The sum.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// Whether the window is full; never without one.
    pub fn is_full(&self) -> bool {
        self.window == Some(self.values.len())
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_what_left_even_a_value_that_drowned_the_others() {
        let mut sum = RollingSum::new(Some(3));
        for value in [1.0, 2.0, 1e30, 4.0, 5.0, 6.0] {
            sum.push(value);
        }
        assert_eq!(sum.sum(), 15.0);
        sum.push(7.0);
        assert_eq!(sum.sum(), 18.0);
    }

    #[test]
    fn it_is_the_sum_of_the_last_values() {
        for window in 1..9_usize {
            let mut sum = RollingSum::new(Some(window));
            let values: Vec<f64> = (0..40_u32).map(|i| f64::from(i * i % 17)).collect();
            for (row, value) in values.iter().enumerate() {
                sum.push(*value);
                let start = (row + 1).saturating_sub(window);
                assert_eq!(sum.sum(), values[start..=row].iter().sum::<f64>());
                assert_eq!(sum.is_full(), row + 1 >= window);
            }
        }
    }
}
