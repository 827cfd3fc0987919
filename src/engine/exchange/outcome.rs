//! How an AT transaction ends: its final result code, and what its information responses said.

use crate::at::{ErrorCode, RegistrationStatus, SimState, SocketState};
use crate::engine::ids::IdSet;
use crate::engine::refusal;

/// How an AT transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `OK`, `SEND OK` or `CONNECT`.
    Done(Answer),
    /// `SEND FAIL`.
    SendFail,
    /// `ERROR` in any of its forms.
    Refused(Reason),
    /// No final result code within the time limit.
    NoAnswer,
}

impl Outcome {
    pub(crate) const fn is_no_answer(&self) -> bool {
        matches!(self, Self::NoAnswer)
    }
}

/// The module's reason for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A bare `ERROR`.
    None,
    /// A code of table 1 of the note.
    Code(ErrorCode),
    /// The number of a `+CME ERROR`; 0 if the reason came as text.
    Equipment(u16),
}

impl Reason {
    /// The reason as a code: 550 (unknown) where the module gave none.
    #[inline(never)] // Many callers.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::None => ErrorCode::UNSPECIFIED,
            Self::Code(code) => code,
            Self::Equipment(number) => ErrorCode::new(number).unwrap_or(ErrorCode::UNSPECIFIED),
        }
    }

    /// Whether a command that was refused so may succeed a moment later (quirk 122).
    pub(crate) fn can_pass(self) -> bool {
        refusal::can_pass(self.code())
    }

    /// Whether the module does not know a value in the command.
    pub(crate) const fn is_bad_parameter(self) -> bool {
        // Incorrect parameters (3GPP TS 27.007).
        matches!(
            self,
            Self::Code(ErrorCode::INVALID_PARAMETERS) | Self::Equipment(50)
        )
    }

    /// The number of a `+CME ERROR`; 0 where there was none.
    pub(crate) const fn equipment(self) -> u16 {
        match self {
            Self::None | Self::Code(_) => 0,
            Self::Equipment(number) => number,
        }
    }
}

/// What the information responses of a transaction said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There were none, or none that matter.
    Nothing,
    /// `+QIRD: length`: `length` bytes were delivered. `has_data` is false when the module had none.
    Received {
        has_data: bool,
        length: u16,
    },
    /// How many bytes the module has accepted since the open, modulo 2^32, and whether the peer has acknowledged all of them.
    Sent {
        total: u32,
        all_acknowledged: bool,
    },
    /// How many bytes AT+QIRD has returned since the open, modulo 2^32.
    ReceivedTotal(u32),
    /// The state of the socket that was asked for.
    Socket(SocketState),
    /// The connectIDs that exist.
    Sockets(IdSet),
    /// The PDP context of the configuration.
    Context {
        active: bool,
    },
    /// Which parts of the module are on.
    Functionality(u8),
    Registration(RegistrationStatus),
    Sim(SimState),
    /// `None`: the module does not know the reason either (quirk 101).
    LastError(Option<ErrorCode>),
}
