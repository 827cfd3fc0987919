//! The module itself: its settings, what it reports of itself, of the network and of its sockets, pings, and the time.

#[cfg(feature = "ntp")]
mod ntp;
#[cfg(feature = "ping")]
pub(super) mod ping;
#[cfg(any(feature = "ping", feature = "ntp"))]
mod query;
mod settings;
mod status;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};

#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
use crate::at::ContextId;
#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
use crate::engine::Engine;
use crate::stack::Stack;

/// What the module does besides sockets and name lookups: pings, time, settings, signal and operator, diagnostics. [`Stack::module`] returns it.
///
/// The runner sends the commands between its own. This needs a module that answers; pings and NTP need the link too.
#[derive(Debug)]
pub struct Module<'d, M: RawMutex = CriticalSectionRawMutex> {
    stack: Stack<'d, M>,
}

impl<M: RawMutex> Clone for Module<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: RawMutex> Copy for Module<'_, M> {}

impl<'d, M: RawMutex> Stack<'d, M> {
    /// The module's own services: pings, time, settings, diagnostics.
    #[must_use]
    pub const fn module(&self) -> Module<'d, M> {
        Module { stack: *self }
    }
}

#[cfg(any(feature = "dns", feature = "ping", feature = "ntp"))]
impl<M: RawMutex> Module<'_, M> {
    /// The PDP context that the stack uses.
    async fn context(&self) -> ContextId {
        let context = |engine: &mut Engine<'_>| engine.env.config.context;
        self.stack.shared.with(context).await
    }
}
