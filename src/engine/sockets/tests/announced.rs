//! How many commands a datagram costs, when the module says how long it is (quirk 62).

use core::task::Poll;

use embassy_time::Duration;

use crate::at::AccessMode;
use crate::config::Config;
use crate::engine::tests::Rig;
use crate::engine::{Action, Job, Key, Request};

fn open(rig: &mut Rig) -> Key {
    let claimed =
        rig.engine(|engine| engine.poll_claim(&Request::service(3030), AccessMode::Buffer));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("no slot: {claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    key
}

fn up() -> (Rig, Key) {
    let mut rig = Rig::up::<2, 2048, 121>();
    let key = open(&mut rig);
    (rig, key)
}

/// The length of the oldest datagram. If there is none a reader waits.
fn receive(rig: &mut Rig, key: Key) -> Option<usize> {
    match rig.engine(|engine| engine.poll_receive(key, &mut [])) {
        Poll::Ready(datagram) => Some(datagram.expect("a datagram").0),
        Poll::Pending => None,
    }
}

/// A read is due, and brings a datagram of this length.
#[track_caller]
fn read(rig: &mut Rig, key: Key, length: u16) {
    rig.expect(Job::Read { key, length: 1500 });
    give(rig, length);
}

/// The read in flight brings a datagram of this length.
fn give(rig: &mut Rig, length: u16) {
    let header = std::format!("+QIRD: {length},\"192.0.2.1\",5000");
    let crate::engine::LineKind::Header = rig.on_line(&header) else {
        panic!("no header");
    };
    rig.engine(|engine| engine.deliver(&std::vec![0; length.into()]));
    rig.answer(&["OK"]);
}

/// A read is due, and finds nothing.
#[track_caller]
fn find_nothing(rig: &mut Rig, key: Key) {
    rig.run(Job::Read { key, length: 1500 }, &["+QIRD: 0", "OK"]);
}

/// Datagrams have come alone, as often as counts.
fn alone(rig: &mut Rig, key: Key) {
    for _ in 0..3 {
        rig.on_line("+QIURC: \"recv\",0,4");
        read(rig, key, 4);
        assert_eq!(receive(rig, key), Some(4));
        find_nothing(rig, key);
    }
}

/// The reader waits. Returns the pause before the next read, in milliseconds.
#[track_caller]
fn pause(rig: &mut Rig, key: Key) -> u64 {
    assert_eq!(receive(rig, key), None);
    let until = rig.idle().expect("a re-check");
    let pause = (until - rig.now).as_millis();
    rig.now = until;
    pause
}

#[test]
fn a_lone_one_costs_one_read() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    for length in [4, 1, 1000] {
        rig.on_line(&std::format!("+QIURC: \"recv\",0,{length}"));
        read(&mut rig, key, length);
        assert_eq!(receive(&mut rig, key), Some(length.into()));
        // Nobody waits for another one.
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn the_next_one_shows_that_nothing_was_missed() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    for _ in 0..100 {
        assert_eq!(receive(&mut rig, key), None);
        rig.idle();
        rig.pass(99);
        rig.idle();
        rig.on_line("+QIURC: \"recv\",0,4");
        read(&mut rig, key, 4);
        assert_eq!(receive(&mut rig, key), Some(4));
    }
}

#[test]
fn a_reader_that_waits_on_has_the_module_asked_after_a_pause_that_doubles() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    for expected in [100, 200, 400, 800, 1600, 3200, 3200, 3200] {
        rig.on_line("+QIURC: \"recv\",0,4");
        read(&mut rig, key, 4);
        assert_eq!(receive(&mut rig, key), Some(4));
        // However long it takes until one waits.
        assert_eq!(rig.idle(), None);
        rig.pass(60_000);
        assert_eq!(rig.idle(), None);
        assert_eq!(pause(&mut rig, key), expected);
        find_nothing(&mut rig, key);
        // It is no re-check, and delays none.
        assert_eq!(receive(&mut rig, key), None);
        let until = rig.idle().expect("a re-check");
        assert_eq!(until - rig.now, Duration::from_secs(5));
    }
}

#[test]
fn datagram_without_a_notice_is_found() {
    for recheck in [0, 5] {
        let config = Config::new("internet").recheck(Duration::from_secs(recheck));
        let mut rig = Rig::up_with::<2, 2048, 121>(config);
        let key = open(&mut rig);
        alone(&mut rig, key);
        rig.on_line("+QIURC: \"recv\",0,4");
        read(&mut rig, key, 4);
        assert_eq!(receive(&mut rig, key), Some(4));
        if recheck > 0 {
            assert_eq!(pause(&mut rig, key), 100);
        } else {
            // At once.
            assert_eq!(receive(&mut rig, key), None);
        }
        // It came with the first one, and so did the third. Now all is read at once.
        read(&mut rig, key, 5);
        read(&mut rig, key, 6);
        find_nothing(&mut rig, key);
        assert_eq!(receive(&mut rig, key), Some(5));
        assert_eq!(receive(&mut rig, key), Some(6));
        // Also of the next ones, until they come alone again.
        for _ in 0..2 {
            rig.on_line("+QIURC: \"recv\",0,4");
            read(&mut rig, key, 4);
            find_nothing(&mut rig, key);
            assert_eq!(receive(&mut rig, key), Some(4));
        }
        rig.on_line("+QIURC: \"recv\",0,4");
        read(&mut rig, key, 4);
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn datagram_that_comes_with_another_is_no_sign_of_a_loss() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    rig.on_line("+QIURC: \"recv\",0,4");
    read(&mut rig, key, 4);
    assert_eq!(receive(&mut rig, key), Some(4));
    assert_eq!(pause(&mut rig, key), 100);
    read(&mut rig, key, 4);
    find_nothing(&mut rig, key);
    assert_eq!(receive(&mut rig, key), Some(4));
    for expected in [5000, 10_000, 20_000] {
        assert_eq!(pause(&mut rig, key), expected);
        find_nothing(&mut rig, key);
    }
}

#[test]
fn the_first_ones_are_read_until_there_are_no_more() {
    let (mut rig, key) = up();
    rig.on_line("+QIURC: \"recv\",0,4");
    read(&mut rig, key, 4);
    read(&mut rig, key, 5);
    find_nothing(&mut rig, key);
    assert_eq!(rig.idle(), None);
}

#[test]
fn notices_that_come_before_the_read_add_up() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    rig.on_line("+QIURC: \"recv\",0,7");
    rig.on_line("+QIURC: \"recv\",0,5");
    read(&mut rig, key, 7);
    // Also those that come during it.
    rig.expect(Job::Read { key, length: 1500 });
    rig.on_line("+QIURC: \"recv\",0,6");
    give(&mut rig, 5);
    read(&mut rig, key, 6);
    assert_eq!(rig.idle(), None);
    for length in [7, 5, 6] {
        assert_eq!(receive(&mut rig, key), Some(length));
    }
}

#[test]
fn without_a_length_all_is_read_until_there_is_no_more() {
    let (mut rig, key) = up();
    for _ in 0..10 {
        rig.on_line("+QIURC: \"recv\",0");
        read(&mut rig, key, 4);
        find_nothing(&mut rig, key);
        assert_eq!(receive(&mut rig, key), Some(4));
        assert!(matches!(rig.next(), Action::Wait(_)));
    }
}

#[test]
fn a_lost_notice_is_found_by_the_re_check() {
    let (mut rig, key) = up();
    alone(&mut rig, key);
    assert_eq!(pause(&mut rig, key), 5000);
    read(&mut rig, key, 4);
    find_nothing(&mut rig, key);
    assert_eq!(receive(&mut rig, key), Some(4));
    // That was a sign of a loss: the pause does not grow.
    for _ in 0..3 {
        assert_eq!(pause(&mut rig, key), 5000);
        find_nothing(&mut rig, key);
    }
}
