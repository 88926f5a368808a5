//! What a message must not say though its schema could, and JSON can't: numbers that are none, an auction that ends in
//! another. Whoever reads either format gets the same of it.

use super::command::{CommandBody, NewOrder};
use super::error::WireError;
use super::event::EventBody;
use super::limits::AccountLimits;
use super::market::MarketBody;
use super::schema::messages_capnp::Phase;

type Checked = Result<(), WireError>;

/// The first of these that is no finite number is an error.
#[inline]
fn finite<const N: usize>(numbers: [(&'static str, f64); N]) -> Checked {
    for (field, number) in numbers {
        if !number.is_finite() {
            return Err(WireError::field(field, format!("found {number}, expected a finite number")));
        }
    }
    Ok(())
}

/// A number that may be missing, as one that is finite then.
const fn or_none(number: Option<f64>) -> f64 {
    match number {
        Some(number) => number,
        None => 0.0,
    }
}

pub(super) fn command(body: &CommandBody<'_>) -> Checked {
    match *body {
        CommandBody::NewOrder(NewOrder { quantity, price, options, .. }) => {
            finite([("command.newOrder.quantity", quantity), ("command.newOrder.price", or_none(price))])?;
            options.map_or(Ok(()), |options| {
                finite([
                    ("command.newOrder.options.displayQuantity", options.display_quantity),
                    ("command.newOrder.options.minQuantity", options.min_quantity),
                    ("command.newOrder.options.triggerPrice", options.trigger_price),
                    ("command.newOrder.options.trail", options.trail),
                    ("command.newOrder.options.offset", options.offset),
                ])
            })
        }
        CommandBody::ReduceOrder { by, .. } => finite([("command.reduceOrder.by", by)]),
        CommandBody::ModifyOrder { price, quantity, .. } => {
            finite([("command.modifyOrder.price", or_none(price)), ("command.modifyOrder.quantity", or_none(quantity))])
        }
        CommandBody::MassCancel { min_price, max_price, .. } => finite([
            ("command.massCancel.minPrice", or_none(min_price)),
            ("command.massCancel.maxPrice", or_none(max_price)),
        ]),
        CommandBody::SetInstrument { tick_size, lot_size } => {
            finite([("command.setInstrument.tickSize", tick_size), ("command.setInstrument.lotSize", lot_size)])
        }
        CommandBody::SetLimits { max_position, max_notional, max_leverage, account_value } => finite([
            ("command.setLimits.maxPosition", max_position),
            ("command.setLimits.maxNotional", max_notional),
            ("command.setLimits.maxLeverage", max_leverage),
            ("command.setLimits.accountValue", account_value),
        ]),
        CommandBody::SetAccountLimits { limits, .. } => account_limits(&limits),
        CommandBody::SetRisk { value, .. } => finite([("command.setRisk.value", or_none(value))]),
        CommandBody::Uncross { reference, then, .. } => {
            if !matches!(then, Phase::Continuous | Phase::Halted) {
                let problem = format!("found {then:?}, expected Continuous or Halted");
                return Err(WireError::field("command.uncross.then", problem));
            }
            finite([("command.uncross.reference", or_none(reference))])
        }
        CommandBody::CancelOrder { .. }
        | CommandBody::SetPhase { .. }
        | CommandBody::EndOfDay { .. }
        | CommandBody::KillSwitch { .. } => Ok(()),
    }
}

pub(super) fn event(body: &EventBody<'_>) -> Checked {
    match *body {
        EventBody::Accepted(accepted) => finite([
            ("event.accepted.quantity", accepted.quantity),
            ("event.accepted.price", or_none(accepted.price)),
            ("event.accepted.resting", accepted.resting),
        ]),
        EventBody::Fill(fill) => finite([("event.fill.price", fill.price), ("event.fill.quantity", fill.quantity)]),
        EventBody::Cancelled { quantity, .. } => finite([("event.cancelled.quantity", quantity)]),
        EventBody::Reduced { remaining } => finite([("event.reduced.remaining", remaining)]),
        EventBody::Modified { price, quantity, resting } => finite([
            ("event.modified.price", or_none(price)),
            ("event.modified.quantity", quantity),
            ("event.modified.resting", resting),
        ]),
        EventBody::Uncrossed { price, volume, imbalance, .. } => finite([
            ("event.uncrossed.price", or_none(price)),
            ("event.uncrossed.volume", volume),
            ("event.uncrossed.imbalance", imbalance),
        ]),
        EventBody::AccountLimitsSet(limits) => account_limits(&limits),
        EventBody::RiskSet { value, .. } => finite([("event.riskSet.value", or_none(value))]),
        EventBody::MassCancelled { .. }
        | EventBody::PhaseSet { .. }
        | EventBody::DayEnded { .. }
        | EventBody::KillSwitchSet { .. }
        | EventBody::Rejected { .. } => Ok(()),
    }
}

pub(super) fn market(body: &MarketBody) -> Checked {
    match body {
        MarketBody::Book { bids, asks, indication, .. } => {
            for (field, side) in [("marketData.book.bids", bids), ("marketData.book.asks", asks)] {
                for &[price, quantity] in side {
                    finite([(field, price), (field, quantity)])?;
                }
            }
            indication.map_or(Ok(()), |indication| {
                finite([
                    ("marketData.book.indication.price", indication.price),
                    ("marketData.book.indication.volume", indication.volume),
                    ("marketData.book.indication.imbalance", indication.imbalance),
                ])
            })
        }
        MarketBody::Trade(trade) => {
            finite([("marketData.trade.price", trade.price), ("marketData.trade.quantity", trade.quantity)])
        }
        MarketBody::Quote(quote) => finite([
            ("marketData.quote.bid", or_none(quote.bid)),
            ("marketData.quote.bidQuantity", or_none(quote.bid_quantity)),
            ("marketData.quote.ask", or_none(quote.ask)),
            ("marketData.quote.askQuantity", or_none(quote.ask_quantity)),
        ]),
    }
}

fn account_limits(limits: &AccountLimits) -> Checked {
    finite([
        ("accountLimits.maxPosition", or_none(limits.max_position)),
        ("accountLimits.maxNotional", or_none(limits.max_notional)),
        ("accountLimits.maxLeverage", or_none(limits.max_leverage)),
        ("accountLimits.accountValue", or_none(limits.account_value)),
    ])
}
