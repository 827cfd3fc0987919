//! Name lookups (2.1.14).

use core::net::IpAddr;
use core::task::Poll;

use embassy_time::Duration;

use crate::at::ErrorCode;
use crate::config::Config;
use crate::engine::Job;
use crate::engine::tests::{Rig, up};
use crate::error::{Error, LinkError};

/// The question is put, and the command is accepted.
fn asked() -> Rig {
    let mut rig = up();
    assert_eq!(rig.ask("example.com"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
    rig
}

#[track_caller]
fn finds(rig: &mut Rig, addresses: &[&str]) {
    let expected: std::vec::Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
    match rig.found() {
        Poll::Ready(Ok(found)) => assert_eq!(&found[..], &expected[..]),
        other => panic!("{other:?}"),
    }
}

fn failed(error: Error) -> Poll<Result<crate::engine::Addresses, Error>> {
    Poll::Ready(Err(error))
}

fn abandon(rig: &Rig) {
    rig.engine(|engine| {
        let ticket = engine.dns.current();
        engine.dns.abandon(ticket);
    });
}

/// The module still answers.
fn check_link(rig: &mut Rig) {
    rig.run(Job::Attention, &["OK"]);
    rig.now = rig.idle().expect("a pause");
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
}

#[test]
fn addresses_are_collected() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0,2,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.found(), Poll::Pending);
    rig.on_line("+QIURC: \"dnsgip\",\"2001:db8::1\"");
    finds(&mut rig, &["192.0.2.1", "2001:db8::1"]);
}

#[test]
fn count_may_be_missing() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
}

#[test]
fn count_of_zero_is_no_such_name() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0,0,0");
    assert_eq!(rig.found(), failed(Error::NameNotFound));
}

#[test]
fn failure_has_one_field_or_three() {
    for line in ["+QIURC: \"dnsgip\",565", "+QIURC: \"dnsgip\",565,0,0"] {
        let mut rig = asked();
        rig.on_line(line);
        assert_eq!(rig.found(), failed(Error::NameNotFound));
    }
}

#[test]
fn more_addresses_than_are_kept() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0,6,300");
    for last in 1..=6 {
        assert_eq!(rig.found(), Poll::Pending);
        rig.on_line(&std::format!("+QIURC: \"dnsgip\",\"192.0.2.{last}\""));
    }
    finds(
        &mut rig,
        &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
    );
}

#[test]
fn missing_address_lines_are_not_waited_for_long() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0,3,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    let until = rig.idle().expect("a deadline");
    assert_eq!(until - rig.now, Duration::from_secs(5));
    rig.now = until;
    rig.idle();
    finds(&mut rig, &["192.0.2.1"]);
}

#[test]
fn no_address_line_at_all_is_a_timeout() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",0,3,300");
    rig.now = rig.idle().expect("a deadline");
    rig.idle();
    assert_eq!(rig.found(), failed(Error::TimedOut));
}

#[test]
fn no_result_is_a_timeout_after_60_s() {
    let mut rig = asked();
    let began = rig.now;
    let until = rig.idle().expect("a deadline");
    assert_eq!(until - began, Duration::from_secs(60));
    rig.now = until;
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.found(), failed(Error::TimedOut));
}

#[test]
fn busy_resolver_is_asked_again() {
    for by_answer in [true, false] {
        let mut rig = up();
        let _ = rig.ask("example.com");
        if by_answer {
            rig.run(Job::Resolve, &["+CME ERROR: 564"]);
        } else {
            rig.run(Job::Resolve, &["OK"]);
            rig.on_line("+QIURC: \"dnsgip\",564");
        }
        assert_eq!(rig.found(), Poll::Pending);
        let again = rig.idle().expect("a pause");
        assert_eq!(again - rig.now, Duration::from_millis(500));
        rig.now = again;
        rig.run(Job::Resolve, &["OK"]);
        rig.on_line("+QIURC: \"dnsgip\",0,1,300");
        rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
        finds(&mut rig, &["192.0.2.1"]);
    }
}

/// Quirk 124.
#[test]
fn question_that_was_swallowed_is_put_once_more() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.pass(10_000);
    rig.silence();
    check_link(&mut rig);
    assert_eq!(rig.found(), Poll::Pending);
    rig.run(Job::Resolve, &["OK"]);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
}

#[test]
fn question_whose_ok_was_lost_has_its_result() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.pass(10_000);
    rig.silence();
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
    check_link(&mut rig);
    assert_eq!(rig.idle(), None);
}

#[test]
fn question_that_is_never_answered_is_put_twice() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    for _ in 0..2 {
        rig.expect(Job::Resolve);
        rig.pass(10_000);
        rig.silence();
        check_link(&mut rig);
    }
    rig.idle();
    assert_eq!(rig.found(), failed(Error::TimedOut));
}

#[test]
fn passing_refusals_are_repeated() {
    for code in [3, 14, 551, 553, 564, 568, 569, 571, 572] {
        let mut rig = up();
        let _ = rig.ask("example.com");
        // In place of the OK, and after it.
        rig.run(Job::Resolve, &[&std::format!("+CME ERROR: {code}")]);
        for pause in [500, 1000] {
            assert_eq!(rig.found(), Poll::Pending);
            let again = rig.idle().expect("a pause");
            assert_eq!(again - rig.now, Duration::from_millis(pause), "{code}");
            rig.now = again;
            rig.run(Job::Resolve, &["OK"]);
            rig.on_line(&std::format!("+QIURC: \"dnsgip\",{code}"));
        }
    }
}

#[test]
fn resolver_that_stays_busy_is_an_error() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    let began = rig.now;
    let answer = loop {
        rig.run(Job::Resolve, &["+CME ERROR: 564"]);
        if let Poll::Ready(answer) = rig.found() {
            break answer;
        }
        rig.now = rig.idle().expect("a pause");
    };
    assert_eq!(answer, Err(Error::NameLookup(ErrorCode::DNS_BUSY)));
    assert_eq!(rig.now - began, Duration::from_millis(19_500));
}

#[test]
fn refused_question_has_its_reason() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.run(Job::Resolve, &["ERROR"]);
    rig.run(Job::LastError, &["+QIGETERROR: 565,dns parse failed", "OK"]);
    assert_eq!(rig.found(), failed(Error::NameNotFound));
}

#[test]
fn one_question_at_a_time() {
    let mut rig = asked();
    assert_eq!(rig.ask("example.org"), Poll::Pending);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    // Until the one who asked has the answer.
    assert_eq!(rig.ask("example.org"), Poll::Pending);
    finds(&mut rig, &["192.0.2.1"]);
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
}

#[test]
fn abandoned_question_is_answered_before_the_next_is_put() {
    let mut rig = asked();
    abandon(&rig);
    assert_eq!(rig.ask("example.org"), Poll::Pending);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    assert_eq!(rig.ask("example.org"), Poll::Pending);
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn abandoned_question_that_is_never_answered_makes_way() {
    let mut rig = asked();
    abandon(&rig);
    rig.now = rig.idle().expect("a deadline");
    rig.idle();
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
}

#[test]
fn question_abandoned_before_it_was_put_is_not_put() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    abandon(&rig);
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
}

#[test]
fn answer_left_behind_makes_way() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",565");
    abandon(&rig);
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn abandoned_question_that_finds_the_resolver_busy_makes_way() {
    let mut rig = asked();
    abandon(&rig);
    rig.on_line("+QIURC: \"dnsgip\",564");
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
}

#[test]
fn result_before_ok_is_taken() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
    // Of an earlier lookup by now.
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    rig.answer(&["OK"]);
    rig.run(Job::Resolve, &["OK"]);
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn failure_before_ok_is_taken() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.on_line("+QIURC: \"dnsgip\",565");
    rig.answer(&["OK"]);
    assert_eq!(rig.found(), failed(Error::NameNotFound));
}

#[test]
fn first_line_before_ok_and_addresses_behind_it() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.answer(&["OK"]);
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
}

#[test]
fn result_before_ok_may_be_late_after_a_lookup_that_was_given_up() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.found(), failed(Error::Link(LinkError::ContextLost)));
    rig.active = false;
    rig.bring_up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"198.51.100.9\"");
    rig.answer(&["OK"]);
    assert_eq!(rig.found(), Poll::Pending);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    finds(&mut rig, &["192.0.2.1"]);
}

#[test]
fn address_line_without_a_result_line_is_ignored() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"dnsgip\",\"198.51.100.9\"");
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn unasked_results_are_ignored() {
    let mut rig = up();
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.found(), Poll::Pending);
    let _ = rig.ask("example.com");
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn lost_link_ends_a_question_that_was_put() {
    let mut rig = asked();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.found(), failed(Error::Link(LinkError::ContextLost)));
}

#[test]
fn question_not_put_yet_waits_for_the_link() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.found(), Poll::Pending);
    rig.active = false;
    rig.bring_up();
    rig.run(Job::Resolve, &["OK"]);
}

#[test]
fn refusal_of_a_question_that_is_over_does_not_hit_the_next() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.found(), failed(Error::Link(LinkError::ContextLost)));
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    rig.answer(&["+CME ERROR: 565"]);
    assert_eq!(rig.found(), Poll::Pending);
}

#[test]
fn time_is_a_setting() {
    let config = Config::new("internet").lookup_time(Duration::from_secs(7));
    let mut rig = Rig::up_with::<1, 64, 64>(config);
    let _ = rig.ask("example.com");
    rig.run(Job::Resolve, &["OK"]);
    let until = rig.idle().expect("a deadline");
    assert_eq!(until - rig.now, Duration::from_secs(7));
}

#[test]
fn lost_context_fails_the_lookup() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.run(Job::Resolve, &["+CME ERROR: 561"]);
    assert_eq!(rig.found(), failed(Error::Link(LinkError::ContextLost)));
}

/// As on the blocking API, where nobody has to come back.
#[test]
fn answer_that_is_not_fetched_makes_way_after_its_time_limit() {
    let mut rig = asked();
    let ticket = rig.engine(|engine| engine.dns.current());
    rig.pass(5000);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.ask("example.org"), Poll::Pending);
    let until = rig.idle().expect("the time limit");
    rig.wait(until);
    assert_eq!(rig.idle(), None);
    // It is still there for who comes late.
    let found = |rig: &Rig| {
        let pick = |found: &[IpAddr]| Ok(found.len());
        rig.engine(|engine| engine.dns.poll_answer(ticket, pick))
    };
    assert_eq!(found(&rig), Poll::Ready(Ok(1)));
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
    assert_eq!(found(&rig), Poll::Ready(Err(Error::TimedOut)));
    rig.engine(|engine| engine.dns.abandon(ticket));
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.2\"");
    finds(&mut rig, &["192.0.2.2"]);
}

#[test]
fn unspecified_addresses_are_none() {
    for address in ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"] {
        let mut rig = asked();
        rig.on_line("+QIURC: \"dnsgip\",0,2,300");
        rig.on_line(&std::format!("+QIURC: \"dnsgip\",\"{address}\""));
        assert_eq!(rig.found(), Poll::Pending, "{address}");
        rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
        finds(&mut rig, &["192.0.2.1"]);

        let mut rig = asked();
        rig.on_line("+QIURC: \"dnsgip\",0,1,300");
        rig.on_line(&std::format!("+QIURC: \"dnsgip\",\"{address}\""));
        assert_eq!(rig.found(), failed(Error::NameNotFound), "{address}");
    }
}

/// The module has as long for the command that was repeated as for any other.
#[test]
fn result_of_a_repeated_command_is_not_that_of_the_next_lookup() {
    let mut rig = up();
    let _ = rig.ask("example.com");
    rig.expect(Job::Resolve);
    rig.silence();
    // The link check takes most of the lookup's time.
    rig.pass(45_000);
    rig.check_passes();
    rig.run(Job::Resolve, &["OK"]);
    let until = rig.idle().expect("the time limit");
    rig.wait(until);
    rig.idle();
    assert_eq!(rig.found(), failed(Error::TimedOut));
    assert_eq!(rig.ask("example.org"), Poll::Ready(Ok(())));
    assert!(rig.idle().is_some(), "asked too early");
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    assert_eq!(rig.found(), Poll::Pending);
    rig.run(Job::Resolve, &["OK"]);
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.2\"");
    finds(&mut rig, &["192.0.2.2"]);
}
