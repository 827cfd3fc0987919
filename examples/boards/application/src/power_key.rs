//! The module's PWRKEY and STATUS pins.

use defmt::{info, warn};
use embassy_time::{Duration, Instant, Timer};
use embedded_hal::digital::{InputPin, OutputPin};
use quectel_nal::ControlLines;

/// How long PWRKEY is held to start the module (EC25: 500 ms or more; BG96: 500 to 1000 ms), and to stop it (650 ms or more).
const START: Duration = Duration::from_millis(600);
const STOP: Duration = Duration::from_millis(800);
/// How long the module may take to log off from the network and to stop.
const STOPPING: Duration = Duration::from_secs(30);
/// The supply has to settle before the module is started again.
const REST: Duration = Duration::from_millis(500);

/// Starts the module, and restarts it when it has stopped answering.
///
/// `key` switches a transistor that pulls PWRKEY down: high presses the key. `status` is the module's STATUS pin, high while the module
/// runs. PWRKEY both starts and stops the module: without STATUS nobody knows which.
pub struct PowerKey<K, S> {
    key: K,
    status: S,
}

impl<K: OutputPin, S: InputPin> PowerKey<K, S> {
    /// Takes the two pins, `key` being low.
    pub const fn new(key: K, status: S) -> Self {
        Self { key, status }
    }

    /// Presses the key for this time. The pins of a microcontroller do not fail.
    async fn press(&mut self, time: Duration) {
        let _ = self.key.set_high();
        Timer::after(time).await;
        let _ = self.key.set_low();
    }

    fn is_on(&mut self) -> bool {
        self.status.is_high().unwrap_or(false)
    }
}

impl<K: OutputPin, S: InputPin> ControlLines for PowerKey<K, S> {
    fn can_reset(&self) -> bool {
        true
    }

    async fn reset(&mut self) {
        if self.is_on() {
            warn!("the module does not answer: it is switched off");
            self.press(STOP).await;
            let begin = Instant::now();
            while self.is_on() {
                if begin.elapsed() > STOPPING {
                    // Only its supply or its RESET pin helps.
                    warn!("the module cannot be switched off");
                    return;
                }
                Timer::after_millis(100).await;
            }
            Timer::after(REST).await;
        }
        info!("the module is switched on");
        self.press(START).await;
    }
}
