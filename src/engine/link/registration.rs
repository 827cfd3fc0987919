//! Registration with a network.

use embassy_time::{Duration, Instant};

use super::{Link, POLL, Step};
use crate::at::RegistrationStatus;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Domain, Job};
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::util::time::{NEVER, after, get_or_set};

/// After this time without registration one question at a time is asked, in case a module has no URCs about it, or they get lost.
const SEARCH_TIME: Duration = Duration::from_secs(60);
/// The longest pause between two rounds of questions, and then between two questions.
const SEARCH_POLL: Duration = Duration::from_secs(15);

impl Link<'_> {
    pub(super) fn on_registration(
        &mut self,
        domain: Domain,
        outcome: &Outcome,
        env: &Environment<'_>,
    ) {
        let first_answer_at = get_or_set(&mut self.registration.first_answer_at, env.now);
        if domain == Domain::Lte {
            self.registration.is_denied = false;
            self.registration.status = RegistrationStatus::NotRegistered;
        }
        self.registration.is_answered |= !outcome.is_no_answer();
        match *outcome {
            Outcome::Done(Answer::Registration(status)) if status.is_registered() => {
                self.registration.is_done = true;
                self.searching_since = NEVER;
                // A connection may have come up late since the first list.
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
        let searching_since = get_or_set(&mut self.searching_since, env.now);
        let until = after(first_answer_at, env.config.registration_time);
        let pause = if env.now >= after(searching_since, SEARCH_TIME) {
            SEARCH_POLL
        } else if domain == Domain::Circuit {
            // The pause is as long as the search has taken so far.
            env.now
                .saturating_duration_since(searching_since)
                .clamp(POLL, SEARCH_POLL)
        } else {
            Duration::MIN
        };
        // At the end of the attempt each domain is asked once more.
        self.not_before = after(env.now, pause).min(until.max(env.now));
        let next = match domain {
            Domain::Lte => Domain::Packet,
            Domain::Packet => Domain::Circuit,
            Domain::Circuit => match self.registration.round_error(env.now >= until) {
                Some(error) => return self.fail(error, env),
                None => Domain::Lte,
            },
        };
        self.step = Step::Run(Job::Registration(next));
    }

    /// A URC tells of a change of the registration. Lost registration is a reason to look at the context (quirk 126).
    pub(crate) fn on_registration_urc(&mut self, domain: Domain, status: RegistrationStatus) {
        if !status.is_registered() {
            self.start_check();
        }
        // A denial takes a whole round.
        let domain = match status {
            RegistrationStatus::Denied => Domain::Lte,
            _ if status.is_registered() => domain,
            _ => return,
        };
        if let Step::Run(Job::Registration(_)) = self.step {
            self.step = Step::Run(Job::Registration(domain));
            self.not_before = Instant::MIN;
        }
    }
}
