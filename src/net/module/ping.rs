//! Pings by the module.

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::{Duration, with_deadline};

use super::Module;
use super::query::{Kind, Query};
use crate::at::{Ping, PingCount, PingTimeout};
use crate::engine::mailbox::Message;
use crate::engine::{Deferred, Engine, PingReply, PingSummary, QueryId, Queue};
use crate::error::Error;
use crate::net::host::host_of;

#[derive(Debug)]
struct PingQuery;

impl Kind for PingQuery {
    type Result = PingSummary;

    fn deferred<'e, 'd>(engine: &'e mut Engine<'d>) -> &'e mut Deferred<'d, PingSummary> {
        &mut engine.ping.query
    }

    fn released(id: QueryId) -> Message {
        Message::PingDropped(id)
    }
}

impl<'d, M: RawMutex> Module<'d, M> {
    /// Pings a host by name or by address (AT+QPING, section 2.1.11).
    ///
    /// `timeout` is the time that each request may take, from 1 to 255 s; `count` is the number of requests, from 1 to 10.
    /// Values outside these ranges are changed to the nearest one inside.
    ///
    /// Fetch the replies, then the summary, from the [`Pinging`]. One ping runs at a time; the next one waits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`] before anything is sent; otherwise the reason why the module refused the command. A refusal that can
    /// pass is returned after seven more attempts, within 20 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the [`Pinging`], does not stop the module's requests. The next ping waits until they have
    /// finished.
    pub async fn ping(
        &self,
        host: &str,
        timeout: Duration,
        count: u8,
    ) -> Result<Pinging<'d, M>, Error> {
        let seconds = PingTimeout::nearest(timeout.as_secs().try_into().unwrap_or(u32::MAX));
        let count = PingCount::nearest(count.into());
        let command = Ping::new(self.context().await, host_of(host)?)
            .timeout(seconds)
            .count(count);
        let limit = Duration::from_millis(command.max_duration_ms().into());
        let mut query = Query::begin(self.stack, limit).await;
        self.stack
            .shared
            .with(|engine| engine.ping.begin(count.get() as u8))
            .await;
        query.send(&command).await?;
        Ok(Pinging { query })
    }
}

/// A ping in progress.
///
/// Holding it after the last reply does not block the next ping.
#[derive(Debug)]
pub struct Pinging<'d, M: RawMutex = CriticalSectionRawMutex> {
    query: Query<'d, PingQuery, M>,
}

impl<M: RawMutex> Pinging<'_, M> {
    /// Waits for the next reply. Returns `None` when all replies were returned, or no more will come.
    ///
    /// Up to four replies are kept. More are dropped and counted
    /// ([`Statistics::dropped_replies`](crate::Statistics::dropped_replies)).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no reply.
    pub async fn next(&mut self) -> Option<PingReply> {
        let Query { stack, id, .. } = self.query;
        let reply = stack
            .shared
            .wait(Queue::ServiceResult, |engine| engine.ping.poll_reply(id));
        with_deadline(self.query.until, reply).await.unwrap_or(None)
    }

    /// Waits for the end of the ping, and returns its summary.
    ///
    /// # Errors
    ///
    /// The module's error if it could not ping the host, such as [`Error::NameNotFound`]. [`Error::TimedOut`] if the module
    /// does not report the end.
    pub async fn summary(self) -> Result<PingSummary, Error> {
        self.query.result(self.query.until).await
    }
}
