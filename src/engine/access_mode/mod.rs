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

#[cfg(feature = "transparent")]
use self::mode::DataMode;
#[cfg(feature = "transparent")]
use crate::at::ResumeDataMode;
use crate::at::{AccessMode, ServiceType, SwitchAccessMode};
use crate::engine::effect::Effect;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::Outcome;
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
#[cfg(feature = "transparent")]
use crate::engine::sockets::slot::Phase;
use crate::engine::sockets::slot::Slot;
use crate::error::Error;

impl Slot<'_> {
    // ---- AT+QISWTMD=<connectID>,<access_mode> (2.1.10), ATO ------------------------------------------------------

    /// The next step on the way to another access mode: first a read of what the module holds in the present one, as far
    /// as there is room.
    pub(crate) fn next_switch(&mut self, mode: AccessMode) -> Job {
        let key = self.key;
        if let Some(read) = self.read_before_switch() {
            return read;
        }
        #[cfg(feature = "transparent")]
        if self.mode.data_mode == DataMode::Resume {
            return Job::Resume(key);
        }
        Job::Switch { key, mode }
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
            #[cfg(feature = "transparent")]
            Outcome::Refused(_)
                if self.mode.wanted == Some(AccessMode::Transparent)
                    && self.mode.data_mode == DataMode::Left =>
            {
                self.mode.data_mode = DataMode::Resume;
                Effect::None
            }
            Outcome::Refused(reason) => {
                self.end_resume();
                self.mode.wanted = None;
                self.mode.refused = Some(reason.code());
                // The connection may be closed.
                self.state_check_due = true;
                self.wake_writers();
                Effect::of(Error::from_code(reason.code()))
            }
        }
    }

    fn end_resume(&mut self) {
        #[cfg(feature = "transparent")]
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
        self.end_resume();
        // The module may hold data that it did not pass on in the old mode.
        if !self.closes_when_sent() {
            self.receive.on_notice(None);
        }
        self.wake_writers();
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
        #[cfg(feature = "transparent")]
        {
            self.mode.suspended = false;
        }
        self.mode.wanted = Some(mode).filter(|_| mode != self.mode.current);
        Ok(())
    }

    /// Ready when the module has changed to the access mode that was asked for last.
    pub(crate) fn poll_mode(&mut self) -> Poll<Result<(), Error>> {
        if let Some(code) = self.mode.refused.take() {
            return Poll::Ready(Err(Error::from_code(code)));
        }
        if let Some(error) = self.write_error() {
            return Poll::Ready(Err(error));
        }
        if self.mode.wanted.is_none() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

#[cfg(feature = "transparent")]
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
