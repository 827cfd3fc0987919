//! Opening and closing sockets, switching their mode: AT+QIOPEN, AT+QICLOSE (2.1.4, 2.1.5),
//! AT+QISWTMD (2.1.10) and ATO (1.2).

use super::{
    address::Host,
    ids::{ConnectId, ContextId},
    parameters::{AccessMode, ServiceType},
    response::{AnswerText, NoResponse},
    writer::command,
};

/// `AT+QIOPEN=?`: which parameters there are (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestOpenSocket;

command!(TestOpenSocket = "AT+QIOPEN=?" -> AnswerText, 60_000 ms);

/// `AT+QIOPEN=<contextID>,<connectID>,<service_type>,<host>,<remote_port>,<local_port>,
/// <access_mode>`: opens a socket (2.1.4).
///
/// In buffer and direct push mode OK only says that the module has begun; the result is
/// [`Urc::Opened`](super::Urc::Opened), at most 150 s later. In transparent mode the final result
/// is CONNECT. Always all seven fields are sent: some families know more, and none needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSocket<'a> {
    /// The context, which has to be up.
    pub context: ContextId,
    /// The id of the new socket, which has to be free.
    pub connect_id: ConnectId,
    /// What is opened.
    pub service: ServiceType,
    /// The peer of a client; [`Host::NONE`] for listeners and UDP services.
    pub host: Host<'a>,
    /// The peer's port; 0 for listeners and UDP services.
    pub remote_port: u16,
    /// The local port; 0 lets the module choose, which only clients may.
    pub local_port: u16,
    /// How data gets to the host.
    pub access_mode: AccessMode,
}

command!(OpenSocket<'a> = "AT+QIOPEN=" [context, connect_id, service, host, remote_port, local_port, access_mode]
    -> NoResponse, 150_000 ms);

/// `AT+QICLOSE=?`: which ids and timeouts there are (2.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestCloseSocket;

command!(TestCloseSocket = "AT+QICLOSE=?" -> AnswerText, 60_000 ms);

/// `AT+QICLOSE=<connectID>[,<timeout>]`: closes a socket and frees its id (2.1.5).
///
/// An id that is free already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseSocket {
    /// The socket.
    pub connect_id: ConnectId,
    /// How long the module waits for the peer to agree, in seconds; no other command can be sent
    /// meanwhile. Without it modules wait for 10 s, or not at all.
    pub timeout: Option<u16>,
}

command!(CloseSocket = "AT+QICLOSE=" [connect_id, timeout] -> NoResponse, 10_000 ms);

impl CloseSocket {
    /// How long the answer to this command can take, in milliseconds: the timeout and 5 s, at
    /// least the 10 s of the note.
    #[must_use]
    pub const fn max_response_ms(&self) -> u32 {
        match self.timeout {
            Some(seconds) if seconds > 5 => seconds as u32 * 1_000 + 5_000,
            _ => 10_000,
        }
    }
}

/// `AT+QISWTMD=?`: which ids and modes there are (2.1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestSwitchAccessMode;

command!(TestSwitchAccessMode = "AT+QISWTMD=?" -> AnswerText, 60_000 ms);

/// `AT+QISWTMD=<connectID>,<access_mode>`: switches how a socket's data gets to the host (2.1.10).
///
/// Into transparent mode the final result is CONNECT, and the port carries data from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchAccessMode {
    /// The socket.
    pub connect_id: ConnectId,
    /// The new mode.
    pub access_mode: AccessMode,
}

command!(SwitchAccessMode = "AT+QISWTMD=" [connect_id, access_mode] -> NoResponse, 60_000 ms);

/// `ATO`: goes back into transparent mode after `+++` (1.2).
///
/// The final result is CONNECT, or NO CARRIER if there is nothing to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumeDataMode;

command!(ResumeDataMode = "ATO" -> NoResponse, 60_000 ms);
