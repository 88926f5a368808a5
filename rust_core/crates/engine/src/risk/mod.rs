//! Pre-trade limits: what an order must pass before it reaches a book.
//!
//! Two engines live here. [`Limits`] is three limits of one account, without memory: the caller says what the position
//! is. [`Risk`] remembers everything by itself: positions, open orders, holds, rates, the last prices. It is a pure
//! function of what it was told, in order; time comes with every command, and never goes back.
//!
//! All of it counts in whole lots and ticks, and in [`Money`], so that what was held is released to the last unit.
//!
//! What the sums mean:
//! * Every live order counts in open orders and open notional, at its price. One that could open a position, were all that
//!   rests on its side to trade, also holds buying power; one that only reduces holds none, and passes the limits on
//!   position, leverage and buying power always.
//! * A position is worth what it cost (average price). Closing moves the difference to the user's cash.
//! * Leverage and buying power bound positions at cost plus holds plus the new order: by a multiple of cash, and by an
//!   amount.
//! * A limit for a user in a symbol stands alone; else the tighter one of the user's and the symbol's counts; else the
//!   default. What was never set does not bind.
//! * Cancels count as messages, and are never refused.
//! * A stop is not compared with collars: its price lies away from the market by design. A market order that any collar
//!   bounds trades no further than the collar.

mod account;
mod adopting;
mod aftermath;
mod band;
mod ceilings;
mod corridor;
mod duplicates;
mod engine;
mod explain;
mod gate;
mod ledger;
mod limits;
mod money;
mod parts;
mod rate;
mod reason;
mod settings;
mod state;
mod view;

pub use account::{Decision, Limits, Request, RiskError};
pub use engine::{Admitted, Order, Risk};
pub use gate::{Gate, Scope};
pub use limits::{Kind, Limit};
pub use money::{MAX_MONEY, Money, currency, money};
pub use reason::Reason;
pub use state::{RiskState, StateError};
pub use view::{AccountView, UserView};
