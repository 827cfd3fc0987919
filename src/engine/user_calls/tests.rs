//! Whoever waits is woken when there is something for him.

use core::task::Poll;

use crate::at::AccessMode;
use crate::config::Config;
use crate::engine::rig::PEER;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Job, Key, LinkState, Queue, Request};
use crate::error::Error;
use crate::util::time::NEVER;

fn reader(rig: &mut Rig, key: Key) -> std::sync::Arc<Alarm> {
    Alarm::of(rig, Queue::Reader(key), move |engine| {
        engine.poll_read(key, &mut [0; 100])
    })
}

#[test]
fn reader_by_data() {
    let mut rig = up();
    let key = rig.open();
    let alarm = reader(&mut rig, key);
    rig.on_line("+QIURC: \"recv\",0");
    assert!(!alarm.rang(), "nothing to read yet");
    rig.expect(rig.read_job(key));
    rig.say_data(b"x");
    assert!(!alarm.rang(), "it is not certain");
    rig.answer(&["OK"]);
    assert!(alarm.rang());
}

#[test]
fn reader_by_the_end() {
    let mut rig = up();
    let key = rig.open();
    let alarm = reader(&mut rig, key);
    rig.on_line("+QIURC: \"closed\",0");
    alarm.rang();
    let alarm = reader(&mut rig, key);
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    assert!(alarm.rang());
}

#[test]
fn reader_and_writer_by_errors() {
    for line in ["RDY", "+QIURC: \"pdpdeact\",1", "POWERED DOWN"] {
        let mut rig = up();
        let key = rig.open();
        let alarm = reader(&mut rig, key);
        let _ = rig.write(key, b"abc");
        let flush = Alarm::of(&rig, Queue::Writer(key), move |engine| {
            engine.poll_flush(key)
        });
        rig.on_line(line);
        assert!(alarm.rang(), "{line}");
        assert!(flush.rang(), "{line}");
    }
}

#[test]
fn writer_by_room() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    let _ = rig.write(key, &[0; 8]);
    let alarm = Alarm::of(&rig, Queue::Writer(key), move |engine| {
        engine.poll_write(key, b"x")
    });
    rig.expect(Job::Send { key, length: 8 });
    rig.prompt();
    assert!(!alarm.rang());
    rig.answer(&["SEND OK"]);
    assert!(alarm.rang());
}

#[test]
fn writer_by_the_close_of_the_peer() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    let _ = rig.write(key, &[0; 8]);
    let alarm = Alarm::of(&rig, Queue::Writer(key), move |engine| {
        engine.poll_write(key, b"x")
    });
    rig.on_line("+QIURC: \"closed\",0");
    assert!(alarm.rang());
    assert_eq!(rig.write(key, b"x"), Poll::Ready(Err(Error::Closed)));
}

#[test]
fn connector_by_success_and_by_failure() {
    for line in ["+QIOPEN: 0,0", "+QIOPEN: 0,566"] {
        let mut rig = up();
        let key = rig.opening();
        let alarm = Alarm::of(&rig, Queue::Writer(key), move |engine| {
            engine.poll_connected(key)
        });
        rig.on_line(line);
        assert!(alarm.rang(), "{line}");
        assert!(rig.connected(key).is_ready());
    }
}

#[test]
fn closer_when_the_module_has_closed() {
    let mut rig = up();
    let key = rig.open();
    rig.close_when_sent(key);
    let alarm = Alarm::of(&rig, Queue::Writer(key), move |engine| {
        engine.poll_closed(key)
    });
    rig.run(Job::Close(key), &["OK"]);
    assert!(alarm.rang());
}

fn in_line(rig: &mut Rig) -> std::sync::Arc<Alarm> {
    Alarm::of(rig, Queue::FreeSlot, move |engine| {
        engine.poll_claim(&Request::connect(PEER).unwrap(), AccessMode::Buffer)
    })
}

#[test]
fn claimant_when_a_slot_is_closed() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    rig.release(key);
    let alarm = in_line(&mut rig);
    rig.run(Job::Close(key), &["OK"]);
    assert!(alarm.rang());
    assert!(matches!(rig.try_claim(), Poll::Ready(Ok(_))));
}

#[test]
fn claimant_when_another_slot_is_given_back() {
    let mut rig = Rig::up::<2, 64, 64>();
    let closing = rig.open();
    let ended = rig.ended();
    rig.release(closing);
    let alarm = in_line(&mut rig);
    rig.release(ended);
    assert!(alarm.rang());
    assert!(matches!(rig.try_claim(), Poll::Ready(Ok(_))));
}

#[test]
fn claimant_when_a_slot_is_forgotten_by_the_module() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.release(key);
    rig.run(Job::Send { key, length: 3 }, &["+CME ERROR: 552"]);
    let alarm = in_line(&mut rig);
    rig.run(Job::Status(key), &["OK"]);
    rig.run(Job::Close(key), &["ERROR"]);
    rig.run(Job::Status(key), &["OK"]);
    assert!(alarm.rang());
}

#[test]
fn link_watcher_when_it_is_up_and_when_it_has_failed() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    let since = rig.engine(|engine| engine.link.attempt());
    let alarm = Alarm::of(&rig, Queue::Link, move |engine| engine.link.poll_up(since));
    rig.bring_up();
    assert!(alarm.rang());
    assert_eq!(
        rig.engine(|engine| engine.link.poll_up(since)),
        Poll::Ready(Ok(()))
    );
    rig.on_line("RDY");
    assert!(matches!(
        rig.engine(|engine| engine.link_state()),
        LinkState::Down(_)
    ));
    let since = rig.engine(|engine| engine.link.attempt());
    let alarm = Alarm::of(&rig, Queue::Link, move |engine| engine.link.poll_up(since));
    // Nobody answers.
    for _ in 0..100 {
        rig.step_mute(NEVER);
        if rig.engine(|engine| engine.link.attempt()) != since {
            break;
        }
    }
    assert!(alarm.rang());
    assert!(matches!(
        rig.engine(|engine| engine.link.poll_up(since)),
        Poll::Ready(Err(_))
    ));
}

#[test]
fn questioner_by_the_answer_and_the_next_one_by_its_taking() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    let first = Alarm::of(&rig, Queue::LookupResult, move |engine| {
        let ticket = engine.dns.current();
        engine.dns.poll_answer(ticket, |found| Ok(found.len()))
    });
    let second = Alarm::of(&rig, Queue::Turn, move |engine| {
        engine.poll_ask("example.org")
    });
    rig.run(Job::Resolve, &["OK"]);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert!(first.rang());
    assert!(!second.rang(), "the result is not fetched");
    assert!(rig.found().is_ready());
    assert!(second.rang());
}

#[test]
fn runner_by_every_wish() {
    let mut rig = up();
    let check = |rig: &mut Rig, what: &str, wish: &mut dyn FnMut(&mut Rig)| {
        rig.idle();
        let alarm = Alarm::of(rig, Queue::Runner, |engine| engine.exchange.poll_work());
        wish(rig);
        assert!(alarm.rang(), "{what}");
        assert!(
            rig.engine(|engine| engine.exchange.poll_work()).is_ready(),
            "{what}"
        );
    };
    let key = rig.open();
    check(&mut rig, "notice", &mut |rig| {
        rig.on_line("+QIURC: \"recv\",0");
    });
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    check(&mut rig, "reader", &mut |rig| {
        assert!(rig.read(key).is_pending());
    });
    check(&mut rig, "write", &mut |rig| {
        let _ = rig.write(key, b"x");
    });
    rig.accept(key, 1, "SEND OK");
    check(&mut rig, "question", &mut |rig| {
        let _ = rig.ask("example.com");
    });
    rig.run(Job::Resolve, &["OK"]);
    check(&mut rig, "answer", &mut |rig| {
        rig.on_line("+QIURC: \"dnsgip\",565");
    });
    check(&mut rig, "claim", &mut |rig| {
        rig.claim();
    });
    let second = Key::new(1, 1);
    rig.run(Job::Open(second), &["OK"]);
    check(&mut rig, "result", &mut |rig| {
        rig.on_line("+QIOPEN: 1,0");
    });
    check(&mut rig, "release", &mut |rig| rig.release(second));
    rig.run(Job::Close(second), &["OK"]);
    check(&mut rig, "closed", &mut |rig| {
        rig.on_line("+QIURC: \"closed\",0");
    });
}
