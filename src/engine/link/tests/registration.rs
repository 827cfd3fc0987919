//! The search for a network: how often the module is asked, and what its URCs change.

use std::vec::Vec;

use embassy_time::Duration;

use super::{started, started_until, state, until, wait};
use crate::config::Config;
use crate::engine::tests::Rig;
use crate::engine::{Action, Domain, Job, LinkState};
use crate::error::LinkError;

/// A network that is not there: how many commands are sent in this time.
fn search(rig: &mut Rig, time: Duration) -> usize {
    let until = rig.now + time;
    let mut commands = 0;
    while rig.now < until {
        match rig.next() {
            Action::Run(job @ Job::Registration(_)) => {
                commands += 1;
                rig.run(job, &["+CME ERROR: 3"]);
            }
            Action::Run(_) => {
                commands += 1;
                rig.step_up();
            }
            _ => rig.step_up(),
        }
    }
    commands
}

#[test]
fn search_for_a_network_costs_little_after_the_first_minute() {
    let mut rig = started();
    let first = search(&mut rig, Duration::from_secs(60));
    assert!(first <= 45, "{first}");
    for hour in 0..3 {
        let commands = search(&mut rig, Duration::from_secs(3600));
        assert!(commands <= 360, "{commands} in hour {hour}");
    }
}

#[test]
fn registration_is_asked_for_at_once_when_it_changes() {
    let mut rig = started();
    search(&mut rig, Duration::from_secs(100));
    until(&mut rig, Job::Registration(Domain::Lte));
    rig.run(Job::Registration(Domain::Lte), &["+CEREG: 1,2", "OK"]);
    let pause = wait(&mut rig);
    assert_eq!(pause, Duration::from_secs(15));
    rig.now -= pause;
    rig.on_line("+CEREG: 2");
    assert_eq!(wait(&mut rig), pause);
    rig.now -= pause;
    rig.on_line("+CGREG: 1");
    rig.run(Job::Registration(Domain::Packet), &["+CGREG: 1,1", "OK"]);
    rig.bring_up();
}

/// The module is not registered: when each round of questions begins, in seconds.
fn rounds(rig: &mut Rig, count: usize) -> Vec<u64> {
    let mut rounds = Vec::new();
    let began = rig.now;
    while rounds.len() < count {
        match rig.next() {
            Action::Run(job @ Job::Registration(domain)) => {
                if domain == Domain::Lte {
                    rounds.push((rig.now - began).as_secs());
                }
                rig.run(job, &["ERROR"]);
            }
            _ => rig.step_up(),
        }
    }
    rounds
}

#[test]
fn pauses_of_a_search_grow() {
    let mut rig = started_until(Job::Registration(Domain::Lte));
    assert_eq!(rounds(&mut rig, 8), [0, 1, 2, 4, 8, 16, 31, 46]);
}

#[test]
fn an_attempt_to_register_ends_in_time() {
    for seconds in [0, 1, 10, 100, 180, 1000] {
        let config = Config::new("internet").registration_time(Duration::from_secs(seconds));
        let mut rig = Rig::new::<1, 64, 64>(config);
        rig.start();
        for attempt in 0..4 {
            until(&mut rig, Job::Registration(Domain::Lte));
            let began = rig.now;
            let ended = |rig: &Rig| rig.engine(|engine| engine.link.attempt());
            let before = ended(&rig);
            let mut asked = [false; 3];
            while ended(&rig) == before {
                match rig.next() {
                    Action::Run(job @ Job::Registration(domain)) => {
                        asked[domain as usize] = true;
                        rig.run(job, &["ERROR"]);
                    }
                    _ => rig.step_up(),
                }
            }
            assert_eq!(asked, [true; 3]);
            let took = (rig.now - began).as_secs();
            assert_eq!(took, seconds, "attempt {attempt}");
            assert!(matches!(
                state(&rig),
                LinkState::Down(LinkError::NotRegistered(_))
            ));
        }
    }
}

#[test]
fn changes_are_switched_on_once_in_a_search() {
    let mut rig = started_until(Job::ReportRegistration(Domain::Lte));
    let mut reports = 0;
    for _ in 0..200 {
        match rig.next() {
            Action::Run(job @ Job::Registration(_)) => rig.run(job, &["ERROR"]),
            Action::Run(job) => {
                reports += usize::from(matches!(job, Job::ReportRegistration(_)));
                rig.step_up();
            }
            _ => rig.step_up(),
        }
    }
    assert_eq!(reports, 2);
    // But a module that has restarted is told again.
    rig.on_line("RDY");
    until(&mut rig, Job::ReportRegistration(Domain::Lte));
}

#[test]
fn a_change_during_another_question_is_not_missed() {
    let mut rig = started_until(Job::Registration(Domain::Lte));
    rig.run(Job::Registration(Domain::Lte), &["+CEREG: 1,2", "OK"]);
    rig.expect(Job::Registration(Domain::Packet));
    rig.on_line("+CEREG: 1");
    rig.answer(&["+CGREG: 1,2", "OK"]);
    rig.run(Job::Registration(Domain::Lte), &["+CEREG: 1,1", "OK"]);
    rig.bring_up();
}

#[test]
fn a_denial_is_looked_at_at_once() {
    let mut rig = started_until(Job::Registration(Domain::Lte));
    rounds(&mut rig, 6);
    rig.run(Job::Registration(Domain::Packet), &["ERROR"]);
    rig.run(Job::Registration(Domain::Circuit), &["ERROR"]);
    assert_eq!(wait(&mut rig), Duration::from_secs(15));
    rig.on_line("+CEREG: 3");
    rig.run(Job::Registration(Domain::Lte), &["+CEREG: 1,3", "OK"]);
    rig.run(Job::Registration(Domain::Packet), &["ERROR"]);
    rig.run(Job::Registration(Domain::Circuit), &["ERROR"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::RegistrationDenied));
}
