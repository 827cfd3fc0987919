//! Commands whose result the module reports in a URC, some time after the `OK`.

use core::marker::PhantomData;
use core::task::Poll;

use atat::AtatCmd;
use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_time::{Duration, Instant, Timer, with_deadline};

use crate::engine::mailbox::Message;
use crate::engine::{AtResult, Deferred, Engine, QueryId, Queue};
use crate::error::Error;
use crate::net::command_slot::{self, Failure};
use crate::stack::Stack;
use crate::util::time::{self, NEVER, after};

/// A kind of query. One query of a kind runs at a time.
pub(super) trait Kind {
    type Result: Copy;

    /// Where the engine keeps the result.
    fn deferred<'e, 'd>(engine: &'e mut Engine<'d>) -> &'e mut Deferred<'d, Self::Result>;

    /// What the engine hears when a query is dropped.
    fn released(id: QueryId) -> Message;
}

/// A query of the kind `K`. After it is dropped, the next query of the kind waits until the module has reported the result of
/// this one, or can no longer report it.
#[derive(Debug)]
pub(super) struct Query<'d, K: Kind, M: RawMutex> {
    pub(super) stack: Stack<'d, M>,
    pub(super) id: QueryId,
    /// Names the user of the command slot that sends the command.
    owner: u16,
    /// How long after the `OK` the module may report the result.
    limit: Duration,
    /// The last instant at which the module may report the result.
    pub(super) until: Instant,
    kind: PhantomData<K>,
}

impl<'d, K: Kind, M: RawMutex> Query<'d, K, M> {
    /// Waits for the end of the previous query of the same kind.
    pub(super) async fn begin(stack: Stack<'d, M>, limit: Duration) -> Self {
        let owner = stack.shared.new_owner();
        let id = loop {
            let expiry = stack
                .shared
                .with(|engine| K::deferred(engine).expiry())
                .await;
            let begun = stack.shared.wait(Queue::Turn, |engine| {
                let deferred = K::deferred(engine);
                match deferred.poll_begin(owner, limit, time::now()) {
                    Poll::Ready(id) => Poll::Ready(Some(id)),
                    // Wait until the new expiry instead.
                    Poll::Pending if deferred.expiry() != expiry => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            });
            let begun = match expiry {
                Some(until) => with_deadline(until, begun).await.unwrap_or(None),
                None => begun.await,
            };
            if let Some(id) = begun {
                break id;
            }
        };
        Self {
            stack,
            id,
            owner,
            limit,
            until: Instant::MIN,
            kind: PhantomData,
        }
    }

    /// Sends the command and waits for its final result. A command that is refused in passing is sent again.
    pub(super) async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<(), Error> {
        let Stack { shared, .. } = self.stack;
        loop {
            let answer = command_slot::send(shared, self.owner, command, true).await;
            // After a timeout the module may have received the command all the same.
            let may_report = matches!(answer, Ok(_) | Err(Failure::Command(AtResult::TimedOut)));
            let until = may_report.then(|| after(time::now(), self.limit));
            self.until = until.unwrap_or(Instant::MIN);
            let refusal = match answer {
                Err(Failure::Command(AtResult::Refused(reason))) => Some(reason.code()),
                _ => None,
            };
            let note = |engine: &mut Engine<'d>| {
                let deferred = K::deferred(engine);
                deferred.on_answered(self.id, until);
                if let Some(code) = refusal {
                    deferred.end(Err(code));
                }
            };
            shared.with(note).await;
            let Err(failure) = answer else {
                return Ok(());
            };
            if refusal.is_none() || !self.pauses(NEVER).await {
                return Err(failure.into_error(self.stack.link_state()));
            }
        }
    }

    /// Whether the query, which has failed, is repeated before `until`. Returns at the end of the pause before that.
    pub(super) async fn pauses(&mut self, until: Instant) -> bool {
        let Stack { shared, .. } = self.stack;
        self.owner = shared.new_owner();
        let repeat = |engine: &mut Engine<'d>| {
            let now = engine.env.now;
            K::deferred(engine).repeat_at(self.id, self.owner, until, now)
        };
        let at = shared.with(repeat).await;
        if let Some(at) = at {
            Timer::at(at).await;
        }
        at.is_some()
    }

    /// Waits for the result, at most until `until`.
    pub(super) async fn result(&self, until: Instant) -> Result<K::Result, Error> {
        let result = self.stack.shared.wait(Queue::ServiceResult, |engine| {
            K::deferred(engine).poll_result(self.id)
        });
        with_deadline(until, result)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }
}

impl<K: Kind, M: RawMutex> Drop for Query<'_, K, M> {
    fn drop(&mut self) {
        self.stack.shared.post(K::released(self.id));
    }
}
