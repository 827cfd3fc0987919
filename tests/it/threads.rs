//! The stack, its sockets and the runner on threads of their own: what one thread does while another has the engine in use is neither
//! lost nor does it wait for ever. In real time, because a thread's virtual clock is its own.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use atat::asynch::AtatClient;
use embassy_futures::select::select;
use embassy_time::with_timeout;
use embedded_io_async::{Read, Write};
use embedded_nal_async::ConnectedUdp;
use quectel_nal::at::QuerySignalQuality;
use quectel_nal::{
    Error, LinkMode, LinkState, NoopRawMutex, Resources, Runner, Stack, TcpConnection, TcpListener,
    UdpService, UdpSocket,
};
use testbench::{Dice, PEER, cancelled, noise, peer};
use virtual_modem::serial::{Line, pair};
use virtual_modem::{InProcess, Settings, VirtualModem, time};

const CLIENTS: usize = 3;
const ROUNDS: usize = 40;
const USERS: usize = 6;
const SOCKETS: usize = 4;
const TURNS: usize = 40;
/// Much longer than all of it takes.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Sends bytes and receives them back, each with any call that does so.
async fn echo(connection: &mut TcpConnection<'_>, bytes: &[u8], dice: &Dice) -> Result<(), Error> {
    let mut sent = 0;
    let mut back: Vec<u8> = vec![];
    let mut piece = [0; 97];
    while back.len() < bytes.len() {
        if sent < bytes.len() {
            let left = &bytes[sent..bytes.len().min(sent + 1 + dice.roll(200) as usize)];
            sent += match dice.roll(3) {
                0 => connection.try_write(left)?.unwrap_or(0),
                1 => cancelled(1, connection.write(left))
                    .await
                    .transpose()?
                    .unwrap_or(0),
                _ => connection.write(left).await?,
            };
        }
        if back.len() < sent {
            let count = match dice.roll(3) {
                0 => connection.try_read(&mut piece)?.unwrap_or(0),
                1 => cancelled(2, connection.read(&mut piece))
                    .await
                    .transpose()?
                    .unwrap_or(0),
                _ => {
                    connection.wait_read_ready().await;
                    connection.read(&mut piece).await?
                }
            };
            back.extend(&piece[..count]);
        }
        let _ = (
            connection.state(),
            connection.recv_queue(),
            connection.can_send(),
        );
    }
    assert!(back == bytes, "other bytes came back");
    Ok(())
}

async fn client(stack: Stack<'_>, number: usize) {
    let dice = Dice::new(number as u64);
    stack.wait_link_up().await.unwrap();
    for round in 0..ROUNDS {
        if dice.roll(4) == 0 {
            let found = stack.resolve("echo.example").await.unwrap();
            assert_eq!(found.first(), Some(&PEER.parse().unwrap()));
        }
        if dice.roll(4) == 0 {
            cancelled(1 + dice.roll(4) as usize, stack.connect(peer(7))).await;
        }
        let mut connection = loop {
            match stack.connect(peer(7)).await {
                Ok(connection) => break connection,
                // Those that were dropped are still being closed.
                Err(Error::NoFreeSocket) => thread::yield_now(),
                Err(error) => panic!("{error:?}"),
            }
        };
        let bytes = noise(
            (number * ROUNDS + round) as u64,
            1 + dice.roll(1500) as usize,
        );
        echo(&mut connection, &bytes, &dice).await.unwrap();
        match dice.roll(3) {
            0 => drop(connection),
            1 => connection.abort(),
            _ => connection.close().await.unwrap(),
        }
    }
}

#[test]
fn clients_runner_and_observer_on_threads_of_their_own() {
    let resources = Box::leak(Box::new(Resources::<4, 600, 600>::new()));
    let (stack, mut runner) = quectel_nal::new(resources, testbench::config());
    let (ended, is_ended) = mpsc::channel();
    let running = AtomicUsize::new(CLIENTS);
    let running: &'static AtomicUsize = Box::leak(Box::new(running));
    let is_running = move || running.load(Ordering::Relaxed) > 0;
    for number in 0..CLIENTS {
        let ended = ended.clone();
        thread::spawn(move || {
            time::block_on(client(stack, number));
            running.fetch_sub(1, Ordering::Relaxed);
            ended.send(()).unwrap();
        });
    }
    let observer = thread::spawn(move || {
        let mut last = stack.statistics();
        while is_running() {
            let statistics = stack.statistics();
            assert!(statistics.transactions >= last.transactions);
            last = statistics;
            assert!(matches!(
                stack.link_state(),
                LinkState::Up | LinkState::Starting | LinkState::Down(_)
            ));
            let _ = (stack.local_addr(), stack.last_failure());
        }
    });
    let module = thread::spawn(move || {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        let settings = Settings::new().dns("echo.example", &[PEER]);
        let modem = VirtualModem::new(settings, network);
        let handle = modem.handle();
        let (rx, tx, end) = pair(Line::new(0));
        let stops = async {
            while is_running() {
                testbench::sleep(Duration::from_millis(10)).await;
            }
        };
        time::block_on(select(select(modem.run(end), runner.run(rx, tx)), stops));
        testbench::assert_no_violation(&handle);
    });
    for _ in 0..CLIENTS {
        is_ended
            .recv_timeout(TIME_LIMIT)
            .expect("a client does not come to its end");
    }
    observer.join().unwrap();
    module.join().unwrap();
    // Nothing is left of them, whoever had the engine at the end.
    assert_eq!(stack.statistics().dropped_urcs, 0);
}

/// Everything that there is, cancelled at any time, while the link goes down and the runner is dropped: whatever it comes to.
async fn restless(stack: Stack<'_>, number: usize, goes_on: impl Fn() -> bool) {
    let dice = Dice::new(100 + number as u64);
    let mut at = stack.at();
    while goes_on() {
        let limit = || embassy_time::Duration::from_micros(dice.roll(30_000));
        match dice.roll(6) {
            0 => drop(with_timeout(limit(), stack.resolve("echo.example")).await),
            1 => drop(with_timeout(limit(), at.send(&QuerySignalQuality)).await),
            2 => {
                let module = stack.module();
                let ping = module.ping(PEER, embassy_time::Duration::from_secs(1), 1);
                if let Ok(Ok(mut ping)) = with_timeout(limit(), ping).await {
                    drop(with_timeout(limit(), ping.next()).await);
                }
            }
            3 => {
                if let Ok(Ok(mut socket)) = with_timeout(limit(), stack.connect_udp(peer(7))).await
                {
                    drop(with_timeout(limit(), socket.send(b"datagram")).await);
                    drop(with_timeout(limit(), socket.receive_into(&mut [0; 8])).await);
                }
            }
            4 => {
                if let Ok(Ok(listener)) = with_timeout(limit(), stack.listen(80)).await {
                    drop(with_timeout(limit(), listener.accept()).await);
                }
            }
            _ => {
                if let Ok(Ok(mut connection)) = with_timeout(limit(), stack.connect(peer(7))).await
                {
                    let bytes = noise(number as u64, 1 + dice.roll(1500) as usize);
                    drop(with_timeout(limit(), echo(&mut connection, &bytes, &dice)).await);
                    if dice.roll(3) == 0 {
                        connection.abort();
                    }
                }
            }
        }
        thread::yield_now();
    }
}

/// Each service works, and no slot is lost.
async fn everything_works(stack: Stack<'_>) {
    while stack.wait_link_up().await.is_err() {}
    let mut connections = vec![];
    while connections.len() < SOCKETS {
        match stack.connect(peer(7)).await {
            Ok(connection) => connections.push(connection),
            // Those that were dropped are still being closed, or the runner was dropped.
            Err(Error::NoFreeSocket | Error::Link(_)) => thread::yield_now(),
            Err(error) => panic!("{error:?}"),
        }
    }
    let dice = Dice::new(1);
    for connection in &mut connections {
        echo(connection, &noise(1, 700), &dice).await.unwrap();
    }
    assert!(stack.resolve("echo.example").await.is_ok());
    assert!(stack.at().send(&QuerySignalQuality).await.is_ok());
    let second = embassy_time::Duration::from_secs(1);
    let mut ping = stack.module().ping(PEER, second, 1).await.unwrap();
    assert!(ping.next().await.is_some());
}

#[test]
fn everything_works_after_any_number_of_ends() {
    let resources = Box::leak(Box::new(Resources::<SOCKETS, 600, 600>::new()));
    let (stack, mut runner) = quectel_nal::new(resources, testbench::config());
    let running = &*Box::leak(Box::new(AtomicUsize::new(USERS)));
    let is_turned = &*Box::leak(Box::new(AtomicBool::new(true)));
    let has_ended = &*Box::leak(Box::new(AtomicBool::new(false)));
    for number in 0..USERS {
        thread::spawn(move || {
            let goes_on = || is_turned.load(Ordering::Relaxed);
            time::block_on(restless(stack, number, goes_on));
            running.fetch_sub(1, Ordering::Relaxed);
        });
    }
    thread::spawn(move || {
        let dice = Dice::new(7);
        time::block_on(async {
            for _ in 0..TURNS {
                let modes = [
                    LinkMode::Up,
                    LinkMode::Down,
                    LinkMode::Up,
                    LinkMode::Airplane,
                ];
                stack.set_link(modes[dice.roll(4) as usize]);
                let limit = embassy_time::Duration::from_millis(dice.roll(400));
                drop(with_timeout(limit, stack.wait_link_mode()).await);
                testbench::sleep(Duration::from_millis(dice.roll(60))).await;
            }
            stack.set_link(LinkMode::Up);
        });
        is_turned.store(false, Ordering::Relaxed);
    });
    let module = thread::spawn(move || {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7).udp_echo(PEER, 7);
        let settings = Settings::new().dns("echo.example", &[PEER]);
        let modem = VirtualModem::new(settings, network);
        while !has_ended.load(Ordering::Relaxed) {
            let (rx, tx, end) = pair(Line::new(0));
            let stops = async {
                // It is dropped at times, until the users are.
                for _ in 0..30 {
                    testbench::sleep(Duration::from_millis(10)).await;
                }
                while !is_turned.load(Ordering::Relaxed) && !has_ended.load(Ordering::Relaxed) {
                    testbench::sleep(Duration::from_millis(10)).await;
                }
            };
            time::block_on(select(select(modem.run(end), runner.run(rx, tx)), stops));
        }
    });
    let (ended, is_ended) = mpsc::channel();
    thread::spawn(move || {
        while running.load(Ordering::Relaxed) > 0 {
            thread::sleep(Duration::from_millis(10));
        }
        time::block_on(everything_works(stack));
        has_ended.store(true, Ordering::Relaxed);
        ended.send(()).unwrap();
    });
    is_ended
        // A lookup waits for the result of an earlier one that was given up, for 62 s if that was lost with the runner.
        .recv_timeout(2 * TIME_LIMIT)
        .expect("something does not work any more");
    module.join().unwrap();
}

/// What tasks on other threads, and on executors of other priorities, need.
#[test]
fn handles_can_be_sent_and_shared() {
    fn is_shared<T: Send + Sync>() {}

    is_shared::<Stack<'static>>();
    is_shared::<TcpConnection<'static>>();
    is_shared::<TcpListener<'static>>();
    is_shared::<UdpSocket<'static>>();
    is_shared::<UdpService<'static>>();
    is_shared::<Runner<'static>>();
}

/// Without critical sections, on one thread.
#[test]
fn stack_without_a_mutex_does_the_same_on_one_thread() {
    time::run_virtual(async {
        let network = InProcess::new();
        network.tcp_echo(PEER, 7);
        let settings = Settings::new().dns("echo.example", &[PEER]);
        let modem = VirtualModem::new(settings, network);
        let handle = modem.handle();
        let (rx, tx, end) = pair(Line::new(115_200));
        let mut resources = Resources::<2, 600, 600, 256, NoopRawMutex>::with_mutex();
        let (stack, mut runner) = quectel_nal::new(&mut resources, testbench::config());
        let user = async {
            stack.wait_link_up().await.unwrap();
            let found = stack.resolve("echo.example").await.unwrap();
            assert_eq!(found.first(), Some(&PEER.parse().unwrap()));
            let mut connection = stack.connect(peer(7)).await.unwrap();
            let bytes = noise(1, 3000);
            let mut back = vec![0; bytes.len()];
            for (bytes, back) in bytes.chunks(500).zip(back.chunks_mut(500)) {
                connection.write_all(bytes).await.unwrap();
                connection.read_exact(back).await.unwrap();
            }
            assert!(back == bytes);
            connection.close().await.unwrap();
        };
        select(select(modem.run(end), runner.run(rx, tx)), user).await;
        testbench::assert_no_violation(&handle);
        assert!(stack.statistics().transactions > 10);
    });
}
