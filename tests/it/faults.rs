//! Every fault of the virtual modem, and every other reading of the note: the right bytes or the right error, within the
//! time that the note gives, and a stack that works afterwards. Under virtual time.

use core::time::Duration;
use embassy_futures::join::{join, join3};
use embassy_time::Instant;
use embedded_io_async::{Read, Write};
use embedded_nal_async::{AddrType, Dns, TcpConnect};
use quectel_nal::at::ErrorCode;
use quectel_nal::{Error, LinkError, Stack};
use testbench::{Bench, PEER, adversarial, assert_no_violation, excerpt, noise, peer, sleep};
use virtual_modem::network::PeerStream;
use virtual_modem::{Chop, Fault, InProcess, ModemHandle, Readings};

const SECOND: Duration = Duration::from_secs(1);

/// An echo on port 7, and on port 80 a server that sends 20,000 bytes and closes.
fn network() -> InProcess {
    let network = InProcess::new();
    network.tcp_echo(PEER, 7);
    network.tcp(PEER, 80, |mut stream: PeerStream| async move {
        let _ = stream.write_all(&noise(80, 20_000)).await;
        stream.close();
        let _ = stream.read_to_end().await;
    });
    network.refuse(PEER, 1, 566);
    network.hang(PEER, 2);
    network
}

async fn echo(stack: &Stack<'_>, bytes: &[u8]) -> Result<(), Error> {
    let mut connection = stack.connect(peer(7)).await?;
    let (mut reader, mut writer) = connection.split();
    let send = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    let receive = async {
        let mut back = vec![0; bytes.len()];
        reader.read_exact(&mut back).await.map(|()| back)
    };
    let (sent, back) = join(send, receive).await;
    sent?;
    assert!(
        back.expect("the echo ends early") == bytes,
        "the echo differs"
    );
    connection.close().await
}

async fn download(stack: &Stack<'_>) -> Result<(), Error> {
    let mut connection = stack.connect(peer(80)).await?;
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match connection.read(&mut buffer).await? {
            0 => break,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
    assert!(all == noise(80, 20_000), "got {} other bytes", all.len());
    Ok(())
}

/// Uploads, downloads and lookups at once, all with the right bytes.
async fn everything_works(stack: &Stack<'_>, modem: &ModemHandle) {
    let payload = adversarial(8000);
    let (echoed, downloaded, found) = join3(
        echo(stack, &payload),
        download(stack),
        stack.get_host_by_name("name.example", AddrType::IPv4),
    )
    .await;
    assert_eq!(echoed, Ok(()), "{}", excerpt(modem));
    assert_eq!(downloaded, Ok(()), "{}", excerpt(modem));
    assert_eq!(
        found,
        Ok("192.0.2.9".parse().unwrap()),
        "{}",
        excerpt(modem)
    );
}

fn bench() -> Bench {
    Bench::new().settings(|settings| settings.dns("name.example", &["192.0.2.9"]))
}

/// With this fault all bytes are right, within `limit`, and the module has nothing to complain about.
fn survives(limit: Duration, faults: &[Fault]) {
    for chop in [Chop::Whole, Chop::Bytes(1)] {
        bench().chop(chop).run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            for fault in faults {
                modem.inject(fault.clone());
            }
            let start = Instant::now();
            everything_works(&stack, &modem).await;
            let took = start.elapsed();
            assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
            modem.clear_faults();
            everything_works(&stack, &modem).await;
            assert_no_violation(&modem);
        });
    }
}

#[test]
fn chopped_bytes() {
    survives(SECOND, &[Fault::Chop(Chop::Bytes(1))]);
    survives(SECOND, &[Fault::Chop(Chop::Random { seed: 1, max: 20 })]);
}

#[test]
fn foreign_urcs() {
    for seed in 0..10 {
        survives(
            SECOND,
            &[Fault::ForeignUrcs {
                probability: 0.5,
                seed,
            }],
        );
    }
}

#[test]
fn late_and_lost_notices() {
    survives(20 * SECOND, &[Fault::LateRecv(Duration::from_millis(700))]);
    survives(30 * SECOND, &[Fault::LostRecv(2)]);
}

#[test]
fn send_fail() {
    for taken in [false, true] {
        survives(20 * SECOND, &[Fault::SendFail { count: 3, taken }]);
        survives(
            60 * SECOND,
            &[Fault::SendFailRate {
                probability: 0.4,
                taken,
            }],
        );
    }
}

#[test]
fn late_send_ok() {
    survives(200 * SECOND, &[Fault::LateSendOk(9 * SECOND)]);
}

#[test]
fn an_id_that_is_taken() {
    survives(SECOND, &[Fault::LeftOpen(0), Fault::LeftOpen(2)]);
}

/// Adversarial payload between echoes of itself: the module ignores ATE0, or AT+QISDE=0, or both.
#[test]
fn echoes() {
    for faults in [
        &[Fault::EchoStays][..],
        &[Fault::PayloadEcho],
        &[Fault::EchoStays, Fault::PayloadEcho],
    ] {
        for (prompt, chop) in [
            ("prompt_bare", Chop::Whole),
            ("prompt_line_end", Chop::Bytes(1)),
            ("close_waits", Chop::Bytes(1)),
        ] {
            let bench = bench()
                .chop(chop)
                .settings(|settings| settings.read(|readings| readings.flip(prompt).unwrap()));
            bench.run(&network(), async |stack, modem| {
                for fault in faults {
                    modem.inject(fault.clone());
                }
                stack.wait_link_up().await.unwrap();
                everything_works(&stack, &modem).await;
                for start in [&b"> "[..], b"  ", b"\r\nSEND OK\r\n", b"\r\n", b"ERROR\r\n"] {
                    let payload = [start, &adversarial(3000)].concat();
                    assert_eq!(echo(&stack, &payload).await, Ok(()), "{}", excerpt(&modem));
                }
                assert_no_violation(&modem);
            });
        }
    }
}

#[test]
fn short_reads() {
    survives(SECOND, &[Fault::ShortReads(1)]);
    survives(SECOND, &[Fault::ShortReads(100)]);
}

#[test]
fn closed_after_close() {
    survives(SECOND, &[Fault::ClosedAfterClose]);
}

#[test]
fn errors_as_cme() {
    survives(SECOND, &[Fault::CmeErrors { text: false }]);
    survives(SECOND, &[Fault::CmeErrors { text: true }]);
}

#[test]
fn late_names() {
    survives(60 * SECOND, &[Fault::DnsLate(50 * SECOND)]);
}

#[test]
fn a_lost_open_result() {
    survives(20 * SECOND, &[Fault::LostOpenResult(2)]);
}

#[test]
fn a_prompt_that_is_an_error_at_first() {
    survives(20 * SECOND, &[Fault::PromptError(2)]);
}

#[test]
fn slow_commands() {
    for command in ["QIRD", "QISEND", "QICLOSE", "QIOPEN", "QIDNSGIP"] {
        let delay = Duration::from_millis(900);
        let command = command.into();
        survives(60 * SECOND, &[Fault::Slow { command, delay }]);
    }
}

#[test]
fn a_peer_that_closes_with_data_unread() {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(Fault::PeerCloses(5000));
        let mut connection = stack.connect(peer(80)).await.unwrap();
        sleep(5 * SECOND).await;
        let mut all = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(all.len() >= 5000 && noise(80, 20_000).starts_with(&all));
        modem.clear_faults();
        everything_works(&stack, &modem).await;
        assert_no_violation(&modem);
    });
}

/// With this fault an operation fails with this error, within `limit`; then all works again.
fn fails(
    fault: Fault,
    expected: Error,
    limit: Duration,
    operation: impl AsyncFnOnce(&Stack<'_>) -> Result<(), Error>,
) {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        modem.inject(fault);
        let start = Instant::now();
        let result = operation(&stack).await;
        let Err(error) = result else {
            panic!("no error\n{}", excerpt(&modem));
        };
        assert_eq!(error, expected, "{}", excerpt(&modem));
        let took = start.elapsed();
        assert!(took.as_millis() <= limit.as_millis() as u64, "took {took}");
        modem.clear_faults();
        while stack.wait_link_up().await.is_err() {}
        everything_works(&stack, &modem).await;
    });
}

#[test]
fn refused_opens() {
    for (code, expected) in [
        (566, Error::ConnectionRefused),
        (565, Error::NameNotFound),
        (569, Error::TimedOut),
        (552, Error::Module(ErrorCode::INVALID_PARAMETERS)),
        (599, Error::Module(ErrorCode::new(599).unwrap())),
    ] {
        let fault = Fault::RefuseOpen { code, count: 1 };
        fails(fault, expected, SECOND, async |stack| {
            stack.connect(peer(7)).await.map(drop)
        });
    }
}

/// 563 and 568 pass: the open is repeated once.
#[test]
fn opens_refused_for_a_passing_reason() {
    for code in [563, 568] {
        survives(5 * SECOND, &[Fault::RefuseOpen { code, count: 1 }]);
    }
}

#[test]
fn a_hanging_open() {
    let none = Fault::HangOpen(0);
    fails(none, Error::TimedOut, 151 * SECOND, async |stack| {
        stack.connect(peer(2)).await.map(drop)
    });
    let fault = Fault::HangOpen(1);
    fails(fault, Error::TimedOut, 151 * SECOND, async |stack| {
        stack.connect(peer(7)).await.map(drop)
    });
}

#[test]
fn names_that_cannot_be_found() {
    fails(
        Fault::DnsFails(1),
        Error::NameNotFound,
        SECOND,
        async |stack| stack.resolve("name.example").await.map(drop),
    );
    fails(
        Fault::DnsSilent(1),
        Error::TimedOut,
        61 * SECOND,
        async |stack| stack.resolve("name.example").await.map(drop),
    );
}

/// The module's count tells that it took the data.
#[test]
fn a_lost_send_ok() {
    survives(100 * SECOND, &[Fault::LostSendOk(2)]);
}

#[test]
fn pdpdeact_in_the_middle_of_a_transfer() {
    for after in [1, 1000, 5000] {
        let fault = Fault::PdpDeact { context: 1, after };
        let error = Error::Link(LinkError::ContextLost);
        fails(fault, error, 5 * SECOND, async |stack| {
            echo(stack, &noise(1, 100_000)).await
        });
    }
}

#[test]
fn a_restart_in_the_middle_of_a_transfer() {
    for after in [1, 1000, 5000] {
        bench().run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::Restart { after });
            let start = Instant::now();
            let error = echo(&stack, &noise(1, 100_000)).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Link(_) | Error::DataLost | Error::TimedOut | Error::ConnectionReset
                ),
                "{error}"
            );
            assert!(start.elapsed().as_secs() <= 60);
            while stack.wait_link_up().await.is_err() {}
            everything_works(&stack, &modem).await;
        });
    }
}

#[test]
fn a_module_that_falls_silent_in_the_middle_of_a_transfer() {
    let fault = Fault::Silent(Some(100 * SECOND));
    let error = Error::Link(LinkError::NoAnswer);
    fails(fault, error, 60 * SECOND, async |stack| {
        // Under way when the silence begins.
        let mut connection = match stack.connect(peer(80)).await {
            Ok(connection) => connection,
            Err(Error::TimedOut) => return Err(Error::Link(LinkError::NoAnswer)),
            Err(error) => return Err(error),
        };
        connection.read(&mut [0; 10]).await.map(drop)
    });
}

/// Bytes that the module handed over and that never came: the connection fails, its neighbours do not.
#[test]
fn a_lost_read() {
    bench().run(&network(), async |stack, modem| {
        stack.wait_link_up().await.unwrap();
        let mut other = stack.connect(peer(7)).await.unwrap();
        modem.inject(Fault::ReadLoss(1));
        let start = Instant::now();
        assert_eq!(
            download(&stack).await,
            Err(Error::DataLost),
            "{}",
            excerpt(&modem)
        );
        assert!(start.elapsed().as_secs() <= 15);
        other.write_all(b"alive").await.unwrap();
        let mut back = [0; 5];
        other.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"alive");
        drop(other);
        everything_works(&stack, &modem).await;
    });
}

/// Lines get lost at random: nothing hangs, and no wrong bytes are delivered.
#[test]
fn lost_lines() {
    for seed in 0..20 {
        bench().run(&network(), async |stack, modem| {
            stack.wait_link_up().await.unwrap();
            modem.inject(Fault::LineLoss {
                probability: 0.05,
                seed,
            });
            let start = Instant::now();
            for _ in 0..5 {
                // Each checks its bytes.
                let _ = download(&stack).await;
                let _ = echo(&stack, &noise(seed, 3000)).await;
            }
            assert!(start.elapsed().as_secs() <= 3600, "seed {seed}");
            modem.clear_faults();
            while stack.wait_link_up().await.is_err() {}
            everything_works(&stack, &modem).await;
        });
    }
}

/// Every other reading of the note, alone and with the bytes chopped.
#[test]
fn every_reading() {
    let others = [
        "prompt_bare",
        "prompt_line_end",
        "errors_numeric",
        "errors_text",
        "last_error_without_blank",
        "last_error_other_text",
        "last_error_stale",
    ];
    for name in Readings::NAMES.iter().chain(&others) {
        for chop in [Chop::Whole, Chop::Bytes(1)] {
            let bench = bench()
                .chop(chop)
                .settings(|settings| settings.read(|readings| readings.flip(name).unwrap()));
            bench.run(&network(), async |stack, modem| {
                stack.wait_link_up().await.unwrap();
                everything_works(&stack, &modem).await;
                let error = stack.connect(peer(1)).await.unwrap_err();
                assert!(
                    matches!(
                        error,
                        Error::ConnectionRefused | Error::Module(_) | Error::Equipment(_)
                    ),
                    "{name}: {error}"
                );
                modem.pdpdeact(1);
                sleep(SECOND).await;
                stack.wait_link_up().await.unwrap();
                everything_works(&stack, &modem).await;
                sleep(5 * SECOND).await;
                assert!(modem.sockets().is_empty(), "{name}:\n{}", excerpt(&modem));
                assert_no_violation(&modem);
            });
        }
    }
}
