//! What an event is filed by, without the rest of it.

use super::error::{InField, WireError};
use super::frame::{self, known_version};
use super::schema::messages_capnp::event;

/// Which event of which command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// What happened, by its tag in `cift/core/messages.py`.
    pub tag: &'static str,
    /// The stream sequence of the command.
    pub seq: u64,
    /// The position among the command's events.
    pub pos: u32,
    /// Whether it is the command's last event.
    pub last: bool,
}

impl EventHead {
    /// The head of the event in `data`; the fields that it doesn't name are not looked at.
    ///
    /// # Errors
    /// `data` is no message, of an unknown version, or of an unknown event.
    pub fn of(data: &[u8]) -> Result<Self, WireError> {
        frame::read::<event::Owned, Self>(data, |reader, _| {
            known_version("event.version", reader.get_version())?;
            let tag = match reader.which().in_field("event")? {
                event::Accepted(_) => "accepted",
                event::Fill(_) => "fill",
                event::Cancelled(_) => "cancelled",
                event::Reduced(_) => "reduced",
                event::Modified(_) => "modified",
                event::MassCancelled(_) => "mass_cancelled",
                event::Rejected(_) => "rejected",
                event::PhaseSet(_) => "phase_set",
                event::Uncrossed(_) => "uncrossed",
                event::DayEnded(_) => "day_ended",
                event::AccountLimitsSet(_) => "account_limits_set",
                event::KillSwitchSet(_) => "kill_switch_set",
                event::RiskSet(_) => "risk_set",
            };
            Ok(Self { tag, seq: reader.get_seq(), pos: reader.get_pos(), last: reader.get_last() })
        })
    }
}
