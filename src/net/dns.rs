//! Name lookup.

use core::future::poll_fn;
use core::net::IpAddr;
use core::task::{Poll, ready};

use embedded_nal_async::{AddrType, Dns};

use crate::at::{Host, address_of};
use crate::engine::Addresses;
use crate::engine::shared::Shared;
use crate::error::Error;
use crate::stack::Stack;

/// A question that the module is being asked.
pub(crate) struct Lookup<'s, 'd> {
    shared: &'s Shared<'d>,
}

impl<'s, 'd> Lookup<'s, 'd> {
    /// What is picked from the answer.
    pub(crate) fn run<T>(
        shared: &'s Shared<'d>,
        host: &str,
        pick: impl Fn(&[IpAddr]) -> Result<T, Error>,
    ) -> impl Future<Output = Result<T, Error>> {
        let mut asked = None;
        poll_fn(move |cx| {
            if asked.is_none() {
                if let Some(address) = literal(host) {
                    return Poll::Ready(pick(&[address]));
                }
                Host::name(host).map_err(Error::InvalidName)?;
                ready!(shared.with(|engine| engine.poll_ask(host, cx.waker())))?;
                asked = Some(Self { shared });
            }
            let answer = ready!(shared.with(|engine| engine.poll_answer(&pick, cx.waker())));
            // Others may ask.
            asked = None;
            Poll::Ready(answer)
        })
    }
}

impl Drop for Lookup<'_, '_> {
    fn drop(&mut self) {
        self.shared.with(|engine| engine.lookup().abandon());
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

/// All addresses.
pub(crate) fn all_of(addresses: &[IpAddr]) -> Result<Addresses, Error> {
    Ok(addresses.iter().copied().collect())
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
    fn get_host_by_name(
        &self,
        host: &str,
        addr_type: AddrType,
    ) -> impl Future<Output = Result<IpAddr, Error>> {
        Lookup::run(self.shared, host, move |found| first_of(found, &addr_type))
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
