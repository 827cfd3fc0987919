//! No network stack: the HTTP server is at the other end of the UART. What this firmware needs, each of the others needs too.

#![no_std]
#![no_main]

use core::cell::RefCell;
use core::net::SocketAddr;

use board::uart::{Rx, Tx};
use embassy_executor::Spawner;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use embedded_nal_async::TcpConnect;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let (rx, tx) = board::start();
    let wire = Wire {
        uart: RefCell::new(Some(Connection { rx, tx })),
    };
    measure::finish(measure::get(&wire, &measure::Literal, measure::NUMBERED).await)
}

struct Wire {
    uart: RefCell<Option<Connection>>,
}

struct Connection {
    rx: Rx,
    tx: Tx,
}

impl TcpConnect for Wire {
    type Error = ErrorKind;
    type Connection<'a> = Connection;

    async fn connect(&self, _: SocketAddr) -> Result<Connection, ErrorKind> {
        self.uart.take().ok_or(ErrorKind::AddrInUse)
    }
}

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Read for Connection {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, ErrorKind> {
        self.rx.read(into).await
    }
}

impl Write for Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.tx.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.tx.flush().await
    }
}
