//! The ways out of a state in which the module takes commands for data.

use embassy_time::{Duration, Timer};
use embedded_io_async::Write;

use crate::engine::{Escape, GUARD};
use crate::runner::ControlLines;
use crate::runner::transact::Transactor;
use crate::runner::transmit::Stopped;
#[cfg(feature = "transparent")]
use crate::runner::transmit::within_limit;

/// The time for the module to answer an escape.
const ANSWER_PAUSE: Duration = Duration::from_millis(200);
const GUARD_AND_ANSWER: Duration = Duration::from_ticks(GUARD.as_ticks() + ANSWER_PAUSE.as_ticks());
const FILLER: &[u8] = &[b'\r'; 20];
/// Enough for a prompt that still waits for the longest payload, 1460 bytes.
const FILLERS: usize = 1460 / FILLER.len();

impl<W: Write, L: ControlLines> Transactor<'_, '_, W, L> {
    /// Takes one way out, with the silence that it needs before and after it.
    pub(super) async fn escape(&mut self, escape: Escape) -> Result<(), Stopped> {
        let (silence, bytes, times, pause): (_, &[u8], _, _) = match escape {
            Escape::Prompt => (Duration::MIN, b"\r\x1b", 1, ANSWER_PAUSE),
            Escape::DataMode => (GUARD, b"+++", 1, GUARD_AND_ANSWER),
            #[cfg(feature = "transparent")]
            Escape::PlusOnly => (Duration::MIN, b"+++", 1, Duration::MIN),
            Escape::Fill => (Duration::MIN, FILLER, FILLERS, ANSWER_PAUSE),
            #[cfg(feature = "transparent")]
            Escape::Dtr => return within_limit(self.shared, self.lines.pulse_dtr()).await,
        };
        if silence > Duration::MIN {
            // The silence begins when all bytes before it have left the UART.
            self.tx.write(b"", true).await?;
            Timer::after(silence).await;
        }
        for _ in 0..times {
            self.tx.write(bytes, true).await?;
        }
        if pause > Duration::MIN {
            Timer::after(pause).await;
        }
        Ok(())
    }
}
