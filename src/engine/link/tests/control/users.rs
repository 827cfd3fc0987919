//! Users of a link that is turned off: their commands, tasks that wait for it, and those that follow its changes.

use core::task::Poll;

use embassy_time::Duration;

use super::super::state;
use super::off::off;
use super::{DAY, DOWN, carry_on, set};
use crate::config::Config;
use crate::engine::rig::WITH_RESET;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Action, Job, LinkMode, LinkState, Queue};
use crate::error::LinkError;
use crate::util::time::NEVER;

/// A user sends a command.
fn submit(rig: &Rig) {
    rig.engine(|engine| {
        let command = &mut engine.user_command;
        let owner = 1;
        assert_eq!(command.poll_begin(owner), Poll::Ready(()));
        assert!(command.write(owner, b"AT+CSQ\r"));
        command.submit(crate::engine::Options {
            limit: Duration::from_secs(1),
            is_mute: false,
            asks_reason: false,
        });
    });
}

#[test]
fn user_command_runs_at_rest() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    submit(&rig);
    rig.run(Job::User, &["+CSQ: 20,99", "OK"]);
    assert_eq!(rig.idle(), None);
    assert_eq!(state(&rig), DOWN);
}

/// Nobody else would notice that the module is gone.
#[test]
fn user_command_without_an_answer_at_rest_looks_for_the_module() {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    rig.bring_up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    rig.pass(DAY);
    submit(&rig);
    rig.expect(Job::User);
    rig.pass(1000);
    rig.silence();
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    while rig.next() != Action::Reset {
        rig.step_mute(NEVER);
    }
    rig.engine(|engine| engine.finish_action(Action::Reset, true));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn users_that_wait_learn_what_the_link_has_come_to() {
    let mut rig = up();
    let attempt = |rig: &Rig| rig.engine(|engine| engine.link.attempt());
    let since = attempt(&rig);
    let wish = |rig: &Rig, since| rig.engine(|engine| engine.link.poll_wish(since));
    let up = |rig: &Rig, since| rig.engine(|engine| engine.link.poll_up(since));
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Up)));
    set(&rig, LinkMode::Down);
    let alarm = Alarm::of(&rig, Queue::Link, move |engine| {
        engine.link.poll_wish(since)
    });
    assert_eq!(up(&rig, since), Poll::Ready(Err(LinkError::TurnedOff)));
    rig.run(Job::Deactivate, &["OK"]);
    assert!(alarm.rang());
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Down)));
    let since = attempt(&rig);
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Down)));
    set(&rig, LinkMode::Up);
    assert_eq!(wish(&rig, since), Poll::Pending);
    assert_eq!(up(&rig, since), Poll::Pending);
    // A connect waits, too.
    let key = rig.claim();
    assert_eq!(rig.connected(key), Poll::Pending);
    rig.bring_up();
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Up)));
}

#[test]
fn changes_are_counted() {
    let mut rig = up();
    rig.next();
    let changes = |rig: &Rig| rig.engine(|engine| engine.link.changes());
    let seen = changes(&rig);
    assert_eq!(
        rig.engine(|engine| engine.poll_link_change(seen)),
        Poll::Pending
    );
    let change = Alarm::of(&rig, Queue::Link, move |engine| {
        engine.poll_link_change(seen)
    });
    // A change by the network.
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.active = false;
    rig.next();
    assert!(change.rang());
    let lost = LinkState::Down(LinkError::ContextLost);
    let told = rig.engine(|engine| engine.poll_link_change(seen));
    assert_eq!(told, Poll::Ready((seen + 1, lost)));
    rig.pass(1000);
    rig.bring_up();
    rig.next();
    // Whoever looks later sees the newest.
    let told = rig.engine(|engine| engine.poll_link_change(seen));
    assert_eq!(told, Poll::Ready((seen + 2, LinkState::Up)));
    // A change by the application.
    set(&rig, LinkMode::Down);
    let off = LinkState::TurningOff(LinkMode::Down);
    let told = rig.engine(|engine| engine.poll_link_change(seen + 2));
    assert_eq!(told, Poll::Ready((seen + 3, off)));
    // The same wish once more is no change.
    set(&rig, LinkMode::Down);
    assert_eq!(changes(&rig), seen + 3);
    carry_on(&mut rig);
    set(&rig, LinkMode::Down);
    assert_eq!(carry_on(&mut rig), []);
    assert_eq!(changes(&rig), seen + 4);
}

// ---- less than down ----------------------------------------------------------------------------------------------------

#[test]
fn user_command_fails_at_once_while_the_module_is_off() {
    let mut rig = off();
    submit(&rig);
    rig.idle();
    let result = rig.engine(|engine| engine.user_command.poll_result());
    assert_eq!(result, Poll::Ready(crate::engine::AtResult::Aborted));
}
