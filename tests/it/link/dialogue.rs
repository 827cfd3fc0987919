//! The link, byte for byte.
//!
//! The flows are those of chapter 3 of the note, with its figures.

use core::time::Duration;
use embassy_futures::join::join;
use quectel_nal::at::Authentication;
use quectel_nal::{Config, Error, LinkError, LinkState};
use testbench::{SERVER, dialogue};

fn uninet() -> Config<'static> {
    Config::new("UNINET").credentials("", "", Authentication::Pap)
}

/// Sections 3.1.1 and 3.1.2, and 3.1.3 with what makes it necessary.
#[test]
fn configure_and_activate_a_context() {
    dialogue(uninet(), async |stack, module| {
        let script = async {
            module.begin().await;
            module.exchange("AT+QIACT?", "OK").await;
            module
                .exchange("AT+QICSGP=1,1,\"UNINET\",\"\",\"\",1", "OK")
                .await;
            module.activate().await;
        };
        let (up, ()) = join(stack.wait_link_up(), script).await;
        assert_eq!(up, Ok(()));
        assert_eq!(stack.local_addr(), Some("10.7.157.1".parse().unwrap()));

        module.line("+QIURC: \"pdpdeact\",1").await;
        module.exchange("AT+QISTATE?", "OK").await;
        assert_eq!(stack.link_state(), LinkState::Down(LinkError::ContextLost));
        assert_eq!(stack.local_addr(), None);
        module.exchange("AT+QIACT?", "OK").await;
        module.exchange("AT+QIDEACT=1", "OK").await;
        module
            .exchange("AT+QICSGP=1,1,\"UNINET\",\"\",\"\",1", "OK")
            .await;
        let (up, ()) = join(stack.wait_link_up(), module.activate()).await;
        assert_eq!(up, Ok(()));
    });
}

/// Every open fails, because the bearer has moved to another context, and AT+QIACT? does not show it (quirk 17).
#[test]
fn a_context_without_its_bearer_is_activated_again() {
    dialogue(Config::new("internet"), async |stack, module| {
        module.bring_up().await;
        for id in 0..3 {
            let script = async {
                let open = format!("AT+QIOPEN=1,{id},\"TCP\",\"220.180.239.212\",8009,0,0");
                module.exchange(&open, "OK").await;
                module.line(&format!("+QIOPEN: {id},566")).await;
                module.exchange(&format!("AT+QICLOSE={id},1"), "OK").await;
            };
            let (connection, ()) = join(stack.connect(SERVER.parse().unwrap()), script).await;
            assert_eq!(connection.unwrap_err(), Error::ConnectionRefused);
        }
        let bearers = "+CGACT: 1,0\r\n+CGACT: 9,1\r\n\r\nOK";
        module.exchange("AT+CGACT?", bearers).await;
        module.exchange("AT+QISTATE?", "OK").await;
        let context = "+QIACT: 1,1,1,\"10.7.157.1\"\r\n\r\nOK";
        module.exchange("AT+QIACT?", context).await;
        module.exchange("AT+QIDEACT=1", "OK").await;
        module
            .exchange("AT+QICSGP=1,1,\"internet\",\"\",\"\",0", "OK")
            .await;
        let (up, ()) = join(stack.wait_link_up(), module.activate()).await;
        assert_eq!(up, Ok(()));
    });
}

/// A configuration that cannot go into a command is refused for good, and nothing is sent.
#[test]
fn a_bad_configuration_stays_on_this_side() {
    let long: &'static str = "x".repeat(101).leak();
    for apn in ["a\"b", "a\rAT+CFUN=0", long] {
        dialogue(Config::new(apn), async |stack, module| {
            let error = stack.wait_link_up().await.unwrap_err();
            assert!(matches!(error, LinkError::InvalidConfig(_)));
            let error = stack.connect(SERVER.parse().unwrap()).await.unwrap_err();
            assert_eq!(error, Error::Link(stack.wait_link_up().await.unwrap_err()));
            let error = stack.resolve("example.com").await.unwrap_err();
            assert!(matches!(error, Error::Link(LinkError::InvalidConfig(_))));
            // Not even when the module comes up.
            module.line("RDY").await;
            module.expect_silence(Duration::from_secs(10)).await;
        });
    }
}
