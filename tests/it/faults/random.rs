//! Faults at random, many at once: delivered bytes are the right ones, nothing hangs, and when the faults are over
//! everything works. `SOUP_SEEDS=from..to` runs other seeds than the usual ones, `SOUP_TRACE=1` shows the conversation.

use core::time::Duration;
use embassy_futures::join::join4;
use embassy_time::Instant;
use quectel_nal::at::AccessMode;
use quectel_nal::{Error, Stack};
use testbench::{
    Bench, Dice, PEER, adversarial, arrives_whole, each_seed, echo_network, excerpt, exchange,
    noise, peer, serve, sleep,
};
use virtual_modem::readings::{LastError, LineEnds};
use virtual_modem::{Chop, Fault, InProcess, Model, NoAddress, Readings, Settings};

fn network() -> InProcess {
    let network = echo_network();
    serve(&network, 80, noise(80, 9_000));
    network.refuse(PEER, 1, 566);
    network
}

async fn echo(stack: &Stack<'_>, bytes: &[u8]) -> Result<(), Error> {
    exchange(stack.connect(peer(7)).await?, bytes).await
}

async fn download(stack: &Stack<'_>) -> Result<(), Error> {
    let mut connection = stack.connect(peer(80)).await?;
    arrives_whole(&mut connection, &noise(80, 9_000), &mut [0; 1000]).await
}

fn fault(dice: &Dice) -> Fault {
    let seed = dice.roll(1000);
    match dice.roll(19) {
        0 => Fault::Chop(Chop::Random {
            seed,
            max: 1 + dice.roll(50) as usize,
        }),
        1 | 2 => Fault::ForeignUrcs {
            probability: dice.percent(60),
            seed,
        },
        3 => Fault::LateRecv(dice.millis(2000)),
        4 => Fault::LostRecv(dice.roll(3) as u32),
        5 => Fault::SendFailRate {
            probability: dice.percent(60),
            taken: dice.roll(2) == 0,
        },
        6 => Fault::LateSendOk(dice.millis(8000)),
        7 => Fault::RefuseOpen {
            code: 550 + dice.roll(25) as u16,
            count: 1,
        },
        8 => Fault::LostOpenResult(1),
        9 => Fault::PdpDeact {
            context: 1,
            after: dice.roll(20_000),
        },
        10 => Fault::Restart {
            after: dice.roll(20_000),
        },
        11 => Fault::Silent(Some(dice.millis(90_000))),
        12 => Fault::ShortReads(1 + dice.roll(700) as usize),
        13 => Fault::ClosedAfterClose,
        14 => Fault::LineLoss {
            probability: dice.percent(8),
            seed,
        },
        15 => Fault::ReadLoss(1),
        16 => Fault::PromptError(1 + dice.roll(2) as u32),
        17 => Fault::LostSendOk(1),
        _ => Fault::CmeErrors {
            text: dice.roll(2) == 0,
        },
    }
}

/// What modules showed beyond the faults above.
fn shape(dice: &Dice) -> Fault {
    let command = |dice: &Dice| {
        let all = ["QIRD", "QISEND", "QIOPEN", "QICLOSE", "QISTATE", "QIACT"];
        String::from(all[dice.roll(6) as usize])
    };
    match dice.roll(20) {
        0 => Fault::ResultFirst(1 + dice.roll(3) as u32),
        1 => Fault::SendOkBehind(1),
        2 => Fault::SendError(1),
        3 => Fault::Refuse {
            command: command(dice),
            code: [568, 3, 14, 0][dice.roll(4) as usize],
            count: 1 + dice.roll(2) as u32,
        },
        4 => Fault::Mute {
            command: command(dice),
            count: 1,
        },
        5 => Fault::Swallow {
            command: command(dice),
            count: 1,
        },
        6 => Fault::Slow {
            command: ["ALL", "QICLOSE", "QIRD"][dice.roll(3) as usize].into(),
            delay: dice.millis(3000),
        },
        7 => Fault::RestartInside {
            command: ["QIRD", "PUSH", "QISTATE"][dice.roll(3) as usize].into(),
            bytes: dice.roll(200) as usize,
            count: 1,
        },
        8 => Fault::PdpDeactOnly(1),
        9 => Fault::ContextDropped {
            context: 1,
            listed: dice.roll(2) == 0,
        },
        10 => Fault::ContextDrifts(1),
        11 => Fault::LateAddress {
            delay: dice.millis(5000),
            shows: [NoAddress::Empty, NoAddress::Zero, NoAddress::Absent][dice.roll(3) as usize],
        },
        12 => Fault::DeactFails(1 + dice.roll(2) as u32),
        13 => Fault::HangOpen(1),
        14 => Fault::PauseData {
            time: dice.millis(9000),
            offset: dice.roll(100) as usize,
            count: 1,
        },
        15 => Fault::CountersLag(dice.roll(800)),
        16 => Fault::UnknownUrcs {
            probability: 0.3,
            seed: dice.roll(1000),
        },
        17 => Fault::LostPrompt(1),
        18 => Fault::LostClosed(1),
        _ => Fault::ResumeFails(1),
    }
}

/// A module of any family or of none, with any readings, with faults of the first kind, or of both.
fn run(seed: u64, shapes: bool) {
    let dice = &Dice::new(seed);
    let mut settings = Settings::new().seed(seed);
    if shapes && dice.roll(2) == 0 {
        settings = settings.model(Model::ALL[dice.roll(Model::ALL.len() as u64) as usize]);
    }
    for _ in 0..dice.roll(4) {
        let (name, ..) = match shapes {
            true => Readings::TABLE[dice.roll(Readings::TABLE.len() as u64) as usize],
            false => (
                Readings::NAMES[dice.roll(Readings::NAMES.len() as u64) as usize],
                "",
                false,
            ),
        };
        settings.readings.flip(name).unwrap();
    }
    let line_ends = settings.readings.line_ends;
    let tells_no_reason = settings.readings.last_error == LastError::Stale;
    let latency = Duration::from_millis(dice.roll(30));
    let bench = Bench::new()
        .baud(if dice.roll(2) == 0 { 115_200 } else { 0 })
        .settings(|_| settings.clone().latency(latency));
    bench.run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let faults: Vec<Fault> = (0..1 + dice.roll(4))
            .map(|_| match shapes && dice.roll(4) > 0 {
                true => shape(dice),
                false => fault(dice),
            })
            .collect();
        for fault in &faults {
            modem.inject(fault.clone());
        }
        if std::env::var_os("SOUP_SEEDS").is_some() {
            eprintln!("{seed}: {faults:?}");
        }
        if std::env::var_os("SOUP_TRACE").is_some() {
            modem.set_trace(|entry| eprintln!("{entry}"));
        }
        let start = Instant::now();
        // Silence loses what is pushed, and nothing tells of it; a notice with a length that comes for the next user of
        // its connectID looks like what is pushed; so do the lines of a boot inside a pushed frame.
        let is_lossy = faults.iter().any(|fault| match fault {
            Fault::Silent(_) | Fault::LateRecv(_) => true,
            Fault::RestartInside { command, .. } => command == "PUSH",
            _ => false,
        });
        let is_opaque = faults.iter().any(|fault| {
            matches!(
                fault,
                Fault::Restart { .. }
                    | Fault::RestartInside { .. }
                    | Fault::LineLoss { .. }
                    | Fault::UnknownUrcs { .. }
            )
        });
        // So are a NO CARRIER with a line behind it that nobody knows, and a further line end in front of it.
        let is_opaque = is_opaque || matches!(line_ends, LineEnds::Doubled | LineEnds::Tripled);
        let mode = || match dice.roll(4) {
            // What a module says while it boots, or behind a NO CARRIER that was lost, is data to whoever has the line.
            0 if !is_lossy && !is_opaque => AccessMode::Transparent,
            1 | 2 if !is_lossy => AccessMode::DirectPush,
            _ => AccessMode::Buffer,
        };
        let modes = [AccessMode::Buffer, mode(), mode(), mode()];
        let work = async |seed: u64| {
            let stack = stack.with_access_mode(modes[seed as usize - 1]);
            for round in 0..3 {
                let _ = echo(&stack, &noise(seed + round, 2500)).await;
                let _ = download(&stack).await;
                let _ = stack.connect(peer(1)).await;
            }
        };
        join4(work(1), work(2), work(3), work(4)).await;
        let took = start.elapsed();
        if let Ok(file) = std::env::var("SOUP_LOG") {
            let log: String = modem
                .log()
                .iter()
                .map(|entry| format!("{entry}\n"))
                .collect();
            std::fs::write(file, log).unwrap();
        }
        assert!(
            took.as_secs() < 7200,
            "{faults:?} took {took}\n{}",
            excerpt(&modem)
        );
        modem.clear_faults();
        modem.silent(false);
        // What the module tells nobody lasts until it restarts.
        let is_dropped = |fault: &Fault| matches!(fault, Fault::ContextDropped { .. });
        if tells_no_reason && faults.iter().any(is_dropped) {
            modem.restart();
        }
        let mut result = Err(Error::TimedOut);
        for _ in 0..10 {
            while stack.wait_link_up().await.is_err() {}
            // What the faults left behind may still strike once.
            result = async {
                echo(&stack, &adversarial(4000)).await?;
                download(&stack).await
            }
            .await;
            if result.is_ok() {
                break;
            }
            sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(result, Ok(()), "after {faults:?}\n{}", excerpt(&modem));
        sleep(Duration::from_secs(30)).await;
        let left = modem.sockets();
        assert!(
            left.is_empty(),
            "after {faults:?} left {left:?}
{}",
            excerpt(&modem)
        );
    });
}

#[test]
fn any_mixture_of_faults() {
    each_seed("SOUP_SEEDS", 0..60, |seed| run(seed, false));
}

/// Shapes of the wire that modules showed, personalities of families, and what is beyond a command's answer.
#[test]
fn any_mixture_of_shapes() {
    each_seed("SOUP_SEEDS", 0..40, |seed| run(seed, true));
}
