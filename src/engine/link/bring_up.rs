//! The recipe of the bring-up: one step after the other, each with its command and the meaning of its answer.
//!
//! The order is that of figure 1 of the note, with what modules need before it: they may sleep, boot, wait at a prompt, be
//! in data mode, or still hold the sockets and the context of a host that was reset (quirks 9 and 10).
//!
//! 1. Find a module that answers: AT, twice; echo off, numeric errors, payload echo off, AT&D1, URC port; radio on.
//! 2. Close the sockets that an earlier program left open, before their data is taken for lines.
//! 3. The SIM card, and its PIN.
//! 4. Registration with a network: LTE, then packet switched, then circuit switched. Changes are sent as URCs.
//!    Then the list of sockets once more: one may have opened late.
//! 5. Deactivate a context with unknown settings; configure and activate the context; look at its address.
//! 6. Settings that decide how data looks on the UART; DNS servers.
//! 7. Sleep, if DTR is wired for it.
//!
//! After a command without an answer the module is asked by AT whether it is still there. Then the recipe goes on: after a
//! command that it can do without, else with the command again. Without a second answer the attempt has failed.
//!
//! The link check (`check.rs`) uses some of these commands, too.

use embassy_time::Duration;

use super::{Link, LinkMode, LinkState, POLL, Step};
use crate::at::{
    ActivateContext, Address, Attention, CloseSocket, ConfigureContext, ConfigureDns,
    ConfigureSetting, ConfigureUrcPort, DeactivateContext, DisableCommandEcho, EnterPin, ErrorCode,
    ErrorFormat, EscapeWithDtr, Functionality, ListActiveContexts, ListBearers, ListSockets,
    Prefix, QueryFunctionality, QueryLteRegistration, QueryPacketRegistration, QueryRegistration,
    QuerySim, ReportLteRegistration, ReportPacketRegistration, RestoreResultCodes, SetDataEcho,
    SetErrorFormat, SetFunctionality, Switch, Text,
};
use crate::config::Config;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Domain, Job};
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::ids::IdSet;
use crate::engine::sockets::open_close::close_time;
use crate::error::{BringUpCommand, LinkError};
use crate::util::log::{info, warning};
use crate::util::time::after;

/// How long the answer to a plain AT may take.
const ATTENTION_TIME: Duration = Duration::from_secs(1);
/// How long the answer to the AT may take that follows a sleep of the module.
#[cfg(feature = "sleep")]
const WAKE_TIME: Duration = Duration::from_millis(300);
/// How long the activation of a context may take (2.1.2).
const ACTIVATION_TIME: Duration = Duration::from_secs(150);
/// How long the deactivation of a context may take (2.1.3).
const DEACTIVATION_TIME: Duration = Duration::from_secs(40);
/// How long AT+CFUN may take (3GPP TS 27.007).
const FUNCTIONALITY_TIME: Duration = Duration::from_secs(15);
/// How often AT+CFUN=1 is sent to a module that refuses it.
const FUNCTIONALITY_TRIES: u8 = 3;
/// How long an active context may be without an address (quirk 119).
const ADDRESS_TIME: Duration = Duration::from_secs(10);
/// After the first answer, so that late answers to commands that were sent before this attempt pass.
pub(super) const SETTLE: Duration = Duration::from_millis(100);
/// How often a refused AT+QICSGP is repeated: modules refuse it for a while after a cold boot (quirk 5).
const CONFIGURE_TRIES: u8 = 5;
/// How often ATE0 is repeated while the echo stays (quirk 2).
const ECHO_TRIES: u8 = 3;
/// How often a busy module may refuse a plain AT.
pub(super) const BUSY_TRIES: u8 = 30;

impl Link<'_> {
    /// The transaction of the present step, if the step is one.
    pub(super) const fn job(&self) -> Option<Job> {
        match self.step {
            Step::Probe | Step::Settle | Step::CheckAnswer | Step::CheckSettle => {
                Some(Job::Attention)
            }
            Step::Run(job) => Some(job),
            Step::Address { .. } | Step::CheckContext => Some(Job::ListContexts),
            Step::CheckBearer => Some(Job::ListBearers),
            _ => None,
        }
    }

    /// The command of a step, how long it may take, and what its answer is. `None` if the configuration has no such command,
    /// or the job is none of the link.
    pub(crate) fn transaction(
        &self,
        job: Job,
        config: &Config<'_>,
        to: CommandBuffer<'_>,
    ) -> Option<Transaction> {
        let context = config.context;
        Some(match job {
            // The module has answered: it may be slow.
            Job::Attention if matches!(self.step, Step::Settle | Step::CheckSettle) => {
                to.write(&Attention)
            }
            #[cfg(feature = "sleep")]
            Job::Attention if self.is_up() => to.write(&Attention).within(WAKE_TIME),
            Job::Attention => to.write(&Attention).within(ATTENTION_TIME),
            Job::RestoreResultCodes => to.write(&RestoreResultCodes).within(ATTENTION_TIME),
            Job::EchoOff => to.write(&DisableCommandEcho),
            Job::NumericErrors => to.write(&SetErrorFormat {
                format: ErrorFormat::Number,
            }),
            Job::DataEchoOff => to.write(&SetDataEcho { echo: Switch::Off }),
            Job::EscapeWithDtr => to.write(&EscapeWithDtr),
            Job::SetUrcPort => to.write(&ConfigureUrcPort {
                port: Text::known(config.urc_port?),
            }),
            Job::Functionality => to.write(&QueryFunctionality).needs(Prefix::Functionality),
            Job::SetFunctionality => to
                .write(&SetFunctionality {
                    functionality: match self.wish() {
                        LinkMode::Minimum => Functionality::Minimum,
                        LinkMode::Airplane => Functionality::Airplane,
                        _ => Functionality::Full,
                    },
                    restart: None,
                })
                .within(FUNCTIONALITY_TIME),
            #[cfg(feature = "link-control")]
            Job::PowerDown => to
                .write(&crate::at::PowerDown {
                    mode: crate::at::PowerDownMode::Normal,
                })
                .within(super::control::POWER_DOWN_TIME),
            Job::SimState => to.write(&QuerySim).needs(Prefix::Sim),
            Job::EnterPin => to.write(&EnterPin {
                pin: Text::known(config.pin?),
            }),
            Job::ReportRegistration(Domain::Lte) => to.write(&ReportLteRegistration),
            Job::ReportRegistration(_) => to.write(&ReportPacketRegistration),
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
            Job::ListBearers => to.write(&ListBearers).answered_by(Prefix::Bearers),
            Job::Deactivate => to
                .write(&DeactivateContext { context })
                .within(DEACTIVATION_TIME),
            Job::Configure => to
                .write(&ConfigureContext {
                    context,
                    context_type: config.context_type,
                    apn: Text::known(config.access_point.apn),
                    username: Text::known(config.access_point.user),
                    password: Text::known(config.access_point.password),
                    authentication: config.access_point.authentication,
                })
                .asking_reason(),
            Job::Activate => to
                .write(&ActivateContext { context })
                .within(ACTIVATION_TIME)
                .asking_reason(),
            Job::Set(place) => to.write(&ConfigureSetting {
                setting: Self::setting(place, config)?,
            }),
            #[cfg(feature = "sleep")]
            Job::AllowSleep => to.write(&crate::at::SetUartSleep { sleep: Switch::On }),
            Job::SetDns if cfg!(feature = "dns") => {
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
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    pub(crate) fn done(
        &mut self,
        job: Job,
        outcome: &Outcome,
        echoed: bool,
        orphans: &mut IdSet,
        env: &Environment<'_>,
    ) {
        if self.is_serving() {
            return self.check_done(job, outcome, env);
        }
        let is_silent = outcome.is_no_answer();
        match (&self.step, job) {
            // A command that was not answered, maybe one of an earlier runner, is still being carried out.
            (Step::Settle, Job::Attention)
                if matches!(*outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(env, POLL);
            }
            // 1. A module that answers.
            (Step::Probe, Job::Attention | Job::RestoreResultCodes) if !is_silent => {
                self.step = Step::Settle;
                self.pause(env, SETTLE);
            }
            (Step::Settle, Job::Attention) if is_silent => self.step = Step::Probe,
            (Step::Settle, Job::Attention) => {
                let (step, tries) = self.resume.take().unwrap_or((Step::Run(Job::EchoOff), 0));
                self.go(step);
                self.tries = tries;
            }
            (Step::CloseOrphans, Job::CloseOrphan(_)) if is_silent => self.probe_then_resume(),
            (&Step::Address { otherwise }, Job::ListContexts) => {
                self.on_address(outcome, otherwise, env);
            }
            (Step::Run(wanted), _) if *wanted == job => {
                self.advance(job, outcome, echoed, orphans, env);
                if is_silent {
                    self.probe_then_resume();
                }
            }
            // The step has changed since this command was sent.
            _ => {}
        }
    }

    /// What follows a command of the recipe. One that is optional, and is not answered, counts as refused.
    fn advance(
        &mut self,
        job: Job,
        outcome: &Outcome,
        echoed: bool,
        orphans: &mut IdSet,
        env: &Environment<'_>,
    ) {
        #[cfg(feature = "link-control")]
        if self.advance_down(job, outcome, env) {
            return;
        }
        match job {
            // 1. A module that answers.
            Job::EchoOff => self.step = Step::Run(Job::NumericErrors),
            Job::NumericErrors => {
                self.tries += 1;
                if echoed && self.tries < ECHO_TRIES {
                    self.step = Step::Run(Job::EchoOff);
                } else {
                    self.run(Job::DataEchoOff);
                }
            }
            Job::DataEchoOff if self.wiring.dtr => self.run(Job::EscapeWithDtr),
            Job::DataEchoOff | Job::EscapeWithDtr if env.config.urc_port.is_some() => {
                self.run(Job::SetUrcPort);
            }
            Job::DataEchoOff | Job::EscapeWithDtr | Job::SetUrcPort => {
                if job == Job::SetUrcPort && !matches!(outcome, Outcome::Done(_)) {
                    warning!("the module refuses the URC port");
                }
                self.run(match self.wish() {
                    LinkMode::Up | LinkMode::Down => Job::Functionality,
                    _ => Job::ListSockets,
                })
            }
            Job::Functionality => self.run(match *outcome {
                Outcome::Done(Answer::Functionality(0 | 4)) => Job::SetFunctionality,
                _ => Job::ListSockets,
            }),
            Job::SetFunctionality if matches!(outcome, Outcome::Done(_)) => {
                self.run(Job::ListSockets);
            }
            Job::SetFunctionality => {
                self.tries += 1;
                self.pause(env, POLL);
                if self.tries >= FUNCTIONALITY_TRIES {
                    self.fail(LinkError::RadioOff, env);
                }
            }
            // 2. What an earlier program left open.
            Job::ListSockets => {
                orphans.insert_all(match *outcome {
                    Outcome::Done(Answer::Sockets(ids)) => ids,
                    Outcome::Done(_) => IdSet::EMPTY,
                    // Not known: all of them.
                    _ => IdSet::ALL,
                });
                self.go(Step::CloseOrphans);
            }
            // 3. The SIM card.
            Job::SimState => self.on_sim(outcome, env),
            Job::EnterPin => self.on_pin(outcome, env),
            // 4. The network.
            Job::ReportRegistration(Domain::Lte) => {
                self.run(Job::ReportRegistration(Domain::Packet));
            }
            Job::ReportRegistration(_) => self.run(Job::Registration(Domain::Lte)),
            Job::Registration(domain) => self.on_registration(domain, outcome, env),
            // 5. The PDP context.
            Job::ListContexts if outcome.is_no_answer() => {
                self.on_required_unanswered(BringUpCommand::ListContexts, env);
            }
            Job::Configure if outcome.is_no_answer() => {
                self.on_required_unanswered(BringUpCommand::Configure, env);
            }
            Job::ListContexts => {
                let active = matches!(*outcome, Outcome::Done(Answer::Context { active: true }));
                if active && self.is_usable() {
                    self.look_for_address(LinkError::ContextLost);
                } else if active || self.must_deactivate {
                    self.run(Job::Deactivate);
                } else {
                    self.on_inactive();
                }
            }
            // The longest times of the note are over: only a restart helps.
            Job::Deactivate | Job::Activate if outcome.is_no_answer() => {
                self.fail(LinkError::NoAnswer, env);
            }
            Job::Deactivate => {
                self.must_deactivate = false;
                self.has_deactivated = true;
                self.is_configured = false;
                self.on_inactive();
            }
            Job::Configure => match *outcome {
                Outcome::Refused(reason) => {
                    self.tries += 1;
                    self.pause(env, POLL);
                    if self.tries >= CONFIGURE_TRIES {
                        // The module refuses AT+QICSGP while the context is active. The context can be used as it is (quirk 118).
                        self.look_for_address(LinkError::ApnRefused(reason.code()));
                    } else if self.has_deactivated {
                        self.step = Step::Run(Job::Deactivate);
                    }
                }
                _ => self.run(Job::Activate),
            },
            Job::Activate => match *outcome {
                // The network dropped the context before this runner started.
                Outcome::Refused(reason)
                    if reason.code() == ErrorCode::CONTEXT_LOST && !self.has_deactivated =>
                {
                    self.run(Job::Deactivate);
                }
                // An active context refuses to be activated (quirk 14): look at it before giving up.
                Outcome::Refused(reason) => self.look_for_address(match reason.code() {
                    code @ ErrorCode::APN_NOT_CONFIGURED => LinkError::ApnRefused(code),
                    code => LinkError::ContextRefused(code),
                }),
                _ => self.look_for_address(LinkError::ContextLost),
            },
            // 6. How data looks on the UART.
            Job::Set(place) => match Self::next_setting(place, &env.config) {
                Some(place) => self.run(Job::Set(place)),
                None if cfg!(feature = "dns") && env.config.dns.is_some() => self.run(Job::SetDns),
                None => self.allow_sleep(),
            },
            Job::SetDns => self.allow_sleep(),
            // 7. Sleep.
            #[cfg(feature = "sleep")]
            Job::AllowSleep => {
                self.may_sleep = matches!(outcome, Outcome::Done(_));
                self.on_up();
            }
            _ => {}
        }
    }

    /// The last step: the module may sleep while DTR is off, if that is wired.
    fn allow_sleep(&mut self) {
        #[cfg(feature = "sleep")]
        if self.wiring.sleep {
            return self.run(Job::AllowSleep);
        }
        self.on_up();
    }

    /// The context is inactive.
    fn on_inactive(&mut self) {
        #[cfg(feature = "link-control")]
        if !self.wants_up() {
            return self.descend();
        }
        self.step = Step::Run(Job::Configure);
    }

    fn look_for_address(&mut self, otherwise: LinkError) {
        self.go(Step::Address { otherwise });
    }

    /// AT+QIACT? after the activation. An address may come a second later, and so may the context itself (quirk 119).
    fn on_address(&mut self, outcome: &Outcome, otherwise: LinkError, env: &Environment<'_>) {
        let is_active = matches!(*outcome, Outcome::Done(Answer::Context { active: true }));
        if outcome.is_no_answer() {
            self.on_required_unanswered(BringUpCommand::ListContexts, env);
            self.probe_then_resume();
        } else if is_active && self.has_address() {
            self.is_configured = true;
            self.must_deactivate = false;
            self.run(Job::Set(0));
        } else if (is_active || otherwise == LinkError::ContextLost)
            && env.now < after(self.step_began_at.min(env.now), ADDRESS_TIME)
        {
            self.pause(env, POLL);
        } else {
            self.must_deactivate = true;
            let error = if is_active {
                LinkError::NoAddress
            } else {
                otherwise
            };
            self.fail(error, env);
        }
    }

    /// A command without which there is no link was not answered. It is repeated once, then the attempt fails.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    pub(super) fn on_required_unanswered(
        &mut self,
        command: BringUpCommand,
        env: &Environment<'_>,
    ) {
        if self.unanswered.replace(command) == Some(command) {
            self.fail(LinkError::CommandUnanswered(command), env);
        }
    }

    /// The command of a job without which there is no link.
    pub(super) const fn required_command(job: Job) -> Option<BringUpCommand> {
        Some(match job {
            Job::SimState => BringUpCommand::SimState,
            Job::EnterPin => BringUpCommand::EnterPin,
            Job::Registration(_) => BringUpCommand::Registration,
            Job::ListContexts => BringUpCommand::ListContexts,
            Job::Configure => BringUpCommand::Configure,
            _ => return None,
        })
    }

    /// A command was not answered: finds out whether the module is still there, before the present step goes on.
    fn probe_then_resume(&mut self) {
        match self.step {
            Step::Run(_) | Step::CloseOrphans | Step::Address { .. } => {
                self.resume = Some((self.step, self.tries));
                self.go(Step::Probe);
            }
            Step::Up => self.start_check(),
            _ => {}
        }
    }

    fn on_up(&mut self) {
        self.clear_context_errors();
        info!("link up");
        self.resets.on_success();
        self.end_attempt(self.state_towards(LinkState::Up), Step::Up);
    }
}
