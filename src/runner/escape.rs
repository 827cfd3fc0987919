//! The ways out of a state in which the module takes commands for data.

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Timer;
use embedded_io_async::Write;

use crate::engine::{ESCAPE_GUARD, Escape};
use crate::runner::control_lines::ControlLines;
use crate::runner::transact::Transactor;
#[cfg(feature = "transparent")]
use crate::runner::transmit::within_limit;
use crate::runner::transmit::{Stopped, Wait};

/// The close-down command of a multiplexer in basic mode, for control channel 0 (3GPP TS 27.010, 5.4.6.3.3).
const CLOSE_DOWN: &[u8] = b"\xf9\x03\xef\x05\xc3\x01\xf2\xf9";
const FILLER: &[u8] = &[b'\r'; 20];

/// What is written to the serial line, how many times, and the silence in milliseconds that follows.
type Step = (&'static [u8], u8, u16);

/// The time for the module to answer.
const ANSWER: u16 = 200;
/// The silence before and after `+++`.
const SILENCE: u16 = ESCAPE_GUARD.as_millis() as u16;

impl<W: Write, L: ControlLines, M: RawMutex> Transactor<'_, '_, W, L, M> {
    /// Runs one escape.
    pub(super) async fn escape(&mut self, escape: Escape) -> Result<(), Stopped> {
        let steps: &[Step] = match escape {
            Escape::Prompt => &[(b"\r\x1b", 1, ANSWER)],
            // The first silence begins when all earlier bytes have left the UART.
            Escape::DataMode => &[(b"", 1, SILENCE), (b"+++", 1, SILENCE + ANSWER)],
            // A prompt can still wait for the longest payload, 1460 bytes.
            Escape::Fill => &[(FILLER, (1460 / FILLER.len()) as u8, ANSWER)],
            Escape::Multiplexer => &[(CLOSE_DOWN, 1, ANSWER)],
            #[cfg(feature = "transparent")]
            Escape::PlusOnly => &[(b"+++", 1, 0)],
            #[cfg(feature = "transparent")]
            Escape::Dtr => return within_limit(self.shared, self.lines.pulse_dtr()).await,
        };
        for &(bytes, times, silence) in steps {
            for _ in 0..times {
                self.tx.write(bytes, Wait::Flush).await?;
            }
            if silence > 0 {
                Timer::after_millis(silence.into()).await;
            }
        }
        Ok(())
    }
}
