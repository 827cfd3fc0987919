//! A module that is switched off.

use std::vec::Vec;

use embassy_time::Duration;

use super::super::{state, until};
use super::{DAY, carry_on, set};
use crate::config::Config;
use crate::engine::rig::WITH_RESET;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, LinkMode, LinkState};
use crate::error::LinkError;
use crate::util::time::NEVER;

const OFF: LinkState = LinkState::TurnedOff(LinkMode::Off);

/// The module was switched off from a link that was up.
pub(super) fn off() -> Rig {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    rig.bring_up();
    set(&rig, LinkMode::Off);
    rig.run(Job::Deactivate, &["OK"]);
    rig.expect(Job::PowerDown);
    assert_eq!(rig.command(), b"AT+QPOWD=1\r");
    rig.answer(&["OK"]);
    rig.active = false;
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Off));
    rig.on_line("POWERED DOWN");
    assert_eq!(state(&rig), OFF);
    rig
}

#[test]
fn module_that_is_off_stays_off() {
    let mut rig = off();
    assert_eq!(rig.idle(), None);
    rig.pass(DAY);
    assert_eq!(rig.idle(), None);
}

#[test]
fn hook_switches_the_module_on() {
    for mode in [LinkMode::Up, LinkMode::Down, LinkMode::Minimum] {
        let mut rig = off();
        rig.pass(DAY);
        set(&rig, mode);
        assert_eq!(rig.next(), Action::Reset);
        rig.engine(|engine| engine.finish_action(Action::Reset, true));
        let way = carry_on(&mut rig);
        let wanted = match mode {
            LinkMode::Up => LinkState::Up,
            mode => LinkState::TurnedOff(mode),
        };
        assert_eq!(state(&rig), wanted, "{way:?}");
    }
}

/// Without a hook somebody else has to.
#[test]
fn module_is_looked_for_without_a_hook() {
    let mut rig = off();
    rig.engine(|engine| engine.stop(false));
    rig.start();
    rig.mute_for(40);
    assert_eq!(state(&rig), OFF);
    set(&rig, LinkMode::Up);
    rig.mute_for(40);
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    rig.on_line("RDY");
    rig.bring_up();
}

#[test]
fn module_that_starts_by_itself_is_left_alone() {
    let mut rig = off();
    rig.on_line("RDY");
    rig.on_line("+CPIN: READY");
    assert_eq!(rig.idle(), None);
    assert_eq!(state(&rig), OFF);
    // It is on already.
    set(&rig, LinkMode::Up);
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    rig.bring_up();
    // Asked for again it goes off again.
    let mut rig = off();
    rig.on_line("RDY");
    set(&rig, LinkMode::Off);
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Off));
    until(&mut rig, Job::PowerDown);
    rig.run(Job::PowerDown, &["OK"]);
    rig.on_line("POWERED DOWN");
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
}

#[test]
fn line_that_says_powered_down_can_be_lost() {
    // With the answer to the command, or behind it.
    for is_answered in [false, true] {
        let mut rig = up();
        set(&rig, LinkMode::Off);
        rig.run(Job::Deactivate, &["OK"]);
        rig.expect(Job::PowerDown);
        if is_answered {
            rig.answer(&["OK"]);
            let until = rig.idle().expect("an end");
            assert_eq!(until - rig.now, Duration::from_secs(60));
            rig.wait(until);
            rig.next();
        } else {
            rig.pass(60_000);
            rig.silence();
            rig.mute_for(40);
        }
        assert_eq!(state(&rig), OFF);
        assert_eq!(rig.idle(), None);
    }
}

/// Some modules say it in place of the answer.
#[test]
fn powered_down_ends_the_command() {
    let mut rig = up();
    set(&rig, LinkMode::Off);
    rig.run(Job::Deactivate, &["OK"]);
    rig.run(Job::PowerDown, &["NORMAL POWER DOWN"]);
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
}

/// The command cannot be taken back: the module goes off, and is switched on.
#[test]
fn wish_that_comes_back_while_the_module_switches_off() {
    for is_answered in [false, true] {
        let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
        rig.start_wired(WITH_RESET);
        rig.bring_up();
        set(&rig, LinkMode::Off);
        rig.run(Job::Deactivate, &["OK"]);
        rig.active = false;
        rig.expect(Job::PowerDown);
        if is_answered {
            rig.answer(&["OK"]);
            set(&rig, LinkMode::Up);
        } else {
            set(&rig, LinkMode::Up);
            rig.answer(&["OK"]);
        }
        assert_eq!(state(&rig), LinkState::Starting);
        let until = rig.idle().expect("an end");
        assert_eq!(until - rig.now, Duration::from_secs(60));
        rig.on_line("POWERED DOWN");
        assert_eq!(state(&rig), LinkState::Starting);
        assert_eq!(rig.next(), Action::Reset);
        rig.engine(|engine| engine.finish_action(Action::Reset, true));
        rig.bring_up();
    }
}

/// A module that does not answer is off, or as good as that; it is not restarted.
#[test]
fn silent_module_counts_as_off() {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    set(&rig, LinkMode::Off);
    rig.mute_for(40);
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
    // If it is asked for again it is looked for again.
    set(&rig, LinkMode::Off);
    until(&mut rig, Job::PowerDown);
    // Before the hook has been called.
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    while rig.next() != Action::Reset {
        rig.step_mute(NEVER);
    }
    set(&rig, LinkMode::Off);
    for _ in 0..100 {
        let next = rig.next();
        assert_ne!(next, Action::Reset, "a module that is to be off");
        rig.step_mute(NEVER);
    }
    assert_eq!(state(&rig), OFF);
}

/// The pace of restarts holds for a module that is switched off and on in between.
#[test]
fn switching_off_and_on_does_not_outrun_the_pace() {
    let config = Config::new("internet").boot_time(Duration::from_secs(1));
    let mut rig = Rig::new::<1, 64, 64>(config);
    rig.start_wired(WITH_RESET);
    let mut resets = Vec::new();
    for _ in 0..2000 {
        match rig.next() {
            Action::Reset => {
                resets.push(rig.now);
                rig.engine(|engine| engine.finish_action(Action::Reset, true));
            }
            Action::Wait(until) if until == NEVER => set(&rig, LinkMode::Up),
            _ => rig.step_mute(NEVER),
        }
        if state(&rig) == LinkState::Down(LinkError::NoAnswer) {
            set(&rig, LinkMode::Off);
        }
    }
    assert!(resets.len() > 4, "{resets:?}");
    assert!((resets[4] - resets[3]).as_secs() >= 600, "{resets:?}");
}

#[test]
fn module_that_answers_no_other_command_is_switched_off_all_the_same() {
    for silent in [Job::Deactivate, Job::ListContexts] {
        let mut rig = up();
        set(&rig, LinkMode::Off);
        if silent == Job::ListContexts {
            rig.on_line("+QIURC: \"pdpdeact\",1");
        }
        until(&mut rig, silent);
        rig.begin(silent);
        rig.pass(60_000);
        rig.silence();
        until(&mut rig, Job::PowerDown);
        rig.run(Job::PowerDown, &["OK"]);
        rig.on_line("POWERED DOWN");
        assert_eq!(state(&rig), OFF);
    }
}
