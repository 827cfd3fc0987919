//! The application decides whether there is a link.
//!
//! A change of the wish takes effect between two transactions. While sockets are served they are closed first; any other step
//! makes way for a new attempt, which ends where the wish says. The way down is the beginning of the recipe (`bring_up.rs`), and
//! behind it AT+QIDEACT.

use core::task::Poll;

use embassy_time::{Duration, Instant};

use super::state::{LinkMode, LinkState};
use super::{Attempt, Link, Step};
use crate::engine::exchange::job::Job;
use crate::error::LinkError;
use crate::util::log::info;
use crate::util::time::{NEVER, after, get_or_set};

/// How long sockets may take to hand over what was written to them, before the link goes down.
const LEAVE_TIME: Duration = Duration::from_secs(10);

/// What the application wants.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) wish: LinkMode,
    /// The present step was begun for another wish.
    pub(super) is_changed: bool,
    /// Until then sockets may hand over what was written to them.
    leave_until: Instant,
    /// When the state changed last; `NEVER` until the scheduler has looked.
    since: Instant,
    /// How many states there have been.
    changes: u32,
}

impl Control {
    pub(super) const NEW: Self = Self {
        wish: LinkMode::Up,
        is_changed: false,
        leave_until: NEVER,
        since: Instant::MIN,
        changes: 0,
    };
}

impl Link<'_> {
    // ---- the application -----------------------------------------------------------------------------------------

    /// The application wants this from now on.
    pub(crate) fn set_wish(&mut self, mode: LinkMode, now: Instant) {
        if mode == self.control.wish && !matches!(self.step, Step::Rest(_)) {
            return;
        }
        self.control.wish = mode;
        self.control.is_changed = true;
        self.control.leave_until = after(now, LEAVE_TIME);
        self.set_state(match (self.state, mode) {
            _ if matches!(self.step, Step::Disabled) => self.state,
            (state @ LinkState::Down(LinkError::NotRunning), _) => state,
            (_, LinkMode::Up) if self.is_serving() => LinkState::Up,
            (LinkState::TurningOff(_) | LinkState::TurnedOff(_), LinkMode::Up) => {
                LinkState::Starting
            }
            (state, LinkMode::Up) => state,
            (state @ LinkState::TurnedOff(rests), mode) if rests == mode => state,
            (_, mode) => LinkState::TurningOff(mode),
        });
    }

    /// Ready with the mode that the link is in as the application wants, or with the reason why an attempt that was not over at
    /// `since` has failed.
    pub(crate) fn poll_wish(&self, since: Attempt) -> Poll<Result<LinkMode, LinkError>> {
        match self.state {
            LinkState::TurnedOff(mode) => Poll::Ready(Ok(mode)),
            _ => self.poll_attempt(since).map_ok(|()| LinkMode::Up),
        }
    }

    // ---- changes -------------------------------------------------------------------------------------------------

    /// The state that users see is another one.
    pub(super) const fn on_changed(&mut self) {
        self.control.since = NEVER;
        self.control.changes = self.control.changes.wrapping_add(1);
    }

    /// A connection in transparent access mode has got the UART, or has given it back.
    pub(crate) fn on_occupied(&mut self) {
        self.on_changed();
        self.waiters.wake();
    }

    /// When the state changed last, at `now` if nobody has asked since.
    pub(crate) fn since(&mut self, now: Instant) -> Instant {
        get_or_set(&mut self.control.since, now)
    }

    /// How many states there have been.
    pub(crate) const fn changes(&self) -> u32 {
        self.control.changes
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    /// Whether the link is up and is to go down: until when sockets may hand over what was written to them.
    pub(crate) fn leaves_at(&self) -> Option<Instant> {
        let is_leaving = self.is_up() && !self.wants_up();
        is_leaving.then_some(self.control.leave_until)
    }

    /// Every socket is closed: the context goes.
    pub(crate) fn leave(&mut self) {
        self.control.is_changed = false;
        self.begin_attempt();
        self.run(Job::Deactivate);
    }

    /// The wish has changed: does the present step go on?
    pub(super) fn follow(&mut self) {
        if !core::mem::take(&mut self.control.is_changed) {
            return;
        }
        match self.resume.map_or(self.step, |(step, _)| step) {
            Step::Disabled => {}
            // Sockets end first.
            _ if self.is_serving() => {}
            Step::Rest(mode) if mode == self.control.wish => {
                self.set_state(LinkState::TurnedOff(mode));
            }
            step => {
                // The context can become active even now.
                self.must_deactivate |= matches!(
                    step,
                    Step::Address { .. } | Step::Run(Job::Set(_) | Job::SetDns)
                );
                self.begin_attempt();
            }
        }
    }

    /// The wish is fulfilled.
    pub(super) fn rest(&mut self, mode: LinkMode) {
        info!("link turned off: {:?}", mode);
        self.searching_since = NEVER;
        self.end_attempt(LinkState::TurnedOff(mode), Step::Rest(mode));
    }
}
