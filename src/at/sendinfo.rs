//! A setting of newer families that the note does not know.

use super::{response::NoResponse, writer::command};

/// `AT+QICFG="sendinfo",0`: lets a send end with SEND OK.
///
/// Not in the note. EC200U and EG915U can be told to end it with counters and OK instead; a former
/// program may have done so. Other modules answer ERROR, which is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisableSendInfo;

command!(DisableSendInfo = "AT+QICFG=\"sendinfo\",0" -> NoResponse, 60_000 ms);
