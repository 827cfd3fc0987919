//! Access modes, which determine how received data gets to the host (1.2): AT+QISWTMD (2.1.10), ATO and AT&D1 (1.2).

use super::atat::{self, AtatCmd, AtatEnum};
use super::fields::ConnectId;
use super::response::{AnswerText, NoResponse};
use super::tables::bare_commands;

/// access_mode: how received data gets from the module to the host (1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AtatEnum)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AccessMode {
    /// 0: the module keeps the data until the host reads it with AT+QIRD. The default.
    #[at_arg(default)]
    Buffer = 0,
    /// 1: the module sends the data after a URC as soon as it arrives.
    DirectPush = 1,
    /// 2: the UART carries the data of one socket, and no commands.
    Transparent = 2,
}

bare_commands! {
    /// `AT+QISWTMD=?`: lists the supported connectIDs and modes (2.1.10).
    TestSwitchAccessMode "+QISWTMD=?" -> AnswerText, 60_000;
    /// `ATO`: returns to transparent mode after `+++` (1.2).
    ///
    /// The final result code is CONNECT, or NO CARRIER if the connection has ended.
    ResumeDataMode "O" -> NoResponse, 60_000;
    /// `AT&D1`: a DTR line that goes from on to off ends data mode and keeps the connection (1.2).
    EscapeWithDtr "&D1" -> NoResponse, 5_000;
}

/// `AT+QISWTMD=<connectID>,<access_mode>`: changes the access mode of a socket (2.1.10).
///
/// For transparent mode the final result code is CONNECT; the UART carries data from then on.
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
