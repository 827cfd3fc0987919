//! The application decides whether there is a link.
//!
//! A change of the wish takes effect between two transactions. While sockets are served they are closed first; any other step
//! is abandoned for a new attempt, which ends in the mode that is wanted. The way down is the beginning of the recipe (`bring_up.rs`), and
//! after it AT+QIDEACT, AT+CFUN=0 or 4, AT+QPOWD.

use core::task::Poll;

use embassy_time::{Duration, Instant};

use super::parts::Power;
use super::state::{LinkMode, LinkState};
use super::{Attempt, Link, POLL, Step};
use crate::engine::environment::Environment;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::Outcome;
use crate::error::LinkError;
use crate::util::log::info;
use crate::util::time::{NEVER, after};

/// How long sockets may take to send what was written to them, before the link goes down.
const LEAVE_TIME: Duration = Duration::from_secs(10);
/// How long the module may take to switch off, and to say so, after the answer to AT+QPOWD.
pub(super) const POWER_DOWN_TIME: Duration = Duration::from_secs(60);
/// How often AT+CFUN and AT+QPOWD are sent to a module that refuses them.
const DESCENT_TRIES: u8 = 3;

impl Link<'_> {
    // ---- the application -----------------------------------------------------------------------------------------

    /// The application wants this from now on.
    pub(crate) fn set_wish(&mut self, mode: LinkMode, env: &Environment<'_>) {
        if mode == self.control.wish && !matches!(self.step, Step::TurnedOff(_)) {
            return;
        }
        self.control.wish = mode;
        self.control.is_changed = true;
        self.control.turn_off_at = after(env.now, LEAVE_TIME);
        self.set_state(match (self.state, mode) {
            _ if self.is_disabled() => self.state,
            (state @ LinkState::Down(LinkError::NotRunning), _) => state,
            (_, LinkMode::Up) if self.is_serving() && !self.control.is_outdated => LinkState::Up,
            (LinkState::TurningOff(_) | LinkState::TurnedOff(_), LinkMode::Up) => {
                LinkState::Starting
            }
            (state, LinkMode::Up) => state,
            (state @ LinkState::TurnedOff(current), mode)
                if current == mode && self.is_as_wished() =>
            {
                state
            }
            (_, mode) => LinkState::TurningOff(mode),
        });
    }

    /// Another access point is configured. A link that is up goes down for it, and comes back.
    pub(crate) fn on_access_point(&mut self, env: &Environment<'_>) {
        self.control.is_outdated = true;
        if !self.wants_up() {
            return;
        }
        if self.is_serving() {
            self.control.turn_off_at = after(env.now, LEAVE_TIME);
            self.set_state(LinkState::Down(LinkError::TurnedOff));
        } else {
            self.control.is_changed = true;
        }
    }

    /// Whether a link that is up goes down because of its access point.
    pub(crate) const fn is_outdated(&self) -> bool {
        self.control.is_outdated
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
        self.control.changes = self.control.changes.wrapping_add(1);
    }

    /// How many states there have been.
    pub(crate) const fn changes(&self) -> u32 {
        self.control.changes
    }

    // ---- the runner ----------------------------------------------------------------------------------------------

    /// Whether the link is up and is to go down: until when sockets may send what was written to them.
    pub(crate) fn turns_off_at(&self) -> Option<Instant> {
        let is_due = self.is_up() && (!self.wants_up() || self.control.is_outdated);
        is_due.then_some(self.control.turn_off_at)
    }

    /// Every socket is closed: the context is deactivated next.
    pub(crate) fn begin_turning_off(&mut self) {
        self.control.is_changed = false;
        self.begin_attempt();
        self.run(Job::Deactivate);
    }

    /// If the wish has changed: the present step goes on, or a new attempt begins.
    pub(super) fn apply_wish(&mut self, env: &Environment<'_>) {
        // A module that is switching off cannot be stopped.
        if self.step == Step::PoweringDown || !core::mem::take(&mut self.control.is_changed) {
            return;
        }
        let wish = self.control.wish;
        match self.resume.map_or(self.step, |(step, _)| step) {
            Step::Disabled => {}
            // Sockets end first.
            _ if self.is_serving() => {}
            Step::TurnedOff(mode) if mode == wish && self.is_as_wished() => {
                self.set_state(LinkState::TurnedOff(mode));
            }
            step => {
                // The context can become active even now.
                self.must_deactivate |=
                    matches!(step, Step::Address { .. }) || step.follows_activation();
                self.begin_attempt();
                match (step, wish) {
                    (Step::TurnedOff(LinkMode::Off), wish)
                        if wish != LinkMode::Off
                            && self.control.power != Power::On
                            && self.resets.may(env.now) =>
                    {
                        self.go(Step::Reset);
                    }
                    // The module may have been switched on by itself or by hand: the probe shows it.
                    (Step::TurnedOff(LinkMode::Off), _) => {}
                    (
                        Step::TurnedOff(_),
                        LinkMode::Airplane | LinkMode::Minimum | LinkMode::Off,
                    ) => {
                        self.descend();
                    }
                    _ => {}
                }
            }
        }
    }

    /// What follows a command of the way down. Returns false for one that the way up has, too, and with the same meaning.
    pub(super) fn advance_down(
        &mut self,
        job: Job,
        outcome: &Outcome,
        env: &Environment<'_>,
    ) -> bool {
        let is_done = matches!(outcome, Outcome::Done(_));
        match (job, self.control.wish) {
            (Job::PowerDown, _) if is_done => {
                self.go(Step::PoweringDown);
                self.pause(env, POWER_DOWN_TIME);
            }
            (Job::EnterPin, _) => return false,
            (Job::Activate, _) if self.control.is_changed => self.must_deactivate |= is_done,
            // It was sent for another wish.
            _ if self.control.is_changed => {}
            (Job::Configure, _) => {
                self.control.is_outdated = false;
                return false;
            }
            (Job::SetFunctionality, wish @ (LinkMode::Airplane | LinkMode::Minimum)) if is_done => {
                self.finish_turning_off(wish);
            }
            // Without a radio there is no link.
            (Job::SetFunctionality, LinkMode::Down) => self.run(Job::ListSockets),
            (
                Job::SetFunctionality | Job::PowerDown,
                LinkMode::Airplane | LinkMode::Minimum | LinkMode::Off,
            ) => {
                self.tries += 1;
                self.pause(env, POLL);
                if self.tries >= DESCENT_TRIES {
                    self.finish_turning_off(LinkMode::Down);
                }
            }
            (Job::ListContexts | Job::Deactivate, LinkMode::Off) if outcome.is_no_answer() => {
                self.descend();
            }
            _ => return false,
        }
        true
    }

    /// The context is inactive. What else is to be off?
    pub(super) fn descend(&mut self) {
        match self.control.wish {
            LinkMode::Up | LinkMode::Down => self.finish_turning_off(LinkMode::Down),
            LinkMode::Airplane | LinkMode::Minimum => self.run(Job::SetFunctionality),
            LinkMode::Off => self.run(Job::PowerDown),
        }
    }

    /// The link is as the application wants it, or as far as the module allows.
    pub(super) fn finish_turning_off(&mut self, mode: LinkMode) {
        info!("link turned off: {:?}", mode);
        self.searching_since = NEVER;
        self.control.power = Power::Off;
        // A module that is off has not shown that it works.
        if mode != LinkMode::Off {
            self.resets.on_success();
        }
        let state = match self.control.is_changed {
            true => self.state,
            false => LinkState::TurnedOff(mode),
        };
        self.end_attempt(state, Step::TurnedOff(mode));
    }

    /// As [`finish_turning_off`](Self::finish_turning_off), for a module that does not answer, or has not said that it is off.
    pub(super) fn finish_turning_off_silent(&mut self) {
        self.finish_turning_off(LinkMode::Off);
        self.control.power = Power::Silent;
    }

    /// Whether the same wish once more changes nothing.
    fn is_as_wished(&self) -> bool {
        self.control.power == Power::Off
    }

    /// The module restarts, or may have, while the link is turned off.
    pub(crate) fn check_turned_off(&mut self) {
        match self.step {
            // What was switched off, and starts by itself, is left alone.
            Step::TurnedOff(LinkMode::Off) => self.control.power = Power::On,
            Step::TurnedOff(_) => {
                self.set_state(LinkState::TurningOff(self.control.wish));
                self.begin_attempt();
            }
            _ => {}
        }
    }

    /// The module says that it switches off. Returns whether that was wanted.
    pub(crate) fn on_power_down(&mut self) -> bool {
        let is_wanted = match self.step {
            Step::PoweringDown | Step::Run(Job::PowerDown) => true,
            Step::Disabled => false,
            _ => self.control.wish == LinkMode::Off,
        };
        if is_wanted {
            self.finish_turning_off(LinkMode::Off);
        }
        is_wanted
    }
}
