//! The receiving half over a scripted serial line, polled by hand.

use core::future::pending;
use core::pin::{Pin, pin};
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::string::{String, ToString};
use std::sync::Arc;
use std::task::Wake;
use std::vec;
use std::vec::Vec;

use atat::{AtatUrc, Ingress, ResponseSlot, UrcChannel};
use embedded_io_async::{ErrorKind, ErrorType, Read};

use super::Receiver;
use crate::at::AccessMode;
use crate::engine::mailbox::Message;
use crate::engine::rig::{PEER, Rig};
use crate::engine::shared::Shared;
use crate::engine::{Job, Key, Request};
use crate::error::Error;
use crate::runner::RunError;
use crate::runner::receive_buffer::WholeLine;
use crate::testing::feed;

const BUFFER: usize = 256;

/// A UART whose reads return these pieces, and then wait for ever.
struct Script(VecDeque<Result<Vec<u8>, ErrorKind>>);

impl Script {
    fn new(pieces: &[&[u8]]) -> Self {
        Self(pieces.iter().map(|piece| Ok(piece.to_vec())).collect())
    }
}

impl ErrorType for Script {
    type Error = ErrorKind;
}

impl Read for Script {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.0.pop_front() {
            Some(Ok(mut piece)) => {
                let count = piece.len().min(buffer.len());
                buffer[..count].copy_from_slice(&piece[..count]);
                let rest = piece.split_off(count);
                if !rest.is_empty() {
                    self.0.push_front(Ok(rest));
                }
                Ok(count)
            }
            Some(Err(error)) => Err(error),
            None => pending().await,
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A UART that always has one more byte.
struct Endless;

impl ErrorType for Endless {
    type Error = ErrorKind;
}

impl Read for Endless {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        buffer[0] = b'\n';
        Ok(1)
    }
}

#[test]
fn other_tasks_have_their_turn_while_bytes_keep_coming() {
    let rig = Rig::up::<1, 64, 64>();
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let (alarm, waker) = crate::engine::tests::Alarm::new();
    let mut context = Context::from_waker(&waker);
    let mut running = pin!(receiver.run(Endless));
    for _ in 0..3 {
        assert!(running.as_mut().poll(&mut context).is_pending());
        assert!(alarm.rang());
    }
}

/// A connection that the module pushes data to.
fn pushed_to(rig: &mut Rig<'static>) -> Key {
    let request = Request::connect(PEER).unwrap();
    let mode = AccessMode::DirectPush;
    let claimed = rig.engine(|engine| engine.poll_claim(&request, mode));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("no slot: {claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    key
}

#[test]
fn what_was_read_is_digested_in_the_same_poll() {
    let mut rig = Rig::up::<1, 64, 64>();
    rig.begin(Job::Attention);
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let mut line = Script::new(&[b"\r\nO", b"K\r\n"]);
    let mut receiving = pin!(receiver.run(&mut line));
    assert_eq!(poll(receiving.as_mut()), Poll::Pending);
    assert!(rig.is_answered());
}

#[test]
fn full_ring_stops_reading_until_there_is_room() {
    let mut rig = Rig::up::<1, 4, 64>();
    let key = pushed_to(&mut rig);
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let mut line = Script::new(&[
        b"\r\n+QIURC: \"recv\",0,6\r\nabcdef\r\n",
        b"\r\n+CTZV: 1\r\n",
    ]);
    {
        let mut receiving = pin!(receiver.run(&mut line));
        assert_eq!(poll(receiving.as_mut()), Poll::Pending);
        assert!(rig.engine(|engine| engine.push.is_stalled()));
        let before = rig.engine(|engine| engine.counters.foreign_lines.get());
        assert_eq!(poll(receiving.as_mut()), Poll::Pending);
        assert_eq!(
            rig.engine(|engine| engine.counters.foreign_lines.get()),
            before,
            "it was read on"
        );

        assert_eq!(rig.read(key), Poll::Ready(Ok(b"abcd".to_vec())));
        assert_eq!(poll(receiving.as_mut()), Poll::Pending);
        assert_eq!(rig.read(key), Poll::Ready(Ok(b"ef".to_vec())));
        assert_eq!(
            rig.engine(|engine| engine.counters.foreign_lines.get()),
            before + 1
        );
    }
    assert!(line.0.is_empty());
}

/// A socket can make room between the digester and the next look at the ring: in an interrupt, or on another core.
#[test]
fn full_buffer_is_digested_when_room_was_made_meanwhile() {
    let mut rig = Rig::up::<1, 4, 64>();
    let key = pushed_to(&mut rig);
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let payload = vec![b'x'; 600];
    feed_until_full(&mut receiver, b"\r\n+QIURC: \"recv\",0,600\r\n", &payload);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"xxxx".to_vec())));
    assert!(!rig.engine(|engine| engine.push.is_stalled()));

    let mut line = Script::new(&[]);
    let mut receiving = pin!(receiver.run(&mut line));
    assert_eq!(poll(receiving.as_mut()), Poll::Pending);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"xxxx".to_vec())));
    assert_eq!(rig.engine(|engine| engine.counters.dropped_bytes.get()), 0);
}

fn feed_until_full(receiver: &mut Receiver<'_, &mut [u8]>, header: &[u8], payload: &[u8]) {
    feed(receiver, header);
    let mut bytes = payload.iter();
    while !receiver.free().is_empty() {
        receiver.free()[0] = *bytes.next().expect("the buffer never fills");
        receiver.received(1);
        receiver.digest();
    }
}

#[test]
fn end_of_file_ends_the_runner() {
    let rig = Rig::up::<1, 64, 64>();
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let mut line = Script::new(&[b""]);
    let receiving = pin!(receiver.run(&mut line));
    assert_eq!(poll(receiving), Poll::Ready(RunError::Closed));
}

#[test]
fn read_errors_fail_the_read_in_flight_and_end_the_runner_after_two_minutes() {
    struct Broken;

    impl ErrorType for Broken {
        type Error = ErrorKind;
    }

    impl Read for Broken {
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
            Err(ErrorKind::InvalidData)
        }
    }

    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(key));
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    let (error, seconds) = virtual_modem::time::run_virtual(async {
        let error = receiver.run(&mut Broken).await;
        (error, virtual_modem::time::now().as_secs())
    });
    assert_eq!(
        (error, seconds),
        (RunError::Read(ErrorKind::InvalidData), 120)
    );
    assert!(rig.engine(|engine| engine.counters.serial_errors.get()) > 1000);
    assert_eq!(rig.read(key), Poll::Ready(Err(Error::DataLost)));
}

/// What was lost came behind the answer of the read.
#[test]
fn error_of_the_uart_behind_an_answer_does_not_damage_it() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"abc");
    rig.shared.post(Message::SerialError);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"abc".to_vec())));
}

// ---- lines that are not the stack's --------------------------------------------------------------------------------

/// A URC type of the user's that takes each line that begins with `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line(String);

impl AtatUrc for Line {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line).to_string();
        line.starts_with('+').then_some(Self(line))
    }
}

/// What a channel for two lines has after these bytes, and how many lines were dropped.
fn published(bytes: &[u8]) -> (Vec<String>, u32) {
    let mut rig = Rig::up::<1, 64, 64>();
    rig.begin(Job::Attention);
    let channel = UrcChannel::<Line, 2, 1>::new();
    let mut lines = channel.subscribe().unwrap();
    let mut buffer = [0; BUFFER];
    let response = ResponseSlot::<1>::new();
    let buffer = Ingress::new(WholeLine, &mut buffer, &response, &channel);
    let mut receiver = Receiver::new(rig.shared, buffer);
    feed(&mut receiver, bytes);
    assert_eq!(receiver.free().len(), BUFFER, "bytes are left");
    let mut seen = vec![];
    while let Some(Line(line)) = lines.try_next_message_pure() {
        seen.push(line);
    }
    assert!(rig.is_answered(), "a line of the stack's was lost");
    (
        seen,
        rig.engine(|engine| engine.counters.dropped_urcs.get()),
    )
}

#[test]
fn foreign_lines_without_a_channel_are_consumed() {
    let rig = Rig::up::<1, 64, 64>();
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(rig.shared, &mut buffer[..]);
    feed(&mut receiver, b"+CTZV: 1\r\n");
    assert_eq!(receiver.free().len(), BUFFER);
    assert_eq!(rig.engine(|engine| engine.counters.foreign_lines.get()), 1);
    assert_eq!(rig.engine(|engine| engine.counters.dropped_urcs.get()), 0);
}

#[test]
fn foreign_lines_are_published_one_by_one_without_blanks_around_them() {
    let bytes = b"\r\nOK\r\n\r\n +CTZV: 1 \r\n+CREG: 1\r\n";
    let lines = ["+CTZV: 1", "+CREG: 1"].map(String::from);
    assert_eq!(published(bytes), (lines.to_vec(), 0));
}

#[test]
fn foreign_line_beyond_a_full_channel_is_dropped_and_counted() {
    let bytes = b"+ONE: 1\r\n+TWO: 2\r\n+THREE: 3\r\n+FOUR: 4\r\n\r\nOK\r\n";
    let lines = ["+ONE: 1", "+TWO: 2"].map(String::from);
    assert_eq!(published(bytes), (lines.to_vec(), 2));
}

/// A waker that calls the stack, as that of an executor that polls at once does.
struct Caller {
    shared: &'static Shared<'static>,
    calls: AtomicUsize,
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.shared.try_with(|_| ()), Some(()));
        self.calls.fetch_add(1, Relaxed);
    }
}

/// What belongs to the application runs without the engine: it may call the stack, and a panic there does not cost the engine.
#[test]
fn waker_of_a_subscriber_can_call_the_stack() {
    let mut rig = Rig::up::<1, 64, 64>();
    rig.begin(Job::Attention);
    let channel = UrcChannel::<Line, 2, 1>::new();
    let mut lines = channel.subscribe().unwrap();
    let caller = Arc::new(Caller {
        shared: rig.shared,
        calls: AtomicUsize::new(0),
    });
    let mut line = pin!(lines.next_message_pure());
    let waker = Waker::from(caller.clone());
    let mut context = Context::from_waker(&waker);
    assert!(line.as_mut().poll(&mut context).is_pending());
    let mut buffer = [0; BUFFER];
    let response = ResponseSlot::<1>::new();
    let buffer = Ingress::new(WholeLine, &mut buffer, &response, &channel);
    let mut receiver = Receiver::new(rig.shared, buffer);
    feed(&mut receiver, b"+ONE: 1\r\n\r\nOK\r\n");
    assert_eq!(caller.calls.load(Relaxed), 1);
    assert!(line.as_mut().poll(&mut context).is_ready());
    assert!(rig.is_answered());
}

#[test]
fn line_that_the_users_type_does_not_know_is_ignored() {
    let bytes = b"hello\r\n+ONE: 1\r\nworld\r\n+TWO: 2\r\nagain\r\n\r\nOK\r\n";
    let lines = ["+ONE: 1", "+TWO: 2"].map(String::from);
    assert_eq!(published(bytes), (lines.to_vec(), 0));
}
