//! The lines that come unasked (2.2), and the late results of commands.

use core::net::{IpAddr, SocketAddr};

use super::{
    address::address_of,
    error_code::ErrorCode,
    field::{Fields, Word, find, read, split},
    ids::{ConnectId, ContextId},
    ping::PingReport,
    sim::SimState,
    time::{DateTime, Synchronized},
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
        match split(line, b':') {
            Some((b"+QPING", _)) => read(line).map(Self::Ping),
            Some((b"+QNTP", _)) => read(line)
                .map(|Synchronized { result, time }| Self::TimeSynchronized { result, time }),
            _ => Self::parse_common(line),
        }
    }

    /// Recognises what has a meaning in every firmware: all but the results of the module's tools.
    pub(crate) fn parse_common(line: &'a [u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        if let Some(urc) = find(&WORDS, line) {
            return Some(urc);
        }
        let (name, _) = split(line, b':')?;
        let mut fields = Fields::of_line(line);
        match name {
            b"+QPSMTIMER" => {
                let text = core::str::from_utf8(fields.bytes()).ok();
                text.map(Self::PowerSaving)
            }
            _ => find(&NAMES, name).and_then(|parse| fields.all(parse)),
        }
    }
}

/// Lines that are nothing but words.
const WORDS: [(&str, Urc<'static>); 4] = [
    ("RDY", Urc::Ready),
    ("APP RDY", Urc::ApplicationReady),
    ("POWERED DOWN", Urc::PoweredDown),
    ("NO CARRIER", Urc::NoCarrier),
];

/// What reads the fields of a URC.
type Reader = fn(&mut Fields<'_>) -> Option<Urc<'static>>;

const NAMES: [(&str, Reader); 4] = [
    ("+QIURC", of_socket),
    ("+QIOPEN", opened),
    ("+CFUN", |fields| fields.next().map(Urc::Functionality)),
    ("+CPIN", |fields| {
        Some(Urc::Sim(SimState::parse(fields.bytes())))
    }),
];

const OF_SOCKETS: [(&str, Reader); 6] = [
    ("\"recv\"", received),
    ("\"closed\"", |fields| fields.next().map(Urc::Closed)),
    ("\"incoming\"", incoming),
    ("\"incoming full\"", |_| Some(Urc::IncomingFull)),
    ("\"pdpdeact\"", |fields| fields.next().map(Urc::ContextLost)),
    ("\"dnsgip\"", resolved),
];

fn of_socket(fields: &mut Fields<'_>) -> Option<Urc<'static>> {
    let read = find(&OF_SOCKETS, fields.field()?)?;
    read(fields)
}

fn received(fields: &mut Fields<'_>) -> Option<Urc<'static>> {
    let connect_id = fields.next()?;
    let length = fields.next()?;
    let peer = match (fields.optional_word(), fields.next()?) {
        (Some(address), Some(port)) => peer(address, port),
        (None, None) => None,
        // Neither of the shapes: data on the header's line, or a line that lost its end.
        _ => return None,
    };
    Some(Urc::Received {
        connect_id,
        length,
        peer,
    })
}

fn incoming(fields: &mut Fields<'_>) -> Option<Urc<'static>> {
    Some(Urc::Incoming {
        connect_id: fields.next()?,
        server_id: fields.next()?,
        peer: peer(fields.word()?, fields.next()?),
    })
}

fn peer(address: Word<'_>, port: u16) -> Option<SocketAddr> {
    address_of(address.text).map(|address| SocketAddr::new(address, port))
}

fn resolved(fields: &mut Fields<'_>) -> Option<Urc<'static>> {
    let start = *fields;
    if let Some(address) = fields.address() {
        return Some(Urc::NameAddress(address));
    }
    *fields = start;
    Some(Urc::NameResolved {
        result: ErrorCode::check(fields.next()?),
        count: fields.next()?,
        time_to_live: fields.next()?,
    })
}

fn opened(fields: &mut Fields<'_>) -> Option<Urc<'static>> {
    Some(Urc::Opened {
        connect_id: fields.next()?,
        result: ErrorCode::check(fields.next()?),
    })
}
