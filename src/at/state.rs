//! What the sockets are doing and what went wrong: AT+QISTATE (2.1.6), AT+QIGETERROR (2.1.17).

use super::{
    clipped::Clipped,
    error_code::ErrorCode,
    field::{Fields, Parse},
    ids::{ConnectId, ContextId},
    parameters::{AccessMode, ServiceType},
    response::{AnswerText, Lines, answers},
    writer::command,
};

answers!(SocketStatus, LastError);

/// socket_state: what a socket is doing (2.1.6).
///
/// Not to be relied on alone: live clients with state 3 have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SocketState {
    /// 0: not connected yet.
    Initial,
    /// 1: connecting, or about to listen.
    Opening,
    /// 2: connected.
    Connected,
    /// 3: listening.
    Listening,
    /// 4: closing; the peer or the network ended it.
    Closing,
    /// A number that the note does not list.
    Unknown(u8),
}

impl From<u8> for SocketState {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Initial,
            1 => Self::Opening,
            2 => Self::Connected,
            3 => Self::Listening,
            4 => Self::Closing,
            _ => Self::Unknown(number),
        }
    }
}

impl Parse for SocketState {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        fields.next::<u8>().map(Self::from)
    }
}

/// `AT+QISTATE=?` (2.1.6). Answered by OK alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestListSockets;

command!(TestListSockets = "AT+QISTATE=?" -> AnswerText, 60_000 ms);

/// `AT+QISTATE?`: all sockets, one line each (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSockets;

command!(ListSockets = "AT+QISTATE?" -> Lines<SocketStatus, 12>, 60_000 ms);

/// `AT+QISTATE`: the same as [`ListSockets`] in the execution form (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecuteListSockets;

command!(ExecuteListSockets = "AT+QISTATE" -> Lines<SocketStatus, 12>, 60_000 ms);

/// `AT+QISTATE=0,<contextID>`: the sockets of a context, one line each (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListContextSockets {
    /// The context.
    pub context: ContextId,
}

command!(ListContextSockets = "AT+QISTATE=0," [context] -> Lines<SocketStatus, 12>, 60_000 ms);

/// `AT+QISTATE=1,<connectID>`: one socket (2.1.6). No line if the id is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySocket {
    /// The socket.
    pub connect_id: ConnectId,
}

command!(QuerySocket = "AT+QISTATE=1," [connect_id] -> Lines<SocketStatus, 1>, 60_000 ms);

/// `+QISTATE: <connectID>,<service_type>,<IP_address>,<remote_port>,<local_port>,<socket_state>,
/// <contextID>,<serverID>,<access_mode>,<AT_port>` (2.1.6).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SocketStatus {
    /// The socket.
    pub connect_id: ConnectId,
    /// What it is.
    pub service: ServiceType,
    /// Of a client or an accepted connection the peer, of others the module itself. Modules show
    /// an address, another address than was opened, or a host name.
    pub address: Clipped<40>,
    /// The peer's port; without meaning for listeners and UDP services.
    pub remote_port: u16,
    /// The local port; some modules show 0 although connected.
    pub local_port: u16,
    /// What it is doing.
    pub state: SocketState,
    /// Its context.
    pub context: ContextId,
    /// For accepted connections the listener's id; without meaning for others.
    pub server_id: u8,
    /// How its data gets to the host.
    pub access_mode: AccessMode,
    /// The port of the module that it is used from, for instance `uart1` or `usbmodem`.
    pub at_port: Clipped<12>,
}

/// The same as far as the state: what firmware that wants no more is to be spared.
pub(crate) struct SocketLine {
    pub(crate) connect_id: ConnectId,
    pub(crate) state: SocketState,
}

impl SocketLine {
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let mut fields = Fields::of_line(line);
        let connect_id = fields.next()?;
        let (_service, _address) = (fields.word()?, fields.word()?);
        let (_remote_port, _local_port): (u16, u16) = (fields.next()?, fields.next()?);
        let state = fields.next()?;
        Some(Self { connect_id, state })
    }
}

impl Parse for SocketStatus {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            connect_id: fields.next()?,
            service: fields.next()?,
            address: Clipped::new(fields.word()?.text),
            remote_port: fields.next()?,
            local_port: fields.next()?,
            state: fields.next()?,
            context: fields.next()?,
            server_id: fields.next()?,
            access_mode: fields.next()?,
            at_port: Clipped::new(fields.text()),
        })
    }
}

/// `AT+QIGETERROR=?` (2.1.17). Answered by OK alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestQueryLastError;

command!(TestQueryLastError = "AT+QIGETERROR=?" -> AnswerText, 60_000 ms);

/// `AT+QIGETERROR`: why the last TCP/IP command failed (2.1.17). Has to come right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLastError;

command!(QueryLastError = "AT+QIGETERROR" -> LastError, 60_000 ms);

/// `+QIGETERROR: <err>,<errcode_description>` (2.1.17).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct LastError {
    /// The number; see [`LastError::error`].
    pub code: u16,
    /// The module's words. They differ from module to module.
    pub description: Clipped<48>,
}

impl LastError {
    /// The error alone.
    pub(crate) fn read(line: &[u8]) -> Option<Result<(), ErrorCode>> {
        let mut fields = Fields::of_line(line);
        fields.next().map(ErrorCode::check)
    }

    /// The error; `None` for 0, which after a failure means that the module does not know.
    #[must_use]
    pub fn error(&self) -> Option<ErrorCode> {
        ErrorCode::check(self.code).err()
    }
}

impl Parse for LastError {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            code: fields.next()?,
            description: Clipped::new(fields.text()),
        })
    }
}
