//! A module that is a script: the test says what it expects and what the module answers.

use core::time::Duration;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::with_timeout;
use quectel_nal::{Config, ControlLines, Resources, Stack};
use virtual_modem::time;

use crate::sleep;

type Wire = Pipe<CriticalSectionRawMutex, 8192>;

/// The module's end of a serial line, played by the test.
pub struct Script<'p> {
    from_host: &'p Wire,
    to_host: &'p Wire,
}

impl Script<'_> {
    /// The host sends exactly this line next, ended by CR.
    pub async fn expect(&self, line: &str) {
        let mut seen = Vec::new();
        loop {
            let mut byte = [0];
            let read = with_timeout(embassy_time::Duration::from_secs(400), async {
                self.from_host.read(&mut byte).await
            });
            if read.await.is_err() {
                panic!(
                    "waited for {line:?}, got {:?}",
                    String::from_utf8_lossy(&seen)
                );
            }
            if byte[0] == b'\r' {
                break;
            }
            seen.push(byte[0]);
        }
        assert_eq!(String::from_utf8_lossy(&seen), line);
    }

    /// The host sends exactly these bytes next.
    pub async fn expect_bytes(&self, bytes: &[u8]) {
        let mut seen = vec![0; bytes.len()];
        let mut count = 0;
        while count < seen.len() {
            count += self.from_host.read(&mut seen[count..]).await;
        }
        assert_eq!(
            String::from_utf8_lossy(&seen),
            String::from_utf8_lossy(bytes)
        );
    }

    /// The module has not looked at what the host has sent so far.
    pub fn forget_commands(&self) {
        self.from_host.clear();
    }

    /// The module says these bytes.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) {
        self.to_host.write_all(bytes.as_ref()).await;
    }

    /// The module says a line, between line ends.
    pub async fn line(&self, line: &str) {
        self.say(format!("\r\n{line}\r\n")).await;
    }

    /// The host opens connectID 0 with this command, and the module reports success.
    pub async fn open(&self, command: &str) {
        self.exchange(command, "OK").await;
        self.line("+QIOPEN: 0,0").await;
    }

    /// The host reads with this command (AT+QIRD), and the module returns this payload.
    pub async fn return_payload(&self, command: &str, payload: &str) {
        let length = payload.len();
        self.expect(command).await;
        self.say(format!("\r\n+QIRD: {length}\r\n{payload}\r\n\r\nOK\r\n"))
            .await;
    }

    /// The host reads with this command (AT+QIRD), and the module has nothing.
    pub async fn return_nothing(&self, command: &str) {
        self.exchange(command, "+QIRD: 0\r\n\r\nOK").await;
    }

    /// The host leaves transparent access mode by `+++` after a pause.
    pub async fn confirm_escape(&self) {
        self.expect_bytes(b"+++").await;
        sleep(Duration::from_millis(1001)).await;
        self.line("OK").await;
    }

    /// The host asks for the reason of an error, and the module gives this one.
    pub async fn give_reason(&self, reason: &str) {
        self.exchange("AT+QIGETERROR", &format!("+QIGETERROR: {reason}\r\n\r\nOK"))
            .await;
    }

    /// The host sends this payload with this command (AT+QISEND), and the module accepts it.
    pub async fn accept_payload(&self, command: &str, payload: &[u8]) {
        self.expect(command).await;
        self.say("\r\n> ").await;
        self.expect_bytes(payload).await;
        self.line("SEND OK").await;
    }

    /// A command, and its answer between line ends.
    pub async fn exchange(&self, command: &str, answer: &str) {
        self.expect(command).await;
        self.line(answer).await;
    }

    /// The host says nothing for this time.
    pub async fn expect_silence(&self, time: Duration) {
        let mut bytes = [0; 64];
        let read = with_timeout(
            embassy_time::Duration::from_micros(time.as_micros() as u64),
            self.from_host.read(&mut bytes),
        );
        if let Ok(count) = read.await {
            panic!("unexpected: {:?}", String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// Brings up the link of `Config::new("internet")` from a fresh module.
    pub async fn bring_up(&self) {
        self.bring_up_before("AT+QICSGP=1,1,\"internet\",\"\",\"\",0")
            .await;
    }

    /// The same with another AT+QICSGP.
    pub async fn bring_up_before(&self, configure: &str) {
        self.begin().await;
        self.exchange("AT+QIACT?", "OK").await;
        self.exchange(configure, "OK").await;
        self.activate().await;
    }

    /// Everything before the module is asked for its contexts; it has no sockets.
    pub async fn begin(&self) {
        self.begin_with("").await;
    }

    /// The same with another command behind the echo's, if any.
    pub async fn begin_with(&self, more: &str) {
        self.expect("AT").await;
        self.say("AT\r\r\nOK\r\n").await;
        self.expect("AT").await;
        self.say("AT\r\r\nOK\r\n").await;
        self.expect("ATE0").await;
        self.say("ATE0\r\r\nOK\r\n").await;
        self.exchange("AT+CMEE=1", "OK").await;
        self.exchange("AT+QISDE=0", "OK").await;
        if !more.is_empty() {
            self.exchange(more, "OK").await;
        }
        self.exchange("AT+QURCCFG=\"urcport\",\"uart1\"", "OK")
            .await;
        self.exchange("AT+CFUN?", "+CFUN: 1\r\n\r\nOK").await;
        self.exchange("AT+QISTATE?", "OK").await;
        self.register().await;
    }

    /// SIM card and network.
    pub async fn register(&self) {
        self.exchange("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").await;
        self.exchange("AT+CEREG=1", "OK").await;
        self.exchange("AT+CGREG=1", "OK").await;
        self.exchange("AT+CEREG?", "+CEREG: 1,1\r\n\r\nOK").await;
        self.exchange("AT+QISTATE?", "OK").await;
    }

    /// From AT+QIACT on.
    pub async fn activate(&self) {
        self.exchange("AT+QIACT=1", "OK").await;
        self.exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
            .await;
        for setting in [
            "\"dataformat\",0,0",
            "\"viewmode\",0",
            "\"recvind\",1",
            "\"udp/readmode\",0",
            "\"udp/sendmode\",0",
            "\"tcp/accept\",1",
            "\"passiveclosed\",0",
            "\"qisend/timeout\",0",
        ] {
            self.exchange(&format!("AT+QICFG={setting}"), "OK").await;
        }
        self.exchange("AT+QICFG=\"sendinfo\",0", "ERROR").await;
    }
}

/// The TCP server of the examples of the note.
pub const SERVER: &str = "220.180.239.212:8009";

/// The configuration of most scripts: AT+QICLOSE without a time limit, as in the examples of the note.
pub fn config() -> Config<'static> {
    Config::new("internet").close_timeout(None)
}

/// Runs `body` beside a runner whose module is a script.
pub fn dialogue<T>(
    config: Config<'static>,
    body: impl AsyncFnOnce(Stack<'_>, Script<'_>) -> T,
) -> T {
    dialogue_with_lines(config, (), body)
}

/// The same with control lines.
pub fn dialogue_with_lines<T>(
    config: Config<'static>,
    lines: impl ControlLines,
    body: impl AsyncFnOnce(Stack<'_>, Script<'_>) -> T,
) -> T {
    time::run_virtual(async {
        let (from_host, to_host) = (Wire::new(), Wire::new());
        let mut resources = Box::new(Resources::<2, 2048, 2048>::new());
        let (stack, runner) = quectel_nal::new(&mut resources, config);
        let script = Script {
            from_host: &from_host,
            to_host: &to_host,
        };
        let mut runner = runner.control_lines(lines);
        let engine = runner.run(&to_host, &from_host);
        match select(engine, body(stack, script)).await {
            Either::First(error) => panic!("the runner stopped: {error}"),
            Either::Second(result) => result,
        }
    })
}
