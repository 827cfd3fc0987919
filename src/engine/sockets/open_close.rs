//! Opening, closing, and the question whether a socket exists (2.1.4 to 2.1.6).

use core::net::{IpAddr, Ipv6Addr};

use embassy_time::Duration;

use super::request::Target;
use super::slot::{Phase, Slot, StateCheck};
#[cfg(feature = "keep-alive")]
use crate::at::ServiceType;
use crate::at::{
    AccessMode, CloseSocket, ContextType, ErrorCode, Host, OpenSocket, Prefix, QuerySocket,
    SocketState, Text,
};
use crate::config::Config;
use crate::engine::effect::Effect;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::Job;
use crate::engine::exchange::outcome::{Answer, Outcome};
use crate::engine::exchange::transaction::{CommandBuffer, Transaction};
use crate::engine::round::Round;
use crate::error::Error;
use crate::util::time::after;

/// The address to bind to on firmware that refuses the IPv4 form on an IPv6 context.
const IPV6_LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// The last connectID of modules that have six.
const LAST_ID_OF_SOME: u8 = 5;

/// How long AT+QICLOSE may take besides the timeout that is its argument. That is more than the note allows.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// How long the answer to AT+QICLOSE may take.
pub(crate) fn close_time(config: &Config<'_>) -> Duration {
    CLOSE_TIME + Duration::from_secs(config.close_timeout.unwrap_or_default().into())
}

impl Slot<'_> {
    // ---- AT+QIOPEN (2.1.4) ---------------------------------------------------------------------------------------

    /// The open that is due, on the connectID that the scheduler has chosen, unless a pause after a refusal is due first.
    pub(super) fn next_open(&mut self, round: &mut Round<'_>) -> Option<Job> {
        if let Some(until) = self.reopen.retries.begin_pause(round.env.now) {
            self.not_before = until;
        }
        if !round.is_due(self.not_before) {
            return None;
        }
        #[cfg(feature = "keep-alive")]
        if self.endpoint.service == ServiceType::Tcp
            && round
                .keep_alive
                .due(self.keep_alive, &round.env.config)
                .is_some()
        {
            return Some(Job::KeepAlive(self.key));
        }
        self.phase = Phase::Opening;
        if !self.is_reopening() {
            self.deadline = after(round.env.now, self.connect_time);
        }
        self.receive.recheck.cancel();
        Some(Job::Open(self.key))
    }

    /// `None` only if the host name in the transmit ring is no text, which [`Request`](super::request::Request) excludes.
    pub(crate) fn open(&self, config: &Config<'_>, to: CommandBuffer<'_>) -> Option<Transaction> {
        let (host, remote_port) = match self.endpoint.target {
            Target::Address(address) => (Host::Address(address.ip()), address.port()),
            Target::Name(port) => (Host::Name(Text::known(self.target_name()?)), port),
            #[cfg(any(feature = "server", feature = "udp"))]
            Target::None if self.reopen.binds_v6 => (Host::Address(IPV6_LOCAL), 0),
            #[cfg(any(feature = "server", feature = "udp"))]
            Target::None => (Host::NONE, 0),
        };
        let access_mode = if self.is_listener() {
            // Accepted connections are in buffer access mode then, in both readings of the note. The mode that the user
            // wants follows with AT+QISWTMD.
            AccessMode::Buffer
        } else {
            self.access_mode()
        };
        let command = OpenSocket {
            context: config.context,
            connect_id: self.id,
            service: self.endpoint.service(),
            host,
            remote_port,
            local_port: self.endpoint.local_port,
            access_mode,
        };
        let transaction = to.write(&command).asking_reason();
        #[cfg(feature = "transparent")]
        if access_mode == AccessMode::Transparent {
            return Some(transaction.within(self.connect_time).with_connect());
        }
        Some(transaction)
    }

    /// The host name of the connection.
    pub(crate) fn target_name(&self) -> Option<&str> {
        // It lies in one piece, because the ring was empty before.
        let (name, _) = self.tx.pieces(0);
        core::str::from_utf8(name).ok()
    }

    /// The command was answered. Its result comes as a URC.
    pub(crate) fn open_done(&mut self, outcome: &Outcome, env: &Environment<'_>) -> Effect {
        match *outcome {
            // The result came before the final result code.
            _ if self.phase != Phase::Opening => Effect::None,
            Outcome::Done(_) => Effect::None,
            #[cfg(feature = "transparent")]
            Outcome::NoAnswer if self.access_mode() == AccessMode::Transparent => {
                self.on_open_failed(Error::TimedOut, false);
                Effect::LineSuspect
            }
            // The module may have received the command: ask for the state.
            Outcome::NoAnswer | Outcome::SendFail => {
                self.receive.recheck.start(env.now);
                Effect::None
            }
            Outcome::Refused(reason)
                if self.id.get() > LAST_ID_OF_SOME
                    && (reason.is_bad_parameter() || reason.code() == ErrorCode::UNSPECIFIED) =>
            {
                let repeats = self.reopen.use_immediate_retry();
                self.on_open_failed(Error::from_code(reason.code()), repeats);
                Effect::IdRefused
            }
            Outcome::Refused(reason) => self.on_open_refused(reason.code(), &env.config),
        }
    }

    /// The open failed with this code, as the answer to the command or as its result URC.
    pub(crate) fn on_open_refused(&mut self, code: ErrorCode, config: &Config<'_>) -> Effect {
        let error = Error::from_code(code);
        let repeats = match code {
            ErrorCode::ID_IN_USE => self.reopen.use_immediate_retry(),
            // If the same open has worked before, 552 does not mean bad parameters (quirks 41 and 47).
            ErrorCode::INVALID_PARAMETERS if self.reopen.is_known_good => {
                self.reopen.retries.count_failure()
            }
            ErrorCode::UNSPECIFIED
            | ErrorCode::INVALID_PARAMETERS
            | ErrorCode::SOCKET_CREATION
            | ErrorCode::BIND
                if self.endpoint.has_no_peer()
                    && config.context_type != ContextType::Ipv4
                    && !self.reopen.binds_v6 =>
            {
                self.reopen.binds_v6 = true;
                self.reopen.use_immediate_retry()
            }
            _ => self.reopen.retries.count_refusal(code),
        };
        self.on_open_failed(error, repeats);
        Effect::of(error)
    }

    // ---- AT+QICLOSE (2.1.5) --------------------------------------------------------------------------------------

    pub(crate) fn close(&self, config: &Config<'_>, to: CommandBuffer<'_>) -> Transaction {
        let command = CloseSocket {
            connect_id: self.id,
            timeout: config.close_timeout,
        };
        to.write(&command).within(close_time(config))
    }

    pub(crate) fn close_done(&mut self, outcome: &Outcome) -> Effect {
        match *outcome {
            // The module has given the connectID to another connection meanwhile.
            _ if self.phase != Phase::Closing => Effect::None,
            Outcome::Done(_) | Outcome::SendFail => self.free_id(),
            // AT+QISTATE shows whether the connectID is not in use, or the close was really refused or lost (quirk 33).
            Outcome::Refused(_) | Outcome::NoAnswer => {
                self.state_check = StateCheck::AfterClose;
                Effect::None
            }
        }
    }

    /// The module has freed the connectID.
    fn free_id(&mut self) -> Effect {
        self.detach_id();
        Effect::IdFreed
    }

    /// The socket ends, and the module may still hold the connectID.
    pub(super) fn orphan_id(&mut self) -> Effect {
        self.detach_id();
        Effect::IdOrphaned
    }

    // ---- AT+QISTATE=1,<connectID> (2.1.6) ------------------------------------------------------------------------

    pub(crate) fn status(&self, to: CommandBuffer<'_>) -> Transaction {
        let command = QuerySocket {
            connect_id: self.id,
        };
        to.write(&command).answered_by(Prefix::Sockets)
    }

    pub(crate) fn status_done(&mut self, outcome: &Outcome) -> Effect {
        if outcome.is_no_answer() {
            // Asked again when the module is back.
            return Effect::None;
        }
        let check = core::mem::replace(&mut self.state_check, StateCheck::NotDue);
        let is_after_close = check == StateCheck::AfterClose;
        let state = match *outcome {
            Outcome::Done(Answer::Socket(state)) => Some(state),
            Outcome::Done(_) => None,
            // AT+QISTATE was refused too: the connectID has to be closed before it is used again.
            _ if self.phase == Phase::Closing && is_after_close => {
                return self.orphan_id();
            }
            _ => return Effect::None,
        };
        // Without a re-check the URC of the end can be on its way.
        let is_loss = self.phase == Phase::Opening || self.receive.recheck.in_progress;
        match (self.phase, state) {
            // A client whose state is 2 or 3 can be used (quirk 30).
            (Phase::Opening, Some(SocketState::Connected | SocketState::Listening)) => {
                self.on_opened();
                // The URC about data may be lost together with the result.
                self.receive.mark_readable();
            }
            // Opened and closed, and both URCs are lost.
            (Phase::Opening, Some(SocketState::Closing)) => {
                self.on_opened();
                self.on_closed_by_peer();
            }
            // The command was lost, as the first one after a sleep can be (quirk 124), or the result was an error.
            (Phase::Opening, None) => {
                let repeats = self.reopen.use_immediate_retry();
                self.on_open_failed(Error::Module(ErrorCode::UNSPECIFIED), repeats);
            }
            // The module has dropped the connection without a URC. AT+QICLOSE is sent anyway.
            (Phase::Open, None) => self.fail(Error::ConnectionReset),
            (Phase::Open, Some(SocketState::Closing)) => self.on_closed_by_peer(),
            // Before AT+QICLOSE was sent this may be a late `OK`: it is sent anyway.
            (Phase::Closing, None) if is_after_close => return self.free_id(),
            (Phase::Closing, Some(_)) if is_after_close && self.count_close_refusal() => {
                return self.orphan_id();
            }
            _ => return Effect::None,
        }
        if is_loss { Effect::Loss } else { Effect::None }
    }
}
