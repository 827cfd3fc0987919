//! A serial port of the operating system.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::ModemOptions;

/// How long a read waits in a thread of its own, before it looks whether it is still wanted.
const WAIT: Duration = Duration::from_millis(50);
/// How long a read waits in a program without threads.
pub const POLL: Duration = Duration::from_millis(1);

type Handle = Box<dyn serialport::SerialPort>;

/// Opens a port whose reads fail with `TimedOut` after this time.
pub fn open(path: &str, options: &ModemOptions, timeout: Duration) -> Result<Handle> {
    let flow_control = if options.rtscts {
        serialport::FlowControl::Hardware
    } else {
        serialport::FlowControl::None
    };
    serialport::new(path, options.baud().unwrap_or_default())
        .flow_control(flow_control)
        .timeout(timeout)
        .open()
        .with_context(|| {
            format!("cannot open {path}; is it there, and may this user open it (group dialout)?")
        })
}

/// A serial port whose reads wait until there is a byte, or the port is closed.
pub struct SerialPort {
    port: Handle,
    closed: Arc<AtomicBool>,
}

/// Closes a port that other threads still read.
pub struct Guard(Arc<AtomicBool>);

impl Guard {
    /// Ends all reads, and waits until the port can be opened again.
    pub fn close(self) {
        self.0.store(true, Ordering::SeqCst);
        let begin = Instant::now();
        while Arc::strong_count(&self.0) > 1 && begin.elapsed() < 20 * WAIT {
            thread::sleep(WAIT / 10);
        }
    }
}

impl SerialPort {
    pub fn open(path: &str, options: &ModemOptions) -> Result<(Self, Guard)> {
        let port = open(path, options, WAIT)?;
        let closed = Arc::new(AtomicBool::new(false));
        let guard = Guard(closed.clone());
        Ok((Self { port, closed }, guard))
    }

    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            port: self.port.try_clone()?,
            closed: self.closed.clone(),
        })
    }

    /// Repeats an operation until it is not a time-out.
    fn wait(
        &mut self,
        mut operation: impl FnMut(&mut Handle) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match operation(&mut self.port) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                outcome => return outcome,
            }
            if self.closed.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::NotConnected.into());
            }
        }
    }
}

impl io::Read for SerialPort {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait(|port| port.read(buffer))
    }
}

impl io::Write for SerialPort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait(|port| port.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.port.flush()
    }
}
