//! Sending (2.1.7).

use core::task::Poll;

use embassy_time::Duration;

use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, LineKind, Phase};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

const FLUSHED: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

/// What the module took so far.
fn count(total: u32) -> std::string::String {
    std::format!("+QISEND: {total},{total},0")
}

fn is_up(rig: &mut Rig, job: Job) {
    rig.run(Job::Attention, &["OK"]);
    rig.now = rig.idle().unwrap();
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    assert_eq!(rig.next(), Action::Run(job));
}

#[test]
fn small_writes_are_one_transaction() {
    let mut rig = up();
    let key = rig.open();
    for _ in 0..10 {
        assert_eq!(rig.write(key, b"0123456789"), Poll::Ready(Ok(10)));
    }
    rig.accept(key, 100, "SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
    assert_eq!(rig.idle(), None);
}

#[test]
fn one_send_takes_1460_bytes_at_most() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(rig.write(key, &[1; 2048]), Poll::Ready(Ok(2048)));
    rig.accept(key, 1460, "SEND OK");
    rig.accept(key, 2048 - 1460, "SEND OK");
    assert_eq!(rig.idle(), None);
}

#[test]
fn write_takes_what_fits_and_then_waits() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    assert_eq!(rig.write(key, b"0123456789"), Poll::Ready(Ok(8)));
    assert_eq!(rig.write(key, b"89"), Poll::Pending);
    assert!(!rig.engine(|engine| engine.write_ready(key)));
    rig.accept(key, 8, "SEND OK");
    assert!(rig.engine(|engine| engine.write_ready(key)));
    assert_eq!(rig.write(key, b"89"), Poll::Ready(Ok(2)));
}

#[test]
fn bytes_leave_the_ring_at_send_ok_only() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    assert_eq!(rig.flush(key), Poll::Pending);
    rig.prompt();
    assert_eq!(rig.flush(key), Poll::Pending);
    let mut piece = [0; 3];
    assert_eq!(rig.engine(|engine| engine.peek(key, 0, &mut piece)), 3);
    assert_eq!(&piece, b"abc");
    rig.on_line("SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn write_during_a_send_is_sent_next() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    let _ = rig.write(key, b"de");
    rig.answer(&["SEND OK"]);
    assert_eq!(rig.flush(key), Poll::Pending);
    rig.expect(Job::Send { key, length: 2 });
    let mut piece = [0; 2];
    rig.engine(|engine| engine.peek(key, 0, &mut piece));
    assert_eq!(&piece, b"de");
}

#[test]
fn ok_before_send_ok_is_not_the_end() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    assert_eq!(rig.on_line("OK"), LineKind::Handled);
    rig.answer(&["SEND OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn ok_before_the_prompt_is_a_late_one() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    assert_eq!(rig.on_line("OK"), LineKind::Handled);
    assert_eq!(rig.on_line("SEND OK"), LineKind::Handled);
    assert_eq!(rig.on_line("SEND FAIL"), LineKind::Handled);
    assert_eq!(rig.engine(|engine| engine.counters.late_results.get()), 3);
    rig.prompt();
    rig.answer(&["SEND OK"]);
}

#[test]
fn send_ok_ends_nothing_but_a_send() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    assert_eq!(rig.on_line("SEND OK"), LineKind::Handled);
    assert_eq!(rig.on_line("SEND FAIL"), LineKind::Handled);
    rig.answer(&["OK"]);
}

#[test]
fn prompt_is_one_only_while_a_send_waits_for_it() {
    let mut rig = up();
    let key = rig.open();
    let prompted = |rig: &mut Rig| rig.engine(crate::engine::Engine::prompted);
    assert!(!prompted(&mut rig));
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    assert!(prompted(&mut rig));
    assert!(!prompted(&mut rig));
    rig.answer(&["SEND OK"]);
    assert!(!prompted(&mut rig));
}

#[test]
fn prompt_after_an_error_is_none() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.on_line("ERROR");
    assert!(!rig.engine(crate::engine::Engine::prompted));
    assert!(!rig.engine(|engine| engine.wants_payload()));
}

#[test]
fn error_during_the_payload_stops_it() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    assert!(rig.engine(|engine| engine.wants_payload()));
    rig.on_line("+CME ERROR: 567");
    assert!(!rig.engine(|engine| engine.wants_payload()));
}

#[test]
fn send_fail_is_counted_and_retried_with_a_growing_pause() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    let mut before = Duration::MIN;
    for _ in 0..4 {
        rig.accept(key, 3, "SEND FAIL");
        rig.run(Job::CountSent(key), &[&count(0), "OK"]);
        let again = rig.idle().expect("a retry");
        let pause = again - rig.now;
        assert!(pause >= Duration::from_millis(100), "{pause}");
        assert!(pause <= Duration::from_secs(2), "{pause}");
        assert!(pause >= before, "{pause} after {before}");
        before = pause;
        rig.now = again;
    }
    rig.accept(key, 3, "SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn send_refused_with_words_is_counted() {
    for refusal in ["+CME ERROR: operation failed", "+CME ERROR: 0"] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abc");
        rig.accept(key, 3, refusal);
        let connected = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
        rig.run(Job::Status(key), &[connected, "OK"]);
        rig.run(Job::CountSent(key), &[&count(3), "OK"]);
        assert_eq!(rig.flush(key), FLUSHED);
    }
}

#[test]
fn first_retry_comes_after_about_100_ms() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.run(Job::CountSent(key), &[&count(0), "OK"]);
    let again = rig.idle().expect("a retry");
    assert_eq!(again - rig.now, Duration::from_millis(100));
}

#[test]
fn send_fail_may_have_taken_a_part() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"0123456789");
    rig.accept(key, 10, "SEND OK");
    let _ = rig.write(key, b"abcdef");
    rig.accept(key, 6, "SEND FAIL");
    rig.run(Job::CountSent(key), &[&count(14), "OK"]);
    // Four of the six are gone; there is room again.
    rig.expect(Job::Send { key, length: 2 });
    let mut piece = [0; 2];
    rig.engine(|engine| engine.peek(key, 0, &mut piece));
    assert_eq!(&piece, b"ef");
    rig.prompt();
    rig.answer(&["SEND OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn send_fail_may_have_taken_all() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.run(Job::CountSent(key), &[&count(3), "OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
    assert_eq!(rig.idle(), None);
}

#[test]
fn count_that_cannot_be_is_lost_data() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.run(Job::CountSent(key), &[&count(4), "OK"]);
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::DataLost)));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn module_that_never_has_room_fails_the_connection() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    let began = rig.now;
    for _ in 0..1000 {
        match rig.next() {
            Action::Run(Job::Send { .. }) => rig.accept(key, 3, "SEND FAIL"),
            Action::Run(Job::CountSent(_)) => {
                rig.run(Job::CountSent(key), &[&count(0), "OK"]);
            }
            Action::Wait(until) if until < NEVER => rig.now = until,
            _ => break,
        }
    }
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!((rig.now - began).as_secs(), 30);
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::TimedOut)));
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::TimedOut)));
}

#[test]
fn passing_refusals_are_retried() {
    for code in [551, 553, 568, 571, 572] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abc");
        rig.expect(Job::Send { key, length: 3 });
        rig.answer(&[&std::format!("+CME ERROR: {code}")]);
        rig.now = rig.idle().expect("a pause");
        rig.accept(key, 3, "SEND OK");
        assert_eq!(rig.flush(key), FLUSHED, "{code}");
    }
}

#[test]
fn refusal_without_a_reason_is_looked_into() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 0,operate successfully", "OK"],
    );
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
    rig.run(Job::Status(key), &[line, "OK"]);
    rig.run(Job::CountSent(key), &[&count(0), "OK"]);
    rig.now = rig.idle().expect("a pause");
    rig.accept(key, 3, "SEND OK");
}

#[test]
fn connection_that_the_module_has_forgotten_is_reset() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 0,operate successfully", "OK"],
    );
    rig.run(Job::Status(key), &["OK"]);
    let reset = Poll::Ready(Err(Error::ConnectionReset));
    assert_eq!(rig.write(key, b"d"), reset);
    // To be sure: the line that knew of it may have been lost.
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.phase(key), Phase::Closed);
}

#[test]
fn lost_context_fails_the_send_and_checks_the_link() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["+CME ERROR: 570"]);
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(rig.flush(key), Poll::Ready(Err(lost)));
    assert_eq!(rig.next(), Action::Run(Job::Attention));
}

#[test]
fn prompt_that_never_came_is_counted_before_it_is_repeated() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.silence();
    is_up(&mut rig, Job::CountSent(key));
    rig.run(Job::CountSent(key), &[&count(0), "OK"]);
    rig.pass(100);
    rig.accept(key, 3, "SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn lost_send_ok_is_made_up_for_by_the_count() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    rig.silence();
    is_up(&mut rig, Job::CountSent(key));
    rig.run(Job::CountSent(key), &[&count(3), "OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
    assert_eq!(rig.idle(), None);
}

#[test]
fn module_that_took_commands_for_payload_has_lost_data() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"0123456789");
    rig.expect(Job::Send { key, length: 10 });
    rig.prompt();
    // The line lost some of the payload: the module waits for the rest, and takes AT for it.
    rig.silence();
    rig.expect(Job::Attention);
    rig.on_line("SEND OK");
    rig.silence();
    rig.now = rig.idle().unwrap();
    is_up_after_silence(&mut rig);
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::DataLost)));
}

fn is_up_after_silence(rig: &mut Rig) {
    for _ in 0..20 {
        match rig.next() {
            Action::Escape(_) => {}
            Action::Wait(NEVER) => {}
            Action::Wait(until) => rig.now = until,
            Action::Run(job @ (Job::Attention | Job::ListContexts)) => {
                let lines = rig.reply(job);
                rig.run(job, lines);
            }
            Action::Run(Job::CountSent(key)) => {
                rig.run(Job::CountSent(key), &[&count(10), "OK"]);
            }
            _ => return,
        }
    }
}

#[test]
fn data_of_the_peer_survives_a_send_that_it_refused() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.on_line("+QIURC: \"recv\",0");
    rig.on_line("+QIURC: \"closed\",0");
    rig.answer(&["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 567,socket has been closed", "OK"],
    );
    rig.serve(key, b"go away");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"go away".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Ok(std::vec![])));
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::Closed)));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn data_of_the_peer_survives_a_send_refused_before_its_close_is_told() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 567,socket has been closed", "OK"],
    );
    // Told now, or found in the list of sockets.
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";
    rig.run(Job::Status(key), &[line, "OK"]);
    rig.check_passes();
    rig.run(Job::CountSent(key), &["+CME ERROR: 567"]);
    rig.serve(key, b"go away");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"go away".to_vec())));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn data_of_the_peer_survives_a_refused_count() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.on_line("+QIURC: \"closed\",0");
    for _ in 0..4 {
        match rig.next() {
            Action::Run(Job::CountSent(_)) => rig.run(Job::CountSent(key), &["+CME ERROR: 567"]),
            _ => break,
        }
    }
    rig.serve(key, b"tail");
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"tail".to_vec())));
}

#[test]
fn nothing_is_written_to_a_connection_that_the_peer_closed() {
    let mut rig = up();
    let key = rig.draining();
    assert_eq!(rig.write(key, b"x"), Poll::Ready(Err(Error::Closed)));
    assert!(rig.engine(|engine| engine.write_ready(key)));
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn payload_of_a_socket_that_is_gone_is_still_there_to_be_counted() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.abort(key);
    rig.prompt();
    assert!(rig.engine(|engine| engine.wants_payload()));
    rig.answer(&["SEND OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
}

#[test]
fn unknown_echo_cuts_off_what_tells_nothing() {
    let mut rig = up();
    let key = rig.open();
    rig.engine(|engine| engine.exchange.payload_echo = crate::engine::PayloadEcho::Unknown);
    let _ = rig.write(key, b"\r\n abc");
    rig.accept(key, 3, "SEND OK");
    // What follows tells, and costs no more than it would.
    rig.accept(key, 3, "SEND OK");
    let _ = rig.write(key, b"\r\n abc");
    rig.accept(key, 6, "SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
}

/// The prompt was lost, and the module took the first byte of the next command for the payload.
#[test]
fn command_that_the_module_took_for_a_short_payload_is_lost_data() {
    for (taken, flushed) in [(0, Poll::Pending), (1, Poll::Ready(Err(Error::DataLost)))] {
        let mut rig = up();
        let key = rig.open();
        assert_eq!(rig.write(key, b"x"), Poll::Ready(Ok(1)));
        rig.expect(Job::Send { key, length: 1 });
        rig.silence();
        rig.expect(Job::Attention);
        if taken > 0 {
            rig.on_line("SEND OK");
            rig.answer(&["ERROR"]);
        } else {
            rig.answer(&["OK"]);
        }
        rig.now = rig.idle().unwrap();
        rig.run(Job::Attention, &["OK"]);
        rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
        rig.run(Job::CountSent(key), &[&count(taken), "OK"]);
        assert_eq!(rig.flush(key), flushed);
    }
}

/// A send whose SEND OK, and what comes after it, is read in one chunk.
fn accepted_and(lines: &[&str]) -> (Rig, crate::engine::Key) {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    assert_eq!(rig.flush(key), Poll::Pending);
    assert_eq!(rig.on_line("SEND OK"), LineKind::Final);
    // The user's task runs between any two events.
    assert_eq!(rig.flush(key), FLUSHED);
    for line in lines {
        rig.on_line(line);
        assert_ne!(rig.flush(key), Poll::Ready(Err(Error::Closed)), "{line}");
    }
    (rig, key)
}

#[test]
fn flush_is_ok_if_all_was_accepted_in_front_of_the_close() {
    let (mut rig, key) = accepted_and(&["+QIURC: \"closed\",0"]);
    assert_eq!(rig.flush(key), FLUSHED);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
    rig.run(Job::CountSent(key), &["+QISEND: 3,3,0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.flush(key), FLUSHED);
}

#[test]
fn flush_stays_ok_whatever_comes_then() {
    for line in [
        "+QIURC: \"closed\",0",
        "+QIURC: \"pdpdeact\",1",
        "RDY",
        "POWERED DOWN",
    ] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abc");
        rig.accept(key, 3, "SEND OK");
        rig.on_line(line);
        assert_eq!(rig.flush(key), FLUSHED, "{line}");
    }
}

#[test]
fn flush_is_ok_if_all_was_accepted_in_front_of_a_restart() {
    for line in ["+QIURC: \"pdpdeact\",1", "RDY", "POWERED DOWN"] {
        let (mut rig, key) = accepted_and(&[line]);
        assert_eq!(rig.flush(key), FLUSHED, "{line}");
    }
}

#[test]
fn wait_acked_is_ok_if_all_was_acknowledged_in_front_of_a_restart() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND OK");
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    rig.expect(Job::CountSent(key));
    rig.on_line("+QISEND: 3,3,0");
    rig.on_line("OK");
    rig.on_line("RDY");
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
}

#[test]
fn flush_fails_if_the_close_came_before_all_was_accepted() {
    for (result, count) in [
        ("SEND FAIL", "+QISEND: 0,0,0"),
        ("SEND FAIL", "+QISEND: 2,2,0"),
    ] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abc");
        rig.expect(Job::Send { key, length: 3 });
        rig.prompt();
        rig.on_line("+QIURC: \"closed\",0");
        assert_eq!(rig.flush(key), Poll::Pending);
        rig.answer(&[result]);
        assert_eq!(rig.flush(key), Poll::Pending);
        rig.run(Job::CountSent(key), &[count, "OK"]);
        assert_eq!(rig.flush(key), Poll::Ready(Err(Error::Closed)));
    }
    // More was written than was sent.
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, &[0; 1500]);
    rig.expect(Job::Send { key, length: 1460 });
    rig.prompt();
    rig.on_line("+QIURC: \"closed\",0");
    rig.answer(&["SEND OK"]);
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn flush_of_a_send_refused_behind_the_close_fails_and_wakes() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.on_line("+QIURC: \"closed\",0");
    let alarm = crate::engine::tests::Alarm::of(
        &rig,
        crate::engine::wakes::Queue::Writer(key),
        move |engine| engine.poll_flush(key),
    );
    rig.answer(&["+CME ERROR: 567"]);
    assert!(alarm.rang());
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::Closed)));
}

fn acknowledged(rig: &mut Rig, key: crate::engine::Key) -> Poll<Result<(), Error>> {
    rig.engine(|engine| engine.poll_acknowledged(key))
}

#[test]
fn wait_acked_is_ok_if_the_peer_read_all_and_closed() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND OK");
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    // It is known as long as the connectID is held.
    rig.run(Job::CountSent(key), &["+QISEND: 3,3,0", "OK"]);
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
}

#[test]
fn wait_acked_behind_the_close_asks_too() {
    let (mut rig, key) = accepted_and(&["+QIURC: \"closed\",0"]);
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    // The last acknowledgement can be on its way.
    rig.run(Job::CountSent(key), &["+QISEND: 3,1,2", "OK"]);
    rig.now = rig.idle().expect("a pause");
    rig.run(Job::CountSent(key), &["+QISEND: 3,3,0", "OK"]);
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn wait_acked_fails_if_the_peer_closed_without_reading_all() {
    for lines in [&["+QISEND: 3,1,2", "OK"][..], &["+CME ERROR: 567"]] {
        let (mut rig, key) = accepted_and(&["+QIURC: \"closed\",0"]);
        assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
        rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
        let began = rig.now;
        while acknowledged(&mut rig, key).is_pending() {
            match rig.next() {
                Action::Wait(until) => rig.wait(until),
                _ => rig.run(Job::CountSent(key), lines),
            }
        }
        assert!((rig.now - began).as_millis() < 5000);
        assert_eq!(acknowledged(&mut rig, key), Poll::Ready(Err(Error::Closed)));
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(acknowledged(&mut rig, key), Poll::Ready(Err(Error::Closed)));
    }
}

/// What it says depends on what happened, not on when the user asks.
#[test]
fn wait_acked_is_ok_behind_the_close_of_a_peer_that_read_all() {
    // Asked for after the last line of these; a passing refusal is no answer.
    for asked_behind in 0..4 {
        for refusals in 0..3 {
            let (mut rig, key) = accepted_and(&["+QIURC: \"closed\",0"]);
            let ask = |rig: &mut Rig, event: u8| {
                if event >= asked_behind {
                    let told = acknowledged(rig, key);
                    assert!(told.is_pending() || told == FLUSHED, "{told:?}");
                }
            };
            ask(&mut rig, 0);
            rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
            ask(&mut rig, 1);
            for _ in 0..refusals {
                rig.run(Job::CountSent(key), &["+CME ERROR: 568"]);
                rig.now = rig.idle().expect("a pause");
            }
            rig.run(Job::CountSent(key), &["+QISEND: 3,3,0", "OK"]);
            ask(&mut rig, 2);
            rig.run(Job::Close(key), &["OK"]);
            assert_eq!(acknowledged(&mut rig, key), FLUSHED);
            assert_eq!(rig.idle(), None);
        }
    }
}

#[test]
fn wait_acked_fails_behind_the_close_of_a_peer_that_did_not_read_all() {
    let (mut rig, key) = accepted_and(&["+QIURC: \"closed\",0"]);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    for _ in 0..6 {
        rig.run(Job::CountSent(key), &["+QISEND: 3,1,2", "OK"]);
        if let Action::Wait(until) = rig.next() {
            rig.wait(until);
        }
    }
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(acknowledged(&mut rig, key), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn what_the_peer_has_acknowledged_is_asked_for_only_if_somebody_can_want_to_know_it() {
    let closed = "+QIURC: \"closed\",0";
    // Nothing was sent.
    let mut rig = up();
    let key = rig.draining();
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
    // It is known already.
    let (mut rig, key) = accepted_and(&[]);
    assert_eq!(acknowledged(&mut rig, key), Poll::Pending);
    rig.run(Job::CountSent(key), &["+QISEND: 3,3,0", "OK"]);
    rig.on_line(closed);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
    // The handle is gone, or its user closes.
    for is_dropped in [true, false] {
        let (mut rig, key) = accepted_and(&[closed]);
        if is_dropped {
            rig.release(key);
        } else {
            rig.close_when_sent(key);
        }
        rig.run(Job::Close(key), &["OK"]);
    }
    // Not all was sent.
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, &[0; 1500]);
    rig.accept(key, 1460, "SEND OK");
    rig.expect(Job::Send { key, length: 40 });
    rig.on_line(closed);
    rig.answer(&["+CME ERROR: 567"]);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(acknowledged(&mut rig, key), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn wait_acked_before_the_first_byte_asks_nothing() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(acknowledged(&mut rig, key), FLUSHED);
    assert_eq!(rig.idle(), None);
}

#[test]
fn count_that_is_refused_before_the_first_byte_is_zero() {
    let state = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.run(Job::Send { key, length: 3 }, &["+CME ERROR: 550"]);
    rig.run(Job::Status(key), &[state, "OK"]);
    rig.run(Job::CountSent(key), &["+CME ERROR: 567"]);
    rig.run(Job::Status(key), &[state, "OK"]);
    rig.now = rig.idle().expect("a pause");
    rig.accept(key, 3, "SEND OK");
    assert_eq!(rig.flush(key), FLUSHED);
    // If payload was written it can mean anything.
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.run(Job::CountSent(key), &["+CME ERROR: 567"]);
    assert_eq!(rig.flush(key), Poll::Ready(Err(Error::ConnectionReset)));
}

#[test]
fn count_that_is_refused_in_passing_is_asked_for_again() {
    for answer in ["+CME ERROR: 14", "ERROR"] {
        let mut rig = up();
        let key = rig.open();
        let _ = rig.write(key, b"abcdef");
        rig.accept(key, 6, "SEND FAIL");
        for _ in 0..7 {
            rig.run(Job::CountSent(key), &[answer]);
            if answer == "ERROR" {
                rig.run(Job::LastError, &["+QIGETERROR: 568,operation busy", "OK"]);
            }
            // The peer is read meanwhile; nothing is sent.
            rig.on_line("+QIURC: \"recv\",0");
            rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
            rig.now = rig.idle().expect("a pause");
        }
        rig.run(Job::CountSent(key), &["+QISEND: 4,4,0", "OK"]);
        rig.accept(key, 2, "SEND OK");
        assert_eq!(rig.flush(key), FLUSHED);
    }
}
