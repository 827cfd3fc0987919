//! Finds out how a module behaves: which of two readings of the note it takes, and whether the library reads its answers.
//!
//! The program `modem_check` runs this on a serial port. It talks AT to the module by itself, byte by byte; the stack is tried
//! afterwards.

mod console;
mod contexts;
mod datagrams;
mod errors;
mod journal;
mod mask;
pub mod peer;
mod receiving;
mod report;
mod sending;
mod services;
mod sockets;
mod transparent;
mod walk;

use anyhow::{Context, Result, bail, ensure};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};

use console::{Answer, Console, Prompt};
pub use mask::Mask;
pub use report::Report;

/// For commands that the module answers by itself.
const SHORT: Duration = Duration::from_secs(10);
/// For commands and results that depend on the network.
const LONG: Duration = Duration::from_secs(150);
/// The context that is used, as by the stack.
const CONTEXT: u8 = 1;

/// What the check may use.
#[derive(Clone, Debug)]
pub struct Options {
    pub apn: String,
    pub urc_port: String,
    pub pin: Option<String>,
    /// Host and port of a [`peer`].
    pub peer: Option<(String, u16)>,
    /// A server for AT+QNTP.
    pub time_server: String,
    /// Whether the module may be taken off the network for some seconds (AT+CFUN=4).
    pub may_detach: bool,
    /// Leaves out what takes long by itself.
    pub is_quick: bool,
}

/// Runs all checks. What is found out is in the report even if this fails.
pub async fn check<R: Read, W: Write>(
    rx: R,
    tx: W,
    options: &Options,
    report: &mut Report,
    progress: impl Fn(&str),
) -> Result<()> {
    report.mask.hide(&options.apn, "apn");
    if let Some(pin) = &options.pin {
        report.mask.hide(pin, "pin");
    }
    if let Some((host, _)) = &options.peer {
        report.mask.hide(host, "peer");
    }
    let mut check = Check {
        console: Console::new(rx, tx),
        options,
        report,
        progress: &progress,
        spare: None,
        free_id: 0,
    };
    let outcome = check.run().await;
    let journal = check.console.journal;
    report.journal = Some(journal);
    outcome
}

/// A check under way.
struct Check<'a, R, W> {
    console: Console<R, W>,
    options: &'a Options,
    report: &'a mut Report,
    progress: &'a dyn Fn(&str),
    /// A context that nobody uses.
    spare: Option<u8>,
    /// The next connectID to use.
    free_id: u8,
}

/// The outcome of AT+QIOPEN.
struct Opening {
    id: u8,
    answer: Answer,
    /// The line with the result, if there was one.
    late: Option<String>,
    /// It was there before the final result code.
    is_early: bool,
    /// The code of the result; `None` without a result.
    code: Option<u32>,
}

/// Runs a step. If it fails, its subjects are left open, and the next step follows.
macro_rules! step {
    ($check:ident, $subjects:expr, $step:expr) => {{
        ($check.progress)($subjects[0]);
        if let Err(error) = $step.await {
            let reason = format!("{error:#}");
            ensure!(!$check.console.is_broken, "{reason}");
            for subject in $subjects {
                if $check.report.reading(subject).is_none() {
                    $check.report.open.push((subject, reason.clone()));
                }
            }
            $check.recover().await?;
        }
    }};
}

impl<R: Read, W: Write> Check<'_, R, W> {
    async fn run(&mut self) -> Result<()> {
        (self.progress)("the module");
        self.wake_up().await?;
        self.identify().await?;
        step!(
            self,
            ["errors with AT+CMEE", "unknown command"],
            self.error_forms()
        );
        step!(self, ["settings"], self.settings());
        step!(
            self,
            [
                "QIDEACT of an inactive context",
                "QIACT of a context never configured",
                "a command that needs a context",
                "QICSGP with fewer strings",
            ],
            self.without_context()
        );
        step!(
            self,
            ["blanks behind commas", "empty fields"],
            self.spellings()
        );
        (self.progress)("the network");
        self.bring_up().await?;
        step!(self, ["port in use"], self.port_in_use());
        step!(self, ["QIACT of an active context"], self.activate_again());
        step!(self, ["name servers"], self.name_servers());
        step!(self, ["failed name lookup"], self.lookups());
        step!(self, ["ping", "time"], self.ping_and_time());
        step!(
            self,
            ["QIOPEN, failure", "a connectID after a failed open"],
            self.failed_open()
        );
        step!(self, ["QICLOSE of an unused id"], self.close_unused());
        if self.options.peer.is_none() {
            let reason = "no --peer".to_owned();
            self.report.open.push(("everything with a peer", reason));
        } else {
            self.with_peer().await?;
        }
        if self.options.may_detach {
            step!(self, ["pdpdeact"], self.detach());
        }
        step!(self, ["provoked errors"], self.provoke_errors());
        step!(self, ["commands"], self.walk());
        Ok(())
    }

    async fn with_peer(&mut self) -> Result<()> {
        step!(
            self,
            [
                "prompt",
                "result of QISEND",
                "result of QIOPEN",
                "lines of one response",
                "state of a connected client",
                "local port in QISTATE",
            ],
            self.send_and_list()
        );
        step!(self, ["payload echo"], self.payload_echo());
        step!(
            self,
            ["recv in buffer mode", "end of QIRD"],
            self.buffer_mode()
        );
        step!(self, ["end of a push"], self.push_mode());
        if !self.options.is_quick {
            step!(self, ["QICLOSE without timeout"], self.slow_close());
            step!(self, ["QICLOSE=id,0 with unsent data"], self.forced_close());
        }
        step!(self, ["passiveclosed"], self.passive_close());
        step!(self, ["rest of a datagram"], self.datagram_in_parts());
        step!(self, ["push of UDP SERVICE"], self.udp_service());
        step!(self, ["TCP INCOMING access mode"], self.incoming());
        step!(self, ["NO CARRIER", "escape"], self.transparent_mode());
        Ok(())
    }

    /// Out of whatever state it was left in.
    async fn wake_up(&mut self) -> Result<()> {
        for attempt in 0..4 {
            if attempt == 2 {
                // It may be in data mode.
                Timer::after(Duration::from_millis(1100)).await;
                self.console.put(b"+++").await?;
                Timer::after(Duration::from_millis(1100)).await;
            } else if attempt == 1 {
                // Or wait for payload.
                self.console.put(b"\x1b\r").await?;
            }
            self.console.drain(Duration::from_secs(2)).await?;
            let answer = self.console.command("AT", Duration::from_secs(2)).await?;
            if answer.is_ok() {
                self.report.fact("echo at first", yes(answer.echoed));
                return self.settle().await;
            }
        }
        bail!(
            "the module does not answer: check that --modem names its AT port, and that --baud is its rate"
        )
    }

    /// The settings under which everything is checked.
    async fn settle(&mut self) -> Result<()> {
        for key in ["viewmode", "dataformat"] {
            let query = format!("AT+QICFG=\"{key}\"");
            let stored = self.console.command(&query, SHORT).await?;
            let value = stored.first().unwrap_or(stored.result());
            self.report.fact("stored before", value);
        }
        for command in ["ATE0", "AT+CMEE=1", "AT+QISDE=0"] {
            let answer = self.console.command(command, SHORT).await?;
            if !answer.is_ok() {
                let outcome = answer.result().to_owned();
                self.report.tried(command, outcome, false);
            }
        }
        self.optional("AT+QICFG=\"viewmode\",0").await?;
        self.optional("AT+QICFG=\"dataformat\",0,0").await?;
        self.optional("AT+QICFG=\"recvind\",0").await?;
        let port = self
            .console
            .command("AT+QURCCFG=\"urcport\"", SHORT)
            .await?;
        self.report
            .fact("URC port at first", port.first().unwrap_or(port.result()));
        let set = format!("AT+QURCCFG=\"urcport\",\"{}\"", self.options.urc_port);
        self.optional(&set).await?;
        Ok(())
    }

    /// A command that not all modules know.
    async fn optional(&mut self, command: &str) -> Result<bool> {
        Ok(self.console.command(command, SHORT).await?.is_ok())
    }

    /// A command without which nothing more can be found out.
    async fn must(&mut self, command: &str, limit: Duration) -> Result<Answer> {
        let answer = self.console.command(command, limit).await?;
        ensure!(answer.is_ok(), "{command}: {}", answer.result());
        Ok(answer)
    }

    /// After a step that went wrong: no prompt, no data mode, no socket.
    async fn recover(&mut self) -> Result<()> {
        self.console.drain(Duration::from_secs(3)).await?;
        if !self.console.command("AT", SHORT).await?.is_ok() {
            Timer::after(Duration::from_millis(1100)).await;
            self.console.put(b"+++").await?;
            Timer::after(Duration::from_millis(1100)).await;
            self.console.put(b"\x1b\r").await?;
            self.console.drain(Duration::from_secs(3)).await?;
        }
        for command in ["ATE0", "AT+QISDE=0"] {
            self.console.command(command, SHORT).await?;
        }
        for id in 0..12 {
            self.close(id).await?;
        }
        self.console.urcs.clear();
        Ok(())
    }

    /// The code of the last error, if the module tells one.
    async fn last_error(&mut self) -> Result<String> {
        let answer = self.console.command("AT+QIGETERROR", SHORT).await?;
        Ok(answer.first().unwrap_or_default().to_owned())
    }

    /// Each socket has an id that was not used shortly before.
    fn next_id(&mut self) -> u8 {
        let id = self.free_id;
        self.free_id = (id + 1) % 11;
        id
    }

    async fn open_as(&mut self, id: u8, fields: &str) -> Result<Opening> {
        let command = format!("AT+QIOPEN={CONTEXT},{id},{fields}");
        let answer = self.console.command(&command, LONG).await?;
        let head = format!("+QIOPEN: {id},");
        let is_early = self.console.urcs.iter().any(|line| line.starts_with(&head));
        let late = match answer.is_ok() {
            true => self.console.urc(&head, LONG).await?,
            false => None,
        };
        let code = late
            .as_deref()
            .and_then(|line| console::numbers(line).last().copied());
        Ok(Opening {
            id,
            answer,
            late,
            is_early,
            code,
        })
    }

    /// A socket to the peer in this access mode.
    async fn open(&mut self, service: &str, mode: u8) -> Result<u8> {
        let (host, port) = self.options.peer.as_ref().context("no --peer")?;
        let fields = format!("\"{service}\",\"{host}\",{port},0,{mode}");
        let id = self.next_id();
        let opening = self.open_as(id, &fields).await?;
        if opening.code == Some(0) {
            return Ok(id);
        }
        let outcome = opening.late.unwrap_or(opening.answer.result().to_owned());
        self.close(id).await?;
        bail!("cannot open a {service} socket to the peer: {outcome}")
    }

    async fn close(&mut self, id: u8) -> Result<Answer> {
        let command = format!("AT+QICLOSE={id},1");
        self.console
            .command(&command, Duration::from_secs(130))
            .await
    }

    /// Sends bytes with a fixed length, and gives the prompt and the lines behind the payload.
    async fn send(&mut self, id: u8, bytes: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
        self.send_with(&format!("AT+QISEND={id},{}", bytes.len()), bytes)
            .await
    }

    async fn send_with(&mut self, command: &str, bytes: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
        let prompt = match self.console.prompt(command, SHORT).await? {
            Prompt::Shown(prompt) => prompt,
            Prompt::Refused(line) => bail!("{line} instead of a prompt"),
            Prompt::Missing => bail!("no prompt"),
        };
        self.console.put(bytes).await?;
        let lines = self.console.results(Duration::from_secs(30)).await?;
        ensure!(
            lines.iter().any(|line| line == "SEND OK"),
            "no SEND OK but {}",
            lines.join(", ")
        );
        // URCs may stand in between.
        for line in &lines {
            if line.starts_with("+QIURC") {
                self.console.urcs.push_back(line.clone());
            }
        }
        Ok((prompt, lines))
    }

    /// Waits until this socket has something to read, and gives the notice.
    async fn notice(&mut self, id: u8) -> Result<String> {
        let head = format!("+QIURC: \"recv\",{id}");
        let notice = self.console.urc(&head, Duration::from_secs(30)).await?;
        notice.context("nothing was received")
    }
}

/// In words.
fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// Bytes in readable form.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
