//! PDP contexts: AT+QICSGP, AT+QIACT, AT+QIDEACT, and commands without a context.

use anyhow::{Context, Result, ensure};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};

use super::console::numbers;
use super::{CONTEXT, Check, LONG, SHORT};

impl<R: Read, W: Write> Check<'_, R, W> {
    /// A context that is not active and has no APN. Some networks keep 2 and 3 for telephony.
    async fn find_spare(&mut self) -> Result<u8> {
        let active = self.console.command("AT+QIACT?", SHORT).await?;
        for id in (4..=7).rev() {
            let head = format!("+QIACT: {id},1");
            if active.lines.iter().any(|line| line.text.starts_with(&head)) {
                continue;
            }
            let query = format!("AT+QICSGP={id}");
            let answer = self.console.command(&query, SHORT).await?;
            if answer.is_ok() && answer.first().is_some_and(|line| line.contains(",\"\",")) {
                self.spare = Some(id);
                return Ok(id);
            }
        }
        self.spare.context("no context from 4 to 7 is unused")
    }

    pub(super) async fn without_context(&mut self) -> Result<()> {
        let spare = self.find_spare().await?;
        let deactivate = format!("AT+QIDEACT={spare}");
        let answer = self.console.command(&deactivate, LONG).await?;
        let evidence = self.evidence(answer.result()).await?;
        let reading = if answer.is_ok() { "OK" } else { "ERROR" };
        self.report
            .find("QIDEACT of an inactive context", reading, evidence);

        // A lookup has nothing that could go wrong before.
        let lookup = format!("AT+QIDNSGIP={spare},\"localhost\"");
        let answer = self.console.command(&lookup, LONG).await?;
        let evidence = match answer.is_ok() {
            true => {
                self.console
                    .urc("+QIURC: \"dnsgip\"", Duration::from_secs(60))
                    .await?
            }
            false => Some(self.evidence(answer.result()).await?),
        };
        let reading = if answer.is_ok() {
            "OK, then the failure as a URC"
        } else {
            "ERROR at once"
        };
        let evidence = evidence.unwrap_or_else(|| "OK, then nothing".into());
        self.report
            .find("a command that needs a context", reading, evidence);

        let activate = format!("AT+QIACT={spare}");
        let answer = self.console.command(&activate, LONG).await?;
        let evidence = self.evidence(answer.result()).await?;
        let reading = if answer.is_ok() { "OK" } else { "ERROR" };
        self.report
            .find("QIACT of a context never configured", reading, evidence);
        if answer.is_ok() {
            self.console.command(&deactivate, LONG).await?;
        }

        // As in the example of section 3.1.1: the password is left out.
        let apn = &self.options.apn;
        let short = format!("AT+QICSGP={spare},1,\"{apn}\",\"\",1");
        let answer = self.console.command(&short, SHORT).await?;
        let evidence = self.evidence(answer.result()).await?;
        let reading = if answer.is_ok() {
            "accepted"
        } else {
            "refused"
        };
        self.report
            .find("QICSGP with fewer strings", reading, evidence);
        let empty = format!("AT+QICSGP={spare},1,\"\",\"\",\"\",0");
        self.console.command(&empty, SHORT).await?;
        Ok(())
    }

    /// A result, and the code behind it if it is an error.
    pub(super) async fn evidence(&mut self, result: &str) -> Result<String> {
        let mut evidence = result.to_owned();
        if result != "OK" {
            evidence += ", ";
            evidence += &self.last_error().await?;
        }
        Ok(evidence)
    }

    /// Registers, and activates the context that everything else uses.
    pub(super) async fn bring_up(&mut self) -> Result<()> {
        self.wait_for_registration().await?;
        self.activate().await?;
        let signal = self.console.command("AT+CSQ", SHORT).await?;
        self.report.fact("signal", signal.first().unwrap_or("?"));
        Ok(())
    }

    async fn wait_for_registration(&mut self) -> Result<()> {
        if let Some(pin) = &self.options.pin {
            let state = self.console.command("AT+CPIN?", SHORT).await?;
            if state.first() == Some("+CPIN: SIM PIN") {
                self.must(&format!("AT+CPIN={pin}"), SHORT).await?;
            }
        }
        for _ in 0..60 {
            for command in ["AT+CEREG?", "AT+CGREG?", "AT+CREG?"] {
                let answer = self.console.command(command, SHORT).await?;
                // <n>,<stat>; a URC of the same name has the status alone.
                let state = answer
                    .lines
                    .iter()
                    .find_map(|line| numbers(&line.text).get(1).copied());
                if matches!(state, Some(1 | 5)) {
                    return Ok(());
                }
            }
            Timer::after(Duration::from_secs(2)).await;
        }
        anyhow::bail!("no network within two minutes: check SIM card, antenna and coverage")
    }

    async fn is_active(&mut self) -> Result<bool> {
        let answer = self.console.command("AT+QIACT?", LONG).await?;
        let head = format!("+QIACT: {CONTEXT},1");
        Ok(answer.lines.iter().any(|line| line.text.starts_with(&head)))
    }

    async fn activate(&mut self) -> Result<()> {
        if self.is_active().await? {
            self.report.fact("context at first", "active");
        } else {
            let apn = &self.options.apn;
            let configure = format!("AT+QICSGP={CONTEXT},1,\"{apn}\",\"\",\"\",0");
            self.must(&configure, SHORT).await?;
            let answer = self
                .console
                .command(&format!("AT+QIACT={CONTEXT}"), LONG)
                .await?;
            let evidence = self.evidence(answer.result()).await?;
            ensure!(
                answer.is_ok(),
                "the context cannot be activated: {evidence}; check --apn"
            );
            let time = format!("{} ms", answer.time.as_millis());
            self.report.fact("time to activate the context", time);
        }
        for second in 0..10 {
            let answer = self.console.command("AT+QIACT?", SHORT).await?;
            let head = format!("+QIACT: {CONTEXT},1");
            let line = answer
                .lines
                .iter()
                .find(|line| line.text.starts_with(&head));
            let address = line.and_then(|line| line.text.split('"').nth(1).map(String::from));
            if let Some(address) = address.filter(|it| !it.is_empty() && it != "0.0.0.0") {
                let reading = match second {
                    0 => "with the first QIACT?",
                    _ => "later",
                };
                if self.report.reading("address after QIACT").is_none() {
                    self.report
                        .find("address after QIACT", reading, format!("{second} s later"));
                }
                self.report.mask.hide(&address, "own address");
                return Ok(());
            }
            Timer::after(Duration::from_secs(1)).await;
        }
        anyhow::bail!("the context has no address")
    }

    pub(super) async fn activate_again(&mut self) -> Result<()> {
        let command = format!("AT+QIACT={CONTEXT}");
        let answer = self.console.command(&command, LONG).await?;
        let evidence = self.evidence(answer.result()).await?;
        let reading = if answer.is_ok() { "OK" } else { "ERROR" };
        self.report
            .find("QIACT of an active context", reading, evidence);
        ensure!(
            self.is_active().await?,
            "the context is gone after a second AT+QIACT"
        );
        Ok(())
    }

    /// Setting one name server: does it clear the second?
    pub(super) async fn name_servers(&mut self) -> Result<()> {
        let query = format!("AT+QIDNSCFG={CONTEXT}");
        let before = self.must(&query, SHORT).await?;
        let line = before.first().context("no name servers")?.to_owned();
        let servers: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let [first, second] = servers[..] else {
            anyhow::bail!("not two name servers: {line}");
        };
        ensure!(
            !second.is_empty() && second != "0.0.0.0",
            "only one name server"
        );
        self.must(&format!("AT+QIDNSCFG={CONTEXT},\"{first}\""), SHORT)
            .await?;
        let after = self.must(&query, SHORT).await?;
        let after = after.first().unwrap_or_default().to_owned();
        let reading = match after.contains(second) {
            true => "setting one keeps the second",
            false => "setting one clears the second",
        };
        self.report.find("name servers", reading, after);
        let restore = format!("AT+QIDNSCFG={CONTEXT},\"{first}\",\"{second}\"");
        self.must(&restore, SHORT).await?;
        Ok(())
    }

    /// Off the network and back: what is said to open sockets.
    pub(super) async fn detach(&mut self) -> Result<()> {
        let mut ids = Vec::new();
        if self.options.peer.is_some() {
            for _ in 0..2 {
                ids.push(self.open("TCP", 0).await?);
            }
        }
        let outcome = self.off_and_on(&ids).await;
        // Whatever has happened, the module goes back to the network.
        self.console
            .command("AT+CFUN=1", Duration::from_secs(15))
            .await?;
        for id in ids {
            self.close(id).await?;
        }
        self.console
            .command(&format!("AT+QIDEACT={CONTEXT}"), Duration::from_secs(40))
            .await?;
        self.wait_for_registration().await?;
        self.activate().await?;
        self.console.urcs.clear();
        outcome
    }

    async fn off_and_on(&mut self, ids: &[u8]) -> Result<()> {
        self.must("AT+CFUN=4", Duration::from_secs(15)).await?;
        let head = format!("+QIURC: \"pdpdeact\",{CONTEXT}");
        let urc = self.console.urc(&head, Duration::from_secs(20)).await?;
        let urc = urc.context("AT+CFUN=4 brought no pdpdeact")?;
        ensure!(!ids.is_empty(), "without --peer no socket was open");
        let closed = self
            .console
            .urc("+QIURC: \"closed\",", Duration::from_secs(5))
            .await?;
        let (reading, evidence) = match closed {
            Some(closed) => ("with a closed for each socket", format!("{urc}, {closed}")),
            None => ("alone", urc),
        };
        self.report.find("pdpdeact", reading, evidence);
        Ok(())
    }
}
