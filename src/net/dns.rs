//! Name lookups.

use core::net::IpAddr;

use embassy_sync::blocking_mutex::raw::RawMutex;
use embedded_nal_async::{AddrType, Dns};

use super::host::literal;
use crate::at::Host;
use crate::engine::mailbox::Message;
use crate::engine::shared::Shared;
use crate::engine::{Addresses, Queue};
use crate::error::Error;
use crate::stack::Stack;

impl<M: RawMutex> Dns for Stack<'_, M> {
    type Error = Error;

    /// Returns the first address of the wanted family (AT+QIDNSGIP, section 2.1.14). A literal address is returned as it is,
    /// and nothing is sent.
    ///
    /// # Errors
    ///
    /// As for [`Stack::resolve`]. [`Error::NameNotFound`] too if the name has addresses of the other family only.
    ///
    /// # Cancel safety
    ///
    /// As for [`Stack::resolve`].
    fn get_host_by_name(
        &self,
        host: &str,
        addr_type: AddrType,
    ) -> impl Future<Output = Result<IpAddr, Error>> {
        Lookup::run(self.shared, host, move |found| first_of(found, &addr_type))
    }

    /// Not available: the module has no reverse lookup.
    ///
    /// # Errors
    ///
    /// Always [`Error::Unsupported`].
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unsupported)
    }
}

impl<M: RawMutex> Stack<'_, M> {
    /// Returns the addresses of a name in the module's order, at most four (AT+QIDNSGIP, section 2.1.14). A literal address
    /// is returned as it is, and nothing is sent.
    ///
    /// Lookups are made one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] before anything is sent, [`Error::NameNotFound`], [`Error::NameLookup`],
    /// [`Error::TimedOut`] after [`Config::lookup_time`](crate::Config::lookup_time) (default 60 s), [`Error::Link`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the lookup. The next lookup waits until the module has answered this one.
    pub async fn resolve(&self, host: &str) -> Result<Addresses, Error> {
        let all = |found: &[IpAddr]| Ok(found.iter().copied().collect());
        Lookup::run(self.shared, host, all).await
    }
}

/// A lookup that the engine has accepted. Dropping it gives the lookup up.
struct Lookup<'s, 'd, M: RawMutex> {
    shared: &'s Shared<'d, M>,
    ticket: u32,
}

impl<'s, 'd, M: RawMutex> Lookup<'s, 'd, M> {
    /// Looks a name up, and picks the result from the addresses where the engine keeps them: a copy of all has 72 bytes.
    async fn run<T>(
        shared: &'s Shared<'d, M>,
        host: &str,
        pick: impl Fn(&[IpAddr]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(address) = literal(host) {
            return pick(&[address]);
        }
        Host::name(host).map_err(Error::InvalidName)?;
        let turn = Queue::Turn;
        let ticket = shared.wait(turn, |engine| engine.poll_ask(host)).await?;
        let _accepted = Self { shared, ticket };
        let result = Queue::LookupResult;
        shared
            .wait(result, |engine| engine.dns.poll_answer(ticket, &pick))
            .await
    }
}

impl<M: RawMutex> Drop for Lookup<'_, '_, M> {
    fn drop(&mut self) {
        self.shared.post(Message::LookupDropped(self.ticket));
    }
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
