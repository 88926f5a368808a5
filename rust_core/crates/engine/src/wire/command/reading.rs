//! A command out of a message.

use super::super::check;
use super::super::error::{InField, WireError};
use super::super::frame::{known_version, maybe_text, required_text};
use super::super::limits::AccountLimits;
use super::super::options::OrderOptions;
use super::super::schema::messages_capnp::command;
use super::{Command, CommandBody, NewOrder};

impl<'a> Command<'a> {
    pub(in crate::wire) fn of(reader: command::Reader<'a>) -> Result<Self, WireError> {
        use command::mass_cancel::{max_price, min_price, side};
        use command::modify_order::{price as new_price, quantity as new_quantity};
        use command::new_order::price;
        use command::set_risk::value;
        use command::uncross::reference;
        let body = match reader.which().in_field("command")? {
            command::NewOrder(group) => CommandBody::NewOrder(NewOrder {
                side: group.get_side().in_field("command.newOrder.side")?,
                order_type: group.get_order_type().in_field("command.newOrder.orderType")?,
                quantity: group.get_quantity(),
                price: match group.get_price().which().in_field("command.newOrder.price")? {
                    price::None(()) => None,
                    price::Some(price) => Some(price),
                },
                tif: group.get_tif().in_field("command.newOrder.tif")?,
                post_only: group.get_post_only(),
                client_order_id: maybe_text!(
                    group,
                    has_client_order_id,
                    get_client_order_id,
                    "command.newOrder.clientOrderId"
                ),
                options: if group.has_options() {
                    let field = "command.newOrder.options";
                    Some(OrderOptions::of(group.get_options().in_field(field)?)?)
                } else {
                    None
                },
            }),
            command::CancelOrder(group) => CommandBody::CancelOrder { order_id: group.get_order_id() },
            command::ReduceOrder(group) => {
                CommandBody::ReduceOrder { order_id: group.get_order_id(), by: group.get_by() }
            }
            command::ModifyOrder(group) => CommandBody::ModifyOrder {
                order_id: group.get_order_id(),
                price: match group.get_price().which().in_field("command.modifyOrder.price")? {
                    new_price::Same(()) => None,
                    new_price::To(price) => Some(price),
                },
                quantity: match group.get_quantity().which().in_field("command.modifyOrder.quantity")? {
                    new_quantity::Same(()) => None,
                    new_quantity::To(quantity) => Some(quantity),
                },
            },
            command::MassCancel(group) => CommandBody::MassCancel {
                side: match group.get_side().which().in_field("command.massCancel.side")? {
                    side::Both(()) => None,
                    side::One(side) => Some(side.in_field("command.massCancel.side")?),
                },
                min_price: match group.get_min_price().which().in_field("command.massCancel.minPrice")? {
                    min_price::None(()) => None,
                    min_price::Some(price) => Some(price),
                },
                max_price: match group.get_max_price().which().in_field("command.massCancel.maxPrice")? {
                    max_price::None(()) => None,
                    max_price::Some(price) => Some(price),
                },
            },
            command::SetInstrument(group) => {
                CommandBody::SetInstrument { tick_size: group.get_tick_size(), lot_size: group.get_lot_size() }
            }
            command::SetLimits(group) => CommandBody::SetLimits {
                max_position: group.get_max_position(),
                max_notional: group.get_max_notional(),
                max_leverage: group.get_max_leverage(),
                account_value: group.get_account_value(),
            },
            command::SetPhase(group) => CommandBody::SetPhase {
                instrument: required_text!(group, has_instrument, get_instrument, "command.setPhase.instrument"),
                phase: group.get_phase().in_field("command.setPhase.phase")?,
                by: group.get_by(),
            },
            command::Uncross(group) => CommandBody::Uncross {
                instrument: required_text!(group, has_instrument, get_instrument, "command.uncross.instrument"),
                reference: match group.get_reference().which().in_field("command.uncross.reference")? {
                    reference::None(()) => None,
                    reference::Some(price) => Some(price),
                },
                then: group.get_then().in_field("command.uncross.then")?,
                by: group.get_by(),
            },
            command::EndOfDay(group) => CommandBody::EndOfDay {
                instrument: required_text!(group, has_instrument, get_instrument, "command.endOfDay.instrument"),
                by: group.get_by(),
            },
            command::SetAccountLimits(group) => CommandBody::SetAccountLimits {
                limits: AccountLimits::of(group.get_limits().in_field("command.setAccountLimits.limits")?)?,
                by: group.get_by(),
            },
            command::KillSwitch(group) => CommandBody::KillSwitch {
                state: group.get_state().in_field("command.killSwitch.state")?,
                instrument: maybe_text!(group, has_instrument, get_instrument, "command.killSwitch.instrument"),
                by: group.get_by(),
            },
            command::SetRisk(group) => CommandBody::SetRisk {
                setting: group.get_setting().in_field("command.setRisk.setting")?,
                value: match group.get_value().which().in_field("command.setRisk.value")? {
                    value::None(()) => None,
                    value::Some(value) => Some(value),
                },
                window_ns: group.get_window_ns(),
                instrument: maybe_text!(group, has_instrument, get_instrument, "command.setRisk.instrument"),
                by: group.get_by(),
            },
        };
        check::command(&body)?;
        Ok(Self {
            version: known_version("command.version", reader.get_version())?,
            symbol: required_text!(reader, has_symbol, get_symbol, "command.symbol"),
            ts: reader.get_ts(),
            user_id: reader.get_user_id(),
            body,
        })
    }
}
