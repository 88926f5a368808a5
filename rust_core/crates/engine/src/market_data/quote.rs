//! Measures of the top of a book at one moment, and of one step from a moment to the next.

use super::check;
use super::error::MarketDataError;

/// Imbalance of two volumes, `(bid - ask) / (bid + ask)`, from -1 (asks only) to 1 (bids only); 0 without volume.
#[must_use]
pub fn imbalance(bid_volume: f64, ask_volume: f64) -> f64 {
    let total = bid_volume + ask_volume;
    // The divisor is chosen, and not the quotient: so columns of them become vectors.
    (bid_volume - ask_volume) / if total > 0.0 { total } else { 1.0 }
}

/// Size-weighted mid, `(bid * ask_volume + ask * bid_volume) / (bid_volume + ask_volume)`: close to the ask when bids
/// outweigh. Without volume it is the mid. Often called micro-price; Stoikov's micro-price (SSRN 2970694), the limit of
/// expected mids, is another quantity.
#[must_use]
pub fn size_weighted_mid(bid: f64, ask: f64, bid_volume: f64, ask_volume: f64) -> f64 {
    let total = bid_volume + ask_volume;
    let value = if total > 0.0 { bid * ask_volume + ask * bid_volume } else { 0.5 * bid + 0.5 * ask };
    value / if total > 0.0 { total } else { 1.0 }
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
    // Chosen, not branched on: columns of them become vectors.
    let bid_now = if now.bid >= before.bid { now.bid_volume } else { 0.0 };
    let bid_before = if now.bid <= before.bid { before.bid_volume } else { 0.0 };
    let ask_now = if now.ask <= before.ask { now.ask_volume } else { 0.0 };
    let ask_before = if now.ask >= before.ask { before.ask_volume } else { 0.0 };
    bid_now - bid_before - ask_now + ask_before
}

/// Columns of tops, all of one length.
#[derive(Clone, Copy, Debug)]
pub struct Tops<'a> {
    bids: &'a [f64],
    bid_volumes: &'a [f64],
    asks: &'a [f64],
    ask_volumes: &'a [f64],
}

impl<'a> Tops<'a> {
    /// Columns of finite prices and of volumes that are not negative.
    ///
    /// # Errors
    /// Columns of several lengths, NaN or infinite values, negative volumes.
    pub fn new(
        bids: &'a [f64],
        bid_volumes: &'a [f64],
        asks: &'a [f64],
        ask_volumes: &'a [f64],
    ) -> Result<Self, MarketDataError> {
        let others = [("bid_volumes", bid_volumes.len()), ("asks", asks.len()), ("ask_volumes", ask_volumes.len())];
        check::same_length("bids", bids.len(), &others)?;
        check::finite("bids", bids)?;
        check::volumes("bid_volumes", bid_volumes)?;
        check::finite("asks", asks)?;
        check::volumes("ask_volumes", ask_volumes)?;
        Ok(Self { bids, bid_volumes, asks, ask_volumes })
    }

    /// The tops, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Top> + use<'a> {
        let bids = self.bids.iter().zip(self.bid_volumes);
        let asks = self.asks.iter().zip(self.ask_volumes);
        bids.zip(asks).map(|((&bid, &bid_volume), (&ask, &ask_volume))| Top { bid, bid_volume, ask, ask_volume })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bids.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bids.is_empty()
    }

    /// The same without the first `rows`, or nothing if there are less.
    #[must_use]
    pub fn after(&self, rows: usize) -> Self {
        let from = rows.min(self.len());
        Self {
            bids: &self.bids[from..],
            bid_volumes: &self.bid_volumes[from..],
            asks: &self.asks[from..],
            ask_volumes: &self.ask_volumes[from..],
        }
    }
}

impl Top {
    /// The same top, if its prices are finite and its volumes finite and not negative.
    ///
    /// # Errors
    /// Whatever is not so.
    pub fn checked(self) -> Result<Self, MarketDataError> {
        check::finite_value("bid", self.bid)?;
        check::volume("bid_volume", self.bid_volume)?;
        check::finite_value("ask", self.ask)?;
        check::volume("ask_volume", self.ask_volume)?;
        Ok(self)
    }
}

/// `size_weighted_mid` of every row, into `out`.
///
/// # Errors
/// An `out` of another length.
pub fn size_weighted_mids(tops: &Tops<'_>, out: &mut [f64]) -> Result<(), MarketDataError> {
    check::same_length("bids", tops.len(), &[("out", out.len())])?;
    for (value, top) in out.iter_mut().zip(tops.iter()) {
        *value = size_weighted_mid(top.bid, top.ask, top.bid_volume, top.ask_volume);
    }
    Ok(())
}

/// `imbalance` of every row, into `out`: the queue imbalance of Gould and Bonart (arXiv 1512.03492).
///
/// # Errors
/// Columns of several lengths, NaN or infinite values, negative volumes.
pub fn queue_imbalances(bid_volumes: &[f64], ask_volumes: &[f64], out: &mut [f64]) -> Result<(), MarketDataError> {
    let others = [("ask_volumes", ask_volumes.len()), ("out", out.len())];
    check::same_length("bid_volumes", bid_volumes.len(), &others)?;
    check::volumes("bid_volumes", bid_volumes)?;
    check::volumes("ask_volumes", ask_volumes)?;
    for (value, (bid, ask)) in out.iter_mut().zip(bid_volumes.iter().zip(ask_volumes)) {
        *value = imbalance(*bid, *ask);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

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
