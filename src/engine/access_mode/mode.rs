//! The state of a socket's access mode. The rules are in the other files of this room.

use crate::at::{AccessMode, ErrorCode};

/// The access mode of one socket.
#[derive(Debug)]
pub(crate) struct Mode {
    /// The mode of the connection, or the one in which it is to be opened.
    pub(crate) current: AccessMode,
    /// The mode to change to.
    pub(crate) wanted: Option<AccessMode>,
    /// Why the last change was refused.
    pub(super) refused: Option<ErrorCode>,
    /// In buffer mode only as long as another connection has the UART.
    #[cfg(feature = "transparent")]
    pub(super) suspended: bool,
    #[cfg(feature = "transparent")]
    pub(super) data_mode: DataMode,
}

/// How a connection gets into transparent access mode.
#[cfg(feature = "transparent")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataMode {
    /// By AT+QIOPEN or AT+QISWTMD: it has not been in that mode.
    New,
    /// It has been in that mode. AT+QISWTMD is tried first.
    Left,
    /// AT+QISWTMD was refused: by ATO.
    Resume,
}

impl Mode {
    pub(crate) const fn new(current: AccessMode) -> Self {
        Self {
            current,
            wanted: None,
            refused: None,
            #[cfg(feature = "transparent")]
            suspended: false,
            #[cfg(feature = "transparent")]
            data_mode: DataMode::New,
        }
    }

    /// The UART belongs to the connection now.
    #[cfg(feature = "transparent")]
    pub(crate) const fn on_connected(&mut self) {
        self.current = AccessMode::Transparent;
        self.wanted = None;
        self.data_mode = DataMode::Left;
    }
}
