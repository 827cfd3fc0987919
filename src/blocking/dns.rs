//! Name lookup.

use core::cell::Cell;
use core::net::IpAddr;
use core::task::{Poll, Waker, ready};

use embedded_nal::{AddrType, Dns, nb};

use super::{Engine, Stack, Tcp, Udp};
use crate::at::Host;
use crate::engine::Addresses;
use crate::error::Error;
use crate::net::{all_of, first_of, literal};
use crate::runner::RunError;

/// The question that this face has put to the module, if there is one. Its name is in the table.
pub(super) struct Question {
    is_ours: Cell<bool>,
    /// The answer was there when someone came with another question, and was not fetched since.
    is_passed: Cell<bool>,
}

impl Question {
    pub(super) const fn new() -> Self {
        Self {
            is_ours: Cell::new(false),
            is_passed: Cell::new(false),
        }
    }
}

impl<R: Future<Output = RunError> + Unpin + ?Sized> Stack<'_, R> {
    fn resolve(&self, host: &str) -> nb::Result<Addresses, Error> {
        if let Some(address) = literal(host) {
            return Ok(core::iter::once(address).collect());
        }
        Host::name(host).map_err(Error::InvalidName)?;
        let result = self.operate(|| self.poll_resolve(host));
        if let Err(nb::Error::Other(_)) = result {
            self.question.is_ours.set(false);
        }
        result
    }

    fn poll_resolve(&self, host: &str) -> Poll<Result<Addresses, Error>> {
        let Question { is_ours, is_passed } = &self.question;
        self.shared().with(|engine| {
            if is_ours.get() && !engine.lookup().asks(host) {
                // Somebody else's, who may come for it or have given up. An answer is kept for one more round.
                if !engine.lookup().is_answered() || !is_passed.replace(true) {
                    return Poll::Pending;
                }
                engine.lookup().abandon();
                is_ours.set(false);
            }
            if !is_ours.get() {
                ready!(engine.poll_ask(host, Waker::noop()))?;
                is_ours.set(true);
                is_passed.set(false);
            }
            let answer = ready!(engine.poll_answer(all_of, Waker::noop()));
            engine.lookup().abandon();
            is_ours.set(false);
            Poll::Ready(answer)
        })
    }
}

fn get_host_by_name(
    engine: &Engine<'_, '_>,
    host: &str,
    addr_type: &AddrType,
) -> nb::Result<IpAddr, Error> {
    let addresses = engine.resolve(host)?;
    Ok(first_of(&addresses, addr_type)?)
}

macro_rules! implement_dns {
    ($($handle:ident),+) => {$(
        impl Dns for $handle<'_, '_> {
            type Error = Error;

            /// The first address of the wanted family (AT+QIDNSGIP, section 2.1.14). Literal addresses are answered at once.
            ///
            /// Is to be called with the same name until the result is something else than
            /// [`WouldBlock`](nb::Error::WouldBlock). Names are looked up one after the other.
            ///
            /// # Errors
            ///
            /// As for [`Stack::resolve`](crate::Stack::resolve); [`Error::NameNotFound`] too when the name has addresses of
            /// the other family only.
            fn get_host_by_name(
                &mut self,
                hostname: &str,
                addr_type: AddrType,
            ) -> nb::Result<IpAddr, Error> {
                get_host_by_name(self.engine, hostname, &addr_type)
            }

            /// The module has no reverse lookup.
            ///
            /// # Errors
            ///
            /// Always [`Error::Unsupported`].
            fn get_host_by_address(&mut self, _: IpAddr, _: &mut [u8]) -> nb::Result<usize, Error> {
                Err(nb::Error::Other(Error::Unsupported))
            }
        }
    )+};
}

implement_dns!(Tcp, Udp);
