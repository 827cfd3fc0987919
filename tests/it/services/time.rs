//! The time of an NTP server, on the virtual modem.

use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::with_timeout;
use quectel_nal::Error;
use testbench::{Bench, assert_no_violation, cancelled, seconds};

use crate::user_command::network;

#[test]
fn time_of_a_server_or_its_error_is_returned() {
    let cases = [
        (Ok("2026/07/02,14:27:52+32"), Ok((2026, Some(32)))),
        (Ok("26/07/02,14:27:52-12"), Ok((2026, Some(-12)))),
        (Ok("2026/07/02,14:27:52"), Ok((2026, None))),
        (Err(565), Err(Error::NameNotFound)),
        (Err(569), Err(Error::TimedOut)),
    ];
    for (told, expected) in cases {
        let told = told.map(String::from);
        let bench =
            Bench::new().settings(|settings| settings.ntp((Duration::from_secs(20), told.clone())));
        bench.run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            // Two at once: one after the other.
            let (one, two) = join(
                stack.module().ntp("ntp.example", true),
                stack.module().ntp("192.0.2.3", false),
            )
            .await;
            assert_eq!(one.map(|time| (time.year, time.zone)), expected);
            assert_eq!(two.map(|time| (time.year, time.zone)), expected);
            // Dropped half-way.
            for polls in [1, 3, 6] {
                cancelled(polls, stack.module().ntp("ntp.example", true)).await;
                let time =
                    with_timeout(seconds(300), stack.module().ntp("ntp.example", true)).await;
                let time = time.expect("it hangs");
                assert_eq!(time.map(|time| (time.year, time.zone)), expected);
            }
            assert_no_violation(&modem);
        });
    }
}
