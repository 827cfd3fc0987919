//! Ping and NTP, byte for byte.
//!
//! The flows are those of sections 3.7 and 3.8 of the note, with its figures.

use atat::asynch::AtatClient;
use core::time::Duration;
use embassy_futures::join::join;
use embassy_futures::select::select;
use quectel_nal::at::{DateTime, ErrorCode, QueryClock};
use quectel_nal::{Error, LinkError, PingReply};
use testbench::{config, dialogue, sleep};

fn answered(reply: PingReply) -> (String, u16, u64, u8) {
    match reply {
        PingReply::Answered {
            address,
            bytes,
            time,
            time_to_live,
            ..
        } => (address.to_string(), bytes, time.as_millis(), time_to_live),
        other => panic!("{other:?}"),
    }
}

/// Section 3.7.
#[test]
fn ping_with_four_requests() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let four = embassy_time::Duration::from_secs(4);
        let answer = module.exchange("AT+QPING=1,\"www.baidu.com\",4,4", "OK");
        let (pinging, ()) = join(stack.module().ping("www.baidu.com", four, 4), answer).await;
        let mut pinging = pinging.unwrap();
        for time in [192, 240, 241, 479] {
            let say = async {
                sleep(Duration::from_millis(time)).await;
                module
                    .line(&format!("+QPING: 0,\"61.135.169.125\",32,{time},255"))
                    .await;
            };
            let (reply, ()) = join(pinging.next(), say).await;
            let expected = ("61.135.169.125".to_string(), 32, time, 255);
            assert_eq!(answered(reply.unwrap()), expected);
        }
        let end = module.line("+QPING: 0,4,4,0,192,479,287");
        let (none, ()) = join(pinging.next(), end).await;
        assert_eq!(none, None);
        let summary = pinging.summary().await.unwrap();
        assert_eq!((summary.sent, summary.received, summary.lost), (4, 4, 0));
        let times = [summary.min, summary.max, summary.average];
        assert_eq!(times.map(|time| time.as_millis()), [192, 479, 287]);
    });
}

/// Section 2.1.11: a request without an answer is a lone number, and so is the end of a ping that could not begin.
#[test]
fn ping_without_an_answer_or_a_name_fails() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let second = embassy_time::Duration::from_secs(1);
        let answer = module.exchange("AT+QPING=1,\"192.0.2.1\",1,2", "OK");
        let (pinging, ()) = join(stack.module().ping("192.0.2.1", second, 2), answer).await;
        let mut pinging = pinging.unwrap();
        for line in ["+QPING: 569", "+QPING: 569", "+QPING: 0,2,0,2,0,0,0"] {
            module.line(line).await;
        }
        for _ in 0..2 {
            let reply = pinging.next().await;
            assert_eq!(reply, Some(PingReply::Failed(ErrorCode::TIMEOUT)));
        }
        assert_eq!(pinging.next().await, None);
        assert_eq!(pinging.summary().await.unwrap().lost, 2);

        let answer = module.exchange("AT+QPING=1,\"nowhere.example\",1,2", "OK");
        let (pinging, ()) = join(stack.module().ping("nowhere.example", second, 2), answer).await;
        let mut pinging = pinging.unwrap();
        module.line("+QPING: 565").await;
        assert_eq!(pinging.next().await, None);
        assert_eq!(pinging.summary().await, Err(Error::NameNotFound));

        let answer = async {
            module
                .exchange("AT+QPING=1,\"192.0.2.1\",1,2", "ERROR")
                .await;
            module.give_reason("561, open PDP context failed").await;
        };
        let (pinging, ()) = join(stack.module().ping("192.0.2.1", second, 2), answer).await;
        assert_eq!(pinging.unwrap_err(), Error::Link(LinkError::ContextLost));
    });
}

/// A busy module is asked again, as for a lookup; what will not pass is told at once.
#[test]
fn passing_refusals_are_repeated() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let second = embassy_time::Duration::from_secs(1);
        let ping = "AT+QPING=1,\"192.0.2.1\",1,1";
        let answers = async {
            module.exchange(ping, "ERROR").await;
            module.give_reason("568, operation busy").await;
            module.expect_silence(Duration::from_millis(400)).await;
            module.exchange(ping, "+CME ERROR: 14").await;
            module.expect_silence(Duration::from_millis(900)).await;
            module.exchange(ping, "OK").await;
            module.line("+QPING: 0,\"192.0.2.1\",32,40,255").await;
            module.line("+QPING: 0,1,1,0,40,40,40").await;
        };
        let (pinging, ()) = join(stack.module().ping("192.0.2.1", second, 1), answers).await;
        assert_eq!(pinging.unwrap().summary().await.unwrap().received, 1);

        let ntp = "AT+QNTP=1,\"ntp.example\",123,0";
        let answers = async {
            module.exchange(ntp, "+CME ERROR: 568").await;
            module.exchange(ntp, "OK").await;
            module.line("+QNTP: 569").await;
            module.expect_silence(Duration::from_millis(900)).await;
            module.exchange(ntp, "OK").await;
            module.line("+QNTP: 0,\"19/07/21,06:11:05-12\"").await;
        };
        let (time, ()) = join(stack.module().ntp("ntp.example", false), answers).await;
        assert_eq!(time.unwrap().year, 2019);

        let answers = module.exchange(ping, "+CME ERROR: 552");
        let (pinging, ()) = join(stack.module().ping("192.0.2.1", second, 1), answers).await;
        assert_eq!(
            pinging.unwrap_err(),
            Error::Module(ErrorCode::INVALID_PARAMETERS)
        );

        // One that is dropped in the pause leaves nothing behind.
        let answers = async {
            module.exchange(ping, "+CME ERROR: 568").await;
            sleep(Duration::from_millis(100)).await;
        };
        select(stack.module().ping("192.0.2.1", second, 1), answers).await;
        let answers = module.exchange(ping, "OK");
        let (pinging, ()) = join(stack.module().ping("192.0.2.1", second, 1), answers).await;
        assert!(pinging.is_ok());
    });
}

/// Section 3.8.
#[test]
fn synchronize_local_time() {
    dialogue(config(), async |stack, module| {
        module.bring_up().await;
        let answer = async {
            module
                .exchange("AT+QNTP=1,\"202.112.10.36\",123,1", "OK")
                .await;
            sleep(Duration::from_secs(100)).await;
            module.line("+QNTP: 0,\"2019/07/21,06:10:59+00\"").await;
        };
        let (time, ()) = join(stack.module().ntp("202.112.10.36", true), answer).await;
        let expected = DateTime {
            year: 2019,
            month: 7,
            day: 21,
            hour: 6,
            minute: 10,
            second: 59,
            zone: Some(0),
        };
        assert_eq!(time, Ok(expected));

        let clock = module.exchange("AT+CCLK?", "+CCLK: \"19/07/21,06:11:05+00\"\r\n\r\nOK");
        let mut client = stack.at();
        let (clock, ()) = join(client.send(&QueryClock), clock).await;
        let expected = DateTime {
            minute: 11,
            second: 5,
            ..expected
        };
        assert_eq!(clock.unwrap().time, expected);

        // Quirk 99: two digits of the year.
        let answer = async {
            module
                .exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK")
                .await;
            module.line("+QNTP: 0,\"19/07/21,06:11:05-12\"").await;
        };
        let (time, ()) = join(stack.module().ntp("ntp.example", false), answer).await;
        let expected = DateTime {
            zone: Some(-12),
            ..expected
        };
        assert_eq!(time, Ok(expected));

        let answer = async {
            module
                .exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK")
                .await;
            module.line("+QNTP: 565").await;
        };
        let (time, ()) = join(stack.module().ntp("ntp.example", false), answer).await;
        assert_eq!(time, Err(Error::NameNotFound));

        // Nothing at all.
        let answer = module.exchange("AT+QNTP=1,\"ntp.example\",123,0", "OK");
        let (time, ()) = join(stack.module().ntp("ntp.example", false), answer).await;
        assert_eq!(time, Err(Error::TimedOut));
    });
}
