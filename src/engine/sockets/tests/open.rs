//! AT+QIOPEN and its result (2.1.4).

use core::task::Poll;

use crate::at::AccessMode;
use crate::at::ErrorCode;
use crate::config::Config;
use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, LinkState, Phase};
use crate::error::{Error, LinkError};

const PENDING: Poll<Result<(), Error>> = Poll::Pending;
const CONNECTED: Poll<Result<(), Error>> = Poll::Ready(Ok(()));

fn failed(error: Error) -> Poll<Result<(), Error>> {
    Poll::Ready(Err(error))
}

#[test]
fn ok_means_accepted_only() {
    let mut rig = up();
    let key = rig.opening();
    assert_eq!(rig.connected(key), PENDING);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn result_is_routed_by_id() {
    let mut rig = up();
    let first = rig.opening();
    let second = rig.opening();
    assert_eq!((rig.id(first), rig.id(second)), (0, 1));
    rig.on_line("+QIOPEN: 1,0");
    assert_eq!(rig.connected(first), PENDING);
    assert_eq!(rig.connected(second), CONNECTED);
    rig.on_line("+QIOPEN: 0,566");
    assert_eq!(rig.connected(first), failed(Error::ConnectionRefused));
    assert_eq!(rig.connected(second), CONNECTED);
}

#[test]
fn result_can_come_in_the_middle_of_another_answer() {
    let mut rig = up();
    let first = rig.opening();
    rig.on_line("+QIOPEN: 0,0");
    let second = rig.opening();
    rig.on_line("+QIURC: \"recv\",0");
    rig.expect(rig.read_job(first));
    rig.say_data(b"abc");
    rig.on_line("+QIOPEN: 1,0");
    assert_eq!(rig.connected(second), CONNECTED);
    rig.answer(&["OK"]);
    assert_eq!(rig.read(first), Poll::Ready(Ok(b"abc".to_vec())));
}

#[test]
fn result_before_ok_counts() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.on_line("+QIOPEN: 0,0");
    rig.answer(&["OK"]);
    assert_eq!(rig.connected(key), CONNECTED);
    assert_eq!(rig.idle(), None);
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.on_line("+QIOPEN: 1,566");
    rig.answer(&["OK"]);
    assert_eq!(rig.connected(key), failed(Error::ConnectionRefused));
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn result_before_an_ok_that_is_lost_counts() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.on_line("+QIOPEN: 0,0");
    rig.silence();
    rig.check_passes();
    assert_eq!(rig.connected(key), CONNECTED);
    assert_eq!(rig.phase(key), Phase::Open);
}

/// An open on connectID 0, whose last open was abandoned before its result had come.
fn after_an_abandoned_open() -> (Rig, crate::engine::Key) {
    let mut rig = Rig::up::<1, 64, 64>();
    let abandoned = rig.opening();
    rig.release(abandoned);
    rig.run(Job::Close(abandoned), &["OK"]);
    rig.engine(|engine| engine.ids.restart_circle());
    let key = rig.claim();
    rig.expect(Job::Open(key));
    assert_eq!(rig.id(key), 0);
    (rig, key)
}

#[test]
fn result_before_ok_may_be_of_an_abandoned_open() {
    for line in ["+QIOPEN: 0,0", "+QIOPEN: 0,566"] {
        let (mut rig, key) = after_an_abandoned_open();
        rig.on_line(line);
        rig.answer(&["OK"]);
        assert_eq!(rig.connected(key), PENDING, "{line}");
        // The module knows: it is still connecting.
        let state = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,1,1,0,0,\"uart1\"";
        rig.run(Job::Status(key), &[state, "OK"]);
        assert_eq!(rig.connected(key), PENDING, "{line}");
        rig.on_line("+QIOPEN: 0,0");
        assert_eq!(rig.connected(key), CONNECTED);
    }
    let (mut rig, key) = after_an_abandoned_open();
    rig.on_line("+QIOPEN: 0,0");
    rig.answer(&["OK"]);
    let state = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
    rig.run(Job::Status(key), &[state, "OK"]);
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn result_between_ok_and_the_end_of_the_transaction_counts() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.on_line("OK");
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn open_result_without_a_socket_is_an_orphan_that_is_closed() {
    let mut rig = up();
    rig.on_line("+QIOPEN: 7,0");
    let id = crate::at::ConnectId::new(7).unwrap();
    rig.run(Job::CloseOrphan(id), &["OK"]);
    assert_eq!(rig.idle(), None);
    // A failure leaves nothing behind.
    rig.on_line("+QIOPEN: 7,566");
    assert_eq!(rig.idle(), None);
}

#[test]
fn a_second_result_changes_nothing() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIOPEN: 0,0");
    rig.on_line("+QIOPEN: 0,566");
    assert_eq!(rig.phase(key), Phase::Open);
    assert_eq!(rig.idle(), None);
}

#[test]
fn failed_open_is_closed_before_its_id_is_used_again() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,566");
    rig.release(key);
    assert_eq!(rig.try_claim(), Poll::Pending);
    rig.run(Job::Close(key), &["OK"]);
    assert!(matches!(rig.try_claim(), Poll::Ready(Ok(_))));
}

#[test]
fn codes_of_a_failed_open_reach_the_user() {
    for (code, error) in [
        (565, Error::NameNotFound),
        (566, Error::ConnectionRefused),
        (567, Error::ConnectionReset),
        (552, Error::Module(ErrorCode::INVALID_PARAMETERS)),
        (799, Error::Module(ErrorCode::new(799).unwrap())),
    ] {
        let mut rig = up();
        let key = rig.opening();
        rig.on_line(&std::format!("+QIOPEN: 0,{code}"));
        assert_eq!(rig.connected(key), failed(error), "{code}");
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn refused_command_is_asked_for_its_reason() {
    let mut rig = up();
    let key = rig.claim();
    rig.run(Job::Open(key), &["ERROR"]);
    assert_eq!(rig.connected(key), PENDING);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 566,open socket failed", "OK"],
    );
    assert_eq!(rig.connected(key), failed(Error::ConnectionRefused));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn reason_of_zero_means_unknown() {
    let mut rig = up();
    let key = rig.claim();
    rig.run(Job::Open(key), &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 0,operate successfully", "OK"],
    );
    let unknown = Error::Module(ErrorCode::UNSPECIFIED);
    assert_eq!(rig.connected(key), failed(unknown));
}

#[test]
fn refusal_with_a_number_needs_no_question() {
    let mut rig = up();
    let key = rig.claim();
    rig.run(Job::Open(key), &["+CME ERROR: 566"]);
    assert_eq!(rig.connected(key), failed(Error::ConnectionRefused));
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn id_in_use_is_closed_and_opened_once_more() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,563");
    assert_eq!(rig.connected(key), PENDING);
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Open(key), &["OK"]);
    assert_eq!(rig.connected(key), PENDING);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn id_in_use_twice_is_an_error() {
    let mut rig = up();
    let key = rig.claim();
    rig.run(Job::Open(key), &["ERROR"]);
    rig.run(Job::LastError, &["+QIGETERROR: 563,socket id in use", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,563");
    let in_use = Error::Module(ErrorCode::ID_IN_USE);
    assert_eq!(rig.connected(key), failed(in_use));
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn open_is_not_repeated_for_a_handle_that_is_gone() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,563");
    rig.release(key);
    rig.run(Job::Close(key), &["OK"]);
    assert!(rig.all_free());
    assert_eq!(rig.idle(), None);
}

/// The pause is the same whichever way the module says that it is busy.
fn busy(say: impl FnOnce(&mut Rig) -> crate::engine::Key) {
    let mut rig = up();
    let key = say(&mut rig);
    assert_eq!(rig.connected(key), PENDING);
    rig.run(Job::Close(key), &["OK"]);
    let again = rig.idle().expect("a pause before the open is repeated");
    let pause = (again - rig.now).as_millis();
    assert!((500..=5000).contains(&pause), "{pause} ms");
    rig.now = again;
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn busy_as_an_answer_is_retried_after_a_pause() {
    busy(|rig| {
        let key = rig.claim();
        rig.run(Job::Open(key), &["+CME ERROR: 568"]);
        key
    });
}

#[test]
fn busy_as_a_result_is_retried_after_a_pause() {
    busy(|rig| {
        let key = rig.opening();
        rig.on_line("+QIOPEN: 0,568");
        key
    });
}

#[test]
fn open_without_a_result_is_given_up_and_closed() {
    let mut rig =
        Rig::up_with::<1, 64, 64>(Config::new("internet").recheck(embassy_time::Duration::MIN));
    let key = rig.opening();
    let deadline = rig.idle().expect("a deadline");
    assert_eq!((deadline - rig.now).as_secs(), 150);
    rig.now = deadline;
    rig.expect(Job::Close(key));
    assert_eq!(rig.connected(key), failed(Error::TimedOut));
    // Too late.
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), failed(Error::TimedOut));
    rig.answer(&["OK"]);
    assert_eq!(rig.idle(), None);
}

#[test]
fn lost_result_is_found_in_the_list_of_sockets() {
    for state in [2, 3] {
        let mut rig = up();
        let key = rig.opening();
        rig.now = rig.idle().expect("a re-check");
        let line = std::format!("+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,{state},1,0,0,\"uart1\"");
        rig.run(Job::Status(key), &[&line, "OK"]);
        assert_eq!(rig.connected(key), CONNECTED, "state {state}");
        // The notice of data may have been lost with the result.
        rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    }
}

#[test]
fn notice_before_the_result_is_kept() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIURC: \"recv\",0");
    rig.on_line("+QIOPEN: 0,0");
    rig.serve(key, b"hello");
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"hello".to_vec())));
}

#[test]
fn open_still_under_way_is_waited_for() {
    let mut rig = up();
    let key = rig.opening();
    rig.now = rig.idle().expect("a re-check");
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,1,1,0,0,\"uart1\"";
    rig.run(Job::Status(key), &[line, "OK"]);
    assert_eq!(rig.connected(key), PENDING);
    assert!(rig.idle().is_some());
}

#[test]
fn question_about_an_open_that_fails_meanwhile_does_not_free_the_id() {
    for answer in ["OK", "ERROR"] {
        let mut rig = up();
        let key = rig.opening();
        let until = rig.idle().expect("a re-check");
        rig.wait(until);
        rig.expect(Job::Status(key));
        rig.on_line("+QIOPEN: 0,566");
        // The line about the socket was lost, or the question was refused.
        rig.answer(&[answer]);
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(rig.connected(key), failed(Error::ConnectionRefused));
    }
}

#[test]
fn code_of_a_lost_context_makes_the_link_be_checked() {
    for code in [561, 570] {
        let mut rig = up();
        let key = rig.opening();
        rig.on_line(&std::format!("+QIOPEN: 0,{code}"));
        let lost = Error::Link(LinkError::ContextLost);
        assert_eq!(rig.connected(key), failed(lost));
        assert_eq!(rig.next(), Action::Run(Job::Attention));
    }
}

#[test]
fn no_answer_to_the_command_is_looked_into() {
    let mut rig = up();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.silence();
    assert_eq!(rig.connected(key), PENDING);
    rig.run(Job::Attention, &["OK"]);
    rig.now = rig.idle().unwrap();
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    assert_eq!(rig.engine(|engine| engine.link_state()), LinkState::Up);
    // It never heard of it: once more.
    rig.run(Job::Status(key), &["OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.connected(key), PENDING);
    rig.expect(Job::Open(key));
    rig.silence();
    rig.check_passes();
    rig.run(Job::Status(key), &["OK"]);
    assert_eq!(
        rig.connected(key),
        failed(Error::Module(ErrorCode::UNSPECIFIED))
    );
    rig.run(Job::Close(key), &["OK"]);
}

#[test]
fn passing_refusals_are_repeated_within_a_budget() {
    let answers: [&[&str]; 2] = [&["ERROR"], &["+CME ERROR: 14"]];
    for code in [3, 14, 551, 553, 568, 569, 571, 572] {
        let mut rig = up();
        let key = rig.claim();
        let began = rig.now;
        for _ in 0..7 {
            rig.run(Job::Open(key), &["OK"]);
            rig.on_line(&std::format!("+QIOPEN: 0,{code}"));
            rig.run(Job::Close(key), &["OK"]);
            assert_eq!(rig.connected(key), PENDING, "{code}");
            rig.now = rig.idle().expect("a pause");
        }
        assert_eq!((rig.now - began).as_millis(), 19_500);
        rig.run(Job::Open(key), &["OK"]);
        rig.on_line(&std::format!("+QIOPEN: 0,{code}"));
        let error = Error::from_code(ErrorCode::new(code).unwrap());
        assert_eq!(rig.connected(key), failed(error), "{code}");
        rig.run(Job::Close(key), &["OK"]);
        assert_eq!(rig.idle(), None);
    }
    // As the answer to the command it is the same.
    for answer in answers {
        let mut rig = up();
        let key = rig.claim();
        rig.run(Job::Open(key), answer);
        if answer == ["ERROR"] {
            rig.run(
                Job::LastError,
                &["+QIGETERROR: 569,operation timed out", "OK"],
            );
        }
        rig.run(Job::Close(key), &["OK"]);
        rig.now = rig.idle().expect("a pause");
        rig.run(Job::Open(key), &["OK"]);
        rig.on_line("+QIOPEN: 0,0");
        assert_eq!(rig.connected(key), CONNECTED);
    }
}

#[test]
fn repeated_opens_end_with_the_time_for_the_first() {
    let mut rig =
        Rig::up_with::<1, 64, 64>(Config::new("internet").recheck(embassy_time::Duration::MIN));
    let key = rig.claim();
    let began = rig.now;
    for _ in 0..2 {
        rig.run(Job::Open(key), &["OK"]);
        rig.pass(70_000);
        rig.on_line("+QIOPEN: 0,569");
        rig.run(Job::Close(key), &["OK"]);
        rig.now = rig.idle().expect("a pause");
    }
    rig.run(Job::Open(key), &["OK"]);
    rig.now = rig.idle().expect("a deadline");
    assert_eq!((rig.now - began).as_secs(), 150);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.connected(key), failed(Error::TimedOut));
}

#[test]
fn invalid_parameters_that_were_good_before_pass() {
    let mut rig = up();
    let first = rig.open();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 1,552");
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.connected(key), PENDING);
    rig.now = rig.idle().expect("a pause");
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 1,0");
    assert_eq!(rig.connected(key), CONNECTED);
    assert_eq!(rig.connected(first), CONNECTED);
    // Of another peer it is told at once.
    let other = core::net::SocketAddr::new(crate::engine::rig::PEER.ip(), 81);
    let request = crate::engine::Request::connect(other).unwrap();
    let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
    let Poll::Ready(Ok(key)) = claimed else {
        panic!("{claimed:?}");
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 2,552");
    let invalid = Error::Module(ErrorCode::INVALID_PARAMETERS);
    assert_eq!(rig.connected(key), failed(invalid));
}

#[test]
fn connect_is_ok_whatever_comes_before_the_user_looks() {
    for lines in [
        &["+QIOPEN: 0,0", "+QIURC: \"closed\",0"][..],
        &["+QIOPEN: 0,0", "+QIURC: \"pdpdeact\",1"],
        &["+QIOPEN: 0,0", "RDY"],
    ] {
        let mut rig = up();
        let key = rig.opening();
        for line in lines {
            rig.on_line(line);
        }
        assert_eq!(rig.connected(key), CONNECTED, "{lines:?}");
    }
}

#[test]
fn module_with_six_connect_ids_is_used_with_six() {
    for refusal in ["+CME ERROR: 50", "ERROR"] {
        let mut rig = Rig::up::<7, 64, 64>();
        for id in 0..6 {
            let key = rig.open();
            assert_eq!(rig.id(key), id);
        }
        let key = rig.claim();
        rig.run(Job::Open(key), &[refusal]);
        if refusal == "ERROR" {
            rig.run(
                Job::LastError,
                &["+QIGETERROR: 552,invalid parameters", "OK"],
            );
        }
        rig.run(Job::Close(key), &["ERROR"]);
        rig.run(Job::Status(key), &["ERROR"]);
        // All six are in use.
        assert_eq!(rig.idle(), None);
        assert_eq!(rig.connected(key), failed(Error::NoFreeSocket));
        rig.release(key);
        // One becomes free.
        let first = rig.key_in_use();
        rig.release(first);
        rig.run(Job::Close(first), &["OK"]);
        let key = rig.open();
        assert_eq!(rig.id(key), 0);
    }
}

#[test]
fn module_that_has_twelve_connect_ids_keeps_them() {
    let mut rig = Rig::up::<9, 64, 64>();
    for _ in 0..7 {
        rig.open();
    }
    let key = rig.claim();
    rig.run(Job::Open(key), &["+CME ERROR: 50"]);
    rig.run(Job::Close(key), &["OK"]);
    rig.expect(Job::Open(key));
    assert_eq!(rig.id(key), 7);
}

#[test]
fn ids_rest_as_long_as_possible() {
    let mut rig = Rig::up::<1, 64, 64>();
    for turn in 0..30 {
        let key = rig.open();
        assert_eq!(rig.id(key), turn % 12);
        rig.release(key);
        rig.run(Job::Close(key), &["OK"]);
    }
}

#[test]
fn no_slot_left_is_an_error_at_once() {
    let mut rig = Rig::up::<1, 64, 64>();
    rig.claim();
    let full = Poll::Ready(Err(Error::NoFreeSocket));
    assert_eq!(rig.try_claim(), full);
}

#[test]
fn open_waits_for_the_link() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    let key = rig.claim();
    rig.bring_up();
    assert_eq!(rig.connected(key), PENDING);
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    assert_eq!(rig.connected(key), CONNECTED);
}

#[test]
fn open_by_name_keeps_the_name_for_a_second_try() {
    use crate::engine::Request;
    let mut rig = up();
    let key = match rig.engine(|engine| {
        engine.poll_claim(
            &Request::connect_host("example.com", 80).unwrap(),
            AccessMode::Buffer,
        )
    }) {
        Poll::Ready(Ok(key)) => key,
        other => panic!("{other:?}"),
    };
    rig.run(Job::Open(key), &["OK"]);
    rig.on_line("+QIOPEN: 0,563");
    rig.run(Job::Close(key), &["OK"]);
    rig.expect(Job::Open(key));
    let is_kept =
        rig.engine(|engine| engine.sockets.get(key).unwrap().target_name() == Some("example.com"));
    assert!(is_kept);
    rig.answer(&["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    // The name is not sent to the peer.
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
}
