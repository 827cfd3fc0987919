//! Reading in buffer mode (2.1.8, 2.2.2).

use core::task::Poll;

use embassy_time::Duration;

use crate::config::Config;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, Key, LineKind, Phase};
use crate::error::Error;

type Read = Poll<Result<std::vec::Vec<u8>, Error>>;

fn got(bytes: &[u8]) -> Read {
    Poll::Ready(Ok(bytes.to_vec()))
}

fn end() -> Read {
    got(b"")
}

/// A read that finds nothing.
#[track_caller]
fn empty(rig: &mut Rig, key: Key) {
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
}

#[test]
fn nothing_is_read_without_a_notice() {
    let mut rig = up();
    rig.open();
    assert_eq!(rig.idle(), None);
}

#[test]
fn notice_is_followed_by_reads_until_one_is_empty() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"one");
    rig.serve(key, b"two");
    empty(&mut rig, key);
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.read(key), got(b"onetwo"));
}

#[test]
fn notice_with_a_length_is_a_notice_only() {
    let mut rig = up();
    let key = rig.open();
    let heard = rig.on_line("+QIURC: \"recv\",0,5");
    assert_eq!(heard, crate::engine::LineKind::Handled);
    rig.serve(key, b"hello");
}

#[test]
fn notice_during_a_read_is_not_lost() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.on_line("+QIURC: \"recv\",0");
    rig.answer(&["+QIRD: 0", "OK"]);
    // The empty answer may be older than the notice.
    rig.serve(key, b"late");
    empty(&mut rig, key);
    assert_eq!(rig.idle(), None);
}

#[test]
fn notice_between_the_answer_and_its_ok_is_not_lost() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.answer(&["+QIRD: 0", "+QIURC: \"recv\",0", "OK"]);
    rig.serve(key, b"late");
}

#[test]
fn notice_reaches_its_own_socket_only() {
    let mut rig = up();
    let first = rig.open();
    let second = rig.open();
    rig.on_line("+QIURC: \"recv\",1");
    rig.serve(second, b"x");
    empty(&mut rig, second);
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.read(first), Poll::Pending);
}

#[test]
fn reads_are_whole_and_never_above_the_room() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, &[1; 1500]);
    // 548 bytes are free: not worth a transaction.
    assert_eq!(rig.idle(), None);
    let mut left = 2048 - 1500;
    while left < 1500 {
        assert!(matches!(rig.read_with(key, 100), Poll::Ready(Ok(_))));
        left += 100;
        if left < 1500 {
            assert_eq!(rig.idle(), None, "{left} bytes free");
        }
    }
    rig.expect(Job::Read { key, length: 1500 });
}

#[test]
fn room_of_less_than_a_whole_read_is_used_in_full() {
    for (ring, length) in [(64, 64), (1499, 1499), (1500, 1500), (4000, 1500)] {
        let mut rig = match ring {
            64 => Rig::up::<1, 64, 64>(),
            1499 => Rig::up::<1, 1499, 64>(),
            1500 => Rig::up::<1, 1500, 64>(),
            _ => Rig::up::<1, 4000, 64>(),
        };
        let key = rig.open();
        rig.on_line("+QIURC: \"recv\",0");
        rig.expect(Job::Read { key, length });
    }
}

#[test]
fn short_answer_of_a_full_ring_is_taken_up_when_there_is_room() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, &[7; 64]);
    assert_eq!(rig.idle(), None);
    rig.idle();
    assert!(!rig.engine(|engine| engine.exchange.is_work_pending()));
    assert_eq!(rig.read(key), got(&[7; 64]));
    assert!(
        rig.engine(|engine| engine.exchange.is_work_pending()),
        "the runner was not told"
    );
    empty(&mut rig, key);
}

#[test]
fn more_than_was_asked_for_is_an_error() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"0123456789");
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
    assert_eq!(rig.engine(|engine| engine.counters.dropped_bytes.get()), 2);
}

#[test]
fn recheck_while_a_reader_waits() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(rig.read(key), Poll::Pending);
    let at = rig.idle().expect("a re-check");
    assert_eq!(at - rig.now, Duration::from_secs(5));
    rig.now = at - Duration::from_millis(1);
    assert_eq!(rig.idle(), Some(at));
    rig.now = at;
    empty(&mut rig, key);
    // Not again by itself: the reader may be gone.
    assert_eq!(rig.idle(), None);
    // But as long as it waits.
    assert_eq!(rig.read(key), Poll::Pending);
    let again = rig.idle().expect("another re-check");
    assert_eq!(again - at, Duration::from_secs(10));
    rig.now = again;
    rig.serve(key, b"lost");
    assert_eq!(rig.read(key), got(b"lost"));
}

#[test]
fn no_recheck_without_a_reader() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(rig.read(key), Poll::Pending);
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"x");
    empty(&mut rig, key);
    assert_eq!(rig.idle(), None);
}

#[test]
fn no_recheck_when_it_is_turned_off() {
    let mut rig = Rig::up_with::<1, 64, 64>(Config::new("internet").recheck(Duration::MIN));
    let key = rig.open();
    assert_eq!(rig.read(key), Poll::Pending);
    assert_eq!(rig.idle(), None);
}

#[test]
fn data_then_closed_then_drained_then_end_then_close() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"first");
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.read(key), got(b"first"));
    assert_eq!(rig.read(key), Poll::Pending);
    rig.serve(key, b"rest");
    assert_eq!(rig.read(key), got(b"rest"));
    assert_eq!(rig.read(key), Poll::Pending);
    empty(&mut rig, key);
    assert_eq!(rig.read(key), end());
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), end());
    assert_eq!(rig.idle(), None);
}

#[test]
fn end_comes_behind_what_is_in_the_ring() {
    let mut rig = up();
    let key = rig.draining();
    rig.serve(key, b"rest");
    empty(&mut rig, key);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), got(b"rest"));
    assert_eq!(rig.read(key), end());
}

#[test]
fn closed_during_a_read_asks_once_more() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.on_line("+QIURC: \"closed\",0");
    rig.answer(&["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Pending);
    rig.serve(key, b"tail");
    empty(&mut rig, key);
    assert_eq!(rig.read(key), got(b"tail"));
    assert_eq!(rig.read(key), end());
}

#[test]
fn closed_with_a_full_ring_waits_for_the_reader() {
    let mut rig = Rig::up::<1, 4, 4>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"full");
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.read(key), got(b"full"));
    rig.serve(key, b"more");
    assert_eq!(rig.read(key), got(b"more"));
    empty(&mut rig, key);
    assert_eq!(rig.read(key), end());
}

/// A read is refused with this code.
#[track_caller]
fn refuse(rig: &mut Rig, job: Job, code: u16) {
    rig.run(job, &["ERROR"]);
    let reason = std::format!("+QIGETERROR: {code},text");
    rig.run(Job::LastError, &[&reason, "OK"]);
}

/// The read that is due is refused with this code until it is not repeated any more. Returns how often, and how long it took.
fn refuse_all(rig: &mut Rig, key: Key, code: u16) -> (u32, Duration) {
    let start = rig.now;
    let read = rig.read_job(key);
    for count in 1..100 {
        refuse(rig, read, code);
        match rig.next() {
            crate::engine::Action::Wait(until) if until < crate::util::time::NEVER => {
                rig.wait(until);
            }
            _ => return (count, rig.now - start),
        }
    }
    panic!("the read is repeated for ever")
}

#[test]
fn refused_read_after_closed_is_the_end() {
    let mut rig = up();
    let key = rig.draining();
    assert_eq!(refuse_all(&mut rig, key, 552).0, 2);
    assert_eq!(rig.read(key), end());
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn read_that_is_refused_in_passing_is_repeated() {
    for line in [
        "+CME ERROR: 3",
        "+CME ERROR: 14",
        "+CME ERROR: 568",
        "ERROR",
    ] {
        for is_closed in [false, true] {
            let mut rig = up();
            let key = rig.open();
            rig.on_line("+QIURC: \"recv\",0,4");
            if is_closed {
                rig.on_line("+QIURC: \"closed\",0");
            }
            for _ in 0..3 {
                rig.run(rig.read_job(key), &[line]);
                if line == "ERROR" {
                    rig.run(Job::LastError, &["+QIGETERROR: 568,busy", "OK"]);
                }
                assert_eq!(rig.read(key), Poll::Pending);
                let pause = rig.idle().expect("a pause");
                rig.wait(pause);
            }
            rig.serve(key, b"data");
            assert_eq!(rig.read(key), got(b"data"));
        }
    }
}

#[test]
fn data_that_was_announced_and_cannot_be_read_is_no_end_of_stream() {
    for code in [550, 552, 567, 568, 569] {
        for notice in ["+QIURC: \"recv\",0,70", "+QIURC: \"recv\",0"] {
            let mut rig = up();
            let key = rig.open();
            rig.on_line(notice);
            rig.on_line("+QIURC: \"closed\",0");
            let (count, time) = refuse_all(&mut rig, key, code);
            assert_eq!(count, 8);
            assert!(time < Duration::from_secs(10));
            assert!(matches!(rig.read(key), Poll::Ready(Err(_))), "{code}");
        }
    }
}

/// The receive ring was full, so that the module may have more.
#[test]
fn refusal_behind_a_whole_read_is_no_end_of_stream() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"01234567");
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.read(key), got(b"01234567"));
    refuse_all(&mut rig, key, 550);
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

#[test]
fn refusal_in_the_middle_of_what_was_announced_is_no_end_of_stream() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0,70");
    rig.serve(key, &[1; 30]);
    rig.on_line("+QIURC: \"closed\",0");
    refuse_all(&mut rig, key, 550);
    assert_eq!(rig.read(key), got(&[1; 30]));
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

#[test]
fn passing_refusals_have_an_end() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    let (count, time) = refuse_all(&mut rig, key, 568);
    assert_eq!(count, 8);
    assert!(time < Duration::from_secs(10));
    let busy = Error::Module(crate::at::ErrorCode::BUSY);
    assert_eq!(rig.read(key), Poll::Ready(Err(busy)));
}

#[test]
fn count_that_is_refused_in_passing_is_repeated() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.silence();
    rig.bring_up();
    while rig.next() != crate::engine::Action::Run(Job::CountReceived(key)) {
        rig.step_up();
    }
    refuse(&mut rig, Job::CountReceived(key), 568);
    let pause = rig.idle().expect("a pause");
    rig.wait(pause);
    rig.run(Job::CountReceived(key), &["+QIRD: 4,0,4", "OK"]);
    rig.serve(key, b"data");
    assert_eq!(rig.read(key), got(b"data"));
}

#[test]
fn refused_read_is_a_reset_connection() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.run(rig.read_job(key), &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 567,socket has been closed", "OK"],
    );
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::ConnectionReset)));
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.phase(key), Phase::Closed);
}

/// A read has no answer, or not all of one; the module is asked how many bytes it has returned.
#[test]
fn unanswered_read_is_lost_data_if_the_module_has_handed_over_more_than_came() {
    for (come, count, is_lost) in [
        ("", 4, false),
        ("", 3, false),
        ("", 5, true),
        ("", 1500, true),
        ("part", 8, false),
        ("part", 9, true),
        // The final result code may be in it.
        ("\r\nOK", 8, true),
    ] {
        let mut rig = up();
        let key = rig.open();
        rig.on_line("+QIURC: \"recv\",0");
        rig.serve(key, b"test");
        rig.expect(rig.read_job(key));
        if !come.is_empty() {
            rig.say_data(come.as_bytes());
        }
        rig.silence();
        assert_eq!(rig.read(key), got(b"test"));
        if come != "\r\nOK" {
            rig.run(Job::Attention, &["OK"]);
            rig.now = rig.idle().unwrap();
            rig.run(Job::Attention, &["OK"]);
            rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
            let counts = std::format!("+QIRD: {count},{count},0");
            rig.run(Job::CountReceived(key), &[&counts, "OK"]);
        }
        if is_lost {
            assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
        } else {
            if !come.is_empty() {
                assert_eq!(rig.read(key), got(come.as_bytes()));
            }
            rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
            assert_eq!(rig.read(key), Poll::Pending);
        }
    }
}

#[test]
fn ok_before_the_header_is_a_late_one() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    let late = rig.engine(|engine| engine.counters.late_results.get());
    rig.say_data(b"x");
    rig.answer(&["OK"]);
    rig.expect(rig.read_job(key));
    rig.on_line("OK");
    assert_eq!(
        rig.engine(|engine| engine.counters.late_results.get()),
        late + 1
    );
    rig.answer(&["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), got(b"x"));
}

#[test]
fn header_may_carry_an_address() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    let heard = rig.on_line("+QIRD: 4,\"203.0.113.7\",80");
    assert_eq!((heard, rig.announced()), (LineKind::Header, 4));
}

/// Anybody can write such a line. Only where a read was given up it is taken for the late answer.
#[test]
fn header_without_a_read_is_believed_once_and_after_a_read_without_an_answer() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(rig.on_line("+QIRD: 5"), LineKind::Foreign);
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.silence();
    rig.expect(Job::Attention);
    assert_eq!(rig.on_line("+QIRD: 5"), LineKind::Header);
    assert_eq!(rig.engine(|engine| engine.incoming.sink), Some(key));
    assert_eq!(rig.on_line("+QIRD: 5"), LineKind::Foreign);
}

#[test]
fn header_of_more_than_a_read_returns_is_no_header() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    for line in [
        "+QIRD: 1501",
        "+QIRD: 65535",
        "+QIRD: 3524,3005,519",
        "+QIRD: x",
        "+QIRD:",
    ] {
        assert_eq!(
            rig.on_line(line),
            crate::engine::LineKind::Foreign,
            "{line}"
        );
    }
    rig.say_data(b"x");
    rig.answer(&["OK"]);
}

#[test]
fn data_of_a_socket_that_is_gone_is_dropped_and_counted() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.abort(key);
    rig.say_data(b"gone");
    rig.answer(&["OK"]);
    assert_eq!(rig.engine(|engine| engine.counters.dropped_bytes.get()), 4);
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
}

#[test]
fn readiness_includes_the_end_and_errors() {
    let mut rig = up();
    let key = rig.open();
    assert!(!rig.engine(|engine| engine.read_ready(key)));
    rig.on_line("+QIURC: \"recv\",0");
    assert!(!rig.engine(|engine| engine.read_ready(key)));
    rig.serve(key, b"x");
    assert!(rig.engine(|engine| engine.read_ready(key)));
    assert_eq!(rig.read(key), got(b"x"));
    assert!(!rig.engine(|engine| engine.read_ready(key)));
    rig.on_line("+QIURC: \"closed\",0");
    empty(&mut rig, key);
    assert!(rig.engine(|engine| engine.read_ready(key)));
    let lost = rig.open();
    rig.on_line("RDY");
    assert!(rig.engine(|engine| engine.read_ready(lost)));
    assert!(rig.engine(|engine| engine.write_ready(lost)));
}

#[test]
fn empty_buffer_reads_nothing_and_waits_for_nothing() {
    let mut rig = up();
    let key = rig.open();
    let none = rig.read_with(key, 0);
    assert_eq!(none, end());
    assert_eq!(rig.idle(), None);
}

/// What the UART lost is made up for by bytes that are not payload: the count is right, and the stream is not.
#[test]
fn error_of_the_uart_during_a_read_is_lost_data() {
    let mut rig = up();
    let key = rig.open();
    let other = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.say_data(b"par\r\nO");
    rig.engine(|engine| engine.serial_error());
    rig.answer(&["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
    // Its neighbours are not touched, nor is anything by an error while nothing is read.
    rig.run(Job::Close(key), &["OK"]);
    rig.engine(|engine| engine.serial_error());
    assert_eq!(rig.read(other), Poll::Pending);
}

#[test]
fn reader_that_is_gone_is_not_rechecked_for() {
    let mut rig = up();
    let key = rig.open();
    assert_eq!(rig.read(key), Poll::Pending);
    rig.now = rig.idle().expect("a re-check");
    empty(&mut rig, key);
    assert_eq!(rig.idle(), None);
}

/// A read that is not answered within its time; its answer comes this many seconds later.
fn late_read(seconds: u64, line: &str, bytes: &[u8]) -> (Rig, Key) {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.pass(10_000);
    rig.silence();
    rig.mute_for(seconds);
    loop {
        match rig.next() {
            Action::Wait(at) => rig.wait(at),
            Action::Run(job) => break rig.begin(job),
            _ => {}
        }
    }
    if let LineKind::Header = rig.on_line(line) {
        rig.engine(|engine| engine.deliver(bytes));
    }
    rig.answer(&["OK"]);
    rig.check_passes();
    (rig, key)
}

#[test]
fn slow_read_gets_its_time() {
    for seconds in [1, 4, 20, 45] {
        let (mut rig, key) = late_read(seconds, "+QIRD: 5", b"hello");
        // Nothing is missing.
        rig.run(Job::CountReceived(key), &["+QIRD: 5,5,0", "OK"]);
        assert_eq!(rig.read(key), Poll::Ready(Ok(b"hello".to_vec())));
        rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
        assert_eq!(rig.idle(), None, "{seconds} s");
    }
}

/// The answer to `AT` becomes part of it, and may be told so that only the next one shows that something is missing.
#[test]
fn slow_read_that_is_cut_is_lost_data() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.pass(10_000);
    rig.silence();
    rig.expect(Job::Attention);
    let LineKind::Header = rig.on_line("+QIRD: 20") else {
        panic!("no payload")
    };
    rig.engine(|engine| engine.deliver(b"hello\r\nOK\r\n"));
    rig.pass(30_000);
    rig.silence();
    rig.check_passes();
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// Its data is lost, and a line end is taken for it, before the module is asked whether it answers.
#[test]
fn late_data_that_is_a_line_end_is_lost_data() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    rig.pass(10_000);
    rig.silence();
    let LineKind::Header = rig.on_line("+QIRD: 1") else {
        panic!("no payload")
    };
    rig.engine(|engine| {
        engine.deliver(b"\r");
        engine.take_payload_trailer(b'\n');
    });
    rig.check_passes();
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// Enough bytes are lost that the payload ends with the final result code, or takes all of it.
#[test]
fn read_that_takes_its_result_for_data_has_lost_data() {
    for payload in ["some\r\n\r\nO", "some\r\n\r\nOK", "some\r\n\r\nOK\r\n"] {
        let mut rig = up();
        let key = rig.open();
        rig.on_line("+QIURC: \"recv\",0");
        rig.expect(rig.read_job(key));
        let heard = rig.on_line(&std::format!("+QIRD: {}", payload.len()));
        let LineKind::Header = heard else {
            panic!("no payload")
        };
        rig.engine(|engine| {
            engine.deliver(payload.as_bytes());
            // A URC follows.
            if payload.ends_with('\n') {
                for byte in *b"\r\n+" {
                    engine.take_payload_trailer(byte);
                }
            }
        });
        rig.pass(10_000);
        rig.silence();
        rig.check_passes();
        assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
    }
}

#[test]
fn slow_read_without_data_is_no_error() {
    let (mut rig, key) = late_read(4, "+QIRD: 0", b"");
    rig.run(Job::CountReceived(key), &["+QIRD: 0,0,0", "OK"]);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Pending);
}

#[test]
fn module_that_refuses_long_reads_is_asked_for_less() {
    for answer in ["+CME ERROR: 50", "+CME ERROR: 552", "ERROR"] {
        let mut rig = up();
        let key = rig.open();
        rig.on_line("+QIURC: \"recv\",0");
        rig.run(Job::Read { key, length: 1500 }, &[answer]);
        if answer == "ERROR" {
            rig.run(
                Job::LastError,
                &["+QIGETERROR: 552,invalid parameters", "OK"],
            );
        }
        for _ in 0..2 {
            rig.expect(Job::Read { key, length: 1024 });
            rig.say_data(&[7; 1024]);
            rig.answer(&["OK"]);
            assert_eq!(rig.read(key), got(&[7; 1024]));
        }
        // Then a refusal means something else.
        rig.run(Job::Read { key, length: 1024 }, &["+CME ERROR: 552"]);
        assert_eq!(rig.read(key), Poll::Ready(Err(Error::ConnectionReset)));
    }
}
