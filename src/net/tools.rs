//! The module's tools: reachability, time, name servers, settings, and what its sockets are doing.
//!
//! Each is a command of the user's own to the rest of the crate ([`Stack::at`]), with a result of its own where that
//! comes as a URC.

use core::fmt;
use core::future::poll_fn;
use core::net::IpAddr;
use core::task::Poll;

use atat::AtatCmd;
use embassy_time::{Duration, Instant, with_deadline};

use crate::at::{
    Address, ConfigureDns, ConfigureSetting, ConnectId, DateTime, DnsServers, ErrorCode, Host,
    LastError, Ping, PingCount, PingTimeout, QueryDataEcho, QueryDns, QueryLastError, QuerySetting,
    QuerySocket, Setting, SettingKey, SocketStatus, SynchronizeTime,
};
use crate::config::NameServers;
use crate::engine::{
    AtResult, Deferred, Engine, LinkState, PingReply, PingSummary, QueryId, Reason,
};
use crate::error::{Error, LinkError};
use crate::net::{Failure, carry_out, literal};
use crate::stack::Stack;
use crate::util::time::{self, after};

/// How long the result of AT+QNTP may take (section 2.1.12), and a little for the line.
const TIME_LIMIT: Duration = Duration::from_secs(130);

impl<'d> Stack<'d> {
    /// Sends a command and turns its failure into an error of this crate.
    async fn command<Cmd: AtatCmd>(&self, command: &Cmd) -> Result<Cmd::Response, Error> {
        self.command_of(self.owner(), command).await
    }

    async fn command_of<Cmd: AtatCmd>(
        &self,
        owner: u16,
        command: &Cmd,
    ) -> Result<Cmd::Response, Error> {
        match carry_out(self.shared, owner, command, true).await {
            Ok(response) => Ok(response),
            Err(Failure::Command(AtResult::Aborted)) => Err(Error::Link(match self.link_state() {
                LinkState::Down(error) => error,
                _ => LinkError::Restarted,
            })),
            Err(Failure::Command(result)) => Err(Error::from_command(result)),
            // An answer that cannot be read.
            Err(Failure::Answer(_)) => Err(Error::Module(ErrorCode::UNSPECIFIED)),
        }
    }

    fn owner(&self) -> u16 {
        self.shared.with(|engine| engine.at().new_owner())
    }

    /// Pings a host by name or address (AT+QPING, section 2.1.11): `count` requests of 1 to 10, each of which may
    /// take `timeout`, 1 to 255 s. Values outside are taken to the nearest one inside.
    ///
    /// The replies are fetched from the [`Pinging`] as they come, then its summary. One ping runs at a time; another one
    /// waits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], or what the module says to the command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or the [`Pinging`], leaves the module to its requests; the next ping waits for their end.
    pub async fn ping(
        &self,
        host: &str,
        timeout: Duration,
        count: u8,
    ) -> Result<Pinging<'d>, Error> {
        let seconds = PingTimeout::nearest(timeout.as_secs().try_into().unwrap_or(u32::MAX));
        let count = PingCount::nearest(count.into());
        let context = self.shared.with(|engine| engine.config.context);
        let command = Ping::new(context, host_of(host)?)
            .timeout(seconds)
            .count(count);
        let limit = Duration::from_millis(command.max_duration_ms().into());
        let mut question =
            Question::begin(*self, limit, |engine| &mut engine.pings().outstanding).await;
        self.shared
            .with(|engine| engine.pings().begin(count.get() as u8));
        question.ask(&command).await?;
        Ok(Pinging { question })
    }

    /// Asks an NTP server for the time (AT+QNTP, section 2.1.12). `set_clock` sets the module's own clock by it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`], what the module says, [`Error::TimedOut`] after 130 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the module to its question; the next one waits for its end.
    pub async fn ntp(&self, server: &str, set_clock: bool) -> Result<DateTime, Error> {
        let context = self.shared.with(|engine| engine.config.context);
        let command = SynchronizeTime::new(context, host_of(server)?).set_clock(set_clock.into());
        let mut question = Question::begin(*self, TIME_LIMIT, |engine| engine.time()).await;
        question.ask(&command).await?;
        question.end().await
    }

    /// The name servers of the PDP context (AT+QIDNSCFG, section 2.1.13).
    ///
    /// # Errors
    ///
    /// What the module says: it knows none before the link is up.
    pub async fn dns_servers(&self) -> Result<DnsServers, Error> {
        let context = self.shared.with(|engine| engine.config.context);
        self.command(&QueryDns { context }).await
    }

    /// Sets the name servers of the PDP context, now and again after each activation.
    ///
    /// # Errors
    ///
    /// What the module says. The servers are set at the next activation all the same.
    pub async fn set_dns_servers(
        &self,
        primary: IpAddr,
        secondary: Option<IpAddr>,
    ) -> Result<(), Error> {
        let context = self.shared.with(|engine| {
            engine.config.dns = Some(NameServers::new(primary, secondary));
            engine.config.context
        });
        let command = ConfigureDns {
            context,
            primary: Address(primary),
            secondary: secondary.map(Address),
        };
        self.command(&command).await.map(|_| ())
    }

    /// The value of a setting (AT+QICFG, section 2.1.15). `None` if it is not one that the note allows.
    ///
    /// # Errors
    ///
    /// What the module says: not every family knows every setting.
    pub async fn setting(&self, key: SettingKey) -> Result<Option<Setting>, Error> {
        let answer = self.command(&QuerySetting { key }).await?;
        Ok(answer.setting())
    }

    /// Changes a setting (AT+QICFG, section 2.1.15).
    ///
    /// The stack relies on text for `dataformat`, on 0 for `viewmode`, and sets both, as well as `recvind`, whenever the
    /// link comes up.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for `dataformat` in hex and `viewmode` 1, with which no data could be told from the rest;
    /// what the module says.
    pub async fn set_setting(&self, setting: Setting) -> Result<(), Error> {
        use crate::at::{DataFormat, ViewMode};
        let unreadable = match setting {
            Setting::DataFormats { send, receive } => {
                send == DataFormat::Hex || receive == DataFormat::Hex
            }
            Setting::ViewMode(mode) => mode == ViewMode::Comma,
            _ => false,
        };
        if unreadable {
            return Err(Error::Unsupported);
        }
        self.command(&ConfigureSetting { setting })
            .await
            .map(|_| ())
    }

    /// Whether the module echoes payload (AT+QISDE, section 2.1.16). The stack turns it off, and copes if it stays on.
    ///
    /// # Errors
    ///
    /// What the module says.
    pub async fn data_echo(&self) -> Result<bool, Error> {
        let answer = self.command(&QueryDataEcho).await?;
        Ok(answer.echo == crate::at::Switch::On)
    }

    /// What the module says of one of its sockets, the stack's or not (AT+QISTATE, section 2.1.6). `None` if the
    /// connectID is free.
    ///
    /// # Errors
    ///
    /// What the module says.
    pub async fn socket_state(&self, connect_id: ConnectId) -> Result<Option<SocketStatus>, Error> {
        let lines = self.command(&QuerySocket { connect_id }).await?;
        Ok(lines.first().cloned())
    }

    /// What the module says of each of its sockets, in the order of their connectIDs (AT+QISTATE, section 2.1.6).
    ///
    /// # Errors
    ///
    /// What the module says.
    pub async fn socket_states(&self, mut each: impl FnMut(SocketStatus)) -> Result<(), Error> {
        for id in ConnectId::all() {
            if let Some(status) = self.socket_state(id).await? {
                each(status);
            }
        }
        Ok(())
    }

    /// The module's last error, with its own words for it (AT+QIGETERROR, section 2.1.17).
    ///
    /// Of any TCP/IP command, so that it is rarely that of the one in mind: the errors of this crate have the code with
    /// them already.
    ///
    /// # Errors
    ///
    /// What the module says.
    pub async fn last_error(&self) -> Result<LastError, Error> {
        self.command(&QueryLastError).await
    }
}

impl Error {
    /// What a failed command means to the user of a tool.
    fn from_command(result: AtResult) -> Self {
        match result {
            AtResult::Refused(Reason::Code(code)) => Self::from_code(code),
            AtResult::Refused(Reason::Equipment(number)) => Self::Equipment(number),
            AtResult::TimedOut => Self::TimedOut,
            AtResult::Aborted => Self::Link(LinkError::Restarted),
            AtResult::Done | AtResult::TooLong | AtResult::Refused(Reason::None) => {
                Self::Module(ErrorCode::UNSPECIFIED)
            }
        }
    }
}

fn host_of(host: &str) -> Result<Host<'_>, Error> {
    match literal(host) {
        Some(address) => Ok(Host::Address(address)),
        None => Host::name(host).map_err(Error::InvalidName),
    }
}

/// Where the table keeps the result of a kind of question.
type Place<'d, T> = for<'t> fn(&'t mut Engine<'d>) -> &'t mut Deferred<T>;

/// A question whose result comes later.
struct Question<'d, T: Copy + 'static> {
    stack: Stack<'d>,
    of: Place<'d, T>,
    ticket: QueryId,
    /// How long the module may take for the result.
    limit: Duration,
    asked: Asked,
}

/// Whether the module has been asked.
#[derive(Debug, Clone, Copy)]
enum Asked {
    No,
    /// The command is in the hands of its owner: it counts once it is on its way.
    Trying(u16),
    /// It may report until then.
    Until(Instant),
}

impl<'d, T: Copy> Question<'d, T> {
    /// Waits for the end of an earlier question of the same kind.
    async fn begin(stack: Stack<'d>, limit: Duration, of: Place<'d, T>) -> Self {
        let ticket = loop {
            let expiry = stack.shared.with(|engine| of(engine).expiry());
            let begun = poll_fn(|cx| {
                stack.shared.with(|engine| {
                    let outstanding = of(engine);
                    match outstanding.poll_begin(time::now(), cx.waker()) {
                        Poll::Ready(ticket) => Poll::Ready(Some(ticket)),
                        // There is another time to wait until.
                        Poll::Pending if outstanding.expiry() != expiry => Poll::Ready(None),
                        Poll::Pending => Poll::Pending,
                    }
                })
            });
            let begun = match expiry {
                Some(until) => with_deadline(until, begun).await.unwrap_or(None),
                None => begun.await,
            };
            if let Some(ticket) = begun {
                break ticket;
            }
        };
        Self {
            stack,
            of,
            ticket,
            limit,
            asked: Asked::No,
        }
    }

    fn with<R>(&self, access: impl FnOnce(&mut Deferred<T>) -> R) -> R {
        self.stack.shared.with(|engine| access((self.of)(engine)))
    }

    async fn ask<Cmd: AtatCmd>(&mut self, command: &Cmd) -> Result<(), Error> {
        let owner = self.stack.owner();
        self.asked = Asked::Trying(owner);
        let answer = self.stack.command_of(owner, command).await;
        self.asked = match answer {
            // Without an answer it may have been heard all the same.
            Ok(_) | Err(Error::TimedOut) => {
                let until = after(time::now(), self.limit);
                self.with(|outstanding| outstanding.asked(self.ticket, until));
                Asked::Until(until)
            }
            Err(_) => Asked::No,
        };
        answer.map(|_| ())
    }

    /// Until when the module may report.
    fn until(&self) -> Instant {
        match self.asked {
            Asked::Until(until) => until,
            Asked::No | Asked::Trying(_) => Instant::MIN,
        }
    }

    async fn end(&self) -> Result<T, Error> {
        let end =
            poll_fn(|cx| self.with(|outstanding| outstanding.poll_end(self.ticket, cx.waker())));
        with_deadline(self.until(), end)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }
}

impl<T: Copy> Drop for Question<'_, T> {
    fn drop(&mut self) {
        self.stack.shared.with(|engine| {
            let asked = match self.asked {
                Asked::Trying(owner) if engine.at().was_sent(owner) => {
                    Some(after(time::now(), self.limit))
                }
                Asked::No | Asked::Trying(_) => None,
                Asked::Until(until) => Some(until),
            };
            (self.of)(engine).release(self.ticket, asked);
        });
    }
}

/// A ping under way.
///
/// It may be held for as long as one likes: when it is over the next one can begin, and this one gets nothing of that.
pub struct Pinging<'d> {
    question: Question<'d, PingSummary>,
}

impl fmt::Debug for Pinging<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinging").finish_non_exhaustive()
    }
}

impl Pinging<'_> {
    /// The next reply; `None` when all have come, or will not.
    ///
    /// Four replies wait to be fetched; more are dropped and counted
    /// ([`Statistics::dropped_replies`](crate::Statistics::dropped_replies)).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no reply.
    pub async fn next(&mut self) -> Option<PingReply> {
        let Question { stack, ticket, .. } = self.question;
        let reply = poll_fn(|cx| {
            stack
                .shared
                .with(|engine| engine.pings().poll_reply(ticket, cx.waker()))
        });
        with_deadline(self.question.until(), reply)
            .await
            .unwrap_or(None)
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// [`Error::NameNotFound`] and the like when the host could not be pinged at all; [`Error::TimedOut`] when the module
    /// never says.
    pub async fn summary(self) -> Result<PingSummary, Error> {
        self.question.end().await
    }
}
