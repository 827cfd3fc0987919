//! The program: its ready line, its control socket, its files and its exit code.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

struct Program {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

fn start(arguments: &[&str]) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_virtual-modem"))
        .args(arguments)
        .arg("--quiet")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    Program { child, output }
}

impl Program {
    /// What stands behind this word on standard output.
    fn says(&mut self, word: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let rest = line.trim_end().strip_prefix(word);
        rest.unwrap_or_else(|| panic!("{line:?} instead of {word}"))
            .trim()
            .to_string()
    }

    fn end(mut self) -> ExitStatus {
        let late = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < late, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}

fn folder(name: &str) -> PathBuf {
    let id = std::process::id();
    let folder = std::env::temp_dir().join(format!("virtual-modem-{name}-{id}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn asks(port: &mut (impl Read + Write), line: &str, end: &str) -> String {
    port.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let mut byte = [0];
        port.read_exact(&mut byte).unwrap();
        answer.push(byte[0].into());
    }
    answer
}

#[test]
fn a_terminal_that_is_cleaned_up() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let folder = folder(signal);
        let (link, control, stats) = (
            folder.join("modem"),
            folder.join("control"),
            folder.join("stats"),
        );
        let mut program = start(&[
            "--pty",
            text(&link),
            "--control",
            text(&control),
            "--stats",
            text(&stats),
        ]);
        assert_eq!(program.says("control"), text(&control));
        assert_eq!(program.says("ready"), text(&link));
        let mut port = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&link)
            .unwrap();
        asks(&mut port, "AT\r", "OK\r\n");
        program.signal(signal);
        assert_eq!(program.end().code(), Some(0));
        assert!(link.symlink_metadata().is_err(), "the link is left");
        assert!(control.symlink_metadata().is_err(), "the socket is left");
        let stats: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&stats).unwrap()).unwrap();
        assert_eq!(stats["commands"]["AT"], 1);
        assert_eq!(stats["violation_count"], 0);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// What a program finds at its paths is another's: a living one's socket is left alone, and a link that was taken over
/// is not removed.
#[test]
fn two_programs_at_the_same_paths() {
    let folder = folder("paths");
    let (link, control) = (folder.join("modem"), folder.join("control"));
    let first = ["--pty", text(&link), "--control", text(&control)];
    let mut first = start(&first);
    first.says("control");
    first.says("ready");
    let second = ["--tcp", "127.0.0.1:0", "--control", text(&control)];
    assert_eq!(start(&second).end().code(), Some(1));
    let mut third = start(&["--pty", text(&link)]);
    third.says("ready");
    first.signal("-TERM");
    assert_eq!(first.end().code(), Some(0));
    assert!(link.symlink_metadata().is_ok());
    third.signal("-KILL");
    third.end();
    let mut fourth = start(&["--pty", text(&link), "--control", text(&control)]);
    fourth.says("control");
    fourth.says("ready");
    fourth.signal("-TERM");
    assert_eq!(fourth.end().code(), Some(0));
    assert!(link.symlink_metadata().is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_host_at_another_rate() {
    let folder = folder("rate");
    let link = folder.join("modem");
    let mut program = start(&["--pty", text(&link), "--module-baud", "57600"]);
    assert_eq!(program.says("ready"), text(&link));
    let mut port = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&link)
        .unwrap();
    let set = |rate| {
        let mut line = rustix::termios::tcgetattr(&port).unwrap();
        line.set_speed(rate).unwrap();
        let now = rustix::termios::OptionalActions::Now;
        rustix::termios::tcsetattr(&port, now, &line).unwrap();
    };
    set(115_200);
    (&port).write_all(b"AT\r").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    set(57_600);
    // The noise is a line of its own; then the two understand each other.
    (&port).write_all(b"\r").unwrap();
    assert!(asks(&mut port, "AT\r", "OK\r\n").ends_with("\r\nOK\r\n"));
    program.signal("-TERM");
    assert_eq!(program.end().code(), Some(0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn requests_a_log_and_an_exit_code() {
    let folder = folder("requests");
    let (control, log) = (folder.join("control"), folder.join("log"));
    let mut program = start(&[
        "--tcp",
        "127.0.0.1:0",
        "--control",
        text(&control),
        "--log",
        text(&log),
        "--strict",
        "--model",
        "bg96",
        "--message",
        "+491=hello",
    ]);
    program.says("control");
    let mut port = TcpStream::connect(program.says("ready")).unwrap();
    let mut steering = UnixStream::connect(&control).unwrap();
    let mut ask = |request: &str| asks(&mut steering, &format!("{request}\n"), "\n");
    asks(&mut port, "ATE0\r", "OK\r\n");
    assert!(asks(&mut port, "AT+CGMM\r", "OK\r\n").contains("BG96"));
    assert_eq!(ask(r#"{"do":"urc","text":"RING"}"#), "{\"ok\":true}\n");
    assert_eq!(asks(&mut port, "", "RING\r\n"), "\r\nRING\r\n");
    assert!(ask("nonsense").contains("no JSON"));
    assert!(ask(&"[".repeat(200_000)).contains("no JSON"));
    assert!(ask(r#"{"do":"nothing"}"#).contains("no request is called nothing"));
    assert!(ask(r#"{"do":"kill","id":3}"#).contains("connectID 3 is free"));
    assert!(ask(r#"{"do":"state"}"#).contains("\"registration\":1"));
    steering.write_all(b"\xff\n").unwrap();
    assert!(asks(&mut steering, "", "\n").contains("no JSON"));
    // A violation.
    asks(&mut port, "AT+QIRD=0,99999\r", "ERROR\r\n");
    let mut ask = |request: &str| asks(&mut steering, &format!("{request}\n"), "\n");
    assert!(ask(r#"{"do":"statistics"}"#).contains("\"violation_count\":1"));
    ask(r#"{"do":"quit"}"#);
    assert_eq!(program.end().code(), Some(3));
    let log = std::fs::read_to_string(&log).unwrap();
    let entries: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let has = |meaning: &str, text: &str| {
        let same =
            |entry: &&serde_json::Value| entry["meaning"] == meaning && entry["text"] == text;
        entries.iter().any(|entry| same(&entry))
    };
    assert!(has("command", "AT+CGMM") && has("response", "BG96") && has("result", "OK"));
    assert!(entries.iter().any(|entry| entry["meaning"] == "violation"));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Each option of the network shows at the port of the host.
#[test]
fn options_of_the_network() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = server.local_addr().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = free.local_addr().unwrap().port();
    drop(free);
    let mut program = start(&[
        "--tcp",
        "127.0.0.1:0",
        "--strict",
        "--once",
        "--route",
        &format!("192.0.2.1:80={there}"),
        "--dns",
        "two.example=192.0.2.1,192.0.2.2",
        "--black-hole",
        "192.0.2.66",
        "--rtt-ms",
        "60",
        "--port-offset",
        &(listening - 1000).to_string(),
        "--ntp-server",
        "time.example",
        "--apn",
        "internet",
        "--ids",
        "5",
    ]);
    let mut port = TcpStream::connect(program.says("ready")).unwrap();
    asks(&mut port, "ATE0\r", "OK\r\n");
    asks(&mut port, "AT+QICSGP=1,1,\"other\",\"\",\"\",0\r", "OK\r\n");
    asks(&mut port, "AT+QIACT=1\r", "ERROR\r\n");
    asks(
        &mut port,
        "AT+QICSGP=1,1,\"internet\",\"\",\"\",0\r",
        "OK\r\n",
    );
    asks(&mut port, "AT+QIACT=1\r", "OK\r\n");
    let found = asks(&mut port, "AT+QIDNSGIP=1,\"two.example\"\r", "2.2\"\r\n");
    assert!(
        found.contains("\"dnsgip\",0,2,300") && found.contains("\"192.0.2.1\""),
        "{found}"
    );
    asks(
        &mut port,
        "AT+QPING=1,\"192.0.2.1\",1,1\r",
        "+QPING: 0,1,1,0,60,60,60\r\n",
    );
    asks(
        &mut port,
        "AT+QPING=1,\"192.0.2.66\",1,1\r",
        "+QPING: 0,1,0,1,0,0,0\r\n",
    );
    asks(
        &mut port,
        "AT+QNTP=1,\"time.example\"\r",
        "+QNTP: 0,\"2026/07/02,14:27:52+32\"\r\n",
    );
    asks(
        &mut port,
        "AT+QNTP=1,\"nowhere.example\"\r",
        "+QNTP: 565\r\n",
    );
    let start = Instant::now();
    asks(
        &mut port,
        "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.1\",80,0,0\r",
        "+QIOPEN: 0,0\r\n",
    );
    assert!(start.elapsed() >= Duration::from_millis(60));
    asks(
        &mut port,
        "AT+QIOPEN=1,6,\"TCP\",\"192.0.2.1\",80,0,0\r",
        "ERROR\r\n",
    );
    asks(
        &mut port,
        "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.66\",80,0,0\r",
        "OK\r\n",
    );
    let open = "AT+QIOPEN=1,2,\"TCP LISTENER\",\"127.0.0.1\",0,1000,0\r";
    asks(&mut port, open, "+QIOPEN: 2,0\r\n");
    let _client = TcpStream::connect(("127.0.0.1", listening)).unwrap();
    let incoming = asks(&mut port, "AT+QISTATE=1,1\r", "\"uart1\"\r\n\r\nOK\r\n");
    assert!(
        incoming.contains("+QIURC: \"incoming\",5,2,\"127.0.0.1\""),
        "{incoming}"
    );
    drop(port);
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn one_host_or_a_time() {
    let mut program = start(&["--tcp", "127.0.0.1:0", "--once"]);
    let port = TcpStream::connect(program.says("ready")).unwrap();
    drop(port);
    assert_eq!(program.end().code(), Some(0));
    let mut program = start(&["--tcp", "127.0.0.1:0", "--for", "1"]);
    program.says("ready");
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn wrong_command_lines() {
    for arguments in [
        &["--tcp", "192.0.2.1:7000"][..],
        &["--model", "m95"],
        &["--tcp", "127.0.0.1:0", "--fault", "lost-recv=x"],
        &["--tcp", "127.0.0.1:0", "--reading", "none"],
        &["--tcp", "127.0.0.1:0", "--route", "a:1=192.0.2.1:1"],
        &["--tcp", "127.0.0.1:0", "--pty", "/tmp/x"],
        &["--tcp", "127.0.0.1:0", "--sim", "gold"],
        &["--tcp", "127.0.0.1:0", "--ids", "12"],
        &["--tcp", "127.0.0.1:0", "--read-limit", "0"],
        &["--tcp", "127.0.0.1:0", "--send-limit", "1461"],
        &[],
    ] {
        assert_eq!(start(arguments).end().code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn sessions_and_help() {
    let session = concat!(env!("CARGO_MANIFEST_DIR"), "/sessions/model-bg96.at");
    let output = Command::new(env!("CARGO_BIN_EXE_virtual-modem"))
        .args(["--session", session, "/nowhere.at"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("ok ") && said.contains("\nFAILED /nowhere.at"),
        "{said}"
    );
    let help = Command::new(env!("CARGO_BIN_EXE_virtual-modem"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for (form, meaning) in virtual_modem::Fault::TABLE {
        assert!(help.contains(form) && help.contains(meaning), "{form}");
    }
    for (name, meaning, _) in virtual_modem::Readings::TABLE {
        let line = help.lines().find(|line| line.trim().starts_with(name));
        assert!(
            line.is_some_and(|line| line.contains(meaning.trim())),
            "{name}"
        );
    }
    for (form, meaning) in virtual_modem::control::REQUESTS {
        assert!(help.contains(form) && help.contains(meaning), "{form}");
    }
}
