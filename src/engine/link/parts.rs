//! What the link knows of the SIM card's PIN, of the registration, and of the application's wish.

use embassy_time::Instant;

#[cfg(feature = "link-control")]
use super::state::LinkMode;
use crate::at::RegistrationStatus;
use crate::error::{BringUpCommand, LinkError};
use crate::util::time::NEVER;

/// How often a PIN is given without knowing whether the card accepted it. The third wrong one locks the card.
const MAX_UNCONFIRMED_PINS: u8 = 2;

/// Whether the PIN of the configuration was given, and with which result.
#[derive(Debug)]
pub(super) struct Pin {
    /// Given in this attempt: the card may be slow to show it.
    pub(super) is_given: bool,
    /// How often it was given since the card accepted it. An accepted PIN may be given again: the module may have restarted
    /// without the host receiving `RDY` (quirk 117).
    unconfirmed: u8,
    /// The card refused it: another try would bring the card closer to its lock.
    pub(super) is_refused: bool,
}

impl Pin {
    pub(super) const NEW: Self = Self {
        is_given: false,
        unconfirmed: 0,
        is_refused: false,
    };

    pub(super) const fn may_be_given(&self) -> bool {
        !self.is_given && !self.is_refused && self.unconfirmed < MAX_UNCONFIRMED_PINS
    }

    pub(super) const fn give(&mut self) {
        self.is_given = true;
        self.unconfirmed += 1;
    }

    /// The card accepted it, or needs none.
    pub(super) const fn confirm(&mut self) {
        self.unconfirmed = 0;
    }
}

/// What the questions about the registration have found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registration {
    /// When the first question of this attempt was answered, or was not.
    pub(super) first_answer_at: Instant,
    /// Any question was answered in this attempt.
    pub(super) is_answered: bool,
    /// The module is registered, as far as this attempt has asked.
    pub(super) is_done: bool,
    /// A domain has denied the registration in the present round.
    pub(super) is_denied: bool,
    pub(super) status: RegistrationStatus,
}

impl Registration {
    pub(super) const NONE: Self = Self {
        first_answer_at: NEVER,
        is_answered: false,
        is_done: false,
        is_denied: false,
        status: RegistrationStatus::NotRegistered,
    };

    /// Why the attempt ends after a round of questions, if it does.
    pub(super) fn round_error(&self, is_late: bool) -> Option<LinkError> {
        if self.is_denied && self.status != RegistrationStatus::Searching {
            return Some(LinkError::RegistrationDenied);
        }
        is_late.then_some(if self.is_answered {
            LinkError::NotRegistered(self.status)
        } else {
            LinkError::CommandUnanswered(BringUpCommand::Registration)
        })
    }
}

/// What is known of a module that is to be off.
#[cfg(feature = "link-control")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    /// It has said that it is.
    Off,
    /// It does not answer, or has not said so in time.
    Silent,
    /// It has started by itself.
    On,
}

/// What the application wants.
#[cfg(feature = "link-control")]
#[derive(Debug)]
pub(super) struct Control {
    pub(super) wish: LinkMode,
    /// The present step was begun for another wish, or another access point.
    pub(super) is_changed: bool,
    /// The context was not yet configured with the access point that is wanted.
    pub(super) is_outdated: bool,
    /// Until then sockets may send what was written to them.
    pub(super) turn_off_at: Instant,
    /// What is known of a module that is to be off.
    pub(super) power: Power,
    /// How many states there have been.
    pub(super) changes: u32,
}

#[cfg(feature = "link-control")]
impl Control {
    pub(super) const NEW: Self = Self {
        wish: LinkMode::Up,
        is_changed: false,
        is_outdated: false,
        turn_off_at: NEVER,
        power: Power::Off,
        changes: 0,
    };
}
