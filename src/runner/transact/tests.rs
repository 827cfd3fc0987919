//! The transmitting half over a recorded serial line, under virtual time.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::string::String;
use std::vec;
use std::vec::Vec;

use embassy_futures::select::{Either, select};
use embedded_io_async::{ErrorKind, ErrorType, Write};
use virtual_modem::time::{self, run_virtual, sleep};

use super::{Stopped, Transactor};
use crate::at::AccessMode;
use crate::engine::rig::{PEER, Rig};
use crate::engine::{Engine, Escape, Job, Key, LineKind, PayloadEcho, Request};
use crate::runner::{ControlLines, RunError};

/// What happened at the transmitting side of the UART.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Written(String),
    Flushed,
    Pulsed,
    Restarted,
}

fn written(text: &str) -> Seen {
    Seen::Written(text.into())
}

/// The UART, and the control lines.
struct Uart {
    seen: RefCell<Vec<(u64, Seen)>>,
    /// How many calls of `write` it takes before it takes no more bytes.
    takes: Cell<usize>,
    fails: Cell<bool>,
}

impl Uart {
    fn new() -> Self {
        Self {
            seen: RefCell::new(vec![]),
            takes: Cell::new(usize::MAX),
            fails: Cell::new(false),
        }
    }

    fn note(&self, seen: Seen) {
        self.seen.borrow_mut().push((milliseconds(), seen));
    }

    /// What happened since the last call.
    fn take(&self) -> Vec<Seen> {
        let seen = self.seen.take();
        seen.into_iter().map(|(_, seen)| seen).collect()
    }

    /// What happened since the last call, with the times between.
    fn take_timed(&self) -> Vec<(u64, Seen)> {
        let mut seen = self.seen.take();
        let mut last = seen.first().map_or(0, |(at, _)| *at);
        for (at, _) in &mut seen {
            (*at, last) = (*at - last, *at);
        }
        seen
    }
}

impl ErrorType for &Uart {
    type Error = ErrorKind;
}

impl Write for &Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.fails.get() {
            return Err(ErrorKind::BrokenPipe);
        }
        poll_fn(|_| match self.takes.get() {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        self.takes.set(self.takes.get() - 1);
        self.note(Seen::Written(String::from_utf8_lossy(bytes).into()));
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.note(Seen::Flushed);
        Ok(())
    }
}

impl ControlLines for &Uart {
    async fn reset(&mut self) {
        self.note(Seen::Restarted);
    }

    async fn pulse_dtr(&mut self) {
        self.note(Seen::Pulsed);
    }
}

fn milliseconds() -> u64 {
    time::micros() / 1000
}

/// Runs the transmitting half until `body` is done.
fn run(rig: &Rig<'static>, uart: &Uart, body: impl AsyncFnOnce()) -> Option<RunError> {
    run_virtual(async {
        let mut buffer = [0; 512];
        let mut lines = uart;
        let mut transactor = Transactor::new(rig.shared, uart, &mut lines, &mut buffer);
        match select(transactor.run(), body()).await {
            Either::First(error) => Some(error),
            Either::Second(()) => None,
        }
    })
}

/// Waits until something has happened at the UART.
async fn something(uart: &Uart) {
    while uart.seen.borrow().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
}

fn line(rig: &Rig<'_>, line: &str) -> LineKind {
    rig.engine(|engine| engine.on_line(line.as_bytes()))
}

/// A connection with bytes to send.
fn sending(length: usize) -> (Rig<'static>, Key) {
    let mut rig = Rig::up::<1, 64, 1500>();
    rig.set_payload_echo(PayloadEcho::Off);
    let key = rig.open();
    let bytes = vec![b'x'; length];
    assert_eq!(rig.write(key, &bytes), Poll::Ready(Ok(length)));
    (rig, key)
}

#[test]
fn payload_follows_the_prompt_in_pieces_and_is_flushed_once() {
    let (mut rig, key) = sending(600);
    let uart = Uart::new();
    run(&rig, &uart, async || {
        something(&uart).await;
        assert_eq!(uart.take(), [written("AT+QISEND=0,600\r"), Seen::Flushed]);
        sleep(Duration::from_secs(9)).await;
        assert_eq!(uart.take(), []);
        assert!(rig.engine(Engine::prompted));
        something(&uart).await;
        let pieces = [256, 256, 88].map(|count| written(&"x".repeat(count)));
        assert_eq!(uart.take(), [&pieces[..], &[Seen::Flushed]].concat());
        assert_eq!(line(&rig, "SEND OK"), LineKind::Final);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(uart.take(), []);
    });
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
}

#[test]
fn send_without_a_prompt_ends_at_its_time_limit_without_payload() {
    let (rig, _) = sending(5);
    let uart = Uart::new();
    run(&rig, &uart, async || {
        something(&uart).await;
        assert_eq!(uart.take(), [written("AT+QISEND=0,5\r"), Seen::Flushed]);
        sleep(Duration::from_millis(9_990)).await;
        assert!(matches!(rig.job(), Some(Job::Send { .. })));
        assert_eq!(uart.take(), []);
        something(&uart).await;
        assert_eq!(uart.take(), [written("AT\r"), Seen::Flushed]);
    });
}

#[test]
fn send_that_is_refused_writes_no_payload() {
    let (rig, _) = sending(5);
    let uart = Uart::new();
    run(&rig, &uart, async || {
        something(&uart).await;
        uart.take();
        assert_eq!(line(&rig, "ERROR"), LineKind::Final);
        something(&uart).await;
        assert_eq!(uart.take(), [written("AT+QIGETERROR\r"), Seen::Flushed]);
    });
}

#[test]
fn result_among_the_payload_ends_it() {
    for (result, next) in [
        ("ERROR", "AT+QIGETERROR\r"),
        ("SEND FAIL", "AT+QISEND=0,0\r"),
        ("RDY", "AT\r"),
    ] {
        let (rig, _) = sending(600);
        let uart = Uart::new();
        // The command and one piece.
        uart.takes.set(2);
        run(&rig, &uart, async || {
            something(&uart).await;
            assert!(rig.engine(Engine::prompted));
            sleep(Duration::from_millis(10)).await;
            uart.take();
            assert_eq!(line(&rig, result), LineKind::Final);
            uart.takes.set(usize::MAX);
            // Once to be polled again, and once for the pause between commands.
            sleep(Duration::from_millis(1)).await;
            sleep(Duration::from_millis(100)).await;
            // The piece that the UART was taking is whole, and there is no third one.
            let piece = written(&"x".repeat(256));
            assert_eq!(uart.take(), [piece, written(next), Seen::Flushed]);
        });
    }
}

/// Waits until a transaction is in flight.
async fn begun(rig: &Rig<'_>) {
    while rig.job().is_none() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A module may answer before the UART has taken the whole command: then that is the answer, and the command is written to its end.
#[test]
fn result_in_front_of_the_end_of_the_command_counts() {
    for takes in [usize::MAX, 0] {
        let (rig, _) = sending(5);
        let uart = Uart::new();
        uart.takes.set(0);
        run(&rig, &uart, async || {
            begun(&rig).await;
            assert_eq!(line(&rig, "ERROR"), LineKind::Final);
            uart.takes.set(takes);
            sleep(Duration::from_millis(1)).await;
            // The time limit of the command, if the UART takes no more of it.
            sleep(Duration::from_millis(if takes == 0 { 10_000 } else { 100 })).await;
            let seen = [
                written("AT+QISEND=0,5\r"),
                Seen::Flushed,
                written("AT+QIGETERROR\r"),
                Seen::Flushed,
            ];
            assert_eq!(uart.take(), seen[..takes.min(4)]);
            assert_eq!(rig.job(), Some(Job::LastError));
        });
    }
}

#[test]
fn time_limit_of_the_payload_begins_with_the_prompt() {
    let (rig, _) = sending(5);
    let uart = Uart::new();
    run(&rig, &uart, async || {
        something(&uart).await;
        sleep(Duration::from_secs(9)).await;
        assert!(rig.engine(Engine::prompted));
        let limit = rig.engine(|engine| engine.env.config.send_time).as_millis();
        sleep(Duration::from_millis(limit - 10)).await;
        assert!(matches!(rig.job(), Some(Job::Send { .. })));
        sleep(Duration::from_millis(20)).await;
        assert_eq!(rig.job(), Some(Job::Attention));
    });
}

#[test]
fn command_that_the_uart_does_not_take_is_given_up_at_its_time_limit() {
    let (rig, _) = sending(5);
    let uart = Uart::new();
    uart.takes.set(0);
    run(&rig, &uart, async || {
        begun(&rig).await;
        sleep(Duration::from_millis(9_990)).await;
        assert!(matches!(rig.job(), Some(Job::Send { .. })));
        sleep(Duration::from_millis(20)).await;
        assert_eq!(rig.job(), Some(Job::Attention));
        assert_eq!(uart.take(), []);
    });
}

/// The engine moves the limit while a full receive ring stalls the line.
#[test]
fn time_limit_is_looked_up_again_when_it_is_over() {
    let mut rig = Rig::up::<1, 4, 64>();
    let request = Request::connect(PEER).unwrap();
    let mode = AccessMode::DirectPush;
    let claimed = rig.engine(|engine| engine.poll_claim(&request, mode));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("no slot: {claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    let header = rig.on_line("+QIURC: \"recv\",0,6");
    let LineKind::Header = header else {
        panic!("{header:?}");
    };
    assert_eq!(rig.write(key, b"hello"), Poll::Ready(Ok(5)));
    let uart = Uart::new();
    run(&rig, &uart, async || {
        something(&uart).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(rig.engine(|engine| engine.deliver(b"abcdef")), 4);
        // Within `Config::stall_time`, and beyond the time limit of the prompt.
        sleep(Duration::from_secs(6)).await;
        assert!(matches!(rig.job(), Some(Job::Send { .. })));
    });
}

#[test]
fn write_error_ends_the_runner() {
    let (rig, _) = sending(5);
    let uart = Uart::new();
    uart.fails.set(true);
    let ended = run(&rig, &uart, async || sleep(Duration::from_secs(2000)).await);
    assert_eq!(ended, Some(RunError::Write(ErrorKind::BrokenPipe)));
    assert!(matches!(rig.job(), Some(Job::Send { .. })), "it was judged");
}

/// What an escape writes, with the pauses in milliseconds, and how long it takes altogether.
fn escape(escape: Escape) -> (Vec<(u64, Seen)>, u64) {
    let rig = Rig::up::<1, 64, 64>();
    let uart = Uart::new();
    let took = run_virtual(async {
        let mut buffer = [0; 512];
        let mut lines = &uart;
        let mut transactor = Transactor::new(rig.shared, &uart, &mut lines, &mut buffer);
        rig.engine(|engine| {
            engine
                .exchange
                .start_deadline(LIMIT, crate::util::time::now())
        });
        assert!(transactor.escape(escape).await.is_ok());
        milliseconds()
    });
    (uart.take_timed(), took)
}

const LIMIT: embassy_time::Duration = embassy_time::Duration::from_secs(10);

#[test]
fn escape_from_a_prompt_gives_the_module_time_to_answer() {
    let bytes = vec![(0, written("\r\x1b")), (0, Seen::Flushed)];
    assert_eq!(escape(Escape::Prompt), (bytes, 200));
}

#[test]
fn escape_from_data_mode_stands_between_two_silences_of_more_than_a_second() {
    let bytes = vec![
        (0, Seen::Flushed),
        (1100, written("+++")),
        (0, Seen::Flushed),
    ];
    assert_eq!(escape(Escape::DataMode), (bytes, 2400));
}

#[test]
fn plus_alone_has_no_silences() {
    let bytes = vec![(0, written("+++")), (0, Seen::Flushed)];
    assert_eq!(escape(Escape::PlusOnly), (bytes, 0));
}

#[test]
fn filler_is_as_long_as_the_longest_payload() {
    let (seen, took) = escape(Escape::Fill);
    let mut length = 0;
    for (_, seen) in seen {
        if let Seen::Written(text) = seen {
            assert!(text.bytes().all(|byte| byte == b'\r'));
            length += text.len();
        }
    }
    assert_eq!((length, took), (1460, 200));
}

#[test]
fn dtr_is_pulsed() {
    assert_eq!(escape(Escape::Dtr), (vec![(0, Seen::Pulsed)], 0));
}

#[test]
fn escape_that_the_uart_does_not_take_is_given_up_at_its_time_limit() {
    let rig = Rig::up::<1, 64, 64>();
    let uart = Uart::new();
    uart.takes.set(0);
    let took = run_virtual(async {
        let mut buffer = [0; 512];
        let mut lines = &uart;
        let mut transactor = Transactor::new(rig.shared, &uart, &mut lines, &mut buffer);
        rig.shared
            .try_with(|engine| {
                engine
                    .exchange
                    .start_deadline(LIMIT, crate::util::time::now())
            })
            .expect("the engine is not in use");
        let result = transactor.escape(Escape::Fill).await;
        assert!(matches!(result, Err(Stopped::TimedOut)));
        milliseconds()
    });
    assert_eq!(took, 10_000);
}
