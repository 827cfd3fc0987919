//! Bring-up from every state that a module can be in, loss of the link, and its return. On the virtual modem.

use atat::asynch::AtatClient;
use core::time::Duration;
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns};
use quectel_nal::at::{
    ConfigureSetting, DataFormat, ErrorCode, QuerySetting, RegistrationStatus, Setting, Switch,
    UdpMode, ViewMode, Within,
};
use quectel_nal::{Error, LinkError, LinkState, Stack};
use testbench::{Bench, assert_no_violation, echo_network, excerpt, peer, sleep};
use virtual_modem::{Fault, LeftOpen, LeftOver, ModemHandle, Registration, Settings, Sim, Stored};

/// The stack works: a connection, and bytes there and back.
async fn works(stack: &Stack<'_>) {
    let mut connection = stack.connect(peer(7)).await.unwrap();
    connection.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    connection.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
    connection.close().await.unwrap();
}

/// The link comes up within `limit` and works.
fn comes_up(limit: Duration, settings: Settings, prepare: impl FnOnce(&ModemHandle)) {
    Bench::new()
        .settings(|_| settings)
        .run(&echo_network(), async |stack, modem| {
            prepare(&modem);
            let up = stack.wait_link_up().await;
            assert_eq!(up, Ok(()), "{}", excerpt(&modem));
            let took = Instant::now();
            assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
            works(&stack).await;
            assert!(modem.sockets().is_empty(), "{}", excerpt(&modem));
        });
}

fn left_open(id: u8, access_mode: u8) -> LeftOpen {
    LeftOpen {
        id,
        access_mode,
        unread: b"left over\r\nOK\r\n".to_vec(),
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn from_a_module_that_is_up() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        assert!(Instant::now().as_millis() < 500);
        works(&stack).await;
        assert_no_violation(&modem);
    });
}

#[test]
fn from_a_cold_boot() {
    let settings = Settings::new()
        .cold(true)
        .boot_time(12 * SECOND)
        .sim(Sim::Busy(15 * SECOND))
        .registration(Registration::Roaming, 30 * SECOND);
    comes_up(35 * SECOND, settings, |_| {});
}

#[test]
fn with_a_slow_context() {
    let settings = Settings::new().activation_delay(149 * SECOND);
    comes_up(151 * SECOND, settings, |_| {});
}

#[test]
fn over_sockets_and_a_context_left_open() {
    let left_over = LeftOver {
        sockets: (0..12).map(|id| left_open(id, id % 2)).collect(),
        contexts: vec![1],
        ..LeftOver::default()
    };
    comes_up(SECOND, Settings::new().left_over(left_over), |_| {});
}

#[test]
fn from_a_prompt() {
    for missing in [1, 3, 5, 100, 1460] {
        let left_over = LeftOver {
            sockets: vec![left_open(0, 0)],
            contexts: vec![1],
            prompt: Some(missing),
            transparent: false,
        };
        comes_up(20 * SECOND, Settings::new().left_over(left_over), |_| {});
    }
}

#[test]
fn from_transparent_mode() {
    let left_over = LeftOver {
        sockets: vec![left_open(0, 2)],
        contexts: vec![1],
        prompt: None,
        transparent: true,
    };
    comes_up(20 * SECOND, Settings::new().left_over(left_over), |_| {});
}

#[test]
fn with_settings_that_another_program_stored() {
    let stored = Stored {
        view_mode: 1,
        data_format: (1, 1),
        urc_port: "usbmodem".into(),
    };
    comes_up(SECOND, Settings::new().stored(stored), |_| {});
}

/// The count of URCs tells a port that is not the one in use from a network that does not answer.
#[test]
fn on_another_port_than_its_urcs() {
    for (port, is_heard) in [("uart1", true), ("usbat", false)] {
        let bench = Bench::new().settings(|mut settings| {
            settings.port = port.into();
            settings
        });
        bench.run(&echo_network(), async |stack, _| {
            stack.wait_link_up().await.unwrap();
            assert_eq!(stack.statistics().urcs, 0);
            let reason = match is_heard {
                true => Error::NameNotFound,
                false => Error::TimedOut,
            };
            assert_eq!(stack.resolve("nowhere.test").await.err(), Some(reason));
            assert_eq!(stack.statistics().urcs > 0, is_heard);
            let begin = Instant::now();
            works(&stack).await;
            assert_eq!(begin.elapsed().as_secs() < 1, is_heard);
        });
    }
}

/// Modules that keep settings over a restart: each that changes the wire is known after bring-up, as the stack needs it.
#[test]
fn with_every_setting_that_another_program_changed() {
    let changed = [
        Setting::ReceiveIndication(Switch::Off),
        Setting::UdpReadMode(UdpMode::Stream),
        Setting::UdpSendMode(UdpMode::Stream),
        Setting::TcpAccept(Switch::Off),
        Setting::PassiveClose(Switch::On),
        Setting::SendTimeout(Within::nearest(3)),
        Setting::ViewMode(ViewMode::Comma),
        Setting::DataFormats {
            send: DataFormat::Hex,
            receive: DataFormat::Hex,
        },
    ];
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut client = stack.at();
        let mut needed = Vec::new();
        for setting in changed {
            let query = QuerySetting {
                key: setting.key().unwrap(),
            };
            needed.push(client.send(&query).await.unwrap());
            client.send(&ConfigureSetting { setting }).await.unwrap();
        }
        let losses = stack.statistics().link_losses;
        modem.restart();
        while stack.statistics().link_losses == losses {
            sleep(SECOND).await;
        }
        stack.wait_link_up().await.unwrap();
        for (setting, needed) in changed.into_iter().zip(needed) {
            assert_ne!(needed.setting(), Some(setting));
            let query = QuerySetting {
                key: setting.key().unwrap(),
            };
            assert_eq!(client.send(&query).await, Ok(needed));
        }
        works(&stack).await;
    });
}

#[test]
fn with_an_echo_that_stays() {
    for fault in [Fault::EchoStays, Fault::PayloadEcho] {
        comes_up(SECOND, Settings::new(), |modem| modem.inject(fault));
    }
    comes_up(SECOND, Settings::new(), |modem| {
        modem.inject(Fault::EchoStays);
        modem.inject(Fault::PayloadEcho);
    });
}

#[test]
fn with_a_pin() {
    let settings = Settings::new().sim(Sim::Pin("1234".into()));
    Bench::new()
        .settings(|_| settings.clone())
        .config(|config| config.pin("1234"))
        .run(&echo_network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            works(&stack).await;
            assert_no_violation(&modem);
        });
    // Without one, and with a wrong one, which is given only once.
    for pin in [None, Some("9999")] {
        Bench::new()
            .settings(|_| settings.clone())
            .config(|config| pin.map_or(config, |pin| config.pin(pin)))
            .run(&echo_network(), async |stack, modem| {
                for _ in 0..4 {
                    assert_eq!(stack.wait_link_up().await, Err(LinkError::SimLocked));
                }
                let log = modem.log();
                let given = log
                    .iter()
                    .filter_map(|entry| entry.text())
                    .filter(|line| line.starts_with("AT+CPIN="))
                    .count();
                assert_eq!(given, usize::from(pin.is_some()));
            });
    }
}

/// Every reason is told to those who wait for the link, and to those who want a socket or a name.
fn fails_with(settings: Settings, expected: LinkError, limit: Duration) {
    Bench::new()
        .settings(|_| settings)
        .run(&echo_network(), async |stack, _| {
            let error = stack.wait_link_up().await.unwrap_err();
            assert_eq!(error, expected);
            let took = Instant::now();
            assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
            assert_eq!(stack.link_state(), LinkState::Down(expected));
            assert_eq!(
                stack.connect(peer(7)).await.unwrap_err(),
                Error::Link(expected)
            );
            assert_eq!(
                stack.get_host_by_name("example.com", AddrType::IPv4).await,
                Err(Error::Link(expected))
            );
            // The next attempt tells the same.
            assert_eq!(stack.wait_link_up().await, Err(expected));
        });
}

#[test]
fn each_reason_for_no_link_is_told() {
    fails_with(
        Settings::new().sim(Sim::Missing),
        LinkError::SimMissing(10),
        15 * SECOND,
    );
    fails_with(
        Settings::new().registration(Registration::Searching, Duration::ZERO),
        LinkError::NotRegistered(RegistrationStatus::Searching),
        182 * SECOND,
    );
    fails_with(
        Settings::new().registration(Registration::Denied, Duration::ZERO),
        LinkError::RegistrationDenied,
        182 * SECOND,
    );
    fails_with(
        Settings::new().activation_refused(Some(561)),
        LinkError::ContextRefused(ErrorCode::CONTEXT_NOT_OPENED),
        20 * SECOND,
    );
    fails_with(
        Settings::new().activation_refused(Some(572)),
        LinkError::ContextRefused(ErrorCode::NOT_ALLOWED),
        20 * SECOND,
    );
    fails_with(
        Settings::new().activation_refused(Some(573)),
        LinkError::ApnRefused(ErrorCode::APN_NOT_CONFIGURED),
        20 * SECOND,
    );
}

#[test]
fn a_wrong_apn_is_a_refused_context() {
    Bench::new().settings(|settings| settings.apn("other")).run(
        &echo_network(),
        async |stack, _| {
            let error = stack.wait_link_up().await.unwrap_err();
            assert!(matches!(error, LinkError::ContextRefused(_)), "{error}");
        },
    );
}

#[test]
fn a_module_that_is_not_there_is_told_and_found_later() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        modem.silent(true);
        let error = stack.wait_link_up().await.unwrap_err();
        assert_eq!(error, LinkError::NoAnswer);
        assert!(error.needs_restart());
        assert!(Instant::now().as_secs() <= 30);
        modem.silent(false);
        stack.wait_link_up().await.unwrap();
        works(&stack).await;
    });
}

/// What takes the link down fails all sockets promptly, and the link comes back by itself.
fn comes_back(
    error: LinkError,
    within: Duration,
    back_within: Duration,
    strike: impl FnOnce(&ModemHandle),
) {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut one = stack.connect(peer(7)).await.unwrap();
        let mut two = stack.connect(peer(7)).await.unwrap();
        two.write_all(b"unread").await.unwrap();
        sleep(SECOND).await;
        let start = Instant::now();
        strike(&modem);
        let failed = one.read(&mut [0; 8]).await;
        assert_eq!(failed, Err(Error::Link(error)), "{}", excerpt(&modem));
        let took = start.elapsed();
        assert!(took.as_millis() <= within.as_millis() as u64, "took {took}");
        // What had come before can still be read.
        let mut buffer = [0; 6];
        two.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"unread");
        assert_eq!(two.read(&mut buffer).await, Err(Error::Link(error)));
        assert_eq!(two.write(b"x").await, Err(Error::Link(error)));
        // Everything had been accepted before.
        assert_eq!(two.flush().await, Ok(()));
        drop((one, two));
        while stack.wait_link_up().await.is_err() {}
        let took = start.elapsed();
        assert!(
            took.as_millis() <= back_within.as_millis() as u64,
            "took {took}\n{}",
            excerpt(&modem)
        );
        works(&stack).await;
        works(&stack).await;
        assert_eq!(stack.statistics().link_losses, 1);
    });
}

#[test]
fn after_pdpdeact() {
    comes_back(LinkError::ContextLost, SECOND, 5 * SECOND, |modem| {
        modem.pdpdeact(1);
    });
}

#[test]
fn after_a_restart_of_the_module() {
    comes_back(LinkError::Restarted, 6 * SECOND, 20 * SECOND, |modem| {
        modem.restart();
    });
}

/// Nobody writes: the re-check while a reader waits notices the silence.
#[test]
fn after_a_silence() {
    comes_back(LinkError::NoAnswer, 90 * SECOND, 120 * SECOND, |modem| {
        modem.inject(Fault::Silent(Some(100 * SECOND)));
    });
}

#[test]
fn pdpdeact_of_another_context_changes_nothing() {
    Bench::new().run(&echo_network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.urc(b"\r\n+QIURC: \"pdpdeact\",2\r\n");
        sleep(SECOND).await;
        assert_eq!(stack.link_state(), LinkState::Up);
        works(&stack).await;
    });
}

/// The runner can be dropped anywhere and run again.
#[test]
fn a_runner_that_is_dropped_can_be_run_again() {
    use embassy_futures::select::{Either, select};
    use embassy_time::{Duration, Timer};
    use virtual_modem::VirtualModem;
    use virtual_modem::serial::{Line, pair};
    virtual_modem::time::run_virtual(async {
        let modem = VirtualModem::new(
            Settings::new().latency(core::time::Duration::from_millis(5)),
            echo_network(),
        );
        let mut resources = Box::new(quectel_nal::Resources::<2, 512, 512>::new());
        let (stack, mut runner) =
            quectel_nal::new(&mut resources, quectel_nal::Config::new("internet"));
        for round in 0..40 {
            let (rx, tx, end) = pair(Line::new(115_200));
            let busy = async {
                loop {
                    let Ok(mut connection) = stack.connect(peer(7)).await else {
                        continue;
                    };
                    let mut buffer = [0; 300];
                    for _ in 0..5 {
                        if connection.write_all(&[b'\r'; 300]).await.is_err()
                            || connection.read_exact(&mut buffer).await.is_err()
                        {
                            break;
                        }
                    }
                }
            };
            let limited = select(busy, Timer::after(Duration::from_millis(97 * round)));
            select(select(modem.run(end), runner.run(rx, tx)), limited).await;
            assert_eq!(stack.link_state(), LinkState::Down(LinkError::NotRunning));
        }
        let (rx, tx, end) = pair(Line::new(115_200));
        let engine = select(modem.run(end), runner.run(rx, tx));
        let check = async {
            stack.wait_link_up().await.unwrap();
            works(&stack).await;
        };
        assert!(matches!(select(engine, check).await, Either::Second(())));
    });
}

#[test]
fn a_silent_module_is_restarted_at_the_pace_of_the_note() {
    use core::cell::RefCell;
    use embassy_futures::select::{Either, select};
    use virtual_modem::VirtualModem;
    use virtual_modem::serial::{Line, pair};
    virtual_modem::time::run_virtual(async {
        let modem = VirtualModem::new(Settings::new(), echo_network());
        let handle = modem.handle();
        handle.silent(true);
        let mut resources = Box::new(quectel_nal::Resources::<2, 512, 512>::new());
        let (stack, runner) =
            quectel_nal::new(&mut resources, quectel_nal::Config::new("internet"));
        let (rx, tx, end) = pair(Line::new(115_200));
        let resets = RefCell::new(Vec::new());
        let reset = async || {
            resets.borrow_mut().push(Instant::now().as_secs());
            if resets.borrow().len() == 8 {
                handle.silent(false);
                handle.restart();
            }
        };
        let mut runner = runner.reset(reset);
        let engine = select(modem.run(end), runner.run(rx, tx));
        let check = async {
            while stack.wait_link_up().await.is_err() {}
            works(&stack).await;
        };
        assert!(matches!(select(engine, check).await, Either::Second(())));
        let resets = resets.into_inner();
        let pauses: Vec<u64> = resets.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(resets.len(), 8);
        for (index, least) in [0, 0, 0, 600, 1800, 3600, 3600].into_iter().enumerate() {
            let pause = pauses[index];
            assert!((least..least + 90).contains(&pause), "pauses: {pauses:?}");
        }
    });
}
