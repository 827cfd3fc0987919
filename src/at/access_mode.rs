//! How received data gets to the host: access modes (1.2), AT+QISWTMD (2.1.10), ATO and AT&D1 (1.2).

use super::atat::{self, AtatCmd, AtatEnum};
use super::fields::ConnectId;
use super::response::{AnswerText, NoResponse};

/// access_mode: how data gets from the module to the host (1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AccessMode {
    /// 0: the module keeps the data until it is read.
    #[at_arg(default)]
    Buffer = 0,
    /// 1: the module sends the data when it comes.
    DirectPush = 1,
    /// 2: the port carries data only.
    Transparent = 2,
}

/// `AT+QISWTMD=?`: which ids and modes there are (2.1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISWTMD=?", AnswerText, timeout_ms = 60_000)]
pub struct TestSwitchAccessMode;

/// `AT+QISWTMD=<connectID>,<access_mode>`: switches how a socket's data gets to the host (2.1.10).
///
/// Into transparent mode the final result is CONNECT, and the port carries data from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISWTMD", NoResponse, timeout_ms = 60_000)]
pub struct SwitchAccessMode {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// The new mode.
    #[at_arg(position = 1)]
    pub access_mode: AccessMode,
}

/// `ATO`: goes back into transparent mode after `+++` (1.2).
///
/// The final result is CONNECT, or NO CARRIER if there is nothing to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("O", NoResponse, timeout_ms = 60_000)]
pub struct ResumeDataMode;

/// `AT&D1`: DTR from on to off leaves the data mode and keeps the connection (1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("&D1", NoResponse, timeout_ms = 5_000)]
pub struct EscapeWithDtr;
