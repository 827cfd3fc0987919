//! The link: from whatever state the module was left in to an active PDP context, and back there after every loss.

mod bring_up;

use core::net::IpAddr;
use core::task::Poll;

use embassy_time::{Duration, Instant};

use super::exchange::job::{Action, Escape, Job};
use super::ids::IdSet;
use super::wakes::{Room, Signal, WakeSet};
use crate::at::{ContextAddresses, ErrorCode, RegistrationStatus};
use crate::config::Config;
use crate::error::LinkError;
use crate::util::log::warning;
use crate::util::time::{NEVER, after, get_or_set};

/// The longest pause between two attempts to bring the link up.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// The state of the link to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkState {
    /// The runner brings the link up for the first time.
    Starting,
    /// The PDP context is active: sockets can be opened.
    Up,
    /// The PDP context is active, and a connection in transparent access mode has the UART. Everything else waits until the
    /// connection leaves that mode.
    Occupied,
    /// The link is down for this reason. The runner brings it up again, or will try later.
    Down(LinkError),
}

/// The step of bring-up or supervision that comes next. [`bring_up`] has their order, their commands, and what the answers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Does the module answer?
    Probe,
    /// It does. Late answers pass, and it is asked again.
    Settle,
    /// One command of the recipe.
    Run(Job),
    CloseOrphans,
    /// Is the PDP context active, after AT+QIACT?
    Address {
        refusal: Option<ErrorCode>,
    },
    /// The link is up; sockets have their turn.
    Up,
    /// A command was not answered. Does the module still answer?
    Resync,
    /// It does. The second answer, after late ones have passed, belongs to the question.
    Resettle,
    /// Is the PDP context still active?
    Verify,
    /// The attempt has failed; another one follows.
    Pause,
    /// Only the user's hook helps.
    Reset,
    /// The configuration, or the UART, cannot be used. Nothing is done any more.
    Disabled,
}

/// What became of the PIN of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pin {
    NotGiven,
    /// Given once since the module started.
    Given,
    /// The card refused it: another try would bring the card closer to its lock.
    Refused,
}

/// Restarts of the module by the user's hook.
#[derive(Debug)]
struct Resets {
    is_available: bool,
    /// Restarts in a row that did not help.
    count: u8,
    allowed_at: Instant,
}

/// What one round of questions about the registration has found.
#[derive(Debug)]
struct Registration {
    is_denied: bool,
    status: RegistrationStatus,
}

/// The number of attempts to bring the link up that had ended at some time. Another number means that one has ended since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt(u32);

#[derive(Debug)]
pub(crate) struct Link<'d> {
    step: Step,
    state: LinkState,
    /// Tries of the present step.
    tries: u8,
    /// DTR is wired.
    has_dtr: bool,
    pin: Pin,
    /// This runner has activated the context, with the settings of the configuration.
    is_configured: bool,
    /// The context has to be deactivated before it can be activated (quirk 22).
    must_deactivate: bool,
    /// The module may be in data mode.
    may_be_in_data_mode: bool,
    registration: Registration,
    /// Failed attempts in a row.
    failures: u8,
    resets: Resets,
    /// Until then the module may stay silent in the link check.
    silent_until: Instant,
    /// When the present step, or the series of tries it belongs to, began.
    since: Instant,
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
            tries: 0,
            has_dtr: false,
            pin: Pin::NotGiven,
            is_configured: false,
            must_deactivate: false,
            may_be_in_data_mode: false,
            registration: Registration {
                is_denied: false,
                status: RegistrationStatus::NotRegistered,
            },
            failures: 0,
            resets: Resets {
                is_available: false,
                count: 0,
                allowed_at: Instant::MIN,
            },
            silent_until: Instant::MIN,
            since: NEVER,
            not_before: Instant::MIN,
            attempts: 0,
            addresses: ContextAddresses::NONE,
            waiters: Signal::new(wakes, Room::Link),
        }
    }

    // ---- what it is ----------------------------------------------------------------------------------------------

    pub(crate) const fn state(&self) -> LinkState {
        self.state
    }

    pub(crate) const fn has_dtr(&self) -> bool {
        self.has_dtr
    }

    /// Whether sockets can be served now.
    pub(crate) fn is_up(&self) -> bool {
        self.step == Step::Up
    }

    /// Whether the module answers, so that it can be given a command of the user.
    pub(crate) const fn is_listening(&self) -> bool {
        match self.step {
            Step::Probe
            | Step::Settle
            | Step::Run(Job::EchoOff | Job::NumericErrors)
            | Step::Resync
            | Step::Resettle
            | Step::Verify
            | Step::Reset
            | Step::Disabled => false,
            Step::Pause => !matches!(self.state, LinkState::Down(LinkError::NoAnswer)),
            _ => true,
        }
    }

    /// Whether URCs about sockets and the context can be trusted.
    pub(crate) const fn is_serving(&self) -> bool {
        matches!(
            self.step,
            Step::Up | Step::Resync | Step::Resettle | Step::Verify
        )
    }

    /// The error that a connect gets at once, while no attempt is under way.
    pub(crate) const fn refusal(&self) -> Option<LinkError> {
        match (self.step, self.state) {
            (Step::Pause | Step::Reset | Step::Disabled, LinkState::Down(error)) => Some(error),
            _ => None,
        }
    }

    /// The local address of the family asked for. `None` while the link is down.
    pub(crate) fn local_address(&self, v6: bool) -> Option<IpAddr> {
        if self.state != LinkState::Up {
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

    /// Ready when the link is up, or when an attempt that was not over at `since` has failed.
    pub(crate) fn poll_up(&self, since: Attempt) -> Poll<Result<(), LinkError>> {
        match self.state {
            LinkState::Up => Poll::Ready(Ok(())),
            LinkState::Down(error) if self.step == Step::Disabled || since != self.attempt() => {
                Poll::Ready(Err(error))
            }
            LinkState::Starting | LinkState::Occupied | LinkState::Down(_) => Poll::Pending,
        }
    }

    // ---- what happens to it --------------------------------------------------------------------------------------

    /// The runner starts.
    pub(crate) fn start(&mut self, can_reset: bool, has_dtr: bool) {
        self.has_dtr = has_dtr;
        self.state = LinkState::Starting;
        self.resets.is_available = can_reset;
        self.begin_anew();
        self.failures = 0;
        self.go(Step::Probe);
        self.waiters.wake();
    }

    /// The link is lost. What is left to do depends on the reason.
    pub(crate) fn on_lost(&mut self, error: LinkError) {
        warning!("link lost: {:?}", error);
        self.state = LinkState::Down(error);
        match error {
            LinkError::ContextLost => {
                self.must_deactivate = true;
                self.run(Job::ListSockets);
            }
            LinkError::Restarted => self.on_restarted(),
            _ => self.go(Step::Probe),
        }
        self.waiters.wake();
    }

    /// `pdpdeact` during the last steps of the bring-up: look at the context again before the link counts as up.
    pub(crate) fn suspect_context(&mut self) {
        if matches!(self.step, Step::Run(Job::Set(_) | Job::SetDns)) {
            self.must_deactivate = true;
            self.run(Job::ListContexts);
        }
    }

    /// The module has restarted.
    pub(crate) fn on_restarted(&mut self) {
        // With a configuration that cannot be used nothing is sent.
        if self.step != Step::Disabled {
            self.begin_anew();
            self.go(Step::Probe);
        }
    }

    fn begin_anew(&mut self) {
        if self.pin == Pin::Given {
            self.pin = Pin::NotGiven;
        }
        self.is_configured = false;
        self.must_deactivate = false;
    }

    /// The context may be down: check the module.
    pub(crate) fn resync(&mut self) {
        self.resync_until(Instant::MIN);
    }

    /// A command was not answered: check the module, which may stay silent until then.
    pub(crate) fn resync_until(&mut self, silent_until: Instant) {
        if self.is_up() {
            self.silent_until = silent_until;
            self.go(Step::Resync);
        }
    }

    /// A command that makes the UART a data line was not answered, or data mode did not end.
    pub(crate) fn suspect_line(&mut self) {
        self.may_be_in_data_mode = true;
        self.resync();
    }

    /// The configuration, or the UART, cannot be used.
    pub(crate) fn disable(&mut self, error: LinkError) {
        self.state = LinkState::Down(error);
        self.attempts = self.attempts.wrapping_add(1);
        self.go(Step::Disabled);
        self.waiters.wake();
    }

    /// This attempt has failed.
    fn fail(&mut self, error: LinkError, now: Instant) {
        warning!("link not up: {:?}", error);
        self.state = LinkState::Down(error);
        self.attempts = self.attempts.wrapping_add(1);
        let back_off = Duration::from_secs(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        let may_reset = self.resets.is_available && now >= self.resets.allowed_at;
        if error.needs_restart() && may_reset {
            self.go(Step::Reset);
        } else {
            self.go(Step::Pause);
            self.pause(now, back_off);
        }
        self.waiters.wake();
    }

    /// The user's hook has restarted the module.
    pub(crate) fn on_reset(&mut self, now: Instant) {
        self.resets.count = self.resets.count.saturating_add(1);
        // The pace under figure 1 of the note: three restarts in a row and one more at once, then after 10 min, 30 min, and
        // every hour.
        let pause = match self.resets.count {
            0..=3 => Duration::MIN,
            4 => Duration::from_secs(600),
            5 => Duration::from_secs(1800),
            _ => Duration::from_secs(3600),
        };
        self.resets.allowed_at = after(now, pause);
        self.on_restarted();
    }

    // ---- what is next --------------------------------------------------------------------------------------------

    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    fn go(&mut self, step: Step) {
        self.step = step;
        self.tries = 0;
        self.since = NEVER;
        self.not_before = Instant::MIN;
    }

    fn run(&mut self, job: Job) {
        self.go(Step::Run(job));
    }

    fn pause(&mut self, now: Instant, time: Duration) {
        self.not_before = after(now, time);
    }

    /// What to do for the link. `None` if it is up, and sockets have their turn.
    pub(crate) fn next(
        &mut self,
        orphans: IdSet,
        config: &Config<'_>,
        now: Instant,
    ) -> Option<Action> {
        if self.step == Step::Up {
            return None;
        }
        if now < self.not_before {
            return Some(Action::Wait(self.not_before));
        }
        let since = get_or_set(&mut self.since, now);
        Some(match self.step {
            Step::Probe => self.probe(since, config, now),
            Step::Resync => self.reprobe(),
            Step::CloseOrphans => match orphans.first() {
                Some(id) => Action::Run(Job::CloseOrphan(id)),
                None => {
                    self.run(Job::ListContexts);
                    Action::Run(Job::ListContexts)
                }
            },
            Step::Pause => {
                self.go(Step::Probe);
                self.probe(now, config, now)
            }
            Step::Reset => Action::Reset,
            _ => self.job().map_or(Action::Wait(NEVER), Action::Run),
        })
    }

    /// Finds out whether the module takes commands: a plain AT first, then the ways out of a prompt, of data mode, and of a
    /// payload (quirk 10).
    fn probe(&mut self, since: Instant, config: &Config<'_>, now: Instant) -> Action {
        self.since = since;
        let tries = self.tries;
        if now >= after(since, config.boot_time) && tries > 6 {
            self.fail(LinkError::NoAnswer, now);
            return match self.step {
                Step::Reset => Action::Reset,
                _ => Action::Wait(self.not_before),
            };
        }
        self.tries = tries.saturating_add(1);
        match tries {
            2 => Action::Escape(Escape::Prompt),
            4 => Action::Escape(Escape::DataMode),
            6 => Action::Escape(Escape::Fill),
            _ => Action::Run(Job::Attention),
        }
    }

    /// The same after a command that was not answered: the module may still be at a prompt.
    fn reprobe(&mut self) -> Action {
        if core::mem::take(&mut self.may_be_in_data_mode) {
            return Action::Escape(Escape::DataMode);
        }
        let escape = match self.tries {
            1 => Escape::Prompt,
            3 => Escape::Fill,
            _ => return Action::Run(Job::Attention),
        };
        self.tries += 1;
        Action::Escape(escape)
    }
}

#[cfg(test)]
mod tests;
