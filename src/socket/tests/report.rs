//! Results that come as URCs: pings and the time (2.1.11, 2.1.12).

use core::task::{Poll, Waker};

use embassy_time::Duration;

use super::{Alarm, Rig, up};
use crate::command::ErrorCode;
use crate::error::Error;
use crate::socket::{PingReply, PingSummary};

const LIMIT: Duration = Duration::from_secs(60);
const REPLY: &str = "+QPING: 0,\"192.0.2.1\",32,192,255";
const SUMMARY: &str = "+QPING: 0,4,4,0,192,479,287";

fn begin(rig: &mut Rig, waker: &Waker) -> bool {
    let now = rig.now;
    rig.table(|table| {
        let began = table
            .pings
            .outstanding
            .poll_begin(LIMIT, now, waker)
            .is_ready();
        if began {
            table.pings.begin(4);
        }
        began
    })
}

fn reply(rig: &Rig) -> Poll<Option<PingReply>> {
    rig.table(|table| table.pings.poll_reply(Waker::noop()))
}

fn end(rig: &Rig) -> Poll<Result<PingSummary, Error>> {
    rig.table(|table| table.pings.outstanding.poll_end(Waker::noop()))
}

#[test]
fn replies_come_before_the_end() {
    let mut rig = up();
    assert!(begin(&mut rig, Waker::noop()));
    for _ in 0..4 {
        rig.hear(REPLY);
    }
    rig.hear(SUMMARY);
    for _ in 0..4 {
        assert!(matches!(
            reply(&rig),
            Poll::Ready(Some(PingReply::Answered { .. }))
        ));
    }
    assert_eq!(reply(&rig), Poll::Ready(None));
    assert!(matches!(end(&rig), Poll::Ready(Ok(summary)) if summary.sent == 4));
}

/// The first numbers alone are requests, the one behind the last of them is the end.
#[test]
fn a_number_alone_is_a_reply_while_one_is_missing() {
    let mut rig = up();
    assert!(begin(&mut rig, Waker::noop()));
    for _ in 0..4 {
        rig.hear("+QPING: 569");
        assert_eq!(
            reply(&rig),
            Poll::Ready(Some(PingReply::Failed(ErrorCode::Timeout)))
        );
        assert_eq!(end(&rig), Poll::Pending);
    }
    rig.hear("+QPING: 569");
    assert_eq!(end(&rig), Poll::Ready(Err(Error::TimedOut)));
}

#[test]
fn what_nobody_asked_for_is_dropped() {
    let mut rig = up();
    rig.hear(REPLY);
    rig.hear(SUMMARY);
    rig.hear("+QNTP: 0,\"2019/07/21,06:10:59+00\"");
    assert!(begin(&mut rig, Waker::noop()));
    assert_eq!(reply(&rig), Poll::Pending);
    let dropped = rig.table(|table| table.statistics.dropped_replies);
    assert_eq!(dropped, 0);
}

#[test]
fn the_next_one_waits_for_the_end_of_one_that_was_left() {
    let mut rig = up();
    let (alarm, waker) = Alarm::new();
    assert!(begin(&mut rig, Waker::noop()));
    rig.table(|table| table.pings.outstanding.release(true));
    assert!(!begin(&mut rig, &waker));
    rig.hear(REPLY);
    assert!(!begin(&mut rig, &waker));
    alarm.rang();
    rig.hear(SUMMARY);
    assert!(alarm.rang());
    assert!(begin(&mut rig, &waker));
    assert_eq!(reply(&rig), Poll::Pending);
}

#[test]
fn the_next_one_does_not_wait_for_ever() {
    let mut rig = up();
    assert!(begin(&mut rig, Waker::noop()));
    rig.table(|table| table.pings.outstanding.release(true));
    rig.pass(59_999);
    assert!(!begin(&mut rig, Waker::noop()));
    rig.pass(1);
    assert!(begin(&mut rig, Waker::noop()));
}

#[test]
fn one_that_was_not_asked_leaves_nothing_behind() {
    let mut rig = up();
    assert!(begin(&mut rig, Waker::noop()));
    rig.table(|table| table.pings.outstanding.release(false));
    assert!(begin(&mut rig, Waker::noop()));
}

#[test]
fn replies_that_nobody_fetches_are_counted() {
    let mut rig = up();
    assert!(begin(&mut rig, Waker::noop()));
    for _ in 0..7 {
        rig.hear(REPLY);
    }
    let dropped = rig.table(|table| table.statistics.dropped_replies);
    assert_eq!(dropped, 3);
}
