//! The virtual modem beside a stack.

use embassy_futures::select::{Either, select};
use quectel_nal::at::AccessMode;
use quectel_nal::{Buffers, Config, KeepAlive, Resources, RunError, Runner, Stack};
use virtual_modem::serial::{HostRx, HostTx, Line, pair};
use virtual_modem::{
    Chop, InProcess, Loopback, ModemHandle, Network, Settings, VirtualModem, time,
};

/// Everything about a pair test that is not its body.
pub struct Bench {
    pub settings: Settings,
    pub line: Line,
    pub config: Config<'static>,
    /// The access mode of the sockets that are opened.
    pub mode: AccessMode,
    /// The keep-alive of connections, if it is asked for.
    pub keep_alive: Option<KeepAlive>,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            settings: Settings::new(),
            line: Line::new(0),
            config: Config::new("internet"),
            mode: AccessMode::Buffer,
            keep_alive: None,
        }
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn mode(mut self, mode: AccessMode) -> Self {
        self.mode = mode;
        self
    }

    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
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

    /// As [`run`](Self::run). Each socket has receive and transmit rings of its own sizes.
    pub fn run_with_rings<T, const N: usize>(
        self,
        network: &InProcess,
        sizes: [(usize, usize); N],
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        let mut rings = sizes.map(|(rx, tx)| (vec![0; rx], vec![0; tx]));
        let buffers = rings.each_mut().map(|(rx, tx)| Buffers { rx, tx });
        let mut resources = Box::new(Resources::<N, 0, 0>::new());
        let modem = VirtualModem::new(self.settings, network.clone());
        let (stack, runner) = quectel_nal::with_buffers(&mut resources, buffers, self.config);
        let stack = stack.with_access_mode(self.mode);
        time::run_virtual(drive(modem, self.line, run, stack, runner, body))
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
        self.beside_as::<T, N, RX, TX>(network, run, body).await
    }

    async fn beside_as<T, const N: usize, const RX: usize, const TX: usize>(
        self,
        network: impl Network + 'static,
        run: impl AsyncFnOnce(Runner<'_>, HostRx, HostTx) -> RunError,
        body: impl AsyncFnOnce(Stack<'_>, ModemHandle) -> T,
    ) -> T {
        let modem = VirtualModem::new(self.settings, network);
        let mut resources = Box::new(Resources::<N, RX, TX>::new());
        let (stack, runner) = quectel_nal::new(&mut resources, self.config);
        let stack = self
            .keep_alive
            .map_or(stack, |set| stack.with_keep_alive(set));
        let stack = stack.with_access_mode(self.mode);
        drive(modem, self.line, run, stack, runner, body).await
    }
}

async fn run(mut runner: Runner<'_>, rx: HostRx, tx: HostTx) -> RunError {
    runner.run(rx, tx).await
}

/// Runs `body` beside the runner and the modem.
async fn drive<'d, T>(
    modem: VirtualModem,
    line: Line,
    run: impl AsyncFnOnce(Runner<'d>, HostRx, HostTx) -> RunError,
    stack: Stack<'d>,
    runner: Runner<'d>,
    body: impl AsyncFnOnce(Stack<'d>, ModemHandle) -> T,
) -> T {
    let handle = modem.handle();
    let (rx, tx, end) = pair(line);
    let engine = select(modem.run(end), run(runner, rx, tx));
    match select(engine, body(stack, handle.clone())).await {
        Either::First(ended) => panic!("the engine stopped: {ended:?}"),
        Either::Second(result) => result,
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
