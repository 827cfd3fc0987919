//! Which module it is (ITU-T V.250, 3GPP TS 27.007). Answers are bare text.

use super::{response::AnswerText, writer::command};

/// `ATI`: maker, model and firmware, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identify;

command!(Identify = "ATI" -> AnswerText, 5_000 ms);

/// `AT+CGMI`: the maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryManufacturer;

command!(QueryManufacturer = "AT+CGMI" -> AnswerText, 5_000 ms);

/// `AT+CGMM`: the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryModel;

command!(QueryModel = "AT+CGMM" -> AnswerText, 5_000 ms);

/// `AT+CGMR`: the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryRevision;

command!(QueryRevision = "AT+CGMR" -> AnswerText, 5_000 ms);

/// `AT+CGSN`: the serial number, the IMEI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySerialNumber;

command!(QuerySerialNumber = "AT+CGSN" -> AnswerText, 5_000 ms);
