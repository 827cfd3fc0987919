//! Supervision of the link: which command brings the module up next, and what its answer means.
//!
//! The order is that of the note's figure 1, with what modules need before it: they may be asleep, booting, at a
//! prompt, in data mode, or still hold the sockets and contexts of a host that was reset.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::{Duration, Instant};

use super::job::{Action, Answer, Domain, Escape, Job, Outcome, Reason, Setting, Sim};
use crate::command::{ConnectId, ErrorCode, RegistrationStatus};
use crate::config::Config;
use crate::error::LinkError;
use crate::fmt::{info, warning};

/// Between two questions about the SIM card, the registration, and refused settings.
const POLL: Duration = Duration::from_secs(1);
/// How long the SIM card may take to show up after the first answer of the module.
const SIM_TIME: Duration = Duration::from_secs(10);
/// After the first answer, so that late ones to commands of an earlier life pass by.
const SETTLE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// How often a refused AT+QICSGP is repeated: modules refuse it for a while after a cold boot.
const CONFIGURE_TRIES: u8 = 5;
/// How often ATE0 is repeated while the echo stays.
const ECHO_TRIES: u8 = 3;
/// A bit for each connectID.
const ALL_IDS: u16 = (1 << ConnectId::COUNT) - 1;
/// How many unanswered commands in a row make a module silent, once it was up.
const RESYNC_TRIES: u8 = 4;

/// How often a module may refuse a plain AT, because it is busy, before it is taken at its word.
const BUSY_TRIES: u8 = 30;

/// What users see of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkState {
    /// The first bring-up is under way.
    Starting,
    /// The PDP context is active.
    Up,
    /// The link is down, for this reason. The runner is working on it, or will try again.
    Down(LinkError),
}

/// The local addresses of the PDP context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Addresses {
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
}

/// The next thing to do on the way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Find out whether the module listens.
    Greet,
    Settle,
    EchoOff,
    NumericErrors,
    DataEcho,
    UrcPort,
    Sim,
    Pin,
    Registration(Domain),
    Sockets,
    CloseStrays,
    Contexts,
    Deactivate,
    Configure,
    Activate,
    Address {
        refusal: Option<ErrorCode>,
    },
    Set(Setting),
    Dns,
    Up,
    /// A command was not answered: is the module still there, and the context still active?
    Resync,
    /// It is; a second answer, after what was late has passed by, is to the question asked.
    Resettle,
    Verify,
    /// This attempt failed; another follows.
    Pause,
    /// Only the user's hook helps.
    Reset,
    /// Nothing to be done: the configuration cannot be used.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Link {
    step: Step,
    state: LinkState,
    /// When the present step, or the series of tries it belongs to, began.
    since: Option<Instant>,
    /// Before this instant nothing is to be done.
    not_before: Instant,
    tries: u8,
    /// How many attempts have come to a result, good or bad.
    outcomes: u32,
    /// Failed attempts in a row.
    failures: u8,
    /// Restarts in a row that did not help.
    resets: u8,
    reset_allowed_at: Instant,
    can_reset: bool,
    pin_given: bool,
    /// The PIN is wrong: another try would bring the card closer to its lock.
    pin_refused: bool,
    /// This runner has activated the context before, with its own settings.
    configured: bool,
    /// The context has to be deactivated before it can come up again.
    deactivate: bool,
    registration: RegistrationStatus,
    denied: bool,
    /// ConnectIDs that the module holds and nobody here uses.
    pub(super) strays: u16,
    pub(super) addresses: Addresses,
    pub(super) watchers: MultiWakerRegistration<4>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Greet,
            state: LinkState::Down(LinkError::NotRunning),
            since: None,
            not_before: Instant::MIN,
            tries: 0,
            outcomes: 0,
            failures: 0,
            resets: 0,
            reset_allowed_at: Instant::MIN,
            can_reset: false,
            pin_given: false,
            pin_refused: false,
            configured: false,
            deactivate: false,
            registration: RegistrationStatus::NotRegistered,
            denied: false,
            strays: 0,
            addresses: Addresses { v4: None, v6: None },
            watchers: MultiWakerRegistration::new(),
        }
    }

    pub(super) fn state(&self) -> LinkState {
        self.state
    }

    pub(super) fn outcomes(&self) -> u32 {
        self.outcomes
    }

    /// Whether sockets can be served now.
    pub(super) fn is_up(&self) -> bool {
        self.step == Step::Up
    }

    /// Whether the module answers, so that it can be given a command of the user's.
    pub(super) fn is_listening(&self) -> bool {
        match self.step {
            Step::Greet
            | Step::Settle
            | Step::EchoOff
            | Step::NumericErrors
            | Step::Resync
            | Step::Resettle
            | Step::Verify
            | Step::Reset
            | Step::Dead => false,
            Step::Pause => !matches!(self.state, LinkState::Down(LinkError::NoAnswer)),
            _ => true,
        }
    }

    /// Whether URCs about sockets and the context can be believed.
    pub(super) fn is_serving(&self) -> bool {
        matches!(
            self.step,
            Step::Up | Step::Resync | Step::Resettle | Step::Verify
        )
    }

    /// The error that a connect gets at once, while no attempt is under way.
    pub(super) fn refusal(&self) -> Option<LinkError> {
        match (self.step, self.state) {
            (Step::Pause | Step::Reset | Step::Dead, LinkState::Down(error)) => Some(error),
            _ => None,
        }
    }

    /// The configuration cannot be used, and no attempt will be made.
    pub(super) fn is_dead(&self) -> bool {
        self.step == Step::Dead
    }

    /// The runner starts.
    pub(super) fn start(&mut self, can_reset: bool) {
        self.state = LinkState::Starting;
        self.can_reset = can_reset;
        self.pin_given = false;
        self.configured = false;
        self.deactivate = false;
        self.failures = 0;
        self.go(Step::Greet);
        self.watchers.wake();
    }

    /// The link went down under us. What is left to do depends on why.
    pub(super) fn lose(&mut self, error: LinkError) {
        warning!("link lost: {:?}", error);
        self.state = LinkState::Down(error);
        self.addresses = Addresses::default();
        self.strays = 0;
        match error {
            LinkError::ContextLost => {
                self.deactivate = true;
                self.go(Step::Sockets);
            }
            LinkError::Restarted => self.restarted(),
            _ => self.go(Step::Greet),
        }
        self.watchers.wake();
    }

    /// A context loss is told on the last steps of the way up: look before the link is called up.
    pub(super) fn doubt_context(&mut self) {
        if matches!(self.step, Step::Set(_) | Step::Dns) {
            self.deactivate = true;
            self.go(Step::Contexts);
        }
    }

    /// The module begins anew.
    pub(super) fn restarted(&mut self) {
        self.pin_given = false;
        self.configured = false;
        self.deactivate = false;
        self.go(Step::Greet);
    }

    /// A command went unanswered.
    pub(super) fn resync(&mut self) {
        if self.is_up() {
            self.go(Step::Resync);
        }
    }

    /// Nobody can use this configuration.
    pub(super) fn die(&mut self, error: LinkError) {
        self.state = LinkState::Down(error);
        self.outcomes = self.outcomes.wrapping_add(1);
        self.go(Step::Dead);
        self.watchers.wake();
    }

    fn go(&mut self, step: Step) {
        self.step = step;
        self.tries = 0;
        self.since = None;
        self.not_before = Instant::MIN;
    }

    fn pause(&mut self, now: Instant, time: Duration) {
        self.not_before = now + time;
    }

    /// What to do for the link; `None` when it is up and sockets have their turn.
    pub(super) fn next(&mut self, now: Instant, config: &Config<'_>) -> Option<Action> {
        if self.step == Step::Up {
            return None;
        }
        if now < self.not_before {
            return Some(Action::Wait(Some(self.not_before)));
        }
        let since = *self.since.get_or_insert(now);
        Some(match self.step {
            Step::Up | Step::Dead => Action::Wait(None),
            Step::Greet => return Some(self.greet(now, since, config)),
            Step::Resync => self.call_back(),
            Step::Settle | Step::Resettle => Action::Run(Job::Attention),
            Step::EchoOff => Action::Run(Job::EchoOff),
            Step::NumericErrors => Action::Run(Job::NumericErrors),
            Step::DataEcho => Action::Run(Job::DataEchoOff),
            Step::UrcPort => Action::Run(Job::SetUrcPort),
            Step::Sim => Action::Run(Job::SimState),
            Step::Pin => Action::Run(Job::EnterPin),
            Step::Registration(domain) => Action::Run(Job::Registration(domain)),
            Step::Sockets => Action::Run(Job::ListSockets),
            Step::CloseStrays => match ConnectId::new(self.strays.trailing_zeros() as u8) {
                Some(id) => Action::Run(Job::CloseStray(id)),
                None => {
                    self.go(Step::Contexts);
                    Action::Run(Job::ListContexts)
                }
            },
            Step::Contexts | Step::Address { .. } | Step::Verify => Action::Run(Job::ListContexts),
            Step::Deactivate => Action::Run(Job::Deactivate),
            Step::Configure => Action::Run(Job::Configure),
            Step::Activate => Action::Run(Job::Activate),
            Step::Set(setting) => Action::Run(Job::Set(setting)),
            Step::Dns => Action::Run(Job::SetDns),
            Step::Pause => {
                self.go(Step::Greet);
                self.greet(now, now, config)
            }
            Step::Reset => Action::Reset,
        })
    }

    /// The order of field note 10, with a plain AT first: most modules just answer.
    fn greet(&mut self, now: Instant, since: Instant, config: &Config<'_>) -> Action {
        self.since = Some(since);
        let tries = self.tries;
        if now >= since + config.boot_time && tries > 6 {
            self.fail(LinkError::NoAnswer, now);
            return Action::Wait(Some(self.not_before));
        }
        self.tries = tries.saturating_add(1);
        match tries {
            2 => Action::Escape(Escape::Prompt),
            4 => Action::Escape(Escape::DataMode),
            6 => Action::Escape(Escape::Fill),
            _ => Action::Run(Job::Attention),
        }
    }

    /// After a command without an answer: the module may still be at a prompt.
    fn call_back(&mut self) -> Action {
        let escape = match self.tries {
            1 => Escape::Prompt,
            3 => Escape::Fill,
            _ => return Action::Run(Job::Attention),
        };
        self.tries += 1;
        Action::Escape(escape)
    }

    /// The module was restarted through the user's hook.
    pub(super) fn reset_done(&mut self, now: Instant) {
        self.resets = self.resets.saturating_add(1);
        // The pace of the note's figure 1: three restarts in a row and one more at once, then 10 min, 30 min,
        // and an hour.
        let pause = match self.resets {
            0..=3 => Duration::MIN,
            4 => Duration::from_secs(600),
            5 => Duration::from_secs(1800),
            _ => Duration::from_secs(3600),
        };
        self.reset_allowed_at = now + pause;
        self.restarted();
    }

    /// What a command of the bring-up said.
    pub(super) fn done(
        &mut self,
        job: Job,
        outcome: Outcome,
        echoed: bool,
        now: Instant,
        config: &Config<'_>,
    ) {
        if let (Outcome::NoAnswer, false) = (outcome, matches!(self.step, Step::Greet)) {
            return self.unanswered(now);
        }
        match (self.step, job) {
            (Step::Greet, Job::Attention) if outcome != Outcome::NoAnswer => {
                self.go(Step::Settle);
                self.pause(now, SETTLE);
            }
            (Step::Settle, Job::Attention) => self.go(Step::EchoOff),
            (Step::EchoOff, Job::EchoOff) => self.step = Step::NumericErrors,
            (Step::NumericErrors, Job::NumericErrors) => {
                self.tries += 1;
                if echoed && self.tries < ECHO_TRIES {
                    self.step = Step::EchoOff;
                } else {
                    self.go(Step::DataEcho);
                }
            }
            (Step::DataEcho, Job::DataEchoOff) => self.go(match config.urc_port {
                Some(_) => Step::UrcPort,
                None => Step::Sim,
            }),
            (Step::UrcPort, Job::SetUrcPort) => self.go(Step::Sim),
            (Step::Sim, Job::SimState) => self.sim(outcome, now, config),
            (Step::Pin, Job::EnterPin) => match outcome {
                Outcome::Done(_) => self.go(Step::Sim),
                _ => {
                    self.pin_refused = true;
                    self.fail(LinkError::SimLocked, now);
                }
            },
            (Step::Registration(domain), Job::Registration(_)) => {
                self.registration(domain, outcome, now, config);
            }
            (Step::Sockets, Job::ListSockets) => {
                self.strays = match outcome {
                    Outcome::Done(Answer::Sockets(ids)) => ids,
                    Outcome::Done(_) => 0,
                    _ => ALL_IDS,
                };
                self.go(Step::CloseStrays);
            }
            (Step::Contexts, Job::ListContexts) => {
                let active = matches!(outcome, Outcome::Done(Answer::Context { active: true, .. }));
                self.go(match (active, self.configured) {
                    (true, true) => Step::Address { refusal: None },
                    (true, false) => Step::Deactivate,
                    (false, _) if self.deactivate => Step::Deactivate,
                    (false, _) => Step::Configure,
                });
            }
            (Step::Deactivate, Job::Deactivate) => {
                self.deactivate = false;
                self.go(Step::Configure);
            }
            (Step::Configure, Job::Configure) => match outcome {
                Outcome::Refused(reason) => {
                    self.tries += 1;
                    self.pause(now, POLL);
                    if self.tries >= CONFIGURE_TRIES {
                        self.fail(LinkError::ApnRefused(reason.code()), now);
                    }
                }
                _ => self.go(Step::Activate),
            },
            (Step::Activate, Job::Activate) => self.go(Step::Address {
                // An active context refuses to be activated (field note 14): look before giving up.
                refusal: match outcome {
                    Outcome::Refused(reason) => Some(reason.code()),
                    _ => None,
                },
            }),
            (Step::Address { refusal }, Job::ListContexts) => match outcome {
                Outcome::Done(Answer::Context {
                    active: true,
                    v4,
                    v6,
                }) => {
                    self.addresses = Addresses { v4, v6 };
                    self.configured = true;
                    self.deactivate = false;
                    self.go(Step::Set(Setting::DataFormat));
                }
                _ => {
                    self.deactivate = true;
                    self.fail(
                        match refusal {
                            Some(code @ ErrorCode::ApnNotConfigured) => LinkError::ApnRefused(code),
                            Some(code) => LinkError::ContextRefused(code),
                            None => LinkError::ContextLost,
                        },
                        now,
                    );
                }
            },
            (Step::Set(setting), Job::Set(_)) => self.go(match setting {
                Setting::DataFormat => Step::Set(Setting::ViewMode),
                Setting::ViewMode => Step::Set(Setting::ReceiveIndication),
                Setting::ReceiveIndication => Step::Set(Setting::SendInfo),
                Setting::SendInfo if config.dns.is_some() => Step::Dns,
                Setting::SendInfo => return self.up(),
            }),
            (Step::Dns, Job::SetDns) => self.up(),
            (Step::Resync, Job::Attention) => {
                self.go(Step::Resettle);
                self.pause(now, SETTLE);
            }
            // What was not answered is still being carried out.
            (Step::Resettle, Job::Attention)
                if matches!(outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(now, POLL);
            }
            (Step::Resettle, Job::Attention) => self.go(Step::Verify),
            (Step::Verify, Job::ListContexts) => match outcome {
                Outcome::Done(Answer::Context { active: true, .. }) => self.go(Step::Up),
                _ => self.lose(LinkError::ContextLost),
            },
            _ => {}
        }
    }

    fn up(&mut self) {
        info!("link up");
        self.state = LinkState::Up;
        self.failures = 0;
        self.resets = 0;
        self.outcomes = self.outcomes.wrapping_add(1);
        self.go(Step::Up);
        self.watchers.wake();
    }

    /// This attempt is over.
    fn fail(&mut self, error: LinkError, now: Instant) {
        warning!("link not up: {:?}", error);
        self.state = LinkState::Down(error);
        self.outcomes = self.outcomes.wrapping_add(1);
        let back_off = Duration::from_secs(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        if error.needs_restart() && self.can_reset {
            self.go(Step::Reset);
            self.not_before = self.reset_allowed_at;
        } else {
            self.go(Step::Pause);
            self.pause(now, back_off);
        }
        self.watchers.wake();
    }

    /// No answer, after the module had answered before.
    fn unanswered(&mut self, now: Instant) {
        match self.step {
            // It may be at a prompt, or in the middle of a boot.
            Step::Resync => {
                self.tries += 1;
                self.pause(now, SETTLE);
                if self.tries > RESYNC_TRIES {
                    self.lose(LinkError::NoAnswer);
                }
            }
            Step::Resettle | Step::Verify => self.lose(LinkError::NoAnswer),
            // Deadlines of the note: only a restart helps.
            Step::Activate | Step::Deactivate => self.fail(LinkError::NoAnswer, now),
            _ => self.go(Step::Greet),
        }
    }

    fn sim(&mut self, outcome: Outcome, now: Instant, config: &Config<'_>) {
        let since = self.since.unwrap_or(now);
        let error = match outcome {
            Outcome::Done(Answer::Sim(Sim::Ready)) => {
                return self.go(Step::Registration(Domain::Lte));
            }
            Outcome::Done(Answer::Sim(Sim::NeedsPin))
                if config.pin.is_some() && !self.pin_given && !self.pin_refused =>
            {
                self.pin_given = true;
                return self.go(Step::Pin);
            }
            Outcome::Done(Answer::Sim(Sim::NeedsPin))
                if self.pin_given && now < since + SIM_TIME =>
            {
                return self.pause(now, POLL);
            }
            Outcome::Done(Answer::Sim(Sim::NeedsPin | Sim::Locked)) => {
                return self.fail(LinkError::SimLocked, now);
            }
            // 27.007: SIM not inserted.
            Outcome::Refused(Reason::Equipment(10)) => LinkError::SimMissing(10),
            Outcome::Refused(reason) => LinkError::SimFailure(reason.equipment()),
            _ => LinkError::SimFailure(0),
        };
        // Right after a boot a card that is there can be reported missing or busy.
        if now >= since + SIM_TIME {
            self.fail(error, now);
        } else {
            self.pause(now, POLL);
        }
    }

    fn registration(
        &mut self,
        domain: Domain,
        outcome: Outcome,
        now: Instant,
        config: &Config<'_>,
    ) {
        let since = self.since.unwrap_or(now);
        if domain == Domain::Lte {
            self.denied = false;
            self.registration = RegistrationStatus::NotRegistered;
        }
        match outcome {
            Outcome::Done(Answer::Registration(status)) if status.is_registered() => {
                return self.go(Step::Sockets);
            }
            Outcome::Done(Answer::Registration(RegistrationStatus::Denied)) => self.denied = true,
            Outcome::Done(Answer::Registration(status))
                if self.registration != RegistrationStatus::Searching =>
            {
                self.registration = status;
            }
            _ => {}
        }
        self.step = Step::Registration(match domain {
            Domain::Lte => Domain::Packet,
            Domain::Packet => Domain::Circuit,
            Domain::Circuit => {
                self.pause(now, POLL);
                if self.denied && self.registration != RegistrationStatus::Searching {
                    return self.fail(LinkError::RegistrationDenied, now);
                }
                if now >= since + config.registration_time {
                    return self.fail(LinkError::NotRegistered(self.registration), now);
                }
                Domain::Lte
            }
        });
    }

    /// The address of this side, of the family asked for.
    pub(super) fn local(&self, v6: bool) -> Option<IpAddr> {
        if v6 {
            self.addresses.v6.map(IpAddr::V6)
        } else {
            self.addresses.v4.map(IpAddr::V4)
        }
    }
}
