//! What nobody reads does not grow without bound, and numbers at the end of their range do no harm.

mod common;

use common::dialogue;
use std::time::Duration;
use virtual_modem::{InProcess, Settings, control, time};

/// Bytes that wait for a host, and the host's own FIFO.
const MOST: usize = 64 * 1024 + 4096 + 2000;

/// Everything that a host finds when it begins to read.
async fn rest(host: &mut common::Host) -> usize {
    host.hears(Duration::from_secs(60)).await.len()
}

#[test]
fn lines_and_bytes_from_outside_wait_for_a_host_up_to_a_limit() {
    dialogue(Settings::new(), InProcess::new(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.modem.set_trace(|_| {});
        let line = format!("{{\"do\":\"urc\",\"text\":\"{}\"}}", "x".repeat(1000));
        let bytes = format!("{{\"do\":\"bytes\",\"hex\":\"{}\"}}", "00".repeat(1000));
        for request in [line, bytes] {
            for _ in 0..300 {
                assert_eq!(control::execute(&host.modem, &request)["ok"], true);
                time::sleep(Duration::from_micros(1)).await;
            }
            let found = rest(&mut host).await;
            // Of the lines as many again have waited for their place.
            assert!((60_000..2 * MOST).contains(&found), "{found} bytes");
            host.asks("AT", "\r\nOK\r\n").await;
        }
        let lost = host.modem.log();
        let lost = lost.iter().filter_map(|entry| entry.text());
        assert!(lost.filter(|text| text.starts_with("lost: ")).count() > 250);
    });
}

#[test]
fn data_from_outside_fills_a_receive_buffer_and_no_more() {
    dialogue(Settings::new(), InProcess::new(), |mut host| async move {
        host.brings_up().await;
        for (id, service) in [(0, "TCP LISTENER"), (1, "UDP SERVICE")] {
            let open = format!("AT+QIOPEN=1,{id},\"{service}\",\"127.0.0.1\",0,30{id},0");
            host.asks(&open, &format!("\r\nOK\r\n\r\n+QIOPEN: {id},0\r\n"))
                .await;
        }
        host.injects("left-open=2");
        host.modem.set_trace(|_| {});
        for id in [1, 2] {
            let full = (0..100).find_map(|_| host.modem.push(id, &[b'x'; 1000]).err());
            assert_eq!(
                full,
                Some(format!("the receive buffer of connectID {id} is full"))
            );
            assert!(host.modem.state(id).unwrap().unread <= 11_240);
        }
    });
}

#[test]
fn messages_names_and_faults_are_kept_up_to_a_limit() {
    dialogue(Settings::new(), InProcess::new(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        host.modem.set_trace(|_| {});
        host.asks("AT+CNMI=2,0", "\r\nOK\r\n").await;
        for _ in 0..300 {
            host.modem.receive_message("+491", "hi");
            host.injects("refuse=QIRD,568,0");
        }
        host.asks(
            "AT+CPMS?",
            "\r\n+CPMS: \"SM\",256,50,\"SM\",256,50,\"SM\",256,50\r\n\r\nOK\r\n",
        )
        .await;
        for number in 0..1200 {
            host.asks(&format!("AT+X{number}"), "\r\nERROR\r\n").await;
        }
        assert_eq!(host.modem.commands().len(), 1001);
        assert_eq!(host.modem.commands()["OTHERS"], 203);
    });
}

#[test]
fn endless_times_and_amounts() {
    let settings = Settings::new().boot_time(Duration::MAX);
    dialogue(settings, InProcess::new(), |mut host| async move {
        host.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        let (most, day) = (u64::MAX, 86_400_000);
        for fault in [
            format!("pdpdeact=1,{most}"),
            format!("restart={most}"),
            format!("lose-data={most},{most}"),
        ] {
            host.injects(&fault);
        }
        for request in [
            format!("{{\"do\":\"silent\",\"ms\":{day}}}"),
            "{\"do\":\"silent\",\"ms\":0}".into(),
            format!("{{\"do\":\"latency\",\"ms\":{day}}}"),
        ] {
            assert_eq!(control::execute(&host.modem, &request)["ok"], true);
        }
        host.types("AT\r").await;
        host.hears_nothing_for(Duration::from_secs(59)).await;
        host.made_no_fault();
    });
}
