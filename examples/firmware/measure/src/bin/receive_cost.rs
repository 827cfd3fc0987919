//! Prints the instructions per byte from the UART to `read`, in hundredths.
//!
//! A module in memory takes the place of the UART. It answers at once and always has data. QEMU counts instructions
//! (`-icount shift=0`). The instructions of this module are measured separately and subtracted.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;

use board::module::information_response;
use board::{clock, report};
use embassy_executor::Spawner;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use measure as _;
use quectel_nal::{Config, Resources, Runner, Stack};
use static_cell::{ConstStaticCell, StaticCell};

/// Bytes that are received for each figure.
const TOTAL: usize = 200_000;
/// The most that one AT+QIRD may ask for, in bytes.
const MOST: usize = 1500;

static RESOURCES: ConstStaticCell<Resources<1, MOST, 64>> = ConstStaticCell::new(Resources::new());
static MODULE: StaticCell<RefCell<Module>> = StaticCell::new();

#[derive(Clone, Copy)]
enum Content {
    Random,
    Text,
    Zeros,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    content: Content,
    /// Bytes that each read of the UART returns.
    piece: usize,
    /// Each read is pending once, so that the executor's share is included.
    waits: bool,
}

const CASES: [Case; 12] = [
    case("random, 64 at a time", Content::Random, 64, false),
    case("text, 64 at a time", Content::Text, 64, false),
    case("zeros, 64 at a time", Content::Zeros, 64, false),
    case("random, 16 at a time", Content::Random, 16, false),
    case("text, 16 at a time", Content::Text, 16, false),
    case("zeros, 16 at a time", Content::Zeros, 16, false),
    case(
        "random, 64 at a time, waited for",
        Content::Random,
        64,
        true,
    ),
    case("text, 64 at a time, waited for", Content::Text, 64, true),
    case("zeros, 64 at a time, waited for", Content::Zeros, 64, true),
    case(
        "random, 16 at a time, waited for",
        Content::Random,
        16,
        true,
    ),
    case("text, 16 at a time, waited for", Content::Text, 16, true),
    case("zeros, 16 at a time, waited for", Content::Zeros, 16, true),
];

const fn case(name: &'static str, content: Content, piece: usize, waits: bool) -> Case {
    Case {
        name,
        content,
        piece,
        waits,
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let _ = board::start();
    let module = &*MODULE.init(RefCell::new(Module::new()));
    let (stack, runner) = quectel_nal::new(RESOURCES.take(), Config::new("internet"));
    let Ok(task) = modem(runner, module) else {
        report::exit(1)
    };
    module.borrow_mut().begin(CASES[0]);
    spawner.spawn(task);
    for case in CASES {
        let source = alone(module, case).await;
        let Some(all) = receive(stack, module, case).await else {
            report::print(case.name);
            report::print(": the connection failed\n");
            report::exit(1)
        };
        report::print(case.name);
        // In hundredths, which needs no floating point.
        let hundredths = (all.saturating_sub(source)) as usize * 100 / TOTAL;
        report::print_number(":", hundredths);
    }
    report::exit(0)
}

#[embassy_executor::task]
async fn modem(mut runner: Runner<'static>, module: &'static RefCell<Module>) {
    let _ = runner.run(Rx(module), Tx(module)).await;
}

/// Instructions for `TOTAL` bytes from an open connection.
async fn receive(stack: Stack<'_>, module: &RefCell<Module>, case: Case) -> Option<u64> {
    stack.wait_link_up().await.ok()?;
    module.borrow_mut().begin(case);
    let mut connection = stack.connect("192.0.2.1:80".parse().ok()?).await.ok()?;
    let mut buffer = [0; 512];
    // The first read includes the start of the first transaction.
    connection.read(&mut buffer).await.ok()?;
    let mut count = 0;
    let start = clock::nanoseconds();
    while count < TOTAL {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(more) => count += more,
        }
    }
    let end = clock::nanoseconds();
    module.borrow_mut().has_data = false;
    connection.close().await.ok()?;
    Some((end - start) * TOTAL as u64 / count as u64)
}

/// Instructions of the module in memory for `TOTAL` bytes.
async fn alone(module: &'static RefCell<Module>, case: Case) -> u64 {
    let mut copy = Module::new();
    copy.begin(case);
    copy.payload = module.borrow().payload;
    let mut buffer = [0; 64];
    let mut count = 0;
    let start = clock::nanoseconds();
    while count < TOTAL {
        if !copy.has_answer() {
            copy.receive(b"AT+QIRD=0,1500\r");
        }
        let piece = &mut buffer[..case.piece];
        count += copy.read(piece);
        core::hint::black_box(piece);
    }
    clock::nanoseconds() - start
}

/// A module with a working network and data.
struct Module {
    case: Case,
    has_data: bool,
    /// What is read next: text, then payload, then text.
    head: ([u8; 64], usize),
    payload_left: usize,
    tail: &'static [u8],
    /// Bytes of the head that have been read.
    read: usize,
    line: ([u8; 96], usize),
    payload: [u8; MOST],
    reader: Option<core::task::Waker>,
    is_due: bool,
}

impl Module {
    const fn new() -> Self {
        Self {
            case: CASES[0],
            has_data: false,
            head: ([0; 64], 0),
            payload_left: 0,
            tail: b"",
            read: 0,
            line: ([0; 96], 0),
            payload: [0; MOST],
            reader: None,
            is_due: false,
        }
    }

    fn begin(&mut self, case: Case) {
        self.case = case;
        self.has_data = true;
        let mut state = 0x2545_f491_u32;
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nOK\r\n+QIURC: \"closed\",0\r\n> ";
        for (index, byte) in self.payload.iter_mut().enumerate() {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = match case.content {
                Content::Random => state as u8,
                Content::Text => text[index % text.len()],
                Content::Zeros => 0,
            };
        }
    }

    fn has_answer(&self) -> bool {
        self.read < self.head.1 || self.payload_left > 0 || !self.tail.is_empty()
    }

    /// Takes bytes of commands.
    fn receive(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\r' {
                self.answer();
                self.line.1 = 0;
            } else if self.line.1 < self.line.0.len() {
                self.line.0[self.line.1] = byte;
                self.line.1 += 1;
            }
        }
    }

    fn answer(&mut self) {
        let line = self.line;
        let line = &line.0[..line.1];
        let is = |start: &[u8]| line.starts_with(start);
        self.head.1 = 0;
        self.read = 0;
        let mut tail: &[u8] = b"\r\nOK\r\n";
        if is(b"AT+QIOPEN=1,") {
            // The connectID, two digits long at most.
            let id = line[12..]
                .split(|byte| *byte == b',')
                .next()
                .unwrap_or_default();
            self.append(b"\r\nOK\r\n\r\n+QIOPEN: ");
            self.append(id);
            self.append(b",0\r\n\r\n+QIURC: \"recv\",");
            self.append(id);
            tail = b"\r\n";
        } else if is(b"AT+QIRD=") {
            let wanted = line
                .split(|byte| *byte == b',')
                .next_back()
                .unwrap_or_default();
            let wanted = wanted
                .iter()
                .fold(0, |wanted, digit| wanted * 10 + usize::from(digit - b'0'));
            self.payload_left = if self.has_data { wanted.min(MOST) } else { 0 };
            self.append(b"\r\n+QIRD: ");
            self.append_number(self.payload_left);
            self.append(b"\r\n");
            if self.payload_left > 0 {
                tail = b"\r\n\r\nOK\r\n";
            }
        } else {
            self.append(information_response(line));
        }
        self.tail = tail;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn append(&mut self, text: &[u8]) {
        let (buffer, length) = &mut self.head;
        buffer[*length..*length + text.len()].copy_from_slice(text);
        *length += text.len();
    }

    fn append_number(&mut self, number: usize) {
        if number > 9 {
            self.append_number(number / 10);
        }
        self.append(&[b'0' + (number % 10) as u8]);
    }

    /// Returns the next piece, which is shorter than `piece` only at the end of the data.
    fn read(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        let size = into.len().min(self.case.piece);
        let into = &mut into[..size];
        let head = &self.head.0[self.read..self.head.1];
        let part = head.len().min(size);
        into[..part].copy_from_slice(&head[..part]);
        self.read += part;
        count += part;
        let part = self.payload_left.min(size - count);
        let start = MOST - self.payload_left;
        into[count..count + part].copy_from_slice(&self.payload[start..start + part]);
        self.payload_left -= part;
        count += part;
        let part = self.tail.len().min(size - count);
        into[count..count + part].copy_from_slice(&self.tail[..part]);
        self.tail = &self.tail[part..];
        count + part
    }
}

struct Rx(&'static RefCell<Module>);

impl ErrorType for Rx {
    type Error = ErrorKind;
}

impl Read for Rx {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| {
            let module = &mut *self.0.borrow_mut();
            if !module.has_answer() {
                module.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if module.case.waits && !core::mem::replace(&mut module.is_due, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            module.is_due = false;
            Poll::Ready(Ok(module.read(into)))
        })
        .await
    }
}

struct Tx(&'static RefCell<Module>);

impl ErrorType for Tx {
    type Error = ErrorKind;
}

impl Write for Tx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.borrow_mut().receive(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
