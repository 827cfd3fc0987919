//! The time of an NTP server, asked for by the module (2.1.12).

use super::deferred::Deferred;
use crate::at::{DateTime, ErrorCode, TimeSynchronized};

/// The time that was asked for.
pub(crate) type Ntp<'d> = Deferred<'d, DateTime>;

impl Ntp<'_> {
    /// `+QNTP: <err>[,<time>]`.
    pub(crate) fn on_line(&mut self, TimeSynchronized { result, time }: TimeSynchronized) {
        let time = result.and_then(|()| time.ok_or(ErrorCode::UNSPECIFIED));
        self.end(time);
    }
}
