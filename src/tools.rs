//! The module's tools: reachability, time, name servers, settings, and what its sockets are doing.
//!
//! Each is a command of the user's own to the rest of the crate ([`Stack::at`]), with a result of its own where that
//! comes as a URC.

use core::fmt;
use core::future::poll_fn;
use core::net::IpAddr;
use core::task::Context;

use atat::AtatCmd;
use embassy_time::{Duration, Instant, with_deadline};

use crate::asynch::{Failure, carry_out};
use crate::command::{
    Address, ConfigureDns, ConfigureSetting, ConnectId, DateTime, DnsServers, ErrorCode, Host,
    LastError, Ping, PingCount, PingTimeout, QueryDataEcho, QueryDns, QueryLastError, QuerySetting,
    QuerySocket, Setting, SettingKey, SocketStatus, SynchronizeTime,
};
use crate::error::{Error, LinkError};
use crate::shared::Shared;
use crate::socket::{AtResult, LinkState, Outstanding, PingReply, PingSummary, Reason, Table};
use crate::stack::Stack;

/// How long the result of AT+QNTP may take (section 2.1.12), and a little for the line.
const TIME_LIMIT: Duration = Duration::from_secs(130);

impl<'d> Stack<'d> {
    /// Sends a command and turns its failure into an error of this crate.
    async fn command<Cmd: AtatCmd>(&self, command: &Cmd) -> Result<Cmd::Response, Error> {
        match carry_out(self.shared, command).await {
            Ok(response) => Ok(response),
            Err(Failure::Command(AtResult::Refused(Reason::None))) => Err(self.reason().await),
            Err(Failure::Command(AtResult::Aborted)) => Err(Error::Link(match self.link_state() {
                LinkState::Down(error) => error,
                _ => LinkError::Restarted,
            })),
            Err(Failure::Command(result)) => Err(Error::from_command(result)),
            // An answer that cannot be read.
            Err(Failure::Answer(_)) => Err(Error::Module(ErrorCode::Unspecified)),
        }
    }

    /// The reason of a bare `ERROR`, as far as the module knows it.
    async fn reason(&self) -> Error {
        let last = carry_out(self.shared, &QueryLastError).await;
        let code = last.ok().and_then(|last| last.error());
        Error::from_code(code.unwrap_or(ErrorCode::Unspecified))
    }

    /// Waits for the end of an earlier question of the same kind.
    async fn begin<T: Copy>(
        &self,
        limit: Duration,
        question: impl for<'t> Fn(&'t mut Table<'d>) -> &'t mut Outstanding<T>,
    ) {
        let begun = |cx: &mut Context<'_>| {
            self.shared
                .with(|table| question(table).poll_begin(limit, Instant::now(), cx.waker()))
        };
        while let Some(until) = self.shared.with(|table| question(table).expiry()) {
            if let Ok(()) = with_deadline(until, poll_fn(begun)).await {
                return;
            }
        }
        poll_fn(begun).await;
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
        let context = self.shared.with(|table| table.config.context);
        let command = Ping::new(context, host_of(host)?)
            .timeout(seconds)
            .count(count);
        let limit = Duration::from_millis(command.max_duration_ms().into());
        self.begin(limit, |table| &mut table.pings.outstanding)
            .await;
        self.shared
            .with(|table| table.pings.begin(count.get() as u8));
        let mut pinging = Pinging {
            shared: self.shared,
            until: Instant::now() + limit,
            asked: Asked::No,
        };
        pinging.asked = Asked::Trying;
        let answer = self.command(&command).await;
        pinging.asked = Asked::after(&answer);
        answer?;
        Ok(pinging)
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
        let context = self.shared.with(|table| table.config.context);
        let command = SynchronizeTime::new(context, host_of(server)?).set_clock(set_clock.into());
        self.begin(TIME_LIMIT, |table| &mut table.time).await;
        let mut question = TimeQuestion {
            shared: self.shared,
            asked: Asked::No,
        };
        let until = Instant::now() + TIME_LIMIT;
        question.asked = Asked::Trying;
        let answer = self.command(&command).await;
        question.asked = Asked::after(&answer);
        answer?;
        let answer = poll_fn(|cx| self.shared.with(|table| table.time.poll_end(cx.waker())));
        with_deadline(until, answer)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }

    /// The name servers of the PDP context (AT+QIDNSCFG, section 2.1.13).
    ///
    /// # Errors
    ///
    /// What the module says: it knows none before the link is up.
    pub async fn dns_servers(&self) -> Result<DnsServers, Error> {
        let context = self.shared.with(|table| table.config.context);
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
        let context = self.shared.with(|table| {
            table.config.dns = Some((primary, secondary));
            table.config.context
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
        use crate::command::{DataFormat, ViewMode};
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
        Ok(answer.echo == crate::command::Switch::On)
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
                Self::Module(ErrorCode::Unspecified)
            }
        }
    }
}

fn host_of(host: &str) -> Result<Host<'_>, Error> {
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(Host::Address(address)),
        Err(_) => Host::name(host).map_err(Error::InvalidName),
    }
}

/// Whether the module has been asked something whose result comes later.
#[derive(Debug, Clone, Copy)]
enum Asked {
    No,
    /// The command is in the user's hands: it counts once it is on its way.
    Trying,
    Yes,
}

impl Asked {
    fn after<T>(answer: &Result<T, Error>) -> Self {
        match answer {
            // It may have been heard all the same.
            Ok(_) | Err(Error::TimedOut) => Self::Yes,
            Err(_) => Self::No,
        }
    }

    fn holds(self, table: &Table<'_>) -> bool {
        match self {
            Self::No => false,
            Self::Trying => table.at.sent,
            Self::Yes => true,
        }
    }
}

/// A ping under way.
pub struct Pinging<'d> {
    shared: &'d Shared<'d>,
    until: Instant,
    asked: Asked,
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
        let reply = poll_fn(|cx| self.shared.with(|table| table.pings.poll_reply(cx.waker())));
        with_deadline(self.until, reply).await.unwrap_or(None)
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// [`Error::NameNotFound`] and the like when the host could not be pinged at all; [`Error::TimedOut`] when the module
    /// never says.
    pub async fn summary(self) -> Result<PingSummary, Error> {
        let end = poll_fn(|cx| {
            self.shared
                .with(|table| table.pings.outstanding.poll_end(cx.waker()))
        });
        with_deadline(self.until, end)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }
}

impl Drop for Pinging<'_> {
    fn drop(&mut self) {
        self.shared
            .with(|table| table.pings.outstanding.release(self.asked.holds(table)));
    }
}

struct TimeQuestion<'d> {
    shared: &'d Shared<'d>,
    asked: Asked,
}

impl Drop for TimeQuestion<'_> {
    fn drop(&mut self) {
        self.shared
            .with(|table| table.time.release(self.asked.holds(table)));
    }
}
