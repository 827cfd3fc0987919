//! The lines that come unasked (2.2), and the late results of commands.

use core::net::{IpAddr, SocketAddr};

use atat::atat_derive::AtatResp;
use serde_at::{from_slice, serde::de::DeserializeOwned};

use super::{
    address::parse_address,
    error_code::ErrorCode,
    field::{Quoted, Word},
    ids::{ConnectId, ContextId},
    ping::PingReport,
    sim::SimState,
    time::DateTime,
};

/// A line that came unasked (2.2), or the late result of a command.
///
/// `+QIOPEN`, `+QPING`, `+QNTP`, `+CPIN` and `+CFUN` are also the first word of answers; the
/// command in flight decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Urc<'a> {
    /// `+QIURC: "closed",<connectID>`: the peer or the network closed it (2.2.1). What it sent
    /// before can still be read, and the id stays taken until it is closed.
    Closed(ConnectId),
    /// `+QIURC: "recv",<connectID>[,<length>[,<remoteIP>,<remote_port>]]` (2.2.2).
    ///
    /// In direct push mode `length` bytes follow after a line end; in buffer mode none do, with or
    /// without a length.
    Received {
        /// The socket.
        connect_id: ConnectId,
        /// How many bytes there are.
        length: Option<u32>,
        /// Who sent them, for UDP services.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        peer: Option<SocketAddr>,
    },
    /// `+QIURC: "incoming full"`: a connection was refused for want of a socket (2.2.3).
    IncomingFull,
    /// `+QIURC: "incoming",<connectID>,<serverID>,<remoteIP>,<remote_port>`: a listener accepted a
    /// connection (2.2.4).
    Incoming {
        /// The new socket.
        connect_id: ConnectId,
        /// The listener.
        server_id: ConnectId,
        /// Who called. `None` if what the module shows as the address is none.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        peer: Option<SocketAddr>,
    },
    /// `+QIURC: "pdpdeact",<contextID>`: the network took the context down (2.2.5).
    ContextLost(ContextId),
    /// `+QIURC: "dnsgip",<err>[,<IP_count>[,<DNS_ttl>]]`: the result of
    /// [`ResolveName`](super::ResolveName) (2.1.14). So many [`Urc::NameAddress`] follow.
    NameResolved {
        /// Whether the name has an address.
        result: Result<(), ErrorCode>,
        /// How many addresses there are.
        count: Option<u8>,
        /// How long they are valid, in seconds.
        time_to_live: Option<u32>,
    },
    /// `+QIURC: "dnsgip",<hostIPaddr>`: one address (2.1.14).
    NameAddress(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] IpAddr),
    /// `+QIOPEN: <connectID>,<err>`: the result of [`OpenSocket`](super::OpenSocket) (2.1.4).
    Opened {
        /// The socket.
        connect_id: ConnectId,
        /// Whether it is open.
        result: Result<(), ErrorCode>,
    },
    /// `+QPING: …`: results of [`Ping`](super::Ping) (2.1.11).
    Ping(PingReport),
    /// `+QNTP: <err>[,<time>]`: the result of [`SynchronizeTime`](super::SynchronizeTime)
    /// (2.1.12).
    TimeSynchronized {
        /// Whether the server answered.
        result: Result<(), ErrorCode>,
        /// The time.
        time: Option<DateTime>,
    },
    /// `RDY`: the module has started, unasked if in mid-session.
    Ready,
    /// `APP RDY`: its applications have started. Not every module says so.
    ApplicationReady,
    /// `POWERED DOWN`: the module is going off.
    PoweredDown,
    /// `+CFUN: <n>`: how much of the module is on; see [`Functionality`](super::Functionality).
    Functionality(u8),
    /// `+CPIN: <code>`: what the SIM waits for.
    Sim(SimState),
    /// `+QPSMTIMER: …`: the module is about to sleep; all sockets are gone.
    PowerSaving(&'a str),
    /// `NO CARRIER`: transparent mode ended (1.2).
    NoCarrier,
}

impl<'a> Urc<'a> {
    /// Recognises a whole line, without its line end.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (&first, _) = line.split_first()?;
        match first {
            b'+' => {
                let colon = line.iter().take(12).position(|&byte| byte == b':')?;
                let (name, fields) = line.split_at(colon);
                Self::parse_named(name, fields[1..].trim_ascii())
            }
            b'R' | b'A' | b'P' | b'N' => match line.trim_ascii_end() {
                b"RDY" => Some(Self::Ready),
                b"APP RDY" => Some(Self::ApplicationReady),
                b"POWERED DOWN" => Some(Self::PoweredDown),
                b"NO CARRIER" => Some(Self::NoCarrier),
                _ => None,
            },
            _ => None,
        }
    }

    fn parse_named(name: &[u8], fields: &'a [u8]) -> Option<Self> {
        match name {
            b"+QIURC" => Self::parse_socket_urc(fields),
            b"+QIOPEN" => read(fields).map(|opened: OpenedFields| Self::Opened {
                connect_id: opened.connect_id,
                result: ErrorCode::check(opened.error),
            }),
            b"+QPING" => PingReport::parse(fields).map(Self::Ping),
            b"+QNTP" => read(fields).map(|answer: TimeFields| Self::TimeSynchronized {
                result: ErrorCode::check(answer.error),
                time: answer.time.and_then(|time| DateTime::parse(&time.0)),
            }),
            b"+CFUN" => {
                read(fields).map(|level: FunctionalityFields| Self::Functionality(level.level))
            }
            b"+CPIN" => core::str::from_utf8(fields)
                .ok()
                .map(|code| Self::Sim(SimState::parse(code))),
            b"+QPSMTIMER" => core::str::from_utf8(fields).ok().map(Self::PowerSaving),
            _ => None,
        }
    }

    fn parse_socket_urc(fields: &'a [u8]) -> Option<Self> {
        let (kind, fields) = match fields.iter().position(|&byte| byte == b',') {
            Some(comma) => (&fields[..comma], fields[comma + 1..].trim_ascii()),
            None => (fields, &fields[..0]),
        };
        match kind.trim_ascii_end() {
            b"\"recv\"" => read(fields).and_then(ReceivedFields::urc),
            b"\"closed\"" => {
                read(fields).map(|closed: ClosedFields| Self::Closed(closed.connect_id))
            }
            b"\"incoming\"" => read(fields).map(IncomingFields::urc),
            b"\"incoming full\"" => fields.is_empty().then_some(Self::IncomingFull),
            b"\"pdpdeact\"" => {
                read(fields).map(|lost: ContextFields| Self::ContextLost(lost.context))
            }
            b"\"dnsgip\"" => parse_name(fields),
            _ => None,
        }
    }
}

fn read<T: DeserializeOwned>(fields: &[u8]) -> Option<T> {
    from_slice(fields).ok()
}

fn peer(address: &Word<64>, port: u16) -> Option<SocketAddr> {
    parse_address(&address.text).map(|address| SocketAddr::new(address, port))
}

fn parse_name(fields: &[u8]) -> Option<Urc<'static>> {
    let address = read(fields).and_then(|name: NameFields| parse_address(&name.address.text));
    if let Some(address) = address {
        return Some(Urc::NameAddress(address));
    }
    read(fields).map(|resolved: ResolvedFields| Urc::NameResolved {
        result: ErrorCode::check(resolved.error),
        count: resolved.count,
        time_to_live: resolved.time_to_live,
    })
}

#[derive(AtatResp)]
struct ClosedFields {
    connect_id: ConnectId,
}

#[derive(AtatResp)]
struct ReceivedFields {
    connect_id: ConnectId,
    length: Option<u32>,
    address: Option<Word<64>>,
    port: Option<u16>,
}

impl ReceivedFields {
    fn urc(self) -> Option<Urc<'static>> {
        let peer = match (&self.address, self.port) {
            (Some(address), Some(port)) => peer(address, port),
            (None, None) => None,
            // Neither of the shapes: data on the header's line, or a line that lost its end.
            _ => return None,
        };
        Some(Urc::Received {
            connect_id: self.connect_id,
            length: self.length,
            peer,
        })
    }
}

#[derive(AtatResp)]
struct IncomingFields {
    connect_id: ConnectId,
    server_id: ConnectId,
    address: Word<64>,
    port: u16,
}

impl IncomingFields {
    fn urc(self) -> Urc<'static> {
        Urc::Incoming {
            connect_id: self.connect_id,
            server_id: self.server_id,
            peer: peer(&self.address, self.port),
        }
    }
}

#[derive(AtatResp)]
struct ContextFields {
    context: ContextId,
}

#[derive(AtatResp)]
struct ResolvedFields {
    error: u16,
    count: Option<u8>,
    time_to_live: Option<u32>,
}

#[derive(AtatResp)]
struct NameFields {
    address: Word<64>,
}

#[derive(AtatResp)]
struct OpenedFields {
    connect_id: ConnectId,
    error: u16,
}

#[derive(AtatResp)]
struct TimeFields {
    error: u16,
    time: Option<Quoted<32>>,
}

#[derive(AtatResp)]
struct FunctionalityFields {
    level: u8,
}
