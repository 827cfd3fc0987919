//! The lines between the board and the module besides RXD and TXD.

use core::fmt;

/// The control lines of the module, as far as the board has wired them. Every method has a default for a line that is not
/// wired.
///
/// `()` is a board without any.
#[allow(async_fn_in_trait)] // The runner awaits them in its own task.
pub trait ControlLines {
    /// Whether [`reset`](Self::reset) restarts the module. Default: false.
    fn can_reset(&self) -> bool {
        false
    }

    /// Restarts the module through its power key or its supply, and returns when the module is starting.
    ///
    /// The runner calls it when the module has stopped answering, at the pace that Quectel's application note asks for
    /// (figure 1): three times in a row and once more at once, then after 10 minutes, after 30 minutes, and every hour.
    ///
    /// It also switches on a module that was switched off with `LinkMode::Off`, when another mode is wanted. As long as
    /// `LinkMode::Off` is wanted it is not called.
    async fn reset(&mut self) {}

    /// Whether [`pulse_dtr`](Self::pulse_dtr) reaches the module. Default: false.
    fn has_dtr(&self) -> bool {
        false
    }

    /// Switches DTR off and on again. With `AT&D1`, which the runner sets, the module then leaves transparent access mode
    /// without the silence of a second before and after `+++` (section 1.2). DTR has to be on before.
    async fn pulse_dtr(&mut self) {}

    /// Whether [`sleep`](Self::sleep) and [`wake`](Self::wake) reach the module. Default: false.
    ///
    /// If so the runner lets the module sleep (AT+QSCLK=1) whenever the link is up or turned off, no connection is in transparent access
    /// mode, and nothing was to do for [`Config::awake_time`](crate::Config::awake_time).
    #[cfg(feature = "sleep")]
    fn can_sleep(&self) -> bool {
        false
    }

    /// Lets the module sleep: switches DTR off. The module still receives data and reports it, by URCs and with RI.
    #[cfg(feature = "sleep")]
    async fn sleep(&mut self) {}

    /// Wakes the module: switches DTR on, and returns when the module takes bytes. The hardware manual of the module says how long
    /// that is; 20 ms is enough for most.
    ///
    /// The runner writes an `AT` then, and repeats it twice if there is no answer, because the first command can be lost.
    #[cfg(feature = "sleep")]
    async fn wake(&mut self) {}

    /// Whether DCD is on, which is to say that the module is in data mode. `None` if DCD is not wired (default).
    ///
    /// Used to distinguish the module's `NO CARRIER` from the same bytes sent by the peer. Without DCD the runner finds out
    /// with an escape sequence.
    fn carrier(&mut self) -> Option<bool> {
        None
    }
}

impl ControlLines for () {}

/// A board with a reset and no other line: made by [`Runner::reset`](crate::Runner::reset).
pub struct Reset<F>(pub(super) F);

impl<F> fmt::Debug for Reset<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reset").finish_non_exhaustive()
    }
}

impl<F: AsyncFnMut()> ControlLines for Reset<F> {
    fn can_reset(&self) -> bool {
        true
    }

    async fn reset(&mut self) {
        (self.0)().await;
    }
}
