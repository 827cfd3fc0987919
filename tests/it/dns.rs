//! Name lookups, byte for byte.

use core::time::Duration;
use embassy_futures::join::join;
use embedded_nal_async::{AddrType, Dns};
use quectel_nal::{Config, Error};
use testbench::{dialogue, sleep};

/// Sections 2.1.14 and 2.2: a name with two addresses, and one that does not exist.
#[test]
fn names_are_looked_up() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        let answer = async {
            module.exchange("AT+QIDNSGIP=1,\"example.com\"", "OK").await;
            sleep(Duration::from_secs(2)).await;
            module.line("+QIURC: \"dnsgip\",0,2,300").await;
            module.line("+QIURC: \"dnsgip\",\"195.34.89.241\"").await;
            module
                .line("+QIURC: \"dnsgip\",\"2001:DB8:0:0:0:0:0:1\"")
                .await;
        };
        let (found, ()) = join(
            stack.get_host_by_name("example.com", AddrType::IPv6),
            answer,
        )
        .await;
        assert_eq!(found, Ok("2001:db8::1".parse().unwrap()));

        let answer = async {
            module.exchange("AT+QIDNSGIP=1,\"nowhere\"", "OK").await;
            module.line("+QIURC: \"dnsgip\",565").await;
        };
        let (found, ()) = join(stack.get_host_by_name("nowhere", AddrType::Either), answer).await;
        assert_eq!(found, Err(Error::NameNotFound));

        // Literal addresses cost nothing.
        let found = stack.get_host_by_name("192.0.2.1", AddrType::IPv4).await;
        assert_eq!(found, Ok("192.0.2.1".parse().unwrap()));
        module.expect_silence(Duration::from_secs(1)).await;
    });
}
