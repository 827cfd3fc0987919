//! The check beside a virtual modem, under virtual time, with its peer in the same network.

use std::time::Duration;

use embassy_futures::select::{Either, select};
use programs::check::peer::{self, Memory};
use programs::check::{Options, Report};
use virtual_modem::serial::{Line, pair};
use virtual_modem::{Fault, InProcess, Settings, VirtualModem, time};

const PEER: [u8; 4] = [198, 51, 100, 9];
const PORT: u16 = 7000;

pub struct Outcome {
    pub report: Report,
    pub error: Option<String>,
}

/// Checks a modem with these other readings and faults.
pub fn check(readings: &[&str], faults: &[&str]) -> Outcome {
    let settings = settings().read(|all| {
        for name in readings {
            all.flip(name).unwrap();
        }
    });
    let outcome = run(settings, faults);
    assert_eq!(outcome.error, None, "{readings:?} {faults:?}");
    outcome
}

/// Checks a modem with other settings.
pub fn check_with(change: impl FnOnce(Settings) -> Settings) -> Outcome {
    run(change(settings()), &[])
}

fn settings() -> Settings {
    let latency = Duration::from_millis(2);
    Settings::new()
        .latency(latency)
        .dns("peer.test", &["198.51.100.9"])
        .dns("time.test", &["198.51.100.9"])
}

fn run(settings: Settings, faults: &[&str]) -> Outcome {
    time::run_virtual(async {
        let network = network();
        let modem = VirtualModem::new(settings, network);
        for fault in faults {
            let fault: Fault = fault.parse().unwrap();
            modem.handle().inject(fault);
        }
        let (rx, tx, end) = pair(Line::new(115_200));
        let options = Options {
            apn: "secret.apn".into(),
            urc_port: "uart1".into(),
            pin: None,
            peer: Some(("peer.test".into(), PORT)),
            time_server: "time.test".into(),
            may_detach: true,
            is_quick: false,
        };
        let mut report = Report::default();
        let checking = programs::check::check(rx, tx, &options, &mut report, |_| {});
        let error = match select(checking, modem.run(end)).await {
            Either::First(outcome) => outcome.err().map(|error| format!("{error:#}")),
            Either::Second(_) => panic!("the modem ended"),
        };
        Outcome { report, error }
    })
}

/// A small window: what is sent quickly is not delivered at once.
fn network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(20)).window(1000);
    let (memory, visitor) = (Memory::default(), network.clone());
    network.tcp(PEER, PORT, move |stream| {
        let (memory, visitor) = (memory.clone(), visitor.clone());
        async move {
            let visit = |port| {
                let from = visitor.clone();
                visitor.spawn(async move {
                    let stream = from.connect(PEER, port).await;
                    time::sleep(Duration::from_secs(5)).await;
                    drop(stream);
                });
            };
            let _ = peer::serve(stream, memory, visit).await;
        }
    });
    network.udp(PEER, PORT, |mut socket| async move {
        loop {
            let (datagram, from) = socket.receive().await;
            if datagram == b"later" {
                time::sleep(Duration::from_secs(1)).await;
            }
            socket.send(&datagram, from);
        }
    });
    network
}
