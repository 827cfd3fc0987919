//! A raw AT console: sends commands and takes answers apart byte by byte, without any belief about their form.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use embassy_time::{Duration, Instant, with_deadline};
use embedded_io_async::{Read, Write};

use super::journal::{Direction, Journal};

/// After this time without a byte the module has said what it had to say.
pub const QUIET: Duration = Duration::from_millis(200);

/// One line without its line end.
#[derive(Clone, Debug)]
pub struct Line {
    /// The CR and LF in front of it, also those that end the line before.
    pub gap: Vec<u8>,
    pub text: String,
}

/// The answer to a command.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Information responses.
    pub lines: Vec<Line>,
    /// The final result code; `None` after the time limit.
    pub result: Option<String>,
    pub time: Duration,
    /// The command was echoed.
    pub echoed: bool,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.result.as_deref() == Some("OK")
    }

    /// Result, or what there is instead.
    pub fn result(&self) -> &str {
        self.result.as_deref().unwrap_or("no answer")
    }

    pub fn first(&self) -> Option<&str> {
        self.lines.first().map(|line| &*line.text)
    }
}

/// What came instead of a prompt, or the prompt's bytes.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// `>` and what follows it before the payload.
    Shown(Vec<u8>),
    Refused(String),
    Missing,
}

/// What AT+QIRD brought.
#[derive(Clone, Debug)]
pub struct Data {
    pub header: String,
    pub bytes: Vec<u8>,
    /// The line ends behind the data.
    pub trailer: Vec<u8>,
}

/// The line to the module.
pub struct Console<R, W> {
    rx: R,
    tx: W,
    buffer: VecDeque<u8>,
    /// Lines that are no part of an answer, in their order.
    pub urcs: VecDeque<String>,
    pub journal: Journal,
    /// The port can not be used any more.
    pub is_broken: bool,
}

impl<R: Read, W: Write> Console<R, W> {
    pub fn new(rx: R, tx: W) -> Self {
        Self {
            rx,
            tx,
            buffer: VecDeque::new(),
            urcs: VecDeque::new(),
            journal: Journal::new(),
            is_broken: false,
        }
    }

    /// Waits for more bytes. False if none came before the time.
    async fn more(&mut self, until: Instant) -> Result<bool> {
        let mut chunk = [0; 256];
        let count = match with_deadline(until, self.rx.read(&mut chunk)).await {
            Err(_) => return Ok(false),
            Ok(Ok(count @ 1..)) => count,
            Ok(end) => {
                self.is_broken = true;
                match end {
                    Ok(_) => bail!("the port was closed"),
                    Err(error) => bail!("cannot read from the port: {error:?}"),
                }
            }
        };
        self.journal.add(Direction::FromModule, &chunk[..count]);
        self.buffer.extend(&chunk[..count]);
        Ok(true)
    }

    /// Writes bytes as they are.
    pub async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.journal.add(Direction::ToModule, bytes);
        let written = async {
            self.tx.write_all(bytes).await?;
            self.tx.flush().await
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.is_broken = true;
                bail!("cannot write to the port: {error:?}")
            }
        }
    }

    /// Drops what has arrived until the line is quiet, but at most for `limit`.
    pub async fn drain(&mut self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        while Instant::now() < end && self.more(Instant::now() + QUIET).await? {}
        self.buffer.clear();
        Ok(())
    }

    /// The next line that is not empty.
    pub async fn line(&mut self, until: Instant) -> Result<Option<Line>> {
        loop {
            let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
            if let Some(start) = self.buffer.iter().position(|byte| !is_end(byte)) {
                let mut rest = self.buffer.iter().skip(start);
                if let Some(length) = rest.position(is_end) {
                    let gap = self.buffer.drain(..start).collect();
                    let text: Vec<u8> = self.buffer.drain(..length).collect();
                    let text = String::from_utf8_lossy(&text).into_owned();
                    return Ok(Some(Line { gap, text }));
                }
            }
            if !self.more(until).await? {
                return Ok(None);
            }
        }
    }

    /// Sends a command and waits for its final result code.
    pub async fn command(&mut self, command: &str, limit: Duration) -> Result<Answer> {
        self.put(format!("{command}\r").as_bytes()).await?;
        self.answer(command, limit).await
    }

    /// The answer to a command that has been sent.
    pub async fn answer(&mut self, command: &str, limit: Duration) -> Result<Answer> {
        let start = Instant::now();
        let name = command
            .strip_prefix("AT+")
            .map(|rest| rest.split(['=', '?']).next().unwrap_or(rest));
        // The results of these are lines of the same name, at any time.
        let is_late = matches!(name, Some("QIOPEN" | "QPING" | "QNTP")) && !command.contains('?');
        let mut answer = Answer {
            lines: Vec::new(),
            result: None,
            time: Duration::from_ticks(0),
            echoed: false,
        };
        while let Some(line) = self.line(start + limit).await? {
            let text = &line.text;
            if is_final(text) {
                answer.result = Some(line.text);
                break;
            }
            if text == command {
                answer.echoed = true;
                continue;
            }
            let is_mine = match name {
                Some(name) => {
                    let rest = text
                        .strip_prefix('+')
                        .and_then(|text| text.strip_prefix(name));
                    let is_bare = !text.starts_with('+') && takes_bare_lines(name);
                    rest.is_some_and(|rest| rest.starts_with(':')) || is_bare
                }
                None => !text.starts_with('+') && text != "RING",
            };
            if is_mine && !is_late {
                answer.lines.push(line);
            } else {
                self.urcs.push_back(line.text);
            }
        }
        answer.time = start.elapsed();
        Ok(answer)
    }

    /// The next URC that begins with these fields, also one that has come before. Others are kept.
    pub async fn urc(&mut self, start: &str, limit: Duration) -> Result<Option<String>> {
        let until = Instant::now() + limit;
        // "recv",1 is not "recv",10.
        let is_wanted = |line: &String| {
            let rest = line.strip_prefix(start);
            rest.is_some_and(|rest| {
                start.ends_with(',') || !rest.starts_with(|c: char| c.is_ascii_digit())
            })
        };
        loop {
            let found = self.urcs.iter().position(is_wanted);
            if let Some(index) = found {
                return Ok(self.urcs.remove(index));
            }
            match self.line(until).await? {
                Some(line) => self.urcs.push_back(line.text),
                None => return Ok(None),
            }
        }
    }

    /// Sends a command that is answered by a prompt.
    pub async fn prompt(&mut self, command: &str, limit: Duration) -> Result<Prompt> {
        self.put(format!("{command}\r").as_bytes()).await?;
        let until = Instant::now() + limit;
        loop {
            while matches!(self.buffer.front(), Some(b'\r' | b'\n')) {
                self.buffer.pop_front();
            }
            match self.buffer.front().copied() {
                Some(b'>') => break,
                Some(_) => match self.line(until).await? {
                    Some(line) if is_final(&line.text) => return Ok(Prompt::Refused(line.text)),
                    Some(line) if line.text == command => {}
                    Some(line) => self.urcs.push_back(line.text),
                    None => return Ok(Prompt::Missing),
                },
                None if self.more(until).await? => {}
                None => return Ok(Prompt::Missing),
            }
        }
        while self.more(Instant::now() + QUIET).await? {}
        let is_part = |byte: &u8| matches!(byte, b'>' | b' ' | b'\r' | b'\n');
        let end = self.buffer.iter().position(|byte| !is_part(byte));
        let length = end.unwrap_or(self.buffer.len());
        Ok(Prompt::Shown(self.buffer.drain(..length).collect()))
    }

    /// Takes this many bytes, whatever they are.
    pub async fn exactly(&mut self, count: usize, until: Instant) -> Result<Vec<u8>> {
        while self.buffer.len() < count {
            ensure!(
                self.more(until).await?,
                "{} bytes of {count} came",
                self.buffer.len()
            );
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// The line end behind a header, and `count` bytes of data.
    pub async fn payload(&mut self, count: usize, until: Instant) -> Result<Vec<u8>> {
        let end = self.exactly(2, until).await?;
        ensure!(
            end == b"\r\n",
            "{} behind a header instead of CR LF",
            end.escape_ascii()
        );
        self.exactly(count, until).await
    }

    /// CR and LF up to the next other byte.
    pub async fn gap(&mut self, until: Instant) -> Result<Vec<u8>> {
        let mut gap = Vec::new();
        loop {
            match self.buffer.front().copied() {
                Some(b'\r' | b'\n') => gap.extend(self.buffer.pop_front()),
                Some(_) => return Ok(gap),
                None if self.more(until).await? => {}
                None => return Ok(gap),
            }
        }
    }

    /// AT+QIRD, with its data.
    pub async fn read(&mut self, id: u8, length: usize) -> Result<Data> {
        let command = format!("AT+QIRD={id},{length}");
        self.put(format!("{command}\r").as_bytes()).await?;
        let until = Instant::now() + Duration::from_secs(10);
        let header = loop {
            let line = self.line(until).await?.context("no answer to AT+QIRD")?;
            if line.text.starts_with("+QIRD:") {
                break line.text;
            }
            ensure!(!is_final(&line.text), "{} to AT+QIRD", line.text);
            if line.text != command {
                self.urcs.push_back(line.text);
            }
        };
        let count = numbers(&header).first().copied().unwrap_or(0) as usize;
        let bytes = match count {
            0 => Vec::new(),
            count => self.payload(count, until).await?,
        };
        let trailer = self.gap(until).await?;
        loop {
            let line = self.line(until).await?.context("no result of AT+QIRD")?;
            if is_final(&line.text) {
                break;
            }
            self.urcs.push_back(line.text);
        }
        Ok(Data {
            header,
            bytes,
            trailer,
        })
    }

    /// Lines until one is a final result code. For what comes behind a payload.
    pub async fn results(&mut self, limit: Duration) -> Result<Vec<String>> {
        let until = Instant::now() + limit;
        let mut lines = Vec::new();
        while let Some(line) = self.line(until).await? {
            let is_end = is_final(&line.text) && line.text != "OK";
            lines.push(line.text);
            if is_end {
                break;
            }
        }
        Ok(lines)
    }
}

/// Whether a line is a final result code.
pub fn is_final(line: &str) -> bool {
    matches!(
        line,
        "OK" | "ERROR" | "SEND OK" | "SEND FAIL" | "CLOSE OK" | "NO CARRIER"
    ) || line.starts_with("+CME ERROR")
        || line.starts_with("+CMS ERROR")
        || line.starts_with("CONNECT")
}

/// Whether the answer to an extended command has lines without its name.
fn takes_bare_lines(name: &str) -> bool {
    matches!(
        name,
        "CGMI" | "CGMM" | "CGMR" | "CGSN" | "GMI" | "GMM" | "GMR" | "GSN"
    )
}

/// The numbers among the fields of a line.
pub fn numbers(line: &str) -> Vec<u32> {
    line.split([':', ','])
        .filter_map(|field| field.trim().parse().ok())
        .collect()
}
