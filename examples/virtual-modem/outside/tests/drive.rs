//! A driver of three commands, tested under virtual time.

use embedded_io_async::{Read, Write};
use futures_lite::future;
use std::time::Duration;
use virtual_modem::serial::{self, HostRx, HostTx, Line};
use virtual_modem::{Fault, InProcess, Model, Settings, VirtualModem, control, time};

struct Driver(HostRx, HostTx);

impl Driver {
    async fn ask(&mut self, command: &str, end: &str) -> String {
        self.1.write_all(command.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with(end) && !answer.ends_with("ERROR\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).await.unwrap();
            answer.push(byte[0].into());
        }
        answer
    }
}

#[test]
fn a_driver_meets_a_bg96_that_refuses_once() {
    time::run_virtual(async {
        let network = InProcess::new();
        network.tcp_echo("192.0.2.7", 7);
        let settings = Settings::new()
            .model(Model::Bg96)
            .echo(false)
            .latency(Duration::from_millis(20))
            .activation_delay(Duration::from_secs(2));
        let modem = VirtualModem::new(settings, network);
        let handle = modem.handle();
        handle.inject("refuse=QIACT,561".parse::<Fault>().unwrap());
        let (rx, tx, end) = serial::pair(Line::new(115_200));
        let test = async {
            let mut driver = Driver(rx, tx);
            assert!(driver.ask("AT+QIACT=1\r", "OK\r\n").await.contains("ERROR"));
            assert_eq!(driver.ask("AT+QIACT=1\r", "OK\r\n").await, "\r\nOK\r\n");
            assert!(time::now() > Duration::from_secs(2));
            let open = "AT+QIOPEN=1,0,\"TCP\",\"192.0.2.7\",7,0,0\r";
            driver.ask(open, "+QIOPEN: 0,0\r\n").await;
            let push = r#"{"do":"push","id":0,"text":"hello"}"#;
            assert_eq!(control::execute(&handle, push)["ok"], true);
            let read = driver.ask("AT+QIRD=0,1500\r", "\r\nOK\r\n").await;
            assert!(read.contains("+QIRD: 5\r\nhello\r\n"), "{read}");
            assert_eq!(handle.commands()["QIACT"], 2);
            assert!(handle.violations().is_empty());
        };
        future::or(test, modem.run(end)).await;
    });
}
