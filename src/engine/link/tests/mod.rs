//! The way up, and the way back after a loss (figure 1 of the note).

mod access_point;
mod control;
mod endings;
mod registration;
mod states;

use embassy_time::Duration;

use crate::at::{Authentication, ConnectId, ErrorCode, InvalidText};
use crate::config::Config;
use crate::engine::rig::WITH_RESET;
use crate::engine::tests::Rig;
use crate::engine::{Action, Domain, Escape, Job, LinkState, Wiring};
use crate::error::LinkError;
use crate::util::time::NEVER;

type Lines = &'static [&'static str];

fn started() -> Rig {
    started_with(Config::new("internet"))
}

fn started_with(config: Config<'static>) -> Rig {
    let mut rig = Rig::new::<2, 64, 64>(config);
    rig.start();
    rig
}

fn state(rig: &Rig) -> LinkState {
    rig.engine(|engine| engine.link_state())
}

/// A rig whose next transaction is this one.
#[track_caller]
fn started_until(job: Job) -> Rig {
    let mut rig = started();
    until(&mut rig, job);
    rig
}

/// Carries on until this transaction is due, with a module that has no faults.
#[track_caller]
fn until(rig: &mut Rig, job: Job) {
    for _ in 0..200 {
        if rig.next() == Action::Run(job) {
            return;
        }
        rig.step_up();
    }
    panic!("{job:?} never came");
}

/// Waits until something is due.
#[track_caller]
fn wait(rig: &mut Rig) -> Duration {
    let before = rig.now;
    rig.now = rig.idle().expect("a time to look again");
    rig.now - before
}

#[test]
fn order_of_the_way_up() {
    let mut rig = started();
    assert_eq!(state(&rig), LinkState::Starting);
    rig.run(Job::Attention, &["OK"]);
    wait(&mut rig);
    let context: Lines = &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"];
    let ok: Lines = &["OK"];
    let registered: Lines = &["+CEREG: 0,1", "OK"];
    let ready: Lines = &["+CPIN: READY", "OK"];
    for (job, lines) in [
        (Job::Attention, ok),
        (Job::EchoOff, ok),
        (Job::NumericErrors, ok),
        (Job::DataEchoOff, ok),
        (Job::SetUrcPort, ok),
        (Job::Functionality, &["+CFUN: 1", "OK"]),
        (Job::ListSockets, ok),
        (Job::SimState, ready),
        (Job::ReportRegistration(Domain::Lte), ok),
        (Job::ReportRegistration(Domain::Packet), ok),
        (Job::Registration(Domain::Lte), registered),
        (Job::ListSockets, ok),
        (Job::ListContexts, ok),
        (Job::Configure, ok),
        (Job::Activate, ok),
        (Job::ListContexts, context),
        (Job::Set(0), ok),
        (Job::Set(1), ok),
        (Job::Set(2), ok),
        (Job::Set(3), ok),
        (Job::Set(4), ok),
        (Job::Set(5), ok),
        (Job::Set(6), ok),
        (Job::Set(7), ok),
        (Job::Set(8), ok),
    ] {
        assert_eq!(state(&rig), LinkState::Starting);
        rig.run(job, lines);
    }
    assert_eq!(state(&rig), LinkState::Up);
    assert_eq!(rig.idle(), None);
    let address = rig.engine(|engine| engine.link.local_address(false));
    assert_eq!(address, Some("10.1.2.3".parse().unwrap()));
}

#[test]
fn refused_settings_do_not_stop_the_way_up() {
    let mut rig = started();
    while state(&rig) != LinkState::Up {
        match rig.next() {
            Action::Run(
                job @ (Job::NumericErrors
                | Job::DataEchoOff
                | Job::SetUrcPort
                | Job::Set(_)
                | Job::EchoOff),
            ) => {
                rig.begin(job);
                rig.answer(&["ERROR"]);
            }
            _ => rig.step_up(),
        }
    }
    assert_eq!(state(&rig), LinkState::Up);
}

#[test]
fn echo_that_stays_is_turned_off_again() {
    let mut rig = started_until(Job::EchoOff);
    rig.run(Job::EchoOff, &["ATE0", "OK"]);
    rig.run(Job::NumericErrors, &["AT+CMEE=1", "OK"]);
    rig.run(Job::EchoOff, &["ATE0", "OK"]);
    rig.run(Job::NumericErrors, &["OK"]);
    rig.run(Job::DataEchoOff, &["OK"]);
}

#[test]
fn silent_module_is_led_out_of_every_other_mode() {
    let mut rig = started();
    let mut restores = 0;
    let mut escapes = std::vec![];
    for _ in 0..40 {
        match rig.next() {
            Action::Run(job) => {
                restores += u8::from(job == Job::RestoreResultCodes);
                rig.begin(job);
                rig.pass(1000);
                rig.silence();
            }
            Action::Escape(escape) => escapes.push(escape),
            Action::Wait(_) => break,
            other => panic!("{other:?} was not allowed"),
        }
    }
    use Escape::{DataMode, Fill, Multiplexer, Prompt};
    assert_eq!(escapes, [Prompt, DataMode, Fill, Multiplexer]);
    assert_eq!(restores, 1, "ATQ0V1");
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
}

#[test]
fn module_may_boot_slowly() {
    let mut rig = started();
    for _ in 0..12 {
        if let Action::Run(job) = rig.next() {
            rig.begin(job);
            rig.silence();
        }
        rig.pass(1000);
        assert_eq!(state(&rig), LinkState::Starting);
    }
    rig.on_line("RDY");
    rig.bring_up();
}

#[test]
fn unanswered_command_on_the_way_up_begins_anew() {
    let mut rig = started_until(Job::SimState);
    rig.begin(Job::SimState);
    rig.silence();
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    rig.bring_up();
}

#[test]
fn restart_on_the_way_up_begins_anew() {
    let mut rig = started_until(Job::Activate);
    rig.begin(Job::Activate);
    rig.on_line("RDY");
    rig.active = false;
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    rig.bring_up();
}

#[test]
fn sockets_of_an_earlier_life_are_closed() {
    let mut rig = started_until(Job::ListSockets);
    let three = "+QISTATE: 3,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"";
    let eleven = "+QISTATE: 11,\"UDP\",\"203.0.113.7\",80,0,2,1,0,0,\"cmux1\"";
    rig.run(Job::ListSockets, &[three, eleven, "OK"]);
    rig.run(Job::CloseOrphan(ConnectId::new(3).unwrap()), &["OK"]);
    rig.run(Job::CloseOrphan(ConnectId::new(11).unwrap()), &["ERROR"]);
    assert_eq!(rig.next(), Action::Run(Job::SimState));
}

#[test]
fn all_ids_are_closed_when_the_list_is_refused() {
    let mut rig = started_until(Job::ListSockets);
    rig.run(Job::ListSockets, &["ERROR"]);
    for id in ConnectId::all() {
        rig.run(Job::CloseOrphan(id), &["ERROR"]);
    }
    assert_eq!(rig.next(), Action::Run(Job::SimState));
}

#[test]
fn context_of_an_earlier_life_is_not_trusted() {
    let mut rig = started();
    rig.active = true;
    until(&mut rig, Job::ListContexts);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.9.9.9\"", "OK"]);
    // Refused or not.
    rig.run(Job::Deactivate, &["ERROR"]);
    assert_eq!(rig.next(), Action::Run(Job::Configure));
}

#[test]
fn active_context_refuses_to_be_activated() {
    let mut rig = started_until(Job::Activate);
    rig.run(Job::Activate, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 572,operation not allowed", "OK"],
    );
    rig.active = true;
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    rig.bring_up();
}

#[test]
fn context_that_does_not_come_up_is_refused() {
    let mut rig = started_until(Job::Activate);
    rig.run(Job::Activate, &["ERROR"]);
    rig.run(
        Job::LastError,
        &["+QIGETERROR: 572,operation not allowed", "OK"],
    );
    rig.run(Job::ListContexts, &["OK"]);
    let refused = LinkError::ContextRefused(ErrorCode::NOT_ALLOWED);
    assert_eq!(state(&rig), LinkState::Down(refused));
    // Tried again by itself, with a deactivation first.
    wait(&mut rig);
    until(&mut rig, Job::Deactivate);
    rig.bring_up();
}

#[test]
fn context_of_somebody_else_is_not_ours() {
    let mut rig = started_until(Job::Activate);
    rig.active = true;
    rig.run(Job::Activate, &["OK"]);
    rig.run(
        Job::ListContexts,
        &["+QIACT: 1,1,1,\"10.1.2.3\"", "+QIACT: 5,0,1", "OK"],
    );
    rig.bring_up();
    let address = rig.engine(|engine| engine.link.local_address(false));
    assert_eq!(address, Some("10.1.2.3".parse().unwrap()));
}

#[test]
fn both_addresses_of_a_context_are_kept() {
    let mut rig = started_until(Job::Activate);
    rig.active = true;
    rig.run(Job::Activate, &["OK"]);
    let line = "+QIACT: 1,1,3,\"10.28.33.36\",\"2409:8D1E:750C:DFA4::1\"";
    rig.run(Job::ListContexts, &[line, "OK"]);
    // The link is not up yet.
    assert_eq!(rig.engine(|engine| engine.link.local_address(true)), None);
    rig.bring_up();
    let v6 = rig.engine(|engine| engine.link.local_address(true));
    assert_eq!(v6, Some("2409:8d1e:750c:dfa4::1".parse().unwrap()));
}

#[test]
fn configuration_is_refused_for_a_while_after_a_boot() {
    let mut rig = started_until(Job::Configure);
    for _ in 0..2 {
        rig.run(Job::Configure, &["+CME ERROR: 3"]);
        wait(&mut rig);
    }
    rig.run(Job::Configure, &["OK"]);
    rig.bring_up();
}

#[test]
fn deadline_of_the_note_needs_a_restart() {
    let mut rig = started_until(Job::Activate);
    rig.begin(Job::Activate);
    rig.pass(150_000);
    rig.silence();
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
}

#[test]
fn restarts_are_paced() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet").boot_time(Duration::from_secs(1)));
    rig.start_wired(WITH_RESET);
    let mut last: Option<embassy_time::Instant> = None;
    let mut gaps = std::vec![];
    for _ in 0..20_000 {
        match rig.next() {
            Action::Reset => {
                gaps.extend(last.map(|last| (rig.now - last).as_secs()));
                last = Some(rig.now);
                rig.engine(|engine| engine.finish_action(Action::Reset, true));
            }
            _ => rig.step_mute(NEVER),
        }
        if gaps.len() == 7 {
            break;
        }
    }
    // Three in a row and one more at once, then 10 min, 30 min, an hour, an hour.
    assert!(gaps[..3].iter().all(|gap| *gap < 60), "{gaps:?}");
    // Each with the first attempt that fails after that.
    for (gap, least) in gaps[3..].iter().zip([600, 1800, 3600, 3600]) {
        assert!((least..least + 90).contains(gap), "{gaps:?}");
    }
}

#[test]
fn wrong_pin_is_given_once() {
    let mut rig = started_with(Config::new("internet").pin("1234"));
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]);
    rig.run(Job::EnterPin, &["+CME ERROR: 16"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::SimLocked));
    for _ in 0..100 {
        match rig.next() {
            Action::Run(Job::EnterPin) => panic!("a wrong PIN was given twice"),
            Action::Run(Job::SimState) => rig.run(Job::SimState, &["+CPIN: SIM PIN", "OK"]),
            _ => rig.step_up(),
        }
    }
}

#[test]
fn locks_of_the_card_and_the_device_are_told_and_the_second_pin_is_not_needed() {
    for code in ["SIM PIN", "SIM PUK", "PH-SIM PIN", "PH-NET PUK"] {
        let mut rig = started_until(Job::SimState);
        rig.run(Job::SimState, &[&std::format!("+CPIN: {code}"), "OK"]);
        assert_eq!(state(&rig), LinkState::Down(LinkError::SimLocked), "{code}");
    }
    for code in ["SIM PIN2", "SIM PUK2"] {
        let mut rig = started_until(Job::SimState);
        rig.run(Job::SimState, &[&std::format!("+CPIN: {code}"), "OK"]);
        rig.bring_up();
    }
}

#[test]
fn missing_sim_is_waited_for() {
    let mut rig = started_until(Job::SimState);
    let began = rig.now;
    for _ in 0..50 {
        match rig.next() {
            Action::Run(job) => rig.run(job, &["+CME ERROR: 10"]),
            Action::Wait(until) => rig.wait(until),
            _ => {}
        }
        if state(&rig) != LinkState::Starting {
            break;
        }
    }
    assert_eq!(state(&rig), LinkState::Down(LinkError::SimMissing(10)));
    assert!(rig.now - began >= Duration::from_secs(10));
}

#[test]
fn registration_is_asked_for_in_every_domain() {
    let mut rig = started_until(Job::Registration(Domain::Lte));
    rig.run(Job::Registration(Domain::Lte), &["ERROR"]);
    rig.run(Job::Registration(Domain::Packet), &["+CGREG: 0,2", "OK"]);
    rig.run(Job::Registration(Domain::Circuit), &["+CREG: 0,5", "OK"]);
    assert_eq!(rig.next(), Action::Run(Job::ListSockets));
}

#[test]
fn lost_context_is_deactivated_and_comes_back() {
    let mut rig = Rig::up::<2, 64, 64>();
    rig.open();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    let line = "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,4,1,0,0,\"uart1\"";
    rig.run(Job::ListSockets, &[line, "OK"]);
    rig.run(Job::CloseOrphan(ConnectId::FIRST), &["OK"]);
    rig.run(Job::ListContexts, &["OK"]);
    rig.run(Job::Deactivate, &["ERROR"]);
    rig.run(Job::Configure, &["OK"]);
    rig.active = false;
    rig.bring_up();
    assert_eq!(rig.engine(|engine| engine.counters.link_losses.get()), 1);
}

#[test]
fn lost_context_that_is_still_there_is_not_torn_down() {
    let mut rig = Rig::up::<2, 64, 64>();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.run(Job::ListSockets, &["OK"]);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    assert_ne!(rig.next(), Action::Run(Job::Deactivate));
    rig.bring_up();
}

#[test]
fn lost_context_during_the_boot_is_about_the_time_before() {
    let mut rig = started_until(Job::SimState);
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.bring_up();
    assert_eq!(rig.engine(|engine| engine.counters.link_losses.get()), 0);
}

#[test]
fn context_lost_again_before_the_link_is_up_is_noticed() {
    for job in [Job::Set(1), Job::AllowSleep] {
        let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
        rig.start_wired(Wiring {
            sleep: true,
            ..Wiring::NONE
        });
        until(&mut rig, job);
        rig.on_line("+QIURC: \"pdpdeact\",1");
        rig.active = false;
        let mut activated = false;
        for _ in 0..50 {
            activated |= rig.next() == Action::Run(Job::Activate);
            if state(&rig) == LinkState::Up {
                break;
            }
            rig.step_up();
        }
        assert!(activated, "{job:?}: the link is up without a context");
    }
}

#[test]
fn unanswered_command_is_followed_by_a_check() {
    let mut rig = Rig::up::<2, 64, 64>();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.silence();
    rig.run(Job::Attention, &["OK"]);
    wait(&mut rig);
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    assert_eq!(state(&rig), LinkState::Up);
    // The module had heard it all the same.
    rig.run(
        Job::Status(key),
        &[
            "+QISTATE: 0,\"TCP\",\"203.0.113.7\",80,0,2,1,0,0,\"uart1\"",
            "OK",
        ],
    );
    assert_eq!(rig.phase(key), crate::engine::Phase::Open);
}

#[test]
fn check_that_finds_no_context_takes_the_link_down() {
    let mut rig = Rig::up::<2, 64, 64>();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.silence();
    rig.run(Job::Attention, &["OK"]);
    wait(&mut rig);
    rig.run(Job::Attention, &["OK"]);
    // This can be the late answer to AT+QIOPEN.
    rig.run(Job::ListContexts, &["OK"]);
    wait(&mut rig);
    rig.run(Job::ListContexts, &["OK"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::ContextLost));
    rig.active = false;
    rig.bring_up();
}

/// It refuses what comes while the command before is still being carried out, and is one answer behind then.
#[test]
fn refused_question_of_the_check_is_asked_again() {
    let mut rig = Rig::up::<2, 64, 64>();
    let key = rig.claim();
    rig.expect(Job::Open(key));
    rig.silence();
    rig.run(Job::Attention, &["ERROR"]);
    wait(&mut rig);
    rig.run(Job::Attention, &["OK"]);
    rig.run(Job::ListContexts, &["ERROR"]);
    wait(&mut rig);
    rig.run(Job::ListContexts, &["+QIACT: 1,1,1,\"10.1.2.3\"", "OK"]);
    assert_eq!(state(&rig), LinkState::Up);
}

#[test]
fn silent_module_takes_the_link_down() {
    let mut rig = Rig::up::<2, 64, 64>();
    let key = rig.open();
    let other = rig.claim();
    rig.expect(Job::Open(other));
    rig.silence();
    // The 60 s that the note allows for a final result code.
    rig.mute_for(58);
    assert_eq!(state(&rig), LinkState::Up);
    rig.mute_for(5);
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    assert!(matches!(rig.read(key), core::task::Poll::Ready(Err(_))));
}

#[test]
fn failed_attempts_are_further_and_further_apart() {
    let mut rig = started();
    let mut pauses = std::vec![];
    for _ in 0..400 {
        match rig.next() {
            Action::Run(Job::EnterPin) => unreachable!(),
            Action::Run(Job::SimState) => {
                rig.run(Job::SimState, &["+CPIN: SIM PUK", "OK"]);
                pauses.push(wait(&mut rig).as_secs());
            }
            _ => rig.step_up(),
        }
        if pauses.len() == 8 {
            break;
        }
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn connects_are_refused_while_no_attempt_is_under_way() {
    let mut rig = started();
    let early = rig.claim();
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PUK", "OK"]);
    let locked = crate::error::Error::Link(LinkError::SimLocked);
    rig.idle();
    assert_eq!(rig.connected(early), core::task::Poll::Ready(Err(locked)));
    assert_eq!(rig.try_claim(), core::task::Poll::Ready(Err(locked)));
    assert_eq!(rig.ask("example.com"), core::task::Poll::Ready(Err(locked)));
}

#[test]
fn configuration_that_cannot_be_sent_is_an_error_at_once() {
    let mut rig = started_with(Config::new("quote\"d"));
    assert!(matches!(
        state(&rig),
        LinkState::Down(LinkError::InvalidConfig(_))
    ));
    assert_eq!(rig.idle(), None);
}

#[test]
fn first_wrong_text_of_a_configuration_is_told() {
    let long: &'static str = "a".repeat(128).leak();
    let first = |config| match state(&started_with(config)) {
        LinkState::Down(LinkError::InvalidConfig(invalid)) => Some(invalid),
        _ => None,
    };
    let quote = Some(InvalidText::ForbiddenCharacter { position: 0 });
    let too_long = Some(InvalidText::TooLong { max: 127 });
    let config = Config::new("internet");
    assert_eq!(first(config), None);
    let none = Authentication::None;
    assert_eq!(first(config.credentials("", long, none)), too_long);
    assert_eq!(first(config.credentials("\"", long, none)), quote);
    assert_eq!(first(config.pin("\"").credentials(long, "", none)), quote);
    assert_eq!(
        first(config.pin("123456789").pin("1234")),
        Some(InvalidText::TooLong { max: 8 })
    );
    assert_eq!(first(config.urc_port(Some("\""))), quote);
    assert_eq!(first(config.urc_port(None)), None);
}

#[test]
fn dns_servers_are_set_after_each_activation() {
    let config = Config::new("internet").dns_servers("192.0.2.53".parse().unwrap(), None);
    let mut rig = started_with(config);
    until(&mut rig, Job::SetDns);
    rig.bring_up();
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.active = false;
    until(&mut rig, Job::SetDns);
    rig.bring_up();
}

#[test]
fn settings_of_the_stack_follow_those_of_the_user() {
    use crate::at::{DataFormat, Setting, Within};

    const WANTED: [Setting; 3] = [
        Setting::TransparentWait(Within::nearest(3)),
        Setting::DataFormats {
            send: DataFormat::Hex,
            receive: DataFormat::Text,
        },
        Setting::TransparentPacketSize(Within::nearest(1460)),
    ];
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet").settings(&WANTED));
    rig.start();
    // At every bring-up; a setting that is refused is skipped.
    for _ in 0..2 {
        until(&mut rig, Job::Set(0));
        for (place, command) in [
            (0, "\"transwaittm\",3"),
            (1, "\"dataformat\",1,0"),
            (2, "\"transpktsize\",1460"),
            // Whatever the user wants.
            (3, "\"dataformat\",0,0"),
        ] {
            rig.begin(Job::Set(place));
            assert_eq!(
                rig.command(),
                std::format!("AT+QICFG={command}\r").as_bytes()
            );
            rig.answer(&["ERROR"]);
        }
        for place in 4..12 {
            rig.run(Job::Set(place), &["OK"]);
        }
        assert_eq!(rig.engine(|engine| engine.link_state()), LinkState::Up);
        rig.active = false;
        rig.on_line("RDY");
    }
}

#[test]
fn more_settings_than_the_stack_applies_are_left_out() {
    use crate::at::{Setting, Within};

    const WANTED: [Setting; 300] = [Setting::TransparentWait(Within::nearest(3)); 300];
    let commands = |config| {
        let mut rig = Rig::new::<1, 64, 64>(config);
        rig.start();
        for _ in 0..400 {
            if rig.engine(|engine| engine.link.is_up()) {
                return rig.engine(|engine| engine.counters.transactions.get());
            }
            rig.step_up();
        }
        panic!("the settings do not end");
    };
    let config = Config::new("internet");
    let own = commands(config);
    assert_eq!(commands(config.settings(&WANTED)), own + 200);
}
