//! The recipe of the bring-up: one step after the other, each with its command and the meaning of its answer.
//!
//! The order is that of figure 1 of the note, with what modules need in front of it: they may sleep, boot, wait at a prompt, be
//! in data mode, or still hold the sockets and the context of a host that was reset (quirks 9 and 10).
//!
//! 1. Find a module that answers: AT, twice; echo off, numeric errors, payload echo off, AT&D1, URC port.
//! 2. The SIM card, and its PIN.
//! 3. Registration with a network: LTE, then packet switched, then circuit switched.
//! 4. Close the sockets that an earlier program left open.
//! 5. Deactivate a context with unknown settings; configure and activate the context; look at its address.
//! 6. Settings that decide how data looks on the UART; DNS servers.
//!
//! Supervision uses the same steps: a command without an answer leads to `Resync`, `Resettle` and `Verify`.

use core::mem::discriminant;

use embassy_time::{Duration, Instant};

use super::{Link, LinkState, Pin, Registration, Step};
use crate::at::{
    ActivateContext, Address, Attention, CloseSocket, ConfigureContext, ConfigureDns,
    ConfigureSetting, ConfigureUrcPort, DataFormat, DeactivateContext, DisableCommandEcho,
    DisableSendInfo, EnterPin, ErrorCode, ErrorFormat, EscapeWithDtr, ListActiveContexts,
    ListSockets, Prefix, QueryLteRegistration, QueryPacketRegistration, QueryRegistration,
    QuerySim, RegistrationStatus, SetDataEcho, SetErrorFormat, Setting, SimState, Switch, Text,
    ViewMode,
};
use crate::config::Config;
use crate::engine::exchange::job::{Domain, Job};
use crate::engine::exchange::outcome::{Answer, Outcome, Reason};
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::ids::IdSet;
use crate::engine::sockets::open_close::close_time;
use crate::error::LinkError;
use crate::util::log::info;
use crate::util::time::after;

/// How long the answer to a plain AT may take.
const ATTENTION_TIME: Duration = Duration::from_secs(1);
/// How long the activation of a context may take (2.1.2).
const ACTIVATION_TIME: Duration = Duration::from_secs(150);
/// How long the deactivation of a context may take (2.1.3).
const DEACTIVATION_TIME: Duration = Duration::from_secs(40);
/// Between two questions about the SIM card, about the registration, and between two tries of a refused command.
const POLL: Duration = Duration::from_secs(1);
/// How long the SIM card may take to show up after the first answer of the module.
const SIM_TIME: Duration = Duration::from_secs(10);
/// After the first answer, so that late answers to commands of an earlier life pass.
const SETTLE: Duration = Duration::from_millis(100);
/// How often a refused AT+QICSGP is repeated: modules refuse it for a while after a cold boot (quirk 5).
const CONFIGURE_TRIES: u8 = 5;
/// How often ATE0 is repeated while the echo stays (quirk 2).
const ECHO_TRIES: u8 = 3;
/// After this many unanswered AT in a row a module that was up counts as silent.
const RESYNC_TRIES: u8 = 4;
/// How often a busy module may refuse a plain AT.
const BUSY_TRIES: u8 = 30;

/// The settings of AT+QICFG that decide how data looks on the UART. Modules keep them over a restart (quirk 75).
const SETTINGS: &[Setting] = &[
    Setting::DataFormats {
        send: DataFormat::Text,
        receive: DataFormat::Text,
    },
    Setting::ViewMode(ViewMode::LineEnd),
    // The `recv` URC says how much data there is.
    Setting::ReceiveIndication(Switch::On),
];

impl Link<'_> {
    /// The transaction of the present step, if the step is one.
    pub(super) const fn job(&self) -> Option<Job> {
        match self.step {
            Step::Probe | Step::Settle | Step::Resync | Step::Resettle => Some(Job::Attention),
            Step::Run(job) => Some(job),
            Step::Address { .. } | Step::Verify => Some(Job::ListContexts),
            Step::CloseOrphans | Step::Up | Step::Pause | Step::Reset | Step::Disabled => None,
        }
    }

    /// The command of a step, how long it may take, and what its answer is. `None` if the configuration has no such command,
    /// or the job is none of the link.
    pub(crate) fn transaction(
        job: Job,
        config: &Config<'_>,
        to: CommandBuffer<'_>,
    ) -> Option<Transaction> {
        let context = config.context;
        Some(match job {
            Job::Attention => to.write(&Attention).within(ATTENTION_TIME),
            Job::EchoOff => to.write(&DisableCommandEcho),
            Job::NumericErrors => to.write(&SetErrorFormat {
                format: ErrorFormat::Number,
            }),
            Job::DataEchoOff => to.write(&SetDataEcho { echo: Switch::Off }),
            Job::EscapeWithDtr => to.write(&EscapeWithDtr),
            Job::SetUrcPort => to.write(&ConfigureUrcPort {
                port: Text::known(config.urc_port?),
            }),
            Job::SimState => to.write(&QuerySim).needs(Prefix::Sim),
            Job::EnterPin => to.write(&EnterPin {
                pin: Text::known(config.pin?),
            }),
            Job::Registration(Domain::Lte) => to.write(&QueryLteRegistration).needs(Prefix::Lte),
            Job::Registration(Domain::Packet) => {
                to.write(&QueryPacketRegistration).needs(Prefix::Packet)
            }
            Job::Registration(Domain::Circuit) => {
                to.write(&QueryRegistration).needs(Prefix::Circuit)
            }
            Job::ListSockets => to.write(&ListSockets).answered_by(Prefix::Sockets),
            Job::CloseOrphan(connect_id) => to
                .write(&CloseSocket {
                    connect_id,
                    timeout: Some(0),
                })
                .within(close_time(config)),
            Job::ListContexts => to.write(&ListActiveContexts).answered_by(Prefix::Contexts),
            Job::Deactivate => to
                .write(&DeactivateContext { context })
                .within(DEACTIVATION_TIME),
            Job::Configure => to
                .write(&ConfigureContext {
                    context,
                    context_type: config.context_type,
                    apn: Text::known(config.apn),
                    username: Text::known(config.user),
                    password: Text::known(config.password),
                    authentication: config.authentication,
                })
                .asking_reason(),
            Job::Activate => to
                .write(&ActivateContext { context })
                .within(ACTIVATION_TIME)
                .asking_reason(),
            Job::Set(index) => match SETTINGS.get(usize::from(index)) {
                Some(&setting) => to.write(&ConfigureSetting { setting }),
                None => to.write(&DisableSendInfo),
            },
            Job::SetDns => {
                let servers = config.dns?;
                to.write(&ConfigureDns {
                    context,
                    primary: Address(servers.primary),
                    secondary: servers.secondary.map(Address),
                })
            }
            _ => return None,
        })
    }

    /// A command of the link was answered, or was not. `echoed` says whether the module echoed the command.
    pub(crate) fn done(
        &mut self,
        job: Job,
        outcome: &Outcome,
        echoed: bool,
        orphans: &mut IdSet,
        config: &Config<'_>,
        now: Instant,
    ) {
        if outcome.is_no_answer() && self.step != Step::Probe {
            return self.on_no_answer(now);
        }
        // The command was that of an earlier step: its answer does not end this one.
        let wanted = self.job().map(|wanted| discriminant(&wanted));
        if wanted != Some(discriminant(&job)) {
            return;
        }
        match self.step {
            // 1. A module that answers.
            Step::Probe if !outcome.is_no_answer() => {
                self.go(Step::Settle);
                self.pause(now, SETTLE);
            }
            Step::Settle => self.run(Job::EchoOff),
            Step::Run(Job::EchoOff) => self.step = Step::Run(Job::NumericErrors),
            Step::Run(Job::NumericErrors) => {
                self.tries += 1;
                if echoed && self.tries < ECHO_TRIES {
                    self.step = Step::Run(Job::EchoOff);
                } else {
                    self.run(Job::DataEchoOff);
                }
            }
            Step::Run(Job::DataEchoOff) if self.has_dtr => self.run(Job::EscapeWithDtr),
            Step::Run(Job::DataEchoOff | Job::EscapeWithDtr) if config.urc_port.is_some() => {
                self.run(Job::SetUrcPort);
            }
            Step::Run(Job::DataEchoOff | Job::EscapeWithDtr | Job::SetUrcPort) => {
                self.run(Job::SimState);
            }
            // 2. The SIM card.
            Step::Run(Job::SimState) => self.on_sim(outcome, config, now),
            Step::Run(Job::EnterPin) => match *outcome {
                Outcome::Done(_) => self.run(Job::SimState),
                _ => {
                    self.pin = Pin::Refused;
                    self.fail(LinkError::SimLocked, now);
                }
            },
            // 3. The network.
            Step::Run(Job::Registration(domain)) => {
                self.on_registration(domain, outcome, config, now)
            }
            // 4. What an earlier program left open.
            Step::Run(Job::ListSockets) => {
                orphans.insert_all(match *outcome {
                    Outcome::Done(Answer::Sockets(ids)) => ids,
                    Outcome::Done(_) => IdSet::EMPTY,
                    // Not known: all of them.
                    _ => IdSet::ALL,
                });
                self.go(Step::CloseOrphans);
            }
            // 5. The PDP context.
            Step::Run(Job::ListContexts) => {
                let active = matches!(*outcome, Outcome::Done(Answer::Context { active: true }));
                self.go(match (active, self.is_configured) {
                    (true, true) => Step::Address { refusal: None },
                    (true, false) => Step::Run(Job::Deactivate),
                    (false, _) if self.must_deactivate => Step::Run(Job::Deactivate),
                    (false, _) => Step::Run(Job::Configure),
                });
            }
            Step::Run(Job::Deactivate) => {
                self.must_deactivate = false;
                self.run(Job::Configure);
            }
            Step::Run(Job::Configure) => match *outcome {
                Outcome::Refused(reason) => {
                    self.tries += 1;
                    self.pause(now, POLL);
                    if self.tries >= CONFIGURE_TRIES {
                        self.fail(LinkError::ApnRefused(reason.code()), now);
                    }
                }
                _ => self.run(Job::Activate),
            },
            Step::Run(Job::Activate) => self.go(Step::Address {
                // An active context refuses to be activated (quirk 14): look at it before giving up.
                refusal: match *outcome {
                    Outcome::Refused(reason) => Some(reason.code()),
                    _ => None,
                },
            }),
            Step::Address { refusal } => match *outcome {
                Outcome::Done(Answer::Context { active: true }) => {
                    self.is_configured = true;
                    self.must_deactivate = false;
                    self.run(Job::Set(0));
                }
                _ => {
                    self.must_deactivate = true;
                    self.fail(
                        match refusal {
                            Some(code @ ErrorCode::APN_NOT_CONFIGURED) => {
                                LinkError::ApnRefused(code)
                            }
                            Some(code) => LinkError::ContextRefused(code),
                            None => LinkError::ContextLost,
                        },
                        now,
                    );
                }
            },
            // 6. How data looks on the UART.
            Step::Run(Job::Set(index)) if usize::from(index) < SETTINGS.len() => {
                self.run(Job::Set(index + 1));
            }
            Step::Run(Job::Set(_)) if config.dns.is_some() => self.run(Job::SetDns),
            Step::Run(Job::Set(_) | Job::SetDns) => self.on_up(),
            // Supervision.
            Step::Resync => {
                self.go(Step::Resettle);
                self.pause(now, SETTLE);
            }
            // The command that was not answered is still being carried out.
            Step::Resettle
                if matches!(*outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(now, POLL);
            }
            Step::Resettle => self.go(Step::Verify),
            Step::Verify => match *outcome {
                Outcome::Done(Answer::Context { active: true }) => self.go(Step::Up),
                _ => self.on_lost(LinkError::ContextLost),
            },
            _ => {}
        }
    }

    fn on_up(&mut self) {
        info!("link up");
        self.state = LinkState::Up;
        self.failures = 0;
        self.resets.count = 0;
        self.resets.allowed_at = Instant::MIN;
        self.attempts = self.attempts.wrapping_add(1);
        self.go(Step::Up);
        self.waiters.wake();
    }

    /// A command was not answered, after the module had answered before.
    fn on_no_answer(&mut self, now: Instant) {
        match self.step {
            // It may be at a prompt, or in the middle of a boot.
            Step::Resync => {
                self.tries = self.tries.saturating_add(1);
                self.pause(now, SETTLE);
                if self.tries > RESYNC_TRIES && now >= self.silent_until {
                    self.on_lost(LinkError::NoAnswer);
                }
            }
            Step::Resettle | Step::Verify if now < self.silent_until => self.go(Step::Resync),
            Step::Resettle | Step::Verify => self.on_lost(LinkError::NoAnswer),
            // The longest times of the note are over: only a restart helps.
            Step::Run(Job::Activate | Job::Deactivate) => self.fail(LinkError::NoAnswer, now),
            _ => self.go(Step::Probe),
        }
    }

    fn on_sim(&mut self, outcome: &Outcome, config: &Config<'_>, now: Instant) {
        let since = self.since.min(now);
        let error = match *outcome {
            Outcome::Done(Answer::Sim(SimState::Ready)) => {
                return self.run(Job::Registration(Domain::Lte));
            }
            Outcome::Done(Answer::Sim(SimState::Pin))
                if config.pin.is_some() && self.pin == Pin::NotGiven =>
            {
                self.pin = Pin::Given;
                return self.run(Job::EnterPin);
            }
            Outcome::Done(Answer::Sim(SimState::Pin))
                if self.pin == Pin::Given && now < after(since, SIM_TIME) =>
            {
                return self.pause(now, POLL);
            }
            Outcome::Done(Answer::Sim(SimState::Pin | SimState::Puk)) => {
                return self.fail(LinkError::SimLocked, now);
            }
            // SIM not inserted (3GPP TS 27.007).
            Outcome::Refused(Reason::Equipment(10)) => LinkError::SimMissing(10),
            Outcome::Refused(reason) => LinkError::SimFailure(reason.equipment()),
            _ => LinkError::SimFailure(0),
        };
        // Right after a boot a card can be reported missing or busy (quirk 5).
        if now >= after(since, SIM_TIME) {
            self.fail(error, now);
        } else {
            self.pause(now, POLL);
        }
    }

    fn on_registration(
        &mut self,
        domain: Domain,
        outcome: &Outcome,
        config: &Config<'_>,
        now: Instant,
    ) {
        let since = self.since.min(now);
        if domain == Domain::Lte {
            self.registration = Registration {
                is_denied: false,
                status: RegistrationStatus::NotRegistered,
            };
        }
        match *outcome {
            Outcome::Done(Answer::Registration(status)) if status.is_registered() => {
                return self.run(Job::ListSockets);
            }
            Outcome::Done(Answer::Registration(RegistrationStatus::Denied)) => {
                self.registration.is_denied = true
            }
            Outcome::Done(Answer::Registration(status))
                if self.registration.status != RegistrationStatus::Searching =>
            {
                self.registration.status = status;
            }
            _ => {}
        }
        self.step = Step::Run(Job::Registration(match domain {
            Domain::Lte => Domain::Packet,
            Domain::Packet => Domain::Circuit,
            Domain::Circuit => {
                self.pause(now, POLL);
                if self.registration.is_denied
                    && self.registration.status != RegistrationStatus::Searching
                {
                    return self.fail(LinkError::RegistrationDenied, now);
                }
                if now >= after(since, config.registration_time) {
                    return self.fail(LinkError::NotRegistered(self.registration.status), now);
                }
                Domain::Lte
            }
        }));
    }
}
