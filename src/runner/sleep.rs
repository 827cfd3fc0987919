//! Waiting for work, and the sleep of the module meanwhile (AT+QSCLK=1).

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::Write;

use crate::engine::{Action, Job};
use crate::runner::control_lines::ControlLines;
use crate::runner::transact::Transactor;
use crate::runner::transmit::Stopped;

/// How often `AT` is written to a module that was asleep, before its silence counts as that of any other command.
const TRIES: u8 = 3;
/// After an `AT` without an answer its late answer has this long to come.
const LATE_ANSWER_TIME: Duration = Duration::from_millis(300);

impl<W: Write, L: ControlLines, M: RawMutex> Transactor<'_, '_, W, L, M> {
    /// Waits until the engine has something to do, at most until this instant. If that takes longer the module may sleep
    /// meanwhile.
    pub(super) async fn idle(&mut self, until: Instant) -> Result<(), Stopped> {
        if self.lines.can_sleep() {
            let awake_until = self.shared.with(|engine| engine.awake_until()).await;
            if awake_until < until {
                if self.work_until(awake_until).await {
                    return Ok(());
                }
                self.lines.sleep().await;
                self.work_until(until).await;
                return self.wake().await;
            }
        }
        self.work_until(until).await;
        Ok(())
    }

    /// Wakes the module. The first command after that can be lost (quirk 124), so it is one that does nothing.
    async fn wake(&mut self) -> Result<(), Stopped> {
        self.lines.wake().await;
        for attempt in 1..=TRIES {
            let length = self
                .shared
                .with(|engine| engine.begin(Job::Attention, self.buffer))
                .await;
            match self.transact(Job::Attention, length.unwrap_or(0)).await {
                Err(Stopped::TimedOut) => continue,
                result => result?,
            }
            if attempt > 1 {
                Timer::after(LATE_ANSWER_TIME).await;
            }
            break;
        }
        let action = Action::Run(Job::Attention);
        self.shared
            .with(|engine| engine.finish_action(action, true))
            .await;
        Ok(())
    }
}
