//! Commands whose result the module reports in a URC, some time after the `OK`.

use core::marker::PhantomData;
use core::task::Poll;

use atat::AtatCmd;
use embassy_time::{Duration, Instant, Timer, with_deadline};

use crate::engine::{AtResult, Deferred, Engine, QueryId, Queue};
use crate::error::Error;
use crate::net::command_slot::{self, Failure};
use crate::stack::Stack;
use crate::util::time::{self, NEVER, after};

/// A kind of query. One query of a kind runs at a time.
pub(super) trait Kind {
    type Result: Copy;
    /// Where tasks wait for the end of the previous query, and for the result.
    const TURN: Queue;
    const RESULT: Queue;

    /// Where the engine keeps the result.
    fn deferred<'e, 'd>(engine: &'e mut Engine<'d>) -> &'e mut Deferred<'d, Self::Result>;
}

/// A query of the kind `K`. After it is dropped, the next query of the kind waits until the module has reported the result of
/// this one, or can no longer report it.
#[derive(Debug)]
pub(super) struct Query<'d, K: Kind> {
    pub(super) stack: Stack<'d>,
    pub(super) id: QueryId,
    /// How long after the `OK` the module may report the result.
    limit: Duration,
    progress: Progress,
    kind: PhantomData<K>,
}

/// How far the command of a query is.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// The module will report nothing: the command was not sent, or it was refused.
    NotSent,
    /// The command is in the command slot with this owner; the engine knows whether it was sent.
    Sending(u16),
    /// The module may report the result until then.
    Sent(Instant),
}

impl<'d, K: Kind> Query<'d, K> {
    /// Waits for the end of the previous query of the same kind.
    pub(super) async fn begin(stack: Stack<'d>, limit: Duration) -> Self {
        let id = loop {
            let expiry = stack.shared.with(|engine| K::deferred(engine).expiry());
            let begun = stack.shared.wait(K::TURN, |engine| {
                let deferred = K::deferred(engine);
                match deferred.poll_begin(time::now()) {
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
            limit,
            progress: Progress::NotSent,
            kind: PhantomData,
        }
    }

    /// Sends the command and waits for its final result. A command that is refused in passing is sent again.
    pub(super) async fn send<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<(), Error> {
        let Stack { shared, .. } = self.stack;
        loop {
            let owner = self.stack.new_owner();
            self.progress = Progress::Sending(owner);
            let answer = command_slot::send(shared, owner, command, true).await;
            // After a timeout the module may have received the command all the same.
            if let Ok(_) | Err(Failure::Command(AtResult::TimedOut)) = answer {
                let until = after(time::now(), self.limit);
                shared.with(|engine| K::deferred(engine).on_asked(self.id, until));
                self.progress = Progress::Sent(until);
            } else {
                self.progress = Progress::NotSent;
            }
            let Err(failure) = answer else {
                return Ok(());
            };
            if let Failure::Command(AtResult::Refused(reason)) = failure {
                shared.with(|engine| K::deferred(engine).end(Err(reason.code())));
                if self.pauses(NEVER).await {
                    continue;
                }
            }
            return Err(failure.into_error(self.stack.link_state()));
        }
    }

    /// Whether the query, which has failed, is repeated before `until`. Returns at the end of the pause before that.
    pub(super) async fn pauses(&self, until: Instant) -> bool {
        let at = self
            .stack
            .shared
            .with(|engine| K::deferred(engine).repeat_at(self.id, until, time::now()));
        if let Some(at) = at {
            Timer::at(at).await;
        }
        at.is_some()
    }

    /// The last instant at which the module may report the result.
    pub(super) fn until(&self) -> Instant {
        match self.progress {
            Progress::Sent(until) => until,
            Progress::NotSent | Progress::Sending(_) => Instant::MIN,
        }
    }

    /// Waits for the result, at most until `until`.
    pub(super) async fn result(&self, until: Instant) -> Result<K::Result, Error> {
        let result = self
            .stack
            .shared
            .wait(K::RESULT, |engine| K::deferred(engine).poll_result(self.id));
        with_deadline(until, result)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }
}

impl<K: Kind> Drop for Query<'_, K> {
    fn drop(&mut self) {
        self.stack.shared.with(|engine| {
            let until = match self.progress {
                Progress::Sending(owner) if engine.user_command().was_sent(owner) => {
                    Some(after(time::now(), self.limit))
                }
                Progress::NotSent | Progress::Sending(_) => None,
                Progress::Sent(until) => Some(until),
            };
            K::deferred(engine).release(self.id, until);
        });
    }
}
