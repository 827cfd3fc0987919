//! The programs that cargo builds beside the tests, and what came of them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here may take longer.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A program that cargo has built beside this test.
pub fn built(path: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    let program = folder
        .join(path)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "{} is missing: run a plain `cargo test`, which builds it",
        program.display()
    );
    program
}

pub struct Outcome {
    pub success: bool,
    pub body: Vec<u8>,
    pub messages: String,
    pub time: Duration,
}

impl Outcome {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert!(self.success, "{}", self.messages);
        self
    }

    /// Fails, and says so in these words.
    #[track_caller]
    pub fn fails_with(self, words: &str) -> Self {
        assert!(!self.success, "it should have failed: {}", self.messages);
        self.says(words)
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        let messages = &self.messages;
        assert!(messages.contains(words), "no `{words}` in: {messages}");
        self
    }
}

/// Runs a program to its end.
pub fn run(path: &str, arguments: &[&str]) -> Outcome {
    let start = Instant::now();
    let mut child = Command::new(built(path))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let body = collect(child.stdout.take().unwrap());
    let messages = collect(child.stderr.take().unwrap());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            let messages = String::from_utf8(messages.join().unwrap()).unwrap();
            panic!("no end after {LIMIT:?}: {messages}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    Outcome {
        success: status.success(),
        body: body.join().unwrap(),
        messages: String::from_utf8(messages.join().unwrap()).unwrap(),
        time: start.elapsed(),
    }
}

/// A program that runs until it is dropped.
pub struct Background {
    child: Child,
    messages: Receiver<String>,
}

impl Background {
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(built(path))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tx, messages) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let (tx, lines) = (tx.clone(), BufReader::new(output).lines());
            thread::spawn(move || {
                lines
                    .map_while(Result::ok)
                    .try_for_each(|line| tx.send(line))
            });
        }
        Self { child, messages }
    }

    /// What it says next, on standard output or standard error.
    pub fn next_line(&self) -> String {
        self.messages.recv_timeout(LIMIT).expect("another line")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A virtual modem as a program of its own, behind a TCP port; gives it and the name it has for the examples.
pub fn modem_over_tcp() -> (Background, String) {
    modem_over_tcp_with(&[])
}

/// The same, with options of the virtual modem.
pub fn modem_over_tcp_with(options: &[&str]) -> (Background, String) {
    let port = ["--tcp", "127.0.0.1:0", "--quiet"];
    let modem = Background::start("virtual-modem", &[&port, options].concat());
    let place = modem.next_line().replace("ready ", "tcp:");
    (modem, place)
}

/// A virtual modem as a program of its own, on a pseudo terminal at this path; gives it and the path as text.
pub fn modem_on_a_pty(path: PathBuf, options: &[&str]) -> (Background, String) {
    // Other runs of the tests have others.
    let path = path.with_extension(std::process::id().to_string());
    let place = path.to_str().unwrap().to_owned();
    let modem = Background::start(
        "virtual-modem",
        &[&["--pty", &place, "--quiet"], options].concat(),
    );
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < LIMIT, "no {place}");
        thread::sleep(Duration::from_millis(5));
    }
    (modem, place)
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        all
    })
}
