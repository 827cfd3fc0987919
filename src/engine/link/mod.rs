//! Supervision of the link: which command brings the module up next, and what its answer means.
//!
//! The order is that of the note's figure 1, with what modules need before it: they may be asleep, booting, at a
//! prompt, in data mode, or still hold the sockets and contexts of a host that was reset.

mod bring_up;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use embassy_time::{Duration, Instant};

use crate::at::{ConnectId, ErrorCode, RegistrationStatus, pair};
use crate::config::Config;
use crate::engine::WAITERS;
use crate::engine::exchange::job::{Action, Domain, Escape, Job, Setting};
use crate::error::LinkError;
use crate::util::log::warning;
use crate::util::slices::{copy, front};
use crate::util::time::{NEVER, after, get_or_set};
use crate::util::wakers::MultiWaker;

/// What users see of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkState {
    /// The first bring-up is under way.
    Starting,
    /// The PDP context is active.
    Up,
    /// It is, and a connection in transparent access mode has the serial line. Everything else waits until the connection
    /// leaves that mode.
    Occupied,
    /// The link is down, for this reason. The runner is working on it, or will try again.
    Down(LinkError),
}

/// The local addresses of the PDP context, as the module shows them: read by those who want to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    text: [u8; Self::LONGEST],
    length: u8,
}

impl Addresses {
    /// Both in quotes, the longer one as sixteen decimal numbers.
    const LONGEST: usize = 17 + 1 + 65;
    const NONE: Self = Self {
        text: [0; Self::LONGEST],
        length: 0,
    };

    pub(crate) fn keep(&mut self, text: &[u8]) {
        self.length = copy(text, &mut self.text) as u8;
    }

    fn read(&self) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
        pair(front(&self.text, self.length.into()))
    }
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
    Dtr,
    UrcPort,
    Sim,
    Pin,
    Registration(Domain),
    Sockets,
    CloseOrphans,
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
#[repr(C)] // What is used most comes first, where instructions are shortest.
pub(crate) struct Link {
    step: Step,
    state: LinkState,
    tries: u8,
    can_reset: bool,
    /// DTR is wired, so that it can mean something to the module.
    has_dtr: bool,
    pin_given: bool,
    /// The PIN is wrong: another try would bring the card closer to its lock.
    pin_refused: bool,
    /// This runner has activated the context before, with its own settings.
    configured: bool,
    /// The context has to be deactivated before it can come up again.
    deactivate: bool,
    /// The module may be in data mode.
    in_data_mode: bool,
    denied: bool,
    /// Failed attempts in a row.
    failures: u8,
    /// Restarts in a row that did not help.
    resets: u8,
    /// ConnectIDs that the module holds and nobody here uses.
    pub(crate) orphan_ids: u16,
    registration: RegistrationStatus,
    /// When the present step, or the series of tries it belongs to, began.
    since: Instant,
    /// Before this instant nothing is to be done.
    not_before: Instant,
    /// How many attempts have come to a result, good or bad.
    outcomes: u32,
    reset_allowed_at: Instant,
    pub(crate) addresses: Addresses,
    pub(crate) watchers: MultiWaker<WAITERS>,
}

impl Link {
    // In line: its result would be on the stack of whoever makes a stack, and take kilobytes of it.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            step: Step::Greet,
            state: LinkState::Down(LinkError::NotRunning),
            since: NEVER,
            not_before: Instant::MIN,
            tries: 0,
            outcomes: 0,
            failures: 0,
            resets: 0,
            reset_allowed_at: Instant::MIN,
            can_reset: false,
            has_dtr: false,
            pin_given: false,
            pin_refused: false,
            configured: false,
            deactivate: false,
            in_data_mode: false,
            registration: RegistrationStatus::NotRegistered,
            denied: false,
            orphan_ids: 0,
            addresses: Addresses::NONE,
            watchers: MultiWaker::new(),
        }
    }

    pub(crate) fn state(&self) -> LinkState {
        self.state
    }

    pub(crate) fn outcomes(&self) -> u32 {
        self.outcomes
    }

    /// Whether sockets can be served now.
    pub(crate) fn is_up(&self) -> bool {
        self.step == Step::Up
    }

    /// Whether the module answers, so that it can be given a command of the user's.
    pub(crate) fn is_listening(&self) -> bool {
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
    pub(crate) fn is_serving(&self) -> bool {
        matches!(
            self.step,
            Step::Up | Step::Resync | Step::Resettle | Step::Verify
        )
    }

    /// The error that a connect gets at once, while no attempt is under way.
    #[inline(never)]
    pub(crate) fn refusal(&self) -> Option<LinkError> {
        match (self.step, self.state) {
            (Step::Pause | Step::Reset | Step::Dead, LinkState::Down(error)) => Some(error),
            _ => None,
        }
    }

    /// The configuration cannot be used, and no attempt will be made.
    pub(crate) fn is_dead(&self) -> bool {
        self.step == Step::Dead
    }

    /// The runner starts.
    pub(crate) fn start(&mut self, can_reset: bool, has_dtr: bool) {
        self.has_dtr = has_dtr;
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
    #[inline(never)]
    pub(crate) fn on_link_lost(&mut self, error: LinkError) {
        warning!("link lost: {:?}", error);
        self.state = LinkState::Down(error);
        self.orphan_ids = 0;
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
    pub(crate) fn suspect_context(&mut self) {
        if matches!(self.step, Step::Set(_) | Step::Dns) {
            self.deactivate = true;
            self.go(Step::Contexts);
        }
    }

    /// The module begins anew.
    #[inline(never)]
    pub(crate) fn restarted(&mut self) {
        if self.step == Step::Dead {
            // Nothing is sent with a configuration that cannot be used.
            return;
        }
        self.orphan_ids = 0;
        self.pin_given = false;
        self.configured = false;
        self.deactivate = false;
        self.go(Step::Greet);
    }

    /// A command went unanswered.
    #[inline(never)]
    pub(crate) fn resync(&mut self) {
        if self.is_up() {
            self.go(Step::Resync);
        }
    }

    /// A command that hands over the serial line went unanswered, or the line was not given back.
    pub(crate) fn suspect_line(&mut self) {
        self.in_data_mode = true;
        self.resync();
    }

    /// Nobody can use this configuration.
    pub(crate) fn disable(&mut self, error: LinkError) {
        self.state = LinkState::Down(error);
        self.outcomes = self.outcomes.wrapping_add(1);
        self.go(Step::Dead);
        self.watchers.wake();
    }

    #[inline(never)]
    fn go(&mut self, step: Step) {
        self.step = step;
        self.tries = 0;
        self.since = NEVER;
        self.not_before = Instant::MIN;
    }

    fn pause(&mut self, now: Instant, time: Duration) {
        self.not_before = after(now, time);
    }

    /// What to do for the link; `None` when it is up and sockets have their turn.
    pub(crate) fn next(&mut self, now: Instant, config: &Config<'_>) -> Option<Action> {
        if self.step == Step::Up {
            return None;
        }
        if now < self.not_before {
            return Some(Action::Wait(self.not_before));
        }
        let since = get_or_set(&mut self.since, now);
        Some(match self.step {
            Step::Greet => self.probe(now, since, config),
            Step::Resync => self.reprobe(),
            Step::CloseOrphans => match ConnectId::new(self.orphan_ids.trailing_zeros() as u8) {
                Some(id) => Action::Run(Job::CloseOrphan(id)),
                None => {
                    self.go(Step::Contexts);
                    Action::Run(Job::ListContexts)
                }
            },
            Step::Pause => {
                self.go(Step::Greet);
                self.probe(now, now, config)
            }
            Step::Reset => Action::Reset,
            _ => self.job().map_or(Action::Wait(NEVER), Action::Run),
        })
    }

    /// The transaction of the present step, if it has one that is always the same.
    fn job(&self) -> Option<Job> {
        Some(match self.step {
            Step::Greet | Step::Settle | Step::Resync | Step::Resettle => Job::Attention,
            Step::EchoOff => Job::EchoOff,
            Step::NumericErrors => Job::NumericErrors,
            Step::DataEcho => Job::DataEchoOff,
            Step::Dtr => Job::EscapeWithDtr,
            Step::UrcPort => Job::SetUrcPort,
            Step::Sim => Job::SimState,
            Step::Pin => Job::EnterPin,
            Step::Registration(domain) => Job::Registration(domain),
            Step::Sockets => Job::ListSockets,
            Step::Contexts | Step::Address { .. } | Step::Verify => Job::ListContexts,
            Step::Deactivate => Job::Deactivate,
            Step::Configure => Job::Configure,
            Step::Activate => Job::Activate,
            Step::Set(setting) => Job::Set(setting),
            Step::Dns => Job::SetDns,
            Step::CloseOrphans | Step::Up | Step::Pause | Step::Reset | Step::Dead => return None,
        })
    }

    /// The order of quirk 10, with a plain AT first: most modules just answer.
    fn probe(&mut self, now: Instant, since: Instant, config: &Config<'_>) -> Action {
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

    /// After a command without an answer: the module may still be at a prompt.
    fn reprobe(&mut self) -> Action {
        if core::mem::take(&mut self.in_data_mode) {
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

    /// The module was restarted through the user's hook.
    pub(crate) fn reset_done(&mut self, now: Instant) {
        self.resets = self.resets.saturating_add(1);
        // The pace of the note's figure 1: three restarts in a row and one more at once, then 10 min, 30 min,
        // and an hour.
        let pause = match self.resets {
            0..=3 => Duration::MIN,
            4 => Duration::from_secs(600),
            5 => Duration::from_secs(1800),
            _ => Duration::from_secs(3600),
        };
        self.reset_allowed_at = after(now, pause);
        self.restarted();
    }

    /// The address of this side, of the family asked for. `None` while the link is down.
    pub(crate) fn local(&self, v6: bool) -> Option<IpAddr> {
        if self.state != LinkState::Up {
            return None;
        }
        match (v6, self.addresses.read()) {
            (false, (v4, _)) => v4.map(IpAddr::V4),
            (true, (_, v6)) => v6.map(IpAddr::V6),
        }
    }
}
