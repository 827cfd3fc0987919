//! A module that answers at once, and has as much payload as is wanted of it.
//!
//! Its own work is not to be counted: it is all in the functions whose names begin with `module_`, for the counter to
//! pass over.

use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt::Write as _;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};

/// What the payload is, and how it comes.
pub struct Shape {
    pub content: Vec<u8>,
    /// Payload behind one header.
    pub frame: usize,
    /// Bytes that the UART hands over at a time.
    pub chunk: usize,
    /// The program goes through all its tasks between one chunk and the next, as if it had slept.
    pub paced: bool,
}

/// 64 KB of a kind.
pub fn content(kind: &str) -> Vec<u8> {
    const LENGTH: usize = 65_536;
    match kind {
        "text" => {
            let text = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nServer: example\r\n\r\n\
                        <!doctype html>\r\n<p>The quick brown fox &amp; the lazy dog, > and < and OK.</p>\r\n";
            text.bytes().cycle().take(LENGTH).collect()
        }
        "breaks" => b"\0\0\r\n\r\n\0\r\n>\r\nOK\r\n"
            .iter()
            .copied()
            .cycle()
            .take(LENGTH)
            .collect(),
        _ => {
            let mut state = 0x9e37_79b9_7f4a_7c15_u64;
            let byte = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            };
            std::iter::repeat_with(byte).take(LENGTH).collect()
        }
    }
}

pub struct Module {
    shape: Shape,
    /// Payload for the host that was not handed over yet.
    left: usize,
    at: usize,
    pushes: bool,
    command: Vec<u8>,
    /// Payload of a send that is still to come.
    expected: usize,
    output: VecDeque<u8>,
    reader: Option<Waker>,
    rested: bool,
}

impl Module {
    pub fn new(shape: Shape, length: usize) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            shape,
            left: length,
            at: 0,
            pushes: false,
            command: Vec::new(),
            expected: 0,
            output: VecDeque::new(),
            reader: None,
            rested: false,
        }))
    }

    fn say(&mut self, text: &str) {
        self.output.extend(text.as_bytes());
    }

    fn payload(&mut self, most: usize) {
        for _ in 0..most.min(self.left) {
            self.output
                .push_back(self.shape.content[self.at % self.shape.content.len()]);
            self.at += 1;
            self.left -= 1;
        }
    }

    fn answer(&mut self) {
        let line = String::from_utf8(core::mem::take(&mut self.command)).expect("a command");
        let numbers: Vec<usize> = line
            .split(['=', ','])
            .filter_map(|field| field.parse().ok())
            .collect();
        let mut answer = String::new();
        if line.starts_with("AT+QIRD=") {
            let length = numbers[1].min(self.left).min(self.shape.frame);
            let _ = write!(answer, "\r\n+QIRD: {length}\r\n");
            self.say(&answer);
            self.payload(length);
            return self.say("\r\n\r\nOK\r\n");
        }
        if line.starts_with("AT+QISEND=") {
            self.expected = numbers[1];
            return self.say("\r\n> ");
        }
        answer.push_str(match &line[..] {
            "AT+CPIN?" => "\r\n+CPIN: READY\r\n",
            "AT+CEREG?" => "\r\n+CEREG: 0,1\r\n",
            "AT+QIACT?" if self.rested => "\r\n+QIACT: 1,1,1,\"10.7.157.1\"\r\n",
            _ => "",
        });
        self.rested |= line == "AT+QIACT=1";
        answer.push_str("\r\nOK\r\n");
        self.say(&answer);
        if line.starts_with("AT+QIOPEN=") {
            self.say("\r\n+QIOPEN: 0,0\r\n");
            self.pushes = line.ends_with(",1");
            if !self.pushes {
                self.say("\r\n+QIURC: \"recv\",0\r\n");
            }
        }
    }
}

#[inline(never)]
fn module_reads(module: &RefCell<Module>, bytes: &[u8]) -> usize {
    let mut module = module.borrow_mut();
    for byte in bytes {
        if module.expected > 0 {
            module.expected -= 1;
            if module.expected == 0 {
                module.say("\r\nSEND OK\r\n");
            }
        } else if *byte == b'\r' {
            module.answer();
        } else {
            module.command.push(*byte);
        }
    }
    if !module.output.is_empty()
        && let Some(reader) = module.reader.take()
    {
        reader.wake();
    }
    bytes.len()
}

#[inline(never)]
fn module_is_polled(
    module: &RefCell<Module>,
    cx: &mut Context<'_>,
    waits: &mut bool,
    buffer: &mut [u8],
) -> Poll<Result<usize, Infallible>> {
    let mut module = module.borrow_mut();
    // After a frame the others have their turn in any case.
    let pauses = module.shape.paced || module.output.is_empty();
    if core::mem::take(waits) && pauses {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    if module.pushes && module.output.is_empty() && module.left > 0 {
        let length = module.left.min(module.shape.frame);
        module.say(&format!("\r\n+QIURC: \"recv\",0,{length}\r\n"));
        module.payload(length);
    }
    let count = module
        .output
        .len()
        .min(module.shape.chunk)
        .min(buffer.len());
    for (place, byte) in buffer.iter_mut().zip(module.output.drain(..count)) {
        *place = byte;
    }
    if count > 0 {
        return Poll::Ready(Ok(count));
    }
    module.reader = Some(cx.waker().clone());
    Poll::Pending
}

pub struct Rx(pub Rc<RefCell<Module>>);

pub struct Tx(pub Rc<RefCell<Module>>);

impl ErrorType for Rx {
    type Error = Infallible;
}

impl ErrorType for Tx {
    type Error = Infallible;
}

impl Read for Rx {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut waits = true;
        poll_fn(|cx| module_is_polled(&self.0, cx, &mut waits, buffer)).await
    }
}

impl Write for Tx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(module_reads(&self.0, bytes))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
