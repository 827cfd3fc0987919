//! The receiving half of the runner.

use core::task::Poll;

use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Error as _, Read};

use crate::engine::Queue;
use crate::engine::mailbox::Message;
use crate::engine::shared::Shared;
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

/// The most steps of the digester for which the engine is taken, so that another task that needs it does not wait for long.
const STEPS: u8 = 16;

/// The receive buffer and the digester behind it.
pub(crate) struct Receiver<'d, B, M: RawMutex = CriticalSectionRawMutex> {
    shared: &'d Shared<'d, M>,
    digester: Digester,
    buffer: B,
    /// How many bytes at the start of the buffer are still to be digested.
    filled: usize,
}

impl<'d, B: ReceiveBuffer, M: RawMutex> Receiver<'d, B, M> {
    pub(crate) fn new(shared: &'d Shared<'d, M>, mut buffer: B) -> Self {
        let digester = Digester::new(buffer.bytes().len());
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
            // The engine can be in use.
            while !self.digest() {
                self.shared.with(|_| ()).await;
            }
            #[cfg(feature = "push")]
            if self.shared.with(|engine| engine.push.is_stalled()).await {
                wait_for_room(self.shared).await;
                continue;
            }
            reads = (reads + 1) % READS;
            if reads == 0 {
                yield_now().await;
            }
            let free = self.free();
            if free.is_empty() {
                // A socket read from its full ring between the last `digest` and `wait_for_room`.
                continue;
            }
            match rx.read(free).await {
                Ok(0) => return RunError::Closed,
                Ok(count) => {
                    failing_since = None;
                    self.received(count);
                }
                Err(error) => {
                    self.shared.post(Message::SerialError);
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

    /// The whole state of the receiving half.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn state(&mut self) -> impl core::fmt::Debug + '_
    where
        M: core::fmt::Debug,
    {
        (&self.digester, front(self.buffer.bytes(), self.filled))
    }

    /// `count` bytes have come into the free part of the buffer.
    pub(crate) fn received(&mut self, count: usize) {
        self.filled = self.buffer.bytes().len().min(self.filled + count);
    }

    /// Digests what is in the buffer, and keeps an incomplete rest. Returns false if the engine is in use.
    pub(crate) fn digest(&mut self) -> bool {
        let mut consumed = 0;
        let mut is_done = true;
        while consumed < self.filled {
            let mut last = Event::None;
            let mut count = 0;
            let steps = self.shared.try_with(|engine| {
                for _ in 0..STEPS {
                    let input = front(self.buffer.bytes(), self.filled);
                    (last, count) = self.digester.step(engine, behind(input, consumed));
                    consumed += count;
                    if count == 0 || last == Event::ForeignLine || consumed >= self.filled {
                        break;
                    }
                }
            });
            is_done = steps.is_some();
            // The engine is back: the user's type, and the wakers of the channel, are the application's.
            if last == Event::ForeignLine && !self.buffer.publish(consumed - count..consumed) {
                self.shared.counters.dropped_urc();
            }
            if count == 0 {
                break;
            }
        }
        let bytes = front_mut(self.buffer.bytes(), self.filled);
        if consumed < bytes.len() {
            bytes.copy_within(consumed.., 0);
        }
        self.filled -= consumed;
        is_done
    }
}

/// Waits while a full receive ring stalls the line. Nothing is read meanwhile, so that RTS holds the module back.
#[cfg(feature = "push")]
async fn wait_for_room<M: RawMutex>(shared: &Shared<'_, M>) {
    let since = time::now();
    while let Some(until) = shared.with(|engine| engine.stall_deadline(since)).await {
        // What is to be done when the time is over the engine decides.
        let changed = shared.wait(Queue::Receiver, |engine| {
            engine.env.now = time::now();
            match engine.stall_deadline(since) {
                Some(time) if time == until => Poll::Pending,
                _ => Poll::Ready(()),
            }
        });
        select(changed, sleep(until)).await;
    }
}

#[cfg(test)]
mod tests;
