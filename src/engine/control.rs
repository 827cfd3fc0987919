//! The application decides whether there is a link: what that means to sockets, lookups and commands.

use core::task::Poll;

use embassy_time::Instant;

use super::ids::IdSet;
use super::link::{LinkMode, LinkState};
use super::sockets::slot::Slot;
use super::state::Engine;
use super::wakes::Queue;
use crate::at::ConnectId;
use crate::config::AccessPoint;
use crate::error::{Error, LinkError};
use crate::util::time::earliest;

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);

impl<'d> Engine<'d> {
    /// The application wants this of the link from now on. Without a link sockets end in good order.
    pub(crate) fn set_link(&mut self, mode: LinkMode) {
        self.link.set_wish(mode, &self.env);
        if mode != LinkMode::Up {
            for slot in self.sockets.iter_mut() {
                slot.close_for(TURNED_OFF, &self.env);
            }
            #[cfg(feature = "dns")]
            self.dns.reject_waiting(TURNED_OFF, true);
            // Tasks that wait for a slot, or for their turn, learn it as well.
            self.sockets.wake_waiters();
            self.wakes.wake(Queue::Turn);
        }
        self.wake_runner();
    }

    /// The context is to lead to another access point. A link that is up goes down in good order first.
    pub(crate) fn set_access_point(&mut self, access_point: AccessPoint<'d>) {
        self.env.config.access_point = access_point;
        self.link.on_access_point(&self.env);
        if self.link.is_serving() {
            // Those that are not open yet wait.
            let known = |slot: &&mut Slot<'_>| slot.uses_id();
            for slot in self.sockets.iter_mut().filter(known) {
                slot.close_for(TURNED_OFF, &self.env);
            }
        }
        self.wake_runner();
    }

    // ---- changes -------------------------------------------------------------------------------------------------

    /// Ready with the state of the link when it is not the one after this many changes.
    pub(crate) fn poll_link_change(&self, seen: u32) -> Poll<(u32, LinkState)> {
        match self.link.changes() {
            changes if changes == seen => Poll::Pending,
            changes => Poll::Ready((changes, self.link_state())),
        }
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    /// Takes the link down, if that is wanted and every socket is closed. Those that are not in time fail.
    pub(super) fn turn_link_off(&mut self, orphan: Option<ConnectId>, wake_at: &mut Instant) {
        let Some(until) = self.link.turns_off_at() else {
            return;
        };
        let mut is_busy = orphan.is_some();
        for slot in self.sockets.iter_mut().filter(|slot| slot.uses_id()) {
            is_busy = true;
            if self.env.now >= until && slot.is_live() {
                slot.fail(TURNED_OFF);
            }
        }
        if !is_busy {
            // The deactivation closes whatever the module still holds.
            self.ids.orphans = IdSet::EMPTY;
            self.fail_all(LinkError::TurnedOff);
            self.link.begin_turning_off();
        } else if self.env.now < until {
            earliest(wake_at, until);
        }
    }
}
