//! AT commands of the user between those of the stack.

use atat::asynch::AtatClient;
use atat::atat_derive::{AtatCmd, AtatResp};
use atat::{AtatCmd, AtatResp, InternalError};
use core::time::Duration;
use embassy_futures::join::{join, join3};
use embassy_futures::select::{Either, select};
use embassy_time::{Instant, with_timeout};
use embedded_io_async::{Read, Write};
use quectel_nal::at::{ConnectId, HexText, SendHex};
use quectel_nal::{Config, Error, LinkError, Stack};
use testbench::{
    Bench, adversarial, assert_no_violation, cancelled, dialogue, echo_network, excerpt, noise,
    peer, sleep,
};
use virtual_modem::{Chop, Fault, InProcess};

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

pub async fn ask(stack: &Stack<'_>, command: &str) -> Result<String, atat::Error> {
    stack.at().send(&Raw(command)).await.map(|text| text.0)
}

pub fn network() -> InProcess {
    let network = echo_network();
    network.latency(Duration::from_millis(20));
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
fn refused_command_is_an_error_and_so_is_a_late_one() {
    Bench::new().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let unknown = ask(&stack, "AT+NOSUCH\r").await;
        assert_eq!(unknown, Err(atat::Error::Error));
        modem.inject(Fault::Refuse {
            command: "CSQ".into(),
            code: 3,
            count: 1,
        });
        let refused = ask(&stack, "AT+CSQ\r").await;
        assert_eq!(refused, Err(atat::Error::CmeError(3.into())));
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
fn lines_of_an_answer_are_told_from_others() {
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
fn commands_beside_bulk_transfers_are_answered() {
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
fn command_before_the_link_is_up_is_answered() {
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
fn command_without_a_module_is_aborted() {
    dialogue(Config::new("internet"), async |stack, _module| {
        for _ in 0..2 {
            let limit = embassy_time::Duration::from_secs(100);
            let result = with_timeout(limit, ask(&stack, "AT+CSQ\r")).await;
            assert_eq!(result.expect("it waits"), Err(atat::Error::Aborted));
        }
        assert_eq!(
            stack.module().data_echo().await,
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
fn commands_at_once_get_their_own_answers() {
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

#[test]
fn text_message_is_sent_at_its_prompt() {
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
