//! The link as users see it: what they want of it, and what it is.

use crate::error::LinkError;

/// What the application wants of the link to the network ([`Stack::set_link`](crate::Stack::set_link)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkMode {
    /// The PDP context is active, and the runner keeps it so. The default.
    Up,
    /// No sockets, and no PDP context. The module stays on and registered with the network, and answers commands of the
    /// application.
    Down,
    /// As [`Down`](Self::Down), and the radio is off (AT+CFUN=4).
    Airplane,
    /// As [`Down`](Self::Down), and radio and SIM card are off (AT+CFUN=0).
    Minimum,
    /// As [`Down`](Self::Down), and the module is off (AT+QPOWD). It stays off until another mode is wanted; then the function for
    /// restarts ([`Runner::reset`](crate::Runner::reset)) switches it on. Without one it has to be switched on in another way. If it
    /// starts by itself meanwhile, it is left alone.
    Off,
}

/// The state of the link to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkState {
    /// The runner brings the link up, for the first time or because the application wants it again.
    Starting,
    /// The PDP context is active: sockets can be opened.
    Up,
    /// The PDP context is active, and a connection in transparent access mode has the UART. Everything else waits until the
    /// connection leaves that mode.
    Occupied,
    /// The link is down for this reason. The runner brings it up again, or will try later.
    Down(LinkError),
    /// The application wants no link but this mode: what was written is being sent, then sockets are closed and the PDP context
    /// is deactivated.
    TurningOff(LinkMode),
    /// There is no link, as the application wants, and the module is in this mode.
    TurnedOff(LinkMode),
}
