//! A serial line inside the process: two FIFOs, a baud rate, and RTS/CTS if asked for.
//!
//! A byte takes ten bit times, computed from the start of each burst so that no rounding adds up. The
//! receiving side sees it when its last bit is in. With flow control a sender waits for room in the
//! receiver's FIFO; without it, bytes that find the FIFO full are lost and counted, as on a real UART.

use crate::time;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use embedded_io::{Error, ErrorKind, ErrorType, ReadReady, WriteReady};
use std::collections::VecDeque;
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

/// A waiting reader of an uncut line is woken for this many bytes.
const FIFO_TRIGGER: usize = 64;

/// One direction.
struct Channel {
    baud: u64,
    chop: Chop,
    dice: fastrand::Rng,
    chunk: usize,
    flow_control: bool,
    capacity: usize,
    send_capacity: usize,
    /// At the sender, not yet on the wire.
    queue: VecDeque<u8>,
    /// On the wire, each with the time at which it is in.
    wire: VecDeque<(u64, u8)>,
    /// At the receiver.
    fifo: VecDeque<u8>,
    burst_start: u64,
    burst_bytes: u64,
    busy_until: u64,
    carried: u64,
    lost: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
    closed: bool,
}

impl Channel {
    fn new(line: &Line, chop: Chop, capacity: usize, send_capacity: usize) -> Self {
        let seed = if let Chop::Random { seed, .. } = chop {
            seed
        } else {
            0
        };
        let mut channel = Channel {
            baud: line.baud.into(),
            chop,
            dice: fastrand::Rng::with_seed(seed),
            chunk: 1,
            flow_control: line.flow_control,
            capacity: capacity.max(1),
            send_capacity: send_capacity.max(1),
            queue: VecDeque::new(),
            wire: VecDeque::new(),
            fifo: VecDeque::new(),
            burst_start: 0,
            burst_bytes: 0,
            busy_until: 0,
            carried: 0,
            lost: 0,
            reader: None,
            writer: None,
            closed: false,
        };
        channel.draw_chunk();
        channel
    }

    fn draw_chunk(&mut self) {
        self.chunk = match self.chop {
            Chop::Whole => FIFO_TRIGGER,
            Chop::Bytes(bytes) => bytes.max(1),
            Chop::Random { max, .. } => self.dice.usize(1..=max.max(1)),
        };
    }

    fn arrive(&mut self, byte: u8) {
        self.carried += 1;
        if self.fifo.len() < self.capacity {
            self.fifo.push_back(byte);
        } else {
            self.lost += 1;
        }
    }

    /// Advances all bytes to their position at `now`.
    fn advance(&mut self, now: u64) {
        while self.wire.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, byte)) = self.wire.pop_front() {
                self.arrive(byte);
            }
        }
        while !self.flow_control || self.fifo.len() + self.wire.len() < self.capacity {
            let Some(byte) = self.queue.pop_front() else {
                break;
            };
            if self.baud == 0 {
                self.arrive(byte);
                continue;
            }
            if self.busy_until <= now {
                self.burst_start = now;
                self.burst_bytes = 0;
            }
            self.burst_bytes += 1;
            self.busy_until =
                self.burst_start + (self.burst_bytes * 10_000_000).div_ceil(self.baud);
            self.wire.push_back((self.busy_until, byte));
        }
    }

    fn push(&mut self, bytes: &[u8], now: u64) {
        if bytes.is_empty() {
            return;
        }
        self.queue.extend(bytes);
        self.advance(now);
        wake(&mut self.reader);
    }

    fn unsent(&self) -> usize {
        self.queue.len() + self.wire.len()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let now = time::micros();
        self.advance(now);
        let room = self.send_capacity.saturating_sub(self.unsent());
        if room == 0 {
            self.writer = Some(cx.waker().clone());
            // Half the buffer free is soon enough: fewer wakes, the same speed.
            if let Some((at, _)) = self
                .wire
                .get(self.send_capacity.div_ceil(2) - 1)
                .or(self.wire.back())
            {
                time::wake_at(*at, cx.waker());
            }
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        self.push(&bytes[..count], now);
        Poll::Ready(count)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(time::micros());
        if self.unsent() == 0 {
            return Poll::Ready(());
        }
        self.writer = Some(cx.waker().clone());
        if let Some((at, _)) = self.wire.back() {
            time::wake_at(*at, cx.waker());
        }
        Poll::Pending
    }

    fn is_readable(&self) -> bool {
        let have = self.fifo.len();
        have > 0 && (have >= self.chunk || have >= self.capacity || self.wire.is_empty())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let now = time::micros();
        self.advance(now);
        if self.is_readable() {
            let limit = if self.chop == Chop::Whole {
                usize::MAX
            } else {
                self.chunk
            };
            let count = self.fifo.len().min(limit).min(buffer.len());
            for (slot, byte) in buffer.iter_mut().zip(self.fifo.drain(..count)) {
                *slot = byte;
            }
            self.draw_chunk();
            self.advance(now);
            wake(&mut self.writer);
            return Poll::Ready(count);
        }
        if self.closed && self.unsent() == 0 && self.fifo.is_empty() {
            return Poll::Ready(0);
        }
        self.reader = Some(cx.waker().clone());
        let missing = self.chunk.saturating_sub(self.fifo.len()).max(1);
        if let Some((at, _)) = self.wire.get(missing - 1).or(self.wire.back()) {
            time::wake_at(*at, cx.waker());
        }
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

struct Wires {
    to_module: Channel,
    to_host: Channel,
    data_terminal_ready: bool,
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
        lock(&self.wires).to_host.push(bytes, time::micros());
    }

    /// Bytes that have not reached the host yet.
    pub(crate) fn unsent(&self) -> usize {
        let mut wires = lock(&self.wires);
        wires.to_host.advance(time::micros());
        wires.to_host.unsent()
    }

    /// Wakes when something the module sent has left.
    pub(crate) fn wake_when_sent(&self, cx: &mut Context<'_>) {
        let mut wires = lock(&self.wires);
        let _ = wires.to_host.poll_flush(cx);
    }

    /// 0 bytes: the host was dropped.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        lock(&self.wires).to_module.poll_read(cx, buffer)
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
