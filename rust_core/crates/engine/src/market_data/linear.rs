//! Small dense matrices, as much of them as the micro-price needs.

/// A matrix, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Matrix {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..][..self.columns]
    }

    /// The product with `other`, whose rows must be as many as the columns here.
    pub fn times(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.columns);
        for row in 0..self.rows {
            for (k, factor) in self.row(row).iter().enumerate() {
                add_scaled(product.row_mut(row), other.row(k), *factor);
            }
        }
        product
    }

    /// Solve `self x = right` by elimination with row pivots; `None` where `self` is singular. Both are used up.
    pub fn solve(mut self, mut right: Self) -> Option<Self> {
        for column in 0..self.columns {
            let pivot =
                (column..self.rows).max_by(|a, b| self.row(*a)[column].abs().total_cmp(&self.row(*b)[column].abs()))?;
            // The matrices solved here have a diagonal near 1: this far below is nothing but rounding.
            if self.row(pivot)[column].abs() < 1e-12 {
                return None;
            }
            self.swap_rows(column, pivot);
            right.swap_rows(column, pivot);
            let pivot_row = self.row(column).to_vec();
            let pivot_right = right.row(column).to_vec();
            for row in 0..self.rows {
                if row != column {
                    let factor = -self.row(row)[column] / pivot_row[column];
                    add_scaled(self.row_mut(row), &pivot_row, factor);
                    add_scaled(right.row_mut(row), &pivot_right, factor);
                }
            }
        }
        for row in 0..self.rows {
            let diagonal = self.row(row)[row];
            right.row_mut(row).iter_mut().for_each(|value| *value /= diagonal);
        }
        Some(right)
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        for column in 0..self.columns {
            self.values.swap(a * self.columns + column, b * self.columns + column);
        }
    }
}

fn add_scaled(row: &mut [f64], other: &[f64], factor: f64) {
    if factor != 0.0 {
        row.iter_mut().zip(other).for_each(|(value, other)| *value += factor * other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_multiplied_back_is_the_right_side() {
        let a = Matrix { rows: 3, columns: 3, values: vec![0.0, 2.0, 1.0, 1.0, -1.0, 0.5, 3.0, 0.0, 4.0] };
        let b = Matrix { rows: 3, columns: 2, values: vec![1.0, 0.0, 2.0, 5.0, -1.0, 3.0] };
        let x = a.clone().solve(b.clone()).unwrap();
        assert!(a.times(&x).values.iter().zip(&b.values).all(|(got, wanted)| (got - wanted).abs() < 1e-12));
        assert_eq!(Matrix::zeros(2, 2).solve(b), None);
    }
}
