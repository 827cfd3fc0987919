//! A TCP connection inside the process: two byte streams with a latency and a window.

use super::Stream;
use crate::time;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use embedded_io::{Error, ErrorKind, ErrorType};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Half {
    /// Each with the time at which the reader sees it.
    segments: VecDeque<(u64, VecDeque<u8>)>,
    held: usize,
    window: usize,
    fin: Option<u64>,
    reset: Option<u64>,
    written: u64,
    /// Time of the acknowledgement, and how much it covers.
    acknowledgements: VecDeque<(u64, u64)>,
    acknowledged: u64,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Half {
    fn is_reset(&self, now: u64) -> bool {
        self.reset.is_some_and(|at| at <= now)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, PeerError>> {
        let now = time::micros();
        if self.is_reset(now) {
            return Poll::Ready(Err(PeerError::Reset));
        }
        let mut count = 0;
        while count < buffer.len() {
            let Some((at, segment)) = self.segments.front_mut() else {
                break;
            };
            if *at > now {
                break;
            }
            let part = segment.len().min(buffer.len() - count);
            for (slot, byte) in buffer[count..].iter_mut().zip(segment.drain(..part)) {
                *slot = byte;
            }
            count += part;
            if segment.is_empty() {
                self.segments.pop_front();
            }
        }
        if count > 0 {
            self.held -= count;
            wake(&mut self.writer);
            return Poll::Ready(Ok(count));
        }
        if self.segments.is_empty() && self.fin.is_some_and(|at| at <= now) {
            return Poll::Ready(Ok(0));
        }
        let next = self.segments.front().map(|(at, _)| *at).or(self.fin);
        for at in next.into_iter().chain(self.reset) {
            time::wake_at(at, cx.waker());
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        latency: u64,
    ) -> Poll<Result<usize, PeerError>> {
        if self.fin.is_some() {
            return Poll::Ready(Err(PeerError::Closed));
        }
        if self.reader_gone {
            return Poll::Ready(Err(PeerError::Reset));
        }
        let room = self.window.saturating_sub(self.held);
        if room == 0 {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        let arrives = time::micros() + latency;
        self.segments
            .push_back((arrives, bytes[..count].iter().copied().collect()));
        self.held += count;
        self.written += count as u64;
        self.acknowledgements
            .push_back((arrives + latency, self.written));
        wake(&mut self.reader);
        Poll::Ready(Ok(count))
    }

    fn unacknowledged(&mut self) -> usize {
        let now = time::micros();
        while let Some((at, covered)) = self.acknowledgements.front() {
            if *at > now {
                break;
            }
            self.acknowledged = *covered;
            self.acknowledgements.pop_front();
        }
        (self.written - self.acknowledged) as usize
    }

    fn finish(&mut self, at: u64) {
        self.fin.get_or_insert(at);
        wake(&mut self.reader);
    }

    fn break_off(&mut self, at: u64) {
        self.reset.get_or_insert(at);
        wake(&mut self.reader);
        wake(&mut self.writer);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// One end of a connection; `sides[side]` is what this end writes to.
struct End {
    halves: Arc<Mutex<[Half; 2]>>,
    side: usize,
    latency: u64,
    local_port: u16,
    closed: bool,
}

impl End {
    fn lock(&self) -> MutexGuard<'_, [Half; 2]> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, PeerError>> {
        self.lock()[1 - self.side].poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, PeerError>> {
        let mut halves = self.lock();
        if halves[1 - self.side].is_reset(time::micros()) {
            return Poll::Ready(Err(PeerError::Reset));
        }
        halves[self.side].poll_write(cx, bytes, self.latency)
    }

    fn close(&mut self) {
        self.closed = true;
        let at = time::micros() + self.latency;
        self.lock()[self.side].finish(at);
    }

    fn reset(&mut self) {
        self.closed = true;
        let at = time::micros() + self.latency;
        self.lock()[self.side].break_off(at);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.closed {
            self.reset();
        }
        let mut halves = self.lock();
        let incoming = &mut halves[1 - self.side];
        incoming.reader_gone = true;
        wake(&mut incoming.writer);
    }
}

/// The two ends of a new connection: the module's and the peer's.
pub(super) fn connection(
    latency: u64,
    window: usize,
    local_port: u16,
) -> (Box<dyn Stream>, PeerStream) {
    let half = || Half {
        window,
        ..Half::default()
    };
    let halves = Arc::new(Mutex::new([half(), half()]));
    let end = |side| End {
        halves: halves.clone(),
        side,
        latency,
        local_port,
        closed: false,
    };
    (Box::new(ModuleSide(end(0))), PeerStream(end(1)))
}

struct ModuleSide(End);

impl Stream for ModuleSide {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buffer).map_err(io::Error::from)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes).map_err(io::Error::from)
    }

    fn unacknowledged(&mut self) -> usize {
        let side = self.0.side;
        self.0.lock()[side].unacknowledged()
    }

    fn close(&mut self) {
        self.0.close();
    }

    fn local_port(&self) -> u16 {
        self.0.local_port
    }
}

/// Why a peer can no longer read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// The module reset the connection.
    Reset,
    /// The peer itself closed its direction.
    Closed,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerError::Reset => "connection reset",
            PeerError::Closed => "already closed",
        })
    }
}

impl core::error::Error for PeerError {}

impl From<PeerError> for io::Error {
    fn from(error: PeerError) -> Self {
        let kind = match error {
            PeerError::Reset => io::ErrorKind::ConnectionReset,
            PeerError::Closed => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

impl Error for PeerError {
    fn kind(&self) -> ErrorKind {
        match self {
            PeerError::Reset => ErrorKind::ConnectionReset,
            PeerError::Closed => ErrorKind::BrokenPipe,
        }
    }
}

/// A peer's end of a TCP connection. Dropping it closes the connection in order.
pub struct PeerStream(End);

impl PeerStream {
    /// Sends a FIN behind what was written. Reading goes on.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// Resets the connection: the module sees it at once (after the latency) and may lose data.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// Port of the module's end.
    pub fn module_port(&self) -> u16 {
        self.0.local_port
    }

    /// Reads until the module closes its direction.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, PeerError> {
        let mut all = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            match embedded_io_async::Read::read(self, &mut buffer).await? {
                0 => return Ok(all),
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

impl Drop for PeerStream {
    fn drop(&mut self) {
        if !self.0.closed {
            self.0.close();
        }
    }
}

impl ErrorType for PeerStream {
    type Error = PeerError;
}

impl embedded_io_async::Read for PeerStream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, PeerError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| self.0.poll_read(cx, buffer)).await
    }
}

impl embedded_io_async::Write for PeerStream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, PeerError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        poll_fn(|cx| self.0.poll_write(cx, bytes)).await
    }

    async fn flush(&mut self) -> Result<(), PeerError> {
        Ok(())
    }
}
