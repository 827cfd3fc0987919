//! Calls that another thread, or a task of an executor with a higher priority, makes while the engine is in use: here they are made
//! while a test has it. None waits in place, none is lost, and a task is woken once the engine is back.

use core::pin::pin;
use core::sync::atomic::Ordering::Relaxed;
use core::task::Poll;
use std::vec;

use embedded_io_async::{ReadReady, WriteReady};
use embedded_nal::{TcpClientStack, nb};
use embedded_nal_async::{ConnectedUdp, TcpConnect};

use super::*;
use crate::at::{ConnectId, NoResponse, QuerySignalQuality};
use crate::engine::mailbox::Message;
use crate::engine::{LinkMode, LinkState, Phase, Queue, Wiring};
use crate::error::{Error, LinkError};
use crate::net::UdpSocket;
use crate::runner::{RunError, Runner};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80);

/// The future finds the engine in use at its first poll, and is woken once when it is back.
#[track_caller]
fn waits_for_the_engine<F: Future>(rig: &Rig, future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    let (alarm, waker) = Alarm::new();
    let mut context = Context::from_waker(&waker);
    rig.engine(|_| {
        // Twice, as a `select` of two futures does.
        for _ in 0..2 {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(alarm.count(), 0, "woken too soon");
    });
    assert_eq!(alarm.count(), 1);
    future.as_mut().poll(&mut context)
}

#[test]
fn calls_that_return_at_once_have_no_answer() {
    let mut rig = up();
    let stack = stack(&rig);
    let (mut connection, key) = connection(&mut rig);
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"abc");
    let _ = rig.write(key, b"defg");
    let mut into = [0; 8];
    rig.engine(|_| {
        assert_eq!(connection.state(), None);
        assert_eq!(connection.connect_id(), None);
        assert_eq!(connection.local_addr(), None);
        assert_eq!(connection.remote_addr(), None);
        assert_eq!(connection.access_mode(), None);
        assert_eq!(connection.recv_queue(), None);
        assert_eq!(connection.send_queue(), None);
        assert!(!connection.can_recv() && connection.may_recv());
        assert!(!connection.can_send() && connection.may_send());
        assert_eq!(connection.peek(&mut into), 0);
        assert_eq!(connection.try_read(&mut into), Ok(None));
        assert_eq!(connection.try_write(b"x"), Ok(None));
        let unused = |_: &mut [u8]| -> (usize, ()) { panic!("nobody has the stack") };
        assert_eq!(connection.recv(unused), Ok(None));
        assert_eq!(connection.send(unused), Ok(None));
        assert_eq!(connection.read_ready(), Ok(false));
        assert_eq!(connection.write_ready(), Ok(false));
        assert_eq!(stack.local_addr(), None);
        assert_eq!(stack.local_addr_v6(), None);
        assert_eq!(stack.last_failure(), None);
        // These are known all the same.
        assert_eq!(stack.link_state(), LinkState::Up);
        assert!(stack.statistics().transactions > 0);
        assert_eq!(stack.link_changes().try_next(), None);
        let _ = (
            format!("{stack:?} {connection:?}"),
            stack.link_since(),
            stack.at(),
        );
    });
    // Nothing has changed.
    assert_eq!(connection.connect_id(), Some(ConnectId::FIRST));
    assert_eq!(connection.recv_queue(), Some(3));
    assert_eq!(connection.send_queue(), Some(4));
    assert!(connection.can_recv() && connection.can_send());
    assert_eq!(connection.try_read(&mut into), Ok(Some(3)));
    assert_eq!(connection.try_write(b"x"), Ok(Some(1)));
}

#[test]
fn futures_are_polled_again_when_the_engine_is_back() {
    let mut rig = Rig::up::<4, 64, 64>();
    let stack = stack(&rig);
    let (mut connection, key) = connection(&mut rig);
    let mut byte = [0];
    assert!(waits_for_the_engine(&rig, connection.read(&mut byte)).is_pending());
    assert!(waits_for_the_engine(&rig, connection.wait_read_ready()).is_pending());
    let written = waits_for_the_engine(&rig, connection.write(b"abc"));
    assert_eq!(written, Poll::Ready(Ok(3)));
    assert!(waits_for_the_engine(&rig, connection.wait_write_ready()).is_ready());
    assert!(waits_for_the_engine(&rig, connection.flush()).is_pending());
    assert!(waits_for_the_engine(&rig, connection.wait_acked()).is_pending());
    rig.accept(key, 3, "SEND OK");
    let mode = AccessMode::DirectPush;
    assert!(waits_for_the_engine(&rig, connection.set_access_mode(mode)).is_pending());
    assert!(waits_for_the_engine(&rig, connection.socket.close()).is_pending());
    // It has begun.
    assert!(!connection.may_send());

    let link = waits_for_the_engine(&rig, stack.wait_link_up());
    assert_eq!(link, Poll::Ready(Ok(())));
    let mode = waits_for_the_engine(&rig, stack.wait_link_mode());
    assert_eq!(mode, Poll::Ready(Ok(LinkMode::Up)));
    let mut changes = stack.link_changes();
    assert!(waits_for_the_engine(&rig, changes.next()).is_pending());
    assert!(waits_for_the_engine(&rig, stack.resolve("a.example")).is_pending());
    assert!(waits_for_the_engine(&rig, stack.connect(PEER)).is_pending());
    assert!(waits_for_the_engine(&rig, stack.connect_udp(PEER)).is_pending());
    assert!(waits_for_the_engine(&rig, stack.bind_udp(PEER)).is_ready());
    assert!(waits_for_the_engine(&rig, stack.listen(80)).is_pending());
    let mut at = stack.at();
    assert!(waits_for_the_engine(&rig, at.send(&QuerySignalQuality)).is_pending());
    let limit = Duration::from_secs(4);
    let module = stack.module();
    assert!(waits_for_the_engine(&rig, module.ping("192.0.2.1", limit, 1)).is_pending());
    assert!(waits_for_the_engine(&rig, module.ntp("192.0.2.1", true)).is_pending());
    assert!(waits_for_the_engine(&rig, module.dns_servers()).is_pending());
}

#[test]
fn datagrams_and_accepted_connections_wait_too() {
    let mut rig = Rig::up::<3, 64, 64>();
    let (connection, key) = connection(&mut rig);
    core::mem::forget(connection);
    let mut socket = UdpSocket::new(Socket::from_key(rig.shared, key));
    assert!(waits_for_the_engine(&rig, socket.receive_into(&mut [0; 8])).is_pending());
    assert!(waits_for_the_engine(&rig, socket.send(b"abc")).is_ready());
    let stack = stack(&rig);
    let mut opened = pin!(stack.listen(80));
    let mut context = Context::from_waker(Waker::noop());
    assert!(opened.as_mut().poll(&mut context).is_pending());
    let Action::Run(job @ Job::Open(key)) = rig.next() else {
        panic!("no open");
    };
    rig.begin(job);
    rig.answer(&["OK"]);
    rig.on_line(&format!("+QIOPEN: {},0", rig.id(key)));
    let Poll::Ready(Ok(listener)) = opened.as_mut().poll(&mut context) else {
        panic!("no listener");
    };
    assert!(waits_for_the_engine(&rig, listener.accept()).is_pending());
}

#[test]
fn more_tasks_than_there_is_room_for_look_again() {
    virtual_modem::time::run_virtual(async {
        let mut rig = up();
        let (connection, _) = connection(&mut rig);
        let mut tasks = Tasks::default();
        for _ in 0..7 {
            tasks.spawn(connection.socket.write(b"x"));
        }
        rig.engine(|_| assert_eq!(tasks.settle(), 7));
        assert_eq!(tasks.settle(), 4);
        assert_eq!(tasks.running(), 3);
        Timer::after_millis(10).await;
        assert_eq!(tasks.settle(), 3);
        assert_eq!(tasks.running(), 0);
    });
}

#[test]
fn dropped_sockets_are_closed_and_aborted_ones_send_nothing_more() {
    // The clock of the drop is that of the rig.
    virtual_modem::time::run_virtual(async {
        Timer::at(up().now).await;
        drop_and_abort([false, true]);
        drop_and_abort([true, false]);
    });
}

fn drop_and_abort(order: [bool; 2]) {
    let mut rig = up();
    let (kept, kept_key) = connection(&mut rig);
    let mut both = order.map(|aborts| {
        let (connection, key) = connection(&mut rig);
        let _ = rig.write(key, b"abc");
        (Some(connection), key, aborts)
    });
    rig.engine(|_| {
        for (connection, _, aborts) in &mut both {
            let connection = connection.take().unwrap();
            if *aborts {
                connection.abort();
            } else {
                drop(connection);
            }
        }
    });
    for _ in 0..2 {
        let Action::Run(job) = rig.next() else {
            panic!("nothing is due");
        };
        let (_, key, aborts) = &both[usize::from(job.key() == Some(both[1].1))];
        rig.begin(job);
        if *aborts {
            assert_eq!(job, Job::Close(*key));
            rig.answer(&["OK"]);
            assert_eq!(rig.phase(*key), Phase::Free);
        } else {
            assert_eq!(
                job,
                Job::Send {
                    key: *key,
                    length: 3
                }
            );
            rig.prompt();
            rig.answer(&["SEND OK"]);
        }
    }
    assert_eq!(rig.phase(kept_key), Phase::Open);
    drop(kept);
}

/// A handle that is aborted keeps its slot until it is dropped, so that its drop never meets another socket.
#[test]
fn slot_of_an_aborted_connection_is_free_once_it_is_dropped() {
    let mut rig = Rig::up::<1, 64, 64>();
    let (connection, key) = connection(&mut rig);
    rig.engine(|_| connection.socket.abort());
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.phase(key), Phase::Closed);
    assert_eq!(rig.try_claim(), Poll::Ready(Err(Error::NoFreeSocket)));
    rig.engine(|_| drop(connection));
    assert!(rig.all_free());
}

#[test]
fn dropped_connects_give_up_their_slots() {
    let mut rig = up();
    let stack = stack(&rig);
    let mut context = Context::from_waker(Waker::noop());
    let mut opening = Box::pin(TcpConnect::connect(&stack, PEER));
    assert!(opening.as_mut().poll(&mut context).is_pending());
    rig.run(Job::Open(rig.key_in_use()), &["OK"]);
    rig.engine(|_| drop(opening));
    rig.run(Job::Close(rig.key_in_use()), &["OK"]);
    assert!(rig.all_free());
    // One that has not got a slot yet.
    let mut opening = Box::pin(TcpConnect::connect(&stack, PEER));
    rig.engine(|_| {
        assert!(opening.as_mut().poll(&mut context).is_pending());
        drop(opening);
    });
    assert!(rig.all_free());
}

#[test]
fn dropped_lookups_are_given_up_and_a_stale_one_takes_no_other_along() {
    for (drops_old, drops_new) in [(true, false), (false, true), (true, true)] {
        for old_first in [true, false] {
            let mut rig = up();
            let stack = stack(&rig);
            let mut context = Context::from_waker(Waker::noop());
            let mut ask = |rig: &mut Rig, name: &'static str| {
                let mut lookup = Box::pin(async move { stack.resolve(name).await });
                assert!(lookup.as_mut().poll(&mut context).is_pending());
                rig.run(Job::Resolve, &["OK"]);
                Some(lookup)
            };
            let mut old = ask(&mut rig, "old.example");
            rig.on_line("+QIURC: \"dnsgip\",0,1,300");
            rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
            // Nobody fetches the result in time.
            rig.next();
            rig.pass(60_000);
            rig.next();
            let mut new = ask(&mut rig, "new.example");
            rig.engine(|_| {
                if drops_old && old_first {
                    old = None;
                }
                if drops_new {
                    new = None;
                }
                if drops_old {
                    old = None;
                }
            });
            rig.on_line("+QIURC: \"dnsgip\",0,1,300");
            rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.2\"");
            assert_eq!(rig.engine(|engine| engine.dns.is_answered()), !drops_new);
            if let Some(mut new) = new {
                let mut context = Context::from_waker(Waker::noop());
                assert!(matches!(
                    new.as_mut().poll(&mut context),
                    Poll::Ready(Ok(_))
                ));
            }
            // The next one has its turn.
            let next = rig.ask("next.example");
            assert_eq!(next, Poll::Ready(Ok(())));
        }
    }
}

#[test]
fn dropped_commands_and_queries_make_way_for_the_next_ones() {
    let mut rig = up();
    let stack = stack(&rig);
    let mut context = Context::from_waker(Waker::noop());
    // Before it is sent, and while it runs.
    for runs in [false, true] {
        let mut at = stack.at();
        let mut sending = Box::pin(async move { at.send(&QuerySignalQuality).await });
        assert!(sending.as_mut().poll(&mut context).is_pending());
        if runs {
            rig.expect(Job::User);
        }
        rig.engine(|_| drop(sending));
        if runs {
            rig.answer(&["+CSQ: 20,99", "OK"]);
        }
        assert_eq!(rig.idle(), None);
    }
    let limit = Duration::from_secs(4);
    let mut ping = Box::pin(async move { stack.module().ping("192.0.2.1", limit, 1).await });
    assert!(ping.as_mut().poll(&mut context).is_pending());
    rig.run(Job::User, &["OK"]);
    let Poll::Ready(Ok(pinging)) = ping.as_mut().poll(&mut context) else {
        panic!("no ping");
    };
    drop(ping);
    rig.engine(|_| drop(pinging));
    // The next one waits for the end of this one.
    let mut next = Box::pin(async move { stack.module().ping("192.0.2.1", limit, 1).await });
    assert!(next.as_mut().poll(&mut context).is_pending());
    assert_eq!(rig.idle(), None);
    rig.on_line("+QPING: 0,1,1,0,192,479,287");
    assert!(next.as_mut().poll(&mut context).is_pending());
    rig.expect(Job::User);
    // Dropped while its command runs, which the module may have received.
    rig.engine(|_| drop(next));
    rig.answer(&["OK"]);
    let mut third = Box::pin(async move { stack.module().ping("192.0.2.1", limit, 1).await });
    assert!(third.as_mut().poll(&mut context).is_pending());
    assert_eq!(rig.idle(), None);
}

#[test]
fn runner_that_is_dropped_has_stopped_even_if_it_was_just_begun() {
    for begins_in_use in [false, true] {
        let rig = Rig::new::<1, 64, 64>(Config::new("internet"));
        let stack = stack(&rig);
        let (receive, transmit) = (vec![0; 256].leak(), vec![0; 512].leak());
        let mut runner = Runner::new(rig.shared, receive, transmit);
        let mut context = Context::from_waker(Waker::noop());
        let uart = || virtual_modem::serial::pair(virtual_modem::serial::Line::new(0));
        let (rx, tx, _end) = uart();
        let mut running = Box::pin(runner.run(rx, tx));
        if begins_in_use {
            rig.engine(|_| {
                assert!(running.as_mut().poll(&mut context).is_pending());
                drop(running);
            });
        } else {
            assert!(running.as_mut().poll(&mut context).is_pending());
            assert_eq!(stack.link_state(), LinkState::Starting);
            rig.engine(|_| drop(running));
        }
        assert_eq!(stack.link_state(), LinkState::Down(LinkError::NotRunning));
        // It begins, and goes on when the engine is back.
        let (rx, tx, _end) = uart();
        let running = runner.run(rx, tx);
        assert!(waits_for_the_engine(&rig, running).is_pending());
    }
}

#[test]
fn last_wish_for_the_link_counts() {
    let rig = up();
    let stack = stack(&rig);
    rig.engine(|_| {
        stack.set_link(LinkMode::Up);
        stack.set_link(LinkMode::Down);
        assert_eq!(stack.link_state(), LinkState::Up);
    });
    assert_eq!(stack.link_state(), LinkState::TurningOff(LinkMode::Down));
    rig.engine(|_| {
        stack.set_link(LinkMode::Down);
        stack.set_link(LinkMode::Up);
    });
    assert_eq!(stack.link_state(), LinkState::Up);
}

/// Each task is woken, also by wakers that use the engine themselves.
#[test]
fn wakers_that_use_the_engine_take_no_wake_from_others() {
    struct User(Socket<'static>, Arc<Alarm>);

    impl std::task::Wake for User {
        fn wake(self: Arc<Self>) {
            let _ = self.0.phase();
            std::task::Wake::wake(self.1.clone());
        }
    }

    let mut rig = up();
    let key = rig.open();
    let mut alarms = vec![];
    for _ in 0..5 {
        let (alarm, _) = Alarm::new();
        let user = User(Socket::from_key(rig.shared, key), alarm.clone());
        let waker = Waker::from(Arc::new(user));
        let mut context = Context::from_waker(&waker);
        let reading = rig.shared.wait(Queue::Reader(key), |_| Poll::<()>::Pending);
        assert!(pin!(reading).poll(&mut context).is_pending());
        core::mem::forget(waker);
        alarms.push(alarm);
    }
    rig.on_line("+QIURC: \"closed\",0");
    let counts: Vec<_> = alarms.iter().map(|alarm| alarm.count()).collect();
    assert_eq!(counts, [1; 5]);
}

/// A command of the application that asks the stack while it is written, or does not fit.
struct Curious(Stack<'static>, &'static core::sync::atomic::AtomicBool);

impl atat::AtatCmd for Curious {
    type Response = NoResponse;

    fn write(&self, buffer: &mut [u8]) -> usize {
        assert!(self.1.load(Relaxed), "too long");
        assert!(self.0.local_addr().is_some(), "the stack is in use");
        crate::util::slices::copy(b"AT+X\r", buffer)
    }

    fn parse(
        &self,
        response: Result<&[u8], atat::InternalError<'_>>,
    ) -> Result<NoResponse, atat::Error> {
        assert!(self.0.local_addr().is_some(), "the stack is in use");
        response.map(|_| NoResponse).map_err(|_| atat::Error::Parse)
    }
}

/// Code of the application runs while the engine is not in use: if it panics the stack goes on for the others.
#[test]
fn commands_of_the_application_are_written_without_the_engine() {
    let mut rig = up();
    let stack = stack(&rig);
    let fits = &*Box::leak(Box::new(core::sync::atomic::AtomicBool::new(false)));
    let mut context = Context::from_waker(Waker::noop());
    let send = || {
        let mut at = stack.at();
        Box::pin(async move { at.send(&Curious(stack, fits)).await })
    };
    let mut sending = send();
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = sending.as_mut().poll(&mut context);
    }));
    assert!(polled.is_err());
    drop(sending);
    fits.store(true, Relaxed);
    let mut sending = send();
    assert!(sending.as_mut().poll(&mut context).is_pending());
    rig.run(Job::User, &["OK"]);
    assert!(matches!(
        sending.as_mut().poll(&mut context),
        Poll::Ready(Ok(NoResponse))
    ));
}

/// Once the runner has ended for good nothing waits for it.
#[test]
fn commands_fail_after_the_end_of_the_runner() {
    let rig = up();
    let stack = stack(&rig);
    rig.engine(|engine| engine.stop(true));
    let mut context = Context::from_waker(Waker::noop());
    let mut at = stack.at();
    let sent = pin!(at.send(&QuerySignalQuality)).poll(&mut context);
    assert!(matches!(sent, Poll::Ready(Err(atat::Error::Aborted))));
    let dead = Err(Error::Link(LinkError::NotRunning));
    let servers = pin!(stack.module().dns_servers()).poll(&mut context);
    assert!(matches!(servers, Poll::Ready(Err(error)) if Err::<(), _>(error) == dead));
}

/// The last one to stop decides.
#[test]
fn runner_that_fails_and_is_begun_and_dropped_again_is_waited_for() {
    let mut rig = up();
    rig.engine(|_| {
        rig.shared.post(Message::RunnerStopped { for_good: true });
        rig.shared.post(Message::RunnerStarted(Wiring::NONE));
        rig.shared.post(Message::RunnerStopped { for_good: false });
    });
    assert!(matches!(rig.try_claim(), Poll::Ready(Ok(_))));
}

/// A task of an executor with a higher priority goes on as soon as it is woken, in the middle of what the interrupted task does: here
/// between the end of a command and that of its query.
#[test]
fn dropped_query_is_waited_for_although_another_command_comes_first() {
    struct Preempting(std::sync::Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

    impl std::task::Wake for Preempting {
        fn wake(self: Arc<Self>) {
            let mut context = Context::from_waker(Waker::noop());
            let _ = self.0.lock().unwrap().as_mut().poll(&mut context);
        }
    }

    let mut rig = up();
    let stack = stack(&rig);
    let mut context = Context::from_waker(Waker::noop());
    let ping = move || async move {
        let limit = Duration::from_secs(4);
        stack.module().ping("192.0.2.1", limit, 1).await
    };
    let mut first = Box::pin(ping());
    assert!(first.as_mut().poll(&mut context).is_pending());
    let other = async move {
        let _ = stack.at().send(&QuerySignalQuality).await;
    };
    let other = Arc::new(Preempting(std::sync::Mutex::new(Box::pin(other))));
    let waker = Waker::from(other.clone());
    let mut waiting = Context::from_waker(&waker);
    assert!(
        other
            .0
            .lock()
            .unwrap()
            .as_mut()
            .poll(&mut waiting)
            .is_pending()
    );
    rig.run(Job::User, &["OK"]);
    drop(first);
    // The module pings, and answers another command meanwhile, but no other ping.
    let mut second = Box::pin(ping());
    assert!(second.as_mut().poll(&mut context).is_pending());
    rig.run(Job::User, &["+CSQ: 20,99", "OK"]);
    assert!(
        other
            .0
            .lock()
            .unwrap()
            .as_mut()
            .poll(&mut context)
            .is_ready()
    );
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(rig.idle(), None);
}

/// A call of the blocking traits that finds the engine in use takes that for nothing else, also after the end of the runner.
#[test]
fn blocking_calls_would_block_also_after_the_end_of_the_runner() {
    let mut rig = up();
    let has_ended = Cell::new(false);
    let runner = core::future::poll_fn(|_| match has_ended.get() {
        true => Poll::Ready(RunError::Closed),
        false => Poll::Pending,
    });
    let stack = crate::blocking::Stack::new(stack(&rig), runner);
    let mut tcp = stack.tcp();
    let mut socket = tcp.socket().unwrap();
    assert_eq!(tcp.connect(&mut socket, PEER), Err(nb::Error::WouldBlock));
    let key = rig.key_in_use();
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(tcp.connect(&mut socket, PEER), Ok(()));
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"abc");
    rig.engine(|engine| engine.stop(true));
    has_ended.set(true);
    let mut into = [0; 8];
    rig.engine(|_| {
        assert_eq!(
            tcp.receive(&mut socket, &mut into),
            Err(nb::Error::WouldBlock)
        );
        assert_eq!(stack.link_up(), Err(nb::Error::WouldBlock));
    });
    let dead = LinkError::NotRunning;
    assert_eq!(stack.link_up(), Err(nb::Error::Other(dead)));
    assert_eq!(tcp.receive(&mut socket, &mut into), Ok(3));
    let dead = Err(nb::Error::Other(Error::Link(dead)));
    assert_eq!(tcp.receive(&mut socket, &mut into), dead);
}
