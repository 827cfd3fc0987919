//! Opening and closing sockets, and what they are doing: AT+QIOPEN (2.1.4), AT+QICLOSE (2.1.5), AT+QISTATE (2.1.6).

use serde_at::serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::access_mode::AccessMode;
use super::atat::{self, AtatCmd, AtatResp};
use super::deserializer::{one_field, unquoted};
use super::fields::{Clipped, ConnectId, ContextId, Host, LastText};
use super::response::{AnswerText, Lines, NoResponse};

/// service_type: what a socket service is (2.1.4, 2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServiceType {
    /// `TCP`: a connection opened by this side.
    Tcp,
    /// `UDP`: datagrams to and from one peer.
    Udp,
    /// `TCP SERVICE`: named by the note and not explained.
    TcpService,
    /// `TCP LISTENER`: accepts connections.
    TcpListener,
    /// `TCP INCOMING`: a connection that a listener accepted. Seen, never opened.
    TcpIncoming,
    /// `UDP SERVICE`: datagrams to and from anyone.
    UdpService,
    /// `UDP LISTENER`: accepts peers; EG95 and EG91 only.
    UdpListener,
    /// `UDP INCOMING`: a peer that a listener accepted. Seen, never opened.
    UdpIncoming,
}

impl ServiceType {
    const ALL: [Self; 8] = [
        Self::Tcp,
        Self::Udp,
        Self::TcpService,
        Self::TcpListener,
        Self::TcpIncoming,
        Self::UdpService,
        Self::UdpListener,
        Self::UdpIncoming,
    ];

    /// The word on the wire, without quotes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::TcpService => "TCP SERVICE",
            Self::TcpListener => "TCP LISTENER",
            Self::TcpIncoming => "TCP INCOMING",
            Self::UdpService => "UDP SERVICE",
            Self::UdpListener => "UDP LISTENER",
            Self::UdpIncoming => "UDP INCOMING",
        }
    }

    /// The service type of a word from the module, in capitals or not.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::of(word.as_bytes())
    }

    fn of(word: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str().as_bytes().eq_ignore_ascii_case(word))
    }
}

impl Serialize for ServiceType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ServiceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_field(deserializer, |field| Self::of(unquoted(field)))
    }
}

/// `AT+QIOPEN=?`: which parameters there are (2.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIOPEN=?", AnswerText, timeout_ms = 60_000)]
pub struct TestOpenSocket;

/// `AT+QIOPEN=<contextID>,<connectID>,<service_type>,<host>,<remote_port>,<local_port>,
/// <access_mode>`: opens a socket (2.1.4).
///
/// In buffer and direct push mode OK only says that the module has begun; the result is
/// [`Urc::Opened`](super::Urc::Opened), at most 150 s later. In transparent mode the final result
/// is CONNECT. Always all seven fields are sent: some families know more, and none needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QIOPEN", NoResponse, timeout_ms = 150_000)]
pub struct OpenSocket<'a> {
    /// The context, which has to be up.
    #[at_arg(position = 0)]
    pub context: ContextId,
    /// The id of the new socket, which has to be free.
    #[at_arg(position = 1)]
    pub connect_id: ConnectId,
    /// What is opened.
    #[at_arg(position = 2)]
    pub service: ServiceType,
    /// The peer of a client; [`Host::NONE`] for listeners and UDP services.
    #[at_arg(position = 3)]
    pub host: Host<'a>,
    /// The peer's port; 0 for listeners and UDP services.
    #[at_arg(position = 4)]
    pub remote_port: u16,
    /// The local port; 0 lets the module choose, which only clients may.
    #[at_arg(position = 5)]
    pub local_port: u16,
    /// How data gets to the host.
    #[at_arg(position = 6)]
    pub access_mode: AccessMode,
}

/// `AT+QICLOSE=?`: which ids and timeouts there are (2.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICLOSE=?", AnswerText, timeout_ms = 60_000)]
pub struct TestCloseSocket;

/// `AT+QICLOSE=<connectID>[,<timeout>]`: closes a socket and frees its id (2.1.5).
///
/// An id that is free already is an error on some modules and none on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICLOSE", NoResponse, timeout_ms = 10_000)]
pub struct CloseSocket {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// How long the module waits for the peer to agree, in seconds; no other command can be sent
    /// meanwhile. Without it modules wait for 10 s, or not at all.
    #[at_arg(position = 1)]
    pub timeout: Option<u16>,
}

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

impl<'de> Deserialize<'de> for SocketState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(Self::from)
    }
}

/// `AT+QISTATE=?` (2.1.6). Answered by OK alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE=?", AnswerText, timeout_ms = 60_000)]
pub struct TestListSockets;

/// `AT+QISTATE?`: all sockets, one line each (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE?", Lines<SocketStatus, 12>, timeout_ms = 60_000)]
pub struct ListSockets;

/// `AT+QISTATE`: the same as [`ListSockets`] in the execution form (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE", Lines<SocketStatus, 12>, timeout_ms = 60_000)]
pub struct ExecuteListSockets;

/// `AT+QISTATE=0,<contextID>`: the sockets of a context, one line each (2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE=0,", Lines<SocketStatus, 12>, value_sep = false, timeout_ms = 60_000)]
pub struct ListContextSockets {
    /// The context.
    #[at_arg(position = 0)]
    pub context: ContextId,
}

/// `AT+QISTATE=1,<connectID>`: one socket (2.1.6). No line if the id is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QISTATE=1,", Lines<SocketStatus, 1>, value_sep = false, timeout_ms = 60_000)]
pub struct QuerySocket {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
}

/// `+QISTATE: <connectID>,<service_type>,<IP_address>,<remote_port>,<local_port>,<socket_state>,
/// <contextID>,<serverID>,<access_mode>,<AT_port>` (2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, AtatResp)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SocketStatus {
    /// The socket.
    #[at_arg(position = 0)]
    pub connect_id: ConnectId,
    /// What it is.
    #[at_arg(position = 1)]
    pub service: ServiceType,
    /// Of a client or an accepted connection the peer, of others the module itself. Modules show
    /// an address, another address than was opened, or a host name.
    #[at_arg(position = 2)]
    pub address: Clipped<40>,
    /// The peer's port; without meaning for listeners and UDP services.
    #[at_arg(position = 3)]
    pub remote_port: u16,
    /// The local port; some modules show 0 although connected.
    #[at_arg(position = 4)]
    pub local_port: u16,
    /// What it is doing.
    #[at_arg(position = 5)]
    pub state: SocketState,
    /// Its context.
    #[at_arg(position = 6)]
    pub context: ContextId,
    /// For accepted connections the listener's id; without meaning for others.
    #[at_arg(position = 7)]
    pub server_id: u8,
    /// How its data gets to the host.
    #[at_arg(position = 8)]
    pub access_mode: AccessMode,
    /// The port of the module that it is used from, for instance `uart1` or `usbmodem`.
    #[at_arg(position = 9)]
    pub at_port: LastText<12>,
}
