//! Name servers, settings and states that the module is asked for.

use core::time::Duration;
use embassy_futures::join::join;
use quectel_nal::at::{
    DataFormat, ErrorCode, KeepAlive, OtherSetting, Setting, SettingKey, SocketState, Switch,
    UdpMode, ViewMode, Within,
};
use quectel_nal::{Error, PingReply};
use testbench::{Bench, PEER, assert_no_violation, excerpt, peer, seconds, sleep};
use virtual_modem::{Fault, Model};

use crate::user_command::{ask, network};

/// The time that the results may take begins when the module is asked, however long that had to wait.
#[test]
fn questions_while_the_link_comes_up() {
    let network = network();
    network.tcp_echo("192.0.2.8", 7);
    let time = (
        Duration::from_secs(100),
        Ok("2026/07/02,14:27:52+32".into()),
    );
    Bench::new()
        .settings(|settings| settings.ntp(time).latency(Duration::from_millis(20)))
        .run(&network, async |stack, modem| {
            // AT+QIACT? comes first, and then the activation.
            let asked = async |count| {
                while modem.commands().get("QIACT") != Some(&count) {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            asked(1).await;
            let slow = |seconds| Fault::Slow {
                command: "QIACT".into(),
                delay: Duration::from_secs(seconds),
            };
            modem.inject(slow(140));
            asked(2).await;
            modem.inject(slow(0));
            let one = async |host: &str| {
                let mut pinging = stack.module().ping(host, seconds(1), 2).await.unwrap();
                for _ in 0..2 {
                    match pinging.next().await {
                        Some(PingReply::Answered { address, .. }) => {
                            assert_eq!(address.to_string(), host);
                        }
                        other => panic!("{host}: {other:?} {}", excerpt(&modem)),
                    }
                }
                assert_eq!(pinging.summary().await.map(|end| end.received), Ok(2));
            };
            let times = async {
                let (one, two) = join(
                    stack.module().ntp("a.example", true),
                    stack.module().ntp("b.example", true),
                )
                .await;
                assert_eq!(one.map(|time| time.year), Ok(2026), "{}", excerpt(&modem));
                assert_eq!(two.map(|time| time.year), Ok(2026), "{}", excerpt(&modem));
            };
            let pings = join(one(PEER), one("192.0.2.8"));
            join(pings, times).await;
            assert_no_violation(&modem);
        });
}

#[test]
fn name_servers_are_set_and_stay_after_a_lost_context() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        stack.module().dns_servers().await.unwrap();
        let (one, two) = ("192.0.2.53".parse().unwrap(), "192.0.2.54".parse().unwrap());
        for second in [Some(two), None] {
            stack.module().set_dns_servers(one, second).await.unwrap();
            let servers = stack.module().dns_servers().await.unwrap();
            assert_eq!(servers.primary.0, Some(one), "{servers:?}");
            if second.is_some() {
                assert_eq!(servers.secondary.0, second, "{servers:?}");
            }
            modem.pdpdeact(1);
            sleep(Duration::from_secs(1)).await;
            stack.wait_link_up().await.unwrap();
            let servers = stack.module().dns_servers().await.unwrap();
            assert_eq!(servers.primary.0, Some(one), "{servers:?}");
        }
        assert_no_violation(&modem);
    });
}

#[test]
fn every_setting_is_written_and_read_back() {
    fn within<const A: u32, const B: u32>(value: u32) -> Within<A, B> {
        Within::new(value).unwrap()
    }
    let keep_alive = KeepAlive::On {
        idle: within(7),
        interval: within(30),
        probes: within(4),
    };
    let values = [
        Setting::TransparentPacketSize(within(77)),
        Setting::TransparentWait(within(7)),
        Setting::DataFormats {
            send: DataFormat::Text,
            receive: DataFormat::Text,
        },
        Setting::ViewMode(ViewMode::LineEnd),
        Setting::TcpRetransmission {
            max_backoffs: within(4),
            max_interval: within(77),
        },
        Setting::DnsCache(Switch::Off),
        Setting::SendTimeout(within(3600)),
        Setting::PassiveClose(Switch::On),
        Setting::UdpReadMode(UdpMode::Stream),
        Setting::UdpSendMode(UdpMode::Stream),
        Setting::TcpAccept(Switch::Off),
        Setting::TcpKeepAlive(keep_alive),
        Setting::ReceiveBufferSize(within(20_000)),
        Setting::ReceiveIndication(Switch::On),
    ];
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let keys = values.map(|value| value.key().unwrap());
        assert_eq!(keys, SettingKey::ALL);
        for (key, value) in keys.into_iter().zip(values) {
            assert!(stack.module().setting(key).await.unwrap().is_some());
            stack.module().set_setting(value).await.unwrap();
            assert_eq!(stack.module().setting(key).await, Ok(Some(value)));
        }
        stack
            .module()
            .set_setting(Setting::TcpKeepAlive(KeepAlive::Off))
            .await
            .unwrap();
        let off = stack.module().setting(SettingKey::TcpKeepAlive).await;
        assert_eq!(off, Ok(Some(Setting::TcpKeepAlive(KeepAlive::Off))));
        for unreadable in [
            Setting::ViewMode(ViewMode::Comma),
            Setting::DataFormats {
                send: DataFormat::Text,
                receive: DataFormat::Hex,
            },
        ] {
            let refused = stack.module().set_setting(unreadable).await;
            assert_eq!(refused, Err(Error::Unsupported));
        }
        assert_eq!(stack.module().data_echo().await, Ok(false));
        assert_no_violation(&modem);
    });
}

const OF_OTHER_FAMILIES: [Setting; 3] = [
    Setting::Other(OtherSetting::new("\"close/mode\",1").unwrap()),
    // No module has this one.
    Setting::Other(OtherSetting::new("\"close/speed\",\"fast\"").unwrap()),
    Setting::Other(OtherSetting::new("\"pdp/retry\",1,5").unwrap()),
];

#[test]
fn settings_of_other_families_are_made_at_each_bring_up() {
    Bench::new()
        .settings(|settings| settings.model(Model::Ec200u))
        .config(|config| config.settings(&OF_OTHER_FAMILIES))
        .run(&network(), async |stack, modem| {
            for losses in 0..2 {
                while stack.statistics().link_losses < losses {
                    sleep(Duration::from_secs(1)).await;
                }
                stack.wait_link_up().await.unwrap();
                let ask = async |key| ask(&stack, &format!("AT+QICFG=\"{key}\"\r")).await.unwrap();
                assert_eq!(ask("close/mode").await, "+QICFG: \"close/mode\",1");
                assert_eq!(ask("pdp/retry").await, "+QICFG: \"pdp/retry\",1,5");
                let later = Setting::Other(OtherSetting::new("\"send/auto\",1").unwrap());
                stack.module().set_setting(later).await.unwrap();
                assert_eq!(ask("send/auto").await, "+QICFG: \"send/auto\",1");
                modem.restart();
            }
        });
}

#[test]
fn a_module_that_refuses_all_of_them_comes_up() {
    Bench::new()
        .config(|config| config.settings(&OF_OTHER_FAMILIES))
        .run(&network(), async |stack, _| {
            stack.wait_link_up().await.unwrap();
            let refused = stack.module().set_setting(OF_OTHER_FAMILIES[0]).await;
            assert!(matches!(refused, Err(Error::Module(_))), "{refused:?}");
            stack.connect(peer(7)).await.unwrap();
        });
}

/// EC200U counts the idle time in seconds.
#[test]
fn keep_alive_in_seconds_is_set_on_a_module_that_counts_them() {
    Bench::new()
        .settings(|settings| settings.model(Model::Ec200u))
        .run(&network(), async |stack, _| {
            stack.wait_link_up().await.unwrap();
            for (idle, set) in [(100, 100), (600, 600), (7200, 1800)] {
                let keep_alive = KeepAlive::in_seconds(seconds(idle), seconds(30), 3);
                let probed = stack.with_keep_alive(keep_alive);
                drop(probed.connect(peer(7)).await.unwrap());
                let answer = ask(&stack, "AT+QICFG=\"tcp/keepalive\"\r").await;
                let expected = format!("+QICFG: \"tcp/keepalive\",1,{set},30,3");
                assert_eq!(answer, Ok(expected));
                let read = stack.module().setting(SettingKey::TcpKeepAlive).await;
                assert_eq!(read, Ok(Some(Setting::TcpKeepAlive(keep_alive))));
            }
        });
}

#[test]
fn socket_states_and_the_last_error_are_returned() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let connection = stack.connect(peer(7)).await.unwrap();
        let listener = stack.listen(2020).await.unwrap();
        let mut seen = Vec::new();
        stack
            .module()
            .socket_states(|status| seen.push((status.connect_id.get(), status.state)))
            .await
            .unwrap();
        seen.sort_by_key(|(id, _)| *id);
        assert_eq!(
            seen.iter().map(|(_, state)| *state).collect::<Vec<_>>(),
            [SocketState::Connected, SocketState::Listening]
        );
        drop((connection, listener));
        modem.inject(Fault::RefuseOpen {
            code: 566,
            count: 1,
        });
        stack.connect(peer(7)).await.unwrap_err();
        let last = stack.module().last_error().await.unwrap();
        // The close after the failed open went well.
        assert!(matches!(
            last.error(),
            None | Some(ErrorCode::CONNECT_FAILED)
        ));

        assert_no_violation(&modem);

        // Nothing is open on that connectID.
        ask(&stack, "AT+QIRD=11,100\r").await.unwrap_err();
        let last = stack.module().last_error().await.unwrap();
        assert_eq!(last.error(), Some(ErrorCode::INVALID_PARAMETERS));
        assert_eq!(last.description.as_str(), "invalid parameters");
    });
}
