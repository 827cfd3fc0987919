//! The module's settings, and what it reports about itself and its sockets.

#[cfg(feature = "dns")]
use core::net::IpAddr;

use embassy_sync::blocking_mutex::raw::RawMutex;

use super::Module;
#[cfg(feature = "dns")]
use crate::at::{Address, ConfigureDns, DnsServers, QueryDns};
use crate::at::{
    ConfigureSetting, ConnectId, DataFormat, LastError, QueryDataEcho, QueryLastError,
    QuerySetting, QuerySocket, Setting, SettingKey, SocketStatus, Switch, ViewMode,
};
#[cfg(feature = "dns")]
use crate::config::NameServers;
use crate::error::Error;

impl<M: RawMutex> Module<'_, M> {
    /// Reads the DNS servers of the PDP context (AT+QIDNSCFG, section 2.1.13).
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command. The module knows no servers before the link is up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    #[cfg(feature = "dns")]
    pub async fn dns_servers(&self) -> Result<DnsServers, Error> {
        let context = self.context().await;
        self.stack.command(&QueryDns { context }).await
    }

    /// Sets the DNS servers of the PDP context (AT+QIDNSCFG, section 2.1.13), now and after each activation of the context.
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command. The servers are set after the next activation all the same.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped the servers may be set now, and are set after the next activation.
    #[cfg(feature = "dns")]
    pub async fn set_dns_servers(
        &self,
        primary: IpAddr,
        secondary: Option<IpAddr>,
    ) -> Result<(), Error> {
        self.stack
            .shared
            .with(|engine| engine.env.config.dns = Some(NameServers { primary, secondary }))
            .await;
        let command = ConfigureDns {
            context: self.context().await,
            primary: Address(primary),
            secondary: secondary.map(Address),
        };
        self.stack.command(&command).await.map(|_| ())
    }

    /// Reads a setting (AT+QICFG, section 2.1.15). `None` if the module's value is none of the documented ones.
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command. Not every module family has every setting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    pub async fn setting(&self, key: SettingKey) -> Result<Option<Setting>, Error> {
        let answer = self.stack.command(&QuerySetting { key }).await?;
        Ok(answer.setting())
    }

    /// Changes a setting (AT+QICFG, section 2.1.15).
    ///
    /// The change lasts until the module restarts; [`Config::settings`](crate::Config::settings) are applied each time the link
    /// comes up. The stack needs the text format of `dataformat` and value 0 of `viewmode`, and sets both, and `recvind`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for the hex format of `dataformat` and for `viewmode` 1, which the stack cannot parse;
    /// otherwise the reason why the module refused the command.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped the setting may be changed or not.
    pub async fn set_setting(&self, setting: Setting) -> Result<(), Error> {
        let is_unreadable = match setting {
            Setting::DataFormats { send, receive } => {
                send == DataFormat::Hex || receive == DataFormat::Hex
            }
            Setting::ViewMode(mode) => mode == ViewMode::Comma,
            _ => false,
        };
        if is_unreadable {
            return Err(Error::Unsupported);
        }
        self.stack
            .command(&ConfigureSetting { setting })
            .await
            .map(|_| ())
    }

    /// Whether the module echoes payload (AT+QISDE, section 2.1.16). The stack switches the echo off, and also works if the
    /// module leaves it on.
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    pub async fn data_echo(&self) -> Result<bool, Error> {
        let answer = self.stack.command(&QueryDataEcho).await?;
        Ok(answer.echo == Switch::On)
    }

    /// Reads the state of one of the module's sockets, whether the stack opened it or not (AT+QISTATE, section 2.1.6). `None`
    /// if the connectID is free.
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    pub async fn socket_state(&self, connect_id: ConnectId) -> Result<Option<SocketStatus>, Error> {
        let lines = self.stack.command(&QuerySocket { connect_id }).await?;
        Ok(lines.first().cloned())
    }

    /// Reads the state of each of the module's sockets, in the order of their connectIDs, 0 to 11 (AT+QISTATE,
    /// section 2.1.6), and calls `each` with it.
    ///
    /// # Errors
    ///
    /// The reason why the module refused a command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    pub async fn socket_states(&self, mut each: impl FnMut(SocketStatus)) -> Result<(), Error> {
        for id in ConnectId::all() {
            if let Some(status) = self.socket_state(id).await? {
                each(status);
            }
        }
        Ok(())
    }

    /// Reads the code and the description of the last error of any TCP/IP command (AT+QIGETERROR, section 2.1.17).
    ///
    /// Use this for diagnostics only. The command that failed may be any one; the errors of this crate already contain the
    /// code of their own command.
    ///
    /// # Errors
    ///
    /// The reason why the module refused the command.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the module.
    pub async fn last_error(&self) -> Result<LastError, Error> {
        self.stack.command(&QueryLastError).await
    }
}
