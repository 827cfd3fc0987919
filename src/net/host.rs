//! Host names and literal addresses.

use core::net::IpAddr;

#[cfg(any(feature = "ping", feature = "ntp"))]
use crate::at::Host;
use crate::at::address_of;
#[cfg(any(feature = "ping", feature = "ntp"))]
use crate::error::Error;

/// The address that `host` is the text of, as IPv4, as IPv6, or as IPv6 in square brackets.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let host = host.as_bytes();
    let without_brackets = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    address_of(without_brackets.unwrap_or(host))
}

/// The parameter of a command for a host name or a literal address.
#[cfg(any(feature = "ping", feature = "ntp"))]
pub(crate) fn host_of(host: &str) -> Result<Host<'_>, Error> {
    match literal(host) {
        Some(address) => Ok(Host::Address(address)),
        None => Host::name(host).map_err(Error::InvalidName),
    }
}
