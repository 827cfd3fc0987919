//! Why the runner ends.

use core::fmt;

use embedded_io_async::ErrorKind;

/// Why [`Runner::run`](crate::Runner::run) returned: the serial line cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[must_use = "it says why the UART cannot be used; `run` can be called again"]
pub enum RunError {
    /// A read returned end of file: the port is gone.
    Closed,
    /// Every read has failed for two minutes. This is the kind of the last error.
    Read(ErrorKind),
    /// A write failed with an error of this kind.
    Write(ErrorKind),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the serial port was closed"),
            Self::Read(kind) => write!(f, "reading from the serial port failed: {kind}"),
            Self::Write(kind) => write!(f, "writing to the serial port failed: {kind}"),
        }
    }
}

impl core::error::Error for RunError {}
