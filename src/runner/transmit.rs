//! The transmitting side of the serial line, and the time limits of actions.

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Timer;
use embedded_io_async::{Error as _, Write};

use crate::engine::Queue;
use crate::engine::shared::Shared;
use crate::runner::error::RunError;

/// Why an action was not completed.
pub(super) enum Stopped {
    /// The time limit that the engine has set was over.
    TimedOut,
    /// The serial line failed.
    Failed(RunError),
}

/// What a write waits for once the UART has taken the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing: more bytes follow.
    More,
    /// Until the bytes have left the UART.
    Flush,
    /// As `Flush`, and then for the prompt or the final result code of the transaction in flight.
    Answer,
}

/// The only writer of the serial line.
pub(super) struct Transmitter<'d, W, M: RawMutex> {
    shared: &'d Shared<'d, M>,
    tx: W,
}

impl<'d, W: Write, M: RawMutex> Transmitter<'d, W, M> {
    pub(super) const fn new(shared: &'d Shared<'d, M>, tx: W) -> Self {
        Self { shared, tx }
    }

    /// Writes all of `bytes` and waits as `wait` says, within the time limit of the action.
    pub(super) async fn write(&mut self, bytes: &[u8], wait: Wait) -> Result<(), Stopped> {
        let shared = self.shared;
        let work = async {
            self.tx.write_all(bytes).await?;
            if wait != Wait::More {
                self.tx.flush().await?;
            }
            if wait == Wait::Answer {
                shared
                    .wait(Queue::Runner, |engine| engine.exchange.poll_answer())
                    .await;
            }
            Ok::<(), W::Error>(())
        };
        match select(work, time_limit(shared)).await {
            Either::First(Ok(())) => Ok(()),
            Either::First(Err(error)) => Err(Stopped::Failed(RunError::Write(error.kind()))),
            Either::Second(()) => Err(Stopped::TimedOut),
        }
    }
}

/// Waits for `work`, at most until the time limit is over.
#[cfg(feature = "transparent")]
pub(super) async fn within_limit<M: RawMutex>(
    shared: &Shared<'_, M>,
    work: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    match select(work, time_limit(shared)).await {
        Either::First(()) => Ok(()),
        Either::Second(()) => Err(Stopped::TimedOut),
    }
}

/// Completes when the time limit of the action is over. The engine moves the limit: the time in which a full receive ring
/// stalls the line does not count.
async fn time_limit<M: RawMutex>(shared: &Shared<'_, M>) {
    loop {
        let (until, is_over) = shared
            .with(|engine| {
                let until = engine.deadline();
                (until, until <= engine.env.now)
            })
            .await;
        if is_over {
            return;
        }
        Timer::at(until).await;
    }
}
