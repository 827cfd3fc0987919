//! What the module reports of the network, of itself and of its SIM card.

use atat::AtatCmd;
use embassy_sync::blocking_mutex::raw::RawMutex;

use super::Module;
use crate::at::{
    CellSignal, ExtendedSignalQuality, Iccid, Imei, Imsi, Operator, QueryCardNumber,
    QueryCellSignal, QueryExtendedSignalQuality, QueryOperator, QuerySerialNumber,
    QuerySignalQuality, QuerySubscriber, SignalQuality,
};
use crate::error::Error;

/// None of these commands needs the link. Dropping a future has no effect on the module. The error is the reason why the module refused
/// the command, [`Error::TimedOut`] without an answer, or [`Error::Module`] with [`UNSPECIFIED`](crate::ErrorCode::UNSPECIFIED) for
/// an answer of another form.
impl<M: RawMutex> Module<'_, M> {
    /// A command that is none of the TCP/IP application note: AT+QIGETERROR does not know its errors.
    async fn ask<Cmd: AtatCmd>(&self, command: &Cmd) -> Result<Cmd::Response, Error> {
        self.stack.send_command(command, false).await
    }

    /// The signal strength as all modules and networks have it (AT+CSQ).
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::Error> {
    /// match stack.module().signal_quality().await?.dbm() {
    ///     Some(dbm) => println!("{dbm} dBm"),
    ///     None => println!("no signal, or not known"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The reason of the refusal.
    pub async fn signal_quality(&self) -> Result<SignalQuality, Error> {
        self.ask(&QuerySignalQuality).await
    }

    /// The signal in the measures of each kind of network, such as RSRP and RSRQ in LTE (AT+CESQ). Not all modules have it.
    ///
    /// # Errors
    ///
    /// The reason of the refusal.
    pub async fn extended_signal_quality(&self) -> Result<ExtendedSignalQuality, Error> {
        self.ask(&QueryExtendedSignalQuality).await
    }

    /// The signal of the serving cell: its kind of network, RSSI, and in LTE RSRP, RSRQ and SINR (AT+QCSQ).
    ///
    /// # Errors
    ///
    /// The reason of the refusal.
    pub async fn cell_signal(&self) -> Result<CellSignal, Error> {
        self.ask(&QueryCellSignal).await
    }

    /// The operator and the kind of its network (AT+COPS?).
    ///
    /// # Errors
    ///
    /// The reason of the refusal.
    pub async fn operator(&self) -> Result<Operator, Error> {
        self.ask(&QueryOperator).await
    }

    /// The number of the module (AT+CGSN).
    ///
    /// # Errors
    ///
    /// The reason of the refusal.
    pub async fn imei(&self) -> Result<Imei, Error> {
        self.ask(&QuerySerialNumber).await
    }

    /// The number of the SIM card (AT+QCCID).
    ///
    /// # Errors
    ///
    /// [`Error::Equipment`] with 10 if there is no card; otherwise the reason of the refusal.
    pub async fn iccid(&self) -> Result<Iccid, Error> {
        self.ask(&QueryCardNumber).await
    }

    /// The number of the subscriber (AT+CIMI).
    ///
    /// # Errors
    ///
    /// [`Error::Equipment`] with 10 if there is no SIM card, 11 if it wants its PIN; otherwise the reason of the refusal.
    pub async fn imsi(&self) -> Result<Imsi, Error> {
        self.ask(&QuerySubscriber).await
    }
}
