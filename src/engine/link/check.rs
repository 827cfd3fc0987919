//! The link check: are the module, and the context, still there? While it lasts sockets wait, and stay as they are.
//!
//! A command without an answer leads to `Resync`, `Resettle` and `Verify`; so does an error that casts doubt on the context.

use embassy_time::Instant;

use super::bring_up::{BUSY_TRIES, SETTLE};
use super::{Link, POLL, Step};
use crate::config::Config;
use crate::engine::exchange::job::{Action, Escape, Job};
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::error::LinkError;
use crate::util::time::after;

/// After so many errors of sockets in a row that say that the context is down, it is deactivated even if AT+QIACT? lists it. After so
/// many opens in a row that failed for any reason, AT+CGACT? shows whether it has its bearer.
const MAX_DOUBTS: u8 = 3;
/// After this many unanswered AT in a row a module that was up counts as silent.
const RESYNC_TRIES: u8 = 4;

impl Link<'_> {
    // ---- why -----------------------------------------------------------------------------------------------------

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

    /// An error says that the context is down (561, 570).
    pub(crate) fn doubt_context(&mut self) {
        self.doubts = self.doubts.saturating_add(1);
        self.resync();
    }

    /// A socket was opened: the context is up.
    pub(crate) const fn trust_context(&mut self) {
        self.doubts = 0;
        self.failed_opens = 0;
    }

    /// A socket has ended that was never opened. The bearer may have moved to another context (quirk 17).
    pub(crate) fn on_open_failed(&mut self) {
        self.failed_opens = self.failed_opens.saturating_add(1);
        if self.failed_opens >= MAX_DOUBTS && self.is_up() {
            self.failed_opens = 0;
            self.go(Step::Bearer);
        }
    }

    /// A command that makes the UART a data line was not answered, or data mode did not end.
    pub(crate) fn suspect_line(&mut self) {
        self.may_be_in_data_mode = true;
        self.resync();
    }

    // ---- how -----------------------------------------------------------------------------------------------------

    /// Finds out whether the module still takes commands. It may be at a prompt.
    pub(super) fn reprobe(&mut self) -> Action {
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

    /// A command of the check was answered, or was not.
    pub(super) fn check_done(
        &mut self,
        job: Job,
        outcome: &Outcome,
        config: &Config<'_>,
        now: Instant,
    ) {
        let is_silent = outcome.is_no_answer();
        match (self.step, job) {
            (Step::Resync, Job::Attention) if is_silent => {
                // It may be at a prompt, or in the middle of a boot.
                self.tries = self.tries.saturating_add(1);
                self.pause(now, SETTLE);
                if self.tries > RESYNC_TRIES && now >= self.silent_until {
                    self.on_lost(LinkError::NoAnswer);
                }
            }
            (Step::Resync, Job::Attention) => {
                // The answer to the command that had none in time can come yet.
                self.may_be_behind = self.silent_until > Instant::MIN
                    || self.tries > 0
                    || matches!(*outcome, Outcome::Refused(_));
                self.go(Step::Resettle);
                self.pause(now, SETTLE);
            }
            (Step::Resettle | Step::Verify, _) if is_silent && now < self.silent_until => {
                self.go(Step::Resync);
            }
            (Step::Resettle | Step::Verify, _) if is_silent => self.on_lost(LinkError::NoAnswer),
            // The command that was not answered is still being carried out.
            (Step::Resettle, Job::Attention)
                if matches!(*outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(now, POLL);
            }
            (Step::Resettle, Job::Attention) => self.go(Step::Verify),
            (Step::Verify, Job::ListContexts) => match *outcome {
                // The module does not know that the network has dropped it.
                Outcome::Done(Answer::Context { active: true }) if self.doubts >= MAX_DOUBTS => {
                    self.is_configured = false;
                    self.on_lost(LinkError::ContextLost);
                }
                Outcome::Done(Answer::Context { active: true }) => self.go(Step::Up),
                // This may be the answer to a command that had none in time: ask again.
                Outcome::Done(_) | Outcome::Refused(_)
                    if core::mem::take(&mut self.may_be_behind) =>
                {
                    self.pause(now, SETTLE);
                }
                _ => self.on_lost(LinkError::ContextLost),
            },
            (Step::Bearer, Job::ListBearers) => match *outcome {
                Outcome::Done(Answer::Context { active: false }) => {
                    self.is_configured = false;
                    self.on_lost(LinkError::ContextLost);
                }
                _ => {
                    self.go(Step::Up);
                    if is_silent {
                        self.resync_until(after(now, config.silence_time));
                    }
                }
            },
            // The command was that of an earlier step.
            _ => {}
        }
    }
}
