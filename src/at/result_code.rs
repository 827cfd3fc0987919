//! Result codes without fields.

use super::tables::texts;

texts! {
    /// A line that consists of one of these texts: a final result code, or a URC without fields.
    pub(crate) enum ResultCode {
        /// The command was carried out, or has begun.
        Ok "OK",
        /// The command failed.
        Error "ERROR",
        /// AT+QICLOSE was carried out, on some modules (quirk 130).
        CloseOk "CLOSE OK",
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
        /// The module switches off, because AT+QPOWD or its power key demands it.
        NormalPowerDown "NORMAL POWER DOWN",
        /// The module enters power saving mode.
        PsmPowerDown "PSM POWER DOWN",
        /// An incoming call.
        Ring "RING",
    }
}

impl ResultCode {
    /// Whether it is a URC.
    pub(crate) const fn is_unsolicited(self) -> bool {
        matches!(self, Self::Ready | Self::ApplicationReady | Self::Ring) || self.is_power_down()
    }

    /// Whether the module goes off (quirk 123).
    pub(crate) const fn is_power_down(self) -> bool {
        matches!(
            self,
            Self::PoweredDown | Self::NormalPowerDown | Self::PsmPowerDown
        )
    }
}
