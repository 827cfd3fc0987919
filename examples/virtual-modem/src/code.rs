//! The module's error codes (chapter 4 of the note) by meaning.

/// Success.
pub const SUCCESS: u16 = 0;
/// No known reason.
pub const UNKNOWN: u16 = 550;
/// A parameter is invalid or missing.
pub const INVALID_PARAMETERS: u16 = 552;
/// The socket could not be created.
pub const CREATE_FAILED: u16 = 554;
/// Not supported.
pub const NOT_SUPPORTED: u16 = 555;
/// The local port is in use.
pub const BIND_FAILED: u16 = 556;
/// The context is not active.
pub const OPEN_CONTEXT: u16 = 561;
/// The context could not be deactivated.
pub const CLOSE_CONTEXT: u16 = 562;
/// The connectID is in use.
pub const IDENTITY_USED: u16 = 563;
/// Another lookup is running.
pub const DNS_BUSY: u16 = 564;
/// The name has no address.
pub const DNS_FAILED: u16 = 565;
/// The peer refused the connection or cannot be reached.
pub const CONNECT_FAILED: u16 = 566;
/// The connection is closed.
pub const CLOSED: u16 = 567;
/// Another operation is running.
pub const BUSY: u16 = 568;
/// No answer in time.
pub const TIMEOUT: u16 = 569;
/// The context was lost.
pub const CONTEXT_LOST: u16 = 570;
/// The host cancelled a send.
pub const CANCELLED: u16 = 571;
/// Not allowed in this state.
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
