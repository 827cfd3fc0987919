//! Monitors the serial line: counts AT commands, and prints the bytes in both directions in readable form.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use embassy_time::{Duration, Timer};
use embedded_io_async::{ErrorType, Read, Write};

/// How many bytes of a payload are printed.
const EXCERPT: usize = 48;
/// The line is quiet after this time without a byte and without an unanswered command.
const QUIET: Duration = Duration::from_millis(50);

/// What passes between host and module. Displayed, it lists the AT commands so far, by name.
#[derive(Clone, Default)]
pub struct Line(Rc<RefCell<Conversation>>);

impl Line {
    /// Wraps the two halves of a UART so that both are monitored.
    pub fn watch<R: Read, W: Write>(&self, rx: R, tx: W, trace: bool) -> (Watched<R>, Watched<W>) {
        self.begin(trace);
        let watched_rx = Watched {
            half: rx,
            line: self.clone(),
        };
        let watched_tx = Watched {
            half: tx,
            line: self.clone(),
        };
        (watched_rx, watched_tx)
    }

    /// Switches printing on or off.
    pub fn begin(&self, trace: bool) {
        self.0.borrow_mut().trace = trace.then(Instant::now);
    }

    /// Bytes from the module.
    pub fn heard(&self, bytes: &[u8]) {
        self.0.borrow_mut().heard(bytes);
    }

    /// Bytes to the module.
    pub fn said(&self, bytes: &[u8]) {
        self.0.borrow_mut().said(bytes);
    }

    /// Waits until every command has been answered and no other one follows.
    pub async fn quiet(&self) {
        Timer::after(QUIET).await;
        while !self.is_quiet() {
            Timer::after(QUIET / 2).await;
        }
    }

    /// How many bytes have passed, both directions together.
    pub fn bytes(&self) -> u64 {
        self.0.borrow().bytes
    }

    /// Whether every command has been answered, and no other one has followed for a while.
    pub fn is_quiet(&self) -> bool {
        let conversation = self.0.borrow();
        let quiet = std::time::Duration::from(QUIET);
        let passed = conversation.last_command.map(|last| last.elapsed());
        !conversation.pending && passed.is_none_or(|passed| passed >= quiet)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands = &self.0.borrow().commands;
        write!(f, "{} AT commands", commands.values().sum::<usize>())?;
        for (index, (name, count)) in commands.iter().enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            write!(f, "{separator}{name} {count}")?;
        }
        Ok(())
    }
}

/// One half of the line.
pub struct Watched<T> {
    half: T,
    line: Line,
}

impl<T: ErrorType> ErrorType for Watched<T> {
    type Error = T::Error;
}

impl<T: Read> Read for Watched<T> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, T::Error> {
        let count = self.half.read(buffer).await?;
        self.line.heard(&buffer[..count]);
        Ok(count)
    }
}

impl<T: Write> Write for Watched<T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        let count = self.half.write(bytes).await?;
        self.line.said(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), T::Error> {
        self.half.flush().await
    }
}

/// A payload of which bytes are still expected.
struct Payload {
    length: usize,
    seen: usize,
    start: Vec<u8>,
}

impl Payload {
    fn new(length: usize) -> Option<Self> {
        (length > 0).then_some(Self {
            length,
            seen: 0,
            start: Vec::new(),
        })
    }

    /// Consumes its bytes, and returns whether it is complete.
    fn take(&mut self, bytes: &mut &[u8]) -> bool {
        let (mine, rest) = bytes.split_at(bytes.len().min(self.length - self.seen));
        let room = EXCERPT.saturating_sub(self.start.len());
        self.start.extend(&mine[..mine.len().min(room)]);
        self.seen += mine.len();
        *bytes = rest;
        self.seen == self.length
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.length > self.start.len() {
            "…"
        } else {
            ""
        };
        write!(f, "[{} bytes] {}{more}", self.length, readable(&self.start))
    }
}

#[derive(Default)]
struct Conversation {
    /// When it began, if it is to be shown.
    trace: Option<Instant>,
    commands: BTreeMap<String, usize>,
    last_command: Option<Instant>,
    /// It has not been answered yet.
    pending: bool,
    /// The bytes that the module will ask for with a prompt (AT+QISEND).
    promised: Option<usize>,
    /// The last command asked for data (AT+QIRD).
    reading: bool,
    /// The sockets that push data, a bit for each connectID.
    pushing: u16,
    /// The line is in transparent access mode: all is data.
    transparent: bool,
    /// Bytes that have passed.
    bytes: u64,
    from_host: Vec<u8>,
    from_module: Vec<u8>,
    payload_from_host: Option<Payload>,
    payload_from_module: Option<Payload>,
}

impl Conversation {
    fn said(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        // An escape is a write of its own.
        if self.transparent && bytes != b"+++" {
            return self.show_data("→", bytes);
        }
        self.transparent = false;
        while !bytes.is_empty() {
            if let Some(mut payload) = self.payload_from_host.take() {
                match payload.take(&mut bytes) {
                    true => self.show("→", &payload),
                    false => self.payload_from_host = Some(payload),
                }
                continue;
            }
            let byte = bytes[0];
            bytes = &bytes[1..];
            self.from_host.push(byte);
            // Escapes from a prompt and from data mode have no line end.
            if matches!(byte, b'\r' | b'\x1b') || self.from_host == b"+++" {
                let line = std::mem::take(&mut self.from_host);
                self.command(line.trim_ascii());
            }
        }
    }

    fn heard(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.transparent {
                self.transparent = !bytes.ends_with(b"\r\nNO CARRIER\r\n");
                return self.show_data("←", bytes);
            }
            if let Some(mut payload) = self.payload_from_module.take() {
                match payload.take(&mut bytes) {
                    true => self.show("←", &payload),
                    false => self.payload_from_module = Some(payload),
                }
                continue;
            }
            let byte = bytes[0];
            bytes = &bytes[1..];
            let is_prompt = byte == b'>' && self.from_module.trim_ascii().is_empty();
            if let (true, Some(length)) = (is_prompt, self.promised) {
                self.promised = None;
                self.payload_from_host = Payload::new(length);
                self.show("←", &">");
                self.from_module.clear();
            } else if byte == b'\n' {
                let line = std::mem::take(&mut self.from_module);
                self.answer(line.trim_ascii());
            } else {
                self.from_module.push(byte);
            }
        }
    }

    fn command(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        self.show("→", &readable(line));
        let text = String::from_utf8_lossy(line);
        let Some(body) = text.strip_prefix("AT") else {
            return;
        };
        // The name of a basic command begins with AT: ATE, AT&D.
        let body = body.strip_prefix('+').unwrap_or(&text);
        let end = body.find(|c: char| !c.is_ascii_alphabetic() && c != '&');
        let name = &body[..end.unwrap_or(body.len())];
        let fields: Vec<&str> = body.split(['=', ',']).skip(1).collect();
        let length = fields.get(1).and_then(|field| field.parse().ok());
        self.promised = length.filter(|length| name == "QISEND" && *length > 0);
        self.reading = name == "QIRD" && length != Some(0);
        if let ("QIOPEN", Some(Ok(id @ 0..12))) = (name, fields.get(1).map(|id| id.parse::<u8>())) {
            let bit = 1 << id;
            self.pushing &= !bit;
            if fields.last() == Some(&"1") {
                self.pushing |= bit;
            }
        }
        self.pending = true;
        self.last_command = Some(Instant::now());
        *self.commands.entry(name.into()).or_default() += 1;
    }

    fn answer(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        self.show("←", &readable(line));
        let text = String::from_utf8_lossy(line);
        if let Some(length) = text.strip_prefix("+QIRD: ").filter(|_| self.reading) {
            self.payload_from_module = number(length.split(',').next()).and_then(Payload::new);
        } else if let Some(fields) = text.strip_prefix("+QIURC: \"recv\",") {
            let mut fields = fields.split(',');
            let id = number(fields.next()).unwrap_or(0);
            if self.pushing.checked_shr(id as u32).unwrap_or(0) & 1 == 1 {
                self.payload_from_module = number(fields.next()).and_then(Payload::new);
            }
        } else if matches!(&*text, "OK" | "ERROR" | "SEND OK" | "SEND FAIL" | "CONNECT")
            || text.starts_with("+CME ERROR")
        {
            self.pending = false;
            self.promised = None;
            self.transparent = text == "CONNECT";
        }
    }

    fn show_data(&self, arrow: &str, bytes: &[u8]) {
        if let Some(mut payload) = Payload::new(bytes.len()) {
            payload.take(&mut &*bytes);
            self.show(arrow, &payload);
        }
    }

    fn show(&self, arrow: &str, what: &dyn fmt::Display) {
        if let Some(start) = self.trace {
            eprintln!("{:9.3} {arrow} {what}", start.elapsed().as_secs_f32());
        }
    }
}

impl Drop for Conversation {
    /// Prints bytes that never became a line as well: at a wrong baud rate there is nothing else.
    fn drop(&mut self) {
        for (arrow, rest) in [("→", &self.from_host), ("←", &self.from_module)] {
            if !rest.is_empty() {
                self.show(arrow, &readable(rest));
            }
        }
    }
}

/// Bytes as text, with escapes for unprintable ones.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character.is_control() {
                true => text.extend(character.escape_default()),
                false => text.push(character),
            }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

fn number(field: Option<&str>) -> Option<usize> {
    field?.trim().parse().ok()
}
