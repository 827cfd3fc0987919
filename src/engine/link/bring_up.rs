//! What the answers of the bring-up mean.

use core::mem::discriminant;

use embassy_time::{Duration, Instant};

use super::{Link, LinkState, Step};
use crate::at::{ConnectId, ErrorCode, RegistrationStatus};
use crate::config::Config;
use crate::engine::exchange::job::{Answer, Domain, Job, Outcome, Reason, Setting, Sim};
use crate::error::LinkError;
use crate::util::log::{info, warning};
use crate::util::time::after;

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

impl Link {
    /// What a command of the bring-up said.
    #[inline(never)]
    pub(crate) fn done(
        &mut self,
        job: Job,
        outcome: &Outcome,
        echoed: bool,
        now: Instant,
        config: &Config<'_>,
    ) {
        if outcome.is_silence() && self.step != Step::Greet {
            return self.unanswered(now);
        }
        // What was begun for an earlier step says nothing about this one.
        let wanted = self.job().map(|wanted| discriminant(&wanted));
        if wanted != Some(discriminant(&job)) {
            return;
        }
        match self.step {
            Step::Greet if !outcome.is_silence() => {
                self.go(Step::Settle);
                self.pause(now, SETTLE);
            }
            Step::Settle => self.go(Step::EchoOff),
            Step::EchoOff => self.step = Step::NumericErrors,
            Step::NumericErrors => {
                self.tries += 1;
                if echoed && self.tries < ECHO_TRIES {
                    self.step = Step::EchoOff;
                } else {
                    self.go(Step::DataEcho);
                }
            }
            Step::DataEcho if self.has_dtr => self.go(Step::Dtr),
            Step::DataEcho | Step::Dtr => {
                self.go(match config.urc_port {
                    Some(_) => Step::UrcPort,
                    None => Step::Sim,
                });
            }
            Step::UrcPort => self.go(Step::Sim),
            Step::Sim => self.sim(outcome, now, config),
            Step::Pin => match *outcome {
                Outcome::Done(_) => self.go(Step::Sim),
                _ => {
                    self.pin_refused = true;
                    self.fail(LinkError::SimLocked, now);
                }
            },
            Step::Registration(domain) => {
                self.registration(domain, outcome, now, config);
            }
            Step::Sockets => {
                self.orphan_ids |= match *outcome {
                    Outcome::Done(Answer::Sockets(ids)) => ids,
                    Outcome::Done(_) => 0,
                    _ => ALL_IDS,
                };
                self.go(Step::CloseOrphans);
            }
            Step::Contexts => {
                let active = matches!(*outcome, Outcome::Done(Answer::Context { active: true }));
                self.go(match (active, self.configured) {
                    (true, true) => Step::Address { refusal: None },
                    (true, false) => Step::Deactivate,
                    (false, _) if self.deactivate => Step::Deactivate,
                    (false, _) => Step::Configure,
                });
            }
            Step::Deactivate => {
                self.deactivate = false;
                self.go(Step::Configure);
            }
            Step::Configure => match *outcome {
                Outcome::Refused(reason) => {
                    self.tries += 1;
                    self.pause(now, POLL);
                    if self.tries >= CONFIGURE_TRIES {
                        self.fail(LinkError::ApnRefused(reason.code()), now);
                    }
                }
                _ => self.go(Step::Activate),
            },
            Step::Activate => self.go(Step::Address {
                // An active context refuses to be activated (quirk 14): look before giving up.
                refusal: match *outcome {
                    Outcome::Refused(reason) => Some(reason.code()),
                    _ => None,
                },
            }),
            Step::Address { refusal } => match *outcome {
                Outcome::Done(Answer::Context { active: true }) => {
                    self.configured = true;
                    self.deactivate = false;
                    self.go(Step::Set(Setting::DataFormat));
                }
                _ => {
                    self.deactivate = true;
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
            Step::Set(setting) => self.go(match setting {
                Setting::DataFormat => Step::Set(Setting::ViewMode),
                Setting::ViewMode => Step::Set(Setting::ReceiveIndication),
                Setting::ReceiveIndication => Step::Set(Setting::SendInfo),
                Setting::SendInfo if config.dns.is_some() => Step::Dns,
                Setting::SendInfo => return self.up(),
            }),
            Step::Dns => self.up(),
            Step::Resync => {
                self.go(Step::Resettle);
                self.pause(now, SETTLE);
            }
            // What was not answered is still being carried out.
            Step::Resettle
                if matches!(*outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(now, POLL);
            }
            Step::Resettle => self.go(Step::Verify),
            Step::Verify => match *outcome {
                Outcome::Done(Answer::Context { active: true }) => self.go(Step::Up),
                _ => self.on_link_lost(LinkError::ContextLost),
            },
            _ => {}
        }
    }

    fn up(&mut self) {
        info!("link up");
        self.state = LinkState::Up;
        self.failures = 0;
        self.resets = 0;
        self.reset_allowed_at = Instant::MIN;
        self.outcomes = self.outcomes.wrapping_add(1);
        self.go(Step::Up);
        self.watchers.wake();
    }

    /// This attempt is over.
    pub(crate) fn fail(&mut self, error: LinkError, now: Instant) {
        warning!("link not up: {:?}", error);
        self.state = LinkState::Down(error);
        self.outcomes = self.outcomes.wrapping_add(1);
        let back_off = Duration::from_secs(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.failures = self.failures.saturating_add(1);
        if error.needs_restart() && self.can_reset && now >= self.reset_allowed_at {
            self.go(Step::Reset);
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
                    self.on_link_lost(LinkError::NoAnswer);
                }
            }
            Step::Resettle | Step::Verify => self.on_link_lost(LinkError::NoAnswer),
            // Deadlines of the note: only a restart helps.
            Step::Activate | Step::Deactivate => self.fail(LinkError::NoAnswer, now),
            _ => self.go(Step::Greet),
        }
    }

    fn sim(&mut self, outcome: &Outcome, now: Instant, config: &Config<'_>) {
        let since = self.since.min(now);
        let error = match *outcome {
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
                if self.pin_given && now < after(since, SIM_TIME) =>
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
        if now >= after(since, SIM_TIME) {
            self.fail(error, now);
        } else {
            self.pause(now, POLL);
        }
    }

    fn registration(
        &mut self,
        domain: Domain,
        outcome: &Outcome,
        now: Instant,
        config: &Config<'_>,
    ) {
        let since = self.since.min(now);
        if domain == Domain::Lte {
            self.denied = false;
            self.registration = RegistrationStatus::NotRegistered;
        }
        match *outcome {
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
                if now >= after(since, config.registration_time) {
                    return self.fail(LinkError::NotRegistered(self.registration), now);
                }
                Domain::Lte
            }
        });
    }
}
