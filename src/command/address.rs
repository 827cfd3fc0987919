//! Addresses and host names as they stand in commands and answers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::String;
use serde_at::serde::{Serialize, Serializer};

use super::{
    text::{InvalidText, Text},
    writer::{Argument, Value, Writer},
};

/// The address as modules take it: IPv4 with dots; IPv6 as eight groups, because some modules
/// refuse `::` and brackets.
#[must_use]
pub fn format_address(address: IpAddr) -> String<39> {
    let mut buffer = [0; 39];
    let mut writer = Writer::new(&mut buffer);
    writer.address(&address);
    // 15 and 39 characters are the most that either can have, so that there always is room.
    writer.written().iter().copied().map(char::from).collect()
}

/// The address in a text from the module: IPv4 with dots, IPv6 with colons in any form, or IPv6
/// as sixteen decimal numbers with dots.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| parse_sixteen_numbers(text).map(IpAddr::V6))
}

fn parse_sixteen_numbers(text: &str) -> Option<Ipv6Addr> {
    let mut octets = [0; 16];
    let mut numbers = text.split('.');
    for octet in &mut octets {
        let number = numbers.next()?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = number.parse().ok()?;
    }
    numbers.next().is_none().then(|| octets.into())
}

/// An address as a parameter of a command, in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Address(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] pub IpAddr);

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.into())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Self {
        Self(address.into())
    }
}

impl Argument for Address {
    fn value(&self) -> Value<'_> {
        Value::Address(&self.0)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_address(self.0))
    }
}

/// A domain name: at most 253 bytes, the limit of the DNS. The note gives none.
pub type HostName<'a> = Text<'a, 253>;

/// The other end: by name or by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Host<'a> {
    /// A domain name; the module resolves it.
    Name(HostName<'a>),
    /// An address.
    Address(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] IpAddr),
}

impl<'a> Host<'a> {
    /// 127.0.0.1, which the note asks for where there is no other end: TCP LISTENER, UDP SERVICE
    /// (2.1.4).
    pub const NONE: Self = Self::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// A host by name.
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

impl From<IpAddr> for Host<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<Ipv4Addr> for Host<'_> {
    fn from(address: Ipv4Addr) -> Self {
        Self::Address(address.into())
    }
}

impl Argument for Host<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Name(name) => name.value(),
            Self::Address(address) => Value::Address(address),
        }
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
