//! A modem as a UART driver of `embedded-io`: for programs without `async`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::{fmt, thread};

use super::Line;
use anyhow::{Context, Result};
use async_io::Async;
use embedded_io::{ErrorType, Read, ReadReady, Write};
use embedded_io_async::{Read as AsyncRead, Write as AsyncWrite};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use virtual_modem::{HostRx, HostTx, Loopback, Settings, VirtualModem, serial, time};

/// A byte stream with non-blocking reads.
pub struct Port {
    stream: Box<dyn Stream>,
    received: VecDeque<u8>,
    line: Line,
}

trait Stream: io::Read + io::Write {}

impl<T: io::Read + io::Write> Stream for T {}

impl Port {
    /// Wraps a stream whose reads return `WouldBlock` or `TimedOut` if there is no byte.
    pub fn new(stream: impl io::Read + io::Write + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            received: VecDeque::new(),
            line: Line::default(),
        }
    }

    /// Monitors the bytes in both directions.
    pub fn watched(mut self, line: &Line, trace: bool) -> Self {
        line.begin(trace);
        self.line = line.clone();
        self
    }

    /// Runs the virtual modem in a thread of this program.
    pub fn virtual_modem(settings: Settings, baud: u32, network: Loopback) -> Result<Self> {
        let (here, there) = UnixStream::pair().context("no pair of sockets")?;
        here.set_nonblocking(true)?;
        let there = Async::new(there)?;
        thread::spawn(move || {
            time::block_on(async {
                let modem = VirtualModem::new(settings, network);
                let (rx, tx, end) = serial::pair(serial::Line::new(baud));
                let wire = future::or(upwards(&there, tx), downwards(rx, &there));
                let _ = future::or(wire, async {
                    modem.run(end).await;
                    Ok(())
                })
                .await;
            });
        });
        Ok(Self::new(here))
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 256];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.line.heard(&buffer[..count]);
                self.received.extend(&buffer[..count]);
                Ok(())
            }
            Err(error) if is_pending(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_pending(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

async fn upwards(mut from: &Async<UnixStream>, mut to: HostTx) -> io::Result<()> {
    let mut buffer = [0; 256];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            count => to
                .write_all(&buffer[..count])
                .await
                .map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?,
        }
    }
}

async fn downwards(mut from: HostRx, mut to: &Async<UnixStream>) -> io::Result<()> {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = AsyncRead::read(&mut from, &mut buffer).await {
        AsyncWriteExt::write_all(&mut to, &buffer[..count]).await?;
    }
    Ok(())
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}

impl ErrorType for Port {
    type Error = io::Error;
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> io::Result<bool> {
        if self.received.is_empty() {
            self.fill()?;
        }
        Ok(!self.received.is_empty())
    }
}

impl Read for Port {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.received.is_empty() {
            self.fill()?;
            thread::yield_now();
        }
        io::Read::read(&mut self.received, into)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Err(error) if is_pending(&error) => thread::yield_now(),
                Ok(count) => {
                    self.line.said(&bytes[..count]);
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
