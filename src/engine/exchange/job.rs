//! What the engine tells the runner to do.

use embassy_time::{Duration, Instant};

use crate::at::AccessMode;
use crate::at::ConnectId;
use crate::engine::sockets::key::Key;

/// The silence before and after `+++`: more than 1 s (1.2, quirk 88).
pub(crate) const ESCAPE_GUARD: Duration = Duration::from_millis(1100);
/// Payload is written in pieces of this many bytes, so that others get the engine in between.
pub(crate) const PAYLOAD_PIECE: usize = 256;

/// What the runner has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run one AT transaction.
    Run(Job),
    /// Get the module out of a state in which it takes commands as data.
    Escape(Escape),
    /// Restart the module through the user's hook.
    Reset,
    /// Write `length` bytes of the socket's transmit ring to the UART as they are (transparent access mode).
    #[cfg(feature = "transparent")]
    WriteRaw { key: Key, length: u16 },
    /// Read the DCD line, which shows whether the module is in data mode.
    #[cfg(feature = "transparent")]
    ReadDcd,
    /// Wait until something happens, or until this instant.
    Wait(Instant),
}

/// The ways out of a state in which the module takes commands as data, from the mildest to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// A carriage return ends a half-typed command, ESC leaves a prompt.
    Prompt,
    /// `+++` between two silences leaves transparent access mode (1.2).
    DataMode,
    /// `+++` alone: the engine provides the silences.
    #[cfg(feature = "transparent")]
    PlusOnly,
    /// DTR goes off and on again.
    #[cfg(feature = "transparent")]
    Dtr,
    /// 1460 CRs: the longest payload that a prompt can still wait for.
    Fill,
    /// The frame that closes a multiplexer down (3GPP TS 27.010).
    Multiplexer,
}

/// One AT transaction. The part of the engine that asks for it holds its command, its time limit and the meaning of each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum Job {
    // Bring-up and supervision: `link/bring_up.rs`, in the order of the recipe.
    Attention,
    /// ATQ0V1.
    RestoreResultCodes,
    EchoOff,
    NumericErrors,
    DataEchoOff,
    /// AT&D1.
    EscapeWithDtr,
    SetUrcPort,
    Functionality,
    /// AT+CFUN=1, or 0 or 4 on the way down.
    SetFunctionality,
    /// AT+QPOWD.
    PowerDown,
    SimState,
    EnterPin,
    /// AT+CEREG=1, AT+CGREG=1.
    ReportRegistration(Domain),
    Registration(Domain),
    ListSockets,
    CloseOrphan(ConnectId),
    ListContexts,
    /// AT+CGACT?
    ListBearers,
    Deactivate,
    Configure,
    Activate,
    /// AT+QICFG with the setting at this place: those of the user, then `SETTINGS`.
    Set(u8),
    SetDns,
    /// AT+QSCLK=1.
    #[cfg(feature = "sleep")]
    AllowSleep,
    // Sockets: `sockets/open_close.rs`, `receive.rs`, `send.rs`.
    /// AT+QICFG="tcp/keepalive": `sockets/keep_alive.rs`.
    #[cfg(feature = "keep-alive")]
    KeepAlive(Key),
    Open(Key),
    Close(Key),
    Status(Key),
    Read {
        key: Key,
        length: u16,
    },
    CountReceived(Key),
    Send {
        key: Key,
        length: u16,
    },
    CountSent(Key),
    // Access modes: `access_mode/mod.rs`.
    /// AT+QISWTMD.
    Switch {
        key: Key,
        mode: AccessMode,
    },
    /// ATO.
    Resume(Key),
    /// AT+QIDNSGIP: `dns.rs`.
    Resolve,
    /// The user's own command: `user_command.rs`.
    User,
    /// AT+QIGETERROR, after a refusal without a reason: `exchange/mod.rs`.
    LastError,
}

impl Job {
    /// The socket that the transaction is for.
    pub(crate) const fn key(self) -> Option<Key> {
        match self {
            #[cfg(feature = "keep-alive")]
            Self::KeepAlive(key) => Some(key),
            Self::Open(key)
            | Self::Close(key)
            | Self::Status(key)
            | Self::Read { key, .. }
            | Self::CountReceived(key)
            | Self::Send { key, .. }
            | Self::CountSent(key)
            | Self::Switch { key, .. }
            | Self::Resume(key) => Some(key),
            _ => None,
        }
    }
}

/// A registration domain (3GPP TS 27.007).
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
