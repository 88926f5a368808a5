//! Sums of quantities, which are multiples of a lot: 0.1 + 0.2 - 0.3 is nothing.

/// The sum of two numbers as their shortest decimals are written, so that what is closed is 0 and lots stay whole.
///
/// Numbers so far apart that their digits don't fit together (some twenty decimal places) are added as doubles.
#[must_use]
pub fn sum(left: f64, right: f64) -> f64 {
    let total = left + right;
    if left.fract() == 0.0 && right.fract() == 0.0 {
        return total; // exact, up to 2^53
    }
    exact(left, right).unwrap_or(total)
}

fn exact(left: f64, right: f64) -> Option<f64> {
    let (left, left_exponent) = digits(left)?;
    let (right, right_exponent) = digits(right)?;
    let exponent = left_exponent.min(right_exponent);
    let at = |digits: i128, its: i32| {
        let shift = u32::try_from(its - exponent).ok()?;
        digits.checked_mul(10_i128.checked_pow(shift)?)
    };
    let total = at(left, left_exponent)?.checked_add(at(right, right_exponent)?)?;
    format!("{total}e{exponent}").parse().ok()
}

/// The shortest decimal that reads as `number`: digits and exponent.
fn digits(number: f64) -> Option<(i128, i32)> {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    match mantissa.split_once('.') {
        None => Some((mantissa.parse().ok()?, exponent)),
        Some((whole, places)) => {
            let digits = format!("{whole}{places}").parse().ok()?;
            Some((digits, exponent - i32::try_from(places.len()).ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn decimals_add_up() {
        assert_eq!(sum(sum(0.1, 0.2), -0.3).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(0.1, 0.2), 0.3);
        assert_eq!(sum(5.0, -3.0), 2.0);
        assert_eq!(sum(1e-8, 2e9), 2e9 + 1e-8);
        assert_eq!(sum(1e300, 0.5), 1e300);
        assert!(sum(f64::NAN, 0.5).is_nan());
    }
}
