//! What becomes of sockets, lookups and tasks that wait when the link is turned off.

use core::task::Poll;
use std::vec::Vec;

use embassy_time::Duration;

use super::super::state;
use super::{DOWN, TURNED_OFF, set};
use crate::at::{AccessMode, ServiceType};
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Action, Job, LinkMode, LinkState, Phase, Queue, Request};

#[test]
fn without_sockets_only_the_context_is_deactivated() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    assert_eq!(rig.engine(|engine| engine.link.local_address(false)), None);
    rig.run(Job::Deactivate, &["OK"]);
    assert_eq!(state(&rig), DOWN);
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.engine(|engine| engine.counters.link_losses.get()), 0);
}

#[test]
fn sockets_end_in_good_order() {
    let mut rig = up();
    let key = rig.open();
    let other = rig.open();
    rig.on_line("+QIURC: \"recv\",0,4");
    rig.serve(key, b"data");
    assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
    set(&rig, LinkMode::Down);
    // Nothing more can be written; what was is sent, and the user that waits for it learns so.
    assert_eq!(rig.write(key, b"more"), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.flush(key), Poll::Pending);
    rig.run(Job::Close(other), &["OK"]);
    rig.accept(key, 7, "SEND OK");
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    assert_eq!(state(&rig), DOWN);
    // What came before can be read.
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.read(other), Poll::Ready(Err(TURNED_OFF)));
    rig.release(key);
    rig.release(other);
    assert!(rig.all_free());
}

/// What the module holds is read as far as there is room, also behind a `closed`.
#[test]
fn what_the_module_holds_is_read_before_the_close() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0,4");
    set(&rig, LinkMode::Down);
    rig.serve(key, b"data");
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    let mut rig = up();
    let key = rig.draining();
    set(&rig, LinkMode::Down);
    rig.serve(key, b"data");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Ok(Vec::new())));
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn socket_that_hands_over_nothing_has_ten_seconds() {
    for phase in [Phase::Open, Phase::Draining] {
        let mut rig = Rig::up::<1, 64, 64>();
        let key = rig.in_phase(phase);
        if phase == Phase::Open {
            assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
        } else {
            // Nobody reads.
            rig.serve(key, &[0; 64]);
        }
        set(&rig, LinkMode::Down);
        let began = rig.now;
        while rig.next() != Action::Run(Job::Close(key)) {
            assert_ne!(rig.next(), Action::Run(Job::Deactivate));
            match rig.next() {
                Action::Run(job @ Job::Send { .. }) => {
                    rig.begin(job);
                    rig.prompt();
                    rig.answer(&["SEND FAIL"]);
                }
                Action::Run(job) => rig.run(job, &["+QISEND: 0,0,0", "OK"]),
                Action::Wait(until) => rig.wait(until),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(rig.now - began, Duration::from_secs(10), "{phase:?}");
        rig.run(Job::Close(key), &["OK"]);
        rig.run(Job::Deactivate, &["OK"]);
        if phase == Phase::Open {
            assert_eq!(rig.flush(key), Poll::Ready(Err(TURNED_OFF)));
        }
    }
}

#[test]
fn what_is_not_open_yet_fails_at_once() {
    let mut rig = up();
    let wanted = rig.wanted();
    let opening = rig.claim();
    rig.expect(Job::Open(wanted));
    rig.answer(&["OK"]);
    set(&rig, LinkMode::Down);
    assert_eq!(rig.connected(wanted), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.connected(opening), Poll::Ready(Err(TURNED_OFF)));
    rig.run(Job::Close(wanted), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    // Nor can anything be begun, now and before.
    assert_eq!(rig.try_claim(), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.ask("example.com"), Poll::Ready(Err(TURNED_OFF)));
}

/// An open that is repeated on another connectID is not repeated any more.
#[test]
fn repeated_open_fails() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,563");
    assert_eq!(rig.connected(key), Poll::Pending);
    set(&rig, LinkMode::Down);
    assert_eq!(rig.connected(key), Poll::Ready(Err(TURNED_OFF)));
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn lookup_fails_at_once() {
    let mut rig = up();
    assert_eq!(rig.ask("example.com"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
    let found = Alarm::of(&rig, Queue::LookupResult, |engine| {
        let ticket = engine.dns.current();
        engine.dns.poll_answer(ticket, |_| Ok(()))
    });
    set(&rig, LinkMode::Down);
    assert!(found.rang());
    assert_eq!(rig.found(), Poll::Ready(Err(TURNED_OFF)));
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn tasks_that_wait_for_a_slot_learn_it() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    assert_eq!(rig.write(key, b"x"), Poll::Ready(Ok(1)));
    rig.release(key);
    let slot = Alarm::of(&rig, Queue::FreeSlot, |engine| {
        let request = Request::connect(crate::engine::rig::PEER).unwrap();
        engine.poll_claim(&request, AccessMode::Buffer)
    });
    set(&rig, LinkMode::Down);
    assert!(slot.rang());
    assert_eq!(rig.try_claim(), Poll::Ready(Err(TURNED_OFF)));
}

#[test]
fn listener_and_its_backlog_are_closed() {
    let mut rig = up();
    let request = Request::listen(ServiceType::TcpListener, 80).unwrap();
    let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
    let Poll::Ready(Ok(listener)) = claimed else {
        panic!("no slot");
    };
    rig.run(Job::Open(listener), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    rig.on_line("+QIURC: \"incoming\",11,0,\"203.0.113.9\",5000");
    let waiting = rig.key_of(11).expect("a connection");
    set(&rig, LinkMode::Down);
    rig.run(Job::Close(waiting), &["OK"]);
    // One more, behind the back of the host.
    rig.on_line("+QIURC: \"incoming\",10,0,\"203.0.113.9\",5001");
    let orphan = Job::CloseOrphan(crate::at::ConnectId::new(10).unwrap());
    assert_eq!(rig.next(), Action::Run(orphan));
    rig.run(orphan, &["OK"]);
    rig.run(Job::Close(listener), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    let accepted = rig.engine(|engine| engine.poll_accept(listener));
    assert_eq!(
        accepted,
        Poll::Ready(Ok((waiting, Some("203.0.113.9:5000".parse().unwrap()))))
    );
    let accepted = rig.engine(|engine| engine.poll_accept(listener));
    assert_eq!(accepted, Poll::Ready(Err(TURNED_OFF)));
    rig.release(waiting);
    rig.release(listener);
    assert!(rig.all_free());
}

#[test]
fn reader_learns_the_end_when_the_close_begins() {
    for phase in [Phase::Open, Phase::Draining] {
        let mut rig = up();
        let key = rig.open();
        set(&rig, LinkMode::Down);
        if phase == Phase::Draining {
            rig.on_line("+QIURC: \"closed\",0");
        }
        let alarm = Alarm::of(&rig, Queue::Reader(key), move |engine| {
            engine.poll_read(key, &mut [0])
        });
        rig.expect(Job::Close(key));
        assert!(alarm.rang(), "{phase:?}");
        assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    }
}
