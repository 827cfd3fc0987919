//! States that a module really is in when the host starts, or comes back.

use embassy_time::Duration;

use super::{Lines, started, started_until, started_with, state, until, wait};
use crate::at::{ConnectId, ErrorCode};
use crate::config::Config;
use crate::engine::tests::Rig;
use crate::engine::{Action, Domain, Job, LineKind, LinkState};
use crate::error::LinkError;

#[test]
fn context_that_the_network_dropped_before_the_start_is_deactivated() {
    let mut rig = started_until(Job::Activate);
    rig.run(Job::Activate, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 570,pdp context broken", "OK"],
    );
    rig.run(Job::Deactivate, &["OK"]);
    rig.run(Job::Configure, &["OK"]);
    assert_eq!(state(&rig), LinkState::Starting);
    rig.bring_up();
}

#[test]
fn context_that_stays_dropped_is_an_error() {
    let mut rig = started();
    let mut deactivations = 0;
    for _ in 0..60 {
        if state(&rig) != LinkState::Starting {
            break;
        }
        match rig.next() {
            Action::Run(Job::Activate) => rig.run(Job::Activate, &["+CME ERROR: 570"]),
            Action::Run(job @ Job::Deactivate) => {
                deactivations += 1;
                rig.run(job, &["OK"]);
            }
            _ => rig.step_up(),
        }
    }
    let refused = LinkError::ContextRefused(ErrorCode::CONTEXT_LOST);
    assert_eq!(state(&rig), LinkState::Down(refused));
    assert_eq!(deactivations, 1);
}

#[test]
fn address_may_come_later_than_the_context() {
    let late: [Lines; 5] = [
        &["OK"],
        &["+QIACT: 1,1,1,\"\"", "OK"],
        &["+QIACT: 1,1,1,\"0.0.0.0\"", "OK"],
        &["+QIACT: 1,1,2,\"0:0:0:0:0:0:0:0\"", "OK"],
        &["+QIACT: 1,1,1", "OK"],
    ];
    for lines in late {
        let mut rig = started_until(Job::Activate);
        rig.run(Job::Activate, &["OK"]);
        rig.active = true;
        for _ in 0..3 {
            rig.run(Job::ListContexts, lines);
            assert_eq!(wait(&mut rig), Duration::from_secs(1));
        }
        assert_eq!(state(&rig), LinkState::Starting);
        rig.bring_up();

        let mut rig = started_until(Job::Activate);
        rig.run(Job::Activate, &["OK"]);
        let began = rig.now;
        while state(&rig) == LinkState::Starting {
            rig.run(Job::ListContexts, lines);
            if state(&rig) == LinkState::Starting {
                wait(&mut rig);
            }
        }
        let error = if lines.len() == 1 {
            LinkError::ContextLost
        } else {
            LinkError::NoAddress
        };
        assert_eq!(state(&rig), LinkState::Down(error), "{lines:?}");
        assert_eq!(rig.now - began, Duration::from_secs(10));
    }
}

#[test]
fn address_of_either_family_will_do() {
    for address in [
        "\"10.0.0.1\"",
        "\"fe80::%1\"",
        "\"0.0.0.0\",\"::A\"",
        "\"36.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0\"",
    ] {
        let mut rig = started_until(Job::Activate);
        rig.run(Job::Activate, &["OK"]);
        let line = std::format!("+QIACT: 1,1,1,{address}");
        rig.run(Job::ListContexts, &[&line, "OK"]);
        rig.run(Job::Set(0), &["OK"]);
    }
}

#[test]
fn radio_that_is_off_is_turned_on() {
    for level in ["+CFUN: 0", "+CFUN: 4"] {
        let mut rig = started_until(Job::Functionality);
        rig.expect(Job::Functionality);
        rig.on_line(level);
        rig.answer(&["OK"]);
        rig.run(Job::SetFunctionality, &["OK"]);
        assert_eq!(rig.command(), b"AT+CFUN=1\r");
        rig.bring_up();
    }
}

#[test]
fn radio_that_stays_off_is_told_from_no_network() {
    let mut rig = started_until(Job::Functionality);
    rig.run(Job::Functionality, &["+CFUN: 4", "OK"]);
    for _ in 0..2 {
        rig.run(Job::SetFunctionality, &["+CME ERROR: 3"]);
        wait(&mut rig);
    }
    rig.run(Job::SetFunctionality, &["+CME ERROR: 3"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::RadioOff));
}

fn pin_given() -> Rig {
    let mut rig = started_with(Config::new("internet").pin("1234"));
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
    rig.expect(Job::EnterPin);
    rig
}

/// The link goes down without a word of the module, as after a loss of power.
fn go_silent(rig: &mut Rig) {
    let key = rig.claim();
    rig.expect(Job::Open(key));
    while state(rig) == LinkState::Up {
        rig.silence();
        match rig.next() {
            Action::Run(job) => {
                rig.begin(job);
                rig.pass(1000);
            }
            Action::Wait(until) => rig.wait(until),
            _ => {}
        }
    }
    rig.silence();
    rig.abort(key);
    rig.active = false;
}

#[test]
fn accepted_pin_is_given_again_after_an_unheard_restart() {
    let mut rig = pin_given();
    rig.answer(&["OK"]);
    rig.bring_up();
    for _ in 0..5 {
        go_silent(&mut rig);
        until(&mut rig, Job::SimState);
        rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
        rig.run(Job::EnterPin, &["OK"]);
        rig.bring_up();
    }
}

#[test]
fn card_that_is_busy_has_not_refused_the_pin() {
    let mut rig = pin_given();
    rig.answer(&["+CME ERROR: 14"]);
    // Not in this attempt: the card may be slow to show that it has accepted it.
    for _ in 0..10 {
        rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
        wait(&mut rig);
    }
    rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::SimLocked));
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
    rig.run(Job::EnterPin, &["OK"]);
    rig.bring_up();
}

/// The third wrong PIN locks the card.
#[test]
fn pin_whose_answer_is_lost_is_given_twice_at_most() {
    let mut rig = started_with(Config::new("internet").pin("1234"));
    let mut given = 0;
    for _ in 0..2000 {
        match rig.next() {
            Action::Run(job @ Job::EnterPin) => {
                given += 1;
                rig.begin(job);
                rig.pass(10_000);
                rig.silence();
            }
            Action::Run(job @ Job::SimState) => rig.run(job, &["+CPIN: SIM PIN", "OK"]),
            _ => rig.step_up(),
        }
    }
    assert_eq!(given, 2);
}

/// What a socket that was left open in direct push mode gets from its peer may look like the module's own lines.
#[test]
fn restarts_told_by_data_of_a_leftover_socket_do_not_keep_the_link_down() {
    let mut rig = started();
    for _ in 0..200 {
        if state(&rig) == LinkState::Up {
            break;
        }
        match rig.next() {
            Action::Run(job) => {
                rig.begin(job);
                let is_open = job == Job::ListSockets;
                if matches!(job, Job::EchoOff | Job::Functionality) {
                    rig.on_line("RDY");
                    rig.silence();
                    continue;
                }
                if is_open {
                    rig.on_line("+QISTATE: 3,\"TCP\",\"203.0.113.7\",80,0,2,1,0,1,\"uart1\"");
                }
                let lines = rig.reply(job);
                rig.answer(lines);
            }
            _ => rig.step_up(),
        }
    }
    assert_eq!(state(&rig), LinkState::Up);
}

#[test]
fn close_of_a_leftover_that_is_not_answered_is_repeated_once() {
    let mut rig = started_until(Job::ListSockets);
    let line = "+QISTATE: 3,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
    rig.run(Job::ListSockets, &[line, "OK"]);
    let close = Job::CloseOrphan(ConnectId::new(3).unwrap());
    for _ in 0..2 {
        until(&mut rig, close);
        rig.expect(close);
        rig.pass(11_000);
        rig.silence();
    }
    rig.bring_up();
}

#[test]
fn data_for_a_free_connect_id_closes_it() {
    let mut rig = Rig::up::<1, 64, 64>();
    assert_eq!(rig.on_line("+QIURC: \"recv\",7"), LineKind::Handled);
    rig.run(Job::CloseOrphan(ConnectId::new(7).unwrap()), &["OK"]);
    // It may have been on its way when the connectID was closed.
    rig.on_line("+QIURC: \"recv\",7");
    rig.idle();
    // In the middle of the bring-up as well.
    let mut rig = started_until(Job::SimState);
    rig.on_line("+QIURC: \"recv\",7,5");
    until(&mut rig, Job::CloseOrphan(ConnectId::new(7).unwrap()));
    rig.bring_up();
}

/// The module lists the context as active, and the network has dropped it.
#[test]
fn context_in_which_no_socket_opens_is_deactivated() {
    let mut rig = Rig::up::<1, 64, 64>();
    for round in 1..=3 {
        let key = rig.opening();
        let id = rig.id(key);
        rig.on_line(&std::format!("+QIOPEN: {id},570"));
        rig.run(Job::Attention, &["OK"]);
        wait(&mut rig);
        rig.run(Job::Attention, &["OK"]);
        rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
        if round < 3 {
            assert_eq!(state(&rig), LinkState::Up);
            rig.abort(key);
            rig.run(Job::Close(key), &["OK"]);
        }
    }
    assert_eq!(state(&rig), LinkState::Down(LinkError::ContextLost));
    until(&mut rig, Job::Deactivate);
    rig.bring_up();
}

/// An open whose last error is this one.
fn open_fails(rig: &mut Rig, code: u16) {
    let key = rig.opening();
    let id = rig.id(key);
    rig.on_line(&std::format!("+QIOPEN: {id},{code}"));
    rig.run(Job::Close(key), &["OK"]);
    rig.release(key);
}

/// AT+QIACT? says active, AT+CGACT? says not (quirk 17).
#[test]
fn context_without_its_bearer_is_deactivated_after_three_failed_opens() {
    for code in [550, 559, 566] {
        let mut rig = Rig::up::<1, 64, 64>();
        for _ in 0..3 {
            rig.idle();
            open_fails(&mut rig, code);
        }
        rig.run(Job::ListBearers, &["+CGACT: 1,0", "+CGACT: 9,1", "OK"]);
        assert_eq!(state(&rig), LinkState::Down(LinkError::ContextLost));
        until(&mut rig, Job::Deactivate);
        rig.bring_up();
    }
}

#[test]
fn failed_opens_do_no_harm_to_a_context_with_its_bearer() {
    let answers: [Lines; 4] = [
        &["+CGACT: 9,0", "+CGACT: 1,1", "OK"],
        &["+CGACT: 9,1", "OK"],
        &["OK"],
        &["ERROR"],
    ];
    for lines in answers {
        let mut rig = Rig::up::<2, 64, 64>();
        let other = rig.open();
        for _ in 0..2 {
            for _ in 0..3 {
                rig.idle();
                open_fails(&mut rig, 566);
            }
            rig.run(Job::ListBearers, lines);
        }
        assert_eq!(state(&rig), LinkState::Up);
        // Three in a row: an open that succeeds is the end of a row.
        open_fails(&mut rig, 566);
        open_fails(&mut rig, 566);
        let key = rig.open();
        rig.abort(key);
        rig.run(Job::Close(key), &["OK"]);
        open_fails(&mut rig, 566);
        rig.idle();
        assert!(rig.is_live(other));
    }
}

#[test]
fn unanswered_question_about_the_bearer_is_followed_by_a_link_check() {
    let mut rig = Rig::up::<1, 64, 64>();
    for _ in 0..3 {
        open_fails(&mut rig, 566);
    }
    rig.expect(Job::ListBearers);
    rig.pass(10_000);
    rig.silence();
    rig.run(Job::Attention, &["OK"]);
    rig.check_passes();
    rig.idle();
}

#[test]
fn lost_registration_is_a_reason_to_look_at_the_context() {
    for line in ["+CEREG: 0", "+CGREG: 2", "+CREG: 3,\"00C3\",\"1A2B\""] {
        let mut rig = Rig::up::<1, 64, 64>();
        assert_eq!(rig.on_line("+CEREG: 5"), LineKind::Foreign);
        rig.idle();
        assert_eq!(rig.on_line(line), LineKind::Foreign);
        rig.run(Job::Attention, &["OK"]);
        wait(&mut rig);
        rig.run(Job::Attention, &["OK"]);
        rig.run(Job::ListContexts, &["OK"]);
        assert_eq!(state(&rig), LinkState::Down(LinkError::ContextLost));
        rig.active = false;
        rig.bring_up();
    }
}

#[test]
fn states_that_allow_data_bring_the_link_up() {
    for (number, is_enough) in [
        (1, true),
        (5, true),
        (6, false),
        (7, false),
        (8, false),
        (9, true),
        (10, true),
    ] {
        let mut rig = started_until(Job::Registration(Domain::Lte));
        let line = std::format!("+CEREG: 0,{number}");
        rig.run(Job::Registration(Domain::Lte), &[&line, "OK"]);
        let is_done = rig.next() == Action::Run(Job::ListSockets);
        assert_eq!(is_done, is_enough, "{line}");
    }
}
