//! Results that come as URCs: pings and the time (2.1.11, 2.1.12).

use core::task::Poll;

use embassy_time::Duration;

use crate::at::ErrorCode;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{PingReply, PingSummary, QueryId, Queue};
use crate::error::Error;
use crate::util::time::NEVER;

/// Of the command in the command slot.
const OWNER: u16 = 1;
const LIMIT: Duration = Duration::from_secs(60);
const REPLY: &str = "+QPING: 0,\"192.0.2.1\",32,192,255";
const SUMMARY: &str = "+QPING: 0,4,4,0,192,479,287";

/// A task that waits for its turn.
fn in_line(rig: &Rig) -> std::sync::Arc<Alarm> {
    let now = rig.now;
    Alarm::of(rig, Queue::Turn, move |engine| {
        engine.ping.query.poll_begin(OWNER, LIMIT, now)
    })
}

fn begin(rig: &mut Rig) -> Option<QueryId> {
    let now = rig.now;
    let begun = rig.engine(|engine| {
        let begun = engine.ping.query.poll_begin(OWNER, LIMIT, now);
        if begun.is_ready() {
            engine.ping.begin(4);
        }
        begun
    });
    match begun {
        Poll::Ready(ticket) => Some(ticket),
        Poll::Pending => None,
    }
}

/// Begins, and is asked at once.
fn asked(rig: &mut Rig) -> QueryId {
    let ticket = begin(rig).expect("its turn");
    let until = rig.now + LIMIT;
    rig.engine(|engine| engine.ping.query.on_answered(ticket, Some(until)));
    ticket
}

fn release(rig: &Rig, ticket: QueryId, was_sent: bool) {
    let now = rig.now;
    rig.engine(|engine| {
        let query = &mut engine.ping.query;
        if was_sent {
            query.on_sent(OWNER);
        }
        query.release(ticket, now);
    });
}

fn reply(rig: &Rig, ticket: QueryId) -> Poll<Option<PingReply>> {
    rig.engine(|engine| engine.ping.poll_reply(ticket))
}

fn end(rig: &Rig, ticket: QueryId) -> Poll<Result<PingSummary, Error>> {
    rig.engine(|engine| engine.ping.query.poll_result(ticket))
}

#[test]
fn replies_come_before_the_end() {
    let mut rig = up();
    let ticket = asked(&mut rig);
    for _ in 0..4 {
        rig.on_line(REPLY);
    }
    rig.on_line(SUMMARY);
    for _ in 0..4 {
        assert!(matches!(
            reply(&rig, ticket),
            Poll::Ready(Some(PingReply::Answered { .. }))
        ));
    }
    assert_eq!(reply(&rig, ticket), Poll::Ready(None));
    assert!(matches!(end(&rig, ticket), Poll::Ready(Ok(summary)) if summary.sent == 4));
}

/// The first numbers alone are requests, the one after the last of them is the end.
#[test]
fn a_number_alone_is_a_reply_while_one_is_missing() {
    let mut rig = up();
    let ticket = asked(&mut rig);
    for _ in 0..4 {
        rig.on_line("+QPING: 569");
        assert_eq!(
            reply(&rig, ticket),
            Poll::Ready(Some(PingReply::Failed(ErrorCode::TIMEOUT)))
        );
        assert_eq!(end(&rig, ticket), Poll::Pending);
    }
    rig.on_line("+QPING: 569");
    assert_eq!(end(&rig, ticket), Poll::Ready(Err(Error::TimedOut)));
}

#[test]
fn report_without_a_query_is_dropped() {
    let mut rig = up();
    rig.on_line(REPLY);
    rig.on_line(SUMMARY);
    rig.on_line("+QNTP: 0,\"2019/07/21,06:10:59+00\"");
    let ticket = asked(&mut rig);
    assert_eq!(reply(&rig, ticket), Poll::Pending);
    let dropped = rig.engine(|engine| engine.counters.dropped_replies.get());
    assert_eq!(dropped, 0);
}

#[test]
fn next_query_waits_for_the_result_of_a_dropped_one() {
    let mut rig = up();
    let ticket = asked(&mut rig);
    release(&rig, ticket, true);
    let alarm = in_line(&rig);
    rig.on_line(REPLY);
    assert!(!alarm.rang());
    rig.on_line(SUMMARY);
    assert!(alarm.rang());
    let ticket = begin(&mut rig).expect("its turn");
    assert_eq!(reply(&rig, ticket), Poll::Pending);
}

#[test]
fn next_query_waits_no_longer_than_the_limit_of_a_dropped_one() {
    let mut rig = up();
    let ticket = asked(&mut rig);
    release(&rig, ticket, true);
    rig.pass(59_999);
    assert_eq!(begin(&mut rig), None);
    rig.pass(1);
    assert!(begin(&mut rig).is_some());
}

/// However long its command waits for its turn.
#[test]
fn next_query_waits_while_the_one_before_is_being_asked() {
    let mut rig = up();
    let ticket = begin(&mut rig).expect("its turn");
    rig.pass(1_000_000);
    let alarm = in_line(&rig);
    assert_eq!(end(&rig, ticket), Poll::Pending);
    // Now there is a time to wait until.
    let until = rig.now + LIMIT;
    rig.engine(|engine| engine.ping.query.on_answered(ticket, Some(until)));
    assert!(alarm.rang());
    assert_eq!(begin(&mut rig), None);
    rig.pass(60_000);
    assert!(begin(&mut rig).is_some());
}

#[test]
fn query_dropped_before_its_command_frees_the_turn() {
    let mut rig = up();
    let ticket = begin(&mut rig).expect("its turn");
    release(&rig, ticket, false);
    assert!(begin(&mut rig).is_some());
}

/// One that is held too long has no part in the next one.
#[test]
fn query_that_is_over_gets_nothing_of_the_next() {
    let mut rig = up();
    let old = asked(&mut rig);
    rig.on_line(REPLY);
    rig.pass(60_000);
    let alarm = Alarm::of(&rig, Queue::ServiceResult, move |engine| {
        engine.ping.query.poll_result(old)
    });
    let new = asked(&mut rig);
    assert!(alarm.rang());
    rig.on_line(REPLY);
    assert_eq!(reply(&rig, old), Poll::Ready(None));
    assert_eq!(end(&rig, old), Poll::Ready(Err(Error::TimedOut)));
    for was_asked in [false, true] {
        release(&rig, old, was_asked);
        assert_eq!(begin(&mut rig), None);
    }
    let until = rig.now + LIMIT + LIMIT;
    rig.engine(|engine| engine.ping.query.on_answered(old, Some(until)));
    assert!(matches!(reply(&rig, new), Poll::Ready(Some(_))));
    assert_eq!(reply(&rig, new), Poll::Pending);
    rig.on_line(SUMMARY);
    assert_eq!(end(&rig, old), Poll::Ready(Err(Error::TimedOut)));
    assert!(end(&rig, new).is_ready());
    release(&rig, new, true);
    assert!(begin(&mut rig).is_some());
}

#[test]
fn passing_failures_are_repeated_within_a_budget() {
    for code in [3, 14, 551, 568, 569, 571, 572] {
        let code = Err(ErrorCode::new(code).unwrap());
        let mut rig = up();
        let ticket = begin(&mut rig).expect("its turn");
        let repeat_at = |rig: &Rig, until| {
            let now = rig.now;
            rig.engine(|engine| engine.ping.query.repeat_at(ticket, OWNER, until, now))
        };
        assert_eq!(repeat_at(&rig, NEVER), None);
        let began = rig.now;
        for _ in 0..7 {
            rig.engine(|engine| engine.ping.query.end(code));
            assert!(end(&rig, ticket).is_ready());
            let at = repeat_at(&rig, NEVER).expect("another try");
            rig.now = at;
            // It has its turn, and no result.
            assert_eq!(begin(&mut rig), None);
            assert_eq!(end(&rig, ticket), Poll::Pending);
        }
        assert_eq!((rig.now - began).as_millis(), 19_500);
        rig.engine(|engine| engine.ping.query.end(code));
        assert_eq!(repeat_at(&rig, NEVER), None);
        assert!(end(&rig, ticket).is_ready());
        release(&rig, ticket, true);
        // The next one has all its tries, as far as it has the time.
        let ticket = begin(&mut rig).expect("its turn");
        rig.engine(|engine| engine.ping.query.end(code));
        let (until, now) = (rig.now + Duration::from_millis(500), rig.now);
        let at = rig.engine(|engine| engine.ping.query.repeat_at(ticket, OWNER, until, now));
        assert_eq!(at, None);
        assert!(end(&rig, ticket).is_ready());
    }
}

#[test]
fn permanent_failures_are_told_at_once() {
    for code in [550, 552, 561, 565, 570] {
        let mut rig = up();
        let ticket = asked(&mut rig);
        rig.on_line(&std::format!("+QPING: {code}"));
        let now = rig.now;
        let at = rig.engine(|engine| engine.ping.query.repeat_at(ticket, OWNER, NEVER, now));
        assert_eq!(at, None);
        assert!(end(&rig, ticket).is_ready());
    }
}

#[test]
fn replies_that_are_not_fetched_are_counted() {
    let mut rig = up();
    asked(&mut rig);
    for _ in 0..7 {
        rig.on_line(REPLY);
    }
    let dropped = rig.engine(|engine| engine.counters.dropped_replies.get());
    assert_eq!(dropped, 3);
}
