//! What a board may have wired between itself and the module besides RXD and TXD.

/// The control lines of the module, as far as they are wired. Every method has a default for a line that is not.
///
/// `()` is the board without any.
#[allow(async_fn_in_trait)] // The runner awaits them where it is, in whatever task.
pub trait ControlLines {
    /// Whether [`reset`](Self::reset) restarts the module.
    fn can_reset(&self) -> bool {
        false
    }

    /// Pulls the power key or the supply, and returns when the module is starting.
    ///
    /// It is used for a module that does not answer any more, at the pace that the note gives under its figure 1: three
    /// times in a row and once more at once, then after 10 minutes, after 30, and every hour.
    async fn reset(&mut self) {}

    /// Whether [`pulse_dtr`](Self::pulse_dtr) reaches the module.
    fn has_dtr(&self) -> bool {
        false
    }

    /// Switches DTR off and on again: leaves transparent access mode without the silences that `+++` needs (AT&D1,
    /// section 1.2). DTR has to be on before.
    async fn pulse_dtr(&mut self) {}

    /// What DCD says: whether the module is in data mode. `None` if it is not wired.
    ///
    /// Asked when `NO CARRIER` has come in transparent access mode. Without it, silence and an escape tell whether that
    /// was the module's word or the peer's.
    fn carrier(&mut self) -> Option<bool> {
        None
    }
}

impl ControlLines for () {}

/// A reset, and nothing else.
pub(super) struct Reset<F>(pub(super) F);

impl<F: AsyncFnMut()> ControlLines for Reset<F> {
    fn can_reset(&self) -> bool {
        true
    }

    async fn reset(&mut self) {
        (self.0)().await;
    }
}
