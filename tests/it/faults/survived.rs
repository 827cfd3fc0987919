//! Faults that nobody notices.

use core::time::Duration;
use embedded_io_async::{Read, Write};
use testbench::{adversarial, assert_no_violation, collect, excerpt, noise, peer, sleep};
use virtual_modem::{Chop, Fault};

use super::{SECOND, bench, echo, everything_works, network, survives};

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

/// The peer reads everything and closes. That is what `wait_acked` says, whenever it is called: at once, when the end of the stream was
/// read, or long after the connectID was freed.
#[test]
fn what_a_peer_acknowledged_that_closed() {
    const COUNT: usize = 3000;
    let command = || "QISEND".to_owned();
    let (count, delay) = (1, 2 * SECOND);
    for fault in [
        Fault::ForeignUrcs {
            probability: 0.5,
            seed: 1,
        },
        Fault::SendFail {
            count: 2,
            taken: true,
        },
        Fault::LostSendOk(1),
        Fault::SendOkBehind(1),
        Fault::LostClosed(1),
        Fault::CountersLag(400),
        Fault::Mute {
            command: command(),
            count,
        },
        Fault::Swallow {
            command: command(),
            count,
        },
        Fault::Refuse {
            command: command(),
            code: 568,
            count,
        },
        Fault::Slow {
            command: command(),
            delay,
        },
    ] {
        for moment in 0..3 {
            let network = network();
            collect(&network, 81, COUNT);
            bench().run(&network, async |stack, modem| {
                stack.wait_link_up().await.unwrap();
                let mut connection = stack.connect(peer(81)).await.unwrap();
                // It strikes the send, and the question about it.
                modem.inject(fault.clone());
                connection.write_all(&noise(81, COUNT)).await.unwrap();
                connection.flush().await.unwrap();
                modem.inject(fault.clone());
                if moment > 0 {
                    assert_eq!(connection.read(&mut [0; 8]).await, Ok(0), "{fault:?}");
                }
                if moment > 1 {
                    sleep(100 * SECOND).await;
                    assert_eq!(modem.sockets().len(), 0);
                }
                let told = connection.wait_acked().await;
                assert_eq!(told, Ok(()), "{fault:?} {moment} {}", excerpt(&modem));
                assert_no_violation(&modem);
            });
        }
    }
}
