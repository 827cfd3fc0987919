//! What it costs to be idle, how soon a lost URC is noticed all the same, and that `docs/benchmarks.md` says so.

#[path = "../../../benches/idle/mod.rs"]
mod hours;

use core::future::pending;
use core::time::Duration;
use std::fs;
use std::sync::{Arc, Mutex};

use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use hours::{Case, measure};
use testbench::{Bench, PEER, peer, sleep};
use virtual_modem::{Fault, InProcess};

#[test]
fn waiting_tasks_cost_little_in_the_second_hour() {
    for (case, most) in [
        (Case::Connection, 12),
        (Case::Push, 12),
        (Case::Transparent, 12),
        (Case::Udp, 12),
        (Case::FourConnections, 30),
        (Case::Listener, 0),
        (Case::FourAndListener, 30),
        // A send and a read each minute, and nothing else.
        (Case::Mqtt, 120),
    ] {
        let [_, second] = measure(case);
        assert!(second.commands <= most, "{case:?}: {second:?}");
    }
}

#[test]
fn a_search_costs_a_command_in_ten_seconds() {
    // The first minute costs more.
    for (cost, most) in measure(Case::Searching).iter().zip([360 + 60, 360]) {
        assert!(cost.commands <= most, "{cost:?}");
    }
}

#[test]
fn a_lost_notice_is_noticed_in_time() {
    // Two hours of silence; then each time less than an hour after the loss before.
    const PAUSES: [u64; 4] = [7201, 1501, 3001, 3501];
    let network = InProcess::new();
    let sent = Arc::new(Mutex::new(Instant::MIN));
    let sent_at = sent.clone();
    network.tcp(PEER, 7, move |mut stream| {
        let sent = sent.clone();
        async move {
            for pause in PAUSES {
                sleep(Duration::from_secs(pause)).await;
                *sent.lock().unwrap() = Instant::now();
                stream.write_all(b"x").await.unwrap();
            }
            pending().await
        }
    });
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect(peer(7)).await.unwrap();
        for most in [1200, 5, 5, 5] {
            modem.inject(Fault::LostRecv(1));
            connection.read_exact(&mut [0]).await.unwrap();
            let late = sent_at.lock().unwrap().elapsed();
            assert!(late.as_secs() <= most, "{late:?}");
            assert!(late.as_millis() > 100, "the notice was not lost");
        }
    });
}

#[test]
fn the_page_shows_these_figures() {
    let text = fs::read_to_string(super::root().join("docs/benchmarks.md")).unwrap();
    let expected = hours::replace(&text, &hours::table()).expect("a place for the figures");
    assert!(
        text == expected,
        "docs/benchmarks.md is out of date: run `cargo bench --bench idle --profile dev`"
    );
}
