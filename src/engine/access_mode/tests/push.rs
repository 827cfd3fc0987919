//! Direct push mode, and changes of the access mode on a live socket (1.2, 2.1.10).

use core::net::SocketAddr;
use core::task::Poll;
use std::vec::Vec;

use embassy_time::{Duration, Instant};

use crate::at::{AccessMode, ServiceType};
use crate::engine::rig::PEER;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, AtResult, Job, Key, LineKind, LinkState, Options, Phase, Request};
use crate::error::Error;

const SENDER: &str = "192.0.2.1";

fn opening(rig: &mut Rig, request: Request<'_>) -> Key {
    let mode = AccessMode::DirectPush;
    let claimed = rig.engine(|engine| engine.poll_claim(&request, mode));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("no slot: {claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    key
}

fn open(rig: &mut Rig, request: Request<'_>) -> Key {
    let key = opening(rig, request);
    let line = std::format!("+QIOPEN: {},0", rig.id(key));
    rig.on_line(&line);
    key
}

fn pushing(rig: &mut Rig) -> Key {
    open(rig, Request::connect(PEER).unwrap())
}

/// A header, and as much of its data as is taken.
fn push(rig: &mut Rig, header: &str, bytes: &[u8]) -> usize {
    match rig.on_line(header) {
        LineKind::Header => {
            assert_eq!(rig.announced(), bytes.len());
            rig.engine(|engine| engine.deliver(bytes))
        }
        heard => panic!("{heard:?}"),
    }
}

/// The line end after payload, and the beginning of a line.
fn behind(rig: &mut Rig) {
    for byte in *b"\r\n+" {
        rig.engine(|engine| engine.take_payload_trailer(byte));
    }
}

/// When to look again for room in the ring that has held up the line since then.
fn room(rig: &Rig, since: Instant) -> Option<Instant> {
    let until = rig.engine(|engine| engine.stall_deadline(since));
    until.filter(|until| rig.now < *until)
}

/// What is received, and from whom.
type Received = (Vec<u8>, Option<SocketAddr>);

fn receive(rig: &mut Rig, key: Key) -> Poll<Result<Received, Error>> {
    let mut into = [0; 200];
    rig.engine(|engine| engine.poll_receive(key, &mut into))
        .map_ok(|(length, peer)| (into[..length].to_vec(), peer))
}

fn dropped(rig: &Rig) -> u32 {
    rig.engine(|engine| engine.counters.dropped_datagrams.get())
}

fn want(rig: &mut Rig, key: Key, mode: AccessMode) {
    rig.engine(|engine| engine.want_mode(key, mode).unwrap());
}

fn mode(rig: &mut Rig, key: Key) -> Poll<Result<(), Error>> {
    rig.engine(|engine| engine.poll_mode(key))
}

#[test]
fn pushed_data_needs_no_read() {
    let mut rig = up();
    let key = pushing(&mut rig);
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,4", b"test"), 4);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
    assert_eq!(rig.idle(), None);
}

/// A command of the user that is not answered says nothing about the data that comes meanwhile.
#[cfg(feature = "at-client")]
#[test]
fn data_around_a_command_without_an_answer_is_kept() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.engine(|engine| {
        assert!(engine.user_command.poll_begin(1).is_ready());
        assert!(engine.user_command.write(1, b"text\x1a"));
        engine.user_command.submit(Options {
            limit: Duration::from_secs(1),
            is_mute: true,
            asks_reason: false,
        });
    });
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,6") else {
        panic!("no header");
    };
    assert_eq!(rig.engine(|engine| engine.deliver(b"abc")), 3);
    rig.expect(Job::User);
    assert!(rig.is_answered());
    rig.engine(|engine| engine.finish_action(Action::Run(Job::User), true));
    assert_eq!(rig.engine(|engine| engine.deliver(b"def")), 3);
    behind(&mut rig);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"abcdef".to_vec())));
    let result = rig.engine(|engine| engine.user_command.poll_result());
    assert_eq!(result, Poll::Ready(AtResult::Done));
    assert!(rig.engine(|engine| engine.link.is_up()));
}

#[test]
fn data_before_the_result_of_the_open_is_kept() {
    let mut rig = up();
    let key = opening(&mut rig, Request::connect(PEER).unwrap());
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,5", b"early"), 5);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"early".to_vec())));
}

#[test]
fn data_before_the_failure_of_the_open_is_that_of_another_connection() {
    let mut rig = up();
    let key = opening(&mut rig, Request::connect(PEER).unwrap());
    push(&mut rig, "+QIURC: \"recv\",0,5", b"other");
    behind(&mut rig);
    rig.on_line("+QIOPEN: 0,563");
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.read(key), Poll::Pending);
    push(&mut rig, "+QIURC: \"recv\",0,3", b"own");
    behind(&mut rig);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"own".to_vec())));
}

#[test]
fn a_full_ring_takes_less_and_fails_in_the_end() {
    let mut rig = Rig::up::<2, 8, 64>();
    let key = pushing(&mut rig);
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,10", b"0123456789"), 8);
    let since = rig.now;
    let until = room(&rig, since);
    assert_eq!(until, Some(since + embassy_time::Duration::from_secs(2)));
    rig.pass(2000);
    assert_eq!(room(&rig, since), None);
    // What was here before is still the user's.
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"01234567".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::Overrun)));
    assert_eq!(rig.phase(key), Phase::Closing);
}

#[test]
fn data_whose_header_was_lost_wakes_the_runner() {
    let mut rig = up();
    pushing(&mut rig);
    rig.idle();
    rig.on_line("what the peer said");
    assert!(rig.engine(|engine| engine.exchange.is_work_pending()));
}

#[test]
fn a_reader_makes_room() {
    let mut rig = Rig::up::<2, 8, 64>();
    let key = pushing(&mut rig);
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,10") else {
        panic!("no payload")
    };
    let take = |rig: &mut Rig, bytes: &[u8]| rig.engine(|engine| engine.deliver(bytes));
    assert_eq!(take(&mut rig, b"0123456789"), 8);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"01234567".to_vec())));
    assert_eq!(room(&rig, rig.now), None);
    assert_eq!(take(&mut rig, b"89"), 2);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"89".to_vec())));
}

#[test]
fn the_time_of_an_answer_does_not_run_while_the_line_is_held_up() {
    let mut rig = Rig::up::<2, 8, 64>();
    pushing(&mut rig);
    let start = rig.now;
    let limit = embassy_time::Duration::from_secs(1);
    rig.engine(|engine| engine.exchange.start_deadline(limit, start));
    push(&mut rig, "+QIURC: \"recv\",0,10", b"0123456789");
    rig.pass(1500);
    let now = rig.now;
    assert_eq!(rig.engine(|engine| engine.deadline()), now + limit);
    rig.pass(500);
    let now = rig.now;
    assert_eq!(room(&rig, start), None);
    assert_eq!(rig.engine(|engine| engine.deliver(b"89")), 2);
    assert_eq!(rig.engine(|engine| engine.deadline()), now + limit);
}

#[test]
fn a_notice_without_a_length_is_read_in_any_mode() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"kept back");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"kept back".to_vec())));
}

/// It is for the connection that had the connectID before, and is late.
#[test]
fn a_length_behind_the_end_is_that_of_a_notice() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"last");
    behind(&mut rig);
    rig.on_line("+QIURC: \"closed\",0");
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,4") else {
        panic!("no doubt")
    };
    let line = b"\r\n+QIRD: 0\r\n";
    assert_eq!(rig.engine(|engine| engine.deliver(line)), 0);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"last".to_vec())));
    assert_eq!(rig.read(key), Poll::Pending);
}

#[test]
fn the_end_comes_behind_what_was_pushed() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"last");
    rig.on_line("+QIURC: \"closed\",0");
    // There is nothing to be read in this mode.
    for job in [Job::CountReceived(key), rig.read_job(key)] {
        rig.run(job, &["ERROR"]);
        rig.run(
            Job::LastError,
            &["+QIGETERROR: 552,invalid parameters", "OK"],
        );
    }
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"last".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"".to_vec())));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn a_push_that_was_lost_whole_is_missed_at_the_end() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
    rig.on_line("+QIURC: \"closed\",0");
    count(&mut rig, key, 8);
    let pause = rig.idle().expect("a pause");
    rig.wait(pause);
    count(&mut rig, key, 8);
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// The data is lost, and the first byte of an answer is taken for it.
#[test]
fn what_is_withheld_when_a_connection_fails_is_nobodys() {
    let mut rig = up();
    let key = pushing(&mut rig);
    // A late one: the count is asked for.
    rig.on_line("OK");
    rig.expect(Job::CountReceived(key));
    push(&mut rig, "+QIURC: \"recv\",0,1", b"\r");
    rig.engine(|engine| engine.take_payload_trailer(b'\n'));
    rig.answer(&["+QIRD: 1,1,0", "OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

#[test]
fn lost_bytes_fail_every_stream_that_is_pushed_to() {
    let mut rig = up();
    let pushed = pushing(&mut rig);
    let buffered = rig.open();
    rig.engine(|engine| engine.serial_error());
    assert_eq!(rig.read(pushed), Poll::Ready(Err(Error::DataLost)));
    assert_eq!(rig.read(buffered), Poll::Pending);
}

#[test]
fn half_a_payload_that_is_given_up_fails_its_stream() {
    let mut rig = up();
    let key = pushing(&mut rig);
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,10") else {
        panic!("no payload")
    };
    rig.engine(|engine| engine.deliver(b"01234"));
    rig.engine(|engine| engine.want_mode(key, AccessMode::Buffer).unwrap());
    rig.expect(Job::Switch {
        key,
        mode: AccessMode::Buffer,
    });
    rig.silence();
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"01234".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// A header and the first byte of its data; then nothing for long, and the module is asked about the connection.
fn pause(rig: &mut Rig) -> Key {
    let key = pushing(rig);
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,10") else {
        panic!("no payload")
    };
    for _ in 0..3 {
        rig.engine(|engine| engine.deliver(b"x"));
        rig.idle();
        rig.pass(900);
    }
    rig.idle();
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"xxx".to_vec())));
    rig.pass(200);
    rig.expect(Job::Status(key));
    key
}

#[test]
fn a_payload_that_does_not_get_on_is_given_up() {
    let mut rig = up();
    let key = pause(&mut rig);
    // Some modules stop for 12 s.
    let now = rig.now;
    let until = rig.engine(|engine| engine.deadline());
    assert_eq!((until - now).as_secs(), 25);
    rig.silence();
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

#[test]
fn push_with_a_pause_is_data_if_its_line_end_follows() {
    for (behind, is_whole) in [(b"\r\n\r\n+", true), (b"ISTAT", false)] {
        let mut rig = up();
        let key = pause(&mut rig);
        assert_eq!(rig.engine(|engine| engine.deliver(b"\r\n+QIST")), 7);
        assert_eq!(rig.read(key), Poll::Pending);
        for byte in *behind {
            rig.engine(|engine| engine.take_payload_trailer(byte));
        }
        let expected = match is_whole {
            true => Ok(b"\r\n+QIST".to_vec()),
            false => Err(Error::DataLost),
        };
        assert_eq!(rig.read(key), Poll::Ready(expected));
    }
}

#[test]
fn data_for_a_dropped_connection_is_dropped_and_counted() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.release(key);
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,4", b"late"), 4);
    assert_eq!(rig.engine(|engine| engine.counters.dropped_bytes.get()), 4);
}

#[test]
fn after_the_close_a_length_is_that_of_a_notice_again() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.abort(key);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.on_line("+QIURC: \"recv\",0,4"), LineKind::Handled);
}

#[test]
fn a_lost_closed_notice_is_found_out() {
    let mut rig = up();
    let key = pushing(&mut rig);
    for _ in 0..20 {
        assert_eq!(rig.read(key), Poll::Pending);
        let Some(until) = rig.idle_or(Job::Status(key)) else {
            rig.begin(Job::Status(key));
            rig.answer(&["OK"]);
            assert_eq!(rig.read(key), Poll::Ready(Err(Error::ConnectionReset)));
            return;
        };
        rig.now = until.expect("a time to look again").max(rig.now);
    }
    panic!("the state is never asked for");
}

// ---- datagrams -----------------------------------------------------------------------------------------------------

#[test]
fn pushed_datagrams_keep_their_borders_and_senders() {
    let mut rig = up();
    let key = open(&mut rig, Request::service(3030));
    let sender = Some(SocketAddr::new(SENDER.parse().unwrap(), 5000));
    push(&mut rig, "+QIURC: \"recv\",0,3,\"192.0.2.1\",5000", b"one");
    assert_eq!(
        rig.on_line("+QIURC: \"recv\",0,0,\"192.0.2.1\",5000"),
        LineKind::Handled
    );
    push(&mut rig, "+QIURC: \"recv\",0,3,\"192.0.2.1\",5000", b"two");
    for datagram in ["one", "", "two"] {
        let wanted = (datagram.as_bytes().to_vec(), sender);
        assert_eq!(receive(&mut rig, key), Poll::Ready(Ok(wanted)));
    }
    assert_eq!(dropped(&rig), 0);
}

#[test]
fn a_datagram_without_its_sender_is_dropped_and_counted() {
    let mut rig = up();
    let key = open(&mut rig, Request::service(3030));
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,3", b"one"), 3);
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    assert_eq!(dropped(&rig), 1);
}

#[test]
fn a_crowded_ring_drops_datagrams_until_there_is_room() {
    let mut rig = Rig::up::<2, 40, 64>();
    let key = open(&mut rig, Request::datagrams(PEER, 0).unwrap());
    push(&mut rig, "+QIURC: \"recv\",0,10", b"0123456789");
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,5") else {
        panic!("no payload")
    };
    let deliver = |rig: &mut Rig, bytes: &[u8]| rig.engine(|engine| engine.deliver(bytes));
    assert_eq!(deliver(&mut rig, b"abcde"), 0);
    let since = rig.now;
    assert!(room(&rig, since).is_some());
    rig.pass(2000);
    assert_eq!(room(&rig, since), None);
    assert_eq!(deliver(&mut rig, b"abcde"), 5);
    // The next one does not hold up the line any more.
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,5", b"fghij"), 5);
    assert_eq!(dropped(&rig), 2);
    let first = (b"0123456789".to_vec(), None);
    assert_eq!(receive(&mut rig, key), Poll::Ready(Ok(first)));
    push(&mut rig, "+QIURC: \"recv\",0,5", b"klmno");
    let last = (b"klmno".to_vec(), None);
    assert_eq!(receive(&mut rig, key), Poll::Ready(Ok(last)));
}

#[test]
fn a_datagram_that_can_never_fit_does_not_hold_up_the_line() {
    let mut rig = Rig::up::<2, 30, 64>();
    open(&mut rig, Request::datagrams(PEER, 0).unwrap());
    assert_eq!(push(&mut rig, "+QIURC: \"recv\",0,10", b"0123456789"), 10);
    assert_eq!(dropped(&rig), 1);
}

#[test]
fn a_reader_that_waits_for_the_rest_of_a_datagram_does_not_keep_the_runner_busy() {
    let mut rig = Rig::up::<2, 200, 64>();
    let key = open(&mut rig, Request::datagrams(PEER, 0).unwrap());
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,100") else {
        panic!("no payload")
    };
    rig.engine(|engine| {
        engine.deliver(&[0; 10]);
    });
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    rig.idle();
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    assert!(
        rig.engine(|engine| engine.exchange.poll_work())
            .is_pending()
    );
}

#[test]
fn datagrams_cannot_be_had_transparently() {
    let mut rig = up();
    let key = open(&mut rig, Request::datagrams(PEER, 0).unwrap());
    let wanted = rig.engine(|engine| engine.want_mode(key, AccessMode::Transparent));
    assert_eq!(wanted, Err(Error::Unsupported));
    let claimed = rig.engine(|engine| {
        let request = Request::service(3030);
        engine.poll_claim(&request, AccessMode::Transparent)
    });
    assert_eq!(claimed, Poll::Ready(Err(Error::Unsupported)));
}

// ---- changes -------------------------------------------------------------------------------------------------------

#[test]
fn held_data_is_read_before_and_after_the_change() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    want(&mut rig, key, AccessMode::DirectPush);
    rig.serve(key, b"before ");
    rig.expect(Job::Read { key, length: 1500 });
    rig.answer(&["+QIRD: 0", "OK"]);
    rig.expect(Job::Switch {
        key,
        mode: AccessMode::DirectPush,
    });
    // A notice with its length: before the OK it is no header.
    assert_eq!(rig.on_line("+QIURC: \"recv\",0,5"), LineKind::Handled);
    rig.answer(&["OK"]);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
    push(&mut rig, "+QIURC: \"recv\",0,5", b"after");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"before after".to_vec())));
    assert_eq!(rig.idle(), None);
}

#[test]
fn back_in_buffer_mode_the_counts_are_taken_anew() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
    want(&mut rig, key, AccessMode::Buffer);
    rig.expect(Job::Switch {
        key,
        mode: AccessMode::Buffer,
    });
    push(&mut rig, "+QIURC: \"recv\",0,4", b"more");
    rig.answer(&["OK"]);
    let LineKind::Header = rig.on_line("+QIURC: \"recv\",0,3") else {
        panic!("it may be one")
    };
    assert_eq!(rig.engine(|engine| engine.deliver(b"\r\n+QIRD: 3,0")), 0);
    // Not all firmware counts what it pushed.
    rig.run(Job::CountReceived(key), &["+QIRD: 3,0,3", "OK"]);
    rig.serve(key, b"end");
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"testmoreend".to_vec())));
}

#[test]
fn a_refused_change_leaves_the_connection_as_it_is() {
    let mut rig = up();
    let key = rig.open();
    want(&mut rig, key, AccessMode::DirectPush);
    rig.run(
        Job::Switch {
            key,
            mode: AccessMode::DirectPush,
        },
        &["ERROR"],
    );
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 552,invalid parameters", "OK"],
    );
    let refused = mode(&mut rig, key);
    assert!(matches!(refused, Poll::Ready(Err(Error::Module(_)))));
    rig.run(
        Job::Status(key),
        &[
            "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
            "OK",
        ],
    );
    assert_eq!(rig.phase(key), Phase::Open);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
}

/// As the blocking API does, which asks again with each call.
#[test]
fn a_change_that_is_asked_for_again_and_again_is_tried_once() {
    let mut rig = up();
    let key = rig.open();
    let change =
        |rig: &mut Rig| rig.engine(|engine| engine.poll_change_mode(key, AccessMode::DirectPush));
    let switch = Job::Switch {
        key,
        mode: AccessMode::DirectPush,
    };
    for result in ["+CME ERROR: 552", "OK"] {
        assert_eq!(change(&mut rig), Poll::Pending);
        rig.expect(switch);
        assert_eq!(change(&mut rig), Poll::Pending);
        rig.answer(&[result]);
        if result == "OK" {
            break;
        }
        let refused = change(&mut rig);
        assert!(matches!(refused, Poll::Ready(Err(Error::Module(_)))));
        rig.run(
            Job::Status(key),
            &[
                "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
                "OK",
            ],
        );
    }
    assert_eq!(change(&mut rig), Poll::Ready(Ok(())));
}

#[test]
fn a_change_that_is_refused_in_passing_is_repeated() {
    let mut rig = up();
    let key = rig.open();
    let switch = Job::Switch {
        key,
        mode: AccessMode::DirectPush,
    };
    want(&mut rig, key, AccessMode::DirectPush);
    rig.run(switch, &["+CME ERROR: 568"]);
    let until = rig.idle().expect("a pause");
    assert_eq!(mode(&mut rig, key), Poll::Pending);
    rig.wait(until);
    rig.run(switch, &["OK"]);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));

    want(&mut rig, key, AccessMode::Buffer);
    let switch = Job::Switch {
        key,
        mode: AccessMode::Buffer,
    };
    for tries in 0..8 {
        if tries > 0 {
            let until = rig.idle().expect("a pause");
            rig.wait(until);
        }
        rig.run(switch, &["+CME ERROR: 568"]);
    }
    assert!(matches!(
        mode(&mut rig, key),
        Poll::Ready(Err(Error::Module(_)))
    ));
}

#[test]
fn a_change_without_an_answer_ends_the_connection() {
    let mut rig = up();
    let key = rig.open();
    want(&mut rig, key, AccessMode::DirectPush);
    rig.expect(Job::Switch {
        key,
        mode: AccessMode::DirectPush,
    });
    rig.silence();
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

#[test]
fn connection_of_a_push_listener_is_switched_to_push() {
    let mut rig = up();
    let listener = open(
        &mut rig,
        Request::listen(ServiceType::TcpListener, 2020).unwrap(),
    );
    rig.on_line("+QIURC: \"incoming\",11,0,\"192.0.2.1\",5000");
    let key = Key::new(1, 1);
    rig.on_line("+QIURC: \"recv\",11,5");
    rig.serve(key, b"early");
    rig.run(
        Job::Switch {
            key,
            mode: AccessMode::DirectPush,
        },
        &["OK"],
    );
    push(&mut rig, "+QIURC: \"recv\",11,5", b" late");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    let accepted = rig.engine(|engine| engine.poll_accept(listener));
    assert!(matches!(accepted, Poll::Ready(Ok((accepted, _))) if accepted == key));
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"early late".to_vec())));
    assert_eq!(rig.engine(|engine| engine.link_state()), LinkState::Up);
}

// ---- lines that may be the rest of pushed data ---------------------------------------------------------------------

/// The module says how much it has returned.
#[track_caller]
fn count(rig: &mut Rig, key: Key, count: u32) {
    let line = std::format!("+QIRD: {count},{count},0");
    rig.run(Job::CountReceived(key), &[&line, "OK"]);
}

#[test]
fn unknown_notices_change_no_state() {
    for line in ["+QIURC: \"future\",0,1", "+FUTURE: 1", "FUTURE"] {
        let mut rig = up();
        let key = pushing(&mut rig);
        push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
        rig.on_line(line);
        assert_eq!(rig.idle(), None);
        push(&mut rig, "+QIURC: \"recv\",0,4", b"more");
        assert_eq!(rig.read(key), Poll::Ready(Ok(b"testmore".to_vec())));
        assert_eq!(rig.read(key), Poll::Pending);

        let mut rig = up();
        let request = Request::listen(ServiceType::TcpListener, 2020).unwrap();
        let listener = open(&mut rig, request);
        rig.on_line(line);
        assert_eq!(rig.idle(), None);
        assert_eq!(rig.phase(listener), Phase::Open);
    }
}

#[test]
fn data_whose_header_was_lost_is_missed_by_the_count() {
    for line in [
        "text",
        "+QIURC: \"rcv\",0,4",
        "+QIURC: \"recv\"",
        "URC: \"recv\",0,4",
        "+QIURC: ,0,4",
        "+QIURC: \"recv\",0,4TEXT",
    ] {
        let mut rig = up();
        let key = pushing(&mut rig);
        let other = rig.open();
        push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
        rig.on_line(line);
        count(&mut rig, key, 8);
        // It may be on its way.
        let pause = rig.idle().expect("a pause");
        rig.wait(pause);
        count(&mut rig, key, 8);
        assert_eq!(rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
        assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
        assert_eq!(rig.read(other), Poll::Pending);
    }
}

/// What comes after the loss is in the wrong place.
#[test]
fn data_after_lost_data_waits_for_the_count() {
    for (line, counted, is_lost) in [
        ("text", 8, true),
        ("text", 4, false),
        ("+QIURC: \"rec\",0,4", 8, true),
        ("+QIURC: \"rec\",0,4", 4, false),
    ] {
        let mut rig = up();
        let key = pushing(&mut rig);
        rig.on_line(line);
        push(&mut rig, "+QIURC: \"recv\",0,4", b"more");
        behind(&mut rig);
        assert_eq!(rig.read(key), Poll::Pending);
        count(&mut rig, key, counted);
        if is_lost {
            let pause = rig.idle().expect("a pause");
            rig.wait(pause);
            count(&mut rig, key, counted);
            assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
        } else {
            assert_eq!(rig.read(key), Poll::Ready(Ok(b"more".to_vec())));
        }
    }
}

#[test]
fn data_after_the_count_is_not_counted() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.on_line("text");
    rig.expect(Job::CountReceived(key));
    rig.on_line("+QIRD: 4,4,0");
    rig.on_line("OK");
    push(&mut rig, "+QIURC: \"recv\",0,4", b"more");
    behind(&mut rig);
    rig.finish();
    for _ in 0..2 {
        let pause = rig.idle().expect("a pause");
        rig.wait(pause);
        count(&mut rig, key, 8);
    }
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// The count cannot come while the UART is held up, and what cannot be withheld would be given to the reader.
#[test]
fn a_full_ring_does_not_wait_for_the_count() {
    for (line, expected) in [
        ("text", Err(Error::DataLost)),
        ("+QIURC: \"rec\",0,4", Ok(b"01234567".to_vec())),
    ] {
        let mut rig = Rig::up::<2, 8, 64>();
        let key = pushing(&mut rig);
        rig.on_line(line);
        push(&mut rig, "+QIURC: \"recv\",0,10", b"0123456789");
        assert_eq!(rig.read(key), Poll::Ready(expected));
    }
}

#[test]
fn data_that_was_counted_before_it_was_pushed_is_not_missed() {
    let mut rig = up();
    let key = pushing(&mut rig);
    rig.on_line("text");
    count(&mut rig, key, 4);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
    behind(&mut rig);
    let pause = rig.idle().expect("a pause");
    rig.wait(pause);
    count(&mut rig, key, 8);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"more");
    behind(&mut rig);
    let pause = rig.idle().expect("a pause");
    rig.wait(pause);
    count(&mut rig, key, 8);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"testmore".to_vec())));
    assert_eq!(rig.idle(), None);
}

/// Not every line that may be the rest of a header is one.
#[test]
fn module_that_does_not_count_what_it_pushes_is_believed() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
    rig.on_line("+QIURC: \"rec\",0,4");
    count(&mut rig, key, 0);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
    assert_eq!(rig.read(key), Poll::Pending);
}

/// Such a module cannot say whether the text was data.
#[test]
fn text_from_a_module_that_does_not_count_what_it_pushes_is_lost_data() {
    let mut rig = up();
    let key = pushing(&mut rig);
    push(&mut rig, "+QIURC: \"recv\",0,4", b"test");
    rig.on_line("text");
    count(&mut rig, key, 0);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"test".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// Six bytes in front of it were lost, or eight; or the peer sends what looks like that.
#[test]
fn bytes_like_a_result_are_data_if_the_command_has_another_result() {
    for end in ["\r\n\r\nOK", "\r\n\r\nOK\r\n", "\r\nOK"] {
        for answer in [Some("OK"), Some("+CME ERROR: 3"), None] {
            let mut rig = up();
            let key = pushing(&mut rig);
            let _ = rig.ask("name.example");
            rig.expect(Job::Resolve);
            let header = std::format!("+QIURC: \"recv\",0,{}", 10 + end.len());
            let bytes = std::format!("abcdefghij{end}");
            push(&mut rig, &header, bytes.as_bytes());
            behind(&mut rig);
            assert_eq!(rig.read(key), Poll::Ready(Ok(b"abcdefghij".to_vec())));
            // What comes then has to wait, too.
            push(&mut rig, "+QIURC: \"recv\",0,2", b"kl");
            behind(&mut rig);
            assert_eq!(rig.read(key), Poll::Pending);
            if let Some(answer) = answer {
                rig.answer(&[answer]);
                let rest = std::format!("{end}kl").into_bytes();
                assert_eq!(rig.read(key), Poll::Ready(Ok(rest)));
            } else {
                rig.silence();
                assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
            }
        }
        // Nothing is in flight.
        let mut rig = up();
        let key = pushing(&mut rig);
        let header = std::format!("+QIURC: \"recv\",0,{}", end.len());
        push(&mut rig, &header, end.as_bytes());
        behind(&mut rig);
        assert_eq!(rig.read(key), Poll::Ready(Ok(end.as_bytes().to_vec())));
    }
}
