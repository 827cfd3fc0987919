//! The module's error codes (the note's chapter 4), by what they stand for.

/// All went well.
pub const SUCCESS: u16 = 0;
/// Nothing more is known.
pub const UNKNOWN: u16 = 550;
/// A parameter is wrong, or one is missing.
pub const INVALID_PARAMETERS: u16 = 552;
/// No socket could be made.
pub const CREATE_FAILED: u16 = 554;
/// The module does not have this.
pub const NOT_SUPPORTED: u16 = 555;
/// The local port is taken.
pub const BIND_FAILED: u16 = 556;
/// The context is not up.
pub const OPEN_CONTEXT: u16 = 561;
/// The context cannot be taken down.
pub const CLOSE_CONTEXT: u16 = 562;
/// The connectID is taken.
pub const IDENTITY_USED: u16 = 563;
/// Another lookup runs.
pub const DNS_BUSY: u16 = 564;
/// The name is not known.
pub const DNS_FAILED: u16 = 565;
/// The peer refused or cannot be reached.
pub const CONNECT_FAILED: u16 = 566;
/// The connection is over.
pub const CLOSED: u16 = 567;
/// Something else must end first.
pub const BUSY: u16 = 568;
/// Nothing came back in time.
pub const TIMEOUT: u16 = 569;
/// The context went away.
pub const CONTEXT_LOST: u16 = 570;
/// The host cancelled a send.
pub const CANCELLED: u16 = 571;
/// Not at this moment.
pub const NOT_ALLOWED: u16 = 572;
/// The context has no access point name.
pub const NO_APN: u16 = 573;

/// The text that AT+QIGETERROR gives for a code.
pub fn meaning(code: u16) -> &'static str {
    match code {
        0 => "operate successfully",
        551 => "operation blocked",
        552 => "invalid parameters",
        553 => "memory not enough",
        554 => "create socket failed",
        555 => "operation not supported",
        556 => "socket bind failed",
        557 => "socket listen failed",
        558 => "socket write failed",
        559 => "socket read failed",
        560 => "socket accept failed",
        561 => "open pdp context failed",
        562 => "close pdp context failed",
        563 => "socket identity has been used",
        564 => "dns busy",
        565 => "dns parse failed",
        566 => "socket connect failed",
        567 => "socket has been closed",
        568 => "operation busy",
        569 => "operation timeout",
        570 => "pdp context broken down",
        571 => "cancel send",
        572 => "operation not allowed",
        573 => "apn not configured",
        574 => "port busy",
        _ => "unknown error",
    }
}
