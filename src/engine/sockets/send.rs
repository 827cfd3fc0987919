//! Sending: when to send, what the results mean, and the bytes between the user and the transmit ring (2.1.7).

use core::task::Poll;

use embassy_time::Instant;

use super::slot::{Phase, Slot};
use super::transfer::{Acknowledge, Pause};
use crate::at::{ErrorCode, Prefix, QuerySentData, SendData, SendLength};
use crate::engine::effect::Effect;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::refusal::{self, Retries};
use crate::engine::round::Round;
use crate::error::Error;
use crate::util::time::{after, get_or_set};
use embassy_time::Duration;

/// Bytes that one AT+QISEND takes at most.
const MAX_SEND_LENGTH: usize = SendLength::MAX.get() as usize;
/// How long the module may take to its prompt.
const PROMPT_TIME: Duration = Duration::from_secs(10);

impl Slot<'_> {
    // ---- AT+QISEND=<connectID>,<send_length> (2.1.7) -------------------------------------------------------------

    /// How many bytes to send now, if a send is due.
    #[inline(never)] // Large; figures in `engine/mod.rs`.
    pub(super) fn send_due(&mut self, round: &mut Round<'_>) -> Option<u16> {
        if self.phase != Phase::Open || self.tx.is_empty() {
            return None;
        }
        round.look_again(self.deadline);
        if self.send.unconfirmed.is_some() {
            return None;
        }
        if !round.is_due(self.not_before) {
            return None;
        }
        #[cfg(feature = "udp")]
        if self.is_datagram() {
            return self.datagram_to_send().map(|(length, _)| length);
        }
        Some(self.tx.len().min(MAX_SEND_LENGTH) as u16)
    }

    /// The send that is due. Before it the module's count is asked for if the host's own is stale.
    pub(super) fn begin_send(&mut self, length: u16) -> Job {
        let key = self.key;
        if self.send.takes_count_first() {
            return Job::CountSent(key);
        }
        self.on_send_begun();
        self.send.in_progress = true;
        Job::Send { key, length }
    }

    /// Where in the transmit ring the payload of the next send begins.
    pub(crate) const fn payload_offset(&self) -> usize {
        #[cfg(feature = "udp")]
        if self.is_datagram() {
            return super::datagram::HEADER;
        }
        0
    }

    pub(crate) fn send(&self, length: u16, to: CommandBuffer<'_>) -> Transaction {
        let length = SendLength::nearest(length.into());
        let connect_id = self.id;
        #[cfg(feature = "udp")]
        if let Some((_, Some(peer))) = self.datagram_to_send().filter(|_| self.is_datagram()) {
            let command = crate::at::SendDatagram {
                connect_id,
                length,
                address: crate::at::Address(peer.ip()),
                port: peer.port(),
            };
            return Self::with_payload(to.write(&command));
        }
        Self::with_payload(to.write(&SendData { connect_id, length }))
    }

    const fn with_payload(transaction: Transaction) -> Transaction {
        transaction
            .within(PROMPT_TIME)
            .with_prompt()
            .asking_reason()
    }

    pub(crate) fn send_done(
        &mut self,
        length: u16,
        outcome: &Outcome,
        env: &Environment<'_>,
    ) -> Effect {
        self.send.in_progress = false;
        match *outcome {
            Outcome::Done(_) => self.on_sent(length, env),
            // The module's buffer is full; the chunk may have left the module all the same (quirk 56). Without an answer it
            // may have been taken or not. The module is asked for its count at once; only the next send waits for the pause.
            Outcome::SendFail | Outcome::NoAnswer => {
                self.send.unconfirmed = Some(length);
                self.begin_send_pause(env);
            }
            Outcome::Refused(reason) => {
                return self.on_send_refused(reason.code(), length, env);
            }
        }
        Effect::None
    }

    fn on_send_refused(&mut self, code: ErrorCode, length: u16, env: &Environment<'_>) -> Effect {
        // The peer has closed: what it sent before can still be read.
        if self.phase == Phase::Draining {
            self.wake_writers();
            return Effect::None;
        }
        let error = Error::from_code(code);
        let may_be_gone = matches!(
            code,
            ErrorCode::UNSPECIFIED
                | ErrorCode::INVALID_PARAMETERS
                | ErrorCode::WRITE
                | ErrorCode::SOCKET_CLOSED
        );
        match error {
            Error::Link(_) => self.fail(error),
            #[cfg(feature = "udp")]
            _ if self.is_datagram() => {
                // 552 may concern this destination only (quirk 115).
                if may_be_gone && code != ErrorCode::INVALID_PARAMETERS {
                    self.check_state();
                }
                return self.repeat_or_drop(refusal::can_pass(code), env);
            }
            _ if refusal::can_pass(code) => self.begin_send_pause(env),
            // AT+QISTATE shows whether the connection exists. If the peer has closed it, what it sent before can still be read.
            _ if may_be_gone => {
                self.check_state();
                self.send.unconfirmed = Some(length);
                self.begin_send_pause(env);
            }
            _ => self.fail(error),
        }
        Effect::of(error)
    }

    /// The next try comes after a pause, and the connection fails if there is no progress until its deadline.
    fn begin_send_pause(&mut self, env: &Environment<'_>) {
        self.not_before = self.send.retry.begin(env.now);
        if !self.is_datagram() {
            get_or_set(&mut self.deadline, after(env.now, env.config.send_time));
        }
    }

    /// The module has not taken the oldest datagram. It is sent again if that makes sense, and dropped if not.
    #[cfg(feature = "udp")]
    fn repeat_or_drop(&mut self, repeats: bool, env: &Environment<'_>) -> Effect {
        if repeats && self.send.retries.count_failure() {
            if let Some(until) = self.send.retries.begin_pause(env.now) {
                self.not_before = until;
            }
            return Effect::None;
        }
        self.drop_oldest_datagram();
        Effect::DatagramDropped
    }

    #[cfg(feature = "udp")]
    fn drop_oldest_datagram(&mut self) {
        self.discard_datagram();
        self.send.unconfirmed = None;
        self.send.retries = Retries::NEW;
        self.not_before = Instant::MIN;
        self.wake_writers();
    }

    /// The module has accepted `count` bytes.
    fn on_sent(&mut self, count: u16, env: &Environment<'_>) {
        self.discard_sent(count);
        self.send.accepted = self.send.accepted.wrapping_add(count.into());
        self.send.unconfirmed = None;
        if count > 0 {
            self.send.retry = Pause::SHORTEST;
            self.send.retries = Retries::NEW;
            self.not_before = Instant::MIN;
            self.restart_deadline(env);
        }
        self.wake_writers();
    }

    fn discard_sent(&mut self, count: u16) {
        #[cfg(feature = "udp")]
        if self.is_datagram() {
            if count > 0 {
                self.discard_datagram();
            }
            return;
        }
        self.tx.discard(count.into());
    }

    /// The runner has written `count` bytes of the transmit ring to the UART as they are.
    #[cfg(feature = "transparent")]
    pub(crate) fn on_written_raw(&mut self, count: usize) {
        self.send.accepted = self.send.accepted.wrapping_add(count as u32);
        self.tx.discard(count);
        self.wake_writers();
    }

    // ---- AT+QISEND=<connectID>,0 (2.1.7): how many bytes the module has accepted, and the peer acknowledged -------

    pub(crate) fn count_sent(&self, to: CommandBuffer<'_>) -> Transaction {
        to.write(&QuerySentData {
            connect_id: self.id,
        })
        .needs(Prefix::Sent)
        .asking_reason()
    }

    pub(crate) fn count_sent_done(&mut self, outcome: &Outcome, env: &Environment<'_>) -> Effect {
        match *outcome {
            Outcome::Done(Answer::Sent {
                total,
                all_acknowledged,
            }) => {
                #[cfg(feature = "transparent")]
                if core::mem::take(&mut self.send.count_is_stale) && self.send.unconfirmed.is_none()
                {
                    self.send.accepted = total;
                }
                let effect = self.on_count_sent(total, env);
                if self.tx.is_empty() {
                    self.on_acknowledged(all_acknowledged, env);
                }
                return effect;
            }
            Outcome::Refused(reason) if self.send.retries.count_refusal(reason.code()) => {
                self.send.count_at = self.send.retries.begin_pause(env.now).unwrap_or(env.now);
            }
            Outcome::Refused(_) if self.phase != Phase::Open => {
                self.send.unconfirmed = None;
                self.on_acknowledge_failed();
            }
            // It is not known whether it has left.
            #[cfg(feature = "udp")]
            Outcome::Refused(_) if self.is_datagram() => {
                self.on_acknowledge_failed();
                if self.send.unconfirmed.is_some() {
                    self.drop_oldest_datagram();
                    return Effect::DatagramDropped;
                }
            }
            // Some firmware has no counts before the first byte (quirk 130), and none was written.
            Outcome::Refused(_) if self.send.accepted == 0 && self.send.is_unwritten => {
                self.check_state();
                return self.on_count_sent(0, env);
            }
            Outcome::Refused(_) => self.fail(Error::ConnectionReset),
            Outcome::NoAnswer | Outcome::Done(_) | Outcome::SendFail => {}
        }
        Effect::None
    }

    /// Total accepted since the open, after a chunk with unknown result.
    fn on_count_sent(&mut self, total: u32, env: &Environment<'_>) -> Effect {
        let Some(length) = self.send.unconfirmed.take() else {
            return Effect::None;
        };
        let taken = u16::try_from(total.wrapping_sub(self.send.accepted));
        match taken {
            #[cfg(feature = "udp")]
            Ok(0) if self.is_datagram() => return self.repeat_or_drop(true, env),
            // If it took nothing, the pause before the next try has begun already.
            Ok(taken) if taken <= length && (taken == 0 || !self.send.is_unwritten) => {
                self.on_sent(taken, env);
            }
            #[cfg(feature = "udp")]
            _ if self.is_datagram() => {
                self.send.accepted = total;
                self.drop_oldest_datagram();
                return Effect::DatagramDropped;
            }
            // An impossible count: neither sending again nor going on would be right.
            _ => self.fail(Error::DataLost),
        }
        Effect::None
    }

    fn on_acknowledged(&mut self, all: bool, env: &Environment<'_>) {
        if all {
            self.send.acknowledge = Acknowledge::Complete;
            self.wake_writers();
        }
        let Acknowledge::Wanted { not_before, pause } = &mut self.send.acknowledge else {
            return;
        };
        if self.phase != Phase::Open && pause.is_longest() {
            self.on_acknowledge_failed();
        } else {
            *not_before = pause.begin(env.now);
        }
    }

    /// What the peer has acknowledged will not be known.
    fn on_acknowledge_failed(&mut self) {
        if self.send.is_ack_query_active() {
            self.send.acknowledge = Acknowledge::Missing;
        }
        self.wake_writers();
    }

    /// Whether a user waits for what the peer acknowledges, or will ask for it, and can learn it.
    pub(super) fn may_query_ack(&self) -> bool {
        self.send.is_ack_query_active()
            && self.send.accepted > 0
            && self.has_handle()
            // Nobody asks after the user has closed it; who turns the link off may wait.
            && !matches!(self.close.write_end, Some(Error::Closed))
            && self.tx.is_empty()
            && self.fault.is_none()
    }

    /// Whether to ask how much the peer has acknowledged.
    pub(super) fn is_ack_query_due(&self, round: &mut Round<'_>) -> bool {
        match self.send.acknowledge {
            Acknowledge::Wanted { not_before, .. } if self.may_query_ack() => {
                round.is_due(not_before.max(self.send.count_at))
            }
            _ => false,
        }
    }

    // ---- from the user into the ring -----------------------------------------------------------------------------

    /// Fails if nothing can be written.
    #[inline(never)] // Many callers; figures in `engine/mod.rs`.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Open if !self.is_write_ended() => self.fault.map_or(Ok(()), Err),
            _ => Err(self.end_reason()),
        }
    }

    /// Fails if what was written is not being sent any more.
    fn check_sending(&self) -> Result<(), Error> {
        if self.phase == Phase::Open && self.fault.is_none() {
            Ok(())
        } else {
            self.check_writable()
        }
    }

    /// Copies bytes into the transmit ring. Returns how many; pending while the ring is full.
    pub(crate) fn poll_write(&mut self, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        self.check_writable()?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.send.on_written();
        let count = self.tx.push(bytes);
        if count == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(count))
    }

    /// Calls `write` with the room in the transmit ring, as far as it lies in one piece. So many bytes of it as that returns are to be
    /// sent. Pending while the ring is full.
    pub(crate) fn poll_write_with<R>(
        &mut self,
        write: &mut Option<impl FnOnce(&mut [u8]) -> (usize, R)>,
    ) -> Poll<Result<R, Error>> {
        self.check_writable()?;
        let room = self.tx.room_mut();
        let most = room.len();
        let Some(write) = write.take_if(|_| most > 0) else {
            return Poll::Pending;
        };
        let (count, result) = write(room);
        self.tx.extend(count.min(most));
        self.send.on_written();
        Poll::Ready(Ok(result))
    }

    /// Ready when the module has accepted everything that was written, whatever became of the connection then.
    pub(crate) fn poll_flush(&mut self) -> Poll<Result<(), Error>> {
        if self.tx.is_empty() && self.has_opened {
            return Poll::Ready(Ok(()));
        }
        // The peer has closed while a chunk is being sent.
        let is_undecided = self.phase == Phase::Draining && self.send.is_undecided();
        if !is_undecided {
            self.check_sending()?;
        }
        Poll::Pending
    }

    /// Ready when the peer has acknowledged everything that was written.
    pub(crate) fn poll_acknowledged(&mut self) -> Poll<Result<(), Error>> {
        let is_complete = self.send.acknowledge == Acknowledge::Complete || self.send.accepted == 0;
        if is_complete && self.tx.is_empty() && self.has_opened {
            return Poll::Ready(Ok(()));
        }
        // The module knows it as long as it holds the connectID.
        let is_known = matches!(self.phase, Phase::Draining | Phase::Closing)
            && (self.tx.is_empty() || self.send.is_undecided())
            && self.send.acknowledge != Acknowledge::Missing
            && self.fault.is_none();
        if !is_known {
            self.check_sending()?;
        }
        if !self.send.is_ack_query_active() {
            self.send.begin_acknowledge();
        }
        Poll::Pending
    }
}
