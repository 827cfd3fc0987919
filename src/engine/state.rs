//! The engine itself: its parts, and what happens to all of them at once.

use embassy_time::Instant;

#[cfg(feature = "push")]
use super::access_mode::push::Push;
#[cfg(feature = "transparent")]
use super::access_mode::transparent::Transparent;
#[cfg(feature = "dns")]
use super::dns::Dns;
use super::environment::Environment;
use super::exchange::Exchange;
use super::ids::{ConnectIds, IdSet};
use super::incoming::Incoming;
use super::link::{Link, LinkState, Wiring};
#[cfg(feature = "ntp")]
use super::services::ntp::Ntp;
#[cfg(feature = "ping")]
use super::services::ping::Ping;
use super::sockets::Sockets;
#[cfg(feature = "keep-alive")]
use super::sockets::keep_alive::KeepAliveSetting;
use super::sockets::key::SlotSet;
#[cfg(feature = "server")]
use super::sockets::listener::Listeners;
use super::sockets::slot::Slot;
use super::statistics::{Counters, count};
#[cfg(feature = "at-client")]
use super::user_command::UserCommand;
use super::wakes::{Waiters, WakeSet};
use crate::config::Config;
use crate::error::{Error, LinkError};
use crate::util::log::warning;
use crate::util::zeroed::Zeroed;

/// Decides what happens next: which AT transaction comes, what its result means, and whom it wakes.
///
/// Pure state: no I/O, no await, no clock read. Its inputs are lines and payload of the module
/// ([`on_line`](Self::on_line), [`deliver`](Self::deliver)), calls of users (`poll_…`), and results of the runner
/// ([`finish`](Self::finish)); its output is [`next`](Self::next).
#[derive(Debug)]
// In this order, what is used most lies at its beginning, where shorter instructions reach it: that saves 148 bytes of flash with TCP
// only, and 808 with DNS, UDP and resets (thumbv7m, opt-level `s`, of 57,352 and 67,312).
#[repr(C)]
pub(crate) struct Engine<'d> {
    pub(crate) env: Environment<'d>,
    pub(crate) exchange: Exchange<'d>,
    pub(super) sockets: Sockets<'d>,
    pub(crate) wakes: &'d WakeSet,
    pub(crate) counters: &'d Counters,
    pub(crate) incoming: Incoming,
    /// The place of the slot that the next round of the scheduler begins with.
    pub(super) next_turn: usize,
    /// Why a connection or a lookup failed last.
    last_failure: Option<Error>,
    pub(super) ids: ConnectIds,
    #[cfg(feature = "keep-alive")]
    pub(super) keep_alive: KeepAliveSetting,
    pub(crate) link: Link<'d>,
    pub(crate) waiters: Waiters,
    #[cfg(feature = "push")]
    pub(crate) push: Push<'d>,
    /// The connection that has the UART.
    #[cfg(feature = "transparent")]
    pub(super) transparent: Option<Transparent>,
    #[cfg(feature = "server")]
    pub(super) listeners: Listeners,
    #[cfg(feature = "dns")]
    pub(crate) dns: Dns<'d>,
    #[cfg(feature = "at-client")]
    pub(crate) user_command: UserCommand<'d>,
    #[cfg(feature = "ping")]
    pub(crate) ping: Ping<'d>,
    #[cfg(feature = "ntp")]
    pub(crate) ntp: Ntp<'d>,
}

impl<'d> Engine<'d> {
    pub(crate) fn new(
        slots: &'d mut [Zeroed<Slot<'d>>],
        without_rings: SlotSet,
        wakes: &'d WakeSet,
        counters: &'d Counters,
        config: Config<'d>,
    ) -> Self {
        Self {
            env: Environment {
                config,
                now: Instant::MIN,
            },
            counters,
            wakes,
            waiters: Waiters::new(),
            exchange: Exchange::new(wakes),
            link: Link::new(wakes),
            sockets: Sockets::new(slots, without_rings, wakes),
            ids: ConnectIds::new(),
            #[cfg(feature = "keep-alive")]
            keep_alive: KeepAliveSetting::NEW,
            incoming: Incoming::new(),
            last_failure: None,
            next_turn: 0,
            #[cfg(feature = "push")]
            push: Push::new(wakes),
            #[cfg(feature = "transparent")]
            transparent: None,
            #[cfg(feature = "server")]
            listeners: Listeners::new(),
            #[cfg(feature = "dns")]
            dns: Dns::new(wakes),
            #[cfg(feature = "at-client")]
            user_command: UserCommand::new(wakes),
            #[cfg(feature = "ping")]
            ping: Ping::new(wakes),
            #[cfg(feature = "ntp")]
            ntp: Ntp::new(wakes),
        }
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    /// The runner starts: everything that the module may still hold is unknown.
    pub(crate) fn start(&mut self, wiring: Wiring) {
        self.forget_module();
        self.fail_all(LinkError::NotRunning);
        self.link.start(wiring);
        self.ids.orphans = IdSet::EMPTY;
        if let Some(invalid) = self.env.config.invalid {
            self.disable(LinkError::InvalidConfig(invalid));
        }
    }

    /// The runner stops. It can be started again, unless the UART has failed (`for_good`).
    pub(crate) fn stop(&mut self, for_good: bool) {
        self.forget_module();
        self.reject_user_commands();
        self.link.on_lost(LinkError::NotRunning);
        self.ids.orphans = IdSet::EMPTY;
        self.fail_all(LinkError::NotRunning);
        if for_good {
            self.disable(LinkError::NotRunning);
        }
    }

    fn disable(&mut self, error: LinkError) {
        self.link.disable(error);
        self.reject_waiting(error);
    }

    /// The scheduler has to be asked again.
    pub(crate) fn wake_runner(&mut self) {
        self.exchange.wake_runner();
    }

    // ---- the link ------------------------------------------------------------------------------------------------

    /// The link, as users see it.
    pub(crate) const fn link_state(&self) -> LinkState {
        #[cfg(feature = "transparent")]
        if let (LinkState::Up, Some(_)) = (self.link.state(), &self.transparent) {
            return LinkState::Occupied;
        }
        self.link.state()
    }

    /// Remembers why something failed. An orderly end is no failure.
    pub(crate) fn note_failure(&mut self, error: Error) {
        if matches!(error, Error::TimedOut) && self.counters.urcs.get() == 0 {
            warning!("timed out, and no URC has come: is Config::urc_port the port in use?");
        }
        if !matches!(error, Error::Closed) {
            self.last_failure = Some(error);
        }
    }

    /// The error of a socket that has failed and still has its handle, otherwise the last one that was noted.
    pub(crate) fn last_failure(&self) -> Option<Error> {
        let handles = self.sockets.iter().filter(|slot| slot.has_handle());
        let mut faults = handles.filter_map(|slot| slot.fault);
        let fault = faults.find(|fault| !matches!(fault, Error::Closed));
        fault.or(self.last_failure)
    }

    /// The link is lost after it was up.
    pub(super) fn on_link_lost(&mut self, error: LinkError) {
        count(&self.counters.link_losses, 1);
        // After the loss of its context the module still answers the transaction in flight.
        if error != LinkError::ContextLost {
            self.exchange.on_loss();
            self.forget_module();
        }
        #[cfg(feature = "transparent")]
        if self.transparent.take().is_some() {
            self.give_up_payload();
        }
        // Closed even if the module's list of its sockets does not come through whole.
        self.ids.orphans = if error == LinkError::Restarted {
            IdSet::EMPTY
        } else {
            self.sockets.ids()
        };
        self.link.on_lost(error);
        self.fail_all(error);
    }

    /// No connection survives.
    pub(super) fn fail_all(&mut self, error: LinkError) {
        self.sockets.fail_all(Error::Link(error));
        #[cfg(feature = "dns")]
        self.dns.reject_waiting(Error::Link(error), false);
        self.fail_services();
        self.wake_runner();
    }

    /// Nothing is done about the link for a while: users that wait learn the reason.
    pub(super) fn reject_waiting(&mut self, error: LinkError) {
        self.sockets.reject_waiting(Error::Link(error));
        #[cfg(feature = "dns")]
        self.dns.reject_waiting(Error::Link(error), true);
        if !self.link.is_listening() {
            self.reject_user_commands();
        }
    }

    /// Nothing that was known of the module, and of what it is about to send, is true any more.
    pub(super) fn forget_module(&mut self) {
        self.exchange.forget();
        self.ids.forget();
        self.incoming.forget();
        #[cfg(feature = "at-client")]
        self.user_command.abort();
        #[cfg(feature = "transparent")]
        {
            self.transparent = None;
        }
        self.give_up_payload();
    }

    fn reject_user_commands(&mut self) {
        #[cfg(feature = "at-client")]
        self.user_command.reject_waiting();
    }

    /// No result of a ping or of a question for the time will come.
    fn fail_services(&mut self) {
        #[cfg(feature = "ping")]
        self.ping.query.end(Err(crate::at::ErrorCode::CONTEXT_LOST));
        #[cfg(feature = "ntp")]
        self.ntp.end(Err(crate::at::ErrorCode::CONTEXT_LOST));
    }

    /// A payload that is half received is given up: what comes from now on is something else.
    pub(super) fn give_up_payload(&mut self) {
        self.exchange.give_up_payload();
        #[cfg(feature = "push")]
        self.push.give_up();
        self.give_up_incoming();
    }
}
