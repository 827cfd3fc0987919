//! The error codes of the TCP/IP commands (chapter 4, table 1).

use core::fmt;

macro_rules! error_codes {
    ($($code:literal $name:ident $meaning:literal,)*) => {
        /// Why a TCP/IP command or a socket failed (chapter 4, table 1).
        ///
        /// 0 stands for success in the note and is not in here. As an answer to
        /// [`QueryLastError`](super::QueryLastError) after a failure it means that the module does
        /// not know why.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = concat!(stringify!($code), ": ", $meaning, ".")] $name,)*
            /// A code that the note does not list.
            Unknown(u16),
        }

        impl ErrorCode {
            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    Self::Unknown(_) => "code not known",
                }
            }
        }

        impl From<u16> for ErrorCode {
            fn from(code: u16) -> Self {
                match code {
                    $($code => Self::$name,)*
                    _ => Self::Unknown(code),
                }
            }
        }
    };
}

error_codes! {
    550 Unspecified "error without a known reason",
    551 Blocked "operation is blocked",
    552 InvalidParameters "parameters are invalid",
    553 OutOfMemory "not enough memory",
    554 SocketCreation "socket could not be created",
    555 NotSupported "operation is not supported",
    556 Bind "socket could not be bound",
    557 Listen "socket could not listen",
    558 Write "writing to the socket failed",
    559 Read "reading from the socket failed",
    560 Accept "connection could not be accepted",
    561 ContextNotOpened "PDP context could not be opened",
    562 ContextNotClosed "PDP context could not be closed",
    563 IdInUse "socket id is in use already",
    564 DnsBusy "DNS is busy",
    565 DnsFailed "DNS could not resolve the name",
    566 ConnectFailed "socket could not connect",
    567 SocketClosed "socket has been closed",
    568 Busy "operation is busy",
    569 Timeout "operation timed out",
    570 ContextLost "PDP context broke down",
    571 SendCancelled "sending was cancelled",
    572 NotAllowed "operation is not allowed",
    573 ApnNotConfigured "APN is not configured",
    574 PortBusy "port is busy",
}

impl ErrorCode {
    /// The result that a code on the wire stands for: 0 is success.
    ///
    /// # Errors
    ///
    /// Any other code.
    pub fn check(code: u16) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(code.into()) }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.meaning(), self.code())
    }
}

impl core::error::Error for ErrorCode {}
