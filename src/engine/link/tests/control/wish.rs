//! A wish that changes at any time, on the way up, on the way down and at rest.

use core::task::Poll;
use std::vec::Vec;

use super::super::{state, until};
use super::{DOWN, TURNED_OFF, carry_on, count, set, way_up};
use crate::config::Config;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, LinkMode, LinkState};
use crate::error::{Error, LinkError};

/// Whatever the runner is about to do on its way up: no link comes of it, and the context is deactivated if it is active.
#[test]
fn from_each_step_of_the_way_up() {
    let jobs = way_up();
    for (count_before, job) in jobs.iter().copied().enumerate() {
        for is_in_flight in [false, true] {
            let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
            rig.start();
            let mut done = 0;
            while done < count_before || !matches!(rig.next(), Action::Run(_)) {
                done += usize::from(matches!(rig.next(), Action::Run(_)));
                rig.step_up();
            }
            assert_eq!(rig.next(), Action::Run(job));
            if is_in_flight {
                rig.begin(job);
                set(&rig, LinkMode::Down);
                let lines = rig.reply(job);
                rig.answer(lines);
            } else {
                set(&rig, LinkMode::Down);
            }
            assert_ne!(state(&rig), LinkState::Starting);
            let was_active = rig.active;
            let way = carry_on(&mut rig);
            assert_eq!(state(&rig), DOWN, "{job:?}: {way:?}");
            assert!(!rig.active, "{job:?}: {way:?}");
            assert_eq!(
                count(&way, Job::Deactivate),
                usize::from(was_active),
                "{job:?}: {way:?}"
            );
            let is_of_way_up = |job: &Job| {
                matches!(
                    job,
                    Job::SimState | Job::Registration(_) | Job::Configure | Job::Activate
                )
            };
            assert!(!way.iter().any(is_of_way_up), "{job:?}: {way:?}");
            // And up again.
            set(&rig, LinkMode::Up);
            assert_eq!(state(&rig), LinkState::Starting);
            rig.bring_up();
        }
    }
}

#[test]
fn each_step_goes_on_if_the_wish_comes_back_in_time() {
    for job in way_up() {
        let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
        rig.start();
        until(&mut rig, job);
        set(&rig, LinkMode::Down);
        set(&rig, LinkMode::Up);
        assert_eq!(state(&rig), LinkState::Starting);
        rig.bring_up();
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn wish_that_comes_back_before_the_deactivation_keeps_the_context() {
    let mut rig = up();
    let key = rig.open();
    set(&rig, LinkMode::Down);
    rig.expect(Job::Close(key));
    set(&rig, LinkMode::Up);
    assert_eq!(state(&rig), LinkState::Up);
    rig.answer(&["OK"]);
    // The socket was told, and stays closed.
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.idle(), None);
    rig.open();
}

#[test]
fn wish_that_comes_back_during_the_deactivation_activates_the_context() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    rig.expect(Job::Deactivate);
    set(&rig, LinkMode::Up);
    assert_eq!(state(&rig), LinkState::Starting);
    rig.active = false;
    rig.answer(&["OK"]);
    // A connect waits.
    let key = rig.claim();
    let way = {
        let mut way = Vec::new();
        while state(&rig) != LinkState::Up {
            way.extend(match rig.next() {
                Action::Run(job) => Some(job),
                _ => None,
            });
            rig.step_up();
        }
        way
    };
    assert_eq!(count(&way, Job::Activate), 1, "{way:?}");
    rig.run(Job::Open(key), &["OK"]);
}

#[test]
fn loss_of_the_link_on_the_way_down_ends_there_too() {
    for line in ["+QIURC: \"pdpdeact\",1", "RDY"] {
        for is_deactivating in [false, true] {
            let mut rig = up();
            let key = rig.open();
            set(&rig, LinkMode::Down);
            if is_deactivating {
                rig.run(Job::Close(key), &["OK"]);
                rig.expect(Job::Deactivate);
            }
            rig.on_line(line);
            rig.active = false;
            if is_deactivating {
                rig.on_line("ERROR");
            }
            let way = carry_on(&mut rig);
            assert_eq!(state(&rig), DOWN, "{line}: {way:?}");
            assert_eq!(count(&way, Job::Activate), 0, "{line}: {way:?}");
            assert!(matches!(rig.read(key), Poll::Ready(Err(Error::Link(_)))));
        }
    }
}

#[test]
fn silent_module_on_the_way_down_is_told_and_tried_again() {
    let mut rig = up();
    let attempt = rig.engine(|engine| engine.link.attempt());
    set(&rig, LinkMode::Down);
    rig.expect(Job::Deactivate);
    rig.pass(40_000);
    rig.silence();
    let ended = rig.engine(|engine| engine.link.poll_wish(attempt));
    assert_eq!(ended, Poll::Ready(Err(LinkError::NoAnswer)));
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

/// A refused AT+QIDEACT means that the context is inactive.
#[test]
fn refused_deactivation_counts() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    rig.run(Job::Deactivate, &["ERROR"]);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn restart_at_rest_brings_no_link() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    rig.on_line("RDY");
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    let way = carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
    // The echo of commands is off again, and so are the other things that a user's command needs.
    assert_eq!(count(&way, Job::EchoOff), 1, "{way:?}");
    assert_eq!(count(&way, Job::SimState), 0, "{way:?}");
    // The same while the runner is not there.
    rig.engine(|engine| engine.stop(false));
    assert_eq!(state(&rig), LinkState::Down(LinkError::NotRunning));
    rig.start();
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn wish_of_the_time_before_the_runner_holds() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    let waiting = rig.claim();
    set(&rig, LinkMode::Down);
    assert_eq!(state(&rig), LinkState::Down(LinkError::NotRunning));
    assert_eq!(rig.connected(waiting), Poll::Ready(Err(TURNED_OFF)));
    // A program before this one has left the context active.
    rig.active = true;
    rig.start();
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn pause_between_two_attempts_ends_at_once() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PUK", "OK"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::SimLocked));
    set(&rig, LinkMode::Down);
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

/// A context that is listed as inactive may become active a second later (quirk 119).
#[test]
fn context_that_is_about_to_become_active_is_deactivated() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    until(&mut rig, Job::Activate);
    rig.run(Job::Activate, &["OK"]);
    rig.run(Job::ListContexts, &["OK"]);
    set(&rig, LinkMode::Down);
    rig.active = false;
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

/// The UART has failed, and the runner has ended: nothing comes of the wish before it is run again.
#[test]
fn after_the_end_of_the_runner_nothing_waits_for_a_wish() {
    let mut rig = up();
    rig.engine(|engine| engine.stop(true));
    set(&rig, LinkMode::Down);
    set(&rig, LinkMode::Up);
    let dead = LinkError::NotRunning;
    assert_eq!(state(&rig), LinkState::Down(dead));
    assert_eq!(rig.try_claim(), Poll::Ready(Err(Error::Link(dead))));
    // It is run again, and the wish holds.
    rig.start();
    carry_on(&mut rig);
    assert_eq!(state(&rig), LinkState::Up);
}
