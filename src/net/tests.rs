//! Any number of tasks can wait for the same thing: each has a waker of its own, none is woken without cause, and each ends.

use core::cell::Cell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::pin::Pin;
use core::task::{Context, Waker};
use std::boxed::Box;
use std::format;
use std::sync::Arc;
use std::vec::Vec;

use atat::asynch::AtatClient;
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};

use super::TcpConnection;
use super::socket::Socket;
use crate::Stack;
use crate::at::AccessMode;
use crate::config::Config;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::wakes::{OVERFLOW_PAUSE, WAITERS};
use crate::engine::{Action, Job, Key, SlotSet};

mod in_use;

struct Task<'a> {
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// An executor that polls only tasks that are woken.
#[derive(Default)]
struct Tasks<'a> {
    tasks: Vec<Option<Task<'a>>>,
}

impl<'a> Tasks<'a> {
    fn spawn<T>(&mut self, future: impl Future<Output = T> + 'a) {
        let (alarm, waker) = Alarm::new();
        waker.wake_by_ref();
        let future = Box::pin(async {
            future.await;
        });
        self.tasks.push(Some(Task {
            future,
            alarm,
            waker,
        }));
    }

    fn running(&self) -> usize {
        self.tasks.iter().flatten().count()
    }

    /// Polls the tasks that are woken until none is. Returns how often a task was polled.
    #[track_caller]
    fn settle(&mut self) -> usize {
        let mut polls = 0;
        loop {
            let before = polls;
            for slot in &mut self.tasks {
                let Some(task) = slot else { continue };
                if !task.alarm.rang() {
                    continue;
                }
                polls += 1;
                assert!(polls < 200, "the tasks wake each other");
                let mut context = Context::from_waker(&task.waker);
                if task.future.as_mut().poll(&mut context).is_ready() {
                    *slot = None;
                }
            }
            if polls == before {
                return polls;
            }
        }
    }

    /// All are polled for the first time, and wait.
    #[track_caller]
    fn wait(&mut self) {
        let count = self.running();
        assert_eq!(self.settle(), count, "polled again without an event");
        assert_eq!(self.running(), count, "did not wait");
    }
}

fn stack(rig: &Rig) -> Stack<'static> {
    Stack {
        shared: rig.shared,
        mode: AccessMode::Buffer,
        slots: SlotSet::ALL,
        connect_time: None,
        #[cfg(feature = "keep-alive")]
        keep_alive: None,
    }
}

fn connection(rig: &mut Rig) -> (TcpConnection<'static>, Key) {
    let key = rig.open();
    (TcpConnection::new(Socket::from_key(rig.shared, key)), key)
}

/// Answers the command that is due, whatever it is.
fn answer_next(rig: &mut Rig) {
    match rig.next() {
        Action::Run(job) => {
            rig.begin(job);
            let lines = rig.reply(job);
            rig.answer(lines);
        }
        Action::Wait(until) => rig.wait(until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lookups() {
    let mut rig = up();
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    for number in 0..9 {
        tasks.spawn(async move {
            let name = format!("host{number}.example");
            assert!(stack.resolve(&name).await.is_ok());
        });
    }
    tasks.wait();
    for left in (0..9).rev() {
        rig.run(Job::Resolve, &["OK"]);
        assert_eq!(tasks.settle(), 0);
        rig.on_line("+QIURC: \"dnsgip\",0,1,300");
        rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
        // The one that asked, and those that wait for their turn; one of them asks next.
        assert_eq!(tasks.settle(), 1 + left);
        assert_eq!(tasks.running(), left);
    }
}

#[test]
fn user_commands() {
    let mut rig = up();
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    for _ in 0..9 {
        tasks.spawn(async move {
            assert!(stack.at().send(&crate::at::Attention).await.is_ok());
        });
    }
    tasks.wait();
    for left in (0..9).rev() {
        rig.expect(Job::User);
        assert_eq!(tasks.settle(), 0);
        rig.answer(&["OK"]);
        assert_eq!(tasks.settle(), 1 + left);
        assert_eq!(tasks.running(), left);
    }
}

#[test]
fn the_link() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    for _ in 0..20 {
        tasks.spawn(async move { assert_eq!(stack.wait_link_up().await, Ok(())) });
    }
    tasks.wait();
    for _ in 0..3 {
        rig.step_up();
        assert_eq!(tasks.settle(), 0);
    }
    rig.bring_up();
    assert_eq!(tasks.settle(), 20);
    assert_eq!(tasks.running(), 0);
}

#[test]
fn more_tasks_than_there_is_room_for() {
    virtual_modem::time::run_virtual(async {
        let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
        rig.start();
        let stack = stack(&rig);
        let mut tasks = Tasks::default();
        for _ in 0..WAITERS + 8 {
            tasks.spawn(async move { assert_eq!(stack.wait_link_up().await, Ok(())) });
        }
        tasks.settle();
        for _ in 0..20 {
            // Those without room look again, and once in the pause all do.
            assert!(tasks.settle() <= 2 * (WAITERS + 8));
            Timer::after(OVERFLOW_PAUSE).await;
        }
        assert_eq!(tasks.running(), WAITERS + 8);
        rig.bring_up();
        for _ in 0..3 {
            tasks.settle();
            Timer::after(OVERFLOW_PAUSE).await;
        }
        assert_eq!(tasks.running(), 0);
    });
}

#[test]
fn a_free_slot() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    rig.release(key);
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80);
    for _ in 0..9 {
        tasks.spawn(async move {
            embedded_nal_async::TcpConnect::connect(&stack, peer)
                .await
                .map(drop)
        });
    }
    tasks.wait();
    rig.run(Job::Close(key), &["OK"]);
    // One of them gets the slot; the others learn that none will be free.
    assert!(tasks.settle() <= 10);
    assert_eq!(tasks.running(), 1);
    rig.run(Job::Open(rig.key_in_use()), &["OK"]);
    let line = format!("+QIOPEN: {},0", rig.id(rig.key_in_use()));
    rig.on_line(&line);
    assert_eq!(tasks.settle(), 1);
}

#[test]
fn readers_and_writers_of_one_connection() {
    let mut rig = Rig::up::<1, 8, 8>();
    let (connection, key) = connection(&mut rig);
    let _ = rig.write(key, &[0; 8]);
    let read = Cell::new(0);
    let mut tasks = Tasks::default();
    for _ in 0..3 {
        tasks.spawn(async {
            let mut byte = [0];
            let count = connection.socket.read(&mut byte).await.unwrap();
            read.set(read.get() + count);
        });
    }
    tasks.wait();
    for _ in 0..3 {
        tasks.spawn(async { assert_eq!(connection.socket.write(b"x").await, Ok(1)) });
        tasks.spawn(async { assert_eq!(connection.socket.flush().await, Ok(())) });
        tasks.spawn(async { assert_eq!(connection.wait_acked().await, Ok(())) });
    }
    assert_eq!(tasks.settle(), 9);
    rig.on_line("+QIURC: \"recv\",0");
    assert_eq!(tasks.settle(), 0);
    rig.serve(key, b"abc");
    assert_eq!(tasks.settle(), 3);
    assert_eq!((read.get(), tasks.running()), (3, 9));
    rig.accept(key, 8, "SEND OK");
    assert!(tasks.settle() <= 9);
    while tasks.running() > 0 {
        let Action::Run(job) = rig.next() else {
            panic!("nothing is due")
        };
        rig.begin(job);
        match job {
            Job::Send { .. } => {
                rig.prompt();
                rig.answer(&["SEND OK"]);
            }
            Job::Read { .. } => rig.answer(&["+QIRD: 0", "OK"]),
            _ => rig.answer(&["+QISEND: 11,11,0", "OK"]),
        }
        assert!(tasks.settle() <= 9);
    }
}

#[test]
fn the_end_of_a_connection() {
    let mut rig = up();
    let (connection, key) = connection(&mut rig);
    let mut tasks = Tasks::default();
    for _ in 0..4 {
        tasks.spawn(connection.socket.close());
    }
    tasks.wait();
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(tasks.settle(), 4);
    assert_eq!(tasks.running(), 0);
}

#[test]
fn accepted_connections() {
    let mut rig = Rig::up::<5, 64, 64>();
    let stack = stack(&rig);
    let mut opened = Box::pin(stack.listen(80));
    let mut context = Context::from_waker(Waker::noop());
    assert!(opened.as_mut().poll(&mut context).is_pending());
    let key = rig.key_in_use();
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line(&format!("+QIOPEN: {},0", rig.id(key)));
    let core::task::Poll::Ready(Ok(listener)) = opened.as_mut().poll(&mut context) else {
        panic!("no listener");
    };
    let mut tasks = Tasks::default();
    for _ in 0..4 {
        // The connections are kept until the end.
        tasks.spawn(async { listener.accept().await.map(core::mem::forget) });
    }
    tasks.wait();
    for left in (0..4).rev() {
        rig.on_line(&format!(
            "+QIURC: \"incoming\",{},0,\"192.0.2.9\",4000",
            11 - left
        ));
        assert_eq!(tasks.settle(), 1 + left);
        assert_eq!(tasks.running(), left);
    }
}

#[cfg(feature = "edge-nal")]
#[test]
fn both_halves_of_a_udp_socket() {
    use edge_nal::{Readable, UdpBind, UdpReceive, UdpSplit};

    let mut rig = up();
    let stack = stack(&rig);
    let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9000);
    let mut opened = Box::pin(UdpBind::bind(&stack, local));
    let mut context = Context::from_waker(Waker::noop());
    assert!(opened.as_mut().poll(&mut context).is_pending());
    let key = rig.key_in_use();
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line(&format!("+QIOPEN: {},0", rig.id(key)));
    let core::task::Poll::Ready(Ok(mut service)) = opened.as_mut().poll(&mut context) else {
        panic!("no socket");
    };
    let (mut first, mut second) = service.split();
    let mut tasks = Tasks::default();
    tasks.spawn(async {
        let mut buffer = [0; 16];
        first.readable().await.unwrap();
        first.receive(&mut buffer).await.unwrap();
    });
    tasks.spawn(async {
        let mut buffer = [0; 16];
        second.receive(&mut buffer).await.unwrap();
    });
    tasks.wait();
    for number in 1..=2 {
        rig.on_line(&format!("+QIURC: \"recv\",{}", rig.id(key)));
        rig.expect(Job::Read { key, length: 1500 });
        let header = format!("+QIRD: 1,\"192.0.2.9\",{}", 4000 + number);
        let crate::engine::LineKind::Header = rig.on_line(&header) else {
            panic!("no header");
        };
        rig.engine(|engine| engine.deliver(b"x"));
        rig.answer(&["OK"]);
        assert!(tasks.settle() <= 3);
        rig.run(Job::Read { key, length: 1500 }, &["+QIRD: 0", "OK"]);
    }
    assert_eq!(tasks.running(), 0);
}

#[test]
fn pings_and_times() {
    let mut rig = up();
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    for _ in 0..4 {
        tasks.spawn(async move {
            let ping = stack
                .module()
                .ping("192.0.2.1", Duration::from_secs(1), 1)
                .await;
            assert!(ping.unwrap().summary().await.is_ok());
        });
        tasks.spawn(async move { assert!(stack.module().ntp("192.0.2.1", false).await.is_ok()) });
    }
    tasks.wait();
    while tasks.running() > 0 {
        let before = tasks.running();
        for _ in 0..2 {
            answer_next(&mut rig);
            assert!(tasks.settle() <= 8);
        }
        rig.on_line("+QPING: 0,\"192.0.2.1\",32,192,255");
        rig.on_line("+QPING: 0,1,1,0,192,192,192");
        rig.on_line("+QNTP: 0,\"2019/07/21,06:10:59+00\"");
        assert!(tasks.settle() <= 24);
        assert!(tasks.running() < before);
    }
}

/// A waker may call the stack: it is woken when the engine is not in use.
#[test]
fn a_waker_that_calls_the_stack() {
    struct Caller(Stack<'static>);

    impl std::task::Wake for Caller {
        fn wake(self: Arc<Self>) {
            let _ = self.0.link_state();
        }
    }

    let mut rig = up();
    let (mut connection, key) = connection(&mut rig);
    let waker = Waker::from(Arc::new(Caller(stack(&rig))));
    let mut context = Context::from_waker(&waker);
    let mut byte = [0];
    let mut reading = Box::pin(connection.read(&mut byte));
    assert!(reading.as_mut().poll(&mut context).is_pending());
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"a");
    assert!(reading.as_mut().poll(&mut context).is_ready());
    drop(reading);
    let _ = rig.write(key, b"abc");
    let mut flushing = Box::pin(connection.flush());
    assert!(flushing.as_mut().poll(&mut context).is_pending());
    rig.on_line("RDY");
    assert!(flushing.as_mut().poll(&mut context).is_ready());
}

#[test]
fn a_local_port_is_tried_until_the_module_has_refused_it() {
    use core::task::Poll;

    let mut rig = Rig::up::<1, 64, 64>();
    let before = rig.open();
    rig.release(before);
    let stack = stack(&rig);
    let mut tasks = Tasks::default();
    tasks.spawn(async move {
        let local = "0.0.0.0:0".parse().unwrap();
        let bound = embedded_nal_async::UdpStack::bind_multiple(&stack, local).await;
        assert!(matches!(bound, Err(crate::Error::Module(_))));
    });
    tasks.wait();
    rig.run(Job::Close(before), &["OK"]);
    for port in 49_152..49_156 {
        assert_eq!(tasks.settle(), 1);
        let key = rig.key_in_use();
        assert_eq!(rig.engine(|engine| engine.local(key, None)).port(), port);
        rig.run(Job::Open(key), &["OK"]);
        rig.on_line(&format!("+QIOPEN: {},556", rig.id(key)));
        assert_eq!(
            rig.connected(key),
            Poll::Ready(Err(crate::Error::Module(crate::at::ErrorCode::BIND)))
        );
        assert_eq!(tasks.settle(), 1);
        rig.run(Job::Close(key), &["OK"]);
        if port == 49_154 {
            // The third open in a row that failed.
            rig.run(Job::ListBearers, &["+CGACT: 1,1", "OK"]);
        }
    }
    assert_eq!(tasks.running(), 0);
}

/// On a link with IPv4 only.
#[test]
fn a_local_address_must_be_the_modules() {
    let rig = up();
    let stack = stack(&rig);
    let mut context = Context::from_waker(Waker::noop());
    for (local, is_valid) in [
        ("[2001:db8::99]:0", false),
        ("192.0.2.1:0", false),
        ("10.1.2.3:0", true),
        ("[::]:0", true),
    ] {
        let mut bound = Box::pin(embedded_nal_async::UdpStack::bind_single(
            &stack,
            local.parse().unwrap(),
        ));
        let bound = bound.as_mut().poll(&mut context);
        assert_eq!(bound.is_pending(), is_valid, "{local}");
    }
}
