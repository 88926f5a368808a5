//! The published measures of a market, over slices of equal length.

/// Running sums side by side: floats may not be reordered, so this is what lets the compiler use whole vectors.
const LANES: usize = 8;

/// Volume-weighted average price: the sum of price times volume over the sum of volumes; `None` without volume.
#[must_use]
pub fn vwap(prices: &[f64], volumes: &[f64]) -> Option<f64> {
    let (mut value, mut volume) = ([0.0; LANES], [0.0; LANES]);
    let (price_rows, volume_rows) = (prices.chunks_exact(LANES), volumes.chunks_exact(LANES));
    for (p, v) in price_rows.remainder().iter().zip(volume_rows.remainder()) {
        value[0] += p * v;
        volume[0] += v;
    }
    for (p, v) in price_rows.zip(volume_rows) {
        for lane in 0..LANES {
            value[lane] += p[lane] * v[lane];
            volume[lane] += v[lane];
        }
    }
    let total: f64 = volume.iter().sum();
    (total > 0.0).then(|| value.iter().sum::<f64>() / total)
}

/// Imbalance of two volumes, `(bid - ask) / (bid + ask)`, from -1 (asks only) to 1 (bids only); 0 without volume.
#[must_use]
pub fn imbalance(bid_volume: f64, ask_volume: f64) -> f64 {
    let total = bid_volume + ask_volume;
    if total > 0.0 { (bid_volume - ask_volume) / total } else { 0.0 }
}

/// Size-weighted mid, `(bid * ask_volume + ask * bid_volume) / (bid_volume + ask_volume)`: close to the ask when bids
/// outweigh. Without volume it is the mid. Often called micro-price; Stoikov's micro-price (SSRN 2970694), the limit of
/// expected mids, is another quantity.
#[must_use]
pub fn size_weighted_mid(bid: f64, ask: f64, bid_volume: f64, ask_volume: f64) -> f64 {
    let total = bid_volume + ask_volume;
    if total > 0.0 { (bid * ask_volume + ask * bid_volume) / total } else { f64::midpoint(bid, ask) }
}

/// One state of the top of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Top {
    /// The best bid.
    pub bid: f64,
    /// The volume there.
    pub bid_volume: f64,
    /// The best ask.
    pub ask: f64,
    /// The volume there.
    pub ask_volume: f64,
}

/// Order flow imbalance from one state to the next (Cont, Kukanov and Stoikov, arXiv 1011.6402):
/// `q^b_n 1{P^b_n >= P^b_n-1} - q^b_n-1 1{P^b_n <= P^b_n-1} - q^a_n 1{P^a_n <= P^a_n-1} + q^a_n-1 1{P^a_n >= P^a_n-1}`.
#[inline]
#[must_use]
pub fn order_flow_imbalance(before: &Top, now: &Top) -> f64 {
    let mut e = 0.0;
    if now.bid >= before.bid {
        e += now.bid_volume;
    }
    if now.bid <= before.bid {
        e -= before.bid_volume;
    }
    if now.ask <= before.ask {
        e -= now.ask_volume;
    }
    if now.ask >= before.ask {
        e += before.ask_volume;
    }
    e
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn vwap_is_the_weighted_mean_at_every_length() {
        for n in 0..40_u32 {
            let prices: Vec<f64> = (0..n).map(|i| 100.0 + f64::from(i)).collect();
            let volumes: Vec<f64> = (0..n).map(|i| f64::from(i % 3)).collect();
            let total: f64 = volumes.iter().sum();
            let wanted = prices.iter().zip(&volumes).map(|(p, v)| p * v).sum::<f64>() / total;
            match vwap(&prices, &volumes) {
                Some(got) => assert!((got - wanted).abs() < 1e-9, "{n}: {got} {wanted}"),
                None => assert_eq!(total, 0.0),
            }
        }
    }

    #[test]
    fn mids_and_imbalances() {
        assert_eq!(imbalance(3.0, 1.0), 0.5);
        assert_eq!(imbalance(0.0, 0.0), 0.0);
        assert_eq!(size_weighted_mid(10.0, 11.0, 3.0, 1.0), 10.75);
        assert_eq!(size_weighted_mid(10.0, 11.0, 0.0, 0.0), 10.5);
    }

    #[test]
    fn order_flow_imbalance_by_cases() {
        let before = Top { bid: 10.0, bid_volume: 5.0, ask: 11.0, ask_volume: 7.0 };
        assert_eq!(order_flow_imbalance(&before, &before), 0.0);
        assert_eq!(order_flow_imbalance(&before, &Top { bid_volume: 8.0, ..before }), 3.0);
        assert_eq!(order_flow_imbalance(&before, &Top { bid: 10.5, bid_volume: 2.0, ..before }), 2.0);
        assert_eq!(order_flow_imbalance(&before, &Top { bid: 9.5, bid_volume: 2.0, ..before }), -5.0);
        assert_eq!(order_flow_imbalance(&before, &Top { ask: 11.5, ask_volume: 2.0, ..before }), 7.0);
        assert_eq!(order_flow_imbalance(&before, &Top { ask: 10.5, ask_volume: 2.0, ..before }), -2.0);
    }
}
