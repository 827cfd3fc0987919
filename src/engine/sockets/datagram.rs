//! Datagrams in the rings of a socket: each is a header, with its length and the other end, and its bytes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::at::{
    Address, Arguments, Command, Fields, SendDatagram, SendLength, Sender, ServiceType,
};
use crate::engine::Engine;
use crate::engine::input::Payload;
use crate::engine::sockets::slot::Slot;
use crate::error::Error;
use crate::util::ring::Ring;
use crate::util::slices::{front, front_mut};

/// Length, family, address, port.
pub(crate) const HEADER: usize = 2 + 1 + 16 + 2;

/// The other end of a datagram whose other end is not known, or is that of the socket.
const NOBODY: u8 = 0;
const V4: u8 = 4;
const V6: u8 = 6;

fn encode(length: u16, peer: Option<SocketAddr>) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&length.to_le_bytes());
    match peer.map(|peer| peer.ip()) {
        None => header[2] = NOBODY,
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

/// What the table does for sockets that carry datagrams.
pub(crate) trait DatagramPart: fmt::Debug + Sync {
    /// The sender in the header of what was read. `None` if it is no such header.
    fn sender(&self, fields: Fields<'_>) -> Option<Option<SocketAddr>>;
    /// A datagram is coming: false if there is no room for it, or it is of no use.
    fn begin(&self, slot: &mut Slot<'_>, length: u16, peer: Option<SocketAddr>) -> bool;
    /// A datagram is being pushed: false if one is lost.
    fn expect(&self, slot: &mut Slot<'_>, length: u32, peer: Option<SocketAddr>) -> bool;
    /// Takes in bytes of it, and says how many: none while there is no room.
    fn deliver(&self, engine: &mut Engine<'_>, payload: Payload, bytes: &[u8]) -> usize;
    /// The rest of it will not come: whether that means a loss.
    fn drop_partial(&self, slot: &mut Slot<'_>) -> bool;
    /// The same for all of them.
    fn drop_all_partial(&self, engine: &mut Engine<'_>);
    /// What the last read brought is not to be relied on. False if it brought nothing, or the user has it already.
    fn drop_newest(&self, slot: &mut Slot<'_>) -> bool;
    /// The oldest datagram to be sent: its length, and where it goes.
    fn to_send(&self, slot: &Slot<'_>) -> Option<(u16, Option<SocketAddr>)>;
    /// The command that sends it, if that has to say where it goes.
    fn fill_send(&self, slot: &Slot<'_>, arguments: &mut Arguments<'_>) -> Option<&'static str>;
    /// It has been sent.
    fn sent(&self, slot: &mut Slot<'_>);
}

#[derive(Debug)]
struct Datagrams;

impl DatagramPart for Datagrams {
    fn sender(&self, fields: Fields<'_>) -> Option<Option<SocketAddr>> {
        fields.whole().map(|Sender(sender)| sender)
    }

    fn begin(&self, slot: &mut Slot<'_>, length: u16, peer: Option<SocketAddr>) -> bool {
        slot.is_useful(peer) && slot.begin_datagram(length, peer)
    }

    fn expect(&self, slot: &mut Slot<'_>, length: u32, peer: Option<SocketAddr>) -> bool {
        slot.expect_datagram(length, peer)
    }

    fn deliver(&self, engine: &mut Engine<'_>, payload: Payload, bytes: &[u8]) -> usize {
        engine.deliver_datagram(payload, bytes)
    }

    fn drop_partial(&self, slot: &mut Slot<'_>) -> bool {
        let is_arriving = slot.arriving.take().is_some();
        slot.drop_partial_datagram() || is_arriving
    }

    fn drop_all_partial(&self, engine: &mut Engine<'_>) {
        let mut fail_all = 0;
        for slot in engine.slots() {
            fail_all += u32::from(slot.part.is_some_and(|part| part.drop_partial(slot)));
        }
        let dropped = &mut engine.statistics.dropped_datagrams;
        *dropped = dropped.wrapping_add(fail_all);
    }

    fn drop_newest(&self, slot: &mut Slot<'_>) -> bool {
        slot.drop_newest_datagram()
    }

    fn to_send(&self, slot: &Slot<'_>) -> Option<(u16, Option<SocketAddr>)> {
        decode(&slot.tx)
    }

    fn fill_send(&self, slot: &Slot<'_>, arguments: &mut Arguments<'_>) -> Option<&'static str> {
        let (length, to) = decode(&slot.tx)?;
        let to = to?;
        let command = SendDatagram {
            connect_id: slot.id,
            length: SendLength::nearest(length.into()),
            address: Address(to.ip()),
            port: to.port(),
        };
        Some(command.fill(arguments))
    }

    fn sent(&self, slot: &mut Slot<'_>) {
        slot.discard_datagram();
    }
}

impl Engine<'_> {
    /// Somebody wants sockets that carry datagrams.
    pub(crate) fn enable_datagrams(&mut self) {
        self.parts.datagrams = Some(&Datagrams);
    }

    fn deliver_datagram(&mut self, payload: Payload, bytes: &[u8]) -> usize {
        let Some(slot) = payload.sink.and_then(|key| self.slot(key)) else {
            return bytes.len();
        };
        let (taken, lost) = if payload.pushed {
            match slot.take_in_pushed(bytes) {
                Some(result) => result,
                None => {
                    self.stall = payload.sink;
                    return 0;
                }
            }
        } else {
            (slot.extend_datagram(bytes), false)
        };
        if lost {
            self.dropped_datagram();
        }
        self.drop_bytes(bytes.len() - taken);
        bytes.len()
    }
}

impl Slot<'_> {
    /// Without its sender a datagram of a service is of no use to anyone.
    fn is_useful(&self, peer: Option<SocketAddr>) -> bool {
        self.service != ServiceType::UdpService || peer.is_some()
    }

    /// What follows is so long, and comes from there. False if a datagram is lost.
    fn expect_datagram(&mut self, length: u32, peer: Option<SocketAddr>) -> bool {
        // One whose bytes never came.
        let fail_all = self.drop_partial_datagram();
        let useful = self.is_useful(peer);
        self.arriving = u16::try_from(length)
            .ok()
            .filter(|_| useful)
            .map(|length| (length, peer));
        useful && !fail_all
    }

    /// Takes in pushed bytes of a datagram: how many of these were kept, and whether a datagram is lost. `None` while there
    /// is no room for it.
    fn take_in_pushed(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        let mut lost = false;
        if let Some((length, peer)) = self.arriving {
            let begun = self.begin_datagram(length, peer);
            if !begun && !self.drop_until_room && length > 0 && self.can_hold(length) {
                return None;
            }
            self.arriving = None;
            lost = !begun;
        }
        Some((self.extend_datagram(bytes), lost))
    }

    /// Makes room for a datagram that is coming: false if there is none.
    fn begin_datagram(&mut self, length: u16, peer: Option<SocketAddr>) -> bool {
        if self.rx.free() < HEADER + usize::from(length) {
            return false;
        }
        self.rx.push(&encode(length, peer));
        self.partial = Some(length);
        self.end_datagram();
        true
    }

    /// Whether a datagram of this length fits into the empty ring.
    fn can_hold(&self, length: u16) -> bool {
        self.rx.capacity() >= HEADER + usize::from(length)
    }

    /// Takes in bytes of the datagram that is coming, and says how many.
    fn extend_datagram(&mut self, bytes: &[u8]) -> usize {
        let Some(missing) = self.partial else {
            return 0;
        };
        let taken = self.rx.push(front(bytes, missing.into()));
        self.partial = Some(missing - taken as u16);
        self.end_datagram();
        taken
    }

    fn end_datagram(&mut self) {
        if self.partial == Some(0) {
            self.partial = None;
            self.datagrams += 1;
            self.is_newest_fresh = true;
            self.awaited = false;
            self.reader.wake();
        }
    }

    /// The rest of the datagram that is coming will not come.
    fn drop_partial_datagram(&mut self) -> bool {
        let Some(missing) = self.partial.take() else {
            return false;
        };
        // It is the newest in the ring: what stands before it is complete.
        let complete = self.complete_length();
        self.rx.retract(self.rx.len() - complete);
        missing > 0
    }

    /// What the last read brought is not to be relied on. False if it brought nothing, or the user has it already.
    fn drop_newest_datagram(&mut self) -> bool {
        if self.drop_partial_datagram() {
            return true;
        }
        let reset_connection = core::mem::take(&mut self.is_newest_fresh);
        let Some(rest) = self.datagrams.checked_sub(1).filter(|_| reset_connection) else {
            return false;
        };
        self.datagrams = rest;
        let complete = self.complete_length();
        self.rx.retract(self.rx.len() - complete);
        true
    }

    /// How many bytes of the ring are complete datagrams.
    fn complete_length(&self) -> usize {
        let mut end = 0;
        for _ in 0..self.datagrams {
            let mut length = [0; 2];
            self.rx.peek(end, &mut length);
            end += HEADER + usize::from(u16::from_le_bytes(length));
        }
        end
    }

    /// Takes the oldest datagram: its full length, of which as much as fits is copied, and where it came from.
    pub(crate) fn take_datagram(&mut self, into: &mut [u8]) -> Option<(usize, Option<SocketAddr>)> {
        if self.datagrams == 0 {
            return None;
        }
        let (length, peer) = decode(&self.rx)?;
        let length = usize::from(length);
        let copied = length.min(into.len());
        self.rx.peek(HEADER, front_mut(into, copied));
        self.rx.discard(HEADER + length);
        self.datagrams -= 1;
        self.drop_until_room = false;
        Some((length, peer))
    }

    /// Puts a datagram into the transmit ring: false if there is no room for it now.
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
        self.acknowledged = false;
        Ok(true)
    }

    fn discard_datagram(&mut self) {
        if let Some((length, _)) = decode(&self.tx) {
            self.tx.discard(HEADER + usize::from(length));
        }
    }
}
