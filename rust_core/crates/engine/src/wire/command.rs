//! Commands: what travels on ORDERS.

mod reading;

use super::check;
use super::error::WireError;
use super::frame::{self, Encoded, SMALL_MESSAGE_WORDS, known_version, text_bytes};
use super::limits::AccountLimits;
use super::options::OrderOptions;
use super::schema::messages_capnp::{OrderType, Phase, RiskSetting, Side, TimeInForce, TradingState, command};

/// A command, its texts borrowed from where it came from. Fields and units are those of `cift/core/messages.py`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Command<'a> {
    /// The schema version.
    pub version: u16,
    /// The instrument.
    pub symbol: &'a str,
    /// Nanoseconds since 1970 (UTC).
    pub ts: i64,
    /// Who commands.
    pub user_id: u64,
    /// What is commanded.
    pub body: CommandBody<'a>,
}

/// What is commanded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CommandBody<'a> {
    /// Open an order.
    NewOrder(NewOrder<'a>),
    /// Cancel what is left of an order.
    CancelOrder {
        /// The order.
        order_id: u64,
    },
    /// Take `by` off an order's quantity.
    ReduceOrder {
        /// The order.
        order_id: u64,
        /// How much.
        by: f64,
    },
    /// Give an order another price, another quantity left, or both.
    ModifyOrder {
        /// The order.
        order_id: u64,
        /// The new price; none stays.
        price: Option<f64>,
        /// The new quantity; none stays.
        quantity: Option<f64>,
    },
    /// Cancel the user's orders in a symbol.
    MassCancel {
        /// Of this side only.
        side: Option<Side>,
        /// At this price or above only.
        min_price: Option<f64>,
        /// At this price or below only.
        max_price: Option<f64>,
    },
    /// Open a symbol for trading, or change its grid.
    SetInstrument {
        /// The step of prices.
        tick_size: f64,
        /// The step of quantities.
        lot_size: f64,
    },
    /// Change the risk limits of every account.
    SetLimits {
        /// Largest position.
        max_position: f64,
        /// Largest notional.
        max_notional: f64,
        /// Largest leverage.
        max_leverage: f64,
        /// An account's value.
        account_value: f64,
    },
    /// Halt an instrument, let its orders gather for an auction, or resume trading.
    SetPhase {
        /// The instrument.
        instrument: &'a str,
        /// The phase.
        phase: Phase,
        /// The account that asked.
        by: u64,
    },
    /// End an instrument's auction.
    Uncross {
        /// The instrument.
        instrument: &'a str,
        /// Which of prices that are equally good; none is the last trade's.
        reference: Option<f64>,
        /// The phase that follows.
        then: Phase,
        /// The account that asked.
        by: u64,
    },
    /// End an instrument's day.
    EndOfDay {
        /// The instrument.
        instrument: &'a str,
        /// The account that asked.
        by: u64,
    },
    /// Give an account limits of its own.
    SetAccountLimits {
        /// The limits.
        limits: AccountLimits,
        /// The account that asked.
        by: u64,
    },
    /// Set the state of an account, an instrument or everything.
    KillSwitch {
        /// The state.
        state: TradingState,
        /// The instrument.
        instrument: Option<&'a str>,
        /// The account that asked.
        by: u64,
    },
    /// Set what the risk engine judges by.
    SetRisk {
        /// What is set.
        setting: RiskSetting,
        /// To what; none takes it away.
        value: Option<f64>,
        /// Over which time, in nanoseconds.
        window_ns: i64,
        /// For which instrument.
        instrument: Option<&'a str>,
        /// The account that asked.
        by: u64,
    },
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewOrder<'a> {
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How much.
    pub quantity: f64,
    /// The limit; none for a market order.
    pub price: Option<f64>,
    /// How long.
    pub tif: TimeInForce,
    /// Whether it must not take.
    pub post_only: bool,
    /// The client's own name for it.
    pub client_order_id: Option<&'a str>,
    /// What few orders ask for.
    pub options: Option<OrderOptions>,
}

impl<'a> Command<'a> {
    /// The command as a message.
    ///
    /// # Errors
    /// An unknown version, or texts too long for a message.
    pub fn encode(&self) -> Result<Encoded, WireError> {
        Encoded::build::<command::Owned>(SMALL_MESSAGE_WORDS, self.text_bytes(), |builder| self.fill(builder))
    }

    /// Give `work` the command in `data`, which is one message and nothing more.
    ///
    /// # Errors
    /// `data` is no such message, or `work` said so.
    pub fn read<R>(
        data: &[u8],
        work: impl for<'m> FnOnce(Command<'m>) -> Result<R, WireError>,
    ) -> Result<R, WireError> {
        frame::read::<command::Owned, R>(data, |reader, _| work(Command::of(reader)?))
    }

    /// What its texts, and an order's options, take in a message.
    pub(super) fn text_bytes(&self) -> usize {
        let other = match &self.body {
            CommandBody::NewOrder(order) => order.client_order_id,
            CommandBody::SetPhase { instrument, .. }
            | CommandBody::Uncross { instrument, .. }
            | CommandBody::EndOfDay { instrument, .. } => Some(*instrument),
            CommandBody::KillSwitch { instrument, .. } | CommandBody::SetRisk { instrument, .. } => *instrument,
            _ => None,
        };
        let apart = match &self.body {
            CommandBody::NewOrder(NewOrder { options: Some(_), .. }) => OrderOptions::BYTES,
            CommandBody::SetAccountLimits { .. } => AccountLimits::BYTES,
            _ => 0,
        };
        text_bytes(self.symbol) + other.map_or(0, text_bytes) + apart
    }

    pub(super) fn fill(&self, mut builder: command::Builder<'_>) -> Result<(), WireError> {
        builder.set_version(known_version("command.version", self.version)?);
        check::command(&self.body)?;
        builder.set_symbol(self.symbol);
        builder.set_ts(self.ts);
        builder.set_user_id(self.user_id);
        match self.body {
            CommandBody::NewOrder(order) => {
                let mut group = builder.init_new_order();
                group.set_side(order.side);
                group.set_order_type(order.order_type);
                group.set_tif(order.tif);
                group.set_post_only(order.post_only);
                group.set_quantity(order.quantity);
                if let Some(id) = order.client_order_id {
                    group.set_client_order_id(id);
                }
                if let Some(options) = order.options {
                    options.fill(group.reborrow().init_options());
                }
                if let Some(price) = order.price {
                    group.init_price().set_some(price);
                }
            }
            CommandBody::CancelOrder { order_id } => builder.init_cancel_order().set_order_id(order_id),
            CommandBody::ReduceOrder { order_id, by } => {
                let mut group = builder.init_reduce_order();
                group.set_order_id(order_id);
                group.set_by(by);
            }
            CommandBody::ModifyOrder { order_id, price, quantity } => {
                let mut group = builder.init_modify_order();
                group.set_order_id(order_id);
                if let Some(price) = price {
                    group.reborrow().init_price().set_to(price);
                }
                if let Some(quantity) = quantity {
                    group.init_quantity().set_to(quantity);
                }
            }
            CommandBody::MassCancel { side, min_price, max_price } => {
                let mut group = builder.init_mass_cancel();
                if let Some(side) = side {
                    group.reborrow().init_side().set_one(side);
                }
                if let Some(price) = min_price {
                    group.reborrow().init_min_price().set_some(price);
                }
                if let Some(price) = max_price {
                    group.init_max_price().set_some(price);
                }
            }
            CommandBody::SetInstrument { tick_size, lot_size } => {
                let mut group = builder.init_set_instrument();
                group.set_tick_size(tick_size);
                group.set_lot_size(lot_size);
            }
            CommandBody::SetLimits { max_position, max_notional, max_leverage, account_value } => {
                let mut group = builder.init_set_limits();
                group.set_max_position(max_position);
                group.set_max_notional(max_notional);
                group.set_max_leverage(max_leverage);
                group.set_account_value(account_value);
            }
            CommandBody::SetPhase { instrument, phase, by } => {
                let mut group = builder.init_set_phase();
                group.set_instrument(instrument);
                group.set_phase(phase);
                group.set_by(by);
            }
            CommandBody::Uncross { instrument, reference, then, by } => {
                let mut group = builder.init_uncross();
                group.set_instrument(instrument);
                group.set_then(then);
                group.set_by(by);
                if let Some(price) = reference {
                    group.init_reference().set_some(price);
                }
            }
            CommandBody::EndOfDay { instrument, by } => {
                let mut group = builder.init_end_of_day();
                group.set_instrument(instrument);
                group.set_by(by);
            }
            CommandBody::SetAccountLimits { limits, by } => {
                let mut group = builder.init_set_account_limits();
                group.set_by(by);
                limits.fill(group.init_limits());
            }
            CommandBody::KillSwitch { state, instrument, by } => {
                let mut group = builder.init_kill_switch();
                group.set_state(state);
                group.set_by(by);
                if let Some(instrument) = instrument {
                    group.set_instrument(instrument);
                }
            }
            CommandBody::SetRisk { setting, value, window_ns, instrument, by } => {
                let mut group = builder.init_set_risk();
                group.set_setting(setting);
                group.set_window_ns(window_ns);
                group.set_by(by);
                if let Some(instrument) = instrument {
                    group.set_instrument(instrument);
                }
                if let Some(value) = value {
                    group.init_value().set_some(value);
                }
            }
        }
        Ok(())
    }
}
