//! A setting of newer families that the note does not know.

use atat::atat_derive::AtatCmd;

use super::response::NoResponse;

/// `AT+QICFG="sendinfo",0`: lets a send end with SEND OK.
///
/// Not in the note. EC200U and EG915U can be told to end it with counters and OK instead; a former
/// program may have done so. Other modules answer ERROR, which is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AtatCmd)]
#[at_cmd("+QICFG=\"sendinfo\",0", NoResponse, timeout_ms = 60_000)]
pub struct DisableSendInfo;
