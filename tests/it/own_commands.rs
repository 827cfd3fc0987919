//! The user's own AT commands between the stack's, and the tools that are built on them.

use atat::asynch::AtatClient;
use atat::atat_derive::{AtatCmd, AtatResp};
use atat::{AtatCmd, AtatResp, InternalError};
use core::time::Duration;
use embassy_futures::join::{join, join3};
use embassy_futures::select::{Either, select};
use embassy_time::{Instant, with_timeout};
use embedded_io_async::{Read, Write};
use embedded_nal_async::TcpConnect;
use quectel_nal::at::{
    ConnectId, DataFormat, ErrorCode, HexText, KeepAlive, SendHex, Setting, SettingKey,
    SocketState, Switch, UdpMode, ViewMode, Within,
};
use quectel_nal::{Config, Error, LinkError, PingReply, Pinging, Stack};
use testbench::{
    Bench, PEER, adversarial, assert_no_violation, cancelled, dialogue, excerpt, noise, peer, sleep,
};
use virtual_modem::{Chop, Fault, InProcess};

// ---- commands of one's own -------------------------------------------------------------------------------------------

#[derive(Clone, Debug, PartialEq, AtatCmd)]
#[at_cmd("+CSQ", SignalQuality)]
struct GetSignalQuality;

#[derive(Clone, Debug, PartialEq, AtatResp)]
struct SignalQuality {
    rssi: u8,
    error_rate: u8,
}

const GOOD: SignalQuality = SignalQuality {
    rssi: 25,
    error_rate: 99,
};

/// Any command, answered by any lines.
struct Raw<'a>(&'a str);

#[derive(Debug, PartialEq)]
struct Text(String);

impl AtatResp for Text {}

impl AtatCmd for Raw<'_> {
    type Response = Text;
    const MAX_TIMEOUT_MS: u32 = 5000;

    fn write(&self, buffer: &mut [u8]) -> usize {
        buffer[..self.0.len()].copy_from_slice(self.0.as_bytes());
        self.0.len()
    }

    fn parse(&self, answer: Result<&[u8], InternalError>) -> Result<Text, atat::Error> {
        Ok(Text(String::from_utf8_lossy(answer?).into_owned()))
    }
}

async fn ask(stack: &Stack<'_>, command: &str) -> Result<String, atat::Error> {
    stack.at().send(&Raw(command)).await.map(|text| text.0)
}

fn network() -> InProcess {
    let network = InProcess::new();
    network.latency(Duration::from_millis(20));
    network.tcp_echo(PEER, 7);
    network
}

#[test]
fn answers_of_every_length() {
    Bench::new().run(&network(), async |stack, modem| {
        let mut client = stack.at();
        for _ in 0..3 {
            assert_eq!(client.send(&GetSignalQuality).await, Ok(GOOD));
        }
        assert_eq!(ask(&stack, "AT\r").await, Ok(String::new()));
        assert_eq!(
            ask(&stack, "ATI\r").await.unwrap(),
            "Quectel\r\nEC25\r\nRevision: EC25EFAR06A01M4G"
        );
        assert_eq!(ask(&stack, "AT+CGMM\r").await.unwrap(), "EC25");
        let long = ask(&stack, "AT+QIOPEN=?\r").await.unwrap();
        assert!(long.starts_with("+QIOPEN: (1-16)") && long.ends_with("(0-2)"));
        // More than is kept.
        let all = ask(&stack, "AT+QICFG=?\r").await;
        assert_eq!(all, Err(atat::Error::Capacity));
        assert_eq!(client.send(&GetSignalQuality).await, Ok(GOOD));
        // A command that is too long.
        let digits = "00".repeat(256);
        let command = SendHex {
            connect_id: ConnectId::FIRST,
            data: HexText::new(&digits).unwrap(),
        };
        assert_eq!(client.send(&command).await, Err(atat::Error::Capacity));
        assert_eq!(client.send(&GetSignalQuality).await, Ok(GOOD));
        assert_no_violation(&modem);
    });
}

#[test]
fn refusals() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let unknown = ask(&stack, "AT+NOSUCH\r").await;
        assert_eq!(unknown, Err(atat::Error::CmeError(3.into())));
        // No answer at all: the next command waits until what is late has passed by.
        modem.inject(Fault::Slow {
            command: "CGMM".into(),
            delay: Duration::from_secs(6),
        });
        let start = Instant::now();
        assert_eq!(ask(&stack, "AT+CGMM\r").await, Err(atat::Error::Timeout));
        assert_eq!(start.elapsed().as_secs(), 5);
        let next = ask(&stack, "AT+CGMI\r").await;
        assert_eq!(next, Ok("Quectel".into()), "{}", excerpt(&modem));
        modem.clear_faults();
        assert_eq!(stack.wait_link_up().await, Ok(()));
        assert_eq!(ask(&stack, "AT+CGMM\r").await.unwrap(), "EC25");
    });
}

/// What the module says in other words than the virtual one.
#[test]
fn lines_of_an_answer() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let cases = [
            // Others in between, and one that begins alike.
            (
                "AT+CSQ",
                "\r\n+CREG: 1\r\n\r\n+CSQX: 1\r\n\r\n+CSQ: 1,2\r\n\r\nRING X\r\n\r\nOK\r\n",
                Ok("+CSQ: 1,2\r\nRING X"),
            ),
            // No command and no echo of one: the text of a message.
            (
                "AT+CMGR=1",
                "\r\n+CMGR: \"REC READ\",\"+4912\"\r\nat home\r\nATTENTION\r\n\r\nOK\r\n",
                Ok("+CMGR: \"REC READ\",\"+4912\"\r\nat home\r\nATTENTION"),
            ),
            // An echo.
            ("AT+CGMM", "AT+CGMM\r\r\nEC25\r\n\r\nOK\r\n", Ok("EC25")),
            ("AT+X", "\r\nERROR\r\n", Err(atat::Error::Error)),
            (
                "AT+X",
                "\r\n+CME ERROR: 30\r\n",
                Err(atat::Error::CmeError(30.into())),
            ),
        ];
        for (command, answer, expected) in cases {
            let line = format!("{command}\r");
            let play = async {
                module.expect(command).await;
                module.say(answer).await;
            };
            let (result, ()) = join(ask(&stack, &line), play).await;
            assert_eq!(result, expected.map(String::from), "{command}");
        }
    });
}

#[test]
fn beside_bulk_transfers() {
    for chop in [Chop::Whole, Chop::Random { seed: 8, max: 40 }] {
        let bench = Bench::new().chop(chop).baud(921_600);
        bench.run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::ForeignUrcs {
                probability: 0.2,
                seed: 4,
            });
            let mut connection = stack.connect(peer(7)).await.unwrap();
            let bytes = adversarial(200_000);
            let (mut reader, mut writer) = connection.split();
            let send = async {
                writer.write_all(&bytes).await.unwrap();
                writer.flush().await.unwrap();
            };
            let receive = async {
                let mut back = vec![0; bytes.len()];
                reader.read_exact(&mut back).await.unwrap();
                back
            };
            let chatter = async {
                let mut count = 0;
                let (mut one, mut two) = (stack.at(), stack.at());
                loop {
                    let (first, second) =
                        join(one.send(&GetSignalQuality), two.send(&Raw("AT+CGMM\r"))).await;
                    assert_eq!(first, Ok(GOOD), "{}", excerpt(&modem));
                    assert_eq!(second, Ok(Text("EC25".into())), "{}", excerpt(&modem));
                    count += 1;
                    assert!(count < 100_000);
                }
            };
            let start = Instant::now();
            match select(join(send, receive), chatter).await {
                Either::First(((), back)) => assert!(back == bytes),
                Either::Second(never) => never,
            }
            // It takes turns: the transfer does not starve either.
            assert!(start.elapsed().as_secs() < 30, "{}", start.elapsed());
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn before_the_link_is_up() {
    use virtual_modem::settings::Registration;
    let bench = Bench::new()
        .settings(|settings| settings.registration(Registration::Home, Duration::from_secs(100)));
    bench.run(&network(), async |stack, modem| {
        let start = Instant::now();
        for _ in 0..10 {
            let signal = stack.at().send(&GetSignalQuality).await.unwrap();
            assert_eq!(signal.rssi, 99);
        }
        assert!(start.elapsed().as_secs() < 20, "{}", start.elapsed());
        stack.wait_link_up().await.unwrap();
        assert_no_violation(&modem);
    });
}

/// Without a module, or with a configuration that nothing can be done with, a command does not wait for ever.
#[test]
fn without_a_module() {
    dialogue(Config::new("internet"), async |stack, _module| {
        for _ in 0..2 {
            let limit = embassy_time::Duration::from_secs(100);
            let result = with_timeout(limit, ask(&stack, "AT+CSQ\r")).await;
            assert_eq!(result.expect("it waits"), Err(atat::Error::Aborted));
        }
        assert_eq!(
            stack.data_echo().await,
            Err(Error::Link(LinkError::NoAnswer))
        );
    });
    dialogue(Config::new("a\"b"), async |stack, _module| {
        let limit = embassy_time::Duration::from_secs(100);
        let result = with_timeout(limit, ask(&stack, "AT+CSQ\r")).await;
        assert_eq!(result.expect("it waits"), Err(atat::Error::Aborted));
    });
}

#[test]
fn a_restart_ends_the_command() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(Fault::Slow {
            command: "CGMM".into(),
            delay: Duration::from_secs(4),
        });
        let restart = async {
            sleep(Duration::from_secs(1)).await;
            modem.restart();
        };
        let limit = embassy_time::Duration::from_secs(20);
        let asked = with_timeout(limit, ask(&stack, "AT+CGMM\r"));
        let (answer, ()) = join(asked, restart).await;
        assert!(answer.expect("it waits").is_err());
        modem.clear_faults();
        let next = ask(&stack, "AT+CGMI\r").await;
        assert_eq!(next, Ok("Quectel".into()), "{}", excerpt(&modem));
        let _ = stack.wait_link_up().await;
        stack.wait_link_up().await.unwrap();
    });
}

#[test]
fn cancelled_at_every_poll() {
    let bench = Bench::new()
        .baud(115_200)
        .chop(Chop::Bytes(5))
        .settings(|settings| settings.latency(Duration::from_millis(3)));
    bench.run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect(peer(7)).await.unwrap();
        let mut completed = 0;
        for polls in 0..200 {
            let mut client = stack.at();
            match cancelled(polls, client.send(&Raw("AT+CGMM\r"))).await {
                Some(answer) => {
                    completed += 1;
                    assert_eq!(answer, Ok(Text("EC25".into())));
                }
                None => assert_eq!(client.send(&GetSignalQuality).await, Ok(GOOD)),
            }
            connection
                .write_all(&noise(polls as u64, 300))
                .await
                .unwrap();
            let mut back = vec![0; 300];
            connection.read_exact(&mut back).await.unwrap();
            assert!(back == noise(polls as u64, 300));
            if completed == 5 {
                break;
            }
        }
        assert_eq!(completed, 5);
        assert_no_violation(&modem);
    });
}

#[test]
fn two_at_once() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let many = async |command: &str, expected: &str| {
            for _ in 0..50 {
                assert_eq!(ask(&stack, command).await.unwrap(), expected);
            }
        };
        join3(
            many("AT+CGMI\r", "Quectel"),
            many("AT+CGMM\r", "EC25"),
            many("AT+CGSN\r", "861107030000000"),
        )
        .await;
        assert_no_violation(&modem);
    });
}

/// The writer leads nowhere without a turn.
#[test]
fn the_writer_by_itself_disturbs_nobody() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(Fault::Slow {
            command: "CGMM".into(),
            delay: Duration::from_secs(1),
        });
        let intrude = async {
            sleep(Duration::from_millis(500)).await;
            assert!(stack.at().inner().write_all(b"junk").await.is_err());
        };
        let (answer, ()) = join(ask(&stack, "AT+CGMM\r"), intrude).await;
        assert_eq!(answer.unwrap(), "EC25");
        let mut client = stack.at();
        let answer = client
            .send_with(&GetSignalQuality, async |writer| {
                writer.write_all(b"AT+").await?;
                sleep(Duration::from_secs(1)).await;
                writer.write_all(b"CSQ\r").await
            })
            .await;
        assert_eq!(answer, Ok(GOOD));
        let long = [b'x'; 400];
        let answer = client
            .send_with(&GetSignalQuality, async |writer| {
                writer.write_all(&long).await
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(client.send(&GetSignalQuality).await, Ok(GOOD));
        assert_no_violation(&modem);
    });
}

// ---- a command with a prompt, then its payload -----------------------------------------------------------------------

#[test]
fn a_text_message() {
    for prompt in ["", "prompt_bare", "prompt_line_end"] {
        let bench = Bench::new().settings(|settings| match prompt {
            "" => settings,
            name => settings.read(|readings| readings.flip(name).unwrap()),
        });
        bench.run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            let mut connection = stack.connect(peer(7)).await.unwrap();
            let texts = [
                "hello",
                // Of several lines, each of which has a prompt of its own.
                "at home\rOK\rAT+CSQ",
                "AT+CMGD=1",
            ];
            for (number, text) in texts.into_iter().enumerate() {
                // The transfer and another client want the port too.
                connection.write_all(&noise(1, 500)).await.unwrap();
                let mut client = stack.at();
                let asked = client.send(&Raw("AT+CMGS=\"+4912\"\r")).await;
                assert_eq!(asked, Ok(Text(String::new())));
                let message = async {
                    sleep(Duration::from_secs(2)).await;
                    let payload = format!("{text}\x1a");
                    client.send(&Raw(&payload)).await
                };
                let (sent, other) = join(message, ask(&stack, "AT+CGMM\r")).await;
                let expected = Text(format!("+CMGS: {}", number + 1));
                assert_eq!(sent, Ok(expected), "{prompt} {text:?} {}", excerpt(&modem));
                assert_eq!(other.unwrap(), "EC25");
                let mut back = vec![0; 500];
                connection.read_exact(&mut back).await.unwrap();
                assert!(back == noise(1, 500));
            }
            let sent = modem.messages();
            let sent: Vec<_> = sent
                .iter()
                .map(|(_, text)| core::str::from_utf8(text).unwrap())
                .collect();
            assert_eq!(sent, texts);
            assert_no_violation(&modem);
        });
    }
}

/// Nobody brings the text: the port is not kept for ever.
#[test]
fn a_text_message_without_its_text() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..20 {
            let start = Instant::now();
            cancelled(polls, ask(&stack, "AT+CMGS=\"+4912\"\r")).await;
            assert_eq!(
                ask(&stack, "AT+CGMM\r").await.unwrap(),
                "EC25",
                "{}",
                excerpt(&modem)
            );
            assert!(start.elapsed().as_secs() < 15);
        }
        assert!(modem.messages().is_empty());
        assert_eq!(stack.wait_link_up().await, Ok(()));
    });
}

// ---- tools -----------------------------------------------------------------------------------------------------------

fn seconds(seconds: u64) -> embassy_time::Duration {
    embassy_time::Duration::from_secs(seconds)
}

#[test]
fn pings() {
    let bench = Bench::new().settings(|settings| settings.dns("host.example", &[PEER]));
    bench.run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for host in [PEER, "host.example"] {
            let mut pinging = stack.ping(host, seconds(1), 10).await.unwrap();
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
        let pinging = stack.ping(PEER, seconds(1), 10).await.unwrap();
        assert_eq!(pinging.summary().await.unwrap().received, 10);
        assert_eq!(stack.statistics().dropped_replies, 6);

        // Nobody there; a name that nobody knows; a name that cannot be.
        let mut pinging = stack.ping("192.0.2.77", seconds(1), 3).await.unwrap();
        for _ in 0..3 {
            let reply = pinging.next().await;
            assert_eq!(reply, Some(PingReply::Failed(ErrorCode::TIMEOUT)));
        }
        assert_eq!(pinging.summary().await.unwrap().lost, 3);
        let pinging = stack.ping("nobody.example", seconds(1), 3).await.unwrap();
        assert_eq!(pinging.summary().await, Err(Error::NameNotFound));
        let error = stack.ping("a\"b", seconds(1), 3).await.unwrap_err();
        assert!(matches!(error, Error::InvalidName(_)));
        assert_no_violation(&modem);
    });
}

/// Each gets its own replies.
#[test]
fn pings_at_once() {
    let network = network();
    network.tcp_echo("192.0.2.8", 7);
    Bench::new().run(&network, async |stack, _| {
        stack.wait_link_up().await.unwrap();
        let one = async |host: &str| {
            for _ in 0..3 {
                let mut pinging = stack.ping(host, seconds(1), 2).await.unwrap();
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
fn dropped_pings() {
    let network = network();
    network.latency(Duration::from_millis(300));
    network.tcp_echo("192.0.2.8", 7);
    let bench = Bench::new().settings(|settings| settings.latency(Duration::from_millis(50)));
    bench.run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        for polls in 0..30 {
            let ended = cancelled(polls, async {
                let mut pinging = stack.ping("192.0.2.8", seconds(1), 3).await.unwrap();
                while pinging.next().await.is_some() {}
            })
            .await;
            let mut pinging = with_timeout(seconds(30), stack.ping(PEER, seconds(1), 2))
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
fn pings_without_an_end() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let play = async {
            module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK").await;
            module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK").await;
        };
        let ping = async {
            drop(stack.ping("192.0.2.1", seconds(1), 2).await.unwrap());
            let start = Instant::now();
            let mut pinging = stack.ping("192.0.2.1", seconds(1), 2).await.unwrap();
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
            let mut first = stack.ping("192.0.2.1", seconds(1), 2).await.unwrap();
            assert_eq!(from(&mut first).await, "192.0.2.1");
            let mut second = stack.ping("192.0.2.2", seconds(1), 2).await.unwrap();
            assert_eq!(first.next().await, None);
            assert_eq!(from(&mut second).await, "192.0.2.2");
            drop(first);
            assert_eq!(from(&mut second).await, "192.0.2.2");
            assert_eq!(second.next().await, None);
            // The next one does not wait for one that is over.
            let start = Instant::now();
            let next = async {
                let mut third = stack.ping("192.0.2.3", seconds(1), 2).await.unwrap();
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
                let mut pinging = stack.ping(host, seconds(1), 2).await.unwrap();
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
                let (one, two) =
                    join(stack.ntp("a.example", true), stack.ntp("b.example", true)).await;
                assert_eq!(one.map(|time| time.year), Ok(2026), "{}", excerpt(&modem));
                assert_eq!(two.map(|time| time.year), Ok(2026), "{}", excerpt(&modem));
            };
            let pings = join(one(PEER), one("192.0.2.8"));
            join(pings, times).await;
            assert_no_violation(&modem);
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
                cancelled(polls, stack.ping(PEER, seconds(1), 1)).await;
                let pinging = stack.ping(PEER, seconds(1), 1).await.unwrap();
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
        let pinging = stack.ping("192.0.2.77", seconds(200), 10).await.unwrap();
        modem.pdpdeact(1);
        let ended = with_timeout(seconds(5), pinging.summary()).await.unwrap();
        assert_eq!(ended, Err(Error::Link(LinkError::ContextLost)));
        stack.wait_link_up().await.unwrap();
        let pinging = stack.ping(PEER, seconds(1), 1).await.unwrap();
        assert_eq!(pinging.summary().await.unwrap().received, 1);
    });
}

#[test]
fn times() {
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
                stack.ntp("ntp.example", true),
                stack.ntp("192.0.2.3", false),
            )
            .await;
            assert_eq!(one.map(|time| (time.year, time.zone)), expected);
            assert_eq!(two.map(|time| (time.year, time.zone)), expected);
            // Dropped half-way.
            for polls in [1, 3, 6] {
                cancelled(polls, stack.ntp("ntp.example", true)).await;
                let time = with_timeout(seconds(300), stack.ntp("ntp.example", true)).await;
                let time = time.expect("it hangs");
                assert_eq!(time.map(|time| (time.year, time.zone)), expected);
            }
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn name_servers() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        stack.dns_servers().await.unwrap();
        let (one, two) = ("192.0.2.53".parse().unwrap(), "192.0.2.54".parse().unwrap());
        for second in [Some(two), None] {
            stack.set_dns_servers(one, second).await.unwrap();
            let servers = stack.dns_servers().await.unwrap();
            assert_eq!(servers.primary, Some(one), "{servers:?}");
            if second.is_some() {
                assert_eq!(servers.secondary, second, "{servers:?}");
            }
            modem.pdpdeact(1);
            sleep(Duration::from_secs(1)).await;
            stack.wait_link_up().await.unwrap();
            let servers = stack.dns_servers().await.unwrap();
            assert_eq!(servers.primary, Some(one), "{servers:?}");
        }
        assert_no_violation(&modem);
    });
}

#[test]
fn every_setting() {
    fn within<const A: u32, const B: u32>(value: u32) -> Within<A, B> {
        Within::new(value).unwrap()
    }
    let keep_alive = KeepAlive {
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
        Setting::TcpKeepAlive(Some(keep_alive)),
        Setting::ReceiveBufferSize(within(20_000)),
        Setting::ReceiveIndication(Switch::On),
    ];
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        assert_eq!(values.map(|value| value.key()), SettingKey::ALL);
        for value in values {
            assert!(stack.setting(value.key()).await.unwrap().is_some());
            stack.set_setting(value).await.unwrap();
            assert_eq!(stack.setting(value.key()).await, Ok(Some(value)));
        }
        stack
            .set_setting(Setting::TcpKeepAlive(None))
            .await
            .unwrap();
        let off = stack.setting(SettingKey::TcpKeepAlive).await;
        assert_eq!(off, Ok(Some(Setting::TcpKeepAlive(None))));
        for unreadable in [
            Setting::ViewMode(ViewMode::Comma),
            Setting::DataFormats {
                send: DataFormat::Text,
                receive: DataFormat::Hex,
            },
        ] {
            let refused = stack.set_setting(unreadable).await;
            assert_eq!(refused, Err(Error::Unsupported));
        }
        assert_eq!(stack.data_echo().await, Ok(false));
        assert_no_violation(&modem);
    });
}

#[test]
fn states_and_the_last_error() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let connection = stack.connect(peer(7)).await.unwrap();
        let listener = stack.listen(2020).await.unwrap();
        let mut seen = Vec::new();
        stack
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
        let last = stack.last_error().await.unwrap();
        // The close after the failed open went well.
        assert!(matches!(
            last.error(),
            None | Some(ErrorCode::CONNECT_FAILED)
        ));

        assert_no_violation(&modem);

        // Nothing is open on that connectID.
        ask(&stack, "AT+QIRD=11,100\r").await.unwrap_err();
        let last = stack.last_error().await.unwrap();
        assert_eq!(last.error(), Some(ErrorCode::INVALID_PARAMETERS));
        assert_eq!(last.description.as_str(), "invalid parameters");
    });
}

#[test]
fn acknowledgements() {
    let network = network();
    network.latency(Duration::from_secs(3));
    Bench::new().run(&network, async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut connection = stack.connect(peer(7)).await.unwrap();
        // Nothing was written.
        with_timeout(seconds(1), connection.wait_acked())
            .await
            .unwrap()
            .unwrap();
        let start = Instant::now();
        connection.write_all(&[1; 3000]).await.unwrap();
        connection.flush().await.unwrap();
        assert!(start.elapsed().as_secs() < 1);
        connection.wait_acked().await.unwrap();
        let took = start.elapsed().as_secs();
        assert!((6..9).contains(&took), "{took} s");

        // Whoever stops waiting can write on at once.
        connection.write_all(&[2; 100]).await.unwrap();
        let waited = with_timeout(seconds(3), connection.wait_acked()).await;
        assert!(waited.is_err());
        let start = Instant::now();
        connection.write_all(&[3; 100]).await.unwrap();
        connection.flush().await.unwrap();
        assert!(start.elapsed().as_millis() < 100, "{}", start.elapsed());
        connection.wait_acked().await.unwrap();

        // A link that goes down ends the wait.
        connection.write_all(&[4; 100]).await.unwrap();
        connection.flush().await.unwrap();
        modem.pdpdeact(1);
        let waited = with_timeout(seconds(5), connection.wait_acked())
            .await
            .unwrap();
        assert_eq!(waited, Err(Error::Link(LinkError::ContextLost)));
    });
}
