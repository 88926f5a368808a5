//! Who took, where only prices are known.

use super::check;
use super::error::MarketDataError;

/// The tick rule (Lee and Ready 1991): 1 where the price rose, -1 where it fell, the sign before it where it stayed; 0
/// until it first moved. n prices, n signs.
///
/// # Errors
/// NaN or infinite prices.
pub fn tick_rule(prices: &[f64]) -> Result<Vec<i64>, MarketDataError> {
    check::finite("prices", prices)?;
    let (mut before, mut sign) = (None, 0);
    Ok(prices
        .iter()
        .map(|price| {
            match before.replace(*price) {
                Some(before) if *price > before => sign = 1,
                Some(before) if *price < before => sign = -1,
                _ => {}
            }
            sign
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_stays_while_the_price_does() {
        assert_eq!(tick_rule(&[5.0, 5.0, 6.0, 6.0, 4.0, 4.0, 5.0]).unwrap(), [0, 0, 1, 1, -1, -1, 1]);
    }
}
