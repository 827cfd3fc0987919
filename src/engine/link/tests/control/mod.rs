//! The application turns the link off and on: what is sent, in which order, and what users learn.

mod off;
mod radio;
mod sockets;
mod users;
mod wish;

use std::vec::Vec;

use crate::config::Config;
use crate::engine::tests::Rig;
use crate::engine::{Action, Job, LinkMode, LinkState};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);
/// In milliseconds.
const DAY: u64 = 24 * 3600 * 1000;
const DOWN: LinkState = LinkState::TurnedOff(LinkMode::Down);

fn set(rig: &Rig, mode: LinkMode) {
    rig.engine(|engine| engine.set_link(mode));
}

/// Carries on, with a module that has no faults, until nothing is due any more. Returns the transactions.
#[track_caller]
fn carry_on(rig: &mut Rig) -> Vec<Job> {
    let mut jobs = Vec::new();
    for _ in 0..500 {
        match rig.next() {
            Action::Wait(until) if until == NEVER => return jobs,
            Action::Run(job) => jobs.push(job),
            _ => {}
        }
        rig.step_up();
    }
    panic!("no end: {jobs:?}");
}

/// How often these are among the transactions.
fn count(jobs: &[Job], job: Job) -> usize {
    jobs.iter().filter(|other| **other == job).count()
}

/// The transactions of the way up.
fn way_up() -> Vec<Job> {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    carry_on(&mut rig)
}
