//! Who took, where only prices are known.

use super::check;
use super::error::MarketDataError;

/// The tick rule (Lee and Ready 1991): 1 where the price rose, -1 where it fell, the sign before it where it stayed; 0
/// until it first moved. Into `out`, row by row.
///
/// # Errors
/// NaN or infinite prices, an `out` of another length.
pub fn tick_rule(prices: &[f64], out: &mut [i64]) -> Result<(), MarketDataError> {
    check::finite("prices", prices)?;
    check::same_length("prices", prices.len(), &[("out", out.len())])?;
    let (mut before, mut sign) = (None, 0);
    for (out, price) in out.iter_mut().zip(prices) {
        match before.replace(*price) {
            Some(before) if *price > before => sign = 1,
            Some(before) if *price < before => sign = -1,
            _ => {}
        }
        *out = sign;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_stays_while_the_price_does() {
        let mut signs = [9; 7];
        tick_rule(&[5.0, 5.0, 6.0, 6.0, 4.0, 4.0, 5.0], &mut signs).unwrap();
        assert_eq!(signs, [0, 0, 1, 1, -1, -1, 1]);
    }
}
