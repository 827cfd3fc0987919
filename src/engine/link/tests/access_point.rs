//! The access point changes at run time.

use core::task::Poll;
use std::string::String;
use std::vec::Vec;

use super::{Config, Rig, state, until};
use crate::at::Authentication;
use crate::config::AccessPoint;
use crate::engine::{Action, Job, LinkMode, LinkState, Phase};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);
const NEW: &str = "AT+QICSGP=1,1,\"other\",\"me\",\"secret\",1\r";

fn other() -> AccessPoint<'static> {
    let access_point = AccessPoint::new("other").unwrap();
    access_point
        .credentials("me", "secret", Authentication::Pap)
        .unwrap()
}

fn change(rig: &Rig) {
    rig.engine(|engine| engine.set_access_point(other()));
}

/// Carries on until nothing is due any more. Returns the commands that configure, activate and deactivate.
#[track_caller]
fn carry_on(rig: &mut Rig) -> Vec<String> {
    let mut commands = Vec::new();
    for _ in 0..500 {
        match rig.next() {
            Action::Wait(until) if until == NEVER => return commands,
            Action::Run(job) => {
                rig.begin(job);
                if let Job::Configure | Job::Activate | Job::Deactivate = job {
                    commands.push(String::from_utf8_lossy(rig.command()).into());
                }
                let lines = rig.reply(job);
                rig.answer(lines);
            }
            _ => rig.step_up(),
        }
    }
    panic!("no end: {commands:?}");
}

#[test]
fn link_goes_down_in_good_order_and_comes_back() {
    let mut rig = Rig::up::<3, 64, 64>();
    let key = rig.open();
    assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
    let waiting = rig.claim();
    let since = rig.engine(|engine| engine.link.attempt());
    change(&rig);
    assert_eq!(state(&rig), LinkState::Down(LinkError::TurnedOff));
    // Neither an open nor a lookup begins; both wait.
    let later = rig.claim();
    assert_eq!(rig.ask("example.com"), Poll::Ready(Ok(())));
    rig.accept(key, 7, "SEND OK");
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    rig.run(Job::Deactivate, &["OK"]);
    rig.active = false;
    rig.expect(Job::Configure);
    assert_eq!(rig.command(), NEW.as_bytes());
    rig.answer(&["OK"]);
    assert_eq!(rig.next(), Action::Run(Job::Activate));
    let up = rig.engine(|engine| engine.link.poll_up(since));
    assert_eq!(up, Poll::Pending);
    rig.bring_up();
    let up = rig.engine(|engine| engine.link.poll_up(since));
    assert_eq!(up, Poll::Ready(Ok(())));
    for key in [waiting, later] {
        assert_eq!(rig.phase(key), Phase::Wanted);
        rig.run(Job::Open(key), &["OK"]);
    }
    rig.run(Job::Resolve, &["OK"]);
    assert_eq!(rig.engine(|engine| engine.counters.link_losses.get()), 0);
}

/// The last configuration before the context becomes active is the new one, and it does not stay active with the old one.
#[test]
fn from_each_step_of_the_way_up() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    let mut jobs = Vec::new();
    while state(&rig) != LinkState::Up {
        if let Action::Run(job) = rig.next() {
            jobs.push(job);
        }
        rig.step_up();
    }
    for (place, job) in jobs.into_iter().enumerate() {
        for is_in_flight in [false, true] {
            let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
            rig.start();
            let mut done = 0;
            while done < place || !matches!(rig.next(), Action::Run(_)) {
                done += usize::from(matches!(rig.next(), Action::Run(_)));
                rig.step_up();
            }
            if is_in_flight {
                rig.begin(job);
                change(&rig);
                let lines = rig.reply(job);
                rig.answer(lines);
            } else {
                change(&rig);
            }
            let was_active = rig.active;
            let commands = carry_on(&mut rig);
            let mut expected = Vec::new();
            if was_active {
                expected.push("AT+QIDEACT=1\r");
            }
            expected.extend([NEW, "AT+QIACT=1\r"]);
            assert_eq!(commands, expected, "{job:?}");
            assert_eq!(state(&rig), LinkState::Up);
        }
    }
}

/// One that the network refuses need not be waited for.
#[test]
fn pause_behind_a_refused_access_point_ends_at_once() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    until(&mut rig, Job::Activate);
    rig.run(Job::Activate, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 573,APN not configured", "OK"],
    );
    rig.run(Job::ListContexts, &["OK"]);
    assert!(matches!(
        state(&rig),
        LinkState::Down(LinkError::ApnRefused(_))
    ));
    change(&rig);
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    let commands = carry_on(&mut rig);
    assert_eq!(commands.last().unwrap(), "AT+QIACT=1\r");
    assert!(commands.contains(&NEW.into()));
}

#[test]
fn without_a_link_it_is_for_the_next_time() {
    let set = |rig: &Rig, mode| {
        rig.engine(|engine| engine.set_link(mode));
    };
    let mut rig = Rig::up::<1, 64, 64>();
    set(&rig, LinkMode::Down);
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r"]);
    change(&rig);
    assert_eq!(rig.idle(), None);
    set(&rig, LinkMode::Up);
    assert_eq!(carry_on(&mut rig), [NEW, "AT+QIACT=1\r"]);
    // On the way down, which goes on.
    let mut rig = Rig::up::<1, 64, 64>();
    set(&rig, LinkMode::Down);
    change(&rig);
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r"]);
    // Or does not.
    let mut rig = Rig::up::<1, 64, 64>();
    set(&rig, LinkMode::Down);
    change(&rig);
    set(&rig, LinkMode::Up);
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r", NEW, "AT+QIACT=1\r"]);
    // And a link that goes down for it can go down for good.
    let mut rig = Rig::up::<1, 64, 64>();
    change(&rig);
    set(&rig, LinkMode::Down);
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r"]);
    assert_eq!(state(&rig), LinkState::TurnedOff(LinkMode::Down));
    // Or not.
    let mut rig = Rig::up::<1, 64, 64>();
    change(&rig);
    set(&rig, LinkMode::Down);
    set(&rig, LinkMode::Up);
    assert_ne!(state(&rig), LinkState::Up);
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r", NEW, "AT+QIACT=1\r"]);
}

/// A loss of the link meanwhile changes nothing about it.
#[test]
fn lost_link_comes_back_with_the_new_one() {
    for line in ["+QIURC: \"pdpdeact\",1", "RDY"] {
        let mut rig = Rig::up::<1, 64, 64>();
        let key = rig.open();
        assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
        change(&rig);
        rig.on_line(line);
        rig.active = false;
        let commands = carry_on(&mut rig);
        assert_eq!(commands[commands.len() - 2..], [NEW, "AT+QIACT=1\r"]);
        assert_eq!(state(&rig), LinkState::Up);
    }
}

/// The list of contexts still shows the old one as active: it is not taken for the new one.
#[test]
fn context_that_is_active_with_the_old_one_is_not_used() {
    let mut rig = Rig::up::<1, 64, 64>();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    change(&rig);
    assert_eq!(carry_on(&mut rig), ["AT+QIDEACT=1\r", NEW, "AT+QIACT=1\r"]);
}

#[test]
fn texts_that_no_command_can_contain_are_refused() {
    let long: &'static str = "x".repeat(128).leak();
    for apn in ["a\"b", "a\rb", long] {
        assert!(AccessPoint::new(apn).is_err());
    }
    let none = Authentication::None;
    for (user, password) in [("\"", ""), ("", "\""), (long, ""), ("", long)] {
        let access_point = AccessPoint::new("internet").unwrap();
        assert!(access_point.credentials(user, password, none).is_err());
    }
    let shown = std::format!("{:?}", other());
    assert!(shown.contains("other") && !shown.contains("secret") && !shown.contains("me\""));
}

#[test]
fn before_the_runner_it_replaces_that_of_the_configuration() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    change(&rig);
    rig.start();
    assert_eq!(carry_on(&mut rig), [NEW, "AT+QIACT=1\r"]);
}

/// Such a context cannot be configured at all (quirk 118).
#[test]
fn context_that_refuses_it_is_used_as_it_is() {
    let mut rig = Rig::up::<1, 64, 64>();
    change(&rig);
    let mut refusals = 0;
    while state(&rig) != LinkState::Up {
        match rig.next() {
            Action::Run(job @ (Job::Deactivate | Job::Configure)) => {
                rig.begin(job);
                rig.answer(&["+CME ERROR: 3"]);
                refusals += 1;
            }
            _ => rig.step_up(),
        }
    }
    assert_eq!(rig.idle(), None);
    assert!(refusals > 5);
}
