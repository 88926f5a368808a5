//! Events: what travels on EVENTS.

use super::check;
use super::error::{InField, WireError};
use super::frame::{self, Encoded, SMALL_MESSAGE_WORDS, known_version, maybe_text, required_text, text_bytes};
use super::limits::AccountLimits;
use super::schema::messages_capnp::{Phase, RiskSetting, Side, TradingState, event};

/// An event, its texts borrowed from where it came from. Fields and units are those of `cift/core/messages.py`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// The schema version.
    pub version: u16,
    /// The instrument.
    pub symbol: &'a str,
    /// Nanoseconds since 1970 (UTC), the command's.
    pub ts: i64,
    /// The stream sequence of the command.
    pub seq: u64,
    /// The position among the command's events.
    pub pos: u32,
    /// The order's owner.
    pub user_id: u64,
    /// The order.
    pub order_id: u64,
    /// Whether it is the command's last event.
    pub last: bool,
    /// What happened.
    pub body: EventBody<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventBody<'a> {
    /// The order passed risk.
    Accepted(Accepted<'a>),
    /// One match.
    Fill(Fill),
    /// Quantity left without a trade.
    Cancelled {
        /// How much.
        quantity: f64,
        /// Why.
        reason: &'a str,
    },
    /// The order was made smaller.
    Reduced {
        /// What is left.
        remaining: f64,
    },
    /// The order has another price, another quantity, or both.
    Modified {
        /// The new price; none for a pegged order without a limit.
        price: Option<f64>,
        /// The new quantity.
        quantity: f64,
        /// What stays in the book.
        resting: f64,
    },
    /// A mass cancel is complete.
    MassCancelled {
        /// How many orders were cancelled.
        count: u32,
    },
    /// An instrument has another phase.
    PhaseSet {
        /// The instrument.
        instrument: &'a str,
        /// The phase.
        phase: Phase,
    },
    /// An auction is over.
    Uncrossed {
        /// The instrument.
        instrument: &'a str,
        /// What follows.
        phase: Phase,
        /// The one price; none if nothing traded.
        price: Option<f64>,
        /// How much traded at it.
        volume: f64,
        /// How much more would have been bought at it; negative if sold.
        imbalance: f64,
    },
    /// An instrument's day is over.
    DayEnded {
        /// The instrument.
        instrument: &'a str,
        /// Its phase.
        phase: Phase,
        /// How many orders left.
        count: u32,
    },
    /// An account has limits of its own, or everybody's again.
    AccountLimitsSet(AccountLimits),
    /// An account, an instrument or everything has another state.
    KillSwitchSet {
        /// The state.
        state: TradingState,
        /// The instrument.
        instrument: Option<&'a str>,
    },
    /// The risk engine judges by another value.
    RiskSet {
        /// What was set.
        setting: RiskSetting,
        /// To what; none: it was taken away.
        value: Option<f64>,
        /// Over which time, in nanoseconds.
        window_ns: i64,
        /// For which instrument.
        instrument: Option<&'a str>,
    },
    /// Nothing changed.
    Rejected {
        /// The stable code.
        code: &'a str,
        /// For people.
        reason: &'a str,
    },
}

/// An order that passed risk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accepted<'a> {
    /// Buy or sell.
    pub side: Side,
    /// How much was asked for.
    pub quantity: f64,
    /// The limit; none for a market order.
    pub price: Option<f64>,
    /// What stays in the book.
    pub resting: f64,
    /// The client's own name for it.
    pub client_order_id: Option<&'a str>,
}

/// One match; order and user of the event are the taker's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The taker's side.
    pub side: Side,
    /// The maker's price.
    pub price: f64,
    /// How much.
    pub quantity: f64,
    /// The resting order.
    pub maker_order_id: u64,
    /// Its owner.
    pub maker_user_id: u64,
}

impl<'a> Event<'a> {
    /// The event as a message.
    ///
    /// # Errors
    /// An unknown version, or texts too long for a message.
    pub fn encode(&self) -> Result<Encoded, WireError> {
        Encoded::build::<event::Owned>(SMALL_MESSAGE_WORDS, self.text_bytes(), |builder| self.fill(builder))
    }

    /// Give `work` the event in `data`, which is one message and nothing more.
    ///
    /// # Errors
    /// `data` is no such message, or `work` said so.
    pub fn read<R>(data: &[u8], work: impl for<'m> FnOnce(Event<'m>) -> Result<R, WireError>) -> Result<R, WireError> {
        frame::read::<event::Owned, R>(data, |reader, _| work(Event::of(reader)?))
    }

    /// What its texts take in a message.
    pub(super) fn text_bytes(&self) -> usize {
        let others = match &self.body {
            EventBody::Accepted(accepted) => accepted.client_order_id.map_or(0, text_bytes),
            EventBody::Cancelled { reason, .. } => text_bytes(reason),
            EventBody::Rejected { code, reason } => text_bytes(code) + text_bytes(reason),
            EventBody::PhaseSet { instrument, .. }
            | EventBody::Uncrossed { instrument, .. }
            | EventBody::DayEnded { instrument, .. } => text_bytes(instrument),
            EventBody::KillSwitchSet { instrument, .. } | EventBody::RiskSet { instrument, .. } => {
                instrument.map_or(0, text_bytes)
            }
            EventBody::AccountLimitsSet(_) => AccountLimits::BYTES,
            EventBody::Fill(_)
            | EventBody::Reduced { .. }
            | EventBody::Modified { .. }
            | EventBody::MassCancelled { .. } => 0,
        };
        text_bytes(self.symbol) + others
    }

    pub(super) fn fill(&self, mut builder: event::Builder<'_>) -> Result<(), WireError> {
        builder.set_version(known_version("event.version", self.version)?);
        check::event(&self.body)?;
        builder.set_symbol(self.symbol);
        builder.set_ts(self.ts);
        builder.set_seq(self.seq);
        builder.set_pos(self.pos);
        builder.set_user_id(self.user_id);
        builder.set_order_id(self.order_id);
        builder.set_last(self.last);
        match self.body {
            EventBody::Accepted(accepted) => {
                let mut group = builder.init_accepted();
                group.set_side(accepted.side);
                group.set_quantity(accepted.quantity);
                group.set_resting(accepted.resting);
                if let Some(id) = accepted.client_order_id {
                    group.set_client_order_id(id);
                }
                if let Some(price) = accepted.price {
                    group.init_price().set_some(price);
                }
            }
            EventBody::Fill(fill) => {
                let mut group = builder.init_fill();
                group.set_side(fill.side);
                group.set_price(fill.price);
                group.set_quantity(fill.quantity);
                group.set_maker_order_id(fill.maker_order_id);
                group.set_maker_user_id(fill.maker_user_id);
            }
            EventBody::Cancelled { quantity, reason } => {
                let mut group = builder.init_cancelled();
                group.set_quantity(quantity);
                group.set_reason(reason);
            }
            EventBody::Reduced { remaining } => builder.init_reduced().set_remaining(remaining),
            EventBody::Modified { price, quantity, resting } => {
                let mut group = builder.init_modified();
                group.set_quantity(quantity);
                group.set_resting(resting);
                if let Some(price) = price {
                    group.init_price().set_some(price);
                }
            }
            EventBody::MassCancelled { count } => builder.init_mass_cancelled().set_count(count),
            EventBody::PhaseSet { instrument, phase } => {
                let mut group = builder.init_phase_set();
                group.set_instrument(instrument);
                group.set_phase(phase);
            }
            EventBody::Uncrossed { instrument, phase, price, volume, imbalance } => {
                let mut group = builder.init_uncrossed();
                group.set_instrument(instrument);
                group.set_phase(phase);
                group.set_volume(volume);
                group.set_imbalance(imbalance);
                if let Some(price) = price {
                    group.init_price().set_some(price);
                }
            }
            EventBody::DayEnded { instrument, phase, count } => {
                let mut group = builder.init_day_ended();
                group.set_instrument(instrument);
                group.set_phase(phase);
                group.set_count(count);
            }
            EventBody::AccountLimitsSet(limits) => limits.fill(builder.init_account_limits_set().init_limits()),
            EventBody::KillSwitchSet { state, instrument } => {
                let mut group = builder.init_kill_switch_set();
                group.set_state(state);
                if let Some(instrument) = instrument {
                    group.set_instrument(instrument);
                }
            }
            EventBody::RiskSet { setting, value, window_ns, instrument } => {
                let mut group = builder.init_risk_set();
                group.set_setting(setting);
                group.set_window_ns(window_ns);
                if let Some(instrument) = instrument {
                    group.set_instrument(instrument);
                }
                if let Some(value) = value {
                    group.init_value().set_some(value);
                }
            }
            EventBody::Rejected { code, reason } => {
                let mut group = builder.init_rejected();
                group.set_code(code);
                group.set_reason(reason);
            }
        }
        Ok(())
    }

    pub(super) fn of(reader: event::Reader<'a>) -> Result<Self, WireError> {
        use event::accepted::price;
        use event::modified::price as new_price;
        use event::risk_set::value;
        use event::uncrossed::price as auction_price;
        let body = match reader.which().in_field("event")? {
            event::Accepted(group) => EventBody::Accepted(Accepted {
                side: group.get_side().in_field("event.accepted.side")?,
                quantity: group.get_quantity(),
                price: match group.get_price().which().in_field("event.accepted.price")? {
                    price::None(()) => None,
                    price::Some(price) => Some(price),
                },
                resting: group.get_resting(),
                client_order_id: maybe_text!(
                    group,
                    has_client_order_id,
                    get_client_order_id,
                    "event.accepted.clientOrderId"
                ),
            }),
            event::Fill(group) => EventBody::Fill(Fill {
                side: group.get_side().in_field("event.fill.side")?,
                price: group.get_price(),
                quantity: group.get_quantity(),
                maker_order_id: group.get_maker_order_id(),
                maker_user_id: group.get_maker_user_id(),
            }),
            event::Cancelled(group) => EventBody::Cancelled {
                quantity: group.get_quantity(),
                reason: required_text!(group, has_reason, get_reason, "event.cancelled.reason"),
            },
            event::Reduced(group) => EventBody::Reduced { remaining: group.get_remaining() },
            event::Modified(group) => EventBody::Modified {
                price: match group.get_price().which().in_field("event.modified.price")? {
                    new_price::None(()) => None,
                    new_price::Some(price) => Some(price),
                },
                quantity: group.get_quantity(),
                resting: group.get_resting(),
            },
            event::MassCancelled(group) => EventBody::MassCancelled { count: group.get_count() },
            event::PhaseSet(group) => EventBody::PhaseSet {
                instrument: required_text!(group, has_instrument, get_instrument, "event.phaseSet.instrument"),
                phase: group.get_phase().in_field("event.phaseSet.phase")?,
            },
            event::Uncrossed(group) => EventBody::Uncrossed {
                instrument: required_text!(group, has_instrument, get_instrument, "event.uncrossed.instrument"),
                phase: group.get_phase().in_field("event.uncrossed.phase")?,
                price: match group.get_price().which().in_field("event.uncrossed.price")? {
                    auction_price::None(()) => None,
                    auction_price::Some(price) => Some(price),
                },
                volume: group.get_volume(),
                imbalance: group.get_imbalance(),
            },
            event::DayEnded(group) => EventBody::DayEnded {
                instrument: required_text!(group, has_instrument, get_instrument, "event.dayEnded.instrument"),
                phase: group.get_phase().in_field("event.dayEnded.phase")?,
                count: group.get_count(),
            },
            event::AccountLimitsSet(group) => {
                let limits = group.get_limits().in_field("event.accountLimitsSet.limits")?;
                EventBody::AccountLimitsSet(AccountLimits::of(limits)?)
            }
            event::KillSwitchSet(group) => EventBody::KillSwitchSet {
                state: group.get_state().in_field("event.killSwitchSet.state")?,
                instrument: maybe_text!(group, has_instrument, get_instrument, "event.killSwitchSet.instrument"),
            },
            event::RiskSet(group) => EventBody::RiskSet {
                setting: group.get_setting().in_field("event.riskSet.setting")?,
                value: match group.get_value().which().in_field("event.riskSet.value")? {
                    value::None(()) => None,
                    value::Some(value) => Some(value),
                },
                window_ns: group.get_window_ns(),
                instrument: maybe_text!(group, has_instrument, get_instrument, "event.riskSet.instrument"),
            },
            event::Rejected(group) => EventBody::Rejected {
                code: required_text!(group, has_code, get_code, "event.rejected.code"),
                reason: required_text!(group, has_reason, get_reason, "event.rejected.reason"),
            },
        };
        check::event(&body)?;
        Ok(Self {
            version: known_version("event.version", reader.get_version())?,
            symbol: required_text!(reader, has_symbol, get_symbol, "event.symbol"),
            ts: reader.get_ts(),
            seq: reader.get_seq(),
            pos: reader.get_pos(),
            user_id: reader.get_user_id(),
            order_id: reader.get_order_id(),
            last: reader.get_last(),
            body,
        })
    }
}
