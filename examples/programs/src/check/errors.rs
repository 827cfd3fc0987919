//! Mistakes that do no harm, and what the module says to each.

use anyhow::Result;
use embassy_time::Duration;
use embedded_io_async::{Read, Write};

use super::report::Asked;
use super::{Check, LONG, SHORT};

impl<R: Read, W: Write> Check<'_, R, W> {
    /// Commands that have to fail, with the code of each.
    pub(super) async fn provoke_errors(&mut self) -> Result<()> {
        for command in [
            "AT+QICLOSE=12",
            "AT+QIRD=10,10",
            "AT+QIRD=10,1501",
            "AT+QISEND=10,0",
            "AT+QISWTMD=10,1",
            "AT+QISTATE=1,12",
            "AT+QIOPEN=1,12,\"TCP\",\"127.0.0.1\",7,0,0",
            "AT+QIOPEN=1,10,\"TCP\",\"127.0.0.1\",0,0,0",
            "AT+QIOPEN=1,10,\"XYZ\",\"127.0.0.1\",7,0,0",
            "AT+QICFG=\"no-such-key\"",
            "AT+QICFG=\"transpktsize\",0",
            "AT+QICSGP=99",
            "AT+QIDNSGIP=1,\"\"",
            "AT+QPING=99,\"127.0.0.1\"",
        ] {
            let answer = self.console.command(command, LONG).await?;
            self.provoked(command, answer.result(), answer.time).await?;
        }
        for command in ["AT+QISEND=10,5", "AT+QISEND=10,1461"] {
            let prompt = self.console.prompt(command, SHORT).await?;
            if let super::Prompt::Shown(_) = prompt {
                // Back out of it.
                self.console.put(b"\x1b\r").await?;
                self.console.drain(Duration::from_secs(2)).await?;
            }
            let result = match prompt {
                super::Prompt::Shown(_) => "a prompt".to_owned(),
                super::Prompt::Refused(line) => line,
                super::Prompt::Missing => "no answer".to_owned(),
            };
            self.provoked(command, &result, Duration::from_ticks(0))
                .await?;
        }
        // An open may have gone well after all.
        self.close(10).await?;
        self.console.urcs.clear();
        Ok(())
    }

    async fn provoked(&mut self, command: &str, result: &str, time: Duration) -> Result<()> {
        let code = self.last_error().await?;
        self.report.asked.push(Asked {
            command: command.into(),
            result: result.into(),
            time: time.as_millis(),
            lines: vec![code],
            is_read: true,
        });
        Ok(())
    }

    /// Commands that are written a little differently.
    pub(super) async fn spellings(&mut self) -> Result<()> {
        let blank = self
            .console
            .command("AT+QICFG=\"viewmode\", 0", SHORT)
            .await?;
        let evidence = self.evidence(blank.result()).await?;
        let reading = if blank.is_ok() { "accepted" } else { "refused" };
        self.report.find("blanks behind commas", reading, evidence);
        if let Some(spare) = self.spare {
            let command = format!("AT+QICSGP={spare},1,\"\",,,0");
            let empty = self.console.command(&command, SHORT).await?;
            let evidence = self.evidence(empty.result()).await?;
            let reading = if empty.is_ok() { "accepted" } else { "refused" };
            self.report.find("empty fields", reading, evidence);
            let restore = format!("AT+QICSGP={spare},1,\"\",\"\",\"\",0");
            self.console.command(&restore, SHORT).await?;
        }
        Ok(())
    }
}
