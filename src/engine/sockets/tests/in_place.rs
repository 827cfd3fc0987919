//! Reading and writing where the bytes lie in the rings.

use core::task::Poll;
use std::vec::Vec;

use crate::engine::tests::Rig;
use crate::engine::{Job, Key};
use crate::error::Error;

/// Takes `count` of the bytes that are shown, and says which were.
fn read(rig: &Rig, key: Key, count: usize) -> Poll<Result<Vec<u8>, Error>> {
    let mut read = Some(|bytes: &mut [u8]| (count, bytes.to_vec()));
    rig.engine(|engine| engine.poll_read_with(key, &mut read))
}

/// Writes `bytes`, as far as there is room, and says how much room there was.
fn write(rig: &Rig, key: Key, bytes: &[u8]) -> Poll<Result<usize, Error>> {
    let mut write = Some(|room: &mut [u8]| {
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        (bytes.len(), room.len())
    });
    rig.engine(|engine| engine.poll_write_with(key, &mut write))
}

fn shown(bytes: &[u8]) -> Poll<Result<Vec<u8>, Error>> {
    Poll::Ready(Ok(bytes.to_vec()))
}

#[test]
fn what_a_reader_leaves_is_shown_again() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    assert_eq!(read(&rig, key, 1), Poll::Pending);
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"abcdef");
    assert_eq!(read(&rig, key, 0), shown(b"abcdef"));
    assert_eq!(read(&rig, key, 4), shown(b"abcdef"));
    assert_eq!(read(&rig, key, 1), shown(b"ef"));
    // More than there was.
    assert_eq!(read(&rig, key, 99), shown(b"f"));
    assert_eq!(read(&rig, key, 1), Poll::Pending);
}

/// The room that a reader makes is used, and what lies behind the end of the ring comes with the next call.
#[test]
fn a_reader_sees_one_piece() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"abcdefgh");
    assert_eq!(read(&rig, key, 8), shown(b"abcdefgh"));
    rig.serve(key, b"ijklmn");
    assert_eq!(read(&rig, key, 5), shown(b"ijklmn"));
    rig.engine(|engine| {
        let slot = engine.sockets.get_mut(key).unwrap();
        assert_eq!(slot.rx.push(b"opqrs"), 5);
        slot.receive.withheld = 1;
    });
    assert_eq!(read(&rig, key, 9), shown(b"nop"));
    assert_eq!(read(&rig, key, 9), shown(b"qr"), "the last one is withheld");
    assert_eq!(read(&rig, key, 9), Poll::Pending);
}

#[test]
fn a_reader_learns_the_end() {
    let mut rig = Rig::up::<2, 8, 8>();
    let ended = rig.ended();
    assert_eq!(read(&rig, ended, 1), shown(b""));
    assert_eq!(read(&rig, ended, 1), shown(b""));
    let reset = rig.open();
    rig.engine(|engine| {
        engine
            .sockets
            .get_mut(reset)
            .unwrap()
            .fail(Error::ConnectionReset)
    });
    assert_eq!(
        read(&rig, reset, 1),
        Poll::Ready(Err(Error::ConnectionReset))
    );
    assert_eq!(
        write(&rig, reset, b"x"),
        Poll::Ready(Err(Error::ConnectionReset))
    );
}

#[test]
fn a_writer_sees_the_room() {
    let mut rig = Rig::up::<1, 8, 8>();
    let key = rig.open();
    assert_eq!(write(&rig, key, b""), Poll::Ready(Ok(8)));
    assert_eq!(write(&rig, key, b"abcde"), Poll::Ready(Ok(8)));
    assert_eq!(write(&rig, key, b"fghij"), Poll::Ready(Ok(3)));
    assert_eq!(write(&rig, key, b"k"), Poll::Pending);
    rig.expect(Job::Send { key, length: 8 });
    let mut sent = [0; 8];
    rig.engine(|engine| engine.peek(key, 0, &mut sent));
    assert_eq!(sent, *b"abcdefgh");
    rig.prompt();
    rig.answer(&["SEND OK"]);
    assert_eq!(write(&rig, key, b""), Poll::Ready(Ok(8)));
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())), "nothing was written");
}

#[cfg(feature = "udp")]
mod datagrams {
    use super::*;
    use crate::at::AccessMode;
    use crate::engine::Request;
    use core::net::SocketAddr;

    type Shown = (Vec<u8>, Vec<u8>, SocketAddr);

    fn receive(rig: &Rig, key: Key) -> Poll<Result<Shown, Error>> {
        let mut read =
            Some(|first: &[u8], second: &[u8], peer| (first.to_vec(), second.to_vec(), peer));
        rig.engine(|engine| engine.poll_receive_with(key, &mut read))
    }

    /// Each has a header of 21 bytes in the ring, which ends in the third one.
    #[test]
    fn one_is_shown_in_two_pieces_at_the_end_of_the_ring() {
        let mut rig = Rig::up::<1, 85, 40>();
        let request = Request::service(5000);
        let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
        let Poll::Ready(Ok(key)) = claimed else {
            panic!("no slot");
        };
        rig.run(Job::Open(key), &["OK"]);
        rig.on_line("+QIOPEN: 0,0");
        assert_eq!(receive(&rig, key), Poll::Pending);
        let peer = "192.0.2.1:5000".parse().unwrap();
        let come = |bytes: &[u8]| {
            rig.engine(|engine| {
                let slot = engine.sockets.get_mut(key).unwrap();
                assert!(slot.on_datagram_header(bytes.len() as u16, Some(peer)));
                slot.extend_datagram(bytes);
                slot.confirm_datagram();
            });
        };
        let shown =
            |first: &[u8], second: &[u8]| Poll::Ready(Ok((first.to_vec(), second.to_vec(), peer)));
        come(b"the first");
        come(b"following");
        assert_eq!(receive(&rig, key), shown(b"the first", b""));
        come(b"the third");
        assert_eq!(receive(&rig, key), shown(b"following", b""));
        assert_eq!(receive(&rig, key), shown(b"the ", b"third"));
        assert_eq!(receive(&rig, key), Poll::Pending);
        come(b"");
        assert_eq!(receive(&rig, key), shown(b"", b""));
        rig.abort(key);
        assert_eq!(receive(&rig, key), Poll::Ready(Err(Error::Closed)));
    }
}
