//! What a correct host never does is refused and kept; what may happen to it is refused only.

mod common;

use common::{Host, dialogue, dialogue_on};
use std::time::Duration;
use virtual_modem::{InProcess, Line, Settings};

const SERVER: &str = "192.0.2.7";

fn network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(SERVER, 7);
    network
}

fn host_after<F: Future<Output = ()>>(script: impl FnOnce(Host) -> F) {
    dialogue(Settings::new(), network(), |mut host| async move {
        host.connects(SERVER, 7, 0).await;
        host.made_no_fault();
        script(host).await;
    });
}

#[test]
fn wrong_arguments() {
    host_after(|mut host| async move {
        let wrong = [
            "AT+QISEND=0,1461",
            "AT+QISEND=12,1",
            "AT+QISEND=0,3,\"192.0.2.7\",7",
            "AT+QISEND=5,3",
            "AT+QIRD=0,1501",
            "AT+QIRD=5,100",
            "AT+QIRD=0,100,1",
            "AT+QIOPEN=1,1,TCP,\"192.0.2.7\",7,0,0",
            "AT+QIOPEN=1,1,\"TCP\",192.0.2.7,7,0,0",
            "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.7\",70000,0,0",
            "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.7\",7,0,3",
            "AT+QIOPEN=1,1,\"UDP SERVICE\",\"127.0.0.1\",0",
            "AT+QIOPEN=1,1, \"TCP\",\"192.0.2.7\",7",
            "AT+QIACT=17",
            "AT+QIACT",
            "AT+QICLOSE=0,65536",
            "AT+QICFG=\"recv/buffersize\",1024",
            "AT+QICFG=\"nothing\",1",
            "AT+QICFG=\"dataformat\",1",
            "AT+QISDE=2",
            "AT+QISWTMD=0",
            "AT+QPING=1,192.0.2.7",
            "AT+QIDNSGIP=1,name",
            "AT+QISENDEX=0,\"123\"",
            "AT+QISENDEX=0,\"xy\"",
            "AT+QICSGP=1,4,\"internet\"",
        ];
        for command in wrong {
            host.asks(command, "\r\nERROR\r\n").await;
            host.asks(
                "AT+QIGETERROR",
                "\r\n+QIGETERROR: 552, invalid parameters\r\n\r\nOK\r\n",
            )
            .await;
        }
        assert_eq!(
            host.modem.violations().len(),
            wrong.len(),
            "{:#?}",
            host.modem.violations()
        );
    });
}

#[test]
fn a_command_before_the_final_result() {
    let settings = Settings::new().latency_of("CSQ", Duration::from_millis(300));
    dialogue(settings, network(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.types("AT+CSQ\r").await;
        host.types("AT\r").await;
        host.expects("\r\nERROR\r\n\r\n+CSQ: 25,99\r\n\r\nOK\r\n")
            .await;
        assert_eq!(host.modem.violations().len(), 1);
        assert!(host.modem.violations()[0].contains("before the final result of CSQ"));
    });
}

#[test]
fn more_payload_than_announced() {
    let settings = Settings::new().send_latency(Duration::from_millis(5));
    dialogue(settings, network(), |mut host| async move {
        host.connects(SERVER, 7, 0).await;
        host.asks("AT+QISEND=0,4", "\r\n> ").await;
        host.types("test\x1a").await;
        host.expects("\r\nSEND OK\r\n").await;
        assert!(host.modem.violations()[0].contains("before the final result of QISEND"));
    });
}

#[test]
fn line_ends() {
    host_after(|mut host| async move {
        // A line feed is nothing, wherever it stands.
        host.types("AT\r\n").await;
        host.expects("\r\nOK\r\n").await;
        host.types("\n\nA\nT\n\r").await;
        host.expects("\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn what_leaves_a_prompt_or_data_mode_does_no_harm() {
    host_after(|mut host| async move {
        host.types("\r\x1b+++").await;
        host.asks("AT", "\r\nOK\r\n").await;
        host.made_no_fault();
        host.types("\x1a").await;
        host.asks("AT", "\r\nOK\r\n").await;
        assert!(host.modem.violations()[0].contains("Ctrl-Z"));
    });
}

#[test]
fn what_can_happen_to_a_host_is_no_violation() {
    host_after(|mut host| async move {
        host.asks("AT+QIACT=1", "\r\nERROR\r\n").await;
        host.asks("AT+QIOPEN=2,1,\"TCP\",\"192.0.2.7\",7,0,0", "\r\nERROR\r\n")
            .await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 561, open pdp context failed\r\n\r\nOK\r\n",
        )
        .await;
        host.asks(
            "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 0,563\r\n",
        )
        .await;
        host.asks(
            "AT+QIOPEN=1,1,\"TCP\",\"192.0.2.8\",7,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 1,566\r\n",
        )
        .await;
        host.asks(
            "AT+QIOPEN=1,1,\"TCP\",\"nowhere\",7,0,0",
            "\r\nOK\r\n\r\n+QIOPEN: 1,565\r\n",
        )
        .await;
        host.asks("AT+QICLOSE=7", "\r\nOK\r\n").await;
        host.modem.pdpdeact(1);
        host.expects("\r\n+QIURC: \"pdpdeact\",1\r\n").await;
        host.asks("AT+QISEND=0,4", "\r\nERROR\r\n").await;
        host.asks(
            "AT+QIGETERROR",
            "\r\n+QIGETERROR: 567, socket has been closed\r\n\r\nOK\r\n",
        )
        .await;
        host.asks("AT+QIACT=1", "\r\nERROR\r\n").await;
        host.asks("AT+QIDEACT=1", "\r\nOK\r\n").await;
        host.asks("AT+QIRD=0,100", "\r\nERROR\r\n").await;
        host.asks("AT+QIACT=1", "\r\nOK\r\n").await;
        host.made_no_fault();
    });
}

#[test]
fn bytes_while_an_answer_is_on_the_line() {
    for baud in [0, 115_200] {
        let line = || Line::new(baud);
        dialogue_on(line(), Settings::new(), network(), |mut host| async move {
            host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
            host.made_no_fault();
            host.types("AT\rAT\r").await;
            host.expects("\r\nOK\r\n\r\nOK\r\n").await;
            assert_eq!(host.modem.violations().len(), 1);
            assert!(host.modem.violations()[0].contains("'A' while the answer is on the line"));
        });
        dialogue_on(line(), Settings::new(), network(), |mut host| async move {
            host.connects(SERVER, 7, 0).await;
            host.made_no_fault();
            host.types("AT+QISEND=0,5\rhello").await;
            host.expects("\r\n> \r\nSEND OK\r\n").await;
            assert_eq!(host.modem.violations().len(), 1);
            assert!(host.modem.violations()[0].contains("'h' while the prompt is on the line"));
        });
        // A host that waits for the whole answer is right, also if it answers the prompt at its first byte.
        dialogue_on(line(), Settings::new(), network(), |mut host| async move {
            host.connects(SERVER, 7, 0).await;
            host.asks("AT+QISEND=0,5", "\r\n>").await;
            host.types("hello").await;
            host.expects(" \r\nSEND OK\r\n").await;
            host.made_no_fault();
        });
    }
}

#[test]
fn a_line_over_the_limit_is_refused_whole() {
    host_after(|mut host| async move {
        host.types("AT+QICLOSE=0,0").await;
        host.types(vec![b'0'; 2048]).await;
        host.types("\r").await;
        host.expects("\r\nERROR\r\n").await;
        assert!(host.modem.violations()[0].contains("longer than 2048 bytes"));
        assert!(!host.modem.commands().contains_key("QICLOSE"));
        assert_eq!(host.modem.state(0).unwrap().state, 2);
    });
}

#[test]
fn two_rates_do_not_understand_each_other() {
    let line = Line::new(115_200);
    dialogue_on(line, Settings::new(), network(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.asks("AT+IPR=921600", "\r\nOK\r\n").await;
        host.types("AT\r").await;
        assert!(!host.hears(Duration::from_millis(50)).await.contains("OK"));
        host.tx.set_baud(921_600);
        host.types("\r").await;
        let _ = host.hears(Duration::from_millis(50)).await;
        host.asks("AT", "\r\nOK\r\n").await;
    });
}

#[test]
fn a_flood_that_nobody_reads_is_held_back() {
    let line = Line::default();
    dialogue_on(line, Settings::new(), network(), |mut host| async move {
        let line = "AT+QICSGP=?\r".repeat(1000);
        let flood = async {
            for _ in 0..100 {
                host.types(&line).await;
            }
        };
        let end = virtual_modem::time::sleep(Duration::from_secs(1));
        futures_lite::future::or(flood, end).await;
        let waiting = host.modem.log().len();
        assert!(waiting < 20_000, "{waiting} entries");
    });
}

#[test]
fn a_pushed_datagram_that_is_too_long_for_a_frame() {
    let network = InProcess::new();
    let mut peer = network.udp_socket(SERVER, 7);
    dialogue(Settings::new(), network, |mut host| async move {
        host.brings_up().await;
        let open = "AT+QIOPEN=1,0,\"UDP SERVICE\",\"127.0.0.1\",0,3030,1";
        host.asks(open, "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n").await;
        peer.send_to_port(&[b'x'; 1600], 3030);
        let head = |length| format!("\r\n+QIURC: \"recv\",0,{length},\"{SERVER}\",7\r\n");
        host.expects(format!("{}{}\r\n", head(1500), "x".repeat(1500)))
            .await;
        host.expects(format!("{}{}\r\n", head(100), "x".repeat(100)))
            .await;
    });
}
