//! A serial line inside the process: two FIFOs, a baud rate, and RTS/CTS if asked for.
//!
//! A byte takes ten bit times, computed from the start of each burst so that no rounding adds up. The
//! receiving side sees it when its last bit is in. With flow control a sender waits for room in the
//! receiver's FIFO; without it, bytes that find the FIFO full are lost and counted, as on a real UART.

mod channel;

use crate::time;
use channel::{Channel, wake};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};
use embedded_io::{Error, ErrorKind, ErrorType, ReadReady, WriteReady};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes a read hands out at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chop {
    /// All there are. On a line with a baud rate a waiting reader is woken for every 64 bytes and at the
    /// end of a burst, like a UART with a FIFO and an idle interrupt.
    Whole,
    /// This many, fewer only at the end of a burst.
    Bytes(usize),
    /// Between one and `max`, from a generator started with `seed`.
    Random {
        /// Start of the generator.
        seed: u64,
        /// Largest chunk.
        max: usize,
    },
}

/// The properties of a serial line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Bits per second; 0 is infinitely fast.
    pub baud: u32,
    /// How reads of the host are cut.
    pub chop: Chop,
    /// Bytes that wait for the host to read them.
    pub host_buffer: usize,
    /// Bytes that wait to go out from the host, and bytes that wait for the module.
    pub module_buffer: usize,
    /// RTS/CTS in both directions.
    pub flow_control: bool,
}

impl Default for Line {
    /// Infinitely fast, uncut, 4096 bytes each way, with flow control.
    fn default() -> Self {
        Line {
            baud: 0,
            chop: Chop::Whole,
            host_buffer: 4096,
            module_buffer: 4096,
            flow_control: true,
        }
    }
}

impl Line {
    /// A line with this many bits per second; 0 is infinitely fast. Otherwise the default.
    pub fn new(baud: u32) -> Self {
        Line {
            baud,
            ..Line::default()
        }
    }

    /// Sets how reads of the host are cut.
    pub fn chop(mut self, chop: Chop) -> Self {
        self.chop = chop;
        self
    }

    /// Sets the size of the host's receive FIFO.
    pub fn host_buffer(mut self, bytes: usize) -> Self {
        self.host_buffer = bytes;
        self
    }

    /// Switches RTS/CTS.
    pub fn flow_control(mut self, on: bool) -> Self {
        self.flow_control = on;
        self
    }
}

/// The other end of the line was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineClosed;

impl fmt::Display for LineClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the serial line is closed")
    }
}

impl core::error::Error for LineClosed {}

impl Error for LineClosed {
    fn kind(&self) -> ErrorKind {
        ErrorKind::BrokenPipe
    }
}

struct Wires {
    to_module: Channel,
    to_host: Channel,
    data_terminal_ready: bool,
    /// Rate of the module's UART in bit/s; 0 is that of the host's.
    module_rate: u32,
}

impl Wires {
    /// Both ends have a rate, and not the same.
    fn is_mismatched(&self) -> bool {
        let host = self.to_module.baud;
        host != 0 && self.module_rate != 0 && host != u64::from(self.module_rate)
    }
}

/// What a UART at the wrong rate makes of bytes.
fn garbled(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|byte| byte.rotate_left(3) | 0x80)
        .collect()
}

type Shared = Arc<Mutex<Wires>>;

fn lock(wires: &Shared) -> MutexGuard<'_, Wires> {
    wires.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A serial line: what the host reads from, what it writes to, and the module's end.
pub fn pair(line: Line) -> (HostRx, HostTx, ModuleEnd) {
    let wires = Arc::new(Mutex::new(Wires {
        to_module: Channel::new(&line, Chop::Whole, line.module_buffer, line.module_buffer),
        to_host: Channel::new(&line, line.chop, line.host_buffer, usize::MAX),
        data_terminal_ready: true,
        module_rate: 0,
    }));
    (
        HostRx {
            wires: wires.clone(),
        },
        HostTx {
            wires: wires.clone(),
        },
        ModuleEnd { wires },
    )
}

/// The host's receiver. A read gives 0 bytes only when the module's end is gone.
#[derive(Clone)]
pub struct HostRx {
    wires: Shared,
}

/// The host's transmitter. A write waits while the transmit buffer is full.
pub struct HostTx {
    wires: Shared,
}

/// The module's end, to be given to [`VirtualModem::run`](crate::VirtualModem::run).
pub struct ModuleEnd {
    wires: Shared,
}

impl HostRx {
    /// Bytes that arrived at the host so far, those lost to an overrun included.
    pub fn carried(&self) -> u64 {
        lock(&self.wires).to_host.carried
    }

    /// Bytes lost because the host did not read in time and there was no flow control.
    pub fn overruns(&self) -> u64 {
        lock(&self.wires).to_host.lost
    }
}

impl HostTx {
    /// Bytes that arrived at the module so far.
    pub fn carried(&self) -> u64 {
        lock(&self.wires).to_module.carried
    }

    /// Sets the rate of the host's UART. Bytes under way arrive at the old one.
    pub fn set_baud(&mut self, baud: u32) {
        let mut wires = lock(&self.wires);
        wires.to_module.baud = baud.into();
        wires.to_host.baud = baud.into();
    }

    /// Sets the DTR line: falling, it takes a module with `AT&D1` out of data mode (section 1.2).
    pub fn set_data_terminal_ready(&mut self, on: bool) {
        let mut wires = lock(&self.wires);
        wires.data_terminal_ready = on;
        wake(&mut wires.to_module.reader);
    }
}

impl Drop for HostTx {
    fn drop(&mut self) {
        let mut wires = lock(&self.wires);
        wires.to_module.closed = true;
        wake(&mut wires.to_module.reader);
    }
}

impl ModuleEnd {
    /// Queues bytes for the host; they leave at the speed of the line.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let mut wires = lock(&self.wires);
        if wires.is_mismatched() {
            wires.to_host.push(&garbled(bytes), time::micros());
        } else {
            wires.to_host.push(bytes, time::micros());
        }
    }

    /// Bytes that have not reached the host yet.
    pub(crate) fn unsent(&self) -> usize {
        let mut wires = lock(&self.wires);
        wires.to_host.advance(time::micros());
        wires.to_host.unsent()
    }

    /// Bytes that the host has not read yet.
    pub(crate) fn unread(&self) -> usize {
        let mut wires = lock(&self.wires);
        wires.to_host.advance(time::micros());
        wires.to_host.unsent() + wires.to_host.fifo.len()
    }

    /// Wakes when something the module sent has left.
    pub(crate) fn wake_when_sent(&self, cx: &mut Context<'_>) {
        let mut wires = lock(&self.wires);
        let _ = wires.to_host.poll_flush(cx);
    }

    /// 0 bytes: the host was dropped.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let mut wires = lock(&self.wires);
        let read = wires.to_module.poll_read(cx, buffer);
        if !wires.is_mismatched() {
            return read;
        }
        if let Poll::Ready(count) = read {
            let noise = garbled(&buffer[..count]);
            buffer[..count].copy_from_slice(&noise);
        }
        read
    }

    /// Sets the rate of the module's UART; 0 is that of the host's.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        lock(&self.wires).module_rate = rate;
    }

    pub(crate) fn data_terminal_ready(&self) -> bool {
        lock(&self.wires).data_terminal_ready
    }

    /// Bytes carried to the module, to the host, and lost on the way to the host.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let wires = lock(&self.wires);
        (
            wires.to_module.carried,
            wires.to_host.carried,
            wires.to_host.lost,
        )
    }

    pub(crate) fn set_chop(&mut self, chop: Chop) {
        let mut wires = lock(&self.wires);
        wires.to_host.chop = chop;
        wires.to_host.dice = fastrand::Rng::with_seed(if let Chop::Random { seed, .. } = chop {
            seed
        } else {
            0
        });
        wires.to_host.draw_chunk();
    }
}

impl Drop for ModuleEnd {
    fn drop(&mut self) {
        let mut wires = lock(&self.wires);
        wires.to_host.closed = true;
        wires.to_module.closed = true;
        wake(&mut wires.to_host.reader);
        wake(&mut wires.to_module.writer);
    }
}

impl ErrorType for HostRx {
    type Error = LineClosed;
}

impl ErrorType for HostTx {
    type Error = LineClosed;
}

impl embedded_io_async::Read for HostRx {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, LineClosed> {
        if buffer.is_empty() {
            return Ok(0);
        }
        Ok(poll_fn(|cx| lock(&self.wires).to_host.poll_read(cx, buffer)).await)
    }
}

impl ReadReady for HostRx {
    fn read_ready(&mut self) -> Result<bool, LineClosed> {
        let mut wires = lock(&self.wires);
        wires.to_host.advance(time::micros());
        Ok(wires.to_host.is_readable())
    }
}

impl embedded_io_async::Write for HostTx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, LineClosed> {
        if bytes.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| {
            let mut wires = lock(&self.wires);
            if wires.to_module.closed {
                return Poll::Ready(Err(LineClosed));
            }
            wires.to_module.poll_write(cx, bytes).map(Ok)
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), LineClosed> {
        poll_fn(|cx| {
            let mut wires = lock(&self.wires);
            if wires.to_module.closed {
                return Poll::Ready(Err(LineClosed));
            }
            wires.to_module.poll_flush(cx).map(Ok)
        })
        .await
    }
}

impl WriteReady for HostTx {
    fn write_ready(&mut self) -> Result<bool, LineClosed> {
        let mut wires = lock(&self.wires);
        wires.to_module.advance(time::micros());
        Ok(wires.to_module.unsent() < wires.to_module.send_capacity)
    }
}
