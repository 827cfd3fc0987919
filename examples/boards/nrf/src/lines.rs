//! The lines between the board and the module besides the UART.

use application::PowerKey;
use defmt::trace;
use embassy_nrf::gpio::{Input, Output};
use embassy_time::{Duration, Timer};
use quectel_nal::ControlLines;

/// From DTR on until the module takes bytes: see its hardware manual.
const WAKING: Duration = Duration::from_millis(20);

/// PWRKEY and STATUS start the module, and DTR lets it sleep.
pub struct Lines {
    power_key: PowerKey<Output<'static>, Input<'static>>,
    /// High is off: the module may sleep.
    dtr: Output<'static>,
}

impl Lines {
    /// Takes the pins, DTR being low.
    pub const fn new(
        power_key: PowerKey<Output<'static>, Input<'static>>,
        dtr: Output<'static>,
    ) -> Self {
        Self { power_key, dtr }
    }
}

impl ControlLines for Lines {
    fn can_reset(&self) -> bool {
        self.power_key.can_reset()
    }

    /// A module that starts finds DTR on.
    async fn reset(&mut self) {
        self.dtr.set_low();
        self.power_key.reset().await;
    }

    fn can_sleep(&self) -> bool {
        true
    }

    async fn sleep(&mut self) {
        trace!("the module may sleep");
        self.dtr.set_high();
    }

    async fn wake(&mut self) {
        self.dtr.set_low();
        Timer::after(WAKING).await;
    }
}
