//! What users wish for. Every operation only touches the table, so that a future that is dropped half-way leaves nothing
//! behind that the table does not know of.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::{Poll, Waker};

use embassy_time::Instant;

use crate::at::{AccessMode, Arguments, ConnectId, Host, InvalidText, ServiceType};
use crate::engine::exchange::job::{Key, Target};
use crate::engine::sockets::slot::Phase;
use crate::engine::{Engine, LinkState};
use crate::error::{Error, LinkError};

/// How many local ports are tried for those who do not care.
pub(crate) const PORT_TRIES: u8 = 4;

/// The socket that a user asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) service: ServiceType,
    pub(crate) target: Target,
    pub(crate) local_port: u16,
    /// The host name, when the target is one.
    name: &'a str,
}

impl<'a> Request<'a> {
    pub(crate) const fn new(service: ServiceType, target: Target, local_port: u16) -> Self {
        Self {
            service,
            target,
            local_port,
            name: "",
        }
    }

    /// A TCP connection to a server.
    pub(crate) fn connect(server: SocketAddr) -> Result<Self, Error> {
        check_peer(server)?;
        Ok(Self::new(ServiceType::Tcp, Target::Address(server), 0))
    }

    /// A TCP connection that a listener has accepted.
    pub(crate) const fn accepted(peer: SocketAddr) -> Self {
        Self::new(ServiceType::Tcp, Target::Address(peer), 0)
    }

    /// A TCP connection to a server that the module looks up.
    pub(crate) fn connect_host(name: &'a str, port: u16) -> Result<Self, Error> {
        check_port(port)?;
        Host::name(name).map_err(Error::InvalidName)?;
        Ok(Self {
            name,
            ..Self::new(ServiceType::Tcp, Target::Name(port), 0)
        })
    }

    /// A listener on a local port.
    pub(crate) fn listen(service: ServiceType, port: u16) -> Result<Self, Error> {
        check_port(port)?;
        Ok(Self::new(service, Target::None, port))
    }

    /// A UDP socket with one peer.
    pub(crate) fn datagrams(peer: SocketAddr, local_port: u16) -> Result<Self, Error> {
        check_peer(peer)?;
        Ok(Self::new(
            ServiceType::Udp,
            Target::Address(peer),
            local_port,
        ))
    }

    /// A UDP socket with many peers.
    pub(crate) const fn service(local_port: u16) -> Self {
        Self::new(ServiceType::UdpService, Target::None, local_port)
    }

    /// The only peer.
    pub(crate) const fn peer(&self) -> Option<SocketAddr> {
        match self.target {
            Target::Address(address) => Some(address),
            Target::Name(_) | Target::None => None,
        }
    }
}

const fn check_port(port: u16) -> Result<(), Error> {
    if port == 0 {
        Err(Error::InvalidPort)
    } else {
        Ok(())
    }
}

/// Whether something can be sent to this address.
pub(crate) fn check_peer(address: SocketAddr) -> Result<(), Error> {
    check_port(address.port())?;
    if address.ip().is_unspecified() {
        Err(Error::InvalidAddress)
    } else {
        Ok(())
    }
}

/// What AT+QIOPEN needs to know of a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) id: ConnectId,
    pub(crate) service: ServiceType,
    pub(crate) target: Target,
    pub(crate) local_port: u16,
    pub(crate) access_mode: AccessMode,
}

/// Which outcome of which attempt to bring the link up someone waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt(u32);

impl<'d> Engine<'d> {
    // ---- link ----------------------------------------------------------------------------------------------------

    pub(crate) fn attempt(&self) -> Attempt {
        Attempt(self.link.outcomes())
    }

    /// Ready when the link is up, or when an attempt that was not over at `since` has failed.
    pub(crate) fn poll_link(
        &mut self,
        since: Attempt,
        waker: &Waker,
    ) -> Poll<Result<(), LinkError>> {
        match self.link.state() {
            LinkState::Up => Poll::Ready(Ok(())),
            LinkState::Down(error) if self.link.is_dead() || since != self.attempt() => {
                Poll::Ready(Err(error))
            }
            LinkState::Starting | LinkState::Occupied | LinkState::Down(_) => {
                self.link.watchers.register(waker);
                Poll::Pending
            }
        }
    }

    /// The address of this side in the PDP context.
    pub(crate) fn local_address(&self, v6: bool) -> Option<IpAddr> {
        self.link.local(v6)
    }

    // ---- connecting ----------------------------------------------------------------------------------------------

    /// Takes a slot for a socket. Pending while every slot is in use, but one of them is being closed.
    #[inline(never)]
    pub(crate) fn poll_claim(
        &mut self,
        request: &Request<'_>,
        mode: AccessMode,
        waker: &Waker,
    ) -> Poll<Result<Key, Error>> {
        let is_supported = cfg!(feature = "transparent") && request.service == ServiceType::Tcp;
        if mode == AccessMode::Transparent && !is_supported {
            return Poll::Ready(Err(Error::Unsupported));
        }
        if let Some(error) = self.link.refusal() {
            return Poll::Ready(Err(Error::Link(error)));
        }
        let parts = self.parts;
        let Some(slot) = self.slots().find(|slot| slot.phase == Phase::Free) else {
            if self.slots().any(|slot| !slot.is_kept()) {
                self.queue.register(waker);
                return Poll::Pending;
            }
            return Poll::Ready(Err(Error::NoFreeSocket));
        };
        slot.claim(request, mode, parts);
        let name = request.name.as_bytes();
        if slot.tx.push(name) < name.len() {
            slot.phase = Phase::Free;
            let max = slot.tx.capacity() as u8; // Less than the name has bytes.
            return Poll::Ready(Err(Error::InvalidName(InvalidText::TooLong { max })));
        }
        let key = slot.key;
        self.wake_runner();
        Poll::Ready(Ok(key))
    }

    /// Ready when the connection is up, or will never be.
    pub(crate) fn poll_connected(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        match (slot.fault, slot.phase) {
            (Some(error), _) => Poll::Ready(Err(error)),
            (None, Phase::Open | Phase::Draining) => Poll::Ready(Ok(())),
            // The peer was quick: what it sent can still be read.
            (None, _) if slot.ended => Poll::Ready(Ok(())),
            (None, Phase::Closed | Phase::Free) => Poll::Ready(Err(Error::Closed)),
            (None, Phase::Wanted | Phase::Opening | Phase::Closing) => {
                // Closing: the open is repeated when the connectID is free again.
                slot.writer.register(waker);
                Poll::Pending
            }
        }
    }

    /// The host name that a connection goes to.
    pub(crate) fn target_name(&self, key: Key) -> Option<&str> {
        // It lies in one piece, because the ring was empty before.
        let (name, _) = self.slot_ref(key)?.tx.pieces(0);
        core::str::from_utf8(name).ok()
    }

    /// What AT+QIOPEN needs to know of a socket.
    pub(crate) fn opening(&self, key: Key) -> Option<Opening> {
        self.slot_ref(key).map(|slot| Opening {
            id: slot.id,
            service: slot.service,
            target: slot.target,
            local_port: slot.local_port,
            // What a listener accepts is in buffer access mode then, whichever way the note is read; the mode asked for
            // follows with AT+QISWTMD.
            access_mode: if slot.is_listener() {
                AccessMode::Buffer
            } else {
                slot.mode
            },
        })
    }

    /// The connectID of a socket, and what it is.
    pub(crate) fn id(&self, key: Key) -> Option<ConnectId> {
        self.slot_ref(key).map(|slot| slot.id)
    }

    /// Whether every datagram of a socket has an address of its own.
    pub(crate) fn is_service(&self, key: Key) -> bool {
        self.slot_ref(key)
            .is_some_and(|slot| slot.service == ServiceType::UdpService)
    }

    /// AT+QISEND for the next datagram of a socket, if that has to say where it goes.
    pub(crate) fn fill_send(
        &self,
        key: Key,
        arguments: &mut Arguments<'_>,
    ) -> Option<&'static str> {
        let slot = self.slot_ref(key)?;
        slot.part?.fill_send(slot, arguments)
    }

    /// AT+QIDNSGIP for what is asked.
    pub(crate) fn fill_question<'a>(
        &'a self,
        arguments: &mut Arguments<'a>,
    ) -> Option<&'static str> {
        let part = self.parts.lookup?;
        Some(part.fill_question(&self.lookup, self.config.context, arguments))
    }

    /// The peer, unless it was given by name.
    pub(crate) fn remote(&mut self, key: Key) -> Option<SocketAddr> {
        self.slot(key)?.remote()
    }

    /// The address and port of this side of a socket, as `peer`, or its only peer, sees them, as far as they are known.
    pub(crate) fn local(&mut self, key: Key, peer: Option<SocketAddr>) -> SocketAddr {
        let slot = self.slot(key);
        let port = slot.as_ref().map_or(0, |slot| slot.local_port);
        let peer = peer.or(slot.and_then(|slot| slot.remote()));
        let v6 = peer.is_some_and(|peer| peer.is_ipv6());
        let address = self.local_address(v6).or(self.local_address(!v6));
        SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), port)
    }

    /// Whether an address is one of this side, or any. While the link is down it is not known yet.
    #[inline(never)]
    pub(crate) fn check_local(&self, address: IpAddr) -> Result<(), Error> {
        if address.is_unspecified() {
            return Ok(());
        }
        match self.local_address(address.is_ipv6()) {
            Some(own) if own != address => Err(Error::InvalidAddress),
            _ => Ok(()),
        }
    }

    /// A local port out of the range for those who do not care (RFC 6335), another one each time.
    pub(crate) fn ephemeral_port(&mut self) -> u16 {
        const FIRST: u16 = 49_152;
        let port = self.next_port.max(FIRST);
        self.next_port = port.checked_add(1).unwrap_or(FIRST);
        port
    }

    // ---- ending --------------------------------------------------------------------------------------------------

    /// The handle is gone.
    pub(crate) fn release(&mut self, key: Key, now: Instant) {
        if let Some(part) = self.parts.listen {
            part.drop_backlog(self, key);
        }
        if let Some(slot) = self.slot(key) {
            slot.release(now);
            self.release_stall(key);
            self.queue.wake();
            self.wake_runner();
        }
    }

    /// The handle is gone, and so is what was not sent yet.
    pub(crate) fn abort(&mut self, key: Key) {
        if let Some(slot) = self.slot(key) {
            let unknown_to_module = matches!(slot.phase, Phase::Wanted | Phase::Closed);
            slot.fail(Error::Closed);
            if unknown_to_module {
                slot.phase = Phase::Free;
            }
            slot.has_handle = false;
            self.release_stall(key);
            self.queue.wake();
            self.wake_runner();
        }
    }

    /// No more writes.
    pub(crate) fn close_when_sent(&mut self, key: Key, now: Instant) {
        if let Some(slot) = self.slot(key) {
            match slot.phase {
                Phase::Open => slot.close_when_sent(now),
                Phase::Draining => slot.phase = Phase::Closing,
                _ => {}
            }
            self.wake_runner();
        }
    }

    /// Ready when the module has let go of the connection.
    pub(crate) fn poll_closed(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Ok(()));
        };
        if slot.phase == Phase::Closed {
            return Poll::Ready(if slot.tx.is_empty() {
                Ok(())
            } else {
                Err(slot.fault.unwrap_or(Error::Closed))
            });
        }
        slot.writer.register(waker);
        Poll::Pending
    }

    // ---- names ---------------------------------------------------------------------------------------------------

    /// Puts a question to the module's resolver. Pending while another one is being answered.
    pub(crate) fn poll_ask(&mut self, name: &str, waker: &Waker) -> Poll<Result<(), Error>> {
        if let Some(error) = self.link.refusal() {
            return Poll::Ready(Err(Error::Link(error)));
        }
        if self.lookup().ask(name) {
            self.wake_runner();
            return Poll::Ready(Ok(()));
        }
        self.lookup().watchers.register(waker);
        Poll::Pending
    }

    /// What is picked from the answer. It stays until the one who asked lets go of it: nobody else can ask before.
    pub(crate) fn poll_answer<T>(
        &mut self,
        pick: impl FnOnce(&[IpAddr]) -> Result<T, Error>,
        waker: &Waker,
    ) -> Poll<Result<T, Error>> {
        match self.lookup().answer() {
            Some(result) => Poll::Ready(result.and_then(pick)),
            None => {
                self.lookup().watchers.register(waker);
                Poll::Pending
            }
        }
    }
}
