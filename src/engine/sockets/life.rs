//! The life of a socket: what takes it from one phase to the next, and what its users learn of that.

use embassy_time::Duration;

use super::reopen::ReopenStage;
use super::slot::{Owner, Phase, Slot, StateCheck};
use crate::engine::effect::Effect;
use crate::engine::environment::Environment;
use crate::error::Error;
use crate::util::log::debug;
use crate::util::time::{NEVER, after};

/// A closing connection that makes no send progress for this long is closed, and the rest is discarded.
const LINGER: Duration = Duration::from_secs(10);
/// How often AT+QICLOSE is sent for a socket, if it is refused.
const CLOSE_TRIES: u8 = 3;
/// After this many transactions in a row without an answer a socket is given up.
const MOST_UNANSWERED: u8 = 4;

impl Slot<'_> {
    /// The module has opened the socket.
    pub(crate) fn on_opened(&mut self) {
        if self.phase == Phase::Opening {
            debug!("connectID {:?} open", self.id);
            self.phase = Phase::Open;
            self.has_opened = true;
            self.deadline = NEVER;
            // The host name.
            self.tx.clear();
            self.receive.recheck.cancel();
            self.wake();
        }
    }

    /// The open failed, and is repeated or not. Its connectID may be taken all the same, so that a close follows in any case.
    #[inline(never)] // Many callers.
    pub(crate) fn on_open_failed(&mut self, error: Error, repeats: bool) {
        if self.phase != Phase::Opening {
            return;
        }
        self.phase = Phase::Closing;
        if repeats && self.has_handle() {
            self.reopen.stage = ReopenStage::AfterClose;
        } else {
            self.fail(error);
        }
    }

    /// The connection cannot go on. What was received before can still be read.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.fault.is_none() && !self.receive.ended {
            debug!("connectID {:?} failed: {:?}", self.id, error);
            self.fault = Some(error);
        }
        match self.phase {
            Phase::Wanted => self.phase = Phase::Closed,
            _ if self.uses_id() => self.phase = Phase::Closing,
            _ => {}
        }
        self.cancel_reopen();
        self.wake();
    }

    pub(super) fn cancel_reopen(&mut self) {
        self.reopen.stage = ReopenStage::None;
    }

    /// The time of an open, or of a send that makes no progress, is over.
    pub(super) fn on_deadline(&mut self) {
        self.deadline = NEVER;
        let repeats = self.reopen.stage != ReopenStage::None;
        match self.phase {
            Phase::Opening | Phase::Open => self.fail(Error::TimedOut),
            Phase::Wanted | Phase::Closing if repeats => self.fail(Error::TimedOut),
            _ => {}
        }
    }

    /// A transaction of the socket has ended with this effect. A socket whose commands are not answered fails alone: the module
    /// answers others.
    pub(crate) fn after_transaction(&mut self, is_answered: bool, effect: Effect) -> Effect {
        self.unanswered += 1;
        if is_answered {
            self.unanswered = 0;
        } else if self.unanswered >= MOST_UNANSWERED {
            self.unanswered = 0;
            if self.phase == Phase::Closing {
                return self.orphan_id();
            }
            self.fail(Error::TimedOut);
        }
        effect
    }

    /// All connections are lost.
    pub(crate) fn on_all_connections_lost(&mut self, error: Error) {
        match self.phase {
            Phase::Free | Phase::Closed => {}
            // AT+QIOPEN was not sent: it can wait until the link is back.
            Phase::Wanted if self.has_handle() => {}
            _ => {
                self.fail(error);
                self.detach_id();
            }
        }
    }

    /// The peer, or the network, has closed the connection.
    pub(crate) fn on_closed_by_peer(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
            #[cfg(feature = "push")]
            {
                self.mode.wanted = None;
                if self.is_pushed_stream() {
                    // Only the module's count tells of a push that was lost whole.
                    self.receive.require_count_check(false);
                }
            }
            // Pushed data came before the URC. What the module still holds has to be read.
            self.receive.mark_readable();
            if !self.is_datagram() {
                self.send.on_closed_by_peer();
            }
            self.state_check = StateCheck::NotDue;
            self.wake();
        }
    }

    /// The module has no more data of a connection that the peer has closed.
    pub(crate) fn on_end_of_stream(&mut self) {
        self.receive.may_have_data = false;
        self.receive.ended = true;
        self.phase = Phase::Closing;
        self.wake();
    }

    /// The socket does not use its connectID any more: opens again, keeps what was received, or frees the slot.
    pub(crate) fn detach_id(&mut self) {
        debug!("connectID {:?} closed", self.id);
        if (self.reopen.stage, self.owner) == (ReopenStage::AfterClose, Owner::Handle) {
            self.reopen.stage = ReopenStage::Repeating;
            self.close.refusals = 0;
            self.phase = Phase::Wanted;
            // What came before the failure was pushed to another connection, which had the connectID.
            self.rx.clear();
            self.reset_connection(self.access_mode());
        } else if self.is_kept() {
            self.phase = Phase::Closed;
        } else {
            self.phase = Phase::Free;
        }
        self.wake();
    }

    /// Counts a refused AT+QICLOSE whose connectID still exists. Returns whether it was the last try.
    pub(crate) const fn count_close_refusal(&mut self) -> bool {
        self.close.refusals += 1;
        self.close.refusals >= CLOSE_TRIES
    }

    /// The user has dropped the handle. What was written is still sent.
    pub(crate) fn release(&mut self, env: &Environment<'_>) {
        self.owner = Owner::Nobody;
        self.cancel_reopen();
        match self.phase {
            Phase::Wanted | Phase::Closed => self.phase = Phase::Free,
            Phase::Open => self.close_when_sent(env),
            Phase::Opening | Phase::Draining => self.phase = Phase::Closing,
            Phase::Free | Phase::Closing => {}
        }
    }

    /// The user has dropped the handle, and what was not sent with it.
    pub(crate) fn abort(&mut self, error: Error) {
        let is_unknown_to_module = matches!(self.phase, Phase::Wanted | Phase::Closed);
        self.fail(error);
        if is_unknown_to_module {
            self.phase = Phase::Free;
        }
        self.owner = Owner::Nobody;
    }

    /// No more writes: closes as soon as the transmit ring is empty.
    pub(crate) fn close_when_sent(&mut self, env: &Environment<'_>) {
        self.end(Error::Closed, env);
    }

    pub(super) fn end(&mut self, reason: Error, env: &Environment<'_>) {
        if self.close.write_end.is_none() {
            self.close.write_end = Some(reason);
            self.restart_deadline(env);
        }
    }

    /// The link goes down, for this reason: closes as soon as the transmit ring is empty.
    #[cfg(feature = "link-control")]
    pub(crate) fn close_for(&mut self, reason: Error, env: &Environment<'_>) {
        match self.phase {
            Phase::Open => self.end(reason, env),
            Phase::Wanted | Phase::Opening => self.fail(reason),
            Phase::Closing if self.reopen.stage != ReopenStage::None => self.fail(reason),
            Phase::Draining | Phase::Closing | Phase::Closed | Phase::Free => {}
        }
        self.wake();
    }

    /// Send progress: restarts the deadline of a closing connection, and clears that of a send.
    pub(crate) fn restart_deadline(&mut self, env: &Environment<'_>) {
        self.deadline = if self.is_write_ended() {
            after(env.now, LINGER)
        } else {
            NEVER
        };
    }
}
