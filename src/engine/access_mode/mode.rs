//! The state of a socket's access mode. The rules are in the other files of this directory.

use crate::at::{AccessMode, ErrorCode};
use crate::engine::refusal::Retries;

/// The access mode of one socket.
#[derive(Debug)]
pub(crate) struct Mode {
    /// The mode of the connection, or the one in which it is to be opened.
    pub(crate) current: AccessMode,
    /// The mode to change to.
    pub(crate) wanted: Option<AccessMode>,
    /// What the module has held back while it changed the mode may still come: after that answer, and before the next.
    pub(super) is_unsettled: bool,
    /// Refusals of the change that is wanted.
    pub(super) retries: Retries,
    /// Why the last change was refused.
    pub(super) refused: Option<ErrorCode>,
    /// In buffer mode only as long as another connection has the UART.
    pub(super) suspended: bool,
    pub(super) data_mode: DataMode,
}

/// How a connection gets into transparent access mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataMode {
    /// By AT+QIOPEN or AT+QISWTMD: it has not been in that mode.
    New,
    /// It has been in that mode. AT+QISWTMD is tried first.
    Left,
    /// AT+QISWTMD was refused: by ATO.
    Resume,
}

/// What `"recv",<connectID>,<length>` is (quirk 70).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The header of pushed data.
    Header,
    /// A notice of data to be read.
    Notice,
    /// Either of them: the bytes that come next show it.
    Unknown,
}

impl Mode {
    pub(crate) const fn new(current: AccessMode) -> Self {
        Self {
            current,
            is_unsettled: false,
            wanted: None,
            retries: Retries::NEW,
            refused: None,
            suspended: false,
            data_mode: DataMode::New,
        }
    }

    /// A transaction has been answered.
    pub(crate) const fn on_answer(&mut self) {
        self.is_unsettled = false;
    }

    /// The UART belongs to the connection now.
    pub(crate) const fn on_connected(&mut self) {
        self.current = AccessMode::Transparent;
        self.wanted = None;
        self.data_mode = DataMode::Left;
    }
}
