//! Listeners and the connections that the module accepts (2.2.3, 2.2.4).

use core::task::Poll;

use crate::at::{AccessMode, ConnectId, ServiceType};
use crate::engine::Queue;
use crate::engine::sockets::slot::Phase;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Action, Job, Key, LineKind, Request};
use crate::error::{Error, LinkError};

/// A listener that is wanted.
fn listen(rig: &mut Rig) -> Key {
    let request = Request::listen(ServiceType::TcpListener, 2020).unwrap();
    match rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer)) {
        Poll::Ready(Ok(key)) => key,
        other => panic!("no slot: {other:?}"),
    }
}

fn listening(rig: &mut Rig) -> Key {
    let key = listen(rig);
    rig.run(Job::Open(key), &["OK"]);
    let id = rig.id(key);
    rig.on_line(&std::format!("+QIOPEN: {id},0"));
    assert_eq!(rig.connected(key), Poll::Ready(Ok(())));
    key
}

fn accept(rig: &mut Rig, listener: Key) -> Poll<Result<Key, Error>> {
    rig.engine(|engine| engine.poll_accept(listener))
        .map_ok(|(key, _)| key)
}

#[track_caller]
fn accepted(rig: &mut Rig, listener: Key) -> Key {
    match accept(rig, listener) {
        Poll::Ready(Ok(key)) => key,
        other => panic!("nobody came: {other:?}"),
    }
}

fn come(rig: &mut Rig, id: u8) {
    let line = std::format!("+QIURC: \"incoming\",{id},0,\"192.0.2.1\",5000");
    assert_eq!(rig.on_line(&line), LineKind::Handled);
}

fn refused(rig: &Rig) -> u32 {
    rig.engine(|engine| engine.counters.refused_connections.get())
}

#[test]
fn connections_are_handed_out_in_the_order_in_which_they_came() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 10);
    come(&mut rig, 11);
    let first = accepted(&mut rig, listener);
    let second = accepted(&mut rig, listener);
    assert_eq!((rig.id(first), rig.id(second)), (10, 11));
    assert!(accept(&mut rig, listener).is_pending());
    rig.idle();
}

#[test]
fn a_connection_wakes_the_one_who_accepts() {
    let mut rig = up();
    let listener = listening(&mut rig);
    let alarm = Alarm::of(&rig, Queue::Reader(listener), move |engine| {
        engine.poll_accept(listener)
    });
    come(&mut rig, 11);
    assert!(alarm.rang());
}

#[test]
fn data_before_the_accept_is_read() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    rig.on_line("+QIURC: \"recv\",11");
    let Action::Run(Job::Read { key, .. }) = rig.next() else {
        panic!("nothing is read");
    };
    rig.serve(key, b"early");
    rig.on_line("+QIURC: \"closed\",11");
    let connection = accepted(&mut rig, listener);
    assert_eq!(rig.read(connection), Poll::Ready(Ok(b"early".to_vec())));
    let job = rig.read_job(connection);
    rig.run(job, &["+QIRD: 0", "OK"]);
    assert_eq!(rig.read(connection), Poll::Ready(Ok(std::vec![])));
}

#[test]
fn an_accepted_connection_is_flushed() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    let key = accepted(&mut rig, listener);
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
    let _ = rig.write(key, b"abc");
    assert_eq!(rig.flush(key), Poll::Pending);
    rig.accept(key, 3, "SEND OK");
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
}

#[test]
fn a_listener_is_never_read() {
    let mut rig = up();
    let listener = listening(&mut rig);
    let id = rig.id(listener);
    rig.on_line(&std::format!("+QIURC: \"recv\",{id}"));
    assert_eq!(rig.idle(), None);
}

#[test]
fn a_connection_without_a_slot_is_closed() {
    let mut rig = up();
    listening(&mut rig);
    for id in [11, 10, 9] {
        come(&mut rig, id);
    }
    assert_eq!(refused(&rig), 1);
    let Action::Run(job) = rig.next() else {
        panic!("the third one stays open");
    };
    assert!(matches!(job, Job::CloseOrphan(id) if id.get() == 9));
    rig.begin(job);
    // Closed: the module gives its connectID to the next connection before the host has handled the result.
    assert_eq!(rig.on_line("OK"), LineKind::Final);
    come(&mut rig, 9);
    rig.run(job, &["OK"]);
    assert_eq!(refused(&rig), 2);
    assert_eq!(rig.idle(), None);
}

/// The close of an orphan gets no answer; the module answers other commands.
fn unanswered(rig: &mut Rig, id: u8) {
    rig.expect(Job::CloseOrphan(ConnectId::new(id).unwrap()));
    rig.silence();
}

#[test]
fn orphan_is_closed_again_if_its_close_is_not_answered() {
    let mut rig = up();
    come(&mut rig, 11);
    unanswered(&mut rig, 11);
    rig.check_passes();
    rig.run(Job::CloseOrphan(ConnectId::new(11).unwrap()), &["OK"]);
    assert_eq!(rig.idle(), None);
    // The next one on this id has its own tries.
    come(&mut rig, 11);
    unanswered(&mut rig, 11);
    rig.check_passes();
    // Two errors: it is gone.
    let orphan = Job::CloseOrphan(ConnectId::new(11).unwrap());
    rig.run(orphan, &["ERROR"]);
    let again = rig.idle().expect("another try");
    rig.wait(again);
    rig.run(orphan, &["ERROR"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn orphan_whose_close_is_never_answered_is_closed_again_after_a_pause() {
    let mut rig = up();
    come(&mut rig, 11);
    for _ in 0..2 {
        unanswered(&mut rig, 11);
        rig.check_passes();
    }
    let again = rig.idle().expect("another try");
    assert_eq!((again - rig.now).as_secs(), 59);
    // Another one does not wait for it.
    come(&mut rig, 10);
    rig.run(Job::CloseOrphan(ConnectId::new(10).unwrap()), &["OK"]);
    rig.wait(again);
    rig.run(Job::CloseOrphan(ConnectId::new(11).unwrap()), &["OK"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn incoming_connection_is_not_closed_in_place_of_the_one_before() {
    for asked in [false, true] {
        let mut rig = up();
        let listener = listening(&mut rig);
        rig.on_line("+QIURC: \"incoming\",11,7,\"192.0.2.1\",5000");
        if asked {
            rig.expect(Job::CloseOrphan(ConnectId::new(11).unwrap()));
        }
        come(&mut rig, 11);
        if asked {
            rig.silence();
            rig.check_passes();
        }
        let connection = accepted(&mut rig, listener);
        assert_eq!(rig.idle(), None);
        assert_eq!(rig.phase(connection), Phase::Open);
    }
}

#[test]
fn incoming_connection_without_a_listener_is_closed() {
    let mut rig = up();
    come(&mut rig, 11);
    let Action::Run(job @ Job::CloseOrphan(id)) = rig.next() else {
        panic!("it stays open");
    };
    assert_eq!(id.get(), 11);
    rig.begin(job);
    rig.answer(&["OK"]);
    // A client is no listener.
    let client = rig.open();
    let id = rig.id(client);
    rig.on_line(&std::format!(
        "+QIURC: \"incoming\",10,{id},\"192.0.2.1\",5000"
    ));
    assert_eq!(refused(&rig), 2);
}

#[test]
fn a_connection_can_come_before_the_result_of_the_listener() {
    let mut rig = up();
    let listener = listen(&mut rig);
    rig.expect(Job::Open(listener));
    rig.answer(&["OK"]);
    come(&mut rig, 11);
    rig.on_line("+QIOPEN: 0,0");
    accepted(&mut rig, listener);
}

#[test]
fn the_module_and_this_side_choose_the_same_id() {
    let mut rig = up();
    let listener = listening(&mut rig);
    let client = rig.claim();
    rig.expect(Job::Open(client));
    let id = rig.id(client);
    come(&mut rig, id);
    rig.answer(&["OK"]);
    rig.on_line(&std::format!("+QIOPEN: {id},563"));
    // Not the connection that came is closed: another id is tried.
    rig.expect(Job::Open(client));
    assert_ne!(rig.id(client), id);
    rig.answer(&["OK"]);
    let connection = accepted(&mut rig, listener);
    assert_eq!(rig.phase(connection), Phase::Open);
}

/// The module did not hear of the open, and gives its connectID to whoever comes.
#[test]
fn an_open_that_was_not_heard_does_not_get_the_connection_of_another() {
    let mut rig = up();
    let listener = listening(&mut rig);
    let client = rig.claim();
    rig.expect(Job::Open(client));
    let id = rig.id(client);
    rig.silence();
    come(&mut rig, id);
    rig.check_passes();
    assert_eq!(rig.connected(client), Poll::Pending);
    // Another id is tried.
    rig.expect(Job::Open(client));
    assert_ne!(rig.id(client), id);
    rig.answer(&["OK"]);
    assert_eq!(rig.connected(client), Poll::Pending);
    let line = std::format!("+QIOPEN: {},0", rig.id(client));
    rig.on_line(&line);
    assert_eq!(rig.connected(client), Poll::Ready(Ok(())));
    let connection = accepted(&mut rig, listener);
    assert_eq!(rig.id(connection), id);
    assert_eq!(rig.phase(connection), Phase::Open);
}

#[test]
fn a_lost_link_ends_the_listener_and_keeps_what_came() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    rig.on_line("+QIURC: \"pdpdeact\",1");
    let lost = Error::Link(LinkError::ContextLost);
    let connection = accepted(&mut rig, listener);
    assert_eq!(rig.read(connection), Poll::Ready(Err(lost)));
    assert_eq!(accept(&mut rig, listener), Poll::Ready(Err(lost)));
    rig.release(listener);
    rig.release(connection);
    assert!(rig.all_free());
}

#[test]
fn a_released_listener_takes_its_backlog_along() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    come(&mut rig, 10);
    let kept = accepted(&mut rig, listener);
    rig.release(listener);
    assert_eq!(refused(&rig), 1);
    for _ in 0..2 {
        let Action::Run(job @ Job::Close(_)) = rig.next() else {
            panic!("something stays open");
        };
        rig.begin(job);
        rig.answer(&["OK"]);
    }
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.phase(kept), Phase::Open);
    assert_eq!(rig.read(kept), Poll::Pending);
}

/// Its close is on the way when another one comes.
#[test]
fn dropped_listener_accepts_no_connection() {
    let mut rig = up();
    let listener = listening(&mut rig);
    rig.release(listener);
    come(&mut rig, 11);
    assert_eq!(refused(&rig), 1);
    for _ in 0..2 {
        match rig.next() {
            Action::Run(job @ (Job::CloseOrphan(_) | Job::Close(_))) => rig.run(job, &["OK"]),
            other => panic!("{other:?}"),
        }
    }
    assert!(rig.all_free());
}

#[test]
fn incoming_for_a_connect_id_in_use_leaves_its_connection_alone() {
    let state = |id| std::format!("+QISTATE: {id},\"TCP\",\"192.0.2.1\",80,0,2,1,0,0,\"uart1\"");
    // Of an accepted connection, and of one that the program opened.
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    let connection = accepted(&mut rig, listener);
    come(&mut rig, 11);
    assert!(accept(&mut rig, listener).is_pending());
    rig.run(Job::Status(connection), &[&state(11), "OK"]);
    let own = rig.open();
    let id = rig.id(own);
    come(&mut rig, id);
    rig.run(Job::Status(own), &[&state(id), "OK"]);
    for (key, id) in [(connection, 11), (own, id)] {
        rig.on_line(&std::format!("+QIURC: \"recv\",{id}"));
        rig.serve(key, b"alive");
        rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
        assert_eq!(rig.read(key), Poll::Ready(Ok(b"alive".to_vec())));
    }
    assert_eq!(refused(&rig), 2);
    rig.idle();
    // Nor is it closed because no slot is free.
    let mut rig = Rig::up::<2, 64, 64>();
    listening(&mut rig);
    let own = rig.open();
    come(&mut rig, 1);
    rig.run(Job::Status(own), &[&state(1), "OK"]);
    assert_eq!(rig.phase(own), Phase::Open);
    assert_eq!(rig.idle(), None);
}

#[test]
fn a_connect_id_whose_close_was_not_answered_can_be_given_to_an_incoming_connection() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    let old = accepted(&mut rig, listener);
    rig.abort(old);
    rig.expect(Job::Close(old));
    // The module closes the socket, accepts another connection on its connectID, and the answer is lost.
    come(&mut rig, 11);
    let new = accepted(&mut rig, listener);
    rig.check_passes();
    // The close may have hit the new connection.
    let state = "+QISTATE: 11,\"TCP\",\"192.0.2.1\",5000,0,2,1,0,0,\"uart1\"";
    rig.run(Job::Status(new), &[state, "OK"]);
    assert_eq!(rig.phase(new), Phase::Open);
    // No AT+QICLOSE=11 comes any more.
    rig.on_line("+QIURC: \"recv\",11");
    rig.serve(new, b"alive");
    assert_eq!(rig.read(new), Poll::Ready(Ok(b"alive".to_vec())));
}

#[test]
fn own_sockets_go_before_connections_that_were_not_accepted() {
    let mut rig = up();
    let listener = listening(&mut rig);
    come(&mut rig, 11);
    come(&mut rig, 10);
    let oldest = rig.key_of(11).unwrap();
    // All slots are in use: the one that waits longest is closed.
    assert_eq!(rig.try_claim(), Poll::Pending);
    assert_eq!(refused(&rig), 1);
    assert_eq!(rig.try_claim(), Poll::Pending);
    assert_eq!(refused(&rig), 1);
    rig.run(Job::Close(oldest), &["OK"]);
    let key = rig.claim();
    rig.run(Job::Open(key), &["OK"]);
    // The other one is still there.
    let other = accepted(&mut rig, listener);
    assert_eq!(rig.id(other), 10);
    // What the program has accepted is its own affair.
    assert_eq!(rig.try_claim(), Poll::Ready(Err(Error::NoFreeSocket)));
}
