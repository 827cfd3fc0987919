//! Addresses and host names in commands and answers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use heapless::String;
use serde_at::serde::{Serialize, Serializer};

use super::clipped::Clipped;
use super::text::{InvalidText, Text};
#[cfg(not(feature = "udp"))]
use crate::at::deserializer::trim;
use crate::at::deserializer::{Fields, deserialize_by, digits, unquoted};
use crate::at::serializer::Writer;

/// Formats an address for the module: IPv4 with dots; IPv6 as eight groups, because some modules refuse `::` and brackets.
#[must_use]
pub fn format_address(address: IpAddr) -> String<39> {
    // 15 and 39 characters are the most that either can have, so that there always is room.
    let mut buffer = [0; 39];
    let mut writer = Writer::new(&mut buffer);
    writer.address(&address);
    let mut text = String::new();
    for &byte in writer.written() {
        let _ = text.push(char::from(byte));
    }
    text
}

/// Reads an address of the module: IPv4 with dots, IPv6 with colons in any form, also in brackets and with a scope, which is
/// dropped, or IPv6 as sixteen decimal numbers with dots.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    address_of(text.as_bytes())
}

pub(crate) fn address_of(text: &[u8]) -> Option<IpAddr> {
    if text.contains(&b':') {
        // `[2409::1]` and `fe80::1%1`: the scope is that of the module and means nothing to the host.
        let inner = text
            .strip_prefix(b"[")
            .and_then(|text| text.strip_suffix(b"]"));
        let address = inner.unwrap_or(text).split(|&byte| byte == b'%').next()?;
        let text = core::str::from_utf8(address).ok()?;
        return text.parse().ok().map(IpAddr::V6);
    }
    let mut octets = [0; 16];
    let mut count = 0;
    // Leading zeros in four numbers are refused: they can mean another base.
    let mut padded = false;
    for number in text.split(|&byte| byte == b'.') {
        *octets.get_mut(count)? = digits(number)?.try_into().ok()?;
        padded |= number.len() > 1 && number.starts_with(b"0");
        count += 1;
    }
    match (count, octets) {
        (4, [a, b, c, d, ..]) if !padded => Some(Ipv4Addr::new(a, b, c, d).into()),
        (16, octets) => Some(Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// An address as an argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Address(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] pub IpAddr);

impl<A: Into<IpAddr>> From<A> for Address {
    fn from(address: A) -> Self {
        Self(address.into())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // In quotes, as `serialize_str` writes a text, without the detour through one.
        let mut buffer = [0; 41];
        let mut writer = Writer::new(&mut buffer);
        writer.quoted_address(&self.0);
        serializer.serialize_bytes(writer.written())
    }
}

/// An address in an answer, with quotes or without. `None` if the field is missing, empty, or not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ShownAddress(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] pub Option<IpAddr>);

deserialize_by!(one_field, ShownAddress, |field| {
    Some(Self(address_of(unquoted(field))))
});

/// The addresses of a PDP context, in the last fields of a line: at most one of each family, in any order. `0.0.0.0` and `::` are
/// none (quirk 119). They are kept as text until they are asked for, so that other firmware does not contain what reads
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ContextAddresses(Clipped<LONGEST>);

/// The length of both addresses in quotes, IPv6 as sixteen decimal numbers.
const LONGEST: usize = 17 + 1 + 65;

impl ContextAddresses {
    pub(crate) const NONE: Self = Self(Clipped::EMPTY);

    /// The IPv4 address, if the context has one.
    #[must_use]
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    /// The IPv6 address, if the context has one.
    #[must_use]
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        self.iter().find_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        })
    }

    fn iter(&self) -> impl Iterator<Item = IpAddr> {
        let fields = self.0.as_bytes().split(|&byte| byte == b',');
        let addresses = fields.filter_map(|field| address_of(unquoted(field)));
        addresses.filter(|address| !address.is_unspecified())
    }

    /// Whether the context has no address. Does not read the addresses: firmware that does not ask for them is 1.6 KB smaller.
    pub(crate) fn is_empty(&self) -> bool {
        let text = self.0.as_bytes();
        // An unspecified address has no other digit than 0.
        let is_digit = |byte: &u8| matches!(byte, b'1'..=b'9' | b'a'..=b'f' | b'A'..=b'F');
        !(text.contains(&b'.') || text.contains(&b':')) || !text.iter().any(is_digit)
    }
}

deserialize_by!(remainder, ContextAddresses, |text| Some(Self(
    Clipped::new(text)
)));

/// The peer in the last two fields of a URC or of the answer to AT+QIRD: address and port, or neither.
///
/// `None` if a field is missing, or there is no address between the quotes. A first field without quotes that is not an
/// address is an error: the line contains counters, or data begins on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Peer(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] pub Option<SocketAddr>);

impl Peer {
    /// The address.
    pub(crate) const fn address(self) -> Option<SocketAddr> {
        self.0
    }

    fn of(text: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(text);
        let field = fields.field();
        let port: Option<u16> = fields.last()?;
        let address = address_of(unquoted(field));
        if address.is_none() && !matches!(field, [] | [b'"', ..]) {
            return None;
        }
        Some(Self(address.zip(port).map(SocketAddr::from)))
    }
}

deserialize_by!(remainder, Peer, Self::of);

/// The last two fields of a URC or an answer, unread. Firmware without UDP uses it in place of [`Peer`], and saves the 1 KB of flash
/// that reading addresses takes.
#[cfg(not(feature = "udp"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotRead;

#[cfg(not(feature = "udp"))]
impl NotRead {
    /// It is not read.
    pub(crate) const fn address(self) -> Option<SocketAddr> {
        None
    }
}

#[cfg(not(feature = "udp"))]
deserialize_by!(remainder, NotRead, |text| {
    matches!(trim(text), [] | [b'"', ..]).then_some(Self)
});

/// A host name: at most 253 bytes, the limit of the DNS. The note has no limit.
pub type HostName<'a> = Text<'a, 253>;

/// A host, by name or by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Host<'a> {
    /// A host name. The module resolves it.
    Name(HostName<'a>),
    /// An address.
    Address(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] IpAddr),
}

impl<'a> Host<'a> {
    /// 127.0.0.1, which the note requires for sockets without a peer: TCP LISTENER, UDP SERVICE (2.1.4).
    pub const NONE: Self = Self::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// Checks a host name.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] if `name` is empty or cannot be part of a command.
    pub const fn name(name: &'a str) -> Result<Self, InvalidText> {
        match Text::new(name) {
            Ok(_) if name.is_empty() => Err(InvalidText::Empty),
            Ok(name) => Ok(Self::Name(name)),
            Err(error) => Err(error),
        }
    }
}

impl<A: Into<IpAddr>> From<A> for Host<'_> {
    fn from(address: A) -> Self {
        Self::Address(address.into())
    }
}

impl Serialize for Host<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Name(name) => name.serialize(serializer),
            Self::Address(address) => Address(address).serialize(serializer),
        }
    }
}
