//! What the table asks the runner to do, and what comes back.

use core::net::SocketAddr;
use core::num::NonZeroU32;

use embassy_time::Instant;

use crate::at::{AccessMode, ConnectId, ErrorCode, Name, RegistrationStatus, SocketState};

/// Names one use of one slot: a slot that was given back and taken again has another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Key(NonZeroU32);

impl Key {
    /// The generation in the upper half, and the index, plus 1, in the lower one.
    pub(crate) const fn new(index: u8, generation: u16) -> Self {
        let bits = (generation as u32) << 16 | index as u32;
        Self(NonZeroU32::MIN.saturating_add(bits))
    }

    pub(crate) const fn index(self) -> usize {
        (self.0.get() as u16 as usize).wrapping_sub(1)
    }

    /// The next use of the same slot.
    pub(crate) const fn next(self) -> Self {
        match NonZeroU32::new(self.0.get().wrapping_add(1 << 16)) {
            Some(bits) => Self(bits),
            None => self,
        }
    }
}

/// What the runner has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// One AT transaction.
    Run(Job),
    /// Get the module out of whatever keeps it from listening to commands.
    Escape(Escape),
    /// Restart the module through the user's hook.
    Reset,
    /// As much from the socket's transmit ring to the serial line, as it is.
    Carry { key: Key, length: u16 },
    /// Ask the DCD line whether the module is still in data mode.
    AskCarrier,
    /// Nothing until something happens, or until this instant.
    Wait(Instant),
}

/// The ways out of a state in which the module takes bytes as data, from the mildest to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// A carriage return ends a half-typed command, ESC leaves a prompt.
    Prompt,
    /// `+++` between two silences leaves transparent access mode (section 1.2).
    DataMode,
    /// `+++` alone: the table sees to the silences.
    Plus,
    /// DTR goes off and on again.
    Dtr,
    /// As many bytes as a prompt for a fixed length can still be waiting for.
    Fill,
}

/// One AT transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Job {
    Attention,
    EchoOff,
    NumericErrors,
    DataEchoOff,
    /// AT&D1.
    EscapeWithDtr,
    SetUrcPort,
    SimState,
    EnterPin,
    Registration(Domain),
    ListSockets,
    CloseOrphan(ConnectId),
    ListContexts,
    Deactivate,
    Configure,
    Activate,
    Set(Setting),
    SetDns,
    Open(Key),
    Close(Key),
    Status(Key),
    Read {
        key: Key,
        length: u16,
    },
    Send {
        key: Key,
        length: u16,
    },
    CountSent(Key),
    CountReceived(Key),
    /// AT+QISWTMD.
    Switch {
        key: Key,
        mode: AccessMode,
    },
    /// ATO.
    Resume(Key),
    Resolve,
    /// The user's own command.
    User,
    LastError,
}

impl Job {
    /// The socket that it is for.
    pub(crate) fn key(self) -> Option<Key> {
        match self {
            Self::Open(key)
            | Self::Close(key)
            | Self::Status(key)
            | Self::Read { key, .. }
            | Self::Send { key, .. }
            | Self::CountSent(key)
            | Self::CountReceived(key)
            | Self::Switch { key, .. }
            | Self::Resume(key) => Some(key),
            _ => None,
        }
    }

    /// Whether AT+QIGETERROR tells more after a bare `ERROR`: only for the commands of the note.
    pub(crate) fn has_reason(self) -> bool {
        matches!(
            self,
            Self::Configure
                | Self::Activate
                | Self::Open(_)
                | Self::Send { .. }
                | Self::Read { .. }
                | Self::Resolve
                | Self::Switch { .. }
        )
    }

    /// What the information lines of the answer begin with.
    pub(crate) fn answer_name(self) -> Option<Name> {
        Some(match self {
            Self::SimState => Name::Sim,
            Self::Registration(Domain::Lte) => Name::Lte,
            Self::Registration(Domain::Packet) => Name::Packet,
            Self::Registration(Domain::Circuit) => Name::Circuit,
            Self::ListSockets | Self::Status(_) => Name::Sockets,
            Self::ListContexts => Name::Contexts,
            Self::CountSent(_) => Name::Sent,
            Self::CountReceived(_) => Name::Read,
            Self::LastError => Name::LastError,
            _ => return None,
        })
    }

    /// Whether an `OK` without an information line before it cannot be the answer to this command,
    /// and so has to be a late one to another.
    pub(crate) fn needs_line(self) -> bool {
        matches!(
            self,
            Self::SimState
                | Self::Registration(_)
                | Self::Read { .. }
                | Self::CountSent(_)
                | Self::CountReceived(_)
                | Self::LastError
        )
    }
}

/// A registration domain of 27.007.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Domain {
    /// AT+CEREG?
    Lte,
    /// AT+CGREG?
    Packet,
    /// AT+CREG?
    Circuit,
}

/// An AT+QICFG setting that has to have a known value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Setting {
    DataFormat,
    ViewMode,
    ReceiveIndication,
    SendInfo,
}

/// How an AT transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)] // Told apart by a byte of its own: shorter than by what is in it.
pub(crate) enum Outcome {
    /// `OK`, or `SEND OK`.
    Done(Answer),
    /// `SEND FAIL`.
    SendFail,
    /// `ERROR` of whatever form.
    Refused(Reason),
    /// No final result within the time allowed.
    NoAnswer,
}

impl Outcome {
    /// Whether the module said nothing.
    pub(crate) fn is_silence(self) -> bool {
        matches!(self, Self::NoAnswer)
    }
}

/// What the module said about its refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing: a bare `ERROR`.
    None,
    /// A code of the note's table 1.
    Code(ErrorCode),
    /// The number of a `+CME ERROR`; 0 when it came as text.
    Equipment(u16),
}

impl Reason {
    /// The code for an error type that carries one; 550 (unknown) where the module gave none.
    #[inline(never)]
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::None => ErrorCode::UNSPECIFIED,
            Self::Code(code) => code,
            Self::Equipment(number) => ErrorCode::new(number).unwrap_or(ErrorCode::UNSPECIFIED),
        }
    }

    /// The number of a `+CME ERROR`, 0 where there was none.
    pub(crate) fn equipment(self) -> u16 {
        match self {
            Self::None | Self::Code(_) => 0,
            Self::Equipment(number) => number,
        }
    }
}

/// What the information lines of an answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    /// `+QIRD:` with its data delivered; an answer without data has no more behind it.
    Received {
        more: bool,
        length: u16,
    },
    /// How many bytes the module has accepted, modulo 2^32, and whether the peer has them all.
    Sent {
        total: u32,
        acknowledged: bool,
    },
    /// How many bytes the module has handed over, modulo 2^32.
    HandedOver(u32),
    /// The state of the socket that was asked for.
    Socket(SocketState),
    /// The connectIDs that exist, a bit each.
    Sockets(u16),
    /// The user's context.
    Context {
        active: bool,
    },
    Registration(RegistrationStatus),
    Sim(Sim),
    /// `None`: the module does not know either (quirk 101).
    LastError(Option<ErrorCode>),
}

/// What AT+CPIN? says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sim {
    Ready,
    NeedsPin,
    /// PUK: a PIN does not help.
    Locked,
    /// Still starting, or in a state without a name here.
    NotReady,
}

/// Where a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    /// A host name, with this port. It waits in the transmit ring: that is empty until the connection is up.
    Name(u16),
    /// Nowhere: a listener, or a socket that serves many peers.
    None,
}
