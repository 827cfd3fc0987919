//! The user's own commands between those of the stack.

use core::task::Poll;

use embassy_time::Duration;

use crate::at::ErrorCode;
use crate::config::Config;
use crate::engine::Queue;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Action, AtResult, Escape, Job, LineKind, Options, Reason};

fn begin(rig: &Rig, owner: u16) -> bool {
    rig.engine(|engine| engine.user_command.poll_begin(owner).is_ready())
}

fn submit(rig: &Rig, owner: u16, command: &[u8]) {
    rig.engine(|engine| {
        assert!(engine.user_command.write(owner, command));
        engine.user_command.submit(Options {
            limit: Duration::from_secs(1),
            is_mute: false,
            asks_reason: false,
        });
        engine.wake_runner();
    });
}

fn ask(rig: &Rig, owner: u16, command: &[u8]) {
    assert!(begin(rig, owner), "somebody else has the buffer");
    submit(rig, owner, command);
}

/// Its turn has come: what is sent.
#[track_caller]
fn sent(rig: &mut Rig) -> std::vec::Vec<u8> {
    rig.expect(Job::User);
    rig.command().to_vec()
}

fn result(rig: &Rig) -> Poll<AtResult> {
    rig.engine(|engine| engine.user_command.poll_result())
}

fn answer(rig: &Rig) -> std::string::String {
    rig.engine(|engine| {
        std::string::String::from_utf8_lossy(&engine.user_command.answer()).into_owned()
    })
}

fn release(rig: &Rig) {
    rig.engine(|engine| engine.user_command.release());
}

#[test]
fn a_command_and_its_answer() {
    let mut rig = up();
    for _ in 0..3 {
        ask(&rig, 1, b"AT+CSQ\r");
        assert_eq!(sent(&mut rig), b"AT+CSQ\r");
        assert_eq!(rig.on_line("+CREG: 1"), LineKind::Foreign);
        rig.answer(&["+CSQ: 25,99", "OK"]);
        assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
        assert_eq!(answer(&rig), "+CSQ: 25,99");
        release(&rig);
    }
}

#[test]
fn refusals_keep_their_reason() {
    let mut rig = up();
    for (line, reason) in [
        ("ERROR", Reason::None),
        ("+CME ERROR: 30", Reason::Equipment(30)),
        ("+CME ERROR: 565", Reason::Code(ErrorCode::DNS_FAILED)),
    ] {
        ask(&rig, 1, b"AT+X\r");
        sent(&mut rig);
        rig.answer(&[line]);
        assert_eq!(result(&rig), Poll::Ready(AtResult::Refused(reason)));
        release(&rig);
    }
}

#[test]
fn one_at_a_time() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CSQ\r");
    let alarm = Alarm::of(&rig, Queue::Turn, |engine| {
        engine.user_command.poll_begin(2)
    });
    sent(&mut rig);
    // Whoever has no turn changes nothing.
    assert!(!rig.engine(|engine| engine.user_command.write(2, b"junk")));
    rig.answer(&["+CSQ: 25,99", "OK"]);
    assert!(!alarm.rang(), "the answer is not fetched");
    release(&rig);
    assert!(alarm.rang());
    assert!(begin(&rig, 2));
}

#[test]
fn taken_back_before_it_is_sent() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CSQ\r");
    release(&rig);
    assert_eq!(rig.idle(), None);
    assert!(begin(&rig, 2));
}

#[test]
fn the_answer_to_one_who_is_gone_is_dropped() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CSQ\r");
    sent(&mut rig);
    release(&rig);
    assert!(!begin(&rig, 2));
    rig.answer(&["+CSQ: 25,99", "OK"]);
    ask(&rig, 2, b"AT+CGMM\r");
    sent(&mut rig);
    rig.answer(&["EC25", "OK"]);
    assert_eq!(answer(&rig), "EC25");
}

#[test]
fn the_port_is_kept_for_the_payload_of_the_same_client() {
    let mut rig = up();
    let key = rig.open();
    ask(&rig, 1, b"AT+CMGS=\"1\"\r");
    sent(&mut rig);
    rig.prompt();
    release(&rig);
    let _ = rig.write(key, b"data");
    assert!(!begin(&rig, 2));
    assert!(rig.idle().is_some());
    ask(&rig, 1, b"at home\rAT\x1a");
    assert_eq!(sent(&mut rig), b"at home\rAT\x1a");
    // The prompt of the second line is none.
    assert!(!rig.engine(|engine| engine.prompted()));
    assert_eq!(rig.on_line(">"), LineKind::Handled);
    rig.answer(&["+CMGS: 7", "OK"]);
    assert_eq!(answer(&rig), "+CMGS: 7");
    release(&rig);
    assert!(matches!(rig.next(), Action::Run(Job::Send { .. })));
    assert!(begin(&rig, 2));
}

#[test]
fn a_prompt_is_left_when_nothing_comes_for_it() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CMGS=\"1\"\r");
    sent(&mut rig);
    rig.prompt();
    release(&rig);
    assert!(rig.idle().is_some());
    rig.pass(10_000);
    assert_eq!(rig.next(), Action::Escape(Escape::Prompt));
    assert!(begin(&rig, 2));
    release(&rig);
    // At once, when there is nobody to bring it.
    ask(&rig, 1, b"AT+CMGS=\"1\"\r");
    sent(&mut rig);
    release(&rig);
    rig.prompt();
    assert_eq!(rig.next(), Action::Escape(Escape::Prompt));
    assert_eq!(rig.idle(), None);
}

#[test]
fn an_answer_that_is_too_long_is_told() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CLAC\r");
    sent(&mut rig);
    for _ in 0..40 {
        rig.on_line("AT+WITHANAME");
    }
    rig.answer(&["OK"]);
    assert_eq!(result(&rig), Poll::Ready(AtResult::TooLong));
}

#[test]
fn a_restart_ends_what_is_on_its_way_and_keeps_what_waits() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CSQ\r");
    sent(&mut rig);
    rig.on_line("RDY");
    assert_eq!(result(&rig), Poll::Ready(AtResult::Aborted));
    release(&rig);
    // Not sent yet: it waits for the module to come up.
    ask(&rig, 1, b"AT+CSQ\r");
    rig.on_line("RDY");
    assert_eq!(result(&rig), Poll::Pending);
}

#[test]
fn before_the_runner_starts_a_command_waits() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    ask(&rig, 1, b"AT+CSQ\r");
    rig.start();
    assert_eq!(result(&rig), Poll::Pending);
    rig.engine(|engine| engine.stop(false));
    assert_eq!(result(&rig), Poll::Ready(AtResult::Aborted));
}

#[test]
fn nothing_is_sent_with_a_configuration_that_cannot_be_used() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("a\"b"));
    rig.start();
    ask(&rig, 1, b"AT+CSQ\r");
    assert_eq!(rig.idle(), None);
    assert_eq!(result(&rig), Poll::Ready(AtResult::Aborted));
}

/// Quirk 125.
#[test]
fn text_of_a_message_that_is_read_is_an_answer() {
    let mut rig = up();
    let key = rig.open();
    let texts = [
        "RDY",
        "POWERED DOWN",
        "OK",
        "ERROR",
        "+CMTI: 1",
        "+QIURC: \"closed\",0",
        "+QIURC: \"pdpdeact\",1",
        "+CEREG: 0",
        "> ",
        "AT+CMGR",
    ];
    for text in texts {
        ask(&rig, 1, b"AT+CMGR=1\r");
        sent(&mut rig);
        let header = "+CMGR: \"REC READ\",\"+49123\",,\"26/11/27,23:59:59+04\"";
        rig.on_line(header);
        assert_eq!(rig.on_line(text), LineKind::Handled, "{text}");
        // Its second line.
        rig.on_line("+QIURC: \"closed\",0");
        rig.on_line("RDY");
        rig.blank_line();
        rig.answer(&["OK"]);
        assert_eq!(result(&rig), Poll::Ready(AtResult::Done), "{text}");
        let text = text.trim_end();
        let expected = std::format!("{header}\r\n{text}\r\n+QIURC: \"closed\",0\r\nRDY");
        assert_eq!(answer(&rig), expected);
        release(&rig);
        assert_eq!(rig.phase(key), crate::engine::Phase::Open);
        rig.idle();
    }
}

#[test]
fn messages_of_a_list_have_a_text_each() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CMGL=\"ALL\"\r");
    sent(&mut rig);
    for text in ["OK", "RDY"] {
        rig.on_line("+CMGL: 1,\"REC READ\",\"+49123\"");
        assert_eq!(rig.on_line(text), LineKind::Handled);
    }
    rig.blank_line();
    rig.answer(&["OK"]);
    assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
    assert_eq!(answer(&rig).lines().count(), 4);
}

#[test]
fn empty_message_ends_with_the_blank_line() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CMGR=1\r");
    sent(&mut rig);
    rig.on_line("+CMGR: \"REC READ\",\"+49123\"");
    rig.blank_line();
    rig.answer(&["OK"]);
    assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
}

/// Without a blank line the `OK` after its header may be its text: only time tells.
#[test]
fn message_without_a_blank_line_ends_with_the_time_limit() {
    let mut rig = up();
    ask(&rig, 1, b"AT+CMGR=1\r");
    sent(&mut rig);
    rig.on_line("+CMGR: \"REC READ\",\"+49123\"");
    assert_eq!(rig.on_line("OK"), LineKind::Handled);
    rig.silence();
    assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
    assert_eq!(answer(&rig), "+CMGR: \"REC READ\",\"+49123\"");
    release(&rig);
    rig.idle();
}

#[test]
fn close_ok_ends_a_close_of_the_user_and_no_other_command() {
    let mut rig = up();
    ask(&rig, 1, b"AT+QICLOSE=4\r");
    sent(&mut rig);
    rig.answer(&["CLOSE OK"]);
    assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
    release(&rig);
    ask(&rig, 1, b"AT+CSQ\r");
    sent(&mut rig);
    rig.on_line("CLOSE OK");
    assert!(!rig.is_answered());
    rig.answer(&["OK"]);
    assert_eq!(result(&rig), Poll::Ready(AtResult::Done));
}
