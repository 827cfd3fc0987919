//! Calls of users. Each only touches the state, so that a future that is dropped half-way leaves nothing behind.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::Poll;

use embassy_time::Duration;

use super::link::LinkState;
#[cfg(feature = "keep-alive")]
use super::sockets::keep_alive::Probing;
use super::sockets::key::Key;
#[cfg(feature = "server")]
use super::sockets::listener::Listeners;
use super::sockets::request::Request;
use super::sockets::slot::Phase;
use super::sockets::slot::Slot;
use super::state::Engine;
use crate::at::{AccessMode, ServiceType};
use crate::error::Error;

impl<'d> Engine<'d> {
    // ---- opening -------------------------------------------------------------------------------------------------

    /// Takes a slot for a socket. Pending while all are in use and one of them is being closed.
    pub(crate) fn poll_claim(
        &mut self,
        request: &Request<'_>,
        mode: AccessMode,
    ) -> Poll<Result<Key, Error>> {
        let is_supported = match mode {
            AccessMode::Buffer => true,
            AccessMode::DirectPush => cfg!(feature = "push"),
            AccessMode::Transparent => {
                cfg!(feature = "transparent") && request.endpoint.service == ServiceType::Tcp
            }
        };
        if !is_supported {
            return Poll::Ready(Err(Error::Unsupported));
        }
        self.check_link()?;
        #[cfg(feature = "udp")]
        self.check_local(request.local)?;
        #[cfg_attr(not(feature = "server"), allow(unused_mut))]
        let mut claimed = self.sockets.poll_claim(request, mode);
        // Sockets of the program go before connections that it has not accepted.
        #[cfg(feature = "server")]
        if claimed == Poll::Ready(Err(Error::NoFreeSocket))
            && self.listeners.make_room(&mut self.sockets, request)
        {
            self.count_refused_connections(1);
            self.wake_runner();
            claimed = self.sockets.poll_claim(request, mode);
        }
        if let Poll::Ready(Ok(key)) = claimed {
            self.set_connect_time(key, self.env.config.connect_time);
            self.wake_runner();
        }
        claimed
    }

    /// How long the open of a socket that was just claimed may take.
    pub(crate) fn set_connect_time(&mut self, key: Key, time: Duration) {
        if let Some(slot) = self.sockets.get_mut(key) {
            slot.connect_time = time;
        }
    }

    /// The keep-alive of a connection whose slot was just claimed.
    #[cfg(feature = "keep-alive")]
    pub(crate) fn set_keep_alive(&mut self, key: Key, keep_alive: Option<Probing>) {
        self.keep_alive.on_wanted(keep_alive);
        if let Some(slot) = self.sockets.get_mut(key) {
            slot.keep_alive = keep_alive;
        }
    }

    /// Fails while no attempt to bring the link up is under way.
    fn check_link(&self) -> Result<(), Error> {
        let refusal = self.link.connect_error();
        refusal.map_or(Ok(()), |error| Err(Error::Link(error)))
    }

    /// Ready when the connection is up, or never will be.
    pub(crate) fn poll_connected(&mut self, key: Key) -> Poll<Result<(), Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        if slot.has_opened {
            // Whatever came then is for the reader and the writer.
            return Poll::Ready(Ok(()));
        }
        slot.fault.map_or(Ok(()), Err)?;
        match slot.phase {
            Phase::Closed | Phase::Free => Poll::Ready(Err(Error::Closed)),
            // Closing: the open is repeated when the connectID is free.
            _ => Poll::Pending,
        }
    }

    /// As `poll_connected`, and checks the local address that was asked for: it is known once the link is up.
    pub(crate) fn poll_opened(
        &mut self,
        key: Key,
        request: &Request<'_>,
    ) -> Poll<Result<(), Error>> {
        let is_connected = self.poll_connected(key);
        #[cfg(feature = "udp")]
        if let Poll::Ready(Ok(())) = is_connected {
            self.check_local(request.local)?;
        }
        let _ = request;
        is_connected
    }

    /// The slot of a socket.
    pub(crate) fn slot(&self, key: Key) -> Option<&Slot<'d>> {
        self.sockets.get(key)
    }

    /// The peer, unless it was given by name.
    pub(crate) fn remote(&self, key: Key) -> Option<SocketAddr> {
        self.sockets.get(key)?.remote()
    }

    /// The local address and port of a socket as `peer`, or its only peer, sees them, as far as they are known.
    pub(crate) fn local(&self, key: Key, peer: Option<SocketAddr>) -> SocketAddr {
        let slot = self.sockets.get(key);
        let port = slot.map_or(0, |slot| slot.endpoint.local_port);
        let peer = peer.or(slot.and_then(|slot| slot.remote()));
        #[cfg(feature = "udp")]
        let is_v6 = slot.is_some_and(|slot| slot.endpoint.is_v6);
        #[cfg(not(feature = "udp"))]
        let is_v6 = false;
        let is_v6 = peer.map_or(is_v6, |peer| peer.is_ipv6());
        let address = self
            .link
            .local_address(is_v6)
            .or(self.link.local_address(!is_v6));
        SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), port)
    }

    /// Whether this is an address of the module, as far as they are known: not while the link is down.
    pub(crate) fn check_local(&self, address: Option<IpAddr>) -> Result<(), Error> {
        match address {
            Some(address) if self.link.state() == LinkState::Up => {
                let own = self.link.local_address(address.is_ipv6());
                own.filter(|own| *own == address)
                    .map(|_| ())
                    .ok_or(Error::InvalidAddress)
            }
            _ => Ok(()),
        }
    }

    /// The oldest connection that the module has accepted for a listener and the user has not.
    #[cfg(feature = "server")]
    pub(crate) fn poll_accept(
        &mut self,
        listener: Key,
    ) -> Poll<Result<(Key, Option<SocketAddr>), Error>> {
        if let Some(slot) = self.listeners.take_oldest(&mut self.sockets, listener) {
            return Poll::Ready(Ok((slot.key, slot.remote())));
        }
        let slot = self.sockets.get_or_closed(listener)?;
        slot.check_writable()?;
        Poll::Pending
    }

    // ---- receiving -----------------------------------------------------------------------------------------------

    pub(crate) fn poll_read(&mut self, key: Key, into: &mut [u8]) -> Poll<Result<usize, Error>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let slot = self.sockets.get_or_closed(key)?;
        let count = slot.read_into(into);
        if count > 0 {
            self.on_room_made(key);
            return Poll::Ready(Ok(count));
        }
        match slot.read_end() {
            Some(end) => Poll::Ready(end.map(|()| 0)),
            None => self.wait_for_data(key),
        }
    }

    /// Takes the oldest datagram: its full length, and its sender.
    #[cfg(feature = "udp")]
    pub(crate) fn poll_receive(
        &mut self,
        key: Key,
        into: &mut [u8],
    ) -> Poll<Result<(usize, Option<SocketAddr>), Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        if let Some(datagram) = slot.take_datagram(into) {
            self.on_room_made(key);
            return Poll::Ready(Ok(datagram));
        }
        match slot.read_end().transpose()? {
            Some(()) => Poll::Ready(Err(Error::Closed)),
            None => self.wait_for_data(key),
        }
    }

    /// The user has taken something out of a receive ring.
    pub(super) fn on_room_made(&mut self, key: Key) {
        if self.sockets.get(key).is_some_and(|slot| slot.can_read_on()) {
            self.wake_runner();
        }
        #[cfg(feature = "push")]
        self.push.release_stall(key);
    }

    pub(super) fn wait_for_data<T>(&mut self, key: Key) -> Poll<T> {
        let rechecks = self.env.config.recheck > Duration::MIN;
        if let Some(slot) = self.sockets.get_mut(key) {
            if slot.wait_for_data(rechecks) {
                self.wake_runner();
            }
        }
        Poll::Pending
    }

    /// Whether a read would return at once: with data, at the end of the stream, or with an error.
    pub(crate) fn read_ready(&self, key: Key) -> bool {
        self.sockets
            .get(key)
            .is_none_or(|slot| slot.has_data() || slot.read_end().is_some())
    }

    /// Ready when a read would return at once.
    pub(crate) fn poll_readable(&mut self, key: Key) -> Poll<()> {
        if self.read_ready(key) {
            return Poll::Ready(());
        }
        self.wait_for_data(key)
    }

    // ---- sending -------------------------------------------------------------------------------------------------

    pub(crate) fn poll_write(&mut self, key: Key, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        let written = slot.poll_write(bytes);
        if let Poll::Ready(Ok(1..)) = written {
            self.wake_runner();
        }
        written
    }

    /// Puts a datagram into the transmit ring.
    #[cfg(feature = "udp")]
    pub(crate) fn poll_send(
        &mut self,
        key: Key,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Poll<Result<(), Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        slot.check_writable()?;
        if !slot.put_datagram(bytes, to)? {
            return Poll::Pending;
        }
        self.wake_runner();
        Poll::Ready(Ok(()))
    }

    /// Whether a write would return at once.
    pub(crate) fn write_ready(&self, key: Key) -> bool {
        self.sockets
            .get(key)
            .is_none_or(|slot| slot.tx.free() > 0 || slot.check_writable().is_err())
    }

    /// Ready when a write would return at once.
    pub(crate) fn poll_writable(&self, key: Key) -> Poll<()> {
        if self.write_ready(key) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Ready when the module has accepted everything that was written.
    pub(crate) fn poll_flush(&mut self, key: Key) -> Poll<Result<(), Error>> {
        self.sockets.get_or_closed(key)?.poll_flush()
    }

    /// Ready when the peer has acknowledged everything that was written.
    pub(crate) fn poll_acknowledged(&mut self, key: Key) -> Poll<Result<(), Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        let was_asked = slot.send.is_ack_query_active();
        let acknowledged = slot.poll_acknowledged();
        if acknowledged.is_pending() && !was_asked {
            self.wake_runner();
        }
        acknowledged
    }

    // ---- access modes --------------------------------------------------------------------------------------------

    /// Asks for another access mode.
    #[cfg(feature = "push")]
    pub(crate) fn want_mode(&mut self, key: Key, mode: AccessMode) -> Result<(), Error> {
        let slot = self.sockets.get_or_closed(key)?;
        slot.want_mode(mode)?;
        if slot.mode.wanted.is_some() {
            if slot.mode.current == AccessMode::Transparent {
                self.push.wake_receiver();
            }
            self.wake_runner();
        }
        Ok(())
    }

    /// Ready when the module has changed to the access mode that was asked for last.
    #[cfg(feature = "push")]
    pub(crate) fn poll_mode(&mut self, key: Key) -> Poll<Result<(), Error>> {
        self.sockets.get_or_closed(key)?.poll_mode()
    }

    /// Asks for another access mode, unless the change to it is under way. Ready as [`poll_mode`](Self::poll_mode).
    #[cfg(feature = "push")]
    pub(crate) fn poll_change_mode(
        &mut self,
        key: Key,
        mode: AccessMode,
    ) -> Poll<Result<(), Error>> {
        let slot = self.sockets.get_or_closed(key)?;
        if !slot.is_changing_mode(mode) {
            self.want_mode(key, mode)?;
        }
        self.poll_mode(key)
    }

    // ---- closing -------------------------------------------------------------------------------------------------

    /// The handle of a slot is dropped, and what was written is still sent, or its connection is aborted, which discards that. Or both.
    pub(crate) fn release(&mut self, index: usize, is_dropped: bool, is_aborted: bool) {
        let Some(slot) = self.sockets.at_mut(index) else {
            return;
        };
        #[cfg(any(feature = "server", feature = "push"))]
        let key = slot.key;
        if is_aborted {
            slot.fail(Error::Closed);
        }
        if is_dropped {
            let fault = slot.fault;
            slot.release(&self.env);
            if let Some(error) = fault {
                self.note_failure(error);
            }
            #[cfg(feature = "server")]
            {
                let dropped = Listeners::drop_backlog(&mut self.sockets, key);
                self.count_refused_connections(dropped);
            }
        }
        #[cfg(feature = "push")]
        self.push.release_stall(key);
        self.sockets.wake_waiters();
        self.wake_runner();
    }

    /// No more writes: closes when everything is sent.
    pub(crate) fn close_when_sent(&mut self, key: Key) {
        if let Some(slot) = self.sockets.get_mut(key) {
            if matches!(slot.phase, Phase::Open | Phase::Draining | Phase::Closing) {
                slot.close_when_sent(&self.env);
            }
            self.wake_runner();
        }
    }

    /// Ready when the module has closed the connection.
    pub(crate) fn poll_closed(&mut self, key: Key) -> Poll<Result<(), Error>> {
        let Some(slot) = self.sockets.get_mut(key) else {
            return Poll::Ready(Ok(()));
        };
        if slot.phase != Phase::Closed {
            return Poll::Pending;
        }
        Poll::Ready(if slot.tx.is_empty() {
            Ok(())
        } else {
            Err(slot.fault.unwrap_or(Error::Closed))
        })
    }

    // ---- services ------------------------------------------------------------------------------------------------

    /// Asks the module's resolver for a name. Pending while another lookup is under way.
    #[cfg(feature = "dns")]
    pub(crate) fn poll_ask(&mut self, name: &str) -> Poll<Result<u32, Error>> {
        self.check_link()?;
        let asked = self.dns.poll_ask(name);
        if asked.is_ready() {
            self.wake_runner();
        }
        asked.map(Ok)
    }

    /// The user has dropped the lookup, or has its result.
    #[cfg(feature = "dns")]
    pub(crate) fn release_lookup(&mut self, ticket: u32) {
        if let Some(error) = self.dns.failure(ticket) {
            self.note_failure(error);
        }
        self.dns.abandon(ticket);
    }

    /// The command in the buffer is complete.
    #[cfg(feature = "at-client")]
    pub(crate) fn submit_command(&mut self, options: super::user_command::Options) {
        self.user_command.submit(options);
        // It will not be sent.
        if self.link.is_disabled() {
            self.user_command.reject_waiting();
        }
        self.wake_runner();
    }
}

#[cfg(test)]
mod tests;
