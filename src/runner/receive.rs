//! The receiving half of the runner.

use core::task::Poll;

use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer};
use embedded_io_async::{Error as _, Read};

use crate::engine::shared::Shared;
use crate::engine::{Engine, Queue};
use crate::runner::digester::{Digester, Event};
use crate::runner::error::RunError;
use crate::runner::receive_buffer::ReceiveBuffer;
use crate::runner::transact::sleep;
use crate::util::slices::{behind, behind_mut, front, front_mut};
use crate::util::time::{self, after};

/// The pause after a receive error of the UART. A module without power holds the line low, which gives errors without end.
const ERROR_PAUSE: Duration = Duration::from_millis(5);
/// When every read of the UART has failed for this long, the UART is taken to be unusable.
const ERROR_TIME: Duration = Duration::from_secs(120);

/// Number of reads after which other tasks have a turn, even if the UART always has more bytes.
const READS: u8 = 64;

/// The receive buffer and the digester behind it.
pub(crate) struct Receiver<'d, B> {
    shared: &'d Shared<'d>,
    digester: Digester<'d>,
    buffer: B,
    /// How many bytes at the start of the buffer are still to be digested.
    filled: usize,
}

impl<'d, B: ReceiveBuffer> Receiver<'d, B> {
    pub(crate) fn new(shared: &'d Shared<'d>, mut buffer: B) -> Self {
        let digester = Digester::new(shared, buffer.bytes().len());
        Self {
            shared,
            digester,
            buffer,
            filled: 0,
        }
    }

    /// Reads the serial line and digests what was read, until the serial line fails.
    pub(super) async fn run(&mut self, mut rx: impl Read) -> RunError {
        let mut failing_since = None;
        let mut reads = 0;
        loop {
            reads = (reads + 1) % READS;
            if reads == 0 {
                yield_now().await;
            }
            #[cfg(feature = "push")]
            while self.shared.with(|engine| engine.is_stalled()) {
                wait_for_room(self.shared).await;
                self.digest(0);
            }
            let free = self.free();
            if free.is_empty() {
                // A socket read from its full ring between the last `digest` and `wait_for_room`.
                self.digest(0);
                continue;
            }
            match rx.read(free).await {
                Ok(0) => return RunError::Closed,
                Ok(count) => {
                    failing_since = None;
                    self.digest(count);
                }
                Err(error) => {
                    self.shared.with(Engine::serial_error);
                    let now = time::now();
                    if now >= after(*failing_since.get_or_insert(now), ERROR_TIME) {
                        return RunError::Read(error.kind());
                    }
                    Timer::after(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// The part of the buffer that the next bytes go into. It is empty only while a full receive ring stalls the line.
    pub(crate) fn free(&mut self) -> &mut [u8] {
        behind_mut(self.buffer.bytes(), self.filled)
    }

    /// Its whole state.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn state(&mut self) -> impl core::fmt::Debug + '_ {
        (&self.digester, front(self.buffer.bytes(), self.filled))
    }

    /// Digests what is in the buffer, of which the last `received` bytes are new, and keeps an incomplete rest.
    pub(crate) fn digest(&mut self, received: usize) {
        self.filled = self.buffer.bytes().len().min(self.filled + received);
        let mut consumed = 0;
        while consumed < self.filled {
            let input = front(self.buffer.bytes(), self.filled);
            let (event, count) = self.digester.step(behind(input, consumed));
            if count == 0 {
                break;
            }
            let end = consumed + count;
            if event == Event::ForeignLine && !self.buffer.publish(consumed..end) {
                self.shared.with(Engine::dropped_urc);
            }
            consumed = end;
        }
        let bytes = front_mut(self.buffer.bytes(), self.filled);
        if consumed < bytes.len() {
            bytes.copy_within(consumed.., 0);
        }
        self.filled -= consumed;
    }
}

/// Waits while a full receive ring stalls the line. Nothing is read meanwhile, so that RTS holds the module back.
#[cfg(feature = "push")]
async fn wait_for_room(shared: &Shared<'_>) {
    let since = time::now();
    while let Some(until) = shared.with(|engine| engine.stall_deadline(since, time::now())) {
        // When the time is over, the engine decides what happens.
        let changed = shared.wait(Queue::Receiver, |engine| {
            match engine.stall_deadline(since, time::now()) {
                Some(time) if time == until => Poll::Pending,
                _ => Poll::Ready(()),
            }
        });
        select(changed, sleep(until)).await;
    }
}

#[cfg(test)]
mod tests;
