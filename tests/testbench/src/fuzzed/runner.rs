//! The runner, and a module that answers as the input says: rightly, or with any bytes.

use core::cell::RefCell;
use core::convert::Infallible;
use core::time::Duration;
use std::collections::VecDeque;

use embassy_futures::select::{Either, select};
use embedded_io_async::{ErrorType, Read, Write};
use embedded_nal_async::TcpConnect;
use quectel_nal::{Config, Resources};
use virtual_modem::time;

use super::choices::Choices;
use crate::{Work, peer, run_tasks, sleep};

/// The module's side of the UART.
struct Module<'a> {
    choices: &'a Choices<'a>,
    /// The command that is being written.
    command: RefCell<Vec<u8>>,
    /// What the module has sent and nobody has read.
    output: RefCell<VecDeque<u8>>,
}

/// What a module says to the commands of the bring-up that need an answer.
const ANSWERS: [(&str, &str); 8] = [
    ("AT+CPIN?", "+CPIN: READY"),
    ("AT+CEREG?", "+CEREG: 2,1"),
    ("AT+CGREG?", "+CGREG: 2,1"),
    ("AT+CREG?", "+CREG: 0,1"),
    ("AT+CFUN?", "+CFUN: 1"),
    ("AT+QIACT?", "+QIACT: 1,1,1,\"10.0.0.2\""),
    ("AT+QIGETERROR", "+QIGETERROR: 568,Memory allocation failed"),
    ("AT+QISEND=0,0", "+QISEND: 0,0,0"),
];

impl Module<'_> {
    fn say(&self, bytes: &[u8]) {
        self.output.borrow_mut().extend(bytes);
    }

    /// Some of what has been sent.
    fn take_into(&self, buffer: &mut [u8]) -> usize {
        let mut output = self.output.borrow_mut();
        let most = 1 + self.choices.below(300);
        let count = buffer.len().min(output.len()).min(most);
        for (place, byte) in buffer.iter_mut().zip(output.drain(..count)) {
            *place = byte;
        }
        count
    }

    /// A whole command has come.
    fn answer(&self, command: &str) {
        match self.choices.below(8) {
            0 => return,
            1 => self.say(self.choices.take(self.choices.below(80))),
            _ => {}
        }
        if let Some((_, answer)) = ANSWERS.iter().find(|(asked, _)| *asked == command) {
            self.say(format!("\r\n{answer}\r\n").as_bytes());
        }
        if command.starts_with("AT+QIRD=") {
            let length = self.choices.below(1600);
            self.say(format!("\r\n+QIRD: {length}\r\n").as_bytes());
            self.say(&vec![b'x'; length]);
        }
        self.say(b"\r\nOK\r\n");
        if command.starts_with("AT+QIOPEN=") {
            self.say(b"\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: \"recv\",0\r\n");
        }
    }
}

impl ErrorType for &Module<'_> {
    type Error = Infallible;
}

impl Read for &Module<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        loop {
            // Now and then something that nobody asked for.
            if !self.choices.is_empty() && self.choices.below(64) == 0 {
                self.say(self.choices.take(self.choices.below(40)));
            }
            match self.take_into(buffer) {
                0 => sleep(Duration::from_millis(10)).await,
                count => return Ok(count),
            }
        }
    }
}

impl Write for &Module<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for &byte in bytes {
            let mut command = self.command.borrow_mut();
            if byte == b'\r' {
                let text = String::from_utf8_lossy(&core::mem::take(&mut *command)).into_owned();
                drop(command);
                self.answer(&text);
            } else {
                command.push(byte);
            }
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Two users, whose calls end whatever the module says.
pub fn runner(input: &[u8]) {
    let choices = &Choices::new(input);
    let module = Module {
        choices,
        command: RefCell::default(),
        output: RefCell::default(),
    };
    time::run_virtual(async {
        let mut resources = Box::new(Resources::<2, 512, 512>::new());
        let (stack, mut runner) = quectel_nal::new(&mut resources, Config::new("internet"));
        let user = async || {
            for _ in 0..3 {
                let _ = stack.wait_link_up().await;
                let Ok(mut connection) = TcpConnect::connect(&stack, peer(7)).await else {
                    continue;
                };
                let _ = connection.write_all(b"hello").await;
                let mut buffer = [0; 100];
                let patience = sleep(Duration::from_secs(30));
                let _ = select(connection.read(&mut buffer), patience).await;
            }
        };
        let users = run_tasks(vec![Box::pin(user()) as Work<'_>, Box::pin(user())]);
        let limit = sleep(Duration::from_secs(24 * 3600));
        let all = select(users, limit);
        let (mut rx, mut tx) = (&module, &module);
        match select(runner.run(&mut rx, &mut tx), all).await {
            Either::First(error) => panic!("the runner stopped: {error:?}"),
            Either::Second(ended) => assert!(matches!(ended, Either::First(())), "no end"),
        }
    });
}
