//! A module in memory that answers at once.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;

use board::module::information_response;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use heapless::{Deque, Vec};

/// The most that one read of the UART returns.
const PIECE: usize = 256;

pub struct Module {
    /// What the host has not read yet.
    answer: Deque<u8, 8192>,
    line: Vec<u8, 512>,
    /// What the host is to write behind a prompt.
    payload: usize,
    /// What was written there is echoed.
    pub echoes_payload: bool,
    /// What the next reads get.
    pub data: &'static [u8],
    /// The UART is a data line.
    is_transparent: bool,
    /// At most so much of it at a time.
    pub most: usize,
    /// The next read of the UART fails, or the one that follows the next AT+QIRD.
    pub fails: bool,
    pub fails_at_read: bool,
}

impl Module {
    pub const fn new() -> Self {
        Self {
            answer: Deque::new(),
            line: Vec::new(),
            payload: 0,
            echoes_payload: false,
            data: b"",
            is_transparent: false,
            most: usize::MAX,
            fails: false,
            fails_at_read: false,
        }
    }

    /// Something comes from the module unasked.
    pub fn say(&mut self, text: &[u8]) {
        for &byte in text {
            let _ = self.answer.push_back(byte);
        }
    }

    fn say_number(&mut self, number: usize) {
        if number > 9 {
            self.say_number(number / 10);
        }
        self.say(&[b'0' + (number % 10) as u8]);
    }

    fn receive(&mut self, byte: u8) {
        if self.payload > 0 {
            self.payload -= 1;
            if self.echoes_payload {
                self.say(&[byte]);
            }
            if self.payload == 0 {
                self.say(b"\r\nSEND OK\r\n");
            }
        } else if self.is_transparent {
            // The escape.
            let _ = self.line.push(byte);
            if self.line.ends_with(b"+++") {
                self.is_transparent = false;
                self.line.clear();
                self.say(b"\r\nOK\r\n");
            }
        } else if byte == b'\r' {
            let line = self.line.clone();
            self.line.clear();
            self.answer(&line);
        } else {
            let _ = self.line.push(byte);
        }
    }

    fn answer(&mut self, line: &[u8]) {
        let mut parameters = line
            .split(|byte| matches!(byte, b'=' | b','))
            .skip(1)
            .map(number);
        let mut parameter = || parameters.next().unwrap_or(0);
        let is = |start: &[u8]| line.starts_with(start);
        if is(b"AT+QIOPEN=") {
            let _ = parameter();
            let id = parameter();
            if line.ends_with(b",2") {
                self.is_transparent = true;
                self.say(b"\r\nCONNECT\r\n");
                return;
            }
            self.say(b"\r\nOK\r\n\r\n+QIOPEN: ");
            self.say_number(id);
            self.say(b",0\r\n");
            return;
        } else if is(b"AT+QISEND=") {
            let _ = parameter();
            self.payload = parameter();
            if self.payload > 0 {
                self.say(b"\r\n> ");
                return;
            }
            self.say(b"\r\n+QISEND: 0,0,0\r\n");
        } else if is(b"AT+QIRD=") {
            let _ = parameter();
            let most = if line.contains(&b',') {
                parameter()
            } else {
                1500
            };
            self.fails |= core::mem::take(&mut self.fails_at_read);
            let count = most.min(self.data.len()).min(self.most);
            let (now, later) = self.data.split_at(count);
            self.data = later;
            self.say(b"\r\n+QIRD: ");
            self.say_number(count);
            if !line.contains(&b',') && count > 0 {
                self.say(b",\"192.0.2.1\",7");
            }
            self.say(b"\r\n");
            if count > 0 {
                self.say(now);
                self.say(b"\r\n");
            }
        } else if is(b"AT+QIDNSGIP=") {
            self.say(b"\r\nOK\r\n\r\n+QIURC: \"dnsgip\",0,1,60\r\n\r\n+QIURC: \"dnsgip\",\"192.0.2.1\"\r\n");
            return;
        } else {
            self.say(information_response(line));
        }
        self.say(b"\r\nOK\r\n");
    }
}

fn number(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

/// Both halves of the UART.
#[derive(Clone, Copy)]
pub struct Uart(pub &'static RefCell<Module>);

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Read for Uart {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            let module = &mut *self.0.borrow_mut();
            if core::mem::take(&mut module.fails) {
                return Poll::Ready(Err(ErrorKind::Other));
            }
            let mut count = 0;
            for place in into.iter_mut().take(PIECE) {
                let Some(byte) = module.answer.pop_front() else {
                    break;
                };
                *place = byte;
                count += 1;
            }
            if count == 0 {
                return Poll::Pending;
            }
            Poll::Ready(Ok(count))
        })
        .await
    }
}

impl Write for Uart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        for &byte in bytes {
            self.0.borrow_mut().receive(byte);
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
