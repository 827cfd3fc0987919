//! The SIM card, and its PIN.

use embassy_time::Duration;

use super::{Link, POLL};
use crate::at::SimState;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Domain, Job};
use crate::engine::exchange::outcome::{Answer, Outcome, Reason};
use crate::error::{BringUpCommand, LinkError};
use crate::util::time::{NEVER, after};

/// How long the SIM card may take to show up after the first answer of the module.
const SIM_TIME: Duration = Duration::from_secs(10);
impl Link<'_> {
    pub(super) fn on_sim(&mut self, outcome: &Outcome, env: &Environment<'_>) {
        let is_early = env.now < after(self.step_began_at.min(env.now), SIM_TIME);
        let error = match *outcome {
            Outcome::NoAnswer => {
                return self.on_required_unanswered(BringUpCommand::SimState, env);
            }
            // No connection needs the second PIN.
            Outcome::Done(Answer::Sim(SimState::Ready | SimState::Pin2 | SimState::Puk2)) => {
                self.pin.confirm();
                return self.run(match self.searching_since {
                    NEVER => Job::ReportRegistration(Domain::Lte),
                    // Each change is a URC already.
                    _ => Job::Registration(Domain::Lte),
                });
            }
            Outcome::Done(Answer::Sim(SimState::Pin)) => {
                if env.config.pin.is_some() && self.pin.may_be_given() {
                    self.pin.give();
                    return self.run(Job::EnterPin);
                }
                let error = match self.unanswered {
                    Some(command @ BringUpCommand::EnterPin) => {
                        LinkError::CommandUnanswered(command)
                    }
                    _ => LinkError::SimLocked,
                };
                if !self.pin.is_given {
                    return self.fail(error, env);
                }
                error
            }
            Outcome::Done(Answer::Sim(SimState::Puk | SimState::DeviceLocked)) => {
                return self.fail(LinkError::SimLocked, env);
            }
            // SIM not inserted (3GPP TS 27.007).
            Outcome::Refused(Reason::Equipment(10)) => LinkError::SimMissing(10),
            Outcome::Refused(reason) => LinkError::SimFailure(reason.equipment()),
            _ => LinkError::SimFailure(0),
        };
        // Right after a boot a card can be reported missing or busy (quirk 5).
        if is_early {
            self.pause(env, POLL);
        } else {
            self.fail(error, env);
        }
    }

    pub(super) fn on_pin(&mut self, outcome: &Outcome, env: &Environment<'_>) {
        match *outcome {
            Outcome::Done(_) => self.pin.confirm(),
            // AT+CPIN? shows what the card wants.
            Outcome::NoAnswer => self.unanswered = Some(BringUpCommand::EnterPin),
            // The card is busy.
            Outcome::Refused(Reason::Equipment(14)) => {}
            _ => {
                self.pin.is_refused = true;
                return self.fail(LinkError::SimLocked, env);
            }
        }
        self.run(Job::SimState);
    }
}
