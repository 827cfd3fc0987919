//! Transparent access mode: whose the line is, and whose the bytes (1.2, 3.3).

use core::task::Poll;
use std::vec::Vec;

use embassy_time::Duration;

use crate::at::AccessMode;
use crate::config::Config;
use crate::engine::rig::{PEER, WITH_DTR};
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Escape, Job, Key, LineKind, LinkMode, LinkState, Phase, Request};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

fn claim(rig: &mut Rig) -> Key {
    let claimed = rig.engine(|engine| {
        engine.poll_claim(&Request::connect(PEER).unwrap(), AccessMode::Transparent)
    });
    match claimed {
        Poll::Ready(Ok(key)) => key,
        other => panic!("no slot: {other:?}"),
    }
}

/// A connection that has the line.
fn transparent(rig: &mut Rig) -> Key {
    let key = claim(rig);
    rig.expect(Job::Open(key));
    assert_eq!(rig.on_line("CONNECT"), LineKind::Connected);
    assert_eq!(rig.connected(key), Poll::Ready(Ok(())));
    rig.idle();
    key
}

/// Bytes come over the line.
fn come(rig: &mut Rig, bytes: &[u8]) -> Option<usize> {
    rig.engine(|engine| {
        let epoch = engine.exchange.epoch;
        engine.stream_in(epoch, bytes)
    })
}

fn read(rig: &mut Rig, key: Key) -> Vec<u8> {
    match rig.read(key) {
        Poll::Ready(Ok(bytes)) => bytes,
        Poll::Pending => Vec::new(),
        Poll::Ready(Err(error)) => panic!("{error}"),
    }
}

#[track_caller]
fn send(rig: &mut Rig, key: Key, bytes: &[u8]) {
    assert_eq!(rig.write(key, bytes), Poll::Ready(Ok(bytes.len())));
}

/// What is sent next, or nothing.
fn carry(rig: &mut Rig) -> Option<Vec<u8>> {
    match rig.next() {
        Action::WriteRaw { key, length } => {
            let mut bytes = std::vec![0; length.into()];
            rig.engine(|engine| {
                assert_eq!(engine.peek(key, 0, &mut bytes), bytes.len());
                engine.written(key, bytes.len(), true);
            });
            Some(bytes)
        }
        Action::Wait(_) => None,
        other => panic!("{other:?}"),
    }
}

/// Lets time pass until something is to be done.
fn until_action(rig: &mut Rig) -> Action {
    for _ in 0..20 {
        match rig.next() {
            Action::Wait(until) => rig.wait(until),
            action => return action,
        }
    }
    panic!("nothing is done");
}

fn want(rig: &mut Rig, key: Key, mode: AccessMode) {
    rig.engine(|engine| engine.want_mode(key, mode).unwrap());
}

fn mode(rig: &mut Rig, key: Key) -> Poll<Result<(), Error>> {
    rig.engine(|engine| engine.poll_mode(key))
}

/// The DCD line is not wired.
fn no_carrier_line(rig: &mut Rig) {
    assert_eq!(until_action(rig), Action::ReadDcd);
    rig.engine(|engine| engine.carrier(None));
}

/// An escape is due, and written.
fn escape(rig: &mut Rig) {
    assert_eq!(until_action(rig), Action::Escape(Escape::PlusOnly));
}

#[test]
fn connect_gives_the_line_away() {
    let mut rig = up();
    let key = transparent(&mut rig);
    assert_eq!(
        rig.engine(|engine| engine.link_state()),
        LinkState::Occupied
    );
    assert_eq!(come(&mut rig, b"OK\r\n+QIURC: \"closed\",0"), Some(22));
    assert_eq!(read(&mut rig, key), b"OK\r\n+QIURC: \"closed\",0");
    send(&mut rig, key, b"hello");
    assert_eq!(carry(&mut rig), Some(b"hello".to_vec()));
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
}

#[test]
fn a_rate_may_follow_connect_and_nothing_else() {
    for (line, kind) in [
        ("CONNECT 150000000", LineKind::Connected),
        ("CONNECT FAIL", LineKind::Foreign),
        ("CONNECTED", LineKind::Foreign),
    ] {
        let mut rig = up();
        let key = claim(&mut rig);
        rig.expect(Job::Open(key));
        rig.on_line("OK");
        assert_eq!(rig.on_line(line), kind, "{line}");
    }
}

#[test]
fn every_word_for_a_failed_open_is_understood() {
    for line in ["NO CARRIER", "+QIOPEN: 0,566"] {
        let mut rig = up();
        let key = claim(&mut rig);
        rig.expect(Job::Open(key));
        assert_eq!(rig.on_line("OK"), LineKind::Handled);
        assert_eq!(rig.on_line(line), LineKind::Final);
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(
            rig.connected(key),
            Poll::Ready(Err(Error::ConnectionRefused))
        );
    }
}

/// 3.3.1.
#[test]
fn an_open_without_a_word_is_left_and_closed_after_its_time_limit() {
    let config = Config::new("internet");
    let shorter = config.connect_time(Duration::from_secs(20));
    for (config, limit) in [(config, 150), (shorter, 20)] {
        let mut rig = Rig::up_with::<4, 64, 64>(config);
        let key = claim(&mut rig);
        rig.expect(Job::Open(key));
        let now = rig.now;
        let deadline = rig.engine(|engine| engine.deadline());
        assert_eq!(deadline - now, Duration::from_secs(limit));
        rig.now = deadline;
        rig.silence();
        assert_eq!(rig.connected(key), Poll::Ready(Err(Error::TimedOut)));
        assert_eq!(until_action(&mut rig), Action::Escape(Escape::DataMode));
        rig.check_passes();
        rig.run(Job::Close(key), &["OK"]);
    }
}

#[test]
fn the_line_is_not_given_away_while_a_result_is_awaited() {
    let mut rig = up();
    let other = rig.opening();
    let key = claim(&mut rig);
    rig.idle();
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(other), Poll::Ready(Ok(())));
    rig.expect(Job::Open(key));
}

#[test]
fn no_socket_is_pushed_to_while_another_has_the_line() {
    let mut rig = up();
    let claimed = rig.engine(|engine| {
        engine.poll_claim(&Request::connect(PEER).unwrap(), AccessMode::DirectPush)
    });
    let Poll::Ready(Ok(pushed)) = claimed else {
        panic!("no slot")
    };
    rig.run(Job::Open(pushed), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    let key = claim(&mut rig);
    let to = |mode| Job::Switch { key: pushed, mode };
    rig.run(to(AccessMode::Buffer), &["OK"]);
    let mut connected = false;
    for _ in 0..3 {
        match until_action(&mut rig) {
            Action::Run(job @ Job::Open(_)) => {
                rig.begin(job);
                assert_eq!(rig.on_line("CONNECT"), LineKind::Connected);
                connected = true;
                break;
            }
            Action::Run(job @ Job::CountReceived(_)) => {
                rig.begin(job);
                rig.answer(&["+QIRD: 0,0,0", "OK"]);
            }
            Action::Run(job) => {
                rig.begin(job);
                rig.answer(&["+QIRD: 0", "OK"]);
            }
            action => panic!("{action:?}"),
        }
    }
    assert!(connected);
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    come(&mut rig, b"\r\nOK\r\n");
    for _ in 0..8 {
        let Action::Run(job) = until_action(&mut rig) else {
            panic!("the push is not resumed")
        };
        if job == to(AccessMode::DirectPush) {
            return;
        }
        rig.begin(job);
        match job {
            Job::Status(_) => rig.answer(&[
                "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
                "OK",
            ]),
            Job::Read { .. } => rig.answer(&["+QIRD: 0", "OK"]),
            Job::CountReceived(_) => rig.answer(&["+QIRD: 0,0,0", "OK"]),
            job => panic!("{job:?}"),
        }
    }
    panic!("the push is not resumed");
}

#[test]
fn others_wait_and_are_looked_after_behind_the_escape() {
    let mut rig = up();
    let other = rig.open();
    let key = transparent(&mut rig);
    assert_eq!(rig.write(other, b"patience"), Poll::Ready(Ok(8)));
    rig.idle();
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    assert_eq!(come(&mut rig, b"\r\nOK\r\n"), Some(6));
    let state =
        |id: u8| std::format!("+QISTATE: {id},\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"");
    let mut jobs = std::vec![];
    for _ in 0..8 {
        let Action::Run(job) = until_action(&mut rig) else {
            panic!("no job")
        };
        rig.begin(job);
        match job {
            Job::Status(of) => rig.answer(&[&state(rig.id(of)), "OK"]),
            Job::Read { .. } => rig.answer(&["+QIRD: 0", "OK"]),
            Job::CountReceived(_) => rig.answer(&["+QIRD: 0,0,0", "OK"]),
            Job::Send { .. } => {
                rig.prompt();
                rig.answer(&["SEND OK"]);
            }
            job => panic!("{job:?}"),
        }
        jobs.push(job);
        if let Job::Send { key, .. } = job {
            assert_eq!(key, other);
            break;
        }
    }
    assert!(jobs.contains(&Job::Status(other)), "{jobs:?}");
    assert!(!jobs.contains(&Job::Status(key)), "{jobs:?}");
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
}

#[test]
fn an_escape_keeps_the_silence_before_and_behind() {
    let mut rig = up();
    let key = transparent(&mut rig);
    send(&mut rig, key, b"x");
    carry(&mut rig);
    let sent = rig.now;
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    assert!((rig.now - sent).as_millis() > 1000);
    let escaped = rig.now;
    come(&mut rig, b"data\r\nOK\r\n");
    assert_eq!(read(&mut rig, key), b"data");
    until_action(&mut rig);
    assert!((rig.now - escaped).as_millis() > 1000);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
    assert_eq!(read(&mut rig, key), b"");
}

#[test]
fn ok_among_the_data_is_data() {
    let mut rig = up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    // Each piece as it comes; only the last OK has nothing but URCs after it.
    for piece in [
        &b"a\r\nOK\r\n"[..],
        b"b\r\nO",
        b"K\r\n\r\n+QIURC: \"closed\",0\r\n",
        b"c\r\n",
        b"\r\nOK\r\n\r\n+QIURC: \"recv\",0,3\r\n",
    ] {
        assert_eq!(come(&mut rig, piece), Some(piece.len()));
    }
    assert_eq!(
        read(&mut rig, key),
        b"a\r\nOK\r\nb\r\nOK\r\n\r\n+QIURC: \"closed\",0\r\nc\r\n"
    );
    until_action(&mut rig);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
    // The URC after it counts, and the ones in the data do not.
    assert_eq!(rig.phase(key), Phase::Open);
    rig.run(Job::CountReceived(key), &["+QIRD: 3,0,3", "OK"]);
    rig.serve(key, b"end");
    assert_eq!(read(&mut rig, key), b"end");
}

#[test]
fn an_escape_is_repeated_and_given_up_in_the_end() {
    let mut rig = up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    for _ in 0..5 {
        escape(&mut rig);
        come(&mut rig, b"still data");
    }
    // The link finds out what the line is.
    assert_eq!(until_action(&mut rig), Action::Escape(Escape::DataMode));
    assert_eq!(mode(&mut rig, key), Poll::Ready(Err(Error::TimedOut)));
    assert_eq!(read(&mut rig, key), b"still data".repeat(5));
}

/// Whatever else the module sends without a pause.
#[test]
fn an_escape_among_lines_without_end_is_given_up_in_the_end() {
    let mut rig = up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    let began = rig.now;
    while mode(&mut rig, key).is_pending() {
        assert!((rig.now - began).as_secs() < 30, "no bound");
        come(&mut rig, b"+CREG: 1\r\n");
        read(&mut rig, key);
        rig.next();
        rig.pass(40);
    }
    assert_eq!(mode(&mut rig, key), Poll::Ready(Err(Error::TimedOut)));
}

#[test]
fn dtr_needs_no_silence() {
    let mut rig = Rig::new::<3, 2048, 2048>(Config::new("internet"));
    rig.start_wired(WITH_DTR);
    rig.bring_up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    let before = rig.now;
    assert_eq!(until_action(&mut rig), Action::Escape(Escape::Dtr));
    come(&mut rig, b"\r\nOK\r\n");
    until_action(&mut rig);
    assert!((rig.now - before).as_millis() < 100);
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
}

#[test]
fn where_dtr_does_nothing_the_other_way_is_tried() {
    let mut rig = Rig::new::<3, 2048, 2048>(Config::new("internet"));
    rig.start_wired(WITH_DTR);
    rig.bring_up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    assert_eq!(until_action(&mut rig), Action::Escape(Escape::Dtr));
    let before = rig.now;
    assert_eq!(until_action(&mut rig), Action::Escape(Escape::PlusOnly));
    assert!((rig.now - before).as_millis() > 1000);
}

// ---- the end -------------------------------------------------------------------------------------------------------

#[test]
fn no_carrier_and_silence_are_the_end() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"last words\r\nNO CAR");
    assert_eq!(read(&mut rig, key), b"last words");
    come(&mut rig, b"RIER\r\n");
    no_carrier_line(&mut rig);
    escape(&mut rig);
    // Not in data mode any more: nobody answers.
    assert_eq!(until_action(&mut rig), Action::Run(Job::Attention));
    rig.begin(Job::Attention);
    rig.answer(&["OK"]);
    rig.step_up();
    rig.bring_up();
    for _ in 0..20 {
        match rig.next() {
            Action::Run(Job::CountReceived(_)) => {
                rig.begin(Job::CountReceived(key));
                rig.answer(&["ERROR"]);
            }
            Action::Run(job @ Job::Read { .. }) => {
                rig.begin(job);
                rig.answer(&["+QIRD: 0", "OK"]);
            }
            Action::Run(Job::Close(_)) => break,
            Action::Run(job) => {
                rig.begin(job);
                let lines = rig.reply(job);
                rig.answer(lines);
            }
            Action::Wait(until) => rig.wait(until),
            action => panic!("{action:?}"),
        }
    }
    assert_eq!(rig.read(key), Poll::Ready(Ok(Vec::new())));
}

#[test]
fn no_carrier_with_data_behind_is_data() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"\r\nNO CARRIER\r\n");
    assert_eq!(read(&mut rig, key), b"");
    rig.pass(900);
    come(&mut rig, b", said the pigeon");
    assert_eq!(read(&mut rig, key), b"\r\nNO CARRIER\r\n, said the pigeon");
    rig.idle();
}

#[test]
fn no_carrier_from_the_peer_is_data() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"\r\nNO CARRIER\r\n");
    send(&mut rig, key, b"held back meanwhile");
    no_carrier_line(&mut rig);
    escape(&mut rig);
    come(&mut rig, b"\r\nOK\r\n");
    let to_line = Job::Switch {
        key,
        mode: AccessMode::Transparent,
    };
    let mut seen = false;
    for _ in 0..8 {
        match until_action(&mut rig) {
            Action::Run(job) if job == to_line => {
                rig.begin(job);
                assert_eq!(rig.on_line("CONNECT"), LineKind::Connected);
                seen = true;
                break;
            }
            Action::Run(Job::CountReceived(_)) => {
                rig.begin(Job::CountReceived(key));
                rig.answer(&["+QIRD: 0,0,0", "OK"]);
            }
            Action::Run(job @ Job::Read { .. }) => {
                rig.begin(job);
                rig.answer(&["+QIRD: 0", "OK"]);
            }
            action => panic!("{action:?}"),
        }
    }
    assert!(seen, "the line is not taken again");
    assert_eq!(read(&mut rig, key), b"\r\nNO CARRIER\r\n");
    assert_eq!(carry(&mut rig), Some(b"held back meanwhile".to_vec()));
}

#[test]
fn dcd_decides_at_once() {
    for carrier in [true, false] {
        let mut rig = up();
        let key = transparent(&mut rig);
        come(&mut rig, b"\r\nNO CARRIER\r\n");
        let before = rig.now;
        assert_eq!(until_action(&mut rig), Action::ReadDcd);
        assert!((rig.now - before).as_millis() < 100);
        rig.engine(|engine| engine.carrier(Some(carrier)));
        if carrier {
            assert_eq!(read(&mut rig, key), b"\r\nNO CARRIER\r\n");
            assert_eq!(rig.phase(key), Phase::Open);
        } else {
            assert_eq!(read(&mut rig, key), b"");
            assert_eq!(rig.phase(key), Phase::Draining);
        }
    }
}

#[test]
fn a_closed_notice_behind_no_carrier_belongs_to_it() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"\r\nNO CARRIER\r\n\r\n+QIURC: \"closed\",0\r\n");
    assert_eq!(until_action(&mut rig), Action::ReadDcd);
    rig.engine(|engine| engine.carrier(Some(false)));
    assert_eq!(rig.phase(key), Phase::Draining);
    assert_eq!(read(&mut rig, key), b"");
}

#[test]
fn a_restart_is_told() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"\r\nRDY\r\n");
    no_carrier_line(&mut rig);
    escape(&mut rig);
    for _ in 0..5 {
        if let Action::Wait(until) = rig.next() {
            if until < NEVER {
                rig.now = until;
            }
        }
    }
    let restarted = Error::Link(LinkError::Restarted);
    assert_eq!(rig.read(key), Poll::Ready(Err(restarted)));
}

#[test]
fn a_restart_behind_the_end_is_told_too() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"data\r\nNO CARRIER\r\n\r\nRDY\r\n");
    assert_eq!(read(&mut rig, key), b"data");
    assert_eq!(until_action(&mut rig), Action::ReadDcd);
    rig.engine(|engine| engine.carrier(Some(false)));
    let restarted = Error::Link(LinkError::Restarted);
    assert_eq!(rig.read(key), Poll::Ready(Err(restarted)));
}

#[test]
fn a_silent_connection_is_looked_after() {
    let mut rig = up();
    let key = transparent(&mut rig);
    assert_eq!(rig.read(key), Poll::Pending);
    let before = rig.now;
    escape(&mut rig);
    assert!((rig.now - before).as_secs() >= 60);
    come(&mut rig, b"\r\nOK\r\n");
    let Action::Run(job) = until_action(&mut rig) else {
        panic!("no job")
    };
    // It is there: it gets the line again.
    assert_eq!(job, Job::CountReceived(key));
    assert_eq!(mode(&mut rig, key), Poll::Pending);

    // The line that ended it is lost, or the answer to the first escape: the way back shows which.
    for has_ended in [false, true] {
        let mut rig = up();
        let key = transparent(&mut rig);
        assert_eq!(rig.read(key), Poll::Pending);
        for _ in 0..5 {
            escape(&mut rig);
        }
        assert_eq!(until_action(&mut rig), Action::Run(Job::CountReceived(key)));
        loop {
            let Action::Run(job) = until_action(&mut rig) else {
                panic!("no job")
            };
            rig.begin(job);
            match job {
                Job::CountReceived(_) => rig.answer(&["+QIRD: 0,0,0", "OK"]),
                Job::Read { .. } => rig.answer(&["+QIRD: 0", "OK"]),
                Job::Switch { .. } | Job::Resume(_) if has_ended => {
                    rig.answer(&["+CME ERROR: 552"]);
                }
                Job::Status(_) => {
                    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";
                    rig.answer(&[line, "OK"]);
                    assert_eq!(rig.phase(key), Phase::Draining);
                    assert_eq!(rig.next(), Action::Run(Job::Attention));
                    break;
                }
                job => {
                    assert!(matches!(job, Job::Switch { .. }), "{job:?}");
                    assert_eq!(rig.phase(key), Phase::Open);
                    break;
                }
            }
        }
    }
}

/// Whenever it begins to wait.
#[test]
fn a_silent_connection_is_looked_after_for_each_reader() {
    let mut rig = up();
    let key = transparent(&mut rig);
    for data in [b"first", b"again"] {
        assert_eq!(rig.read(key), Poll::Pending);
        rig.idle().expect("a check");
        come(&mut rig, data);
        assert_eq!(read(&mut rig, key), data);
        assert_eq!(rig.idle(), None);
    }
    assert!(!rig.engine(|engine| engine.exchange.poll_work().is_ready()));
    assert_eq!(rig.read(key), Poll::Pending);
    assert!(rig.engine(|engine| engine.exchange.poll_work().is_ready()));
    escape(&mut rig);
}

#[test]
fn a_silent_connection_is_looked_after_less_and_less() {
    let mut rig = up();
    let key = transparent(&mut rig);
    for expected in [60, 120, 240, 480, 960, 1200, 1200] {
        assert_eq!(rig.read(key), Poll::Pending);
        let before = rig.now;
        escape(&mut rig);
        assert!((expected..expected + 5).contains(&(rig.now - before).as_secs()));
        come(&mut rig, b"\r\nOK\r\n");
        loop {
            let Action::Run(job) = until_action(&mut rig) else {
                panic!("no job")
            };
            rig.begin(job);
            match job {
                Job::CountReceived(_) => rig.answer(&["+QIRD: 0,0,0", "OK"]),
                Job::Read { .. } => rig.answer(&["+QIRD: 0", "OK"]),
                _ => break,
            }
        }
        assert_eq!(rig.on_line("CONNECT"), LineKind::Connected);
    }
}

#[test]
fn a_beginning_of_a_word_is_not_kept_for_long() {
    let mut rig = up();
    let key = transparent(&mut rig);
    come(&mut rig, b"line\r\n");
    assert_eq!(read(&mut rig, key), b"line");
    let Action::Wait(until) = rig.next() else {
        panic!("nothing to wait for")
    };
    assert!((until - rig.now).as_millis() < 100);
    rig.now = until;
    rig.idle();
    assert_eq!(read(&mut rig, key), b"\r\n");
}

#[test]
fn a_ring_full_of_words_is_given_to_the_reader() {
    let mut rig = Rig::up::<2, 14, 32>();
    let key = transparent(&mut rig);
    assert_eq!(come(&mut rig, b"\r\nNO CARRIER\r\n"), Some(14));
    assert_eq!(read(&mut rig, key), b"\r\nNO CARRIER\r\n");
}

#[test]
fn notices_of_every_socket_may_follow_the_end() {
    let mut rig = Rig::up::<2, 1024, 32>();
    let key = transparent(&mut rig);
    come(
        &mut rig,
        b"data\r\nNO CARRIER\r\n\r\n+QIURC: \"pdpdeact\",1\r\n",
    );
    for id in 0..12 {
        let notice = std::format!("\r\n+QIURC: \"closed\",{id}\r\n");
        // In pieces, as lines come.
        for piece in notice.as_bytes().chunks(7) {
            assert_eq!(come(&mut rig, piece), Some(piece.len()));
        }
    }
    assert_eq!(read(&mut rig, key), b"data");
    assert_eq!(until_action(&mut rig), Action::ReadDcd);
    rig.engine(|engine| engine.carrier(Some(false)));
    // The first of them takes the link down.
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(rig.read(key), Poll::Ready(Err(lost)));
}

#[test]
fn dropping_the_connection_leaves_the_mode_and_closes() {
    let mut rig = up();
    let key = transparent(&mut rig);
    send(&mut rig, key, b"goodbye");
    rig.release(key);
    assert_eq!(carry(&mut rig), Some(b"goodbye".to_vec()));
    escape(&mut rig);
    come(&mut rig, b"nobody reads this\r\nOK\r\n");
    assert_eq!(until_action(&mut rig), Action::Run(Job::Close(key)));
    rig.begin(Job::Close(key));
    rig.answer(&["OK"]);
    assert!(rig.all_free());
}

#[test]
fn link_that_goes_down_gets_the_line_back_first() {
    let mut rig = up();
    let changes = |rig: &Rig| rig.engine(|engine| engine.link.changes());
    let before = changes(&rig);
    let key = transparent(&mut rig);
    // The line is occupied.
    assert_eq!(changes(&rig), before + 1);
    send(&mut rig, key, b"goodbye");
    rig.engine(|engine| engine.set_link(LinkMode::Down));
    let before = changes(&rig);
    assert_eq!(carry(&mut rig), Some(b"goodbye".to_vec()));
    escape(&mut rig);
    come(&mut rig, b"the last\r\nOK\r\n");
    assert_eq!(until_action(&mut rig), Action::Run(Job::Close(key)));
    assert_eq!(changes(&rig), before + 1);
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    assert_eq!(read(&mut rig, key), b"the last");
}

#[test]
fn full_ring_holds_the_line_while_no_other_socket_needs_it() {
    let mut rig = Rig::up::<2, 32, 32>();
    let key = transparent(&mut rig);
    assert_eq!(come(&mut rig, &[b'x'; 40]), Some(32));
    let since = rig.now;
    rig.pass(100_000);
    let stalled = |rig: &Rig| rig.engine(|engine| engine.stall_deadline(since));
    assert_eq!(stalled(&rig), Some(NEVER));
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    // The escape is given its time from when it was written.
    assert_eq!(
        stalled(&rig),
        Some(rig.now + embassy_time::Duration::from_secs(2))
    );
}

// ---- three pluses --------------------------------------------------------------------------------------------------

#[test]
fn three_pluses_alone_are_torn_apart() {
    let mut rig = up();
    let key = transparent(&mut rig);
    rig.pass(5000);
    send(&mut rig, key, b"+++");
    assert_eq!(carry(&mut rig), Some(b"++".to_vec()));
    let before = rig.now;
    assert_eq!(carry(&mut rig), None);
    let Action::WriteRaw { length: 1, .. } = until_action(&mut rig) else {
        panic!("the third plus is not sent")
    };
    assert!((rig.now - before).as_millis() > 1000);
}

#[test]
fn pluses_with_company_go_at_once() {
    for text in [&b"+++x"[..], b"++++", b"++", b"x+++"] {
        let mut rig = up();
        let key = transparent(&mut rig);
        rig.pass(5000);
        send(&mut rig, key, text);
        assert_eq!(carry(&mut rig), Some(text.to_vec()));
    }
}

#[test]
fn pluses_one_by_one_are_no_escape_either() {
    let mut rig = up();
    let key = transparent(&mut rig);
    rig.pass(5000);
    for sent in [true, true, false] {
        send(&mut rig, key, b"+");
        assert_eq!(carry(&mut rig).is_some(), sent);
        rig.pass(300);
    }
    // Company releases the last.
    send(&mut rig, key, b"!");
    assert_eq!(carry(&mut rig), Some(b"+!".to_vec()));
}

// ---- other lines ---------------------------------------------------------------------------------------------------

#[test]
fn unknown_notice_leaves_an_open_alone() {
    let mut rig = up();
    let key = claim(&mut rig);
    rig.expect(Job::Open(key));
    rig.on_line("+QIURC: \"future\",0,1");
    assert_eq!(rig.on_line("CONNECT"), LineKind::Connected);
    assert_eq!(rig.connected(key), Poll::Ready(Ok(())));
}

#[test]
fn leaving_has_an_end_although_lines_keep_coming() {
    let mut rig = up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    come(&mut rig, b"\r\nOK\r\n");
    for _ in 0..100 {
        come(&mut rig, b"\r\n+CTZV: 1\r\n");
        rig.next();
        if mode(&mut rig, key).is_ready() {
            break;
        }
        rig.pass(50);
    }
    assert_eq!(mode(&mut rig, key), Poll::Ready(Ok(())));
}

/// The peer has said `OK` right after the escape, and the module says it later.
#[test]
fn ok_of_the_peer_behind_an_escape_is_data() {
    for is_late in [true, false] {
        let mut rig = up();
        let key = transparent(&mut rig);
        come(&mut rig, b"\r\nNO CARRIER\r\n");
        no_carrier_line(&mut rig);
        escape(&mut rig);
        come(&mut rig, b"\r\nOK\r\n");
        let Action::Run(job) = until_action(&mut rig) else {
            panic!("no job")
        };
        assert_eq!(job, Job::CountReceived(key));
        rig.begin(job);
        if is_late {
            assert_eq!(rig.on_line("OK"), LineKind::Handled);
        }
        rig.answer(&["+QIRD: 0,0,0", "OK"]);
        let mut expected = b"\r\nNO CARRIER\r\n".to_vec();
        if is_late {
            expected.extend(b"\r\nOK\r\n");
        }
        assert_eq!(read(&mut rig, key), expected);
        assert_eq!(read(&mut rig, key), b"");
    }
}

/// The module has not left data mode: the peer has got the command.
#[test]
fn command_without_an_answer_behind_an_escape_is_lost_data() {
    let mut rig = up();
    let key = transparent(&mut rig);
    want(&mut rig, key, AccessMode::Buffer);
    escape(&mut rig);
    come(&mut rig, b"\r\nOK\r\n");
    let Action::Run(job) = until_action(&mut rig) else {
        panic!("no job")
    };
    rig.begin(job);
    rig.silence();
    assert_eq!(read(&mut rig, key), b"\r\nOK\r\n");
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
    assert_eq!(until_action(&mut rig), Action::Escape(Escape::DataMode));
}
