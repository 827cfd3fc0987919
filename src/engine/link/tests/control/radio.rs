//! The modes in which the radio is off.

use core::task::Poll;

use super::super::{state, until};
use super::{DAY, carry_on, count, set};
use crate::engine::tests::up;
use crate::engine::{Action, Job, LinkMode, LinkState};

#[test]
fn radio_goes_off_behind_the_context_and_comes_back() {
    for (mode, command) in [
        (LinkMode::Minimum, "AT+CFUN=0\r"),
        (LinkMode::Airplane, "AT+CFUN=4\r"),
    ] {
        let mut rig = up();
        let key = rig.open();
        set(&rig, mode);
        rig.run(Job::Close(key), &["OK"]);
        rig.run(Job::Deactivate, &["OK"]);
        assert_eq!(state(&rig), LinkState::TurningOff(mode));
        rig.expect(Job::SetFunctionality);
        assert_eq!(rig.command(), command.as_bytes());
        rig.answer(&["OK"]);
        assert_eq!(state(&rig), LinkState::TurnedOff(mode));
        assert_eq!(rig.idle(), None);
        rig.active = false;
        set(&rig, LinkMode::Up);
        until(&mut rig, Job::Functionality);
        rig.run(Job::Functionality, &["+CFUN: 0", "OK"]);
        rig.expect(Job::SetFunctionality);
        assert_eq!(rig.command(), b"AT+CFUN=1\r");
        rig.answer(&["OK"]);
        rig.bring_up();
    }
}

/// From each mode to each: the last command says it.
#[test]
fn from_each_mode_to_each() {
    let modes = [LinkMode::Down, LinkMode::Airplane, LinkMode::Minimum];
    for (before, after) in modes.iter().flat_map(|a| modes.map(|b| (*a, b))) {
        let mut rig = up();
        set(&rig, before);
        carry_on(&mut rig);
        rig.pass(DAY);
        set(&rig, after);
        if before == after {
            assert_eq!(rig.idle(), None);
            continue;
        }
        if after == LinkMode::Down {
            until(&mut rig, Job::Functionality);
            rig.run(Job::Functionality, &["+CFUN: 4", "OK"]);
        }
        rig.expect(Job::SetFunctionality);
        let last = match after {
            LinkMode::Down => "AT+CFUN=1\r",
            LinkMode::Airplane => "AT+CFUN=4\r",
            _ => "AT+CFUN=0\r",
        };
        assert_eq!(rig.command(), last.as_bytes());
        rig.answer(&["OK"]);
        let way = carry_on(&mut rig);
        assert_eq!(count(&way, Job::SetFunctionality), 0, "{way:?}");
        assert_eq!(state(&rig), LinkState::TurnedOff(after));
    }
}

#[test]
fn restart_brings_the_radio_back_and_it_goes_off_again() {
    let mut rig = up();
    set(&rig, LinkMode::Minimum);
    carry_on(&mut rig);
    rig.active = false;
    rig.on_line("RDY");
    let way = carry_on(&mut rig);
    assert_eq!(way.last(), Some(&Job::SetFunctionality), "{way:?}");
    assert_eq!(count(&way, Job::Functionality), 0, "{way:?}");
    assert_eq!(state(&rig), LinkState::TurnedOff(LinkMode::Minimum));
}

/// What the module refuses is left as it is, and told.
#[test]
fn refused_modes_end_in_down() {
    for (mode, job) in [
        (LinkMode::Minimum, Job::SetFunctionality),
        (LinkMode::Airplane, Job::SetFunctionality),
        (LinkMode::Off, Job::PowerDown),
    ] {
        let mut rig = up();
        let since = rig.engine(|engine| engine.link.attempt());
        set(&rig, mode);
        rig.run(Job::Deactivate, &["OK"]);
        for _ in 0..3 {
            rig.run(job, &["+CME ERROR: 3"]);
            rig.now = rig.idle().unwrap_or(rig.now);
        }
        let ended = rig.engine(|engine| engine.link.poll_wish(since));
        assert_eq!(ended, Poll::Ready(Ok(LinkMode::Down)));
        assert_eq!(rig.idle(), None);
        // It is tried again when it is asked for again.
        set(&rig, mode);
        rig.run(job, &["OK"]);
    }
}

/// The answer belongs to the wish of the time when it was sent.
#[test]
fn wish_that_changes_while_the_radio_goes_off() {
    for wish in [LinkMode::Up, LinkMode::Down, LinkMode::Airplane] {
        let mut rig = up();
        set(&rig, LinkMode::Minimum);
        rig.run(Job::Deactivate, &["OK"]);
        rig.active = false;
        rig.expect(Job::SetFunctionality);
        set(&rig, wish);
        rig.answer(&["OK"]);
        assert_ne!(state(&rig), LinkState::TurnedOff(wish));
        if wish == LinkMode::Airplane {
            until(&mut rig, Job::SetFunctionality);
            rig.expect(Job::SetFunctionality);
            assert_eq!(rig.command(), b"AT+CFUN=4\r");
            rig.answer(&["OK"]);
            assert_eq!(state(&rig), LinkState::TurnedOff(wish));
        } else {
            until(&mut rig, Job::Functionality);
            rig.run(Job::Functionality, &["+CFUN: 0", "OK"]);
            assert_eq!(rig.next(), Action::Run(Job::SetFunctionality));
        }
    }
}

// ---- off ---------------------------------------------------------------------------------------------------------------
