//! Name lookup.

use core::future::poll_fn;
use core::net::IpAddr;

use embedded_nal_async::{AddrType, Dns};

use crate::command::{Host, address_of};
use crate::error::Error;
use crate::shared::Shared;
use crate::socket::Addresses;
use crate::stack::Stack;

/// A question that the module is being asked.
pub(crate) struct Lookup<'s, 'd> {
    shared: &'s Shared<'d>,
}

impl<'s, 'd> Lookup<'s, 'd> {
    pub(crate) async fn run(shared: &'s Shared<'d>, host: &str) -> Result<Addresses, Error> {
        if let Some(address) = literal(host) {
            return Ok(core::iter::once(address).collect());
        }
        Host::name(host).map_err(Error::InvalidName)?;
        poll_fn(|cx| shared.with(|table| table.poll_ask(host, cx.waker()))).await?;
        let lookup = Self { shared };
        poll_fn(|cx| lookup.shared.with(|table| table.poll_answer(cx.waker()))).await
    }
}

impl Drop for Lookup<'_, '_> {
    fn drop(&mut self) {
        self.shared.with(|table| table.lookup.abandon());
    }
}

/// Literal addresses are not worth a transaction.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    let host = host.as_bytes();
    let bare = host
        .strip_prefix(b"[")
        .and_then(|host| host.strip_suffix(b"]"));
    address_of(bare.unwrap_or(host))
}

/// The first address of the wanted family.
pub(crate) fn first_of(addresses: &[IpAddr], wanted: &AddrType) -> Result<IpAddr, Error> {
    let mut addresses = addresses.iter().copied();
    addresses
        .find(|address| match wanted {
            AddrType::IPv4 => address.is_ipv4(),
            AddrType::IPv6 => address.is_ipv6(),
            AddrType::Either => true,
        })
        .ok_or(Error::NameNotFound)
}

impl Dns for Stack<'_> {
    type Error = Error;

    /// The first address of the wanted family (AT+QIDNSGIP, section 2.1.14). Literal addresses are answered at once.
    ///
    /// # Errors
    ///
    /// As for [`Stack::resolve`]; [`Error::NameNotFound`] too when the name has addresses of the other family only.
    async fn get_host_by_name(&self, host: &str, addr_type: AddrType) -> Result<IpAddr, Error> {
        first_of(&self.resolve(host).await?, &addr_type)
    }

    /// The module has no reverse lookup.
    ///
    /// # Errors
    ///
    /// Always [`Error::Unsupported`].
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unsupported)
    }
}
