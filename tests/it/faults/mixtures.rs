//! Everything at once, at random: sockets of each kind and mode, servers, lookups, commands of the user, futures that are
//! dropped, runners that are dropped and run again, and a module with faults. Each task has a waker of its own. Delivered bytes
//! are the right ones, nothing hangs, and when the faults are over everything works.
//!
//! `MIXTURE_SEEDS=from..to` runs other seeds than the usual ones, `MIXTURE_FAULT=kind` with one kind of fault only; a failure names its seed. `MIXTURE_TRACE=1` shows the conversation.

use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;

use embassy_futures::select::{Either, select};
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, ConnectedUdp, Dns, TcpConnect, UdpStack};
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, PingReply, Runner, Stack};
use testbench::{
    Bench, Dice, PEER, Work, arrives_whole, cancelled, collect, each_seed, echo_network, excerpt,
    exchange, noise, peer, run_tasks, serve, sleep,
};
use virtual_modem::{Fault, InProcess, ModemHandle};

const SERVED: usize = 6_000;
const COLLECTED: usize = 2_000;
const LONGEST_DATAGRAM: usize = 110;
/// The address of `name`, and of no other name.
const NAMED: &str = "192.0.2.9";

fn network() -> InProcess {
    let network = echo_network();
    network.udp_echo(PEER, 9);
    serve(&network, 80, noise(80, SERVED));
    collect(&network, 81, COLLECTED);
    network.refuse(PEER, 1, 566);
    network.hang(PEER, 2);
    network
}

// ---- what tasks do ---------------------------------------------------------------------------------------------------

async fn echo(stack: Stack<'_>, bytes: &[u8]) -> Result<(), Error> {
    exchange(stack.connect(peer(7)).await?, bytes).await
}

async fn download(stack: Stack<'_>) -> Result<(), Error> {
    let mut connection = stack.connect(peer(80)).await?;
    arrives_whole(&mut connection, &noise(80, SERVED), &mut [0; 1000]).await
}

/// The peer reads everything and closes: if that is what the user is told, it is so whenever it asks again.
async fn upload(stack: Stack<'_>, dice: &Dice) -> Result<(), Error> {
    let mut connection = stack.connect(peer(81)).await?;
    connection.write_all(&noise(81, COLLECTED)).await?;
    connection.flush().await?;
    if dice.roll(2) == 0 {
        sleep(dice.millis(20_000)).await;
    }
    connection.wait_acked().await?;
    let end = connection.read(&mut [0; 4]).await;
    assert!(end.is_err() || end == Ok(0), "the peer sent nothing");
    sleep(dice.millis(20_000)).await;
    assert_eq!(connection.wait_acked().await, Ok(()));
    Ok(())
}

/// Datagrams may be lost, but not changed or cut.
async fn datagrams(stack: Stack<'_>, seed: u64) -> Result<(), Error> {
    let (_, mut socket) = UdpStack::connect(&stack, peer(9)).await?;
    let mut buffer = [0; 400];
    for number in 0..4 {
        let sent = noise(seed + number, 100 + number as usize);
        socket.send(&sent).await?;
        let received = {
            let receive = pin!(socket.receive_into(&mut buffer));
            select(receive, sleep(Duration::from_secs(20))).await
        };
        if let Either::First(received) = received {
            let received = &buffer[..received?];
            let mut all = (0..=number).map(|number| noise(seed + number, 100 + number as usize));
            assert!(
                all.any(|sent| sent == received),
                "a datagram that nobody sent"
            );
        }
    }
    Ok(())
}

async fn lookup(stack: Stack<'_>) -> Result<(), Error> {
    let found = stack.get_host_by_name("name.example", AddrType::IPv4);
    let named: core::net::IpAddr = NAMED.parse().unwrap();
    assert_eq!(found.await?, named);
    Ok(())
}

/// Each answer belongs to its question.
async fn services(stack: Stack<'_>) -> Result<(), Error> {
    let (host, limit) = ("192.0.2.9", embassy_time::Duration::from_secs(2));
    let mut pinging = stack.module().ping(host, limit, 2).await?;
    while let Some(reply) = pinging.next().await {
        if let PingReply::Answered { address, .. } = reply {
            assert_eq!(address.to_string(), host);
        }
    }
    pinging.summary().await?;
    let time = stack.module().ntp("ntp.example", false).await?;
    assert_eq!((time.year, time.minute), (2026, 27));
    Ok(())
}

/// One connection of a server, from a client that sends and closes.
async fn served(stack: Stack<'_>, network: &InProcess, port: u16) -> Result<(), Error> {
    let listener = stack.listen(port).await?;
    let said = noise(port.into(), 700);
    let client = network.clone();
    let bytes = said.clone();
    network.spawn(async move {
        if let Some(mut stream) = client.connect(PEER, port).await {
            let _ = stream.write_all(&bytes).await;
            stream.close();
            let _ = stream.read_to_end().await;
        }
    });
    let accepted = select(listener.accept(), sleep(Duration::from_secs(60))).await;
    let Either::First(accepted) = accepted else {
        return Ok(());
    };
    let (mut connection, _) = accepted?;
    arrives_whole(&mut connection, &said, &mut [0; 200]).await
}

/// Does it, all of it or until it is dropped: after some polls, or after some time.
async fn perhaps<T>(dice: &Dice, work: impl Future<Output = T>) {
    match dice.roll(4) {
        0 => {
            let _ = cancelled(dice.roll(60) as usize, work).await;
        }
        1 => {
            let _ = select(work, sleep(dice.millis(20_000))).await;
        }
        _ => {
            let _ = work.await;
        }
    }
}

async fn worker(
    stack: Stack<'_>,
    network: &InProcess,
    dice: &Dice,
    number: u16,
    modes: &[AccessMode],
) {
    for round in 0..3 {
        let mode = modes[dice.roll(modes.len() as u64) as usize];
        let stream = stack.with_access_mode(mode);
        let seed = dice.roll(1000);
        match dice.roll(10) {
            8 => perhaps(dice, services(stack)).await,
            7 => perhaps(dice, upload(stream, dice)).await,
            0 | 1 => perhaps(dice, echo(stream, &noise(seed, 1500))).await,
            2 | 3 => perhaps(dice, download(stream)).await,
            4 => perhaps(dice, datagrams(stack, seed)).await,
            5 => perhaps(dice, lookup(stack)).await,
            6 => perhaps(dice, served(stack, network, 1000 + number * 10 + round)).await,
            _ => {
                perhaps(
                    dice,
                    TcpConnect::connect(&stack, peer(1 + dice.roll(2) as u16)),
                )
                .await
            }
        }
    }
}

// ---- what befalls them -----------------------------------------------------------------------------------------------

/// How many kinds of faults there are.
const FAULTS: u64 = 37;

const COMMANDS: [&str; 9] = [
    "QIOPEN", "QISEND", "QIRD", "QISTATE", "QICLOSE", "QIDNSGIP", "QIACT", "QPING", "QNTP",
];

fn fault(dice: &Dice) -> Fault {
    let seed = dice.roll(1000);
    let command = || COMMANDS[dice.roll(9) as usize].to_owned();
    let kind = match std::env::var("MIXTURE_FAULT") {
        Ok(kind) => kind.parse().unwrap(),
        Err(_) => dice.roll(FAULTS),
    };
    match kind {
        0 => Fault::ForeignUrcs {
            probability: dice.percent(60),
            seed,
        },
        1 => Fault::LostRecv(dice.roll(3) as u32),
        2 => Fault::SendFailRate {
            probability: dice.percent(60),
            taken: dice.roll(2) == 0,
        },
        3 => Fault::LateSendOk(dice.millis(8000)),
        4 => Fault::RefuseOpen {
            code: 550 + dice.roll(25) as u16,
            count: 1,
        },
        5 => Fault::LostOpenResult(1),
        6 => Fault::PdpDeact {
            context: 1,
            after: dice.roll(20_000),
        },
        // A datagram that is read in part is lost in some modules.
        7 => Fault::ShortReads(LONGEST_DATAGRAM + dice.roll(700) as usize),
        8 => Fault::ClosedAfterClose,
        9 => Fault::PromptError(1 + dice.roll(2) as u32),
        10 => Fault::LostSendOk(1),
        11 => Fault::DnsLate(dice.millis(90_000)),
        12 => Fault::DnsSilent(1),
        13 => Fault::CmeErrors {
            text: dice.roll(2) == 0,
        },
        14 => Fault::UnknownUrcs {
            probability: dice.percent(40),
            seed,
        },
        15 => Fault::SendOkBehind(1),
        16 => Fault::ResultFirst(1 + dice.roll(2) as u32),
        17 => Fault::PdpDeactOnly(1),
        18 => Fault::Mute {
            command: command(),
            count: 1,
        },
        19 => Fault::Swallow {
            command: command(),
            count: 1,
        },
        20 => Fault::PauseData {
            time: dice.millis(9000),
            offset: dice.roll(60) as usize,
            count: 1,
        },
        21 => Fault::CountersLag(dice.roll(400)),
        22 => Fault::LineLoss {
            probability: dice.percent(6),
            seed,
        },
        23 => Fault::Restart {
            after: dice.roll(20_000),
        },
        24 => Fault::Silent(Some(dice.millis(60_000))),
        25 => Fault::LostClosed(1),
        26 => Fault::ReadLoss(1),
        27 => Fault::LostPrompt(1),
        28 => Fault::SmsLines {
            probability: dice.percent(30),
            seed,
        },
        29 => Fault::ContextDropped {
            context: 1,
            listed: dice.roll(2) == 0,
        },
        30 => Fault::Refuse {
            command: command(),
            code: [3, 14, 568, 569, 0][dice.roll(5) as usize],
            count: 1,
        },
        31 => Fault::RestartInside {
            command: command(),
            bytes: dice.roll(60) as usize,
            count: 1,
        },
        32 => Fault::LoseData {
            // Two are a line end, and a module that sends one looks like that until it has sent two twice.
            bytes: [1, 3, 4, 5, 6, 7, 8][dice.roll(7) as usize],
            offset: None,
            count: 1,
        },
        33 => Fault::CutData {
            bytes: dice.roll(60) as usize,
            count: 1,
        },
        34 => Fault::LateRecv(dice.millis(2000)),
        35 => Fault::ContextDrifts(1),
        _ => Fault::Slow {
            command: command(),
            delay: dice.millis(30_000),
        },
    }
}

/// Drops the runner now and then, and runs it again. Meanwhile the module may lose its power, which nobody hears.
async fn run(
    mut runner: Runner<'_>,
    mut rx: impl Read,
    mut tx: impl Write,
    dice: &Dice,
    drops: &Cell<u64>,
) -> quectel_nal::RunError {
    loop {
        let dropped = async {
            if drops.get() == 0 {
                core::future::pending::<()>().await;
            }
            drops.set(drops.get() - 1);
            sleep(dice.millis(40_000)).await;
        };
        if let Either::First(error) = select(runner.run(&mut rx, &mut tx), dropped).await {
            return error;
        }
        sleep(dice.millis(3000)).await;
    }
}

async fn body(
    stack: Stack<'_>,
    modem: ModemHandle,
    network: &InProcess,
    dice: &Dice,
    faults: &[Fault],
    modes: &[AccessMode],
) {
    while stack.wait_link_up().await.is_err() {}
    for fault in faults {
        modem.inject(fault.clone());
    }
    if std::env::var_os("MIXTURE_TRACE").is_some() {
        modem.set_trace(|entry| eprintln!("{entry}"));
    }
    let start = Instant::now();
    let tasks =
        (0..6).map(|number| Box::pin(worker(stack, network, dice, number, modes)) as Work<'_>);
    run_tasks(tasks.collect()).await;
    let took = start.elapsed();
    assert!(
        took.as_secs() < 7200,
        "{faults:?} took {took}\n{}",
        excerpt(&modem)
    );
    modem.clear_faults();
    let mut result = Err(Error::TimedOut);
    for _ in 0..10 {
        while stack.wait_link_up().await.is_err() {}
        // What was left behind may still strike once.
        result = async {
            echo(stack, &noise(1, 3000)).await?;
            download(stack).await
        }
        .await;
        if result.is_ok() {
            break;
        }
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(result, Ok(()), "after {faults:?}\n{}", excerpt(&modem));
    // The longest pause before a connection that nobody has is closed again is 32 min.
    sleep(Duration::from_secs(2000)).await;
    let mut left = modem.sockets();
    if faults
        .iter()
        .any(|fault| matches!(fault, Fault::LineLoss { .. }))
    {
        // Nothing else tells of a connection that a listener got.
        left.retain(|socket| socket.service != virtual_modem::Service::TcpIncoming);
    }
    // A second refusal of its close counts as: it is gone. The next open on its connectID finds it.
    let refusals = faults
        .iter()
        .filter(|fault| matches!(fault, Fault::Refuse { command, .. } if command == "QICLOSE"));
    if refusals.count() > 1 {
        left.clear();
    }
    assert!(
        left.is_empty(),
        "after {faults:?} left {left:?}\n{}",
        excerpt(&modem)
    );
}

fn mixture(seed: u64) {
    let dice = &Dice::new(seed);
    let network = &network();
    let latency = dice.millis(30);
    let drops = &Cell::new(dice.roll(3));
    let faults: &Vec<Fault> = &(0..dice.roll(4)).map(|_| fault(dice)).collect();
    let has = |kind: fn(&Fault) -> bool| faults.iter().any(kind);
    // What a module says while it boots, or behind a NO CARRIER that was lost, is data to whoever has the line; so is a NO CARRIER
    // with a line behind it that nobody knows.
    let is_opaque = has(|fault| {
        matches!(
            fault,
            Fault::Restart { .. }
                | Fault::RestartInside { .. }
                | Fault::LineLoss { .. }
                | Fault::UnknownUrcs { .. }
                | Fault::SmsLines { .. }
        )
    });
    // No more than the last bytes of a push are withheld: of what follows in place of the rest of one, some is data. And a
    // notice with a length that comes for the next user of its connectID looks like the header of a push.
    let is_cut = has(|fault| matches!(fault, Fault::CutData { .. } | Fault::LateRecv(_)));
    let modes: &[AccessMode] = match dice.roll(3) {
        0 => &[AccessMode::Buffer],
        _ if is_cut => &[AccessMode::Buffer],
        2 if !is_opaque => &[
            AccessMode::Buffer,
            AccessMode::DirectPush,
            AccessMode::Transparent,
        ],
        _ => &[AccessMode::Buffer, AccessMode::DirectPush],
    };
    Bench::new()
        .baud(if dice.roll(2) == 0 { 115_200 } else { 0 })
        .settings(|settings| {
            settings
                .latency(latency)
                .seed(seed)
                .dns("name.example", &[NAMED])
                .ntp((Duration::from_secs(2), Ok("2026/07/02,14:27:52+32".into())))
        })
        .run_as::<(), 4, 2048, 1024>(
            network,
            async |runner, rx, tx| run(runner, rx, tx, dice, drops).await,
            async |stack, modem| body(stack, modem, network, dice, faults, modes).await,
        );
}

#[test]
fn any_mixture_of_everything() {
    each_seed("MIXTURE_SEEDS", 0..30, mixture);
}
