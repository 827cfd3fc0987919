//! Two benches for the library: a module that is a script, line by line, and the virtual modem. Both run under virtual
//! time; the virtual modem with real peers runs in real time.
#![allow(dead_code, missing_docs)]

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::{Timer, with_timeout};
use quectel_nal::at::AccessMode;
use quectel_nal::{Config, ControlLines, Resources, RunError, Runner, Stack};
use virtual_modem::serial::{HostRx, HostTx, Line, pair};
use virtual_modem::{
    Chop, InProcess, Loopback, ModemHandle, Network, Settings, VirtualModem, time,
};

/// The peer of most tests.
pub const PEER: &str = "198.51.100.7";

pub fn peer(port: u16) -> core::net::SocketAddr {
    core::net::SocketAddr::new(PEER.parse().unwrap(), port)
}

pub async fn sleep(duration: Duration) {
    Timer::after_micros(duration.as_micros() as u64).await;
}

// ---- the virtual modem ------------------------------------------------------------------------------------------------

/// Everything about a pair test that is not its body.
pub struct Bench {
    pub settings: Settings,
    pub line: Line,
    pub config: Config<'static>,
    /// The access mode of the sockets that are opened.
    pub mode: AccessMode,
}

impl Bench {
    pub fn new() -> Self {
        Self {
            settings: Settings::new(),
            line: Line::new(0),
            config: Config::new("internet"),
            mode: AccessMode::Buffer,
        }
    }

    pub fn mode(mut self, mode: AccessMode) -> Self {
        self.mode = mode;
        self
    }

    pub fn settings(mut self, change: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = change(self.settings);
        self
    }

    pub fn config(mut self, change: impl FnOnce(Config<'static>) -> Config<'static>) -> Self {
        self.config = change(self.config);
        self
    }

    pub fn baud(mut self, baud: u32) -> Self {
        self.line.baud = baud;
        self
    }

    pub fn chop(mut self, chop: Chop) -> Self {
        self.line = self.line.chop(chop);
        self
    }

    /// Runs `body` beside runner and modem, with four sockets of 2048 and 2048 bytes.
    pub fn run<T>(
        self,
        network: &InProcess,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        self.run_with::<T, 4, 2048, 2048>(network, body)
    }

    pub fn run_with<T, const N: usize, const RX: usize, const TX: usize>(
        self,
        network: &InProcess,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        time::run_virtual(self.beside::<T, N, RX, TX>(network.clone(), body))
    }

    /// The same in real time, with real peers.
    pub fn run_real<T>(
        self,
        network: Loopback,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        time::block_on(self.beside::<T, 4, 2048, 2048>(network, body))
    }

    /// Under virtual time, with a runner that is run in another way than by [`Runner::run`].
    pub fn run_as<T, const N: usize, const RX: usize, const TX: usize>(
        self,
        network: &InProcess,
        run: impl AsyncFnOnce(Runner<'_>, HostRx, HostTx) -> RunError,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        time::run_virtual(self.beside_as::<T, N, RX, TX>(network.clone(), run, body))
    }

    async fn beside<T, const N: usize, const RX: usize, const TX: usize>(
        self,
        network: impl Network + 'static,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        let run = async |mut runner: Runner<'_>, rx, tx| runner.run(rx, tx).await;
        self.beside_as::<T, N, RX, TX>(network, run, body).await
    }

    async fn beside_as<T, const N: usize, const RX: usize, const TX: usize>(
        self,
        network: impl Network + 'static,
        run: impl AsyncFnOnce(Runner<'_>, HostRx, HostTx) -> RunError,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        let modem = VirtualModem::new(self.settings, network);
        let handle = modem.handle();
        let (rx, tx, end) = pair(self.line);
        let mut resources = Box::new(Resources::<N, RX, TX>::new());
        let (stack, runner) = quectel_nal::new(&mut resources, self.config);
        let engine = select(modem.run(end), run(runner, rx, tx));
        let stack = stack.with_access_mode(self.mode);
        match select(engine, body(stack, handle.clone())).await {
            Either::First(ended) => panic!("the engine stopped: {ended:?}"),
            Either::Second(result) => result,
        }
    }
}

/// The module has seen nothing from us that a correct host does not do.
pub fn assert_no_violation(modem: &ModemHandle) {
    let violations = modem.violations();
    assert!(
        violations.is_empty(),
        "violations: {violations:#?}\n{}",
        excerpt(modem)
    );
}

/// The end of the conversation, for the message of a failed test.
pub fn excerpt(modem: &ModemHandle) -> String {
    let log = modem.log();
    let from = log.len().saturating_sub(60);
    log[from..]
        .iter()
        .map(|entry| format!("{entry}\n"))
        .collect()
}

/// Polls at most `polls` times, then drops the future. Says what came of it.
pub async fn cancelled<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => {
                // The last poll has been: do not wait for a wake that may never come.
                if left == 0 {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    })
    .await
}

/// Bytes that look random and are the same each time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Payload that means something elsewhere in the language.
pub fn adversarial(length: usize) -> Vec<u8> {
    let all: Vec<u8> = (0..=255).collect();
    let parts: [&[u8]; 9] = [
        b"\r\nOK\r\n",
        b"\r\n+QIURC: \"closed\",0\r\n",
        b"> ",
        b"+++",
        b"\r\nNO CARRIER\r\n",
        b"\r\nSEND OK\r\n",
        b"\r\n+QIRD: 1500\r\n",
        b"\r\nRDY\r\n",
        &all,
    ];
    parts.concat().into_iter().cycle().take(length).collect()
}

// ---- a scripted module ------------------------------------------------------------------------------------------------

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

    /// The module says these bytes.
    pub async fn say(&self, bytes: impl AsRef<[u8]>) {
        self.to_host.write_all(bytes.as_ref()).await;
    }

    /// The module says a line, between line ends.
    pub async fn line(&self, line: &str) {
        self.say(format!("\r\n{line}\r\n")).await;
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
        self.exchange("AT+QISTATE?", "OK").await;
        self.exchange("AT+QIACT?", "OK").await;
        self.exchange(configure, "OK").await;
        self.activate().await;
    }

    /// Everything before the module is asked for its leftovers.
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
        self.exchange("AT+CPIN?", "+CPIN: READY\r\n\r\nOK").await;
        self.exchange("AT+CEREG?", "+CEREG: 0,1\r\n\r\nOK").await;
    }

    /// From AT+QIACT on.
    pub async fn activate(&self) {
        self.exchange("AT+QIACT=1", "OK").await;
        self.exchange("AT+QIACT?", "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK")
            .await;
        self.exchange("AT+QICFG=\"dataformat\",0,0", "OK").await;
        self.exchange("AT+QICFG=\"viewmode\",0", "OK").await;
        self.exchange("AT+QICFG=\"recvind\",1", "OK").await;
        self.exchange("AT+QICFG=\"sendinfo\",0", "ERROR").await;
    }
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
        let (stack, mut runner) = quectel_nal::new(&mut resources, config);
        let script = Script {
            from_host: &from_host,
            to_host: &to_host,
        };
        let engine = runner.run_with_lines(&to_host, &from_host, lines);
        match select(engine, body(stack, script)).await {
            Either::First(error) => panic!("the runner stopped: {error}"),
            Either::Second(result) => result,
        }
    })
}
