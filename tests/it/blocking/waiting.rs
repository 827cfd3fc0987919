//! How long a call may take, whatever the module does.

use atat::atat_derive::{AtatCmd, AtatResp};
use atat::blocking::AtatClient;
use core::cell::RefCell;
use core::time::Duration;
use embassy_time::Instant;
use embedded_io::{Read, Write};
use embedded_nal::{AddrType, Dns, TcpClientStack, TcpFullStack, UdpClientStack, UdpFullStack, nb};
use quectel_nal::blocking::{TcpStream, UartRx, UartTx};
use quectel_nal::{Error, LinkError, LinkState, RunError};
use testbench::polled::patiently;
use testbench::{assert_no_violation, excerpt, noise, peer, sleep};
use virtual_modem::Fault;

use super::{bench, connect, network};

#[test]
fn a_failed_serial_line_is_an_error() {
    let mut resources = Box::new(quectel_nal::Resources::<1, 64, 64>::new());
    let config = quectel_nal::Config::new("internet");
    let (stack, mut runner) = quectel_nal::new(&mut resources, config);
    let engine = core::pin::pin!(runner.run(&b""[..], embedded_io_async_sink()));
    let stack = quectel_nal::blocking::Stack::new(stack, engine);
    assert_eq!(stack.poll(), Err(RunError::Closed));
    assert_eq!(stack.poll(), Err(RunError::Closed));
    let dead = LinkError::NotRunning;
    assert_eq!(stack.link_state(), LinkState::Down(dead));
    assert_eq!(stack.link_up(), Err(nb::Error::Other(dead)));
    let dead = Error::Link(dead);
    let (mut tcp, mut udp) = (stack.tcp(), stack.udp());
    let mut socket = tcp.socket().unwrap();
    let error = tcp.connect(&mut socket, peer(7)).unwrap_err();
    assert_eq!(error, nb::Error::Other(dead));
    let error = tcp.get_host_by_name("http.example", AddrType::IPv4);
    assert_eq!(error, Err(nb::Error::Other(dead)));
    let mut socket = udp.socket().unwrap();
    assert_eq!(udp.connect(&mut socket, peer(7)), Err(dead));
    let refused = stack.at().send(&SignalQuality);
    assert!(matches!(refused, Err(atat::Error::Aborted)), "{refused:?}");
}

/// Takes everything.
fn embedded_io_async_sink() -> impl embedded_io_async::Write {
    struct Sink;
    impl embedded_io::ErrorType for Sink {
        type Error = core::convert::Infallible;
    }
    impl embedded_io_async::Write for Sink {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            Ok(bytes.len())
        }

        async fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    Sink
}

/// A module that never stops sending, and a driver that counts.
#[derive(Default)]
struct Flood {
    reads: u32,
    written: usize,
}

struct Flooded<'f>(&'f RefCell<Flood>);

impl embedded_io::ErrorType for Flooded<'_> {
    type Error = core::convert::Infallible;
}

impl Read for Flooded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        self.0.borrow_mut().reads += 1;
        buffer[0] = b'x';
        Ok(1)
    }
}

impl embedded_io::ReadReady for Flooded<'_> {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

impl Write for Flooded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.0.borrow_mut().written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Nor does a call wait for the end of what comes in, or of what goes out.
#[test]
fn no_call_waits_for_a_flood() {
    let flood = RefCell::new(Flood::default());
    let mut resources = Box::new(quectel_nal::Resources::<1, 64, 64>::new());
    let config = quectel_nal::Config::new("internet");
    let (stack, mut runner) = quectel_nal::new(&mut resources, config);
    let (rx, tx) = (UartRx::new(Flooded(&flood)), UartTx::new(Flooded(&flood)));
    let engine = core::pin::pin!(runner.run(rx, tx));
    let stack = quectel_nal::blocking::Stack::new(stack, engine);
    let mut all = 0;
    // The first commands, and the filler after a prompt that may be waiting, pass in real time.
    let start = Instant::now();
    while start.elapsed().as_millis() < 1500 {
        assert_eq!(stack.poll(), Ok(()));
        let Flood { reads, written } = flood.take();
        assert!(reads <= 64, "{reads} reads");
        assert!(written <= 32, "{written} bytes");
        all += written;
        std::thread::sleep(Duration::from_micros(100));
    }
    assert!(all > 0);
}

/// How often the UART driver may be asked in one call: each of 64 reads has a question before it.
const MOST_SERIAL: u32 = 2 * 64 + 8;

/// Whatever the module is silent in, every call returns after one poll of the runner.
#[test]
fn no_call_waits_for_a_silent_module() {
    for command in ["QIACT", "QIOPEN", "QICLOSE", "QIDNSGIP"] {
        bench().run_blocking(&network(), async |stack, modem, counts| {
            if command != "QIACT" {
                patiently(|| stack.link_up()).await.unwrap();
            }
            let mut open = match command {
                "QICLOSE" => Some(connect(stack, 7).await.unwrap()),
                _ => None,
            };
            let slow = |command: &str| Fault::Slow {
                command: command.into(),
                delay: Duration::from_secs(3600),
            };
            modem.inject(slow(command));
            counts.take();
            let checked = |what: &str| {
                let (polls, serial) = counts.take();
                assert!(polls <= 1, "{command}: {what}: {polls} polls");
                assert!(serial <= MOST_SERIAL, "{command}: {what}: {serial}");
            };
            let (mut tcp, mut udp) = (stack.tcp(), stack.udp());
            let mut stream = tcp.socket().unwrap();
            let mut listener = tcp.socket().unwrap();
            let mut datagrams = udp.socket().unwrap();
            let mut service = udp.socket().unwrap();
            let start = Instant::now();
            let mut buffer = [0; 100];
            let mut sent = 0;
            while start.elapsed().as_secs() < 400 {
                let before = Instant::now();
                let _ = stack.poll();
                checked("poll");
                let _ = stack.link_up();
                checked("link_up");
                stack.link_state();
                checked("link_state");
                let _ = tcp.get_host_by_name("http.example", AddrType::IPv4);
                checked("lookup");
                let _ = tcp.connect(&mut stream, peer(7));
                checked("connect");
                let _ = tcp.send(&mut stream, b"hello");
                checked("send");
                let _ = tcp.receive(&mut stream, &mut buffer);
                checked("receive");
                let _ = tcp.flush(&mut stream);
                checked("flush");
                let _ = tcp.bind(&mut listener, 80);
                checked("bind");
                let _ = tcp.listen(&mut listener);
                checked("listen");
                let _ = tcp.accept(&mut listener);
                checked("accept");
                if sent % 100 == 0 {
                    let _ = udp.connect(&mut datagrams, peer(7));
                    checked("connect");
                }
                let _ = udp.send(&mut datagrams, b"hello");
                checked("send");
                let _ = udp.receive(&mut datagrams, &mut buffer);
                checked("receive");
                let _ = udp.bind(&mut service, 5683);
                checked("bind");
                let _ = udp.send_to(&mut service, peer(7), b"hello");
                checked("send_to");
                sent += 1;
                if sent % 100 == 0 {
                    let fresh = tcp.socket().unwrap();
                    let _ = tcp.close(core::mem::replace(&mut stream, fresh));
                    checked("close");
                    let fresh = udp.socket().unwrap();
                    let _ = udp.close(core::mem::replace(&mut service, fresh));
                    checked("close");
                    if let Some(open) = open.take() {
                        let _ = tcp.close(open);
                        checked("close");
                    }
                }
                // Under virtual time a call that waited would have moved the clock.
                assert_eq!(Instant::now(), before);
                sleep(Duration::from_millis(10)).await;
            }
            assert!(
                modem.commands().contains_key(command),
                "{}",
                excerpt(&modem)
            );
        });
    }
}

#[derive(AtatCmd)]
#[at_cmd("+CSQ", Quality, timeout_ms = 2000)]
struct SignalQuality;

#[derive(AtatResp, Debug, PartialEq)]
struct Quality {
    rssi: u8,
    bit_errors: u8,
}

/// Not a future in sight, in real time.
#[test]
fn streams_and_commands_wait_by_contract() {
    bench().run_spinning(network(), |stack, modem| {
        nb::block!(stack.link_up()).unwrap();
        let quality = stack.at().send(&SignalQuality).unwrap();
        assert_eq!((quality.rssi, quality.bit_errors), (25, 99));

        let mut tcp = stack.tcp();
        let mut socket = tcp.socket().unwrap();
        nb::block!(tcp.connect(&mut socket, peer(7))).unwrap();
        let second = embassy_time::Duration::from_secs(1);
        let mut stream = TcpStream::new(tcp, socket, second);
        let bytes = noise(8, 1500);
        stream.write_all(&bytes).unwrap();
        stream.flush().unwrap();
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).unwrap();
        assert!(back == bytes, "the echo differs");
        stream.set_timeout(embassy_time::Duration::from_millis(30));
        assert_eq!(stream.read(&mut [0; 9]), Err(Error::TimedOut));
        stream.write_all(b"still good").unwrap();
        let mut back = [0; 10];
        stream.set_timeout(second);
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"still good");
        tcp.close(stream.into_inner()).unwrap();

        let mut socket = tcp.socket().unwrap();
        nb::block!(tcp.connect(&mut socket, peer(80))).unwrap();
        let mut stream = TcpStream::new(tcp, socket, second);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 512];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(all.ends_with(&noise(1, 5000)), "the body differs");
        drop(stream);

        // A module that says nothing costs the time that the command may take, twice at most.
        modem.silent(true);
        let start = Instant::now();
        let refused = stack.at().send(&SignalQuality);
        assert!(matches!(refused, Err(atat::Error::Timeout)), "{refused:?}");
        assert!(start.elapsed().as_millis() < 4500);
        assert_no_violation(&modem);
    });
}
