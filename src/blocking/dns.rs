//! Name lookups.

use core::net::IpAddr;
use core::task::{Poll, ready};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embedded_nal::{AddrType, Dns, nb};

use super::Tcp;
#[cfg(feature = "udp")]
use super::Udp;
use super::stack::{AnyStack, Lookup, Stack};
use crate::at::Host;
use crate::engine::Addresses;
use crate::error::Error;
use crate::net::{first_of, literal};
use crate::runner::RunError;

impl<R: Future<Output = RunError> + Unpin + ?Sized, M: RawMutex> Stack<'_, R, M> {
    fn resolve(&self, host: &str) -> nb::Result<Addresses, Error> {
        if let Some(address) = literal(host) {
            return Ok(core::iter::once(address).collect());
        }
        Host::name(host).map_err(Error::InvalidName)?;
        let result = self.operate(|| self.poll_resolve(host));
        if let Err(nb::Error::Other(_)) = result {
            self.lookup.set(Lookup::None);
        }
        result
    }

    fn poll_resolve(&self, host: &str) -> Poll<Result<Addresses, Error>> {
        self.shared().poll(|engine| {
            let ticket = match self.lookup.get() {
                Lookup::InProgress(ticket) | Lookup::Unclaimed(ticket)
                    if engine.dns.is_current(ticket) =>
                {
                    if engine.dns.is_about(host) {
                        Some(ticket)
                    } else if !engine.dns.is_answered() {
                        return Poll::Pending;
                    } else if let Lookup::InProgress(_) = self.lookup.get() {
                        // The caller that asked for the other name may come back for the result, or may have given up.
                        self.lookup.set(Lookup::Unclaimed(ticket));
                        return Poll::Pending;
                    } else {
                        engine.release_lookup(ticket);
                        None
                    }
                }
                // Its result was not fetched in time, and another lookup has begun since.
                _ => None,
            };
            let ticket = match ticket {
                Some(ticket) => ticket,
                None => {
                    self.lookup.set(Lookup::None);
                    ready!(engine.poll_ask(host))?
                }
            };
            self.lookup.set(Lookup::InProgress(ticket));
            let all = |found: &[IpAddr]| Ok(found.iter().copied().collect());
            let answer = ready!(engine.dns.poll_answer(ticket, all));
            engine.release_lookup(ticket);
            self.lookup.set(Lookup::None);
            Poll::Ready(answer)
        })
    }
}

fn get_host_by_name<M: RawMutex>(
    stack: &AnyStack<'_, '_, M>,
    host: &str,
    addr_type: &AddrType,
) -> nb::Result<IpAddr, Error> {
    let addresses = stack.resolve(host)?;
    Ok(first_of(&addresses, addr_type)?)
}

macro_rules! implement_dns {
    ($handle:ident) => {
        impl Dns for $handle<'_, '_> {
            type Error = Error;

            /// Returns the first address of the wanted family (AT+QIDNSGIP, section 2.1.14). A literal address is returned
            /// as it is, and nothing is sent.
            ///
            /// Call this with the same name until the result is not [`WouldBlock`](nb::Error::WouldBlock). Lookups are made
            /// one after the other.
            ///
            /// # Errors
            ///
            /// As for [`Stack::resolve`](crate::Stack::resolve). [`Error::NameNotFound`] too if the name has addresses of
            /// the other family only.
            fn get_host_by_name(
                &mut self,
                hostname: &str,
                addr_type: AddrType,
            ) -> nb::Result<IpAddr, Error> {
                get_host_by_name(self.stack, hostname, &addr_type)
            }

            /// Not available: the module has no reverse lookup.
            ///
            /// # Errors
            ///
            /// Always [`Error::Unsupported`].
            fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, Error> {
                Err(nb::Error::Other(Error::Unsupported))
            }
        }
    };
}

implement_dns!(Tcp);
#[cfg(feature = "udp")]
implement_dns!(Udp);
