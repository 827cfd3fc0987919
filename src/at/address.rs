//! Addresses and host names as they stand in commands and answers.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use heapless::String;
use serde_at::serde::{Serialize, Serializer};

use super::{
    field::{Fields, Parse, digits, split},
    text::{InvalidText, Text},
    writer::{Argument, Value, Writer},
};

/// The address as modules take it: IPv4 with dots; IPv6 as eight groups, because some modules
/// refuse `::` and brackets.
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

/// The address in a text from the module: IPv4 with dots, IPv6 with colons in any form, or IPv6
/// as sixteen decimal numbers with dots.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    address_of(text.as_bytes())
}

impl Fields<'_> {
    /// The address in the next field. None too if what is there is no address.
    pub(super) fn address(&mut self) -> Option<IpAddr> {
        self.word().and_then(|word| address_of(word.text))
    }
}

/// Who sent a datagram, as the header of its data shows it: an address in quotes, or without, and a port. Counters look
/// alike, and data that begins on this line.
pub(crate) struct Sender(pub(crate) Option<SocketAddr>);

impl Parse for Sender {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let (word, port) = (fields.optional_word(), fields.next()?);
        let address = word.and_then(|word| address_of(word.text));
        if address.is_none() && word.is_some_and(|word| !word.quoted) {
            return None;
        }
        Some(Self(peer(address, port)))
    }
}

/// Who sent what is being pushed, or is waiting: an address and a port, or neither. Anything else is data on the header's
/// line, or a line that lost its end.
pub(crate) struct Remote(pub(crate) Option<SocketAddr>);

impl Parse for Remote {
    fn parse(fields: &mut Fields<'_>) -> Option<Self> {
        let (word, port) = (fields.optional_word(), fields.next::<Option<u16>>()?);
        if word.is_some() != port.is_some() {
            return None;
        }
        Some(Self(peer(
            word.and_then(|word| address_of(word.text)),
            port,
        )))
    }
}

pub(super) fn peer(address: Option<IpAddr>, port: Option<u16>) -> Option<SocketAddr> {
    Some(SocketAddr::new(address?, port?))
}

/// The addresses of a context, in any order.
pub(crate) fn pair(text: &[u8]) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let mut fields = Fields::of_line(text);
    let (mut v4, mut v6) = (None, None);
    for _ in 0..2 {
        match fields.address() {
            Some(IpAddr::V4(address)) => v4 = Some(address),
            Some(IpAddr::V6(address)) => v6 = Some(address),
            None => {}
        }
    }
    (v4, v6)
}

#[inline(never)]
pub(crate) fn address_of(text: &[u8]) -> Option<IpAddr> {
    if text.contains(&b':') {
        return groups(text).map(IpAddr::V6);
    }
    let mut octets = [0; 16];
    match (dotted(text, &mut octets)?, octets) {
        (Dotted::Four, [a, b, c, d, ..]) => Some(Ipv4Addr::new(a, b, c, d).into()),
        (Dotted::Sixteen, octets) => Some(Ipv6Addr::from(octets).into()),
    }
}

/// How many numbers with dots between them there are.
enum Dotted {
    Four,
    Sixteen,
}

fn dotted(text: &[u8], octets: &mut [u8; 16]) -> Option<Dotted> {
    let mut count = 0;
    // Elsewhere a leading zero stands for another base.
    let mut padded = false;
    for number in text.split(|&byte| byte == b'.') {
        *octets.get_mut(count)? = digits(number)?.try_into().ok()?;
        padded |= number.len() > 1 && number.starts_with(b"0");
        count += 1;
    }
    match count {
        4 if !padded => Some(Dotted::Four),
        16 => Some(Dotted::Sixteen),
        _ => None,
    }
}

/// IPv6 with colons. The last two groups can be written as an IPv4 address.
fn groups(text: &[u8]) -> Option<Ipv6Addr> {
    let mut address = [0; 8];
    let mut count = 0;
    let mut gap = None;
    let mut rest = text;
    if let Some(behind) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = behind;
    }
    while !rest.is_empty() {
        let (group, mut behind) = match split(rest, b':') {
            // Nothing follows a single colon.
            Some((_, [])) => return None,
            Some(parts) => parts,
            None => (rest, &[][..]),
        };
        if behind.is_empty() && group.contains(&b'.') {
            let mut octets = [0; 16];
            let (Dotted::Four, [a, b, c, d, ..]) = (dotted(group, &mut octets)?, octets) else {
                return None;
            };
            *address.get_mut(count)? = u16::from_be_bytes([a, b]);
            *address.get_mut(count + 1)? = u16::from_be_bytes([c, d]);
            count += 1;
        } else {
            *address.get_mut(count)? = hexadecimal(group)?;
        }
        count += 1;
        if let [b':', ..] = behind {
            if gap.replace(count).is_some() {
                return None;
            }
            behind = behind.get(1..)?;
        }
        rest = behind;
    }
    let Some(gap) = gap else {
        return (count == 8).then(|| address.into());
    };
    // One group of zeros at least is left out. What is behind them belongs to the end.
    let left_out = 8_usize.checked_sub(count).filter(|&zeros| zeros > 0)?;
    for place in (gap..count).rev() {
        let group = core::mem::take(address.get_mut(place)?);
        *address.get_mut(place + left_out)? = group;
    }
    Some(address.into())
}

fn hexadecimal(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |number: u16, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(number << 4 | value as u16)
    })
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

impl Argument<'_> for Address {
    fn value(self) -> Value<'static> {
        Value::Address(self.0)
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

impl<'a> Argument<'a> for Host<'a> {
    fn value(self) -> Value<'a> {
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
