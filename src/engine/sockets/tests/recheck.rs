//! The search for data whose `recv` URC was lost (quirk 63): how often, and for how long.

use core::task::Poll;
use std::vec::Vec;

use embassy_time::Duration;

use crate::config::Config;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, Key, Phase};
use crate::error::{Error, LinkError};

/// A reader waits for this long, and nothing comes. Returns the pauses before each search, in seconds, and how often the
/// state of the socket was asked for.
fn wait_for(rig: &mut Rig, key: Key, seconds: u64) -> (Vec<u64>, usize) {
    let (mut pauses, mut questions) = (Vec::new(), 0);
    let end = rig.now + Duration::from_secs(seconds);
    let mut last = rig.now;
    loop {
        assert_eq!(rig.read(key), Poll::Pending);
        match rig.next() {
            Action::Wait(at) if at <= end => rig.wait(at),
            Action::Wait(_) => {
                rig.now = end;
                return (pauses, questions);
            }
            Action::Run(job @ Job::Read { .. }) => {
                pauses.push((rig.now - last).as_secs());
                last = rig.now;
                rig.begin(job);
                rig.answer(&["+QIRD: 0", "OK"]);
            }
            Action::Run(job @ Job::Status(_)) => {
                questions += 1;
                rig.begin(job);
                rig.answer(&[
                    "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
                    "OK",
                ]);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The pause before the next search.
fn next_pause(rig: &mut Rig, key: Key) -> u64 {
    assert_eq!(rig.read(key), Poll::Pending);
    (rig.idle().expect("a re-check") - rig.now).as_secs()
}

#[test]
fn the_pause_doubles_while_nothing_is_lost() {
    let mut rig = up();
    let key = rig.open();
    let (pauses, questions) = wait_for(&mut rig, key, 3600);
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1200]);
    // After the first four, and after each pause of more than a minute.
    assert_eq!(questions, 1 + 5);
    let (pauses, questions) = wait_for(&mut rig, key, 3600);
    assert_eq!((pauses.len(), questions), (3, 3));
    // Data that was announced is no reason to look more often.
    rig.on_line("+QIURC: \"recv\",0,1");
    rig.serve(key, b"x");
    assert!(matches!(rig.read(key), Poll::Ready(Ok(_))));
    assert_eq!(next_pause(&mut rig, key), 1200);
}

#[test]
fn the_pause_is_configured() {
    let config = |longest| {
        let shortest = Config::new("internet").recheck(Duration::from_secs(2));
        shortest.longest_recheck(Duration::from_secs(longest))
    };
    for (longest, expected) in [(2, [2, 2, 2]), (0, [2, 2, 2]), (5, [2, 4, 5])] {
        let mut rig = Rig::up_with::<1, 64, 64>(config(longest));
        let key = rig.open();
        let sum = expected.iter().sum();
        assert_eq!(wait_for(&mut rig, key, sum).0, expected, "{longest} s");
    }
}

#[test]
fn any_sign_of_a_loss_brings_the_short_pause_back_for_an_hour() {
    type Sign = fn(&mut Rig, Key);
    let signs: [(&str, Sign); 8] = [
        ("an error of the UART", |rig, _| {
            rig.engine(|engine| engine.serial_error());
        }),
        ("an overlong line", |rig, _| {
            rig.engine(|engine| engine.skipped(1));
        }),
        ("a line without its beginning", |rig, _| {
            rig.on_line("QIURC: \"recv\",0");
        }),
        ("a line without its middle", |rig, _| {
            rig.on_line("+QIURC: \"re0");
        }),
        ("a result of an open without its end", |rig, _| {
            rig.on_line("+QIOPEN: 0,");
        }),
        ("a command without an answer", |rig, _| {
            let other = rig.claim();
            rig.expect(Job::Open(other));
            rig.silence();
            rig.check_passes();
            rig.run(Job::Status(other), &["OK"]);
            rig.run(Job::Close(other), &["OK"]);
            rig.release(other);
        }),
        ("an open whose result was lost", |rig, _| {
            let other = rig.opening();
            rig.now = rig.idle().expect("a question");
            rig.run(
                Job::Status(other),
                &[
                    "+QISTATE: 1,\"TCP\",\"203.0.113.7\",80,0,2,1,1,0,\"uart1\"",
                    "OK",
                ],
            );
            rig.run(rig.read_job(other), &["+QIRD: 0", "OK"]);
        }),
        ("data that was not announced", |rig, key| {
            assert_eq!(rig.read(key), Poll::Pending);
            rig.now = rig.idle().expect("a re-check");
            rig.serve(key, b"lost");
            rig.run(
                Job::Read {
                    key,
                    length: 2044 - 544,
                },
                &["+QIRD: 0", "OK"],
            );
            assert!(matches!(rig.read(key), Poll::Ready(Ok(_))));
        }),
    ];
    for (name, sign) in signs {
        let mut rig = up();
        let key = rig.open();
        wait_for(&mut rig, key, 4000);
        // Also if a long pause has begun.
        assert!(next_pause(&mut rig, key) > 60, "{name}");
        sign(&mut rig, key);
        assert!(next_pause(&mut rig, key) <= 5, "{name}");
        let (pauses, _) = wait_for(&mut rig, key, 3600);
        assert!(pauses.iter().all(|pause| *pause <= 5), "{name}: {pauses:?}");
        let (pauses, _) = wait_for(&mut rig, key, 3600);
        assert!(pauses.len() < 15, "{name}: {pauses:?}");
    }
}

#[test]
fn a_sign_of_a_loss_wakes_the_runner() {
    let mut rig = up();
    rig.open();
    rig.idle();
    rig.on_line("QIURC: \"recv\",0");
    assert!(rig.engine(|engine| engine.exchange.is_work_pending()));
}

#[test]
fn the_end_of_the_link_is_a_sign_for_the_next_connection() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("RDY");
    rig.release(key);
    rig.active = false;
    rig.bring_up();
    let key = rig.open();
    let (pauses, _) = wait_for(&mut rig, key, 600);
    assert_eq!(pauses, [5; 120]);
}

#[test]
fn an_end_that_a_recheck_finds_is_a_sign() {
    let mut rig = up();
    let (key, other) = (rig.open(), rig.open());
    wait_for(&mut rig, key, 4000);
    assert_eq!(rig.read(key), Poll::Pending);
    rig.now = rig.idle().expect("a re-check");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Status(key), &["OK"]);
    assert_eq!(rig.phase(key), Phase::Closing);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(wait_for(&mut rig, other, 60).0, [5; 12]);
}

/// A re-check finds that the connection is closing (2.1.6), and no URC has come.
fn unannounced_end() -> (Rig, Key) {
    let mut rig = up();
    let key = rig.open();
    wait_for(&mut rig, key, 4000);
    assert_eq!(rig.read(key), Poll::Pending);
    rig.now = rig.idle().expect("a re-check");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(
        Job::Status(key),
        &[
            "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"",
            "OK",
        ],
    );
    (rig, key)
}

#[test]
fn an_end_without_a_urc_is_the_peers_if_the_context_is_active() {
    let (mut rig, key) = unannounced_end();
    rig.check_passes();
    rig.serve(key, b"rest");
    rig.run(
        Job::Read {
            key,
            length: 2044 - 544,
        },
        &["+QIRD: 0", "OK"],
    );
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"rest".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Ok(Vec::new())));
}

/// `pdpdeact` was lost.
#[test]
fn an_end_without_a_urc_is_an_error_if_the_context_is_lost() {
    let (mut rig, key) = unannounced_end();
    assert_eq!(rig.read(key), Poll::Pending);
    rig.run(Job::Attention, &["OK"]);
    rig.now = rig.idle().expect("a pause");
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["OK"]);
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(rig.read(key), Poll::Ready(Err(lost)));
}

#[test]
fn what_modules_say_is_no_sign() {
    let mut rig = up();
    let key = rig.open();
    for line in [
        "+QIND: \"csq\",20,99",
        "+CREG: 1",
        "+CEREG: 1,\"1A2B\",\"01A2B3C4\",7",
        "+CTZV: 1",
        "+QUSIM: 1",
        "APP RDY",
        "OK",
        "+QIURC: \"incoming full\"",
        "+QIURC: \"closed\",5",
    ] {
        rig.on_line(line);
    }
    // Nor is data whose URC comes while it is read.
    assert_eq!(rig.read(key), Poll::Pending);
    rig.now = rig.idle().expect("a re-check");
    rig.expect(rig.read_job(key));
    rig.on_line("+QIURC: \"recv\",0");
    rig.say_data(b"x");
    rig.answer(&["OK"]);
    rig.run(Job::Read { key, length: 1500 }, &["+QIRD: 0", "OK"]);
    assert!(matches!(rig.read(key), Poll::Ready(Ok(_))));
    assert_eq!(wait_for(&mut rig, key, 35).0, [5, 10, 20]);
}
