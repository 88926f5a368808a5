//! Call auctions: orders gather without trading, then trade all at once at one price.

use std::cmp::Reverse;

use crate::book::Book;
use crate::error::BookError;
use crate::event::{CancelReason, Event, Fill, Sink};
use crate::rare::Class;
use crate::types::{Auction, Lots, Phase, Side, Ticks};

/// What an auction would do if it ended now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// The one price.
    pub price: Ticks,
    /// How much would trade.
    pub volume: Lots,
    /// How much more would be bought than sold at that price; negative when more would be sold.
    pub imbalance: i128,
}

impl Book {
    /// Stop or resume trading, or let orders gather. Orders that slept, or waited to trade whole, may trade at once.
    ///
    /// # Errors
    /// Continuous trading with a crossed book: it needs `uncross`.
    pub fn set_phase(&mut self, phase: Phase, sink: &mut impl Sink) -> Result<(), BookError> {
        if phase == Phase::Continuous && self.crossed() {
            return Err(BookError::Crossed);
        }
        self.phase = phase;
        self.carry_out_fired(sink);
        Ok(())
    }

    /// The price at which most would trade; among equals the one with the least imbalance, then the one closest to
    /// `reference` (by default the last trade), then the higher one. `None` when nothing would trade.
    #[must_use]
    pub fn indication(&self, reference: Option<Ticks>) -> Option<Indication> {
        if !self.crossed() {
            return None;
        }
        let (low, high) = (self.best_of_all(Side::Sell)?, self.best_of_all(Side::Buy)?);
        let reference = reference.or(self.last).map(|price| price.clamp(low, high));
        let bids = self.volumes(Side::Buy, |price| price >= low);
        let asks = self.volumes(Side::Sell, |price| price <= high);
        // What trades changes only just above a bid and at an ask: between those, the ends of a stretch stand for all of it.
        let ends =
            bids.iter().flat_map(|(bid, _)| [*bid, bid + 1]).chain(asks.iter().flat_map(|(ask, _)| [ask - 1, *ask]));
        let prices = ends.chain(reference);
        prices
            .filter(|price| (low..=high).contains(price))
            .map(|price| {
                let bought = up_to(&bids, |bid| bid >= price);
                let sold = up_to(&asks, |ask| ask <= price);
                Indication {
                    price,
                    volume: Lots::try_from(bought.min(sold)).unwrap_or(Lots::MAX),
                    imbalance: bought as i128 - sold as i128,
                }
            })
            .max_by(|a, b| {
                let distance = |each: &Indication| reference.map_or(0, |reference| each.price.abs_diff(reference));
                a.volume
                    .cmp(&b.volume)
                    .then(b.imbalance.unsigned_abs().cmp(&a.imbalance.unsigned_abs()))
                    .then(distance(b).cmp(&distance(a)))
                    .then(a.price.cmp(&b.price))
            })
    }

    /// End the auction: trade everything that can trade at the one price, in price-time priority, then go on
    /// continuously. Orders for this auction alone are cancelled. A fill's taker is the buyer; users may meet themselves.
    pub fn uncross(&mut self, reference: Option<Ticks>, sink: &mut impl Sink) -> Option<Indication> {
        let result = self.indication(reference);
        if let Some(Indication { price, volume, .. }) = result {
            self.trade_at(price, volume, sink);
            self.traded(price);
        }
        self.phase = Phase::Continuous;
        while let Some(id) = self.rares.for_auction() {
            self.drop_by_id(id, CancelReason::Unfilled, sink);
        }
        self.carry_out_fired(sink);
        result
    }

    /// Which auction is on.
    #[must_use]
    pub const fn auction(&self) -> Option<Auction> {
        match self.phase {
            Phase::Auction(auction) => Some(auction),
            _ => None,
        }
    }

    fn trade_at(&mut self, price: Ticks, mut volume: Lots, sink: &mut impl Sink) {
        while volume > 0 {
            let (bid, ask) = (self.first_of_all(Side::Buy), self.first_of_all(Side::Sell));
            let (bid, ask) = (bid.expect("bids cover the volume"), ask.expect("asks cover the volume"));
            let (buyer, seller) = (self.arena.get(bid), self.arena.get(ask));
            let quantity = volume.min(buyer.quantity).min(seller.quantity);
            self.consume(bid, quantity, sink);
            self.consume(ask, quantity, sink);
            volume -= quantity;
            let fill = Fill {
                price,
                quantity,
                maker: seller.id,
                maker_user: seller.user,
                taker: buyer.id,
                taker_user: buyer.user,
                side: Side::Buy,
            };
            self.move_positions(&fill);
            self.count_trade(&fill, sink);
            sink.emit(Event::Fill(fill));
        }
    }

    pub(crate) fn crossed(&self) -> bool {
        matches!((self.best_of_all(Side::Buy), self.best_of_all(Side::Sell)), (Some(bid), Some(ask)) if bid >= ask)
    }

    /// The prices that are willing, best first, each with what rests there or better, hidden or not.
    fn volumes(&self, side: Side, willing: impl Fn(Ticks) -> bool) -> Vec<(Ticks, u128)> {
        let mut levels: Vec<_> = self.levels(side).take_while(|(price, _)| willing(*price)).collect();
        if let Some(dark) = self.apart(Class::Dark, side) {
            levels.extend(dark.iter().take_while(|(price, _)| willing(*price)));
            levels.sort_by_key(|(price, _)| Reverse(dark.key(*price)));
        }
        let mut sum = 0;
        levels
            .into_iter()
            .map(|(price, level)| {
                let orders = self.arena.queue(level.ends);
                sum += orders.map(|order| u128::from(self.open(&order))).sum::<u128>();
                (price, sum)
            })
            .collect()
    }
}

/// The sum at the last price that is willing; zero when none is.
fn up_to(volumes: &[(Ticks, u128)], willing: impl Fn(Ticks) -> bool) -> u128 {
    match volumes.partition_point(|(price, _)| willing(*price)) {
        0 => 0,
        willing => volumes[willing - 1].1,
    }
}
