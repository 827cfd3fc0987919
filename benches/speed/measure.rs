//! One transfer over a line and a module of given speeds, and what it cost.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;

use embassy_futures::join::join;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use quectel_nal::at::AccessMode;
use quectel_nal::{Stack, TcpReader, TcpWriter};
use virtual_modem::{InProcess, ModemHandle, time};

use testbench::{Bench, PEER, noise, peer, sleep};

pub const BAUD_RATES: [u32; 4] = [115_200, 460_800, 921_600, 3_000_000];
pub const LATENCIES: [u64; 3] = [0, 5, 20];
pub const MODES: [Mode; 3] = [Mode::Buffer, Mode::Push, Mode::Transparent];
pub const WAYS: [Way; 3] = [Way::Down, Way::Up, Way::Both];
pub const LENGTHS: [usize; 2] = [100 * 1024, 1024];

/// Both rings of a socket.
pub const RING: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Buffer,
    Push,
    Transparent,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buffer => "buffer",
            Self::Push => "direct push",
            Self::Transparent => "transparent",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Down,
    Up,
    /// Both at once, so many bytes each.
    Both,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub mode: Mode,
    pub way: Way,
    /// Bytes in each direction.
    pub length: usize,
    /// Milliseconds from a command to its answer, and from the last byte of payload to `SEND OK`.
    pub latency: u64,
    pub baud: u32,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Goodput as a share of what the raw line carries in one direction.
    pub down: f64,
    pub up: f64,
    /// AT commands.
    pub commands: u32,
    /// Bytes on the wire, both directions together, for each byte of payload.
    pub wire: f64,
}

/// All of them, in the order of the constants.
pub fn all_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in LENGTHS {
        for way in WAYS {
            for mode in MODES {
                for latency in LATENCIES {
                    cases.extend(BAUD_RATES.map(|baud| Case {
                        mode,
                        way,
                        length,
                        latency,
                        baud,
                    }));
                }
            }
        }
    }
    cases
}

/// Measures all cases, on as many threads as there are processors: each has a clock of its own.
pub fn measure_all(cases: &[Case]) -> Vec<(Case, Figures)> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let worker = |first: usize| -> Vec<(Case, Figures)> {
        let mine = cases.iter().skip(first).step_by(workers);
        mine.map(|case| (*case, measure(*case))).collect()
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|first| scope.spawn(move || worker(first)))
            .collect();
        running
            .into_iter()
            .map(|part| part.join().unwrap())
            .collect()
    });
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    (0..cases.len())
        .filter_map(|index| parts[index % workers].next())
        .collect()
}

pub fn measure(case: Case) -> Figures {
    let bytes = noise(7, case.length);
    let network = InProcess::new();
    let (go, heard) = (Arc::new(Signal::new()), Arc::new(Mutex::new(Vec::new())));
    serve(&network, case.way, &bytes, go.clone(), heard.clone());
    let latency = Duration::from_millis(case.latency);
    let bench = Bench::new()
        .baud(case.baud)
        .settings(|settings| settings.latency(latency).send_latency(latency));
    let figures = bench.run_with::<Figures, 1, RING, RING>(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let figures = match case.mode {
            Mode::Transparent => {
                let mut connection = stack
                    .with_access_mode(AccessMode::Transparent)
                    .connect(peer(7))
                    .await
                    .unwrap();
                transfer(case, connection.split(), &bytes, &go, stack, &modem).await
            }
            Mode::Buffer | Mode::Push => {
                let mode = match case.mode {
                    Mode::Push => AccessMode::DirectPush,
                    _ => AccessMode::Buffer,
                };
                let stack = stack.with_access_mode(mode);
                let mut connection = TcpConnect::connect(&stack, peer(7)).await.unwrap();
                transfer(case, connection.split(), &bytes, &go, stack, &modem).await
            }
        };
        assert_eq!(modem.violations(), [""; 0], "{case:?}");
        figures
    });
    let sent = if case.way == Way::Down {
        &[]
    } else {
        &bytes[..]
    };
    assert!(*heard.lock().unwrap() == sent, "other bytes sent: {case:?}");
    figures
}

type Go = Arc<Signal<CriticalSectionRawMutex, ()>>;

/// A peer that sends all it has when it is told to, and keeps what it hears.
fn serve(network: &InProcess, way: Way, bytes: &[u8], go: Go, heard: Arc<Mutex<Vec<u8>>>) {
    let bytes = if way == Way::Up { &[] } else { bytes }.to_vec();
    network.window(1 << 20).tcp(PEER, 7, move |mut peer| {
        let (bytes, go, heard) = (bytes.clone(), go.clone(), heard.clone());
        async move {
            go.wait().await;
            peer.write_all(&bytes).await.unwrap();
            let mut buffer = [0; 2048];
            while let Ok(count @ 1..) = peer.read(&mut buffer).await {
                heard.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        }
    });
}

/// From the first byte on its way to the last byte in the user's buffer, or accepted by the module.
async fn transfer(
    case: Case,
    (mut reader, mut writer): (TcpReader<'_, '_>, TcpWriter<'_, '_>),
    bytes: &[u8],
    go: &Go,
    stack: Stack<'_>,
    modem: &ModemHandle,
) -> Figures {
    // Whatever belongs to the open is over.
    sleep(Duration::from_secs(1)).await;
    let wire = || {
        let counters = modem.counters();
        counters.bytes_to_host + counters.bytes_to_module
    };
    let (commands, on_wire) = (stack.statistics().transactions, wire());
    let start = time::micros();
    go.signal(());
    let down = async {
        if case.way == Way::Up {
            return 0.0;
        }
        let mut seen = vec![0; bytes.len()];
        let mut length = 0;
        while length < seen.len() {
            length += reader.read(&mut seen[length..]).await.unwrap();
        }
        let time = time::micros() - start;
        assert!(seen == bytes, "other bytes received: {case:?}");
        share(case, time)
    };
    let up = async {
        if case.way == Way::Down {
            return 0.0;
        }
        writer.write_all(bytes).await.unwrap();
        writer.flush().await.unwrap();
        share(case, time::micros() - start)
    };
    let (down, up) = join(down, up).await;
    // The end of the last transaction, and an empty read if there is one.
    sleep(Duration::from_secs(1)).await;
    let ways = if case.way == Way::Both { 2 } else { 1 };
    Figures {
        down,
        up,
        commands: stack.statistics().transactions - commands,
        wire: (wire() - on_wire) as f64 / (ways * case.length) as f64,
    }
}

/// Of the raw line, which takes ten bit times for a byte.
fn share(case: Case, micros: u64) -> f64 {
    (case.length * 10_000_000) as f64 / (micros * u64::from(case.baud)) as f64
}
