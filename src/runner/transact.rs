//! The transmitting half of the runner: one action of the engine after the other.

use core::future::pending;

use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Instant, Timer};
use embedded_io_async::Write;

use crate::engine::shared::Shared;
use crate::engine::{Action, Job, Key, PAYLOAD_PIECE, Queue};
use crate::runner::control_lines::ControlLines;
use crate::runner::error::RunError;
use crate::runner::transmit::{Stopped, Transmitter, Wait};
use crate::util::log::{Ascii, trace};
use crate::util::slices::{front, front_mut};
use crate::util::time::{self, NEVER};

/// Does what the engine decides.
pub(super) struct Transactor<'r, 'd, W, L, M: RawMutex> {
    pub(super) shared: &'d Shared<'d, M>,
    pub(super) tx: Transmitter<'d, W, M>,
    pub(super) lines: &'r mut L,
    /// Holds a command, or a piece of payload.
    pub(super) buffer: &'r mut [u8],
}

impl<'r, 'd, W: Write, L: ControlLines, M: RawMutex> Transactor<'r, 'd, W, L, M> {
    pub(super) fn new(
        shared: &'d Shared<'d, M>,
        tx: W,
        lines: &'r mut L,
        buffer: &'r mut [u8],
    ) -> Self {
        let tx = Transmitter::new(shared, tx);
        Self {
            shared,
            tx,
            lines,
            buffer,
        }
    }

    /// Does one action after the other, until the serial line fails.
    pub(super) async fn run(&mut self) -> RunError {
        let shared = self.shared;
        #[cfg(feature = "sleep")]
        if self.lines.can_sleep() {
            self.lines.wake().await;
        }
        let mut done = None;
        loop {
            let next = shared.with(|engine| {
                if let Some((action, in_time)) = done.take() {
                    if engine.finish_action(action, in_time) {
                        return None;
                    }
                }
                let action = engine.next();
                let length = match action {
                    Action::Run(job) => engine.begin(job, self.buffer),
                    _ => None,
                };
                Some((action, length))
            });
            let Some((action, length)) = next.await else {
                // The result has woken this task as well, perhaps before the others: a second time they have been polled.
                for _ in 0..2 {
                    yield_now().await;
                }
                continue;
            };
            let result = match action {
                Action::Run(job) => match length {
                    Some(length) => self.transact(job, length).await,
                    // The socket is gone.
                    None => {
                        yield_now().await;
                        Ok(())
                    }
                },
                #[cfg(feature = "transparent")]
                Action::WriteRaw { key, length } => {
                    let is_last = shared
                        .with(|engine| engine.is_last(key, length.into()))
                        .await;
                    let wait = if is_last { Wait::Flush } else { Wait::More };
                    self.write_payload(key, length, wait).await
                }
                Action::Escape(way) => self.escape(way).await,
                Action::Reset => {
                    self.lines.reset().await;
                    Ok(())
                }
                #[cfg(feature = "transparent")]
                Action::ReadDcd => {
                    let carrier = self.lines.carrier();
                    shared.with(|engine| engine.carrier(carrier)).await;
                    Ok(())
                }
                #[cfg(feature = "sleep")]
                Action::Wait(until) => self.idle(until).await,
                #[cfg(not(feature = "sleep"))]
                Action::Wait(until) => {
                    self.work_until(until).await;
                    Ok(())
                }
            };
            let in_time = match result {
                Ok(()) => true,
                Err(Stopped::TimedOut) => false,
                Err(Stopped::Failed(error)) => return error,
            };
            done = Some((action, in_time));
        }
    }

    /// Waits until the engine has something to do. Returns false if it has not by this instant.
    pub(super) async fn work_until(&self, until: Instant) -> bool {
        let work = self
            .shared
            .wait(Queue::Runner, |engine| engine.exchange.poll_work());
        matches!(select(work, sleep(until)).await, Either::First(()))
    }

    /// Runs one AT transaction: writes the command, of this length, and for a send the payload after the prompt, and waits for
    /// the final result code.
    pub(super) async fn transact(&mut self, job: Job, length: usize) -> Result<(), Stopped> {
        let command = front(self.buffer, length);
        match job {
            // These contain secrets.
            Job::EnterPin | Job::Configure => trace!("> {:?}", job),
            _ => trace!("> {:?}", Ascii(command)),
        }
        self.tx.write(command, Wait::Answer).await?;
        if let Job::Send { key, length } = job {
            self.write_payload(key, length, Wait::Answer).await?;
        }
        Ok(())
    }

    /// Writes bytes from the transmit ring of a socket, piece by piece, as long as the module wants them, and after the last
    /// piece waits as `wait` says.
    async fn write_payload(&mut self, key: Key, length: u16, wait: Wait) -> Result<(), Stopped> {
        let length = usize::from(length);
        let mut written = 0;
        while written < length {
            let left = length - written;
            let piece = front_mut(self.buffer, PAYLOAD_PIECE.min(left));
            let is_wanted = self.shared.with(|engine| {
                if written == 0 && wait == Wait::Answer {
                    engine.begin_payload();
                }
                engine.payload_piece(key, written, piece)
            });
            if !is_wanted.await {
                // The final result code has come.
                break;
            }
            written += piece.len();
            let wait = if written < length { Wait::More } else { wait };
            self.tx.write(piece, wait).await?;
        }
        Ok(())
    }
}

pub(super) async fn sleep(until: Instant) {
    if until == NEVER {
        pending().await
    }
    if time::now() < until {
        Timer::at(until).await;
    }
}

#[cfg(test)]
mod tests;
