//! The module, and the handle that controls it from outside.

use crate::engine::{Core, Counters, SocketState};
use crate::fault::Fault;
use crate::log::Entry;
use crate::network::Network;
use crate::serial::ModuleEnd;
use crate::settings::{Registration, Settings};
use crate::time;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

struct Shared {
    core: Mutex<Core>,
    waker: Mutex<Option<Waker>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A virtual LTE module.
pub struct VirtualModem {
    shared: Arc<Shared>,
}

impl VirtualModem {
    /// A module with these settings, connected to this network.
    pub fn new(settings: Settings, network: impl Network + 'static) -> Self {
        let core = Mutex::new(Core::new(settings, Box::new(network)));
        VirtualModem {
            shared: Arc::new(Shared {
                core,
                waker: Mutex::new(None),
            }),
        }
    }

    /// A handle that controls and inspects the module while it runs.
    pub fn handle(&self) -> ModemHandle {
        ModemHandle {
            shared: self.shared.clone(),
        }
    }

    /// Runs the module on a line until the host's transmitter is dropped.
    ///
    /// The future may be dropped, and the module run again on another line: it keeps its state, as a
    /// module does when its host is reset. All runs must follow the same clock: one `run_virtual`, or real
    /// time throughout.
    pub async fn run(&self, mut line: ModuleEnd) {
        poll_fn(|cx| self.poll(&mut line, cx)).await;
    }

    fn poll(&self, line: &mut ModuleEnd, cx: &mut Context<'_>) -> Poll<()> {
        *self
            .shared
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        let mut core = self.shared.lock();
        let mut buffer = [0; 256];
        loop {
            core.begin();
            if let Some(chop) = core.chop.take() {
                line.set_chop(chop);
            }
            let mut moved = core.fire();
            let ready = line.data_terminal_ready() && core.held_ready;
            core.set_data_terminal_ready(ready);
            core.backlog = line.unsent();
            core.unread = line.unread();
            moved |= core.release_held();
            moved |= core.poll_network(cx);
            while core.takes_input() {
                let Poll::Ready(count) = line.poll_read(cx, &mut buffer) else {
                    break;
                };
                if count == 0 {
                    self.hand_over(&mut core, line);
                    return Poll::Ready(());
                }
                core.input_all(&buffer[..count]);
                moved = true;
            }
            moved |= self.hand_over(&mut core, line);
            if !moved {
                break;
            }
        }
        if let Some(at) = core.deadline() {
            time::wake_at(at, cx.waker());
        }
        if core.backlog > 0 {
            line.wake_when_sent(cx);
        }
        Poll::Pending
    }

    fn hand_over(&self, core: &mut Core, line: &mut ModuleEnd) -> bool {
        let output = core::mem::take(&mut core.output);
        line.send(&output);
        if let Some(rate) = core.new_rate.take() {
            line.set_rate(rate);
        }
        core.handed += output.len() as u64;
        core.unread = line.unread();
        let (to_module, to_host, overruns) = line.counts();
        core.counters.bytes_to_module = to_module;
        core.counters.bytes_to_host = to_host;
        core.counters.overruns = overruns;
        !output.is_empty()
    }
}

/// Controls and inspects a [`VirtualModem`], also while it runs.
#[derive(Clone)]
pub struct ModemHandle {
    shared: Arc<Shared>,
}

impl ModemHandle {
    fn with<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        let result = act(&mut self.shared.lock());
        let waker = self
            .shared
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    fn act(&self, action: impl FnOnce(&mut Core) + Send + 'static) {
        self.with(|core| core.act(action));
    }

    /// The traffic on the line so far (the last 200 000 entries).
    pub fn log(&self) -> Vec<Entry> {
        self.shared.lock().log.iter().cloned().collect()
    }

    /// Calls the function with every new entry of the log. The function must not use the handle.
    pub fn set_trace(&self, trace: impl Fn(&Entry) + Send + 'static) {
        self.shared.lock().trace = Some(Box::new(trace));
    }

    /// How often each command was received, by name: "QISEND", "ATE", "AT".
    pub fn commands(&self) -> BTreeMap<String, usize> {
        self.shared.lock().commands.clone()
    }

    /// Violations of the protocol by the host, in order.
    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().violations.clone()
    }

    /// Counters of the traffic.
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters.clone()
    }

    /// Resets all counters, and clears the log and the list of violations.
    pub fn reset_counts(&self) {
        self.with(|core| {
            core.counters = Counters::default();
            core.commands.clear();
            core.violations.clear();
            core.clear_log();
        });
    }

    /// Arms a fault, or triggers it at once, depending on its kind.
    pub fn inject(&self, fault: Fault) {
        self.act(move |core| core.inject(fault));
    }

    /// Disarms all faults; the readings are again those of the settings.
    pub fn clear_faults(&self) {
        self.act(Core::clear_faults);
    }

    /// Puts raw bytes on the line at the next point at which a module may put a URC.
    pub fn urc(&self, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.act(move |core| core.raw_urc(&bytes));
    }

    /// The network deactivates a context (section 2.2.5).
    pub fn pdpdeact(&self, context: u8) {
        self.inject(Fault::PdpDeact { context, after: 0 });
    }

    /// The module restarts, or starts if it was off.
    pub fn restart(&self) {
        self.inject(Fault::Restart { after: 0 });
    }

    /// While switched on, the module ignores all input and sends nothing.
    pub fn silent(&self, on: bool) {
        self.act(move |core| {
            if on {
                core.fall_silent(None)
            } else {
                core.speak()
            }
        });
    }

    /// The module ignores all input and sends nothing for a time.
    pub fn silent_for(&self, time: Duration) {
        self.inject(Fault::Silent(Some(time)));
    }

    /// The power key: off, or on with a boot.
    pub fn power(&self, on: bool) {
        self.act(move |core| core.power(on));
    }

    /// The network goes away, with its contexts, or comes back.
    pub fn network(&self, up: bool) {
        self.act(move |core| core.set_network(up));
    }

    /// Sets the registration.
    pub fn set_registration(&self, registration: Registration) {
        self.act(move |core| core.set_registration(registration));
    }

    /// Sets [`Settings::latency`](crate::Settings::latency).
    pub fn set_latency(&self, latency: Duration) {
        self.act(move |core| core.settings.latency = latency);
    }

    /// Resets the connection of a socket. An error if its connectID is free.
    pub fn kill(&self, id: u8) -> Result<(), String> {
        self.with(|core| core.kill_socket(id))
    }

    /// The peer of a socket closes its connection. An error if the connectID is free.
    pub fn close(&self, id: u8) -> Result<(), String> {
        self.with(|core| core.end_socket(id))
    }

    /// Data arrives at a socket, as if its peer had sent it. An error if the connectID is free.
    pub fn push(&self, id: u8, bytes: &[u8]) -> Result<(), String> {
        self.with(|core| core.push_data(id, bytes))
    }

    /// Raw bytes to the host, wherever they fall.
    pub fn raw(&self, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.act(move |core| core.put_raw(&bytes));
    }

    /// A text message comes in.
    pub fn receive_message(&self, from: &str, text: &str) {
        let (from, text) = (from.to_string(), text.to_string());
        self.act(move |core| core.receive_message(&from, &text));
    }

    /// Holds the DTR line, or lets it go; it is on while the host and this hold it.
    pub fn data_terminal_ready(&self, on: bool) {
        self.act(move |core| core.held_ready = on);
    }

    /// "on", "off" or "booting"; the number that AT+CEREG? would show; the active contexts.
    pub fn link_state(&self) -> (&'static str, u32, Vec<u8>) {
        self.shared.lock().link_state()
    }

    /// One socket; `None` if the connectID is free.
    pub fn state(&self, id: u8) -> Option<SocketState> {
        self.sockets().into_iter().find(|socket| socket.id == id)
    }

    /// All sockets.
    pub fn sockets(&self) -> Vec<SocketState> {
        self.shared.lock().socket_states()
    }

    /// Text messages sent with AT+CMGS: recipient and text.
    pub fn messages(&self) -> Vec<(String, Vec<u8>)> {
        self.shared.lock().messages.clone()
    }

    /// Adds a remark of the test to the log.
    pub fn remark(&self, text: &str) {
        let text = text.to_string();
        self.act(move |core| core.remark(text));
    }
}
