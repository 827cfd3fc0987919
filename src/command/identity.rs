//! Which module it is (ITU-T V.250, 3GPP TS 27.007). Answers are bare text.

use atat::atat_derive::AtatCmd;

use super::response::AnswerText;

/// `ATI`: maker, model and firmware, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("I", AnswerText, timeout_ms = 5_000)]
pub struct Identify;

/// `AT+CGMI`: the maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMI", AnswerText, timeout_ms = 5_000)]
pub struct QueryManufacturer;

/// `AT+CGMM`: the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMM", AnswerText, timeout_ms = 5_000)]
pub struct QueryModel;

/// `AT+CGMR`: the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGMR", AnswerText, timeout_ms = 5_000)]
pub struct QueryRevision;

/// `AT+CGSN`: the serial number, the IMEI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+CGSN", AnswerText, timeout_ms = 5_000)]
pub struct QuerySerialNumber;
