//! The ends of a connection: by the user, by the peer, and what is left (2.1.5, 2.2.1).

use core::task::Poll;

use embassy_time::Duration;

use crate::at::ConnectId;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, Phase};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

const CLOSED: Poll<Result<(), Error>> = Poll::Ready(Ok(()));
const PHASES: [Phase; 6] = [
    Phase::Wanted,
    Phase::Opening,
    Phase::Open,
    Phase::Draining,
    Phase::Closing,
    Phase::Closed,
];

/// The module that is asked lets go of the connection; then the slot is free.
#[track_caller]
fn closes(rig: &mut Rig, key: crate::engine::Key) {
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
    assert_eq!(rig.idle(), None);
}

#[test]
fn release_in_every_phase_frees_the_slot() {
    for phase in PHASES {
        let mut rig = up();
        let key = rig.in_phase(phase);
        rig.release(key);
        match phase {
            Phase::Wanted | Phase::Closed => assert!(rig.all_free(), "{phase:?}"),
            _ => closes(&mut rig, key),
        }
        // A second one is without effect.
        rig.release(key);
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn abort_in_every_phase_frees_the_slot() {
    for phase in PHASES {
        let mut rig = up();
        let key = rig.in_phase(phase);
        let _ = rig.write(key, b"never sent");
        rig.abort(key);
        match phase {
            Phase::Wanted | Phase::Closed => assert!(rig.all_free(), "{phase:?}"),
            _ => closes(&mut rig, key),
        }
        rig.release(key);
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn link_loss_in_every_phase_fails_the_socket() {
    for phase in PHASES {
        for (line, error) in [
            ("RDY", LinkError::Restarted),
            ("+QIURC: \"pdpdeact\",1", LinkError::ContextLost),
            ("POWERED DOWN", LinkError::NoAnswer),
        ] {
            let mut rig = up();
            let key = rig.in_phase(phase);
            rig.on_line(line);
            let lost = Error::Link(error);
            match phase {
                // Not sent yet: it waits for the link.
                Phase::Wanted => {
                    assert_eq!(rig.connected(key), Poll::Pending);
                    continue;
                }
                Phase::Opening => assert_eq!(rig.connected(key), Poll::Ready(Err(lost))),
                Phase::Open | Phase::Draining => {
                    assert_eq!(rig.read(key), Poll::Ready(Err(lost)));
                    assert_eq!(rig.write(key, b"x"), Poll::Ready(Err(lost)));
                }
                // The end of the stream has been reached.
                _ => assert_eq!(rig.read(key), Poll::Ready(Ok(std::vec![]))),
            }
            assert_eq!(rig.phase(key), Phase::Closed);
            rig.release(key);
            assert!(rig.all_free());
        }
    }
}

#[test]
fn link_loss_frees_slots_without_a_handle() {
    for phase in PHASES {
        let mut rig = up();
        let key = rig.in_phase(phase);
        let _ = rig.write(key, b"lost");
        rig.release(key);
        rig.on_line("RDY");
        assert!(rig.all_free(), "{phase:?}");
    }
}

#[test]
fn what_was_received_before_the_link_was_lost_can_be_read() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"early");
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"early".to_vec())));
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(rig.read(key), Poll::Ready(Err(lost)));
}

#[test]
fn released_connection_sends_what_was_written() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.release(key);
    rig.accept(key, 3, "SEND OK");
    closes(&mut rig, key);
}

#[test]
fn released_connection_does_not_read_any_more() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.release(key);
    rig.on_line("+QIURC: \"recv\",0");
    closes(&mut rig, key);
}

#[test]
fn linger_is_limited() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.release(key);
    let began = rig.now;
    for _ in 0..200 {
        match rig.next() {
            Action::Run(Job::Send { .. }) => rig.accept(key, 3, "SEND FAIL"),
            Action::Run(Job::CountSent(_)) => {
                rig.run(Job::CountSent(key), &["+QISEND: 0,0,0", "OK"]);
            }
            Action::Wait(until) if until < NEVER => rig.now = until,
            _ => break,
        }
    }
    assert_eq!(rig.now - began, Duration::from_secs(10));
    closes(&mut rig, key);
}

#[test]
fn close_waits_for_the_rest_and_for_the_module() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.close_when_sent(key);
    assert_eq!(rig.closed(key), Poll::Pending);
    assert_eq!(rig.write(key, b"more"), Poll::Ready(Err(Error::Closed)));
    rig.accept(key, 3, "SEND OK");
    assert_eq!(rig.closed(key), Poll::Pending);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.closed(key), CLOSED);
    rig.release(key);
    assert!(rig.all_free());
}

#[test]
fn close_tells_that_something_was_not_sent() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.close_when_sent(key);
    rig.run(Job::Send { key, length: 3 }, &["+CME ERROR: 555"]);
    rig.run(Job::Close(key), &["OK"]);
    assert!(matches!(
        rig.closed(key),
        Poll::Ready(Err(Error::Module(_)))
    ));
}

#[test]
fn close_after_the_peer_tells_that_something_was_not_sent() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.on_line("+QIURC: \"closed\",0");
    rig.close_when_sent(key);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.closed(key), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn close_after_the_peer_is_no_error_when_all_was_sent() {
    for phase in [Phase::Open, Phase::Draining, Phase::Closing] {
        let mut rig = up();
        let key = rig.in_phase(phase);
        rig.close_when_sent(key);
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(rig.closed(key), CLOSED, "{phase:?}");
    }
}

#[test]
fn close_ends_without_a_reader() {
    let mut rig = Rig::up::<1, 4, 4>();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"full");
    rig.close_when_sent(key);
    // The peer closes first; the module holds more than the ring can take, and nobody will read it.
    rig.on_line("+QIURC: \"closed\",0");
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.closed(key).is_ready());
}

#[test]
fn close_dropped_half_way_leaves_it_to_the_runner() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"bye");
    rig.close_when_sent(key);
    assert_eq!(rig.closed(key), Poll::Pending);
    rig.release(key);
    rig.accept(key, 3, "SEND OK");
    closes(&mut rig, key);
}

#[test]
fn close_of_a_lost_link_comes_back() {
    let mut rig = up();
    let key = rig.open();
    rig.close_when_sent(key);
    rig.on_line("RDY");
    assert_eq!(rig.closed(key), CLOSED);
}

#[test]
fn refused_close_of_an_unused_id_is_a_close() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    rig.run(Job::Close(key), &["ERROR"]);
    // Bare OK: no such socket.
    rig.run(Job::Status(key), &["OK"]);
    assert!(rig.all_free());
    assert_eq!(rig.idle(), None);
}

#[test]
fn socket_that_is_dropped_during_a_question_about_its_state_is_closed_whatever_the_answer() {
    let mut rig = up();
    let key = rig.open();
    rig.engine(|engine| {
        if let Some(slot) = engine.sockets.get_mut(key) {
            slot.check_state();
        }
    });
    rig.expect(Job::Status(key));
    rig.release(key);
    // The late result of another command: it does not say that there is no such socket.
    rig.answer(&["OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
}

/// What AT+QISTATE says after a refused close is about that close alone.
#[test]
fn repeated_open_is_closed_although_the_close_before_it_was_refused() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,563");
    rig.run(Job::Close(key), &["ERROR"]);
    rig.run(Job::Status(key), &["OK"]);
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    rig.engine(|engine| {
        if let Some(slot) = engine.sockets.get_mut(key) {
            slot.check_state();
        }
    });
    rig.expect(Job::Status(key));
    rig.abort(key);
    rig.release(key);
    // The late result of another command.
    rig.answer(&["OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
}

#[test]
fn refused_close_of_a_used_id_is_repeated_and_then_left_behind() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";
    for _ in 0..3 {
        rig.run(Job::Close(key), &["ERROR"]);
        rig.run(Job::Status(key), &[line, "OK"]);
    }
    assert!(rig.all_free());
    rig.run(Job::CloseOrphan(ConnectId::FIRST), &["OK"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn module_that_refuses_all_about_a_socket_does_not_keep_the_slot() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    for _ in 0..20 {
        match rig.next() {
            Action::Run(job) => rig.run(job, &["ERROR"]),
            _ => break,
        }
    }
    assert!(rig.all_free());
}

/// Is the connectID not in use, or is the module busy?
#[test]
fn id_of_which_nothing_is_known_is_closed_before_it_is_used_again() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    rig.run(Job::Close(key), &["+CME ERROR: 14"]);
    rig.run(Job::Status(key), &["+CME ERROR: 14"]);
    assert!(rig.all_free());
    let orphan = Job::CloseOrphan(ConnectId::FIRST);
    rig.run(orphan, &["+CME ERROR: 14"]);
    rig.restart_circle();
    let next = rig.claim();
    rig.run(Job::Open(next), &["OK"]);
    assert_eq!(rig.id(next), 1);
    rig.on_line("+QIOPEN: 1,0");
    rig.now = rig.idle().expect("another close");
    rig.run(orphan, &["OK"]);
    rig.restart_circle();
    let last = rig.open();
    assert_eq!(rig.id(last), 0);
}

#[test]
fn refused_status_of_an_open_connection_changes_nothing() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 0,operate successfully", "OK"],
    );
    rig.run(Job::Status(key), &["ERROR"]);
    rig.run(Job::CountSent(key), &["+QISEND: 0,0,0", "OK"]);
    assert_eq!(rig.phase(key), Phase::Open);
}

/// The state of a connection whose connectID is 0.
const CONNECTED: &str = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";

/// Two connections; the close of the first one is not answered within its time.
fn closing_without_an_answer() -> (Rig, crate::engine::Key, crate::engine::Key) {
    let mut rig = up();
    let key = rig.open();
    let other = rig.open();
    rig.release(key);
    rig.expect(Job::Close(key));
    rig.pass(11_000);
    rig.silence();
    (rig, key, other)
}

#[test]
fn unanswered_close_is_repeated_and_leaves_other_sockets_alone() {
    let (mut rig, key, other) = closing_without_an_answer();
    assert_eq!(rig.read(other), Poll::Pending);
    rig.check_passes();
    // The command was lost: the connection is still there.
    rig.run(Job::Status(key), &[CONNECTED, "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    rig.on_line("+QIURC: \"recv\",1");
    rig.serve(other, b"alive");
    assert_eq!(rig.read(other), Poll::Ready(Ok(b"alive".to_vec())));
}

#[test]
fn unanswered_close_that_was_carried_out_frees_the_connect_id() {
    let (mut rig, key, _) = closing_without_an_answer();
    rig.check_passes();
    rig.run(Job::Status(key), &["OK"]);
    assert_eq!(rig.phase(key), Phase::Free);
    assert_eq!(rig.idle(), None);
}

/// A module that answers `AT` and nothing of this socket. Each of its commands costs 10 s.
fn answers_nothing(rig: &mut Rig, key: crate::engine::Key, times: usize) {
    let mut count = 0;
    while count < times {
        match rig.next() {
            Action::Wait(until) => rig.wait(until),
            Action::Run(job) if job.key() == Some(key) => {
                rig.begin(job);
                rig.pass(11_000);
                rig.silence();
                count += 1;
            }
            _ => rig.step_up(),
        }
    }
    rig.check_passes();
}

#[test]
fn socket_whose_commands_are_not_answered_fails_alone() {
    for what in ["open", "read", "send", "wait_acked", "state"] {
        let mut rig = up();
        let other = rig.open();
        let key = if what == "open" {
            rig.claim()
        } else {
            rig.open()
        };
        match what {
            "read" => drop(rig.on_line("+QIURC: \"recv\",1")),
            "send" => drop(rig.write(key, b"abc")),
            "wait_acked" => {
                let _ = rig.write(key, b"abc");
                rig.accept(key, 3, "SEND OK");
                let _ = rig.engine(|engine| engine.poll_acknowledged(key));
            }
            "state" => rig.engine(|engine| {
                engine.sockets.get_mut(key).unwrap().check_state();
            }),
            _ => {}
        }
        answers_nothing(&mut rig, key, 4);
        assert_eq!(rig.read(key), Poll::Ready(Err(Error::TimedOut)), "{what}");
        // Nor is its close answered: its connectID waits, and nobody else.
        answers_nothing(&mut rig, key, 4);
        assert_eq!(rig.phase(key), Phase::Closed, "{what}");
        assert_eq!(rig.phase(other), Phase::Open);
        let orphan = ConnectId::new(1).unwrap();
        assert!(rig.engine(|engine| engine.ids.orphans.contains(orphan)));
    }
}

#[test]
fn close_waits_for_what_became_of_the_last_chunk() {
    for (count, result) in [(3, CLOSED), (0, Poll::Ready(Err(Error::Closed)))] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abc");
        rig.close_when_sent(key);
        rig.expect(Job::Send { key, length: 3 });
        rig.prompt();
        rig.on_line("+QIURC: \"closed\",0");
        rig.answer(&["SEND FAIL"]);
        let line = std::format!("+QISEND: {count},{count},0");
        rig.run(Job::CountSent(key), &[&line, "OK"]);
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(rig.closed(key), result);
    }
}

#[test]
fn close_ok_ends_a_close_and_nothing_else() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    rig.run(Job::Close(key), &["CLOSE OK"]);
    assert!(rig.all_free());
    rig.on_line("+QIOPEN: 7,0");
    rig.run(Job::CloseOrphan(ConnectId::new(7).unwrap()), &["CLOSE OK"]);
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.on_line("CLOSE OK");
    assert!(!rig.is_answered());
    rig.answer(&["OK"]);
}

#[test]
fn slow_close_gets_its_time() {
    for seconds in [1, 5, 20, 60, 105] {
        let (mut rig, key, other) = closing_without_an_answer();
        rig.mute_for(seconds);
        assert_eq!(rig.read(other), Poll::Pending, "after {seconds} s more");
        // The answers to the close and to each AT, at once.
        for _ in 0..seconds {
            rig.on_line("OK");
        }
        rig.check_passes();
        rig.run(Job::Status(key), &["OK"]);
        assert_eq!(rig.phase(key), Phase::Free);
        let _ = rig.write(other, b"abc");
        rig.accept(other, 3, "SEND OK");
    }
}

#[test]
fn module_that_never_answers_after_a_close_takes_the_link_down() {
    let (mut rig, _, other) = closing_without_an_answer();
    rig.mute_for(112);
    assert_eq!(rig.read(other), Poll::Pending);
    rig.mute_for(5);
    let lost = Error::Link(LinkError::NoAnswer);
    assert_eq!(rig.read(other), Poll::Ready(Err(lost)));
}

#[test]
fn close_that_is_never_answered_ends_as_an_orphan() {
    let (mut rig, key, other) = closing_without_an_answer();
    for _ in 0..2 {
        rig.check_passes();
        rig.run(Job::Status(key), &[CONNECTED, "OK"]);
        rig.expect(Job::Close(key));
        rig.pass(11_000);
        rig.silence();
    }
    rig.check_passes();
    rig.run(Job::Status(key), &[CONNECTED, "OK"]);
    // The slot can be used again; the connectID cannot.
    assert_eq!(rig.phase(key), Phase::Free);
    let orphan = Job::CloseOrphan(ConnectId::FIRST);
    for pause in [0, 0, 60, 120, 240, 480, 960, 1920, 1920] {
        if pause > 0 {
            let again = rig.idle().expect("a next try");
            assert_eq!((again - rig.now).as_secs(), pause - 1);
            rig.now = again;
        }
        rig.expect(orphan);
        rig.pass(11_000);
        rig.silence();
        rig.check_passes();
    }
    rig.on_line("+QIURC: \"recv\",1");
    rig.serve(other, b"x");
    assert_eq!(rig.read(other), Poll::Ready(Ok(b"x".to_vec())));
}

#[test]
fn refused_close_of_an_orphan_is_repeated_once() {
    let orphan = Job::CloseOrphan(ConnectId::new(3).unwrap());
    for second in ["OK", "ERROR"] {
        let mut rig = up();
        rig.on_line("+QIURC: \"recv\",3");
        rig.run(orphan, &["ERROR"]);
        let again = rig.idle().expect("another try");
        assert_eq!((again - rig.now).as_secs(), 1);
        rig.wait(again);
        rig.run(orphan, &[second]);
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn id_stays_taken_until_the_module_has_closed_it() {
    let mut rig = Rig::up::<2, 64, 64>();
    let first = rig.open();
    // Twelve more connections: every id but the one that is in use.
    for _ in 0..12 {
        let key = rig.open();
        assert_ne!(rig.id(key), rig.id(first));
        rig.release(key);
        rig.run(Job::Close(key), &["OK"]);
    }
}

/// A connection on id 0 whose id was closed a moment ago.
fn second_user() -> (Rig, crate::engine::Key) {
    let mut rig = Rig::up::<1, 64, 64>();
    let first = rig.open();
    rig.release(first);
    rig.run(Job::Close(first), &["OK"]);
    rig.engine(|engine| engine.ids.restart_circle());
    let second = rig.open();
    assert_eq!(rig.id(second), 0);
    (rig, second)
}

const CLOSING: &str = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";

#[test]
fn late_closed_does_not_hit_the_next_user_of_the_id() {
    let (mut rig, second) = second_user();
    rig.on_line("+QIURC: \"closed\",0");
    rig.run(Job::Status(second), &[CONNECTED, "OK"]);
    assert_eq!(rig.phase(second), Phase::Open);
    assert_eq!(rig.idle(), None);
}

#[test]
fn closed_soon_after_the_last_close_is_found_to_be_true() {
    let (mut rig, second) = second_user();
    rig.on_line("+QIURC: \"closed\",0");
    rig.run(Job::Status(second), &[CLOSING, "OK"]);
    rig.check_passes();
    rig.run(rig.read_job(second), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(second), Poll::Ready(Ok(std::vec![])));
}

#[test]
fn closed_is_believed_again_after_a_while() {
    let (mut rig, second) = second_user();
    rig.pass(11_000);
    rig.idle();
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.phase(second), Phase::Draining);
}

#[test]
fn closed_for_a_free_id_or_an_id_not_opened_yet_is_ignored() {
    let mut rig = up();
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.idle(), None);
    let key = rig.wanted();
    rig.on_line("+QIURC: \"closed\",0");
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CLOSED);
}

#[test]
fn closed_during_the_close_is_ignored() {
    let mut rig = up();
    let key = rig.open();
    rig.release(key);
    rig.expect(Job::Close(key));
    rig.on_line("+QIURC: \"closed\",0");
    rig.answer(&["OK"]);
    assert!(rig.all_free());
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.idle(), None);
}

#[test]
fn old_keys_do_not_reach_the_next_user_of_the_slot() {
    let mut rig = Rig::up::<1, 64, 64>();
    let old = rig.open();
    rig.release(old);
    rig.run(Job::Close(old), &["OK"]);
    let new = rig.open();
    assert_eq!(old.index(), new.index());
    rig.release(old);
    rig.abort(old);
    rig.close_when_sent(old);
    assert_eq!(rig.read(old), Poll::Ready(Err(Error::Closed)));
    assert_eq!(rig.write(old, b"x"), Poll::Ready(Err(Error::Closed)));
    assert_eq!(rig.closed(old), CLOSED);
    assert_eq!(rig.phase(new), Phase::Open);
    assert_eq!(rig.idle(), None);
}

#[test]
fn the_runner_may_stop_and_start_again() {
    for phase in PHASES {
        let mut rig = up();
        let key = rig.in_phase(phase);
        rig.engine(|engine| engine.stop(false));
        rig.release(key);
        assert!(rig.all_free(), "{phase:?}");
        rig.start();
        rig.bring_up();
        rig.open();
    }
}

#[test]
fn stopping_the_runner_in_the_middle_of_a_transaction_is_clean() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    rig.engine(|engine| engine.stop(false));
    let stopped = Error::Link(LinkError::NotRunning);
    assert_eq!(rig.flush(key), Poll::Ready(Err(stopped)));
    rig.start();
    rig.bring_up();
    assert_eq!(rig.idle(), None);
}
