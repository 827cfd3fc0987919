//! The SOCKS5 protocol: RFC 1928, without authentication.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

use anyhow::{Context, Result, bail, ensure};
use async_io::Async;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use quectel_nal::Error;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// The longest name of a host.
pub const MAX_NAME: usize = 255;

/// Where a client wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Host,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Address(IpAddr),
    /// A name that the module has to resolve.
    Name(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Host {
    /// A client may write an address where a name is expected.
    fn from_text(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        match text.parse() {
            Ok(address) => Some(Self::Address(address)),
            Err(_) => Some(Self::Name(text.into())),
        }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Connect,
    UdpAssociate,
}

/// The reply field of section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Succeeded = 0,
    GeneralFailure = 1,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    /// "TTL expired": what other proxies answer after a time-out.
    TimedOut = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        match error {
            Error::Link(_) => Self::NetworkUnreachable,
            Error::NameNotFound | Error::NameLookup(_) | Error::InvalidName(_) => {
                Self::HostUnreachable
            }
            Error::ConnectionRefused | Error::ConnectionReset | Error::Closed => {
                Self::ConnectionRefused
            }
            Error::TimedOut => Self::TimedOut,
            Error::Unsupported | Error::InvalidAddress => Self::AddressTypeNotSupported,
            _ => Self::GeneralFailure,
        }
    }
}

/// Reads the greeting and the request. A request that cannot be served is refused here, and is an error.
pub async fn negotiate(mut client: &Async<TcpStream>) -> Result<(Command, Target)> {
    let [version, count] = bytes(client).await?;
    ensure!(version != 4, "a client of SOCKS4; this is SOCKS5");
    ensure!(version == VERSION, "not a SOCKS client");
    let mut methods = vec![0; usize::from(count)];
    client.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        client.write_all(&[VERSION, NO_METHOD]).await?;
        bail!("the client insists on authentication");
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;

    let [version, command, _] = bytes(client).await?;
    ensure!(version == VERSION, "not a SOCKS5 request");
    let Some(target) = target(client).await? else {
        reply(client, Reply::AddressTypeNotSupported, None).await?;
        bail!("an address of an unknown type");
    };
    let command = match command {
        1 => Command::Connect,
        3 => Command::UdpAssociate,
        _ => {
            reply(client, Reply::CommandNotSupported, None).await?;
            bail!("command {command} is not supported: CONNECT and UDP ASSOCIATE are");
        }
    };
    Ok((command, target))
}

/// Answers a request.
pub async fn reply(
    mut client: &Async<TcpStream>,
    reply: Reply,
    bound: Option<SocketAddr>,
) -> Result<()> {
    let bound = bound.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
    let mut answer = vec![VERSION, reply as u8, 0];
    put_address(&mut answer, bound);
    client
        .write_all(&answer)
        .await
        .context("the client has gone")
}

/// The address of a request or a datagram; `None` for a type that does not exist.
async fn target(mut from: impl AsyncRead + Unpin) -> Result<Option<Target>> {
    let [kind] = bytes(&mut from).await?;
    let host = match kind {
        IPV4 => Some(Host::Address(
            Ipv4Addr::from(bytes::<4>(&mut from).await?).into(),
        )),
        IPV6 => Some(Host::Address(
            Ipv6Addr::from(bytes::<16>(&mut from).await?).into(),
        )),
        NAME => {
            let [length] = bytes(&mut from).await?;
            let mut name = vec![0; usize::from(length)];
            from.read_exact(&mut name).await?;
            Host::from_text(&name)
        }
        _ => None,
    };
    let Some(host) = host else {
        return Ok(None);
    };
    let port = u16::from_be_bytes(bytes(&mut from).await?);
    Ok(Some(Target { host, port }))
}

async fn bytes<const N: usize>(mut from: impl AsyncRead + Unpin) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn put_address(into: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            into.push(IPV4);
            into.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            into.push(IPV6);
            into.extend(ip.octets());
        }
    }
    into.extend(address.port().to_be_bytes());
}

/// Splits a datagram of a client into its target and its payload. Fragments, and what is no datagram, are `None`.
pub async fn unwrap_datagram(datagram: &[u8]) -> Option<(Target, &[u8])> {
    let mut rest = datagram;
    let [0, 0, 0] = bytes(&mut rest).await.ok()? else {
        return None;
    };
    let target = target(&mut rest).await.ok()??;
    Some((target, rest))
}

/// A datagram for a client.
pub fn wrap_datagram(from: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0, 0, 0];
    put_address(&mut datagram, from);
    datagram.extend(payload);
    datagram
}
