//! Pre-trade limits: what an order must pass before it reaches a book.
//!
//! Two engines live here. [`Limits`] is three limits of one account, without memory: the caller says what the position
//! is. [`Risk`] remembers everything by itself: positions, open orders, holds, rates, the last prices. It is a pure
//! function of what it was told, in order; time comes with every command, and never goes back.
//!
//! All of it counts in whole lots and ticks, and in [`Money`], so that what was held is released to the last unit.

mod account;
mod aftermath;
mod band;
mod ceilings;
mod duplicates;
mod engine;
mod gate;
mod ledger;
mod limits;
mod money;
mod parts;
mod rate;
mod reason;
mod settings;
mod state;

pub use account::{Decision, Limits, Request, RiskError};
pub use engine::{AccountView, Admitted, Order, Risk, UserView};
pub use gate::{Gate, Scope};
pub use limits::{Kind, Limit};
pub use money::{MAX_MONEY, Money, currency, money};
pub use reason::Reason;
pub use state::{RiskState, StateError};
