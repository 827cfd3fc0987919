//! Pushed data (1.2): its headers, and bytes that were lost.

use core::net::SocketAddr;

use super::incoming::Stage;
use super::line::LineKind;
use super::state::Engine;
use crate::at::ConnectId;
use crate::error::Error;

impl Engine<'_> {
    /// The header of pushed data, which follows at once; with `may_be_notice` it may be a notice of data to be read.
    pub(super) fn on_pushed_header(
        &mut self,
        id: ConnectId,
        length: u32,
        peer: Option<SocketAddr>,
        may_be_notice: bool,
    ) -> LineKind {
        let is_damaged = self.exchange.line_damaged;
        let slot = self
            .sockets
            .by_id(id, |slot| slot.is_opening() || slot.is_live());
        let sink = slot.as_ref().map(|slot| slot.key);
        if let Some(slot) = slot {
            slot.receive.recheck.reset_fruitless();
            #[cfg(feature = "udp")]
            if slot.is_datagram() && (is_damaged || !slot.on_pushed_datagram_header(length, peer)) {
                self.count_dropped_datagrams((!may_be_notice).into());
            }
        }
        let _ = (is_damaged, peer);
        // No module pushes more at once. Of one that did, the rest would be taken for lines.
        let length = length.min(u16::MAX.into()) as u16;
        self.incoming.begin(sink, length, true);
        if length == 0 {
            // An empty datagram.
            self.deliver(&[]);
            return LineKind::Handled;
        }
        if may_be_notice {
            self.incoming.stage = Stage::MayBeNotice(0);
        }
        self.wake_runner();
        LineKind::Header
    }

    /// What looked like a header was a notice.
    pub(super) fn on_notice_after_all(&mut self) {
        self.exchange.give_up_payload();
        let (sink, length) = self.incoming.end_as_notice();
        if let Some(slot) = sink.and_then(|key| self.sockets.get_mut(key)) {
            #[cfg(feature = "udp")]
            slot.drop_partial_datagram();
            slot.receive.on_notice(Some(length.into()));
        }
        self.wake_runner();
    }

    /// Bytes were lost that may have belonged to any stream whose data comes unasked.
    pub(super) fn fail_pushed_streams(&mut self) {
        for slot in self
            .sockets
            .iter_mut()
            .filter(|slot| slot.is_pushed_stream())
        {
            slot.fail(Error::DataLost);
        }
    }

    /// Bytes of a stream whose data comes unasked may be lost, or are (`is_likely`): the module's count shows it.
    pub(super) fn require_count_checks(&mut self, is_likely: bool) {
        let mut has_any = false;
        for slot in self
            .sockets
            .iter_mut()
            .filter(|slot| slot.is_pushed_stream())
        {
            slot.receive.require_count_check(is_likely);
            has_any = true;
        }
        if has_any {
            self.wake_runner();
        }
    }
}
