//! Result codes without fields.

use super::deserializer::position;

macro_rules! result_codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// A line that consists of one of these texts: a final result code, or a URC without fields.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum ResultCode {
            $($(#[$doc])* $name,)*
        }

        impl ResultCode {
            const ALL: &[Self] = &[$(Self::$name,)*];
            const TEXTS: &[&str] = &[$($text,)*];
        }
    };
}

result_codes! {
    /// The command was carried out, or has begun.
    Ok "OK",
    /// The command failed.
    Error "ERROR",
    /// The module has accepted the payload of AT+QISEND.
    SendOk "SEND OK",
    /// The module has not accepted the payload, because its send buffer is full.
    SendFail "SEND FAIL",
    /// Transparent access mode has ended.
    NoCarrier "NO CARRIER",
    /// The module has started.
    Ready "RDY",
    /// The applications of the module have started.
    ApplicationReady "APP RDY",
    /// The module switches off.
    PoweredDown "POWERED DOWN",
    /// An incoming call.
    Ring "RING",
}

impl ResultCode {
    /// Reads a whole line, without its line end and without blanks around it.
    #[inline(never)]
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        Self::ALL.get(position(Self::TEXTS, line)?).copied()
    }

    /// The line, without its line end.
    #[cfg(feature = "transparent")]
    pub(crate) fn text(self) -> &'static str {
        Self::TEXTS.get(self as usize).copied().unwrap_or_default()
    }

    /// Whether it is a URC.
    #[cfg(feature = "at-client")]
    pub(crate) const fn is_unsolicited(self) -> bool {
        matches!(
            self,
            Self::Ready | Self::ApplicationReady | Self::PoweredDown | Self::Ring
        )
    }
}
