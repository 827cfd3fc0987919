//! What the feature `log` shows: every line both ways at trace level, sockets at debug, losses at warn.

use std::sync::Mutex;

use embedded_nal_async::TcpConnect;
use log::{Level, LevelFilter, Log, Metadata, Record};
use quectel_nal::at::Authentication;
use quectel_nal::{Config, Error};
use testbench::{Bench, echo, echo_network, peer};
use virtual_modem::Fault;

struct Messages(Mutex<Vec<(Level, String)>>);

impl Log for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("quectel_nal")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = (record.level(), record.args().to_string());
            self.0.lock().unwrap().push(message);
        }
    }

    fn flush(&self) {}
}

static MESSAGES: Messages = Messages(Mutex::new(Vec::new()));

#[test]
fn lines_sockets_and_the_link_are_logged_and_secrets_are_not() {
    log::set_logger(&MESSAGES).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let config = |config: Config<'static>| config.credentials("me", "s3cret", Authentication::Pap);
    Bench::new()
        .config(config)
        .run(&echo_network(), async |stack, _| {
            let mut connection = TcpConnect::connect(&stack, peer(7)).await.unwrap();
            echo(connection.split(), b"hello").await;
            connection.close().await.unwrap();
        });
    // The module refuses its URC port, and sends its URCs to another one.
    Bench::new()
        .settings(|mut settings| {
            settings.port = "usbat".into();
            settings
        })
        .run(&echo_network(), async |stack, modem| {
            let command = "QURCCFG".into();
            let (code, count) = (0, 1);
            modem.inject(Fault::Refuse {
                command,
                code,
                count,
            });
            let failed = stack.resolve("nowhere.test").await.err();
            assert_eq!(failed, Some(Error::TimedOut));
        });
    let messages = MESSAGES.0.lock().unwrap();
    let has = |level, text: &str| {
        messages
            .iter()
            .any(|each| *each == (level, text.to_owned()))
    };
    for (level, text) in [
        (Level::Info, "link up"),
        (Level::Trace, "> AT+CPIN?\\r"),
        (Level::Trace, "< +CPIN: READY"),
        (Level::Trace, "> Configure"),
        (Level::Trace, "> AT+QIRD=0,1500\\r"),
        (Level::Trace, "< +QIRD: 5"),
        (Level::Debug, "connectID ConnectId(0) open"),
        (Level::Debug, "connectID ConnectId(0) closed"),
        (Level::Warn, "the module refuses the URC port"),
        (
            Level::Warn,
            "timed out, and no URC has come: is Config::urc_port the port in use?",
        ),
    ] {
        assert!(has(level, text), "no {text}: {messages:#?}");
    }
    let secret = messages.iter().find(|(_, text)| text.contains("s3cret"));
    assert_eq!(secret, None);
}
