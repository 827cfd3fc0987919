//! Finding out whether the module answers: what else it may be doing, and the ways out.

use embassy_time::Instant;

#[cfg(feature = "link-control")]
use super::LinkMode;
use super::{Link, Step};
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Action, Escape, Job};
use crate::error::LinkError;
use crate::util::time::after;

/// Number of tries after which each way out was tried once.
const ALL_WAYS_OUT: u8 = 11;

impl Link<'_> {
    /// Finds out whether the module takes commands: a plain AT first, then the ways out of a prompt, of data mode, of a payload
    /// (quirk 10), of numeric or suppressed result codes, and of a multiplexer (quirk 132).
    pub(super) fn probe(&mut self, since: Instant, env: &Environment<'_>) -> Action {
        self.step_began_at = since;
        let tries = self.tries;
        if env.now >= after(since, env.config.boot_time) && tries >= ALL_WAYS_OUT {
            #[cfg(feature = "link-control")]
            if self.wish() == LinkMode::Off {
                self.finish_turning_off_silent();
                return Action::Wait(env.now);
            }
            self.fail(LinkError::NoAnswer, env);
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
            8 => Action::Run(Job::RestoreResultCodes),
            9 => Action::Escape(Escape::Multiplexer),
            _ => Action::Run(Job::Attention),
        }
    }

    /// Whether a `RDY` may be data of a socket that an earlier program left open in direct push mode: it comes again and again,
    /// and these sockets are not closed yet. If each one restarted the bring-up, they would never be closed.
    pub(crate) fn restart_may_be_data(&self) -> bool {
        let is_early = match self.step {
            Step::Probe | Step::Settle => self.resume.is_none(),
            Step::CloseOrphans => true,
            Step::Run(job) => matches!(
                job,
                Job::EchoOff
                    | Job::NumericErrors
                    | Job::DataEchoOff
                    | Job::EscapeWithDtr
                    | Job::SetUrcPort
                    | Job::Functionality
                    | Job::SetFunctionality
                    | Job::ListSockets
            ),
            _ => false,
        };
        is_early && self.restarts >= 2
    }
}
