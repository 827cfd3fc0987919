//! Reads of the UART that fail: no stream has a gap that is not an error, no two datagrams are mixed.

use core::cell::Cell;
use embassy_time::{Instant, with_timeout};
use embedded_io_async::{ErrorKind, Read, Write};
use embedded_nal_async::{ConnectedUdp, TcpConnect, UdpStack};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, Error, LinkError, LinkState, Resources, RunError, Runner, Stack};
use testbench::{Bench, PEER, excerpt, noise, peer};
use virtual_modem::network::PeerStream;
use virtual_modem::serial::{HostRx, HostTx};
use virtual_modem::{Chop, InProcess, time};

use super::Counters;

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
        let mut connection = stack
            .with_access_mode(AccessMode::Transparent)
            .connect(peer(80))
            .await?;
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
