//! Who the module is, and every command that can be asked without changing anything, read with the library's types.

use anyhow::Result;
use atat::AtatCmd;
use embassy_time::Duration;
use embedded_io_async::{Read, Write};
use quectel_nal::at::{self, ConnectId, ContextId};

use super::Check;
use super::report::Asked;

impl<R: Read, W: Write> Check<'_, R, W> {
    pub(super) async fn identify(&mut self) -> Result<()> {
        for (name, command) in [
            ("manufacturer", "AT+CGMI"),
            ("model", "AT+CGMM"),
            ("firmware", "AT+CGMR"),
            ("more about it", "ATI"),
            ("functionality", "AT+CFUN?"),
            ("SIM card", "AT+CPIN?"),
            ("rate", "AT+IPR?"),
            ("flow control", "AT+IFC?"),
        ] {
            let answer = self
                .console
                .command(command, Duration::from_secs(5))
                .await?;
            let lines: Vec<_> = answer.lines.iter().map(|line| &*line.text).collect();
            let text = match lines.is_empty() {
                true => answer.result().to_owned(),
                false => lines.join(", "),
            };
            self.report.fact(name, text);
        }
        Ok(())
    }

    pub(super) async fn walk(&mut self) -> Result<()> {
        let id = ConnectId::new(0).expect("an id");
        let context = ContextId::FIRST;
        macro_rules! ask {
            ($($command:expr),* $(,)?) => {$( self.ask(&$command).await?; )*};
        }
        ask!(
            at::Attention,
            at::Identify,
            at::QueryManufacturer,
            at::QueryModel,
            at::QueryRevision,
            at::QuerySerialNumber,
            at::QuerySim,
            at::QueryRegistration,
            at::QueryPacketRegistration,
            at::QueryLteRegistration,
            at::ListBearers,
            at::QuerySignalQuality,
            at::QueryClock,
            at::QueryUrcPort,
            at::TestConfigureContext,
            at::QueryContextConfiguration { context },
            at::TestActivateContext,
            at::ListActiveContexts,
            at::TestDeactivateContext,
            at::TestOpenSocket,
            at::TestCloseSocket,
            at::TestListSockets,
            at::ListSockets,
            at::ExecuteListSockets,
            at::ListContextSockets { context },
            at::QuerySocket { connect_id: id },
            at::TestSendData,
            at::TestReadData,
            at::TestSendHex,
            at::TestSwitchAccessMode,
            at::TestPing,
            at::TestSynchronizeTime,
            at::QueryTimeServer,
            at::TestConfigureDns,
            at::QueryDns { context },
            at::TestResolveName,
            at::TestConfigureSetting,
            at::TestSetDataEcho,
            at::QueryDataEcho,
            at::TestQueryLastError,
            at::QueryLastError,
        );
        Ok(())
    }

    /// Sends a command of the library, and reads the answer with its type.
    async fn ask<C: AtatCmd>(&mut self, command: &C) -> Result<()> {
        let mut buffer = [0; at::MAX_COMMAND_LENGTH];
        let length = command.write(&mut buffer);
        let text = String::from_utf8_lossy(&buffer[..length]);
        let text = text.trim_end_matches('\r').to_owned();
        let limit = Duration::from_millis(C::MAX_TIMEOUT_MS.into());
        let answer = self.console.command(&text, limit).await?;
        let lines: Vec<String> = answer.lines.iter().map(|line| line.text.clone()).collect();
        let body = lines.join("\r\n");
        // There may be nothing to read: the command is refused, or nothing is set.
        let is_read =
            !answer.is_ok() || lines.is_empty() || command.parse(Ok(body.as_bytes())).is_ok();
        self.report.asked.push(Asked {
            command: text,
            result: answer.result().to_owned(),
            time: answer.time.as_millis(),
            lines,
            is_read,
        });
        Ok(())
    }
}
