//! Access modes other than buffer mode, and changes between modes on a live socket (1.2, 2.1.10).

#[cfg(feature = "transparent")]
pub(crate) mod end_marker;
#[cfg(feature = "transparent")]
pub(crate) mod escape_guard;
pub(crate) mod mode;
pub(crate) mod push;
#[cfg(feature = "transparent")]
pub(crate) mod transparent;

use core::task::Poll;

use self::mode::{DataMode, Meaning};
use crate::at::{AccessMode, ResumeDataMode, ServiceType, SwitchAccessMode};
use crate::engine::effect::Effect;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::Outcome;
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::refusal::Retries;
use crate::engine::round::Round;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;

impl Slot<'_> {
    // ---- AT+QISWTMD=<connectID>,<access_mode> (2.1.10), ATO ------------------------------------------------------

    /// The next step on the way to another access mode: first a read of what the module holds in the present one, as far
    /// as there is room.
    pub(crate) fn next_switch(&mut self, mode: AccessMode, round: &mut Round<'_>) -> Option<Job> {
        let key = self.key;
        if let Some(until) = self.mode.retries.begin_pause(round.env.now) {
            self.not_before = until;
        }
        if !round.is_due(self.reads_not_before().max(self.not_before)) {
            return None;
        }
        if let Some(read) = self.read_before_switch() {
            return Some(read);
        }
        #[cfg(feature = "transparent")]
        if self.mode.data_mode == DataMode::Resume {
            return Some(Job::Resume(key));
        }
        Some(Job::Switch { key, mode })
    }

    pub(crate) fn switch(&self, mode: AccessMode, to: CommandBuffer<'_>) -> Transaction {
        let command = SwitchAccessMode {
            connect_id: self.id,
            access_mode: mode,
        };
        let transaction = to.write(&command).asking_reason();
        #[cfg(feature = "transparent")]
        if mode == AccessMode::Transparent {
            return transaction.with_connect();
        }
        transaction
    }

    #[cfg(feature = "transparent")]
    pub(crate) fn resume(to: CommandBuffer<'_>) -> Transaction {
        to.write(&ResumeDataMode).with_connect()
    }

    /// The change is answered. Its success takes effect earlier, at the line end of the final result code
    /// ([`set_mode`](Self::set_mode)).
    pub(crate) fn switch_done(&mut self, outcome: &Outcome) -> Effect {
        match *outcome {
            Outcome::Done(_) | Outcome::SendFail => Effect::None,
            // The mode is not known, and neither is whose the bytes on the UART are.
            Outcome::NoAnswer => {
                self.fail(Error::DataLost);
                Effect::LineSuspect
            }
            Outcome::Refused(_)
                if self.mode.wanted == Some(AccessMode::Transparent)
                    && self.mode.data_mode == DataMode::Left =>
            {
                self.mode.data_mode = DataMode::Resume;
                Effect::None
            }
            Outcome::Refused(reason) if self.mode.retries.count_refusal(reason.code()) => {
                Effect::None
            }
            Outcome::Refused(reason) => {
                self.end_resume();
                self.mode.wanted = None;
                self.mode.refused = Some(reason.code());
                // The connection may be closed.
                self.check_state();
                self.wake_writers();
                Effect::of(Error::from_code(reason.code()))
            }
        }
    }

    fn end_resume(&mut self) {
        if self.mode.data_mode == DataMode::Resume {
            self.mode.data_mode = DataMode::Left;
        }
    }

    /// The module has changed to another access mode, other than the transparent one.
    pub(crate) fn set_mode(&mut self, mode: AccessMode) {
        if self.mode.current != AccessMode::Buffer {
            self.receive.mark_count_stale();
        }
        #[cfg(feature = "transparent")]
        if self.mode.current == AccessMode::Transparent {
            self.send.mark_count_stale();
            self.mode.data_mode = DataMode::Left;
        }
        self.mode.current = mode;
        self.mode.wanted = None;
        self.mode.is_unsettled = true;
        self.end_resume();
        // The module may hold data that it did not pass on in the old mode.
        if !self.is_write_ended() {
            self.receive.mark_readable();
        }
        self.wake_writers();
    }

    /// What a `recv` URC with a length is. `may_be_late`: it may be for the connection that had the connectID before.
    pub(crate) fn meaning_of_length(&self, may_be_late: bool) -> Meaning {
        match self.mode.current {
            // The mode of a listener is for the connections that it accepts.
            _ if self.is_listener() => Meaning::Notice,
            AccessMode::Transparent => Meaning::Notice,
            _ if self.mode.is_unsettled => Meaning::Unknown,
            AccessMode::DirectPush if may_be_late && self.receive.count == 0 => Meaning::Unknown,
            // Pushed data comes before `closed`.
            AccessMode::DirectPush if self.phase == Phase::Draining => Meaning::Unknown,
            AccessMode::DirectPush => Meaning::Header,
            AccessMode::Buffer => Meaning::Notice,
        }
    }

    // ---- the user ------------------------------------------------------------------------------------------------

    /// The user wants another access mode.
    pub(crate) fn want_mode(&mut self, mode: AccessMode) -> Result<(), Error> {
        let is_tcp = matches!(
            self.endpoint.service,
            ServiceType::Tcp | ServiceType::TcpIncoming
        );
        if mode == AccessMode::Transparent && !(cfg!(feature = "transparent") && is_tcp) {
            return Err(Error::Unsupported);
        }
        self.mode.refused = None;
        self.mode.retries = Retries::NEW;
        self.mode.suspended = false;
        self.mode.wanted = Some(mode).filter(|_| mode != self.mode.current);
        Ok(())
    }

    /// Whether the user has asked for this access mode, and has not learnt what became of it.
    pub(crate) fn is_changing_mode(&self, mode: AccessMode) -> bool {
        let is_wanted = self.mode.wanted == Some(mode) && !self.mode.suspended;
        is_wanted || self.mode.refused.is_some()
    }

    /// Ready when the module has changed to the access mode that was asked for last.
    pub(crate) fn poll_mode(&mut self) -> Poll<Result<(), Error>> {
        if let Some(code) = self.mode.refused.take() {
            return Poll::Ready(Err(Error::from_code(code)));
        }
        self.check_writable()?;
        if self.mode.wanted.is_none() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl Slot<'_> {
    /// Whether its next transaction can make the UART a data line.
    pub(crate) fn wants_line(&self) -> bool {
        match self.phase {
            Phase::Wanted => self.mode.current == AccessMode::Transparent,
            _ => self.mode.wanted == Some(AccessMode::Transparent),
        }
    }

    /// Another connection wants the UART. Returns whether this socket is no obstacle: its data would follow the `OK` that
    /// ends data mode. A socket in push mode changes to buffer mode for that time.
    pub(crate) fn makes_way(&mut self) -> bool {
        if self.phase == Phase::Opening {
            return false;
        }
        if self.phase != Phase::Open
            || self.mode.current != AccessMode::DirectPush
            || self.is_listener()
        {
            return true;
        }
        self.mode.wanted.get_or_insert(AccessMode::Buffer);
        self.mode.suspended = true;
        false
    }

    /// The UART is free again: back to push mode.
    pub(crate) fn end_suspension(&mut self) {
        if core::mem::take(&mut self.mode.suspended) && self.phase == Phase::Open {
            self.mode.wanted = Some(AccessMode::DirectPush);
        }
    }
}

#[cfg(test)]
mod tests;
