//! The transmitting side of the serial line, and the time limits of actions.

use embassy_futures::select::{Either, select};
use embassy_time::Timer;
use embedded_io_async::{Error as _, Write};

use crate::engine::shared::Shared;
use crate::runner::RunError;
use crate::util::time;

/// Why an action was not completed.
pub(super) enum Stopped {
    /// The time limit that the engine has set was over.
    TimedOut,
    /// The serial line failed.
    Failed(RunError),
}

/// The only writer of the serial line.
pub(super) struct Transmitter<'d, W> {
    shared: &'d Shared<'d>,
    tx: W,
}

impl<'d, W: Write> Transmitter<'d, W> {
    pub(super) const fn new(shared: &'d Shared<'d>, tx: W) -> Self {
        Self { shared, tx }
    }

    /// Writes all of `bytes`, within the time limit of the action. With `flush`, also waits until they have left the UART.
    pub(super) async fn write(&mut self, bytes: &[u8], flush: bool) -> Result<(), Stopped> {
        let write = async {
            self.tx.write_all(bytes).await?;
            if flush {
                self.tx.flush().await?;
            }
            Ok(())
        };
        match select(write, time_limit(self.shared)).await {
            Either::First(result) => {
                let result: Result<(), W::Error> = result;
                result.map_err(|error| Stopped::Failed(RunError::Write(error.kind())))
            }
            Either::Second(()) => Err(Stopped::TimedOut),
        }
    }
}

/// Waits for `work`, at most until the time limit is over.
pub(super) async fn within_limit(
    shared: &Shared<'_>,
    work: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    match select(work, time_limit(shared)).await {
        Either::First(()) => Ok(()),
        Either::Second(()) => Err(Stopped::TimedOut),
    }
}

/// Completes when the time limit of the action is over. The engine moves the limit: the time in which a full receive ring
/// stalls the line does not count.
async fn time_limit(shared: &Shared<'_>) {
    loop {
        let now = time::now();
        let until = shared.with(|engine| engine.deadline(now));
        if until <= now {
            return;
        }
        Timer::at(until).await;
    }
}
