//! Datagrams in the rings of a socket: each is a header, with its length and its peer, and its bytes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::slot::Slot;
use crate::at::SendLength;
use crate::error::Error;
use crate::util::ring::Ring;
use crate::util::slices::{front, front_mut};

/// Length, address family, address, port.
pub(crate) const HEADER: usize = 2 + 1 + 16 + 2;

/// The peer is not known, or is that of the socket.
const NO_PEER: u8 = 0;
const V4: u8 = 4;
const V6: u8 = 6;

/// The result of taking bytes of a pushed datagram.
#[cfg(feature = "push")]
pub(crate) enum Pushed {
    /// There is no space for the datagram yet.
    NoSpace,
    /// This many bytes were kept. If `is_lost`, the datagram is dropped.
    Taken { count: usize, is_lost: bool },
}

fn encode(length: u16, peer: Option<SocketAddr>) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&length.to_le_bytes());
    match peer.map(|peer| peer.ip()) {
        None => header[2] = NO_PEER,
        Some(IpAddr::V4(address)) => {
            header[2] = V4;
            header[3..7].copy_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            header[2] = V6;
            header[3..19].copy_from_slice(&address.octets());
        }
    }
    let port = peer.map_or(0, |peer| peer.port());
    header[19..].copy_from_slice(&port.to_le_bytes());
    header
}

fn decode(ring: &Ring<'_>) -> Option<(u16, Option<SocketAddr>)> {
    let mut header = [0; HEADER];
    if ring.peek(0, &mut header) < HEADER {
        return None;
    }
    let [l0, l1, family, a @ .., p0, p1] = header;
    let address = match family {
        V4 => Some(IpAddr::V4(Ipv4Addr::new(a[0], a[1], a[2], a[3]))),
        V6 => Some(IpAddr::V6(Ipv6Addr::from(a))),
        _ => None,
    };
    let port = u16::from_le_bytes([p0, p1]);
    Some((
        u16::from_le_bytes([l0, l1]),
        address.map(|address| SocketAddr::new(address, port)),
    ))
}

impl Slot<'_> {
    // ---- from the module into the receive ring -------------------------------------------------------------------

    /// Whether a datagram from this peer can be handed out. A service needs the peer.
    fn is_useful(&self, peer: Option<SocketAddr>) -> bool {
        !self.is_service() || peer.is_some()
    }

    /// The header of a datagram that was read. Returns false if it has to be dropped: there is no room, or a service
    /// got no peer with it.
    pub(crate) fn on_datagram_header(&mut self, length: u16, peer: Option<SocketAddr>) -> bool {
        self.is_useful(peer) && self.begin_datagram(length, peer)
    }

    /// The header of a datagram that is being pushed. Returns false if a datagram is lost.
    #[cfg(feature = "push")]
    pub(crate) fn on_pushed_datagram_header(
        &mut self,
        length: u32,
        peer: Option<SocketAddr>,
    ) -> bool {
        // One whose bytes never came.
        let is_cut = self.retract_partial();
        let useful = self.is_useful(peer);
        let length = u16::try_from(length).ok().filter(|_| useful);
        self.datagrams.announced = length.map(|length| (length, peer));
        useful && !is_cut
    }

    /// Whether the datagram that is being pushed is being discarded.
    #[cfg(feature = "push")]
    pub(crate) const fn drops_pushed_datagram(&self) -> bool {
        self.is_datagram() && self.datagrams.announced.is_none()
    }

    /// Takes pushed bytes of a datagram.
    #[cfg(feature = "push")]
    pub(crate) fn take_in_pushed(&mut self, bytes: &[u8]) -> Pushed {
        let mut is_lost = false;
        if let Some((length, peer)) = self.datagrams.announced {
            let has_begun = self.begin_datagram(length, peer);
            let can_wait = !self.datagrams.drop_until_room && length > 0 && self.can_hold(length);
            if !has_begun && can_wait {
                return Pushed::NoSpace;
            }
            self.datagrams.announced = None;
            is_lost = !has_begun;
        }
        Pushed::Taken {
            count: self.extend_datagram(bytes),
            is_lost,
        }
    }

    /// Puts the header of a datagram into the ring. Returns false if there is no room for the datagram.
    fn begin_datagram(&mut self, length: u16, peer: Option<SocketAddr>) -> bool {
        if self.rx.free() < HEADER + usize::from(length) || self.datagrams.complete == u16::MAX {
            return false;
        }
        self.rx.push(&encode(length, peer));
        self.datagrams.missing = Some(length);
        true
    }

    /// Whether a datagram of this length fits into the empty ring.
    #[cfg(feature = "push")]
    fn can_hold(&self, length: u16) -> bool {
        self.rx.capacity() >= HEADER + usize::from(length)
    }

    /// Takes bytes of the datagram that is coming. Returns how many.
    pub(crate) fn extend_datagram(&mut self, bytes: &[u8]) -> usize {
        let Some(missing) = self.datagrams.missing else {
            return 0;
        };
        let taken = self.rx.push(front(bytes, missing.into()));
        self.datagrams.missing = Some(missing - taken as u16);
        taken
    }

    /// The newest datagram is the user's, if all of it has come.
    pub(crate) fn confirm_datagram(&mut self) {
        if self.datagrams.missing == Some(0) {
            self.datagrams.missing = None;
            self.datagrams.complete += 1;
            self.end_wait_for_data();
        }
    }

    /// Whether the newest datagram is not complete, or not certain.
    pub(crate) const fn has_partial_datagram(&self) -> bool {
        self.datagrams.missing.is_some()
    }

    /// The rest of the datagram that is coming will not come, or cannot be relied on. Returns whether a datagram is lost by that.
    pub(crate) fn drop_partial_datagram(&mut self) -> bool {
        #[cfg(feature = "push")]
        let was_announced = self.datagrams.announced.take().is_some();
        #[cfg(not(feature = "push"))]
        let was_announced = false;
        self.retract_partial() || was_announced
    }

    fn retract_partial(&mut self) -> bool {
        let is_partial = self.datagrams.missing.take().is_some();
        if is_partial {
            // It is the newest in the ring: what lies before it is complete.
            self.retract_to_complete();
        }
        is_partial
    }

    /// Drops what lies after the complete datagrams of the receive ring.
    fn retract_to_complete(&mut self) {
        let mut end = 0;
        for _ in 0..self.datagrams.complete {
            let mut length = [0; 2];
            self.rx.peek(end, &mut length);
            end += HEADER + usize::from(u16::from_le_bytes(length));
        }
        self.rx.retract(self.rx.len() - end);
    }

    // ---- to the user ---------------------------------------------------------------------------------------------

    /// Takes the oldest datagram: its full length, of which as much as fits is copied, and its peer.
    pub(crate) fn take_datagram(&mut self, into: &mut [u8]) -> Option<(usize, Option<SocketAddr>)> {
        if self.datagrams.complete == 0 {
            return None;
        }
        let (length, peer) = decode(&self.rx)?;
        let length = usize::from(length);
        let copied = length.min(into.len());
        self.rx.peek(HEADER, front_mut(into, copied));
        self.discard_received(length);
        Some((length, peer))
    }

    /// Calls `read` with the oldest datagram, in the two pieces in which it lies, and with its peer, and takes it.
    pub(crate) fn take_datagram_with<R>(
        &mut self,
        read: impl FnOnce(&[u8], &[u8], Option<SocketAddr>) -> R,
    ) -> Option<R> {
        let (length, peer) = decode(&self.rx)?;
        let length = usize::from(length);
        let (first, second) = self.rx.pieces(HEADER);
        let first = front(first, length);
        let result = read(first, front(second, length - first.len()), peer);
        self.discard_received(length);
        Some(result)
    }

    /// The user has the oldest datagram.
    fn discard_received(&mut self, length: usize) {
        self.rx.discard(HEADER + length);
        self.datagrams.complete -= 1;
        #[cfg(feature = "push")]
        {
            self.datagrams.drop_until_room = false;
        }
    }

    // ---- from the user into the transmit ring, and to the module -------------------------------------------------

    /// Puts a datagram into the transmit ring. Returns false if there is no room for it now.
    pub(crate) fn put_datagram(
        &mut self,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<bool, Error> {
        let most = (SendLength::MAX.get() as usize).min(self.tx.capacity().saturating_sub(HEADER));
        if bytes.is_empty() || bytes.len() > most {
            return Err(Error::InvalidLength { max: most as u16 });
        }
        if self.tx.free() < HEADER + bytes.len() {
            return Ok(false);
        }
        self.tx.push(&encode(bytes.len() as u16, to));
        self.tx.push(bytes);
        self.send.on_written();
        Ok(true)
    }

    /// The oldest datagram to be sent: its length, and its peer if that is not the socket's.
    pub(crate) fn datagram_to_send(&self) -> Option<(u16, Option<SocketAddr>)> {
        decode(&self.tx)
    }

    /// The module has accepted the oldest datagram.
    pub(super) fn discard_datagram(&mut self) {
        if let Some((length, _)) = decode(&self.tx) {
            self.tx.discard(HEADER + usize::from(length));
        }
    }
}
