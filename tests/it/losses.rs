//! Whatever is lost is counted, and told to whom it concerns. Each situation is compared with all counters there are.

use core::cell::Cell;
use core::net::SocketAddr;
use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::{Instant, with_timeout};
use embedded_io_async::{ErrorKind, Read, Write};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack, UnconnectedUdp};
use quectel_nal::at::AccessMode;
use quectel_nal::{
    Config, Error, LinkError, LinkState, Resources, RunError, Runner, Stack, Statistics,
    TcpConnection, UdpService,
};
use testbench::{Bench, PEER, Script, dialogue, excerpt, noise, peer, sleep};
use virtual_modem::network::PeerStream;
use virtual_modem::serial::{HostRx, HostTx};
use virtual_modem::{Chop, InProcess, time};

/// The counters at some time. Transactions are no loss.
struct Counters<'d> {
    stack: Stack<'d>,
    before: Statistics,
}

impl<'d> Counters<'d> {
    fn of(stack: Stack<'d>) -> Self {
        let before = stack.statistics();
        Self { stack, before }
    }

    /// Since then this has been counted, and nothing else.
    #[track_caller]
    fn expect(&self, change: impl FnOnce(&mut Statistics)) {
        let seen = self.stack.statistics();
        let mut expected = self.before;
        change(&mut expected);
        expected.transactions = seen.transactions;
        assert_eq!(seen, expected);
    }
}

fn port(port: u16) -> SocketAddr {
    SocketAddr::new([0, 0, 0, 0].into(), port)
}

async fn pushing<'d>(stack: &Stack<'d>, module: &Script<'_>) -> TcpConnection<'d> {
    let stack = stack.with_access_mode(AccessMode::DirectPush);
    let open = async {
        module
            .exchange("AT+QIOPEN=1,0,\"TCP\",\"198.51.100.7\",7,0,1", "OK")
            .await;
        module.line("+QIOPEN: 0,0").await;
    };
    let (connection, ()) = join(TcpConnect::connect(&stack, peer(7)), open).await;
    connection.unwrap()
}

async fn push(module: &Script<'_>, payload: &[u8]) {
    let length = payload.len();
    module
        .say(format!("\r\n+QIURC: \"recv\",0,{length}\r\n"))
        .await;
    module.say(payload).await;
    module.say("\r\n").await;
}

// ---- lines ---------------------------------------------------------------------------------------------------------

#[test]
fn lines_that_nobody_has_asked_for() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        stack.wait_link_up().await.unwrap();
        let counters = Counters::of(stack);
        module.line("+QGPS: \"firmware\",0,0").await;
        module.line("SEND OK").await;
        // One that does not fit into the buffer.
        module.line(&"x".repeat(300)).await;
        // The answer to a read that was given up long ago.
        module.say("\r\n+QIRD: 5\r\nhello\r\n\r\nOK\r\n").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| {
            counted.foreign_lines += 1;
            counted.late_results += 2;
            counted.skipped_bytes += 300;
            counted.dropped_bytes += 5;
        });
    });
}

// ---- direct push ---------------------------------------------------------------------------------------------------

/// The ring holds 2048 bytes. What comes behind them is lost to the connection, which says so, and counted to the byte.
#[test]
fn pushed_bytes_that_find_a_full_ring() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let mut connection = pushing(&stack, &module).await;
        let counters = Counters::of(stack);
        let body = noise(1, 3000);
        push(&module, &body[..1500]).await;
        push(&module, &body[1500..]).await;
        sleep(Duration::from_millis(1900)).await;
        // The line is held up, and nothing is lost yet.
        counters.expect(|_| {});
        module.expect("AT+QICLOSE=0,1").await;
        counters.expect(|counted| counted.dropped_bytes += 952);
        // The module has not heard of it yet.
        push(&module, &[0; 100]).await;
        module.line("OK").await;
        sleep(Duration::from_millis(10)).await;

        let mut kept = vec![0; 2048];
        connection.read_exact(&mut kept).await.unwrap();
        assert!(kept == body[..2048], "other bytes");
        assert_eq!(connection.read(&mut [0; 10]).await, Err(Error::Overrun));
        counters.expect(|counted| counted.dropped_bytes += 1052);
    });
}

#[test]
fn pushed_bytes_for_a_connection_that_was_dropped() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let connection = pushing(&stack, &module).await;
        let counters = Counters::of(stack);
        drop(connection);
        module.expect("AT+QICLOSE=0,1").await;
        push(&module, &noise(2, 77)).await;
        module.line("OK").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| counted.dropped_bytes += 77);
    });
}

/// Bytes for a connection that had the line, and whose user is gone.
#[test]
fn transparent_bytes_for_a_connection_that_was_dropped() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let open = module.exchange("AT+QIOPEN=1,0,\"TCP\",\"198.51.100.7\",7,0,2", "CONNECT");
        let (connection, ()) = join(stack.connect_transparent(peer(7)), open).await;
        let connection = connection.unwrap();
        let counters = Counters::of(stack);
        drop(connection);
        module.say(&noise(7, 55)).await;
        module.expect_bytes(b"+++").await;
        sleep(Duration::from_millis(1001)).await;
        module.say("\r\nOK\r\n").await;
        module.expect("AT+QICLOSE=0,1").await;
        module.line("OK").await;
        sleep(Duration::from_secs(1)).await;
        counters.expect(|counted| counted.dropped_bytes += 55);
    });
}

/// The first holds up the line for the stall time, those behind it are dropped at once, and what fits is kept.
#[test]
fn pushed_datagrams_that_find_a_full_ring() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let opening = stack.with_access_mode(AccessMode::DirectPush);
        let open = async {
            module
                .exchange("AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,1", "OK")
                .await;
            module.line("+QIOPEN: 0,0").await;
        };
        let (service, ()) = join(opening.bind_multiple(port(3030)), open).await;
        let mut service: UdpService<'_> = service.unwrap();
        let counters = Counters::of(stack);
        let say = async |payload: &[u8]| {
            let length = payload.len();
            let header = format!("\r\n+QIURC: \"recv\",0,{length},\"192.0.2.1\",5000\r\n");
            module.say(header).await;
            module.say(payload).await;
            module.say("\r\n").await;
        };
        let kept = noise(3, 1400);
        say(&kept).await;
        say(&[1; 700]).await;
        say(&[2; 650]).await;
        sleep(Duration::from_millis(1900)).await;
        counters.expect(|_| {});
        sleep(Duration::from_millis(200)).await;
        counters.expect(|counted| {
            counted.dropped_datagrams += 2;
            counted.dropped_bytes += 1350;
        });

        let mut buffer = [0; 1500];
        let (length, ..) = service.receive_into(&mut buffer).await.unwrap();
        assert!(buffer[..length] == kept, "other bytes");
        say(b"next").await;
        let (length, ..) = service.receive_into(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"next");
        counters.expect(|counted| {
            counted.dropped_datagrams += 2;
            counted.dropped_bytes += 1350;
        });
    });
}

// ---- buffer mode ---------------------------------------------------------------------------------------------------

/// In this mode the module is never asked for more than there is room for: only a datagram that is larger than the whole ring
/// is lost.
#[test]
fn datagrams_that_are_larger_than_the_ring() {
    let network = InProcess::new();
    let mut outside = network.udp_socket(PEER, 9);
    Bench::new().run_with::<_, 2, 200, 200>(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let (_, mut socket) = UdpStack::connect(&stack, peer(9)).await.unwrap();
        socket.send(b"here").await.unwrap();
        let (_, local) = outside.receive().await;
        let counters = Counters::of(stack);
        outside.send(&noise(4, 1000), local);
        outside.send(&noise(5, 179), local);
        let mut buffer = [0; 200];
        assert_eq!(socket.receive_into(&mut buffer).await, Ok(179));
        assert!(buffer[..179] == noise(5, 179), "other bytes");
        counters.expect(|counted| {
            counted.dropped_datagrams += 1;
            counted.dropped_bytes += 1000;
        });
    });
}

// ---- the UART ------------------------------------------------------------------------------------------------------

/// A driver that overruns: what one of its reads should have brought is lost.
struct Overrunning<'c> {
    rx: HostRx,
    /// How many reads are left until then.
    until: &'c Cell<Option<u32>>,
    /// Whether the driver says so.
    tells: bool,
}

#[derive(Debug)]
struct Overrun;

impl core::fmt::Display for Overrun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("overrun")
    }
}

impl core::error::Error for Overrun {}

impl embedded_io_async::Error for Overrun {
    fn kind(&self) -> ErrorKind {
        ErrorKind::OutOfMemory
    }
}

impl embedded_io_async::ErrorType for Overrunning<'_> {
    type Error = Overrun;
}

impl Read for Overrunning<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Overrun> {
        let count = self.rx.read(buffer).await.map_err(|_| Overrun)?;
        match self.until.get() {
            Some(0) => {
                self.until.set(None);
                if self.tells {
                    return Err(Overrun);
                }
                self.rx.read(buffer).await.map_err(|_| Overrun)
            }
            left => {
                self.until.set(left.map(|left| left - 1));
                Ok(count)
            }
        }
    }
}

async fn read_to_end(
    connection: &mut impl Read<Error = Error>,
    into: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut buffer = [0; 200];
    loop {
        match connection.read(&mut buffer).await? {
            0 => return Ok(()),
            count => into.extend_from_slice(&buffer[..count]),
        }
    }
}

async fn download(stack: &Stack<'_>, mode: AccessMode, into: &mut Vec<u8>) -> Result<(), Error> {
    if mode == AccessMode::Transparent {
        let mut connection = stack.connect_transparent(peer(80)).await?;
        return read_to_end(&mut connection, into).await;
    }
    let stack = stack.with_access_mode(mode);
    let mut connection = TcpConnect::connect(&stack, peer(80)).await?;
    read_to_end(&mut connection, into).await
}

/// What the user gets to see of a connection that has lost bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// What came before the gap, and an error.
    Beginning,
    /// An error, which comes behind bytes from beyond the gap.
    Error,
}

/// Whatever it was that was lost: the user gets all, or an error. Afterwards everything works.
fn no_silent_gap(mode: AccessMode, tells: bool, seen: Seen) {
    let body = noise(6, 5000);
    for lost in 0.. {
        let network = InProcess::new();
        let text = body.clone();
        network.tcp(PEER, 80, move |mut stream: PeerStream| {
            let text = text.clone();
            async move {
                let _ = stream.write_all(&text).await;
                stream.close();
                let _ = stream.read_to_end().await;
            }
        });
        let until = Cell::new(None);
        let run = async |mut runner: Runner<'_>, rx: HostRx, tx: HostTx| {
            let until = &until;
            runner.run(Overrunning { rx, until, tells }, tx).await
        };
        let bench = Bench::new().baud(115_200).chop(Chop::Bytes(100));
        let happened = bench.run_as::<_, 2, 1024, 512>(&network, run, async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let counters = Counters::of(stack);
            until.set(Some(lost));
            let mut read = vec![];
            let result = download(&stack, mode, &mut read).await;
            let context = || format!("read {lost} lost: {result:?}\n{}", excerpt(&modem));
            if seen == Seen::Beginning {
                assert!(body.starts_with(&read), "other bytes, {}", context());
            }
            assert!(result.is_err() || read == body, "a gap, {}", context());
            if until.take().is_some() {
                counters.expect(|_| {});
                return false;
            }
            assert_eq!(stack.statistics().serial_errors, u32::from(tells));
            while stack.wait_link_up().await.is_err() {}
            // What was on its way for the first may still be taken for data whose header was lost.
            for attempt in 0.. {
                let mut again = vec![];
                let result = download(&stack, mode, &mut again).await;
                if result == Err(Error::DataLost) && attempt < 2 {
                    continue;
                }
                assert_eq!(result, Ok(()), "read {lost} lost\n{}", excerpt(&modem));
                assert!(again == body, "other bytes");
                break;
            }
            true
        });
        if !happened {
            assert!(lost > 50, "only {lost} reads");
            return;
        }
    }
}

#[test]
fn a_lost_read_leaves_no_silent_gap_in_buffer_mode() {
    no_silent_gap(AccessMode::Buffer, true, Seen::Beginning);
}

#[test]
fn a_lost_read_leaves_no_silent_gap_in_direct_push_mode() {
    no_silent_gap(AccessMode::DirectPush, true, Seen::Beginning);
}

#[test]
fn a_lost_read_leaves_no_silent_gap_in_transparent_mode() {
    no_silent_gap(AccessMode::Transparent, true, Seen::Beginning);
}

/// A driver that says nothing: the count of the bytes does not fit. In transparent mode there is no count.
#[test]
fn a_read_lost_in_silence_is_found_out() {
    no_silent_gap(AccessMode::Buffer, false, Seen::Error);
    no_silent_gap(AccessMode::DirectPush, false, Seen::Error);
}

/// Whichever read is lost, a datagram is lost as a whole and not handed on with other bytes in it.
fn no_mixed_datagram(mode: AccessMode) {
    for chunk in [2, 8, 40] {
        for lost in (0..).step_by(3) {
            let network = InProcess::new();
            network.udp_echo(PEER, 9);
            let until = Cell::new(None);
            let run = async |mut runner: Runner<'_>, rx: HostRx, tx: HostTx| {
                let until = &until;
                let tells = true;
                runner.run(Overrunning { rx, until, tells }, tx).await
            };
            let bench = Bench::new().baud(115_200).chop(Chop::Bytes(chunk));
            let happened = bench.run_as::<_, 2, 4096, 512>(&network, run, async |stack, modem| {
                stack.wait_link_up().await.unwrap();
                let stack = stack.with_access_mode(mode);
                let (_, mut socket) = UdpStack::connect(&stack, peer(9)).await.unwrap();
                until.set(Some(lost));
                let mut buffer = [0; 200];
                for number in 0..6 {
                    let datagram = noise(number, 100);
                    socket.send(&datagram).await.unwrap();
                    let answer = socket.receive_into(&mut buffer);
                    let limit = embassy_time::Duration::from_secs(60);
                    let Ok(answer) = with_timeout(limit, answer).await else {
                        continue;
                    };
                    // A send that was hit ends the socket, and says so.
                    let Ok(length) = answer else { break };
                    let known = (0..=number).any(|number| buffer[..length] == noise(number, 100));
                    assert!(known, "{chunk} {lost}\n{}", excerpt(&modem));
                }
                until.take().is_none()
            });
            if !happened {
                break;
            }
        }
    }
}

#[test]
fn a_lost_read_mixes_no_datagrams_in_buffer_mode() {
    no_mixed_datagram(AccessMode::Buffer);
}

#[test]
fn a_lost_read_mixes_no_datagrams_in_direct_push_mode() {
    no_mixed_datagram(AccessMode::DirectPush);
}

/// A UART that has nothing but errors, and takes everything.
struct Broken;

impl embedded_io_async::ErrorType for Broken {
    type Error = Overrun;
}

impl Read for Broken {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Overrun> {
        Err(Overrun)
    }
}

impl Write for Broken {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Overrun> {
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Overrun> {
        Ok(())
    }
}

/// For two minutes the module may be without power.
#[test]
fn a_uart_with_nothing_but_errors_ends_the_runner() {
    time::run_virtual(async {
        let mut resources = Box::new(Resources::<1, 64, 64>::new());
        let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
        let start = Instant::now();
        let error = runner.run(Broken, Broken).await;
        assert_eq!(error, RunError::Read(ErrorKind::OutOfMemory));
        assert_eq!(start.elapsed().as_secs(), 120);
        assert!(stack.statistics().serial_errors > 100);
        assert_eq!(stack.link_state(), LinkState::Down(LinkError::NotRunning));
    });
}
