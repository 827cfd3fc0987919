//! The link: from whatever state the module was left in to an active PDP context, and to it again after a loss.

mod bring_up;
mod check;
#[cfg(feature = "link-control")]
mod control;
mod parts;
mod probe;
mod registration;
mod resets;
mod settings;
mod sim;
mod state;
mod status;
mod step;
mod wiring;

use embassy_time::{Duration, Instant};

use super::exchange::job::{Action, Job};
use super::wakes::{Queue, Signal, WakeSet};
use crate::at::{ConnectId, ContextAddresses};
use crate::engine::environment::Environment;
use crate::error::{BringUpCommand, LinkError};
use crate::util::log::warning;
use crate::util::time::{NEVER, after, get_or_set};
#[cfg(feature = "link-control")]
use parts::Control;
use parts::{Pin, Registration};
use resets::Resets;
pub use state::{LinkMode, LinkState};
use step::Step;
pub(crate) use wiring::Wiring;

/// The longest time of an attempt to bring the link up, besides the times for the boot and for the registration.
const ATTEMPT_TIME: Duration = Duration::from_secs(900);
/// The attempt fails with the next restart of the module after this many.
const MAX_RESTARTS: u8 = 5;
/// Between two questions about the SIM card, about the registration, and between two tries of a refused command.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause between two attempts to bring the link up.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// The number of attempts to bring the link up that had ended at some time. Another number means that one has ended since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt(u32);

#[derive(Debug)]
pub(crate) struct Link<'d> {
    step: Step,
    state: LinkState,
    #[cfg(feature = "link-control")]
    control: Control,
    /// Tries of the present step.
    tries: u8,
    wiring: Wiring,
    /// The module sleeps while DTR is off (AT+QSCLK=1).
    #[cfg(feature = "sleep")]
    may_sleep: bool,
    pin: Pin,
    /// This runner has activated the context, with the settings of the configuration.
    is_configured: bool,
    /// The context has to be deactivated before it can be activated (quirk 22).
    must_deactivate: bool,
    /// The context was deactivated in this attempt.
    has_deactivated: bool,
    /// Errors that said that the context is down, since a socket was opened.
    context_errors: u8,
    /// Sockets in a row that were never opened.
    failed_opens: u8,
    /// The module may be in data mode.
    #[cfg(feature = "push")]
    may_be_in_data_mode: bool,
    /// The module is slow: the next answer may belong to the command before.
    may_answer_previous: bool,
    registration: Registration,
    /// When the search for a network began, over all attempts; `NEVER` while the module is registered.
    searching_since: Instant,
    /// The step, and its tries, that goes on when the module has answered AT.
    resume: Option<(Step, u8)>,
    /// The command of this attempt that had no answer, and that the link needs.
    unanswered: Option<BringUpCommand>,
    /// Restarts of the module in this attempt.
    restarts: u8,
    /// When this attempt has failed, whatever the module does; `NEVER` before its first step.
    attempt_until: Instant,
    /// Failed attempts in a row.
    failures: u8,
    resets: Resets,
    /// Deadline for an answer in the link check.
    silent_until: Instant,
    /// When the present step, or the series of tries it belongs to, began.
    step_began_at: Instant,
    /// Before this instant nothing is to be done.
    not_before: Instant,
    /// How many attempts have ended, in success or not.
    attempts: u32,
    pub(crate) addresses: ContextAddresses,
    waiters: Signal<'d>,
}

impl<'d> Link<'d> {
    // Out of line it saves 44 bytes of flash, and its result takes 3.4 KB of stack in `new` (measured on thumbv7m).
    #[inline(always)]
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            step: Step::Probe,
            state: LinkState::Down(LinkError::NotRunning),
            #[cfg(feature = "link-control")]
            control: Control::NEW,
            tries: 0,
            wiring: Wiring::NONE,
            #[cfg(feature = "sleep")]
            may_sleep: false,
            pin: Pin::NEW,
            is_configured: false,
            must_deactivate: false,
            has_deactivated: false,
            context_errors: 0,
            failed_opens: 0,
            #[cfg(feature = "push")]
            may_be_in_data_mode: false,
            may_answer_previous: false,
            registration: Registration::NONE,
            searching_since: NEVER,
            resume: None,
            unanswered: None,
            restarts: 0,
            attempt_until: NEVER,
            failures: 0,
            resets: Resets::NEW,
            silent_until: Instant::MIN,
            step_began_at: NEVER,
            not_before: Instant::MIN,
            attempts: 0,
            addresses: ContextAddresses::NONE,
            waiters: Signal::new(wakes, Queue::Link),
        }
    }

    // ---- what happens to it --------------------------------------------------------------------------------------

    /// The runner starts.
    pub(crate) fn start(&mut self, wiring: Wiring) {
        self.wiring = wiring;
        self.resets.is_available = wiring.reset;
        self.forget_module();
        self.failures = 0;
        self.begin_attempt();
        self.set_state(self.state_towards(LinkState::Starting));
    }

    /// Users that wait are woken even if the state is the same: an attempt may have ended.
    fn set_state(&mut self, state: LinkState) {
        #[cfg(feature = "link-control")]
        if self.state != state {
            self.on_changed();
        }
        self.state = state;
        self.waiters.wake();
    }

    /// The link is lost. What is left to do depends on the reason.
    pub(crate) fn on_lost(&mut self, error: LinkError) {
        warning!("link lost: {:?}", error);
        self.set_state(LinkState::Down(error));
        self.begin_attempt();
        match error {
            LinkError::ContextLost => {
                self.must_deactivate = true;
                // The module stays registered.
                self.registration.is_done = true;
                self.run(Job::ListSockets);
            }
            LinkError::Restarted => self.forget_module(),
            _ => {}
        }
    }

    /// `pdpdeact` during the last steps of the bring-up: look at the context again before the link counts as up.
    pub(crate) fn recheck_context_before_up(&mut self) {
        if self.step.follows_activation() {
            self.must_deactivate = true;
            self.run(Job::ListContexts);
        }
    }

    /// The module has restarted during an attempt, or between two.
    pub(crate) fn on_restarted(&mut self) {
        match self.step {
            // With a configuration that cannot be used nothing is sent.
            Step::Disabled => return,
            // It restarts again and again: the pause is kept.
            Step::Pause if matches!(self.state, LinkState::Down(LinkError::Restarted)) => {}
            Step::Pause | Step::Reset => self.begin_attempt(),
            #[cfg(feature = "link-control")]
            Step::TurnedOff(_) => self.check_turned_off(),
            _ => {
                self.restarts = self.restarts.saturating_add(1);
                self.pin.is_given = false;
                self.resume = None;
                self.go(Step::Probe);
            }
        }
        self.forget_module();
    }

    /// The context is as it is after a restart.
    const fn forget_module(&mut self) {
        #[cfg(feature = "sleep")]
        {
            self.may_sleep = false;
        }
        self.searching_since = NEVER;
        self.is_configured = false;
        self.must_deactivate = false;
    }

    /// A new attempt to bring the link up begins.
    #[inline(never)] // Many callers.
    fn begin_attempt(&mut self) {
        self.pin.is_given = false;
        self.has_deactivated = false;
        self.registration = Registration::NONE;
        self.resume = None;
        self.unanswered = None;
        self.restarts = 0;
        self.attempt_until = NEVER;
        self.go(Step::Probe);
    }

    /// The configuration, or the UART, cannot be used.
    pub(crate) fn disable(&mut self, error: LinkError) {
        self.attempts = self.attempts.wrapping_add(1);
        self.go(Step::Disabled);
        self.set_state(LinkState::Down(error));
    }

    /// This attempt has failed.
    fn fail(&mut self, error: LinkError, env: &Environment<'_>) {
        warning!("link not up: {:?}", error);
        self.attempts = self.attempts.wrapping_add(1);
        self.set_state(LinkState::Down(error));
        let back_off = Duration::from_secs(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let may_reset = self.resets.may(env.now) && self.wish() != LinkMode::Off;
        if error.needs_restart() && may_reset {
            self.go(Step::Reset);
        } else {
            self.go(Step::Pause);
            self.pause(env, back_off);
        }
    }

    /// This attempt has succeeded.
    fn end_attempt(&mut self, state: LinkState, step: Step) {
        self.failures = 0;
        self.attempts = self.attempts.wrapping_add(1);
        self.go(step);
        self.set_state(state);
    }

    /// The user's hook has restarted the module.
    pub(crate) fn on_reset(&mut self, now: Instant) {
        self.resets.on_reset(now);
        self.on_restarted();
    }

    // ---- what is next --------------------------------------------------------------------------------------------

    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    fn go(&mut self, step: Step) {
        self.step = step;
        self.tries = 0;
        self.step_began_at = NEVER;
        self.not_before = Instant::MIN;
    }

    fn run(&mut self, job: Job) {
        self.go(Step::Run(job));
    }

    fn pause(&mut self, env: &Environment<'_>, time: Duration) {
        self.not_before = after(env.now, time);
    }

    /// What to do for the link. `None` if it is up, and sockets have their turn.
    pub(crate) fn next(
        &mut self,
        orphan: Option<ConnectId>,
        env: &Environment<'_>,
    ) -> Option<Action> {
        #[cfg(feature = "link-control")]
        self.apply_wish(env);
        if self.is_up() {
            return None;
        }
        if env.now < self.not_before {
            return Some(Action::Wait(self.not_before));
        }
        let since = get_or_set(&mut self.step_began_at, env.now);
        if !self.is_serving() && self.idle_reason().is_none() {
            let limit = env.config.boot_time + env.config.registration_time + ATTEMPT_TIME;
            let is_over = env.now >= get_or_set(&mut self.attempt_until, after(env.now, limit));
            if self.restarts > MAX_RESTARTS {
                self.fail(LinkError::Restarted, env);
            } else if is_over {
                let command = self.job().and_then(Self::required_command);
                self.fail(
                    command.map_or(LinkError::NoAnswer, LinkError::CommandUnanswered),
                    env,
                );
            }
        }
        Some(match self.step {
            Step::Probe => self.probe(since, env),
            Step::CheckAnswer => self.next_check_probe(),
            Step::CloseOrphans => match orphan {
                Some(id) => Action::Run(Job::CloseOrphan(id)),
                None => {
                    let job = if self.registration.is_done || !self.wants_up() {
                        Job::ListContexts
                    } else {
                        Job::SimState
                    };
                    self.run(job);
                    Action::Run(job)
                }
            },
            Step::Pause if env.now < self.not_before => Action::Wait(self.not_before),
            Step::Pause => {
                let is_searching = self.searching_since != NEVER && self.wants_up();
                self.begin_attempt();
                if is_searching {
                    // Only the registration is missing: the steps before the SIM card are skipped.
                    self.resume = Some((Step::Run(Job::SimState), 0));
                }
                self.probe(env.now, env)
            }
            Step::Reset => Action::Reset,
            // The line that says so may be lost.
            #[cfg(feature = "link-control")]
            Step::PoweringDown => {
                self.finish_turning_off_silent();
                Action::Wait(env.now)
            }
            _ => self.job().map_or(Action::Wait(NEVER), Action::Run),
        })
    }
}

#[cfg(test)]
mod tests;
