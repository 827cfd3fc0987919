//! The lines that come unasked (2.2), and the late results of commands.

use core::net::{IpAddr, SocketAddr};

use super::{
    address::{Remote, address_of, peer},
    error_code::ErrorCode,
    field::{Fields, Parse, place, read, split},
    ids::{ConnectId, ContextId},
    name::Name,
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
        match (split(line, b':'), line.trim_ascii_end()) {
            (Some((b"+QPING", _)), _) => read(line).map(Self::Ping),
            (Some((b"+QNTP", _)), _) => read(line)
                .map(|Synchronized { result, time }| Self::TimeSynchronized { result, time }),
            (Some((b"+CFUN", _)), _) => read(line).map(Self::Functionality),
            (Some((b"+CPIN", _)), _) => {
                Some(Self::Sim(SimState::parse(Fields::of_line(line).bytes())))
            }
            (_, b"APP RDY") => Some(Self::ApplicationReady),
            (_, b"NO CARRIER") => Some(Self::NoCarrier),
            _ => {
                let line = line.trim_ascii_end();
                let (notice, fields) = UrcKind::of_line(line, Name::of_line(line))?;
                Self::of_notice(notice, fields)
            }
        }
    }

    fn of_notice(notice: UrcKind, mut fields: Fields<'a>) -> Option<Self> {
        Some(match notice {
            UrcKind::Closed => Self::Closed(fields.last()?),
            UrcKind::Received => {
                let (connect_id, length) = (fields.next()?, fields.next()?);
                let Remote(peer) = fields.whole()?;
                Self::Received {
                    connect_id,
                    length,
                    peer,
                }
            }
            UrcKind::IncomingFull => {
                fields.end()?;
                Self::IncomingFull
            }
            UrcKind::Incoming => {
                let connect_id = fields.next()?;
                let IncomingPeer { server_id, peer } = fields.whole()?;
                Self::Incoming {
                    connect_id,
                    server_id,
                    peer,
                }
            }
            UrcKind::ContextLost => Self::ContextLost(fields.last()?),
            UrcKind::Resolved => match fields.whole()? {
                Resolved::Address(address) => Self::NameAddress(address),
                Resolved::Result {
                    result,
                    count,
                    time_to_live,
                } => Self::NameResolved {
                    result,
                    count,
                    time_to_live,
                },
            },
            UrcKind::Opened => Self::Opened {
                connect_id: fields.next()?,
                result: ErrorCode::check(fields.last()?),
            },
            UrcKind::Ready => Self::Ready,
            UrcKind::PoweredDown => Self::PoweredDown,
            UrcKind::PowerSaving => Self::PowerSaving(core::str::from_utf8(fields.bytes()).ok()?),
        })
    }
}

/// What a [`Urc`] is about, of those that change what is known of sockets and of the link. Its fields are read by those who
/// want to know: firmware that never does is linked without what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrcKind {
    Closed,
    /// connectID, length, and for [`Remote`].
    Received,
    IncomingFull,
    /// connectID, and for [`IncomingPeer`].
    Incoming,
    ContextLost,
    /// For [`Resolved`].
    Resolved,
    /// connectID and error code.
    Opened,
    Ready,
    PoweredDown,
    PowerSaving,
}

/// Who was accepted by a listener.
pub(crate) struct IncomingPeer {
    pub(crate) server_id: ConnectId,
    pub(crate) peer: Option<SocketAddr>,
}

impl Parse for IncomingPeer {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let server_id = fields.next()?;
        let (word, port) = (fields.word()?, fields.next()?);
        Some(Self {
            server_id,
            peer: peer(address_of(word.text), Some(port)),
        })
    }
}

/// What a name lookup brought.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolved {
    Address(IpAddr),
    Result {
        result: Result<(), ErrorCode>,
        count: Option<u8>,
        time_to_live: Option<u32>,
    },
}

impl UrcKind {
    /// Recognises a whole line, without blanks behind it, that has this name. Gives the fields behind it.
    pub(crate) fn of_line(line: &[u8], name: Option<Name>) -> Option<(Self, Fields<'_>)> {
        let mut fields = Fields::of_line(line);
        let notice = match name {
            Some(Name::UrcKind) => Self::of_kind(fields.field()?)?,
            Some(Name::Opened) => Self::Opened,
            Some(Name::PowerSaving) => Self::PowerSaving,
            Some(_) => return None,
            None => match place("RDY\nPOWERED DOWN\n", line)? {
                0 => Self::Ready,
                _ => Self::PoweredDown,
            },
        };
        Some((notice, fields))
    }

    fn of_kind(name: &[u8]) -> Option<Self> {
        const KINDS: &str = concat!(
            "\"recv\"\n",
            "\"closed\"\n",
            "\"incoming\"\n",
            "\"incoming full\"\n",
            "\"pdpdeact\"\n",
            "\"dnsgip\"\n",
        );
        Some(match place(KINDS, name)? {
            0 => Self::Received,
            1 => Self::Closed,
            2 => Self::Incoming,
            3 => Self::IncomingFull,
            4 => Self::ContextLost,
            _ => Self::Resolved,
        })
    }
}

impl Parse for Resolved {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let start = *fields;
        if let Some(address) = fields.address() {
            return Some(Self::Address(address));
        }
        *fields = start;
        Some(Self::Result {
            result: ErrorCode::check(fields.next()?),
            count: fields.next()?,
            time_to_live: fields.next()?,
        })
    }
}
