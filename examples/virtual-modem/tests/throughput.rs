//! Bulk data: the figures are exact, and the wall time is short.

mod common;

use common::dialogue_on;
use embedded_io_async::{Read, Write};
use virtual_modem::{Chop, InProcess, Line, Settings, time};

const SERVER: &str = "192.0.2.7";
const LENGTH: usize = 300_000;

fn byte(index: usize) -> u8 {
    (index * 31 % 251) as u8
}

fn source() -> InProcess {
    let network = InProcess::new();
    network.tcp(SERVER, 19, |mut peer| async move {
        let all: Vec<u8> = (0..LENGTH).map(byte).collect();
        let _ = peer.write_all(&all).await;
    });
    network
}

#[test]
fn pushed_data_fills_the_line() {
    dialogue_on(
        Line::new(921_600),
        Settings::new(),
        source(),
        |mut host| async move {
            host.connects(SERVER, 19, 1).await;
            let start = time::micros();
            let mut have = 0;
            while have < LENGTH {
                host.expects("\r\n+QIURC: \"recv\",0,").await;
                let mut length = 0;
                let mut digit = [0];
                loop {
                    host.rx.read_exact(&mut digit).await.unwrap();
                    match digit[0] {
                        b'\n' => break,
                        b'\r' => {}
                        digit => length = length * 10 + usize::from(digit - b'0'),
                    }
                }
                let wanted: Vec<u8> = (have..have + length).map(byte).collect();
                host.expects(wanted).await;
                host.expects("\r\n").await;
                have += length;
            }
            let seconds = (time::micros() - start) as f64 / 1e6;
            let rate = LENGTH as f64 / seconds;
            assert!(
                (0.97..1.0).contains(&(rate / 92_160.0)),
                "{rate} bytes per second"
            );
        },
    );
}

#[test]
fn reads_in_small_pieces() {
    let line = Line::new(115_200)
        .chop(Chop::Random { seed: 5, max: 9 })
        .host_buffer(64);
    dialogue_on(line, Settings::new(), source(), |mut host| async move {
        host.connects(SERVER, 19, 0).await;
        host.expects("\r\n+QIURC: \"recv\",0\r\n").await;
        for part in 0..20 {
            host.types("AT+QIRD=0,1500\r").await;
            host.expects("\r\n+QIRD: 1500\r\n").await;
            let wanted: Vec<u8> = (part * 1500..(part + 1) * 1500).map(byte).collect();
            host.expects(wanted).await;
            host.expects("\r\n\r\nOK\r\n").await;
        }
        assert_eq!(host.rx.overruns(), 0);
        host.made_no_fault();
    });
}

#[test]
fn transparent_data_is_held_back_by_the_module() {
    let network = InProcess::new();
    network.window(1000).tcp(SERVER, 9, |mut peer| async move {
        let mut all = Vec::new();
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = peer.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..count]);
            time::sleep(std::time::Duration::from_millis(10)).await;
            if all.len() == LENGTH / 10 {
                assert!(
                    all.iter()
                        .enumerate()
                        .all(|(index, value)| *value == byte(index))
                );
                let _ = peer.write_all(b"all").await;
            }
        }
    });
    dialogue_on(
        Line::new(921_600),
        Settings::new(),
        network,
        |mut host| async move {
            host.connects(SERVER, 9, 2).await;
            let all: Vec<u8> = (0..LENGTH / 10).map(byte).collect();
            host.types(all).await;
            host.expects("all").await;
            assert!(time::now().as_secs_f64() > 2.9);
        },
    );
}
