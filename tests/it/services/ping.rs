//! Pings on the virtual modem.

use core::time::Duration;
use embassy_futures::join::join;
use embassy_time::{Instant, with_timeout};
use quectel_nal::at::ErrorCode;
use quectel_nal::{Config, Error, LinkError, PingReply, Pinging};
use testbench::{Bench, PEER, assert_no_violation, cancelled, dialogue, excerpt, seconds, sleep};
use virtual_modem::Fault;

use crate::user_command::{ask, network};

#[test]
fn each_request_of_a_ping_has_its_reply() {
    let bench = Bench::new().settings(|settings| settings.dns("host.example", &[PEER]));
    bench.run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for host in [PEER, "host.example"] {
            let mut pinging = stack.module().ping(host, seconds(1), 10).await.unwrap();
            let mut replies = 0;
            while let Some(reply) = pinging.next().await {
                match reply {
                    PingReply::Answered { address, time, .. } => {
                        assert_eq!(address.to_string(), PEER);
                        assert_eq!(time.as_millis(), 40);
                    }
                    other => panic!("{other:?}"),
                }
                replies += 1;
            }
            assert_eq!(replies, 10);
            let summary = pinging.summary().await.unwrap();
            assert_eq!((summary.sent, summary.received, summary.lost), (10, 10, 0));
        }
        // Nobody fetches the replies.
        let pinging = stack.module().ping(PEER, seconds(1), 10).await.unwrap();
        assert_eq!(pinging.summary().await.unwrap().received, 10);
        assert_eq!(stack.statistics().dropped_replies, 6);

        // Nobody there; a name that nobody knows; a name that cannot be.
        let mut pinging = stack
            .module()
            .ping("192.0.2.77", seconds(1), 3)
            .await
            .unwrap();
        for _ in 0..3 {
            let reply = pinging.next().await;
            assert_eq!(reply, Some(PingReply::Failed(ErrorCode::TIMEOUT)));
        }
        assert_eq!(pinging.summary().await.unwrap().lost, 3);
        let pinging = stack
            .module()
            .ping("nobody.example", seconds(1), 3)
            .await
            .unwrap();
        assert_eq!(pinging.summary().await, Err(Error::NameNotFound));
        let error = stack
            .module()
            .ping("a\"b", seconds(1), 3)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::InvalidName(_)));
        assert_no_violation(&modem);
    });
}

/// Each gets its own replies.
#[test]
fn pings_at_once_get_their_own_replies() {
    let network = network();
    network.tcp_echo("192.0.2.8", 7);
    Bench::new().run(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let one = async |host: &str| {
            for _ in 0..3 {
                let mut pinging = stack.module().ping(host, seconds(1), 2).await.unwrap();
                let mut count = 0;
                while let Some(reply) = pinging.next().await {
                    let PingReply::Answered { address, .. } = reply else {
                        panic!("{reply:?}");
                    };
                    assert_eq!(address.to_string(), host);
                    count += 1;
                }
                assert_eq!(count, 2);
            }
        };
        join(one(PEER), one("192.0.2.8")).await;
    });
}

/// A ping that is dropped leaves its replies to nobody, wherever it was dropped.
#[test]
fn dropped_ping_leaves_its_replies_to_nobody() {
    let network = network();
    network.latency(Duration::from_millis(300));
    network.tcp_echo("192.0.2.8", 7);
    let bench = Bench::new().settings(|settings| settings.latency(Duration::from_millis(50)));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..30 {
            let ended = cancelled(polls, async {
                let mut pinging = stack
                    .module()
                    .ping("192.0.2.8", seconds(1), 3)
                    .await
                    .unwrap();
                while pinging.next().await.is_some() {}
            })
            .await;
            let mut pinging = with_timeout(seconds(30), stack.module().ping(PEER, seconds(1), 2))
                .await
                .unwrap_or_else(|_| panic!("hangs after {polls} polls\n{}", excerpt(&modem)))
                .unwrap();
            let mut count = 0;
            while let Some(reply) = pinging.next().await {
                let PingReply::Answered { address, .. } = reply else {
                    panic!("{reply:?}");
                };
                assert_eq!(address.to_string(), PEER, "after {polls} polls");
                count += 1;
            }
            assert_eq!(count, 2);
            assert_eq!(pinging.summary().await.unwrap().sent, 2);
            if ended.is_some() {
                break;
            }
        }
        assert_no_violation(&modem);
    });
}

/// Replies got lost on the line: the ping ends all the same, and so does the wait of the next.
#[test]
fn ping_whose_replies_are_lost_times_out() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let play = async {
            module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK").await;
            module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK").await;
        };
        let ping = async {
            drop(
                stack
                    .module()
                    .ping("192.0.2.1", seconds(1), 2)
                    .await
                    .unwrap(),
            );
            let start = Instant::now();
            let mut pinging = stack
                .module()
                .ping("192.0.2.1", seconds(1), 2)
                .await
                .unwrap();
            assert!(start.elapsed().as_secs() < 70, "{}", start.elapsed());
            assert_eq!(pinging.next().await, None);
            assert_eq!(pinging.summary().await, Err(Error::TimedOut));
        };
        join(ping, play).await;
    });
}

/// Whoever holds on to a ping longer than it can last has no part in the next one.
#[test]
fn pings_do_not_mix() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let reply = |host: &str| format!("+QPING: 0,\"{host}\",32,40,64");
        let play = async {
            for host in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
                let command = format!("AT+QPING=1,\"{host}\",1,2");
                module.exchange(&command, "OK").await;
                module.line(&reply(host)).await;
                if host != "192.0.2.1" {
                    // The other one gives up now, and takes nothing along.
                    sleep(Duration::from_secs(1)).await;
                    module.line(&reply(host)).await;
                    module.line("+QPING: 0,2,2,0,40,40,40").await;
                }
            }
        };
        let ping = async {
            let from = async |pinging: &mut Pinging<'_>| match pinging.next().await {
                Some(PingReply::Answered { address, .. }) => address.to_string(),
                other => panic!("{other:?}"),
            };
            let mut first = stack
                .module()
                .ping("192.0.2.1", seconds(1), 2)
                .await
                .unwrap();
            assert_eq!(from(&mut first).await, "192.0.2.1");
            let mut second = stack
                .module()
                .ping("192.0.2.2", seconds(1), 2)
                .await
                .unwrap();
            assert_eq!(first.next().await, None);
            assert_eq!(from(&mut second).await, "192.0.2.2");
            drop(first);
            assert_eq!(from(&mut second).await, "192.0.2.2");
            assert_eq!(second.next().await, None);
            // The next one does not wait for one that is over.
            let start = Instant::now();
            let next = async {
                let mut third = stack
                    .module()
                    .ping("192.0.2.3", seconds(1), 2)
                    .await
                    .unwrap();
                assert_eq!(from(&mut third).await, "192.0.2.3");
                third
            };
            let done = async {
                assert_eq!(
                    second.summary().await.map(|summary| summary.received),
                    Ok(2)
                );
            };
            let (third, ()) = join(next, done).await;
            assert!(start.elapsed().as_secs() < 5);
            assert_eq!(third.summary().await.map(|summary| summary.received), Ok(2));
        };
        join(ping, play).await;
    });
}

/// A ping that is given up while it waits behind somebody's command was never asked.
#[test]
fn pings_given_up_behind_a_slow_command() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(Fault::Slow {
            command: "CGMM".into(),
            delay: Duration::from_secs(5),
        });
        for polls in 1..3 {
            let start = Instant::now();
            let slow = ask(&stack, "AT+CGMM\r");
            let pings = async {
                sleep(Duration::from_secs(1)).await;
                cancelled(polls, stack.module().ping(PEER, seconds(1), 1)).await;
                let pinging = stack.module().ping(PEER, seconds(1), 1).await.unwrap();
                assert_eq!(pinging.summary().await.unwrap().received, 1);
            };
            join(slow, pings).await.0.unwrap();
            let took = start.elapsed().as_secs();
            assert!(took < 10, "{took} s after {polls} polls");
        }
        assert_eq!(modem.commands()["QPING"], 2);
        assert_no_violation(&modem);
    });
}

#[test]
fn pings_end_with_the_link() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let pinging = stack
            .module()
            .ping("192.0.2.77", seconds(200), 10)
            .await
            .unwrap();
        modem.pdpdeact(1);
        let ended = with_timeout(seconds(5), pinging.summary()).await.unwrap();
        assert_eq!(ended, Err(Error::Link(LinkError::ContextLost)));
        stack.wait_link_up().await.unwrap();
        let pinging = stack.module().ping(PEER, seconds(1), 1).await.unwrap();
        assert_eq!(pinging.summary().await.unwrap().received, 1);
    });
}
