//! The link check: whether the module and the context are still there. While it lasts sockets wait, and stay as they are.
//!
//! A command without an answer leads to `CheckAnswer`, `CheckSettle` and `CheckContext`; so does an error that says that the
//! context is down, and the end of a connection that no URC has announced.

use embassy_time::Instant;

use super::bring_up::{BUSY_TRIES, SETTLE};
use super::{Link, POLL, Step};
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Action, Escape, Job};
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::error::LinkError;
use crate::util::time::after;

/// Number of errors in a row that say that the context is down, after which it is deactivated even if AT+QIACT? lists it.
const MAX_CONTEXT_ERRORS: u8 = 3;
/// Number of opens in a row that failed for any reason, after which AT+CGACT? shows whether the context has its bearer.
const MAX_FAILED_OPENS: u8 = 3;
/// After this many unanswered AT in a row a module that was up counts as silent.
const CHECK_TRIES: u8 = 4;

impl Link<'_> {
    // ---- why -----------------------------------------------------------------------------------------------------

    /// The context may be down: check the module.
    pub(crate) fn start_check(&mut self) {
        self.start_check_until(Instant::MIN);
    }

    /// A command was not answered: check the module, which may stay silent until then.
    #[inline(never)] // Many callers.
    pub(crate) fn start_check_until(&mut self, silent_until: Instant) {
        if self.is_up() {
            self.silent_until = silent_until;
            self.go(Step::CheckAnswer);
        }
    }

    /// An error says that the context is down (561, 570).
    pub(crate) fn count_context_error(&mut self) {
        self.context_errors = self.context_errors.saturating_add(1);
        self.start_check();
    }

    /// A socket was opened: the context is up.
    pub(crate) const fn clear_context_errors(&mut self) {
        self.context_errors = 0;
        self.failed_opens = 0;
    }

    /// A socket has ended that was never opened. The bearer may have moved to another context (quirk 17).
    pub(crate) fn on_open_failed(&mut self) {
        self.failed_opens = self.failed_opens.saturating_add(1);
        if self.failed_opens >= MAX_FAILED_OPENS && self.is_up() {
            self.failed_opens = 0;
            self.go(Step::CheckBearer);
        }
    }

    /// A command that makes the UART a data line was not answered, or data mode did not end.
    #[cfg(feature = "push")]
    pub(crate) fn expect_data_mode(&mut self) {
        self.may_be_in_data_mode = true;
        self.start_check();
    }

    // ---- how -----------------------------------------------------------------------------------------------------

    /// Finds out whether the module still takes commands. It may be at a prompt.
    pub(super) fn next_check_probe(&mut self) -> Action {
        #[cfg(feature = "push")]
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
    pub(super) fn check_done(&mut self, job: Job, outcome: &Outcome, env: &Environment<'_>) {
        let is_silent = outcome.is_no_answer();
        match (&self.step, job) {
            (Step::CheckAnswer, Job::Attention) if is_silent => {
                // It may be at a prompt, or in the middle of a boot.
                self.tries = self.tries.saturating_add(1);
                self.pause(env, SETTLE);
                if self.tries > CHECK_TRIES && env.now >= self.silent_until {
                    self.on_lost(LinkError::NoAnswer);
                }
            }
            (Step::CheckAnswer, Job::Attention) => {
                // The answer to the command that had none in time can come yet.
                self.may_answer_previous = self.silent_until > Instant::MIN
                    || self.tries > 0
                    || matches!(*outcome, Outcome::Refused(_));
                self.go(Step::CheckSettle);
                self.pause(env, SETTLE);
            }
            (Step::CheckSettle | Step::CheckContext, _)
                if is_silent && env.now < self.silent_until =>
            {
                self.go(Step::CheckAnswer);
            }
            (Step::CheckSettle | Step::CheckContext, _) if is_silent => {
                self.on_lost(LinkError::NoAnswer)
            }
            // The command that was not answered is still being carried out.
            (Step::CheckSettle, Job::Attention)
                if matches!(*outcome, Outcome::Refused(_)) && self.tries < BUSY_TRIES =>
            {
                self.tries += 1;
                self.pause(env, POLL);
            }
            (Step::CheckSettle, Job::Attention) => self.go(Step::CheckContext),
            (Step::CheckContext, Job::ListContexts) => match *outcome {
                // AT+QIACT? still lists the context, but errors say that the network has dropped it.
                Outcome::Done(Answer::Context { active: true })
                    if self.context_errors >= MAX_CONTEXT_ERRORS =>
                {
                    self.is_configured = false;
                    self.on_lost(LinkError::ContextLost);
                }
                Outcome::Done(Answer::Context { active: true }) => self.go(Step::Up),
                // This may be the answer to a command that had none in time: ask again.
                Outcome::Done(_) | Outcome::Refused(_)
                    if core::mem::take(&mut self.may_answer_previous) =>
                {
                    self.pause(env, SETTLE);
                }
                _ => self.on_lost(LinkError::ContextLost),
            },
            (Step::CheckBearer, Job::ListBearers) => match *outcome {
                Outcome::Done(Answer::Context { active: false }) => {
                    self.is_configured = false;
                    self.on_lost(LinkError::ContextLost);
                }
                _ => {
                    self.go(Step::Up);
                    if is_silent {
                        self.start_check_until(after(env.now, env.config.silence_time));
                    }
                }
            },
            // The step has changed since this command was sent.
            _ => {}
        }
    }
}
