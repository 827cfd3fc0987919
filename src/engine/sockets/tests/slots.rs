//! Which slot a socket takes.

use core::ops::Range;
use core::task::Poll;

use crate::at::{AccessMode, ServiceType};
use crate::config::Config;
use crate::engine::rig::PEER;
use crate::engine::sockets::slot::Phase;
use crate::engine::tests::Rig;
use crate::engine::{Job, Key, LineKind, Request, SlotSet};
use crate::error::Error;

/// The link is up. The slots have receive and transmit rings of these sizes.
fn up(sizes: &[(usize, usize)]) -> Rig {
    let mut rig = Rig::with_rings(sizes, Config::new("internet"));
    rig.start();
    rig.bring_up();
    rig
}

/// Asks for one of the slots with these indexes.
fn claim(rig: &Rig, request: Request<'_>, slots: Range<usize>) -> Poll<Result<Key, Error>> {
    let mut request = request;
    request.slots = SlotSet::ALL.within(slots);
    rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer))
}

fn connect(rig: &Rig, slots: Range<usize>) -> Poll<Result<usize, Error>> {
    claim(rig, Request::connect(PEER).unwrap(), slots).map_ok(Key::index)
}

fn listen(rig: &Rig, slots: Range<usize>) -> Poll<Result<Key, Error>> {
    let request = Request::listen(ServiceType::TcpListener, 2020).unwrap();
    claim(rig, request, slots)
}

/// A listener on connectID 0.
fn listening(rig: &mut Rig, slots: Range<usize>) -> Key {
    let Poll::Ready(Ok(key)) = listen(rig, slots) else {
        panic!("no slot");
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.phase(key), Phase::Open);
    key
}

fn come(rig: &mut Rig, id: u8) {
    let line = std::format!("+QIURC: \"incoming\",{id},0,\"192.0.2.1\",5000");
    assert_eq!(rig.on_line(&line), LineKind::Handled);
}

fn refused(rig: &Rig) -> u32 {
    rig.engine(|engine| engine.counters.refused_connections.get())
}

const NO_SLOT: Poll<Result<usize, Error>> = Poll::Ready(Err(Error::NoFreeSocket));
const RINGS: (usize, usize) = (64, 64);

#[test]
fn a_range_of_slots() {
    let set = |range: Range<usize>| {
        (0..12).filter(move |index| {
            SlotSet::ALL
                .within(range.clone())
                .contains(Key::first(*index))
        })
    };
    assert!(set(0..12).eq(0..12));
    assert!(set(3..5).eq(3..5));
    assert!(set(11..usize::MAX).eq([11]));
    assert_eq!(
        set(12..13).count() + set(4..4).count() + set(16..17).count(),
        0
    );
    let twice = SlotSet::ALL.within(2..6).within(0..3);
    assert_eq!(twice, SlotSet::ALL.within(2..3));
    assert_eq!(twice.others().within(0..4), {
        let mut others = SlotSet::EMPTY;
        for index in [0, 1, 3] {
            others.insert(index);
        }
        others
    });
}

#[test]
fn a_socket_takes_the_first_free_one_of_its_slots() {
    let rig = up(&[RINGS; 4]);
    assert_eq!(connect(&rig, 2..12), Poll::Ready(Ok(2)));
    assert_eq!(connect(&rig, 0..12), Poll::Ready(Ok(0)));
    assert_eq!(connect(&rig, 2..12), Poll::Ready(Ok(3)));
    assert_eq!(connect(&rig, 2..12), NO_SLOT);
    assert_eq!(connect(&rig, 4..12), NO_SLOT);
    assert_eq!(connect(&rig, 0..12), Poll::Ready(Ok(1)));
}

/// That another slot is about to be free is no reason to wait.
#[test]
fn a_socket_waits_for_its_own_slots_only() {
    let mut rig = up(&[RINGS; 2]);
    let closing = rig.open();
    rig.open();
    rig.release(closing);
    assert_eq!(connect(&rig, 1..2), NO_SLOT);
    assert_eq!(connect(&rig, 0..2), Poll::Pending);
    rig.run(Job::Close(closing), &["OK"]);
    assert_eq!(connect(&rig, 1..2), NO_SLOT);
    assert_eq!(connect(&rig, 0..2), Poll::Ready(Ok(0)));
}

/// A slot without rings is never wasted on something else, and none with rings on a listener.
#[test]
fn listeners_take_the_slots_without_rings() {
    let mut rig = up(&[RINGS, (0, 0), RINGS, (0, 0)]);
    let first = listening(&mut rig, 0..1);
    assert_eq!(first.index(), 1);
    let Poll::Ready(Ok(second)) = listen(&rig, 0..1) else {
        panic!("no slot");
    };
    assert_eq!(second.index(), 3);
    rig.run(Job::Open(second), &["OK"]);
    assert_eq!(listen(&rig, 0..12).map_ok(Key::index), NO_SLOT);
    rig.release(first);
    assert_eq!(
        listen(&rig, 0..12),
        Poll::Pending,
        "slots with rings are free"
    );
    rig.run(Job::Close(first), &["OK"]);
    assert_eq!(listen(&rig, 2..3).map_ok(Key::index), Poll::Ready(Ok(1)));
}

#[test]
fn a_listener_takes_one_of_its_slots_if_all_have_rings() {
    let rig = up(&[RINGS; 3]);
    assert_eq!(listen(&rig, 1..3).map_ok(Key::index), Poll::Ready(Ok(1)));
}

#[test]
fn connections_take_the_slots_of_their_listener() {
    let mut rig = up(&[RINGS, RINGS, RINGS, (0, 0)]);
    let listener = listening(&mut rig, 1..3);
    for id in [11, 10, 9] {
        come(&mut rig, id);
    }
    assert_eq!(refused(&rig), 1);
    let accept = || {
        let accepted = rig.engine(|engine| engine.poll_accept(listener));
        accepted.map_ok(|(key, _)| key.index())
    };
    assert_eq!(accept(), Poll::Ready(Ok(1)));
    assert_eq!(accept(), Poll::Ready(Ok(2)));
    assert_eq!(accept(), Poll::Pending);
    assert_eq!(connect(&rig, 0..3), Poll::Ready(Ok(0)));
}

/// A connection that nobody has accepted is closed only if its slot is of use.
#[test]
fn a_socket_makes_room_in_its_own_slots() {
    let mut rig = up(&[RINGS, RINGS, RINGS, (0, 0)]);
    listening(&mut rig, 0..2);
    come(&mut rig, 11);
    come(&mut rig, 10);
    assert_eq!(connect(&rig, 2..3), Poll::Ready(Ok(2)));
    assert_eq!(connect(&rig, 2..3), NO_SLOT);
    assert_eq!(refused(&rig), 0);
    assert_eq!(
        connect(&rig, 1..3),
        Poll::Pending,
        "the second one is closed"
    );
    assert_eq!(refused(&rig), 1);
    assert_eq!(listen(&rig, 0..3).map_ok(Key::index), NO_SLOT);
    assert_eq!(refused(&rig), 1, "a listener has no use for it");
}
