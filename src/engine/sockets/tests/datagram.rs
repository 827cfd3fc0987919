//! Datagrams: whole or not at all (2.1.7, 2.1.8).

use core::net::SocketAddr;
use core::task::Poll;

use crate::at::AccessMode;
use crate::engine::rig::PEER;
use crate::engine::tests::Rig;
use crate::engine::{Job, Key, LineKind, Request};
use crate::error::Error;

type Datagram = (std::vec::Vec<u8>, Option<SocketAddr>);

fn up() -> Rig {
    Rig::up::<2, 121, 121>()
}

fn open(rig: &mut Rig, request: Request<'_>) -> Key {
    let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("no slot: {claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    let id = rig.id(key);
    rig.on_line(&std::format!("+QIOPEN: {id},0"));
    key
}

fn service(rig: &mut Rig) -> Key {
    open(rig, Request::service(3030))
}

fn receive(rig: &mut Rig, key: Key) -> Poll<Result<Datagram, Error>> {
    let mut into = [0; 200];
    rig.engine(|engine| engine.poll_receive(key, &mut into))
        .map_ok(|(length, peer)| (into[..length].to_vec(), peer))
}

fn send(rig: &mut Rig, key: Key, bytes: &[u8]) -> Poll<Result<(), Error>> {
    rig.engine(|engine| engine.poll_send(key, bytes, Some(PEER)))
}

/// The header of a datagram, and its bytes in two pieces.
fn say(rig: &mut Rig, bytes: &[u8]) {
    let header = std::format!("+QIRD: {},\"192.0.2.1\",5000", bytes.len());
    match rig.on_line(&header) {
        LineKind::Header => rig.engine(|engine| {
            let (first, second) = bytes.split_at(bytes.len() / 2);
            engine.deliver(first);
            engine.deliver(second);
        }),
        heard => assert_eq!((heard, bytes.len()), (LineKind::Handled, 0)),
    }
}

#[track_caller]
fn begin_read(rig: &mut Rig, key: Key) {
    let length = 1500;
    rig.expect(Job::Read { key, length });
}

#[track_caller]
fn read(rig: &mut Rig, key: Key, bytes: &[u8]) {
    begin_read(rig, key);
    say(rig, bytes);
    rig.answer(&["OK"]);
}

#[test]
fn datagram_is_received_only_when_it_is_complete() {
    let mut rig = up();
    let key = service(&mut rig);
    let id = rig.id(key);
    rig.on_line(&std::format!("+QIURC: \"recv\",{id}"));
    begin_read(&mut rig, key);
    let LineKind::Header = rig.on_line("+QIRD: 4,\"192.0.2.1\",5000") else {
        panic!("no header");
    };
    rig.engine(|engine| engine.deliver(b"hal"));
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    rig.engine(|engine| engine.deliver(b"f"));
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    rig.answer(&["OK"]);
    let peer = Some("192.0.2.1:5000".parse().unwrap());
    assert_eq!(
        receive(&mut rig, key),
        Poll::Ready(Ok((b"half".to_vec(), peer)))
    );
}

#[test]
fn half_of_one_is_dropped_and_counted() {
    let mut rig = up();
    let key = service(&mut rig);
    rig.on_line("+QIURC: \"recv\",0");
    begin_read(&mut rig, key);
    let LineKind::Header = rig.on_line("+QIRD: 4,\"192.0.2.1\",5000") else {
        panic!("no header");
    };
    rig.engine(|engine| engine.deliver(b"hal"));
    rig.silence();
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    assert_eq!(
        rig.engine(|engine| engine.counters.dropped_datagrams.get()),
        1
    );
    assert_eq!(rig.room(key), 121);
}

/// Bytes were lost on the line while a read was answered: what that read brought goes, and nothing else.
#[test]
fn only_what_came_damaged_is_dropped() {
    let mut rig = Rig::up::<3, 4096, 2048>();
    let key = service(&mut rig);
    rig.on_line("+QIURC: \"recv\",0");
    read(&mut rig, key, &[1; 10]);
    let dropped = |rig: &Rig| rig.engine(|engine| engine.counters.dropped_datagrams.get());
    begin_read(&mut rig, key);
    say(&mut rig, &[2; 20]);
    rig.engine(|engine| engine.damaged());
    rig.answer(&["OK"]);
    assert_eq!(dropped(&rig), 1);
    begin_read(&mut rig, key);
    rig.engine(|engine| engine.damaged());
    rig.answer(&["+QIRD: 0", "OK"]);
    assert_eq!(dropped(&rig), 1);
    assert!(matches!(receive(&mut rig, key), Poll::Ready(Ok((bytes, _))) if bytes == [1; 10]));
    assert_eq!(receive(&mut rig, key), Poll::Pending);
}

/// Nothing is read before the ring could take the largest datagram that it ever can.
#[test]
fn a_ring_that_is_small_takes_one_at_a_time() {
    let mut rig = up();
    let key = service(&mut rig);
    rig.on_line("+QIURC: \"recv\",0");
    read(&mut rig, key, &[1; 10]);
    assert_eq!(rig.idle(), None);
    let Poll::Ready(Ok((bytes, _))) = receive(&mut rig, key) else {
        panic!("nothing came");
    };
    assert_eq!(bytes, [1; 10]);
    // The largest, and one byte more.
    read(&mut rig, key, &[2; 100]);
    assert!(matches!(receive(&mut rig, key), Poll::Ready(Ok((bytes, _))) if bytes == [2; 100]));
    read(&mut rig, key, &[3; 101]);
    assert_eq!(receive(&mut rig, key), Poll::Pending);
    assert_eq!(
        rig.engine(|engine| engine.counters.dropped_datagrams.get()),
        1
    );
    assert_eq!(
        rig.engine(|engine| engine.counters.dropped_bytes.get()),
        101
    );
    // An empty one is one.
    read(&mut rig, key, &[]);
    assert!(
        matches!(receive(&mut rig, key), Poll::Ready(Ok((bytes, Some(_)))) if bytes.is_empty())
    );
    begin_read(&mut rig, key);
    rig.answer(&["+QIRD: 0", "OK"]);
    assert_eq!(receive(&mut rig, key), Poll::Pending);
}

#[test]
fn datagrams_that_fit_into_the_transmit_ring() {
    let mut rig = up();
    let key = service(&mut rig);
    let wrong = Poll::Ready(Err(Error::InvalidLength { max: 100 }));
    assert_eq!(send(&mut rig, key, &[]), wrong);
    assert_eq!(send(&mut rig, key, &[0; 101]), wrong);
    assert_eq!(send(&mut rig, key, &[1; 60]), Poll::Ready(Ok(())));
    assert_eq!(send(&mut rig, key, &[2; 60]), Poll::Pending);
    rig.accept(key, 60, "SEND OK");
    assert_eq!(send(&mut rig, key, &[2; 100]), Poll::Ready(Ok(())));
    rig.accept(key, 100, "SEND OK");
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
}

/// After SEND FAIL the module's count tells whether the datagram is out.
#[test]
fn datagram_is_sent_again_only_if_it_was_not_sent() {
    for taken in [false, true] {
        let mut rig = up();
        let key = service(&mut rig);
        assert_eq!(send(&mut rig, key, &[1; 10]), Poll::Ready(Ok(())));
        rig.accept(key, 10, "SEND FAIL");
        let count = if taken { 10 } else { 0 };
        let line = std::format!("+QISEND: {count},{count},0");
        rig.run(Job::CountSent(key), &[&line, "OK"]);
        rig.pass(5000);
        if taken {
            assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
            assert_eq!(rig.idle(), None);
        } else {
            rig.accept(key, 10, "SEND OK");
        }
    }
}

#[test]
fn the_oldest_goes_first() {
    let mut rig = up();
    let key = service(&mut rig);
    for length in [3, 5, 7] {
        assert_eq!(send(&mut rig, key, &[0; 9][..length]), Poll::Ready(Ok(())));
    }
    for length in [3, 5, 7] {
        assert_eq!(rig.destination(key), Some(PEER));
        rig.accept(key, length, "SEND OK");
    }
    assert_eq!(rig.idle(), None);
}

#[test]
fn more_datagrams_than_can_be_counted_are_not_taken() {
    let mut rig = Rig::up::<1, 1_500_000, 64>();
    let key = service(&mut rig);
    let mut dropped = 0;
    for _ in 0..0x1_0002 {
        rig.on_line("+QIURC: \"recv\",0");
        rig.expect(Job::Read { key, length: 1500 });
        rig.answer(&["+QIRD: 0,\"192.0.2.1\",7", "OK"]);
        dropped = rig.engine(|engine| engine.counters.dropped_datagrams.get());
    }
    assert_eq!(rig.datagrams(key), 0xffff);
    assert_eq!(dropped, 3);
}

const OTHER: SocketAddr = SocketAddr::new(
    core::net::IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 9)),
    81,
);

fn dropped(rig: &Rig) -> u32 {
    rig.engine(|engine| engine.counters.dropped_datagrams.get())
}

/// A service with a datagram of 4 bytes to one peer, and one of 3 bytes to another.
fn two_to_send() -> (Rig, Key) {
    let mut rig = up();
    let key = service(&mut rig);
    assert_eq!(send(&mut rig, key, b"lost"), Poll::Ready(Ok(())));
    let second = rig.engine(|engine| engine.poll_send(key, b"abc", Some(OTHER)));
    assert_eq!(second, Poll::Ready(Ok(())));
    (rig, key)
}

/// The second one is the next to be sent, and arrives.
#[track_caller]
fn second_goes(rig: &mut Rig, key: Key) {
    rig.accept(key, 3, "SEND OK");
    assert_eq!(dropped(rig), 1);
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
    assert_eq!(send(rig, key, b"more"), Poll::Ready(Ok(())));
    rig.accept(key, 4, "SEND OK");
    assert_eq!(rig.idle(), None);
}

#[test]
fn refused_datagram_is_dropped_and_the_next_goes_at_once() {
    for code in [552, 554, 555, 556, 563, 565, 566, 573, 799] {
        let (mut rig, key) = two_to_send();
        rig.run(Job::Send { key, length: 4 }, &["ERROR"]);
        let reason = std::format!("+QIGETERROR: {code},some text");
        rig.run(Job::LastError, &[&reason, "OK"]);
        second_goes(&mut rig, key);
    }
}

#[test]
fn datagram_refused_without_a_reason_is_dropped_if_the_socket_exists() {
    for code in [0, 550, 558, 567] {
        let (mut rig, key) = two_to_send();
        rig.run(Job::Send { key, length: 4 }, &["ERROR"]);
        let reason = std::format!("+QIGETERROR: {code},some text");
        rig.run(Job::LastError, &[&reason, "OK"]);
        let state = "+QISTATE: 0,\"UDP SERVICE\",\"10.0.0.1\",0,3030,2,1,0,0,\"uart1\"";
        rig.run(Job::Status(key), &[state, "OK"]);
        second_goes(&mut rig, key);
    }
}

#[test]
fn datagram_refused_for_a_passing_reason_is_sent_again_and_then_dropped() {
    for code in [3, 14, 551, 553, 568, 569, 571, 572] {
        let (mut rig, key) = two_to_send();
        for _ in 0..7 {
            rig.run(
                Job::Send { key, length: 4 },
                &[&std::format!("+CME ERROR: {code}")],
            );
            assert_eq!(dropped(&rig), 0);
            rig.now = rig.idle().expect("a pause");
        }
        rig.run(
            Job::Send { key, length: 4 },
            &[&std::format!("+CME ERROR: {code}")],
        );
        second_goes(&mut rig, key);
    }
}

#[test]
fn datagram_that_the_module_never_has_room_for_is_dropped() {
    let (mut rig, key) = two_to_send();
    for _ in 0..7 {
        rig.accept(key, 4, "SEND FAIL");
        rig.run(Job::CountSent(key), &["+QISEND: 0,0,0", "OK"]);
        assert_eq!(dropped(&rig), 0);
        rig.now = rig.idle().expect("a pause");
    }
    rig.accept(key, 4, "SEND FAIL");
    rig.run(Job::CountSent(key), &["+QISEND: 0,0,0", "OK"]);
    second_goes(&mut rig, key);
}

#[test]
fn datagram_with_an_unknown_result_is_dropped() {
    let (mut rig, key) = two_to_send();
    rig.accept(key, 4, "SEND FAIL");
    rig.run(Job::CountSent(key), &["+CME ERROR: 567"]);
    second_goes(&mut rig, key);
}

#[test]
fn service_is_bound_to_the_ipv6_address_if_the_other_one_is_refused() {
    use crate::at::{ContextId, ContextType};
    use crate::config::Config;
    for (context, repeats) in [
        (ContextType::Ipv4, false),
        (ContextType::Ipv6, true),
        (ContextType::Ipv4v6, true),
    ] {
        let config = Config::new("internet").context(ContextId::FIRST, context);
        let mut rig = Rig::up_with::<2, 121, 121>(config);
        let request = Request::service(3030);
        let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
        let Poll::Ready(Ok(key)) = claimed else {
            panic!("no slot: {claimed:?}");
        };
        rig.expect(Job::Open(key));
        let command = b"AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0\r";
        assert_eq!(rig.command(), command);
        rig.answer(&["OK"]);
        rig.on_line("+QIOPEN: 0,552");
        if !repeats {
            assert!(matches!(rig.connected(key), Poll::Ready(Err(_))));
            continue;
        }
        rig.run(Job::Close(key), &["OK"]);
        rig.expect(Job::Open(key));
        let command = b"AT+QIOPEN=1,0,\"UDP SERVICE\",\"0:0:0:0:0:0:0:1\",0,3030,0\r";
        assert_eq!(rig.command(), command);
        rig.answer(&["OK"]);
        rig.on_line("+QIOPEN: 0,0");
        assert_eq!(rig.connected(key), Poll::Ready(Ok(())));
    }
}
