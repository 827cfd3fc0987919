//! The serial line: speed, cutting, flow control.

use embedded_io_async::{Read, ReadReady, Write};
use futures_lite::future;
use std::time::Duration;
use virtual_modem::{
    Chop, HostRx, HostTx, InProcess, Line, ModemHandle, Settings, VirtualModem, serial, time,
};

/// The answer to ATI, with its echo.
const IDENTIFICATION: &[u8] =
    b"ATI\r\r\nQuectel\r\nEC25\r\nRevision: EC25EFAR06A01M4G\r\n\r\nOK\r\n";

/// A module with echo on makes a fine mirror.
fn mirror<F: Future<Output = ()>>(
    line: Line,
    script: impl FnOnce(HostRx, HostTx, ModemHandle) -> F,
) {
    let modem = VirtualModem::new(Settings::new(), InProcess::new());
    let (rx, tx, end) = serial::pair(line);
    let handle = modem.handle();
    time::run_virtual(future::or(script(rx, tx, handle), async {
        modem.run(end).await
    }));
}

#[test]
fn ten_bits_a_byte_both_ways() {
    mirror(Line::new(115_200), |mut rx, mut tx, _| async move {
        tx.write_all(b"AT\r").await.unwrap();
        tx.flush().await.unwrap();
        assert_eq!(time::micros(), 261, "three bytes");
        let mut answer = [0; 9];
        rx.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"AT\r\r\nOK\r\n");
        assert_eq!(
            time::micros(),
            261 + 782,
            "and nine back, each rounded up once"
        );
        assert_eq!((rx.carried(), tx.carried()), (9, 3));
    });
}

#[test]
fn long_bursts_do_not_drift() {
    mirror(Line::new(115_200), |mut rx, mut tx, handle| async move {
        tx.write_all(b"ATE0\r").await.unwrap();
        let mut answer = [0; 11];
        rx.read_exact(&mut answer).await.unwrap();
        let start = time::micros();
        tx.write_all(&[b' '; 11_520 - 3]).await.unwrap();
        tx.write_all(b"AT\r").await.unwrap();
        tx.flush().await.unwrap();
        assert_eq!(time::micros() - start, 1_000_000);
        assert_eq!(handle.counters().commands, 1);
    });
}

#[test]
fn reads_are_cut() {
    mirror(
        Line::default().chop(Chop::Bytes(2)),
        |mut rx, mut tx, _| async move {
            tx.write_all(b"AT\r").await.unwrap();
            let mut buffer = [0; 64];
            let mut counts = Vec::new();
            while counts.iter().sum::<usize>() < 9 {
                counts.push(rx.read(&mut buffer).await.unwrap());
            }
            assert_eq!(counts, [2, 2, 2, 2, 1]);
            assert!(!rx.read_ready().unwrap());
        },
    );
}

#[test]
fn the_same_seed_cuts_the_same() {
    let cut = |seed| {
        let mut counts = Vec::new();
        let line = Line::default().chop(Chop::Random { seed, max: 7 });
        let all = &mut counts;
        mirror(line, |mut rx, mut tx, _| async move {
            tx.write_all(b"ATI\r").await.unwrap();
            let mut buffer = [0; 64];
            while all.iter().sum::<usize>() < IDENTIFICATION.len() {
                all.push(rx.read(&mut buffer).await.unwrap());
            }
        });
        counts
    };
    assert_eq!(cut(3), cut(3));
    assert_ne!(cut(3), cut(4));
    assert!(cut(3).iter().all(|count| (1..=7).contains(count)));
}

#[test]
fn without_flow_control_bytes_are_lost() {
    for flow_control in [true, false] {
        let line = Line::new(115_200)
            .host_buffer(16)
            .flow_control(flow_control);
        mirror(line, |mut rx, mut tx, handle| async move {
            tx.write_all(b"ATI\r").await.unwrap();
            time::sleep(Duration::from_secs(1)).await;
            let mut have = Vec::new();
            let mut buffer = [0; 64];
            loop {
                let read = async { Some(rx.read(&mut buffer).await.unwrap()) };
                let quiet = async {
                    time::sleep(Duration::from_millis(100)).await;
                    None
                };
                match future::or(read, quiet).await {
                    Some(count) => have.extend_from_slice(&buffer[..count]),
                    None => break,
                }
            }
            if flow_control {
                assert_eq!(have, IDENTIFICATION);
                assert_eq!(rx.overruns(), 0);
            } else {
                assert_eq!(have, &IDENTIFICATION[..16]);
                assert_eq!(rx.overruns() as usize, IDENTIFICATION.len() - 16);
                assert_eq!(handle.counters().overruns, rx.overruns());
            }
        });
    }
}

#[test]
fn the_ends_notice_each_other() {
    let modem = VirtualModem::new(Settings::new(), InProcess::new());
    let (mut rx, mut tx, end) = serial::pair(Line::default());
    time::run_virtual(async {
        drop(end);
        assert_eq!(rx.read(&mut [0; 4]).await, Ok(0));
        assert!(tx.write(b"AT\r").await.is_err());
        let (_rx, tx, end) = serial::pair(Line::default());
        drop(tx);
        modem.run(end).await;
    });
}
