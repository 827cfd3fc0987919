//! The time of an NTP server, requested by the module.

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::Duration;

use super::Module;
use super::query::{Kind, Query};
use crate::at::{DateTime, SynchronizeTime};
use crate::engine::mailbox::Message;
use crate::engine::{Deferred, Engine, QueryId};
use crate::error::Error;
use crate::net::host::host_of;

/// How long the result of AT+QNTP may take: 125 s (section 2.1.12), and 5 s for the line.
const TIME_LIMIT: Duration = Duration::from_secs(130);

struct NtpQuery;

impl Kind for NtpQuery {
    type Result = DateTime;

    fn deferred<'e, 'd>(engine: &'e mut Engine<'d>) -> &'e mut Deferred<'d, DateTime> {
        &mut engine.ntp
    }

    fn released(id: QueryId) -> Message {
        Message::NtpDropped(id)
    }
}

impl<M: RawMutex> Module<'_, M> {
    /// Requests the time from an NTP server, given by name or by address (AT+QNTP, section 2.1.12). With `set_clock` the
    /// module sets its own clock.
    ///
    /// One request runs at a time; the next one waits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] before anything is sent, [`Error::TimedOut`] after 130 s; otherwise the reason why the module
    /// refused the command or got no time. A request that fails for a reason that can pass is repeated seven times, within the 130 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the module's request. The next request waits until it has finished.
    pub async fn ntp(&self, server: &str, set_clock: bool) -> Result<DateTime, Error> {
        let command = SynchronizeTime::new(self.context().await, host_of(server)?)
            .set_clock(set_clock.into());
        let mut query = Query::<NtpQuery, M>::begin(self.stack, TIME_LIMIT).await;
        query.send(&command).await?;
        let until = query.until;
        loop {
            let result = query.result(until).await;
            if result.is_ok() || !query.pauses(until).await {
                return result;
            }
            query.send(&command).await?;
        }
    }
}
