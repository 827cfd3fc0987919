//! Faults of single commands, of contexts and of data: each shows its bytes.

mod common;

use common::{Host, dialogue};
use embedded_io_async::Write;
use std::time::Duration;
use virtual_modem::{Fault, InProcess, Settings, control, time};

const SERVER: &str = "192.0.2.7";
const OPEN_ECHO: &str = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,0";
const OPEN_GREETING: &str = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",19,0,0";
const OPENED: &str = "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n";
const NOTICE: &str = "\r\n+QIURC: \"recv\",0\r\n";
const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

fn network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(SERVER, 7).udp_echo(SERVER, 7);
    network.tcp(SERVER, 19, |mut peer| async move {
        let _ = peer.write_all(b"Hello, module.").await;
        let _ = peer.read_to_end().await;
    });
    network
}

fn host_with<F: Future<Output = ()>>(faults: &[&str], script: impl FnOnce(Host) -> F) {
    dialogue(Settings::new(), network(), |mut host| async move {
        host.brings_up().await;
        for fault in faults {
            host.injects(fault);
        }
        script(host).await;
    });
}

const LAST_ERROR: &str = "AT+QIGETERROR";

async fn last_error(host: &mut Host, text: &str) {
    let answer = format!("\r\n+QIGETERROR: {text}\r\n\r\nOK\r\n");
    host.asks(LAST_ERROR, &answer).await;
}

#[test]
fn wrong_faults_are_refused() {
    for text in [
        "late-recv=soon",
        "late-recv=5,6",
        "late-recv=",
        "lost-recv=,1",
        "echo-stays=1",
        "send-fail=1,lost",
        "send-fail-rate=1.5",
        "foreign-urcs=-1",
        "refuse-open=12",
        "refuse=QIRD,900",
        "refuse=QIRD",
        "pdpdeact=17",
        "pdpdeact=0",
        "left-open=12",
        "chop=0",
        "chop=random,1,0",
        "short-reads=0",
        "cfun=2",
        "cfun=5",
        "slow=QI RD,5",
        "cme-errors=words",
        "late-address=5,none",
        "refuse-peer=somebody",
        "lost-recv=every=0",
        "lost-recv,every=2",
        "echo-stays,every=2",
        "late-recv=5,every=2",
        "silent=99999999999",
    ] {
        assert!(text.parse::<Fault>().is_err(), "{text}");
    }
    assert!("mute=AT+QIRD,every=1".parse::<Fault>().is_ok());
    assert!("lost-recv=at=3".parse::<Fault>().is_ok());
}

#[test]
fn a_command_that_is_slow_or_mute() {
    host_with(&["slow=QICLOSE,60000"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.types("AT+QICLOSE=0,0\r").await;
        host.hears_nothing_for(Duration::from_millis(59_999)).await;
        host.expects(OK).await;
        host.injects("mute=QIRD,2");
        host.injects("mute=QISTATE,every=2");
        host.asks(OPEN_GREETING, &format!("{OPENED}{NOTICE}")).await;
        for _ in 0..2 {
            host.types("AT+QIRD=0,5\r").await;
            host.hears_nothing_for(Duration::from_secs(61)).await;
        }
        // The command was carried out.
        host.asks("AT+QIRD=0,5", "\r\n+QIRD: 4\r\nule.\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+QISTATE=1,5", OK).await;
        host.types("AT+QISTATE=1,5\r").await;
        host.hears_nothing_for(Duration::from_secs(61)).await;
        host.asks("AT+QISTATE=1,5", OK).await;
        host.injects("swallow=QICLOSE");
        host.types("AT+QICLOSE=0,0\r").await;
        host.hears_nothing_for(Duration::from_secs(11)).await;
        assert_eq!(host.modem.state(0).unwrap().state, 2);
        host.made_no_fault();
    });
}

#[test]
fn a_module_that_is_slow_for_everything() {
    host_with(&["slow=ALL,1500"], |mut host| async move {
        let start = time::now();
        host.asks("AT", OK).await;
        host.asks(OPEN_ECHO, OPENED).await;
        host.asks("AT+QISEND=0,2", "\r\n> ").await;
        host.types("hi").await;
        host.expects("\r\nSEND OK\r\n").await;
        assert_eq!(time::now() - start, Duration::from_secs(6));
        host.made_no_fault();
    });
}

#[test]
fn a_module_that_is_one_answer_behind() {
    host_with(&["one-behind"], |mut host| async move {
        host.types("AT+CSQ\r").await;
        host.hears_nothing_for(Duration::from_secs(5)).await;
        host.asks("AT", "\r\n+CSQ: 25,99\r\n\r\nOK\r\n").await;
        host.asks("AT+QISDE?", OK).await;
        host.asks("AT", "\r\n+QISDE: 0\r\n\r\nOK\r\n").await;
    });
}

#[test]
fn refusals_that_pass() {
    host_with(&[], |mut host| async move {
        host.asks(OPEN_GREETING, &format!("{OPENED}{NOTICE}")).await;
        host.injects("refuse=QIRD,568,2");
        for _ in 0..2 {
            host.asks("AT+QIRD=0,1500", ERROR).await;
            last_error(&mut host, "568, operation busy").await;
        }
        let data = "\r\n+QIRD: 14\r\nHello, module.\r\n\r\nOK\r\n";
        host.asks("AT+QIRD=0,1500", data).await;
        host.injects("refuse=QIRD,14");
        host.asks("AT+QIRD=0,1500", "\r\n+CME ERROR: 14\r\n").await;
        host.injects("refuse=QICLOSE,0");
        host.asks("AT+QICLOSE=0,0", ERROR).await;
        last_error(&mut host, "0, operate successfully").await;
        host.asks("AT+QICLOSE=0,0", OK).await;
        host.injects("refuse=QIOPEN,551");
        host.asks(OPEN_ECHO, ERROR).await;
        last_error(&mut host, "551, operation blocked").await;
        host.made_no_fault();
    });
}

#[test]
fn a_result_in_front_of_its_ok() {
    host_with(&["result-first=3"], |mut host| async move {
        host.asks(OPEN_ECHO, "\r\n+QIOPEN: 0,0\r\n\r\nOK\r\n").await;
        host.asks(
            "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.8\",7,0,0",
            "\r\n+QIOPEN: 1,566\r\n\r\nOK\r\n",
        )
        .await;
        host.asks(
            "AT+QIDNSGIP=1,\"192.0.2.7\"",
            "\r\n+QIURC: \"dnsgip\",0,1,0\r\n\r\n+QIURC: \"dnsgip\",\"192.0.2.7\"\r\n\r\nOK\r\n",
        )
        .await;
        host.made_no_fault();
    });
}

#[test]
fn a_send_result_in_front_of_the_next_answer() {
    host_with(&["send-ok-behind"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.asks("AT+QISEND=0,2", "\r\n> ").await;
        host.types("hi").await;
        host.expects(NOTICE).await;
        host.hears_nothing_for(Duration::from_secs(10)).await;
        host.asks("AT+CSQ", "\r\nSEND OK\r\n\r\n+CSQ: 25,99\r\n\r\nOK\r\n")
            .await;
    });
}

#[test]
fn a_prompt_that_is_lost() {
    host_with(&["lost-prompt"], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.types("AT+QISEND=0,2\r").await;
        host.hears_nothing_for(Duration::from_secs(10)).await;
        host.types("AT").await;
        host.expects(format!("\r\nSEND OK\r\n{NOTICE}")).await;
        host.asks("AT+QIRD=0,9", "\r\n+QIRD: 2\r\nAT\r\n\r\nOK\r\n")
            .await;
    });
}

#[test]
fn a_peer_that_is_refused() {
    host_with(&["refuse-peer=255.255.255.255"], |mut host| async move {
        let open = "AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,0";
        host.asks(open, OPENED).await;
        host.asks("AT+QISEND=0,2,\"255.255.255.255\",7", ERROR)
            .await;
        last_error(&mut host, "552, invalid parameters").await;
        host.asks("AT+QISEND=0,2,\"192.0.2.7\",7", "\r\n> ").await;
        host.types("hi").await;
        host.expects(format!("\r\nSEND OK\r\n{NOTICE}")).await;
        host.made_no_fault();
    });
}

#[test]
fn a_context_that_was_dropped() {
    for (fault, rows) in [
        ("context-dropped", ""),
        (
            "context-dropped=1,listed",
            "\r\n+QIACT: 1,1,1,\"10.0.0.2\"\r\n",
        ),
    ] {
        host_with(&[fault], |mut host| async move {
            host.asks("AT+QIACT?", &format!("{rows}\r\nOK\r\n")).await;
            host.asks("AT+QIACT=1", ERROR).await;
            last_error(&mut host, "570, pdp context broken down").await;
            host.asks(OPEN_ECHO, "\r\nOK\r\n\r\n+QIOPEN: 0,570\r\n")
                .await;
            host.injects("deact-fails");
            host.asks("AT+QIDEACT=1", ERROR).await;
            last_error(&mut host, "562, close pdp context failed").await;
            host.asks("AT+QIDEACT=1", OK).await;
            host.asks("AT+QIACT=1", OK).await;
            host.asks(OPEN_ECHO, OPENED).await;
            host.made_no_fault();
        });
    }
}

#[test]
fn a_context_that_drifts() {
    host_with(&["context-drifts"], |mut host| async move {
        host.asks("AT+QIACT?", "\r\n+QIACT: 1,1,1,\"10.0.0.2\"\r\n\r\nOK\r\n")
            .await;
        host.asks("AT+CGACT?", "\r\n+CGACT: 1,0\r\n+CGACT: 9,1\r\n\r\nOK\r\n")
            .await;
        host.asks(OPEN_ECHO, OK).await;
        host.hears_nothing_for(Duration::from_millis(29_999)).await;
        host.expects("\r\n+QIOPEN: 0,566\r\n").await;
        host.asks("AT+QIDEACT=1", OK).await;
        host.asks("AT+QIACT=1", OK).await;
        host.asks("AT+CGACT?", "\r\n+CGACT: 1,1\r\n\r\nOK\r\n")
            .await;
        host.asks(OPEN_ECHO, OPENED).await;
    });
}

#[test]
fn an_address_that_comes_late() {
    for (shows, row) in [
        ("empty", "\r\n+QIACT: 1,1,1,\"\"\r\n"),
        ("zero", "\r\n+QIACT: 1,1,1,\"0.0.0.0\"\r\n"),
        ("absent", ""),
    ] {
        host_with(
            &[&format!("late-address=2000,{shows}")],
            |mut host| async move {
                host.asks("AT+QIDEACT=1", OK).await;
                host.asks("AT+QIACT=1", OK).await;
                host.asks("AT+QIACT?", &format!("{row}\r\nOK\r\n")).await;
                time::sleep(Duration::from_secs(2)).await;
                host.asks("AT+QIACT?", "\r\n+QIACT: 1,1,1,\"10.0.0.2\"\r\n\r\nOK\r\n")
                    .await;
            },
        );
    }
}

#[test]
fn a_notice_of_deactivation_alone() {
    host_with(&[], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.injects("pdpdeact-only");
        host.expects("\r\n+QIURC: \"pdpdeact\",1\r\n").await;
        host.asks("AT+QISEND=0,2", "\r\n> ").await;
        host.types("hi").await;
        host.expects(format!("\r\nSEND OK\r\n{NOTICE}")).await;
    });
}

#[test]
fn a_module_without_radio() {
    for level in [0, 4] {
        let settings = Settings::new().functionality(level);
        dialogue(settings, network(), |mut host| async move {
            host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
            host.asks("AT+CFUN?", &format!("\r\n+CFUN: {level}\r\n\r\nOK\r\n"))
                .await;
            host.asks("AT+CEREG?", "\r\n+CEREG: 0,0\r\n\r\nOK\r\n")
                .await;
            host.asks("AT+CFUN=1", OK).await;
            host.asks("AT+CEREG?", "\r\n+CEREG: 0,1\r\n\r\nOK\r\n")
                .await;
            host.modem.restart();
            host.expects(format!("\r\nRDY\r\n\r\n+CFUN: {level}\r\n"))
                .await;
        });
    }
}

#[test]
fn a_restart_inside_an_answer() {
    host_with(&["restart-inside=QIRD,20"], |mut host| async move {
        host.asks(OPEN_GREETING, &format!("{OPENED}{NOTICE}")).await;
        host.asks("AT+QIRD=0,1500", "\r\n+QIRD: 14\r\nHello, ")
            .await;
        host.hears_nothing_for(Duration::from_millis(4999)).await;
        host.expects("\r\nRDY\r\n\r\n+CFUN: 1\r\n").await;
    });
    host_with(&["restart-inside=PUSH,28"], |mut host| async move {
        let open = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",19,0,1";
        host.asks(open, &format!("{OPENED}\r\n+QIURC: \"recv\",0,14\r\nHello"))
            .await;
        host.hears_nothing_for(Duration::from_millis(4999)).await;
        host.expects("\r\nRDY\r\n").await;
    });
}

#[test]
fn damaged_data() {
    host_with(&["lose-data=1"], |mut host| async move {
        host.asks(OPEN_GREETING, &format!("{OPENED}{NOTICE}")).await;
        host.asks("AT+QIRD=0,5", "\r\n+QIRD: 5\r\nHell\r\n\r\nOK\r\n")
            .await;
        host.injects("lose-data=2,1");
        host.asks("AT+QIRD=0,5", "\r\n+QIRD: 5\r\n,od\r\n\r\nOK\r\n")
            .await;
        host.injects("pause-data=7000,1");
        host.asks("AT+QIRD=0,3", "\r\n+QIRD: 3\r\nu").await;
        host.hears_nothing_for(Duration::from_millis(6999)).await;
        host.expects("le\r\n\r\nOK\r\n").await;
        host.injects("cut-data=0");
        host.asks("AT+QIRD=0,3", "\r\n+QIRD: 1\r\n").await;
        host.hears_nothing_for(Duration::from_secs(60)).await;
        host.asks("AT", OK).await;
        host.injects("counters-lag=4");
        host.asks("AT+QIRD=0,0", "\r\n+QIRD: 14,10,0\r\n\r\nOK\r\n")
            .await;
    });
}

#[test]
fn lines_of_somebody_else() {
    host_with(&["unknown-urcs=1"], |mut host| async move {
        host.types("AT\r").await;
        let heard = host.hears(Duration::from_millis(10)).await;
        let future = ["\"future\"", "FUTURE"];
        assert!(future.iter().any(|line| heard.contains(line)), "{heard}");
    });
    host_with(&["sms-lines=1"], |mut host| async move {
        host.types("AT\r").await;
        let heard = host.hears(Duration::from_millis(10)).await;
        let kinds = ["\r\n+CMT: ", "\r\n+CDS: ", "\r\n+CBM: "];
        assert!(kinds.iter().any(|line| heard.starts_with(line)), "{heard}");
    });
}

#[test]
fn a_black_hole() {
    host_with(&[], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.injects("black-hole");
        host.asks("AT+QISEND=0,2", "\r\n> ").await;
        host.types("hi").await;
        host.expects("\r\nSEND OK\r\n").await;
        host.hears_nothing_for(Duration::from_secs(60)).await;
        host.asks("AT+QISEND=0,0", "\r\n+QISEND: 2,0,2\r\n\r\nOK\r\n")
            .await;
        host.asks(&OPEN_ECHO.replace(",0,\"", ",1,\""), OK).await;
        host.hears_nothing_for(Duration::from_secs(60)).await;
        host.types("AT+QICLOSE=0\r").await;
        host.hears_nothing_for(Duration::from_millis(9_999)).await;
        host.expects(OK).await;
        host.made_no_fault();
    });
}

#[test]
fn a_multiplexer_left_on() {
    host_with(&["multiplexer"], |mut host| async move {
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_secs(5)).await;
        host.types([0xf9, 3, 0xef, 5, 0xc3, 1, 0xf2, 0xf9]).await;
        host.asks("AT", OK).await;
    });
}

#[test]
fn a_ping_and_a_clock_that_fail() {
    host_with(&["ping-loss=1", "ntp-late=90000"], |mut host| async move {
        let lost = "\r\n+QPING: 569\r\n";
        let none = "\r\n+QPING: 0,2,0,2,0,0,0\r\n";
        host.asks(
            "AT+QPING=1,\"192.0.2.7\",1,2",
            &format!("{OK}{lost}{lost}{none}"),
        )
        .await;
        let start = time::now();
        host.asks(
            "AT+QNTP=1,\"192.0.2.7\"",
            &format!("{OK}\r\n+QNTP: 0,\"2026/07/02,14:27:52+32\"\r\n"),
        )
        .await;
        assert_eq!(time::now() - start, Duration::from_secs(90));
        host.injects("ntp-fails=569");
        host.asks(
            "AT+QNTP=1,\"192.0.2.7\"",
            &format!("{OK}\r\n+QNTP: 569\r\n"),
        )
        .await;
    });
}

#[test]
fn a_live_link_that_cannot_be_resumed() {
    host_with(&["resume-fails"], |mut host| async move {
        let open = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,2";
        host.asks(open, "\r\nCONNECT\r\n").await;
        time::sleep(Duration::from_millis(1100)).await;
        host.types("+++").await;
        host.expects(OK).await;
        host.asks("ATO", "\r\nNO CARRIER\r\n").await;
        host.asks("ATO", "\r\nCONNECT\r\n").await;
    });
}

#[test]
fn a_full_buffer_that_is_told() {
    let network = InProcess::new();
    network.tcp(SERVER, 19, |mut peer| async move {
        let _ = peer.write_all(&[b'x'; 20_000]).await;
        let _ = peer.read_to_end().await;
    });
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        host.injects("reading=full_buffer_is_told");
        let full = "\r\n+QIURC: \"recv\",0,\"buff full\"\r\n";
        host.asks(OPEN_GREETING, &format!("{OPENED}{NOTICE}{full}"))
            .await;
        host.made_no_fault();
    });
}

#[test]
fn a_fault_at_one_occasion() {
    host_with(&["refuse=CSQ,0,at=2"], |mut host| async move {
        let answer = "\r\n+CSQ: 25,99\r\n\r\nOK\r\n";
        for wanted in [answer, ERROR, answer, answer] {
            host.asks("AT+CSQ", wanted).await;
        }
    });
}

/// A request that is not understood changes nothing.
#[test]
fn wrong_requests() {
    dialogue(Settings::new(), InProcess::new(), |host| async move {
        for (request, error) in [
            (r#"{"do":"silent","ms":"long"}"#, "no number"),
            (r#"{"do":"silent","ms":-1}"#, "no number"),
            (r#"{"do":"silent","ms":86400001}"#, "no number"),
            (r#"{"do":"latency"}"#, "no number"),
            (r#"{"do":"latency","ms":86400001}"#, "no number"),
            (r#"{"do":"bytes","hex":"+1"}"#, "not hexadecimal"),
            (r#"{"do":"bytes","hex":"123"}"#, "not hexadecimal"),
        ] {
            let answer = control::execute(&host.modem, request);
            assert_eq!(answer["ok"], false, "{request}");
            assert!(
                answer["error"].as_str().unwrap().contains(error),
                "{answer}"
            );
        }
    });
}

/// Nothing comes from a peer that is gone.
#[test]
fn data_of_a_peer_that_is_gone() {
    host_with(&[], |mut host| async move {
        host.asks(OPEN_ECHO, OPENED).await;
        host.modem.close(0).unwrap();
        host.expects("\r\n+QIURC: \"closed\",0\r\n").await;
        assert!(host.modem.push(0, b"late").is_err());
        host.asks("AT+QIRD=0,0", "\r\n+QIRD: 0,0,0\r\n\r\nOK\r\n")
            .await;
        host.made_no_fault();
    });
}
