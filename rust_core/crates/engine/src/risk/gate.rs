//! What stands open and what is shut, as bits that can be or-ed together: one look says whether anything is wrong.

use super::Reason;
use crate::types::UserId;

/// Whom a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody, everywhere.
    All,
    /// One symbol, for everybody.
    Symbol(u32),
    /// One user, in all symbols.
    User(UserId),
    /// One user in one symbol.
    Account(UserId, u32),
}

/// A set of reasons to look closer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate(pub(crate) u8);

impl Gate {
    /// Nothing is shut.
    pub const OPEN: Self = Self(0);
    /// Only orders that reduce the position.
    pub const REDUCING: Self = Self(1);
    /// No orders; cancels pass.
    pub const HALTED: Self = Self(2);
    /// The kill switch is on.
    pub const KILLED: Self = Self(4);
    /// Off limits.
    pub const RESTRICTED: Self = Self(8);
    /// Traded too often; somebody must look at it.
    pub const THROTTLED: Self = Self(16);
    /// Not let in.
    pub const UNAUTHORISED: Self = Self(32);
    /// Every bit that means something.
    pub(crate) const KNOWN: u8 = 63;

    /// Everything that is shut in either.
    #[inline]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of `other` is shut here.
    #[inline]
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Shut it, or open it again.
    pub const fn set(&mut self, what: Self, shut: bool) {
        if shut {
            self.0 |= what.0;
        } else {
            self.0 &= !what.0;
        }
    }

    /// Why no order passes at all; `None` when one that reduces still may.
    #[cold]
    #[must_use]
    pub fn reason(self) -> Option<Reason> {
        [
            (Self::UNAUTHORISED, Reason::UnauthorisedUser),
            (Self::KILLED, Reason::KillSwitch),
            (Self::HALTED, Reason::Halted),
            (Self::RESTRICTED, Reason::RestrictedSymbol),
            (Self::THROTTLED, Reason::RepeatedExecution),
        ]
        .into_iter()
        .find(|(gate, _)| self.has(*gate))
        .map(|(_, reason)| reason)
    }
}
