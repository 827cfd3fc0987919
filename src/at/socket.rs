//! Sockets: AT+QIOPEN (2.1.4), AT+QICLOSE (2.1.5), AT+QISTATE (2.1.6).

use serde_at::serde::{Deserialize, Deserializer};

use super::access_mode::AccessMode;
use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{deserialize_by, unquoted};
use super::fields::{Clipped, ConnectId, ContextId, Host, Ignored, LastText};
use super::response::{AnswerText, Lines, NoResponse};
use super::tables::{bare_commands, open_numbers, texts};

texts! {
    /// service_type: the kind of a socket (2.1.4, 2.1.6).
    #[non_exhaustive]
    pub enum ServiceType {
        /// `TCP`: a connection that the host opens.
        Tcp "TCP",
        /// `UDP`: datagrams to and from one peer.
        Udp "UDP",
        /// `TCP SERVICE`: listed by the note without explanation.
        TcpService "TCP SERVICE",
        /// `TCP LISTENER`: accepts connections.
        TcpListener "TCP LISTENER",
        /// `TCP INCOMING`: a connection that a listener accepted. Only in answers.
        TcpIncoming "TCP INCOMING",
        /// `UDP SERVICE`: datagrams to and from any peer.
        UdpService "UDP SERVICE",
        /// `UDP LISTENER`: accepts peers. EG95 and EG91 only.
        UdpListener "UDP LISTENER",
        /// `UDP INCOMING`: a peer that a listener accepted. Only in answers.
        UdpIncoming "UDP INCOMING",
    }
}

impl ServiceType {
    /// The service type with this text, in upper or lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_field(text.as_bytes())
    }

    fn of_field(field: &[u8]) -> Option<Self> {
        let field = unquoted(field);
        let is_named = |service: &&Self| service.as_str().as_bytes().eq_ignore_ascii_case(field);
        Self::ALL.iter().find(is_named).copied()
    }
}

deserialize_by!(one_field, ServiceType, Self::of_field);

bare_commands! {
    /// `AT+QIOPEN=?`: lists the supported parameters (2.1.4).
    TestOpenSocket "+QIOPEN=?" -> AnswerText, 60_000;
    /// `AT+QICLOSE=?`: lists the supported connectIDs and timeouts (2.1.5).
    TestCloseSocket "+QICLOSE=?" -> AnswerText, 60_000;
    /// `AT+QISTATE=?`: the answer is OK only (2.1.6).
    TestListSockets "+QISTATE=?" -> AnswerText, 60_000;
    /// `AT+QISTATE?`: lists all sockets, one line each (2.1.6).
    ListSockets "+QISTATE?" -> Lines<SocketStatus, 12>, 60_000;
    /// `AT+QISTATE`: the execution form of [`ListSockets`], with the same answer (2.1.6).
    ExecuteListSockets "+QISTATE" -> Lines<SocketStatus, 12>, 60_000;
}

/// `AT+QIOPEN=<contextID>,<connectID>,<service_type>,<host>,<remote_port>,<local_port>,
/// <access_mode>`: opens a socket (2.1.4).
///
/// In buffer and direct push mode the final result code OK only means that the module has begun; the result is
/// [`Urc::Opened`](super::Urc::Opened), at most 150 s later. In transparent mode the final result code is CONNECT. All seven
/// fields are always sent. Some families support more, and none requires them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIOPEN", NoResponse, timeout_ms = 150_000)]
pub struct OpenSocket<'a> {
    /// The context. It must be active.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// The connectID of the new socket. It must be free.
    #[at_arg(position = 1)]
    pub connect_id: ConnectId,
    /// The kind of socket.
    #[at_arg(position = 2)]
    pub service: ServiceType,
    /// The peer of a client; [`Host::NONE`] for listeners and UDP services.
    #[at_arg(position = 3)]
    pub host: Host<'a>,
    /// The peer's port; 0 for listeners and UDP services.
    #[at_arg(position = 4)]
    pub remote_port: u16,
    /// The local port. For clients 0 lets the module choose.
    #[at_arg(position = 5)]
    pub local_port: u16,
    /// The access mode.
    #[at_arg(position = 6)]
    pub access_mode: AccessMode,
}

/// `AT+QICLOSE=<connectID>[,<timeout>]`: closes a socket and frees its connectID (2.1.5).
///
/// For a connectID that is free already some modules answer OK, others ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICLOSE", NoResponse, timeout_ms = 10_000)]
pub struct CloseSocket {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How long the module waits for the peer's FIN ACK, in seconds. No other command can be sent meanwhile. Without a
    /// timeout some modules wait 10 s, others not at all.
    #[at_arg(position = 1)]
    pub timeout: Option<u16>,
}

impl CloseSocket {
    /// The maximum time to the final result code in milliseconds: the timeout and 5 s, at least the 10 s of the note.
    #[must_use]
    pub const fn max_response_ms(&self) -> u32 {
        match self.timeout {
            Some(seconds) if seconds > 5 => seconds as u32 * 1_000 + 5_000,
            _ => 10_000,
        }
    }
}

open_numbers! {
    /// socket_state: the state of a socket (2.1.6).
    ///
    /// Not reliable: some modules show state 3 for connected clients (quirk 30).
    pub enum SocketState {
        /// 0: not connected yet.
        Initial 0,
        /// 1: connecting, or about to listen.
        Opening 1,
        /// 2: connected.
        Connected 2,
        /// 3: listening.
        Listening 3,
        /// 4: closing. The peer or the network has ended the connection.
        Closing 4,
    }
}

impl<'de> Deserialize<'de> for SocketState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(Self::from)
    }
}

/// `AT+QISTATE=0,<contextID>`: lists the sockets of a context, one line each (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE=0,", Lines<SocketStatus, 12>, value_sep = false, timeout_ms = 60_000)]
pub struct ListContextSockets {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `AT+QISTATE=1,<connectID>`: returns the status of a socket (2.1.6). No line if the connectID is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE=1,", Lines<SocketStatus, 1>, value_sep = false, timeout_ms = 60_000)]
pub struct QuerySocket {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// What the stack reads of a [`SocketStatus`]: texts are skipped. Firmware that reads the whole type is 550 bytes larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatResp)]
pub(crate) struct SocketLine {
    pub(crate) connect_id: ConnectId,
    _service: Ignored,
    _address: Ignored,
    _remote_port: u16,
    _local_port: u16,
    pub(crate) state: SocketState,
    _context: ContextId,
    _server_id: u8,
    _access_mode: AccessMode,
    _at_port: NoResponse,
}

/// `+QISTATE: <connectID>,<service_type>,<IP_address>,<remote_port>,<local_port>,<socket_state>,
/// <contextID>,<serverID>,<access_mode>,<AT_port>` (2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SocketStatus {
    /// The socket.
    pub connect_id: ConnectId,
    /// The kind of socket.
    pub service: ServiceType,
    /// The peer of a client or of an accepted connection; the module itself for others. Modules show an address, another
    /// address than was opened, or a host name.
    pub address: Clipped<40>,
    /// The peer's port. Undefined for listeners and UDP services.
    pub remote_port: u16,
    /// The local port. Some modules show 0 for connected sockets.
    pub local_port: u16,
    /// The state of the socket.
    pub state: SocketState,
    /// The context that the socket belongs to.
    pub context: ContextId,
    /// The connectID of the listener of an accepted connection. Undefined for others.
    pub server_id: u8,
    /// The access mode.
    pub access_mode: AccessMode,
    /// The port of the module that has opened the socket, for example `uart1` or `usbmodem`.
    pub at_port: LastText<12>,
}
