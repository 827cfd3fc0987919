//! Lines that come unasked, and lines that are none of ours (2.2).

use core::task::Poll;

use crate::engine::tests::{Rig, up};
use crate::engine::{Job, LineKind, LinkState, Phase};
use crate::error::{Error, LinkError};

fn state(rig: &Rig) -> LinkState {
    rig.engine(|engine| engine.link_state())
}

#[test]
fn foreign_lines_are_counted_and_end_nothing() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    let lines = [
        "+QGPS: \"firmware\",0,0",
        "+CTZV: 1",
        "+QIND: SMS DONE",
        "+CEREG: 1",
        "+QIURC: \"future\",1",
        "+QIURC: \"recv\",99",
        "SEND OKAY",
        "OKAY",
        "ERRORS",
        "hello",
    ];
    for line in lines {
        assert_eq!(rig.on_line(line), LineKind::Foreign, "{line}");
    }
    let counted = rig.engine(|engine| engine.counters.foreign_lines.get());
    assert_eq!(counted as usize, lines.len());
    rig.answer(&["OK"]);
}

#[test]
fn bytes_that_are_no_text_are_foreign() {
    let rig = up();
    for line in [
        &b"\xff\xfe\x00"[..],
        b"+QIURC: \"recv\",\xff",
        b"+QIOPEN: \x80,0",
        b"+CME ERROR: \xff",
    ] {
        let heard = rig.engine(|engine| engine.on_line(line));
        assert_eq!(heard, LineKind::Foreign, "{line:?}");
    }
}

#[test]
fn command_echo_is_passed_over() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    assert_eq!(
        rig.on_line("AT+QIOPEN=1,0,\"TCP\",\"203.0.113.7\",80,0,0"),
        LineKind::Handled
    );
    rig.answer(&["OK"]);
    assert_eq!(rig.connected(key), Poll::Pending);
}

#[test]
fn final_without_a_command_is_late_and_counted() {
    let mut rig = up();
    for line in ["OK", "ERROR", "SEND OK", "SEND FAIL", "+CME ERROR: 3"] {
        assert_eq!(rig.on_line(line), LineKind::Handled, "{line}");
    }
    assert_eq!(rig.engine(|engine| engine.counters.late_results.get()), 5);
}

#[test]
fn second_final_is_late() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    assert_eq!(rig.on_line("OK"), LineKind::Final);
    assert_eq!(rig.on_line("ERROR"), LineKind::Handled);
    assert_eq!(rig.phase(key), Phase::Opening);
    assert_eq!(rig.engine(|engine| engine.counters.late_results.get()), 1);
}

#[test]
fn every_shape_of_an_error_is_final() {
    for line in [
        "ERROR",
        "+CME ERROR: 3",
        "+CME ERROR: 566",
        "+CME ERROR: operation not allowed",
        "+CMS ERROR: 300",
    ] {
        let mut rig = up();
        let key = rig.claim();
        rig.expect(Job::Open(key));
        assert_eq!(rig.on_line(line), LineKind::Final, "{line}");
    }
}

#[test]
fn context_of_somebody_else_is_not_ours() {
    let mut rig = up();
    rig.open();
    rig.on_line("+QIURC: \"pdpdeact\",2");
    assert_eq!(state(&rig), LinkState::Up);
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(state(&rig), LinkState::Down(LinkError::ContextLost));
}

#[test]
fn lost_context_does_not_forget_the_command_in_flight() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.expect(Job::Send { key, length: 3 });
    rig.prompt();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    // Its answer is still to come, before anything else may be sent.
    assert_eq!(rig.on_line("ERROR"), LineKind::Final);
    let lost = Error::Link(LinkError::ContextLost);
    assert_eq!(rig.flush(key), Poll::Ready(Err(lost)));
}

#[test]
fn restart_ends_the_command_in_flight() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    assert_eq!(rig.on_line("RDY"), LineKind::Final);
    assert_eq!(state(&rig), LinkState::Down(LinkError::Restarted));
    assert_eq!(
        rig.connected(key),
        Poll::Ready(Err(Error::Link(LinkError::Restarted)))
    );
}

#[test]
fn noise_of_a_start_around_a_line_is_no_part_of_it() {
    for line in ["\0RDY", "\x1b \0RDY\0", " RDY\t"] {
        let mut rig = up();
        rig.open();
        rig.on_line(line);
        assert_eq!(
            state(&rig),
            LinkState::Down(LinkError::Restarted),
            "{line:?}"
        );
    }
}

#[test]
fn power_down_ends_the_command_in_flight() {
    for line in [
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "PSM POWER DOWN",
        "+QPSMTIMER: 3600,20",
    ] {
        let mut rig = up();
        let key = rig.claim();
        rig.expect(Job::Open(key));
        assert_eq!(rig.on_line(line), LineKind::Final, "{line}");
        assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    }
}

#[test]
fn boot_notices_alone_change_nothing() {
    let mut rig = up();
    let key = rig.open();
    for line in [
        "APP RDY",
        "+CFUN: 1",
        "+CPIN: READY",
        "+QUSIM: 1",
        "+QIND: PB DONE",
    ] {
        rig.on_line(line);
    }
    assert_eq!(state(&rig), LinkState::Up);
    assert_eq!(rig.phase(key), Phase::Open);
}

#[test]
fn prefix_of_an_answer_is_one_only_for_its_command() {
    let mut rig = up();
    rig.open();
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";
    assert_eq!(rig.on_line(line), LineKind::Foreign);
    assert_eq!(rig.on_line("+QISEND: 100,60,40"), LineKind::Foreign);
    assert_eq!(rig.on_line("+QIACT: 1,0,1"), LineKind::Foreign);
    assert_eq!(rig.idle(), None);
}

#[test]
fn closed_may_come_with_a_lost_context() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.on_line("+QIURC: \"closed\",0");
    assert_eq!(rig.phase(key), Phase::Closed);
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"closed\",0");
    rig.on_line("+QIURC: \"pdpdeact\",1");
    assert_eq!(rig.phase(key), Phase::Closed);
}

/// Quirk 130: the module reports an overflow. What it holds is read, and nothing else changes.
#[test]
fn full_buffer_is_a_notice_of_data() {
    let line = "+QIURC: \"recv\",0,\"buff full\"";
    let mut rig = up();
    let key = rig.open();
    for _ in 0..3 {
        assert_eq!(rig.on_line(line), LineKind::Handled);
        rig.serve(key, b"abc");
        assert_eq!(rig.phase(key), Phase::Open);
    }
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"abcabcabc".to_vec())));
    // In the middle of another command, and for a connectID that nobody has.
    assert!(rig.write(key, b"x").is_ready());
    rig.expect(Job::Send { key, length: 1 });
    assert_eq!(rig.on_line(line), LineKind::Handled);
    assert_eq!(
        rig.on_line("+QIURC: \"recv\",5,\"buff full\""),
        LineKind::Handled
    );
    assert!(!rig.is_answered());
}

/// Quirk 125: the text of a message is nobody's line, whatever it says.
#[test]
fn text_of_a_message_changes_nothing() {
    let texts = [
        "OK",
        "ERROR",
        "RDY",
        "POWERED DOWN",
        "SEND OK",
        "NO CARRIER",
        "CONNECT",
        "+CME ERROR: 4",
        "+QIRD: 1500",
        "+QIURC: \"closed\",0",
        "+QIURC: \"pdpdeact\",1",
        "+QIURC: \"recv\",0",
        "+QIURC: \"incoming\",5,0,\"192.0.2.1\",7",
        "+QIOPEN: 0,566",
        "+CEREG: 0",
        "+CMT: \"+49\"",
        "AT+QISEND=0,0",
    ];
    for header in [
        "+CMT: \"+49123\",,\"26/11/27,23:59:59+04\"",
        "+CDS: 25",
        "+CBM: 88",
    ] {
        for text in texts {
            let mut rig = up();
            let key = rig.open();
            assert!(rig.write(key, b"x").is_ready());
            rig.expect(Job::Send { key, length: 1 });
            assert_eq!(rig.on_line(header), LineKind::Foreign);
            // A text can have more than one line.
            for _ in 0..2 {
                assert_eq!(rig.on_line(text), LineKind::Foreign, "{text}");
                rig.engine(|engine| engine.on_line_ends(b"\r\n"));
                assert!(!rig.engine(|engine| engine.prompted()), "a text");
                assert_eq!(rig.on_line("> text"), LineKind::Foreign);
            }
            rig.blank_line();
            rig.prompt();
            rig.answer(&["SEND OK"]);
            assert_eq!(state(&rig), LinkState::Up, "{text}");
            assert_eq!(rig.phase(key), crate::engine::Phase::Open, "{text}");
            rig.idle();
        }
    }
}
