//! A host that types bytes by hand.
#![allow(dead_code)]

use embedded_io_async::{Read, Write};
use futures_lite::future;
use std::future::Future;
use std::time::Duration;
use virtual_modem::{
    Fault, HostRx, HostTx, Line, ModemHandle, Network, Settings, VirtualModem, serial, time,
};

/// The host's side of the line.
pub struct Host {
    pub rx: HostRx,
    pub tx: HostTx,
    pub modem: ModemHandle,
}

impl Host {
    /// Types bytes.
    pub async fn types(&mut self, bytes: impl AsRef<[u8]>) {
        self.tx.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Expects exactly these bytes next.
    pub async fn expects(&mut self, bytes: impl AsRef<[u8]>) {
        let wanted = bytes.as_ref();
        let mut have = Vec::new();
        while have.len() < wanted.len() {
            let mut buffer = vec![0; wanted.len() - have.len()];
            let read = self.rx.read(&mut buffer);
            let count = future::or(async { Some(read.await.unwrap()) }, async {
                time::sleep(Duration::from_secs(300)).await;
                None
            })
            .await;
            let Some(count @ 1..) = count else {
                panic!(
                    "wanted {}, got only {}",
                    wanted.escape_ascii(),
                    have.escape_ascii()
                );
            };
            have.extend_from_slice(&buffer[..count]);
            assert!(
                wanted.starts_with(&have),
                "wanted {}, got {}",
                wanted.escape_ascii(),
                have.escape_ascii()
            );
        }
    }

    /// Types a command and expects these bytes.
    pub async fn asks(&mut self, command: &str, answer: &str) {
        self.types(format!("{command}\r")).await;
        self.expects(answer).await;
    }

    /// Nothing comes for so long.
    pub async fn hears_nothing_for(&mut self, duration: Duration) {
        let mut buffer = [0; 64];
        let heard = future::or(
            async { Some(self.rx.read(&mut buffer).await.unwrap()) },
            async {
                time::sleep(duration).await;
                None
            },
        )
        .await;
        if let Some(count) = heard {
            panic!("heard {}", buffer[..count].escape_ascii());
        }
    }

    /// What comes within this time.
    pub async fn hears(&mut self, duration: Duration) -> String {
        let mut all = Vec::new();
        let end = time::sleep(duration);
        let listen = async {
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = self.rx.read(&mut buffer).await {
                all.extend_from_slice(&buffer[..count]);
            }
        };
        future::or(end, listen).await;
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Echo off, context 1 up.
    pub async fn brings_up(&mut self) {
        self.asks("ATE0", "ATE0\r\r\nOK\r\n").await;
        self.asks("AT+QISDE=0", "\r\nOK\r\n").await;
        self.asks("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "\r\nOK\r\n")
            .await;
        self.asks("AT+QIACT=1", "\r\nOK\r\n").await;
    }

    /// [`Host::brings_up`], then a TCP client on id 0.
    pub async fn connects(&mut self, address: &str, port: u16, access_mode: u8) {
        self.brings_up().await;
        self.asks(
            &format!("AT+QIOPEN=1,0,\"TCP\",\"{address}\",{port},0,{access_mode}"),
            if access_mode == 2 {
                "\r\nCONNECT\r\n"
            } else {
                "\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n"
            },
        )
        .await;
    }

    pub fn injects(&self, fault: &str) {
        self.modem.inject(fault.parse::<Fault>().unwrap());
    }

    pub fn made_no_fault(&self) {
        assert_eq!(self.modem.violations(), Vec::<String>::new());
    }
}

/// Runs a dialogue under virtual time on a line with these properties.
pub fn dialogue_on<F>(
    line: Line,
    settings: Settings,
    network: impl Network + 'static,
    script: impl FnOnce(Host) -> F,
) where
    F: Future<Output = ()>,
{
    let modem = VirtualModem::new(settings, network);
    let handle = modem.handle();
    let (rx, tx, end) = serial::pair(line);
    let host = Host {
        rx,
        tx,
        modem: handle.clone(),
    };
    handle.set_trace(|entry| println!("{entry}"));
    time::run_virtual(future::or(script(host), async {
        modem.run(end).await;
        // The script may end later than its line.
        future::pending().await
    }));
}

/// Runs a dialogue on an infinitely fast line.
pub fn dialogue<F>(
    settings: Settings,
    network: impl Network + 'static,
    script: impl FnOnce(Host) -> F,
) where
    F: Future<Output = ()>,
{
    dialogue_on(Line::default(), settings, network, script);
}
