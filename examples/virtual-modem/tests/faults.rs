//! Faults by name, readings by name, and what is left over from before.

mod common;

use common::{Host, dialogue, dialogue_on};
use embedded_io_async::{Read, Write};
use std::time::Duration;
use virtual_modem::{
    Fault, InProcess, LeftOpen, LeftOver, Line, Readings, Registration, Settings, Sim, Stored, time,
};

const SERVER: &str = "192.0.2.7";

fn network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(SERVER, 7);
    network.tcp(SERVER, 19, |mut peer| async move {
        let _ = peer.write_all(b"Hello, module.").await;
        let _ = peer.read_to_end().await;
    });
    network.tcp(SERVER, 9, |mut peer| async move {
        let _ = peer.write_all(b"tail").await;
    });
    network
}

fn host_with<F: Future<Output = ()>>(
    settings: Settings,
    faults: &[&str],
    script: impl FnOnce(Host) -> F,
) {
    dialogue(settings, network(), |mut host| async move {
        host.brings_up().await;
        for fault in faults {
            host.injects(fault);
        }
        script(host).await;
    });
}

const OPEN_ECHO: &str = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,0";
const OPEN_GREETING: &str = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",19,0,0";
const OPENED: &str = "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n";

async fn sends(host: &mut Host, payload: &str, result: &str) {
    host.asks(&format!("AT+QISEND=0,{}", payload.len()), "\r\n> ")
        .await;
    host.types(payload).await;
    host.expects(format!("\r\n{result}\r\n")).await;
}

#[test]
fn every_form_can_be_read() {
    for (form, _) in Fault::TABLE {
        let text = form.replace(['[', ']'], "").replace("PROBABILITY", "0.5");
        let text = text.replace("empty|zero|absent", "zero");
        let text = text.replace("ADDRESS", "192.0.2.1").replace("LEVEL", "4");
        let text = text
            .replace("COMMAND", "QICLOSE")
            .replace("=NAME", "=close_waits")
            .replace("ID", "3");
        let text = text.replace("CODE", "567");
        let text = ["BYTES", "SEED", "MAX", "MS", "OFFSET", "COUNT", "CONTEXT"]
            .iter()
            .fold(text, |t, w| t.replace(w, "7"));
        text.parse::<Fault>()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    assert!("nothing".parse::<Fault>().is_err());
    assert!("late-recv".parse::<Fault>().is_err());
    assert!("reading=nothing".parse::<Fault>().is_err());
    for name in Readings::NAMES {
        let mut readings = Readings::default();
        readings.flip(name).unwrap();
        assert_ne!(readings, Readings::default());
    }
}

#[test]
fn failing_sends() {
    host_with(Settings::new(), &["send-fail=2"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        sends(&mut host, "lost", "SEND FAIL").await;
        host.injects("send-fail=1,taken");
        sends(&mut host, "taken", "SEND FAIL").await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.asks("AT+QIRD=0,100", "\r\n+QIRD: 5\r\ntaken\r\n\r\nOK\r\n")
            .await;
        host.injects("late-send-ok=2000");
        let start = time::now();
        sends(&mut host, "slow", "SEND OK").await;
        assert_eq!(time::now() - start, Duration::from_secs(2));
        host.injects("prompt-error");
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.asks("AT+QISEND=0,4", "\r\nERROR\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn a_full_send_buffer() {
    let network = InProcess::new();
    network
        .window(1)
        .hang(SERVER, 1)
        .tcp(SERVER, 7, |peer| async move {
            time::sleep(Duration::from_secs(600)).await;
            drop(peer);
        });
    dialogue(
        Settings::new().send_buffer(8),
        network,
        |mut host| async move {
            host.connects(SERVER, 7, 0).await;
            sends(&mut host, "12345", "SEND OK").await;
            sends(&mut host, "67890", "SEND FAIL").await;
            assert_eq!(host.modem.state(0).unwrap().unsent, 4);
        },
    );
}

#[test]
fn opens_that_fail() {
    host_with(
        Settings::new(),
        &["refuse-open=569,2"],
        |mut host| async move {
            host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,569\r\n")
                .await;
            host.injects("reading=failed_open_keeps_id");
            host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,569\r\n")
                .await;
            host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,563\r\n")
                .await;
            host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
            host.injects("hang-open");
            host.asks(OPEN_ECHO, "\r\nOK\r\n").await;
            host.hears_nothing_for(Duration::from_secs(200)).await;
            host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
            host.injects("lost-open-result");
            host.asks(OPEN_ECHO, "\r\nOK\r\n").await;
            host.hears_nothing_for(Duration::from_secs(1)).await;
            assert_eq!(host.modem.state(0).unwrap().state, 2);
            host.injects("reading=open_failure_at_once");
            host.asks(OPEN_ECHO, "\r\nERROR\r\n").await;
            host.asks(
                "AT+QIGETERROR",
                "\r\n+QIGETERROR: 563, socket identity has been used\r\n\r\nOK\r\n",
            )
            .await;
            host.made_no_fault();
        },
    );
}

#[test]
fn notices_that_are_late_or_lost() {
    host_with(
        Settings::new(),
        &["late-recv=3000"],
        |mut host| async move {
            host.asks(OPEN_GREETING, OPENED).await;
            host.hears_nothing_for(Duration::from_millis(2999)).await;
            host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
            host.injects("late-recv=0");
            host.injects("lost-recv");
            host.asks(
                "AT+QIRD=0,1500",
                "\r\n+QIRD: 14\r\nHello, module.\r\n\r\nOK\r\n",
            )
            .await;
            host.asks("AT+QICLOSE=0,0", "\r\nOK\r\n").await;
            host.asks(OPEN_GREETING, OPENED).await;
            host.hears_nothing_for(Duration::from_secs(60)).await;
            host.injects("short-reads=5");
            host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 5\r\nHello\r\n\r\nOK\r\n")
                .await;
            host.injects("read-loss");
            host.asks("AT+QIRD=0,1500", "\r\nOK\r\n").await;
            host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 4\r\nule.\r\n\r\nOK\r\n")
                .await;
        },
    );
}

#[test]
fn data_survives_the_peer() {
    host_with(
        Settings::new(),
        &["closed-after-close"],
        |mut host| async move {
            host.asks("AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",9,0,0", OPENED)
                .await;
            host.expects("\r\n+QIURC: \"recv\",0\r\n\r\n+QIURC: \"closed\",0\r\n")
                .await;
            assert_eq!(host.modem.state(0).unwrap().state, 4);
            host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,563\r\n")
                .await;
            host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 4\r\ntail\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 0\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+QICLOSE=0", "\r\nOK\r\n\r\n+QIURC: \"closed\",0\r\n")
                .await;
            host.made_no_fault();
        },
    );
}

#[test]
fn a_full_receive_buffer_holds_the_peer() {
    let network = InProcess::new();
    network.window(2000).tcp(SERVER, 7, |mut peer| async move {
        let _ = peer.write_all(&[7; 20_000]).await;
    });
    dialogue(Settings::new(), network, |mut host| async move {
        host.connects(SERVER, 7, 0).await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.hears_nothing_for(Duration::from_secs(1)).await;
        assert_eq!(host.modem.state(0).unwrap().unread, 10_240);
        let mut total = 0;
        for _ in 0..13 {
            host.types("AT+QIRD=0,1500\r").await;
            host.expects("\r\n+QIRD: 1500\r\n").await;
            host.expects([7; 1500]).await;
            host.expects("\r\n\r\nOK\r\n").await;
            total += 1500;
            if total == 10_500 {
                host.expects("\r\n+QIURC: \"closed\",0\r\n").await;
            }
        }
        assert_eq!(host.modem.state(0).unwrap().unread, 500);
    });
}

#[test]
fn the_module_restarts_in_the_middle() {
    host_with(Settings::new(), &["restart=6"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        sends(&mut host, "one", "SEND OK").await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.expects("\r\nRDY\r\n").await;
        assert_eq!(time::now(), Duration::from_secs(5));
        host.expects(
            "\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n\r\n+QIND: SMS DONE\r\n",
        )
        .await;
        host.asks("AT+QISTATE?", "AT+QISTATE?\r\r\nOK\r\n").await;
        host.asks("AT+QIRD=0,100", "AT+QIRD=0,100\r\r\nERROR\r\n")
            .await;
        host.made_no_fault();
        assert_eq!(host.modem.counters().restarts, 1);
    });
}

#[test]
fn a_silent_module() {
    host_with(Settings::new(), &["silent=30000"], |mut host| async move {
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_secs(31)).await;
        host.asks("AT", "\r\nOK\r\n").await;
        host.modem.silent(true);
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_secs(100)).await;
        host.modem.silent(false);
        host.asks("AT", "\r\nOK\r\n").await;
    });
}

#[test]
fn the_context_goes_away() {
    let settings = Settings::new().read(|readings| readings.deactivation_closes = true);
    host_with(settings, &["pdpdeact=1,4"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        sends(&mut host, "four", "SEND OK").await;
        host.expects("\r\n+QIURC: \"pdpdeact\",1\r\n\r\n+QIURC: \"closed\",0\r\n")
            .await;
        host.asks("AT+QIACT?", "\r\nOK\r\n").await;
        host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
        host.asks("AT+QIDEACT=1", "\r\nOK\r\n").await;
        host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn stored_formats() {
    let stored = Stored {
        view_mode: 1,
        data_format: (0, 0),
        urc_port: "uart1".into(),
    };
    host_with(Settings::new().stored(stored), &[], |mut host| async move {
        host.asks(OPEN_GREETING, OPENED).await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        host.asks("AT+QIRD=0,5", "\r\n+QIRD: 5,Hello\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QICFG=\"viewmode\",0", "\r\nOK\r\n").await;
        host.injects("hex");
        host.asks("AT+QIRD=0,2", "\r\n+QIRD: 2\r\n2C20\r\n\r\nOK\r\n")
            .await;
        host.asks(
            "AT+QICFG=\"dataformat\"",
            "\r\n+QICFG: \"dataformat\",1,1\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QICFG=\"dataformat\",0,0", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn notices_on_another_port() {
    let stored = Stored {
        view_mode: 0,
        data_format: (0, 0),
        urc_port: "usbmodem".into(),
    };
    host_with(Settings::new().stored(stored), &[], |mut host| async move {
        host.asks(OPEN_GREETING, OPENED).await;
        host.hears_nothing_for(Duration::from_secs(9)).await;
        host.asks(
            "AT+QURCCFG=\"urcport\"",
            "\r\n+QURCCFG: \"urcport\",\"usbmodem\"\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QURCCFG=\"urcport\",\"uart1\"", "\r\nOK\r\n")
            .await;
        host.made_no_fault();
    });
}

#[test]
fn echoes_that_stay() {
    host_with(
        Settings::new(),
        &["echo-stays", "payload-echo"],
        |mut host| async move {
            host.asks("ATE0", "\r\nOK\r\n").await;
            host.asks("AT", "AT\r\r\nOK\r\n").await;
            host.asks("AT+QISDE=0", "AT+QISDE=0\r\r\nOK\r\n").await;
            host.asks(OPEN_ECHO, &format!("{OPEN_ECHO}\r{OPENED}"))
                .await;
            host.asks("AT+QISEND=0,4", "AT+QISEND=0,4\r\r\n> ").await;
            host.types("echo").await;
            host.expects("echo\r\nSEND OK\r\n").await;
        },
    );
}

#[test]
fn lookups_that_fail() {
    let settings = Settings::new().dns("name", &["192.0.2.1"]);
    host_with(settings, &["dns-fails"], |mut host| async move {
        host.asks(
            "AT+QIDNSGIP=1,\"name\"",
            "\r\nOK\r\n\r\n+QIURC: \"dnsgip\",565,0,0\r\n",
        )
        .await;
        host.injects("dns-silent");
        host.asks("AT+QIDNSGIP=1,\"name\"", "\r\nOK\r\n").await;
        host.hears_nothing_for(Duration::from_secs(61)).await;
        host.injects("dns-late=7000");
        host.asks("AT+QIDNSGIP=1,\"name\"", "\r\nOK\r\n").await;
        host.asks("AT+QIDNSGIP=1,\"name\"", "\r\nERROR\r\n").await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 564, dns busy\r\n\r\nOK\r\n",
        )
        .await;
        host.expects("\r\n+QIURC: \"dnsgip\",0,1,300\r\n\r\n+QIURC: \"dnsgip\",\"192.0.2.1\"\r\n")
            .await;
    });
}

#[test]
fn errors_in_the_other_forms() {
    host_with(Settings::new(), &["cme-errors"], |mut host| async move {
        host.asks("AT+QIACT=1", "\r\n+CME ERROR: 572\r\n").await;
        host.injects("cme-errors=text");
        host.asks("AT+QIACT=1", "\r\n+CME ERROR: operation not allowed\r\n")
            .await;
        host.injects("reading=last_error_stale");
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 0,operate successfully\r\n\r\nOK\r\n",
        )
        .await;
    });
}

#[test]
fn prompts_of_other_shapes() {
    host_with(
        Settings::new(),
        &["reading=prompt_bare", "reading=ok_before_send_ok"],
        |mut host| async move {
            host.asks(OPEN_ECHO, OPENED).await;
            host.asks("AT+QISEND=0,1", "\r\n>").await;
            host.types("1").await;
            host.expects("\r\nOK\r\n\r\nSEND OK\r\n").await;
            host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
            host.injects("reading=prompt_line_end");
            host.asks("AT+QISEND=0,1", "\r\n>\r\n").await;
            host.types("2").await;
            host.expects("\r\nOK\r\n\r\nSEND OK\r\n").await;
        },
    );
}

#[test]
fn foreign_lines_keep_to_their_places() {
    let talk = |seed: u64| {
        let mut log = Vec::new();
        let all = &mut log;
        host_with(
            Settings::new(),
            &[&format!("foreign-urcs=0.5,{seed}")],
            |mut host| async move {
                host.types(format!("{OPEN_ECHO}\r")).await;
                all.push(host.hears(Duration::from_millis(1)).await);
                host.types("AT+QISEND=0,4\r").await;
                all.push(host.hears(Duration::from_millis(1)).await);
                host.types("test").await;
                let last = host.hears(Duration::from_millis(1)).await;
                assert!(last.ends_with("\r\n"));
                host.made_no_fault();
                all.push(last);
            },
        );
        log
    };
    assert_eq!(talk(1), talk(1));
    assert_ne!(talk(1), talk(2));
}

#[test]
fn what_an_earlier_host_left() {
    let left_over = LeftOver {
        sockets: vec![LeftOpen {
            id: 3,
            access_mode: 0,
            unread: b"old".to_vec(),
        }],
        prompt: Some(4),
        ..LeftOver::default()
    };
    let settings = Settings::new().echo(false).left_over(left_over.clone());
    dialogue(settings, network(), |mut host| async move {
        host.types("AT\r\r").await;
        host.expects("AT\r\r\r\nSEND OK\r\n").await;
        host.asks("AT+QIACT?", "\r\n+QIACT: 1,1,1,\"10.0.0.2\"\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QIRD=3,100", "\r\n+QIRD: 3\r\nold\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QICLOSE=3", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
    let settings = Settings::new().echo(false).left_over(LeftOver {
        transparent: true,
        prompt: None,
        ..left_over
    });
    dialogue(settings, network(), |mut host| async move {
        host.expects("old").await;
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_millis(1100)).await;
        host.types("+++").await;
        host.expects("\r\nOK\r\n").await;
        host.asks("AT", "\r\nOK\r\n").await;
    });
}

#[test]
fn a_cold_start() {
    let settings = Settings::new()
        .cold(true)
        .sim(Sim::Pin("1234".into()))
        .registration(Registration::Roaming, Duration::from_secs(10));
    dialogue_on(
        Line::new(115_200),
        settings,
        network(),
        |mut host| async move {
            host.types("AT\r").await;
            host.expects("\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\n+QUSIM: 1\r\n\r\n+QIND: SMS DONE\r\n").await;
            host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
            host.asks("AT+CPIN?", "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+CPIN=\"0000\"", "\r\n+CME ERROR: 16\r\n")
                .await;
            host.asks("AT+CPIN=\"1234\"", "\r\nOK\r\n").await;
            host.asks("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+CEREG=1", "\r\nOK\r\n").await;
            host.asks("AT+CEREG?", "\r\n+CEREG: 1,2\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "\r\nOK\r\n")
                .await;
            host.asks("AT+QIACT=1", "\r\nERROR\r\n").await;
            host.expects("\r\n+CEREG: 5\r\n").await;
            host.asks("AT+CEREG?", "\r\n+CEREG: 1,5\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
            host.asks("AT+QPOWD", "\r\nOK\r\n\r\nPOWERED DOWN\r\n")
                .await;
            host.types("AT\r").await;
            host.hears_nothing_for(Duration::from_secs(60)).await;
            host.modem.restart();
            host.expects("\r\nRDY\r\n").await;
        },
    );
}

#[test]
fn raw_bytes_wait_for_their_place() {
    host_with(Settings::new(), &[], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.asks("AT+QISEND=0,2", "\r\n> ").await;
        host.modem.urc(b"\r\n+QIURC: \"closed\",7\r\n");
        host.hears_nothing_for(Duration::from_secs(1)).await;
        host.types("ab").await;
        host.expects("\r\n+QIURC: \"closed\",7\r\n\r\nSEND OK\r\n")
            .await;
    });
}

#[test]
fn closing_waits_for_the_peer() {
    let network = InProcess::new();
    network.tcp(SERVER, 7, |mut peer| async move {
        let all = peer.read_to_end().await.unwrap();
        assert_eq!(all, b"data");
        time::sleep(Duration::from_secs(3)).await;
    });
    dialogue(Settings::new(), network, |mut host| async move {
        for (command, seconds) in [
            ("AT+QICLOSE=0", 3),
            ("AT+QICLOSE=0,1", 1),
            ("AT+QICLOSE=0,0", 0),
        ] {
            if seconds < 3 {
                host.asks(OPEN_ECHO, OPENED).await;
            } else {
                host.connects(SERVER, 7, 0).await;
            }
            sends(&mut host, "data", "SEND OK").await;
            let start = time::now();
            host.asks(command, "\r\nOK\r\n").await;
            assert_eq!((time::now() - start).as_secs(), seconds);
        }
        host.made_no_fault();
    });
}

/// The peer reads nothing at first, so that the module has something that is not sent yet.
#[test]
fn a_close_that_is_forced() {
    for discards in [false, true] {
        let network = InProcess::new();
        let (tell, told) = std::sync::mpsc::channel();
        network.window(1).tcp(SERVER, 7, move |mut peer| {
            let tell = tell.clone();
            async move {
                time::sleep(Duration::from_secs(5)).await;
                let mut all = Vec::new();
                let mut byte = [0];
                while let Ok(1) = peer.read(&mut byte).await {
                    all.push(byte[0]);
                }
                let _ = tell.send(all);
            }
        });
        let settings = Settings::new().read(|readings| readings.forced_close_discards = discards);
        dialogue(settings, network, |mut host| async move {
            host.connects(SERVER, 7, 0).await;
            sends(&mut host, "not sent yet", "SEND OK").await;
            host.asks("AT+QICLOSE=0,0", "\r\nOK\r\n").await;
            host.hears_nothing_for(Duration::from_secs(60)).await;
        });
        let all = told.try_recv().unwrap();
        assert_eq!(all == b"not sent yet", !discards, "{}", all.escape_ascii());
    }
}

#[test]
fn an_open_that_answers_late() {
    let settings = Settings::new()
        .connect_delay(Duration::from_secs(4))
        .read(|readings| readings.open_failure_at_once = true);
    host_with(settings, &[], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        assert_eq!(time::now(), Duration::from_secs(4));
        host.asks("AT+QIOPEN=1,1,\"TCP\",\"192.0.2.8\",7,0,0", "\r\nERROR\r\n")
            .await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 566, socket connect failed\r\n\r\nOK\r\n",
        )
        .await;
    });
}

#[test]
fn a_listener_for_datagrams() {
    let network = InProcess::new();
    let mut peer = network.udp_socket("192.0.2.9", 5000);
    let mut other = network.udp_socket("192.0.2.10", 5000);
    dialogue(
        Settings::new().udp_listener(true),
        network,
        |mut host| async move {
            host.brings_up().await;
            host.asks(
                "AT+QIOPEN=1,0,\"UDP LISTENER\",\"127.0.0.1\",0,3030,0",
                OPENED,
            )
            .await;
            peer.send_to_port(b"one", 3030);
            host.expects(
                "\r\n+QIURC: \"incoming\",11,0,\"192.0.2.9\",5000\r\n\r\n+QIURC: \"recv\",11\r\n",
            )
            .await;
            other.send_to_port(b"two", 3030);
            host.expects(
                "\r\n+QIURC: \"incoming\",10,0,\"192.0.2.10\",5000\r\n\r\n+QIURC: \"recv\",10\r\n",
            )
            .await;
            host.asks("AT+QIRD=11,1500", "\r\n+QIRD: 3\r\none\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+QISEND=11,3", "\r\n> ").await;
            host.types("ack").await;
            host.expects("\r\nSEND OK\r\n").await;
            assert_eq!(peer.receive().await.0, b"ack");
            host.made_no_fault();
        },
    );
}

#[test]
fn readings_of_received_data() {
    let network = network();
    let mut peer = network.udp_socket("192.0.2.9", 5000);
    let settings = Settings::new().read(|readings| {
        readings.read_ends_with_blank_line = false;
        readings.datagram_rest_is_lost = true;
        readings.push_ends_with_line_end = false;
        readings.push_tells_peer = false;
        readings.notice_has_length = true;
    });
    dialogue(settings, network, |mut host| async move {
        host.brings_up().await;
        host.asks(
            "AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0",
            OPENED,
        )
        .await;
        peer.send_to_port(b"datagram", 3030);
        host.expects("\r\n+QIURC: \"recv\",0,8\r\n").await;
        host.asks(
            "AT+QIRD=0,4",
            "\r\n+QIRD: 4,\"192.0.2.9\",5000\r\ndata\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QIRD=0", "\r\n+QIRD: 0\r\n\r\nOK\r\n").await;
        host.asks("AT+QISWTMD=0,1", "\r\nOK\r\n").await;
        peer.send_to_port(b"push", 3030);
        host.expects("\r\n+QIURC: \"recv\",0,4\r\npush").await;
        peer.send_to_port(b"again", 3030);
        host.expects("\r\n+QIURC: \"recv\",0,5\r\nagain").await;
        host.made_no_fault();
    });
}

#[test]
fn faults_before_the_first_run() {
    use virtual_modem::{VirtualModem, serial};
    let modem = VirtualModem::new(Settings::new(), network());
    modem
        .handle()
        .inject(Fault::Silent(Some(Duration::from_secs(3))));
    let (mut rx, mut tx, end) = serial::pair(Line::default());
    time::run_virtual(futures_lite::future::or(
        async {
            time::sleep(Duration::from_millis(3001)).await;
            tx.write_all(b"AT\r").await.unwrap();
            let mut answer = [0; 9];
            rx.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"AT\r\r\nOK\r\n");
        },
        modem.run(end),
    ));
}

#[test]
fn a_second_host_finds_what_the_first_left() {
    use virtual_modem::{VirtualModem, serial};
    let modem = VirtualModem::new(Settings::new().echo(false), network());
    let first = async |mut host: Host| {
        host.asks("AT+QICSGP=1,1,\"internet\"", "\r\nOK\r\n").await;
        host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
        host.asks(OPEN_ECHO, OPENED).await;
    };
    let second = async |mut host: Host| {
        host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,563\r\n")
            .await;
        host.made_no_fault();
    };
    time::run_virtual(async {
        let (rx, tx, end) = serial::pair(Line::default());
        let host = Host {
            rx,
            tx,
            modem: modem.handle(),
        };
        futures_lite::future::or(first(host), modem.run(end)).await;
        let (rx, tx, end) = serial::pair(Line::default());
        let host = Host {
            rx,
            tx,
            modem: modem.handle(),
        };
        futures_lite::future::or(second(host), modem.run(end)).await;
    });
}

#[test]
fn a_host_may_find_its_way_back_when_time_is_up() {
    host_with(
        Settings::new(),
        &["slow=CSQ,70000", "hang-open"],
        |mut host| async move {
            host.types("AT+CSQ\r").await;
            host.hears_nothing_for(Duration::from_secs(60)).await;
            host.asks("AT", "\r\nERROR\r\n").await;
            host.expects("\r\n+CSQ: 25,99\r\n\r\nOK\r\n").await;
            host.types("AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,2\r")
                .await;
            host.hears_nothing_for(Duration::from_secs(150)).await;
            host.asks("AT+QICLOSE=0", "\r\nOK\r\n").await;
            host.made_no_fault();
        },
    );
}

#[test]
fn lost_lines() {
    host_with(Settings::new(), &["line-loss=1"], |mut host| async move {
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_secs(1)).await;
        host.modem.clear_faults();
        host.asks("AT", "\r\nOK\r\n").await;
        let remarks = host.modem.log();
        assert!(remarks.iter().any(|entry| entry.text() == Some("lost: OK")));
    });
}
