//! What sockets cost that nothing happens to, and the search for a network: AT commands and bytes on the UART in an hour.
#![allow(missing_docs)]

use core::fmt::Write as _;
use core::future::pending;
use core::time::Duration;

use embassy_futures::join::{join, join_array};
use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use embedded_nal_async::ConnectedUdp;
use quectel_nal::at::AccessMode;
use quectel_nal::{Stack, TcpConnection};
use virtual_modem::{Fault, InProcess, ModemHandle, Registration};

use testbench::{Bench, PEER, assert_no_violation, peer, sleep};

const HOUR: Duration = Duration::from_secs(3600);
/// An MQTT ping, and its answer.
const PING: [u8; 2] = [0xc0, 0];
const ANSWER: [u8; 2] = [0xd0, 0];

const BEGIN: &str = "<!-- idle: written by benches/idle.rs -->\n";
const END: &str = "<!-- idle: end -->\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A task waits for data of a TCP connection.
    Connection,
    Push,
    Transparent,
    /// A ping every 60 s.
    Mqtt,
    Udp,
    /// Four tasks wait for data, each of a connection of its own.
    FourConnections,
    /// A task waits for a connection.
    Listener,
    FourAndListener,
    /// As `Connection`; right before, a `recv` URC was lost.
    AfterLoss,
    /// No network is found, from the start of the runner on.
    Searching,
}

pub const CASES: [(Case, &str); 10] = [
    (Case::Connection, "one TCP connection, buffer mode"),
    (Case::Push, "the same, direct push mode"),
    (Case::Transparent, "the same, transparent mode"),
    (Case::Mqtt, "MQTT, keep-alive 60 s"),
    (Case::Udp, "one UDP socket"),
    (Case::FourConnections, "four TCP connections"),
    (Case::Listener, "a listener"),
    (Case::FourAndListener, "four TCP connections and a listener"),
    (Case::AfterLoss, "one TCP connection, after a lost URC"),
    (Case::Searching, "search for a network"),
];

/// What an hour costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub commands: u64,
    /// In both directions.
    pub bytes: u64,
}

/// What has happened until now.
fn sum(modem: &ModemHandle) -> Cost {
    let counters = modem.counters();
    Cost {
        commands: counters.commands,
        bytes: counters.bytes_to_host + counters.bytes_to_module,
    }
}

/// A task that waits for data, for ever.
async fn wait_for_data(connection: &mut impl Read) {
    while !matches!(connection.read(&mut [0; 16]).await, Ok(0) | Err(_)) {}
    panic!("the connection has ended");
}

/// One that sends a ping each minute.
async fn ping(mut connection: TcpConnection<'_>) {
    let (mut reader, mut writer) = connection.split();
    let pings = async {
        loop {
            sleep(Duration::from_secs(60)).await;
            writer.write_all(&PING).await.unwrap();
            writer.flush().await.unwrap();
        }
    };
    join(pings, wait_for_data(&mut reader)).await;
}

async fn connect(stack: Stack<'_>) -> TcpConnection<'_> {
    stack.connect(peer(7)).await.unwrap()
}

async fn four(stack: Stack<'_>) {
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(connect(stack).await);
    }
    let mut connections = connections.iter_mut();
    let tasks = [(); 4].map(|()| wait_for_data(connections.next().unwrap()));
    join_array(tasks).await;
}

async fn listen(stack: Stack<'_>) {
    let listener = stack.listen(80).await.unwrap();
    listener.accept().await.unwrap();
}

/// What the program does. It never ends.
async fn run(case: Case, stack: Stack<'_>, modem: &ModemHandle) {
    if case == Case::Searching {
        return pending().await;
    }
    stack.wait_link_up().await.unwrap();
    let with = |mode| stack.with_access_mode(mode);
    match case {
        Case::Connection => wait_for_data(&mut connect(stack).await).await,
        Case::Push => wait_for_data(&mut connect(with(AccessMode::DirectPush)).await).await,
        Case::Transparent => wait_for_data(&mut connect(with(AccessMode::Transparent)).await).await,
        Case::Mqtt => ping(connect(stack).await).await,
        Case::Udp => {
            let mut socket = stack.connect_udp(peer(7)).await.unwrap();
            let _ = socket.receive_into(&mut [0; 16]).await;
        }
        Case::FourConnections => four(stack).await,
        Case::Listener => listen(stack).await,
        Case::FourAndListener => {
            join(four(stack), listen(stack)).await;
        }
        Case::AfterLoss => {
            let mut connection = connect(stack).await;
            modem.inject(Fault::LostRecv(1));
            connection.write_all(&PING).await.unwrap();
            wait_for_data(&mut connection).await;
        }
        Case::Searching => {}
    }
}

/// The first and the second hour, from the time on when the sockets are open.
pub fn measure(case: Case) -> [Cost; 2] {
    let network = InProcess::new();
    network.tcp(PEER, 7, |mut stream| async move {
        let mut bytes = [0; 2];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&ANSWER).await.unwrap();
        }
    });
    let bench = Bench::new().baud(115_200).settings(|settings| {
        let settings = settings.latency(Duration::from_millis(5));
        match case {
            Case::Searching => settings.registration(Registration::Searching, Duration::ZERO),
            _ => settings,
        }
    });
    bench.run_with::<_, 5, 512, 512>(&network, async |stack, modem| {
        let hours = async {
            if case != Case::Searching {
                sleep(Duration::from_secs(10)).await;
            }
            let start = sum(&modem);
            sleep(HOUR).await;
            let first = sum(&modem);
            sleep(HOUR).await;
            let second = sum(&modem);
            [(start, first), (first, second)].map(|(before, after)| Cost {
                commands: after.commands - before.commands,
                bytes: after.bytes - before.bytes,
            })
        };
        let costs = match select(hours, run(case, stack, &modem)).await {
            Either::First(costs) => costs,
            Either::Second(()) => panic!("{case:?} has ended"),
        };
        assert_no_violation(&modem);
        costs
    })
}

/// The page with this table in place of the one that it has. `None` if it has no place for it.
pub fn replace(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

pub fn table() -> String {
    let mut table = String::from(
        "\n| | First hour: AT commands | Bytes | Second hour: AT commands | Bytes |\n|---|---:|---:|---:|---:|\n",
    );
    for (case, name) in CASES {
        let [first, second] = measure(case);
        let _ = writeln!(
            table,
            "| {name} | {} | {} | {} | {} |",
            first.commands, first.bytes, second.commands, second.bytes
        );
    }
    table.push('\n');
    table
}
