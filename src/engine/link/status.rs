//! What the link is, and what its users are told.

use core::net::IpAddr;
use core::task::Poll;

use super::state::{LinkMode, LinkState};
use super::step::Step;
use super::{Attempt, Link};
use crate::engine::exchange::job::Job;
use crate::error::LinkError;

impl Link<'_> {
    // ---- what it is ----------------------------------------------------------------------------------------------

    pub(crate) const fn state(&self) -> LinkState {
        self.state
    }

    pub(crate) const fn has_dtr(&self) -> bool {
        self.wiring.dtr
    }

    /// Whether the module may sleep now: it was told so, and the link is up, or is off because the application wants that.
    #[cfg(feature = "sleep")]
    pub(crate) fn may_sleep(&self) -> bool {
        #[cfg(feature = "link-control")]
        let is_off = matches!(self.step, Step::TurnedOff(mode) if mode != LinkMode::Off);
        #[cfg(not(feature = "link-control"))]
        let is_off = false;
        self.may_sleep && (self.is_up() || is_off)
    }

    /// Whether nothing will be done about it: the configuration, or the UART, cannot be used.
    pub(crate) const fn is_disabled(&self) -> bool {
        matches!(self.step, Step::Disabled)
    }

    /// Whether sockets can be served now.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.step, Step::Up)
    }

    /// Whether the module answers, so that it can be given a command of the user.
    pub(crate) const fn is_listening(&self) -> bool {
        match self.step {
            Step::Probe
            | Step::Settle
            | Step::Run(Job::EchoOff | Job::NumericErrors)
            | Step::CheckAnswer
            | Step::CheckSettle
            | Step::CheckContext
            | Step::Reset
            | Step::Disabled => false,
            #[cfg(feature = "link-control")]
            Step::PoweringDown | Step::TurnedOff(LinkMode::Off) => false,
            Step::Pause => !matches!(self.state, LinkState::Down(LinkError::NoAnswer)),
            _ => true,
        }
    }

    /// Whether URCs about sockets and the context can be trusted.
    pub(crate) const fn is_serving(&self) -> bool {
        self.step.is_serving()
    }

    /// What the application wants.
    pub(super) const fn wish(&self) -> LinkMode {
        #[cfg(feature = "link-control")]
        return self.control.wish;
        #[cfg(not(feature = "link-control"))]
        LinkMode::Up
    }

    pub(super) fn wants_up(&self) -> bool {
        self.wish() == LinkMode::Up
    }

    /// Whether an active context is the one that is wanted.
    pub(super) const fn is_usable(&self) -> bool {
        #[cfg(feature = "link-control")]
        if !matches!(self.control.wish, LinkMode::Up) || self.control.is_outdated {
            return false;
        }
        self.is_configured
    }

    /// This state, unless no link is wanted.
    pub(super) fn state_towards(&self, up: LinkState) -> LinkState {
        match self.wish() {
            LinkMode::Up => up,
            mode => LinkState::TurningOff(mode),
        }
    }

    /// The error that a connect gets at once: no link is wanted, or no attempt is under way.
    pub(crate) fn connect_error(&self) -> Option<LinkError> {
        if !self.wants_up() {
            return Some(LinkError::TurnedOff);
        }
        #[cfg(feature = "link-control")]
        if self.control.is_changed && !self.is_disabled() {
            return None;
        }
        self.idle_reason()
    }

    /// Why nothing is done about the link for a while.
    pub(crate) const fn idle_reason(&self) -> Option<LinkError> {
        match (self.step, self.state) {
            (Step::Pause | Step::Reset | Step::Disabled, LinkState::Down(error)) => Some(error),
            #[cfg(feature = "link-control")]
            (Step::TurnedOff(_), _) => Some(LinkError::TurnedOff),
            _ => None,
        }
    }

    /// Whether the context has an address.
    pub(super) fn has_address(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// The local address of the family asked for. `None` while the link is down.
    pub(crate) fn local_address(&self, v6: bool) -> Option<IpAddr> {
        if !matches!(self.state, LinkState::Up) {
            return None;
        }
        if v6 {
            self.addresses.ipv6().map(IpAddr::V6)
        } else {
            self.addresses.ipv4().map(IpAddr::V4)
        }
    }

    // ---- users that wait -----------------------------------------------------------------------------------------

    pub(crate) const fn attempt(&self) -> Attempt {
        Attempt(self.attempts)
    }

    /// Ready when the link is up, will not be, or when an attempt that was not over at `seen` has failed.
    pub(crate) fn poll_up(&self, seen: Attempt) -> Poll<Result<(), LinkError>> {
        if self.wants_up() {
            self.poll_attempt(seen)
        } else {
            Poll::Ready(Err(LinkError::TurnedOff))
        }
    }

    pub(super) fn poll_attempt(&self, seen: Attempt) -> Poll<Result<(), LinkError>> {
        match self.state {
            LinkState::Up => Poll::Ready(Ok(())),
            LinkState::Down(error) if self.is_disabled() || seen != self.attempt() => {
                Poll::Ready(Err(error))
            }
            _ => Poll::Pending,
        }
    }

    /// A connection in transparent access mode has got the UART, or has given it back.
    #[cfg(feature = "transparent")]
    pub(crate) fn on_occupied(&mut self) {
        #[cfg(feature = "link-control")]
        self.on_changed();
        self.waiters.wake();
    }
}
