//! A full receive ring that holds up the UART: data that the module sends unasked does not wait (1.2).

use embassy_time::{Duration, Instant};

use crate::engine::sockets::key::Key;
use crate::engine::wakes::{Queue, Signal, WakeSet};
use crate::util::time::after;

#[derive(Debug)]
pub(crate) struct Push<'d> {
    /// The socket whose full receive ring holds up the UART.
    stall: Option<Key>,
    /// When the UART was held up last.
    stalled_at: Instant,
    /// The receiving half of the runner.
    receiver: Signal<'d>,
}

impl<'d> Push<'d> {
    pub(crate) const fn new(wakes: &'d WakeSet) -> Self {
        Self {
            stall: None,
            stalled_at: Instant::MIN,
            receiver: Signal::new(wakes, Queue::Receiver),
        }
    }

    /// What is coming is given up.
    pub(crate) fn give_up(&mut self) {
        self.stall = None;
        self.receiver.wake();
    }

    // ---- a full receive ring -------------------------------------------------------------------------------------

    /// The receive ring of this socket has no room for what comes.
    pub(crate) const fn stall(&mut self, key: Key) {
        self.stall = Some(key);
    }

    pub(crate) const fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// There is room in the receive ring of this socket, or its data is dropped from now on.
    pub(crate) fn release_stall(&mut self, key: Key) {
        if self.stall == Some(key) {
            self.stall = None;
            self.receiver.wake();
        }
    }

    /// The stalled UART may wait until `until`. `Err`: the time is over for this socket.
    pub(crate) fn stall_deadline(
        &mut self,
        until: Instant,
        now: Instant,
    ) -> Result<(), Option<Key>> {
        self.stalled_at = now;
        if now >= until {
            return Err(self.stall.take());
        }
        Ok(())
    }

    /// The receiving half of the runner has to look at the time again.
    pub(crate) fn wake_receiver(&mut self) {
        self.receiver.wake();
    }

    /// When the transaction in flight has to be over: no answer comes through a UART that is held up.
    pub(crate) fn deadline(&self, started: Instant, limit: Duration, now: Instant) -> Instant {
        if self.stall.is_some() {
            return after(now, limit);
        }
        after(started.max(self.stalled_at), limit)
    }
}
