//! The application turns the link off and on: what is sent, in which order, and what users learn.

use core::task::Poll;
use std::vec::Vec;

use embassy_time::Duration;

use super::{state, until};
use crate::at::{AccessMode, ServiceType};
use crate::config::Config;
use crate::engine::rig::WITH_RESET;
use crate::engine::tests::{Alarm, Rig, up};
use crate::engine::{Action, Job, LinkMode, LinkState, Phase, Queue, Request};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

const TURNED_OFF: Error = Error::Link(LinkError::TurnedOff);
/// In milliseconds.
const DAY: u64 = 24 * 3600 * 1000;
const DOWN: LinkState = LinkState::TurnedOff(LinkMode::Down);

fn set(rig: &Rig, mode: LinkMode) {
    let now = rig.now;
    rig.engine(|engine| engine.set_link(mode, now));
}

/// Carries on, with a module that has no faults, until nothing is due any more. Returns the transactions.
#[track_caller]
fn carry_on(rig: &mut Rig) -> Vec<Job> {
    let mut jobs = Vec::new();
    for _ in 0..500 {
        match rig.next() {
            Action::Wait(until) if until == NEVER => return jobs,
            Action::Run(job) => jobs.push(job),
            _ => {}
        }
        rig.step_up();
    }
    panic!("no end: {jobs:?}");
}

/// How often these are among the transactions.
fn count(jobs: &[Job], job: Job) -> usize {
    jobs.iter().filter(|other| **other == job).count()
}

/// The transactions of the way up.
fn way_up() -> Vec<Job> {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    carry_on(&mut rig)
}

#[test]
fn without_sockets_only_the_context_is_deactivated() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    assert_eq!(rig.engine(|engine| engine.local_address(false)), None);
    rig.run(Job::Deactivate, &["OK"]);
    assert_eq!(state(&rig), DOWN);
    assert_eq!(rig.idle(), None);
    assert_eq!(rig.engine(|engine| engine.counters.link_losses.get()), 0);
}

#[test]
fn sockets_end_in_good_order() {
    let mut rig = up();
    let key = rig.open();
    let other = rig.open();
    rig.on_line("+QIURC: \"recv\",0,4");
    rig.serve(key, b"data");
    assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
    set(&rig, LinkMode::Down);
    // Nothing more can be written; what was is sent, and the user that waits for it learns so.
    assert_eq!(rig.write(key, b"more"), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.flush(key), Poll::Pending);
    rig.run(Job::Close(other), &["OK"]);
    rig.accept(key, 7, "SEND OK");
    assert_eq!(rig.flush(key), Poll::Ready(Ok(())));
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    assert_eq!(state(&rig), DOWN);
    // What came before can be read.
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.read(other), Poll::Ready(Err(TURNED_OFF)));
    rig.release(key);
    rig.release(other);
    assert!(rig.all_free());
}

/// What the module holds is read as far as there is room, also behind a `closed`.
#[test]
fn what_the_module_holds_is_read_before_the_close() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0,4");
    set(&rig, LinkMode::Down);
    rig.serve(key, b"data");
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    let mut rig = up();
    let key = rig.draining();
    set(&rig, LinkMode::Down);
    rig.serve(key, b"data");
    rig.run(rig.read_job(key), &["+QIRD: 0", "OK"]);
    rig.run(Job::Close(key), &["OK"]);
    assert_eq!(rig.read(key), Poll::Ready(Ok(b"data".to_vec())));
    assert_eq!(rig.read(key), Poll::Ready(Ok(Vec::new())));
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn socket_that_hands_over_nothing_has_ten_seconds() {
    for phase in [Phase::Open, Phase::Draining] {
        let mut rig = Rig::up::<1, 64, 64>();
        let key = rig.in_phase(phase);
        if phase == Phase::Open {
            assert_eq!(rig.write(key, b"written"), Poll::Ready(Ok(7)));
        } else {
            // Nobody reads.
            rig.serve(key, &[0; 64]);
        }
        set(&rig, LinkMode::Down);
        let began = rig.now;
        while rig.next() != Action::Run(Job::Close(key)) {
            assert_ne!(rig.next(), Action::Run(Job::Deactivate));
            match rig.next() {
                Action::Run(job @ Job::Send { .. }) => {
                    rig.begin(job);
                    rig.prompt();
                    rig.answer(&["SEND FAIL"]);
                }
                Action::Run(job) => rig.run(job, &["+QISEND: 0,0,0", "OK"]),
                Action::Wait(until) => rig.wait(until),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(rig.now - began, Duration::from_secs(10), "{phase:?}");
        rig.run(Job::Close(key), &["OK"]);
        rig.run(Job::Deactivate, &["OK"]);
        if phase == Phase::Open {
            assert_eq!(rig.flush(key), Poll::Ready(Err(TURNED_OFF)));
        }
    }
}

#[test]
fn what_is_not_open_yet_fails_at_once() {
    let mut rig = up();
    let wanted = rig.wanted();
    let opening = rig.claim();
    rig.expect(Job::Open(wanted));
    rig.answer(&["OK"]);
    set(&rig, LinkMode::Down);
    assert_eq!(rig.connected(wanted), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.connected(opening), Poll::Ready(Err(TURNED_OFF)));
    rig.run(Job::Close(wanted), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    // Nor can anything be begun, now and before.
    assert_eq!(rig.try_claim(), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.ask("example.com"), Poll::Ready(Err(TURNED_OFF)));
}

/// An open that is repeated on another connectID is not repeated any more.
#[test]
fn repeated_open_fails() {
    let mut rig = up();
    let key = rig.opening();
    rig.on_line("+QIOPEN: 0,563");
    assert_eq!(rig.connected(key), Poll::Pending);
    set(&rig, LinkMode::Down);
    assert_eq!(rig.connected(key), Poll::Ready(Err(TURNED_OFF)));
    rig.run(Job::Close(key), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn lookup_fails_at_once() {
    let mut rig = up();
    assert_eq!(rig.ask("example.com"), Poll::Ready(Ok(())));
    rig.run(Job::Resolve, &["OK"]);
    let found = Alarm::of(&rig, Queue::LookupResult, |engine| {
        let ticket = engine.dns().current();
        engine.dns().poll_answer(ticket, |_| Ok(()))
    });
    set(&rig, LinkMode::Down);
    assert!(found.rang());
    assert_eq!(rig.found(), Poll::Ready(Err(TURNED_OFF)));
    rig.on_line("+QIURC: \"dnsgip\",0,1,300");
    rig.on_line("+QIURC: \"dnsgip\",\"192.0.2.1\"");
    rig.run(Job::Deactivate, &["OK"]);
}

#[test]
fn tasks_that_wait_for_a_slot_learn_it() {
    let mut rig = Rig::up::<1, 64, 64>();
    let key = rig.open();
    assert_eq!(rig.write(key, b"x"), Poll::Ready(Ok(1)));
    rig.release(key);
    let slot = Alarm::of(&rig, Queue::FreeSlot, |engine| {
        let request = Request::connect(crate::engine::rig::PEER).unwrap();
        engine.poll_claim(&request, AccessMode::Buffer)
    });
    set(&rig, LinkMode::Down);
    assert!(slot.rang());
    assert_eq!(rig.try_claim(), Poll::Ready(Err(TURNED_OFF)));
}

#[test]
fn listener_and_its_backlog_are_closed() {
    let mut rig = up();
    let request = Request::listen(ServiceType::TcpListener, 80).unwrap();
    let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
    let Poll::Ready(Ok(listener)) = claimed else {
        panic!("no slot");
    };
    rig.run(Job::Open(listener), &["OK"]);
    rig.on_line("+QIOPEN: 0,0");
    rig.on_line("+QIURC: \"incoming\",11,0,\"203.0.113.9\",5000");
    let waiting = rig.key_of(11).expect("a connection");
    set(&rig, LinkMode::Down);
    rig.run(Job::Close(waiting), &["OK"]);
    // One more, behind the back of the host.
    rig.on_line("+QIURC: \"incoming\",10,0,\"203.0.113.9\",5001");
    let orphan = Job::CloseOrphan(crate::at::ConnectId::new(10).unwrap());
    assert_eq!(rig.next(), Action::Run(orphan));
    rig.run(orphan, &["OK"]);
    rig.run(Job::Close(listener), &["OK"]);
    rig.run(Job::Deactivate, &["OK"]);
    let accepted = rig.engine(|engine| engine.poll_accept(listener));
    assert_eq!(
        accepted,
        Poll::Ready(Ok((waiting, Some("203.0.113.9:5000".parse().unwrap()))))
    );
    let accepted = rig.engine(|engine| engine.poll_accept(listener));
    assert_eq!(accepted, Poll::Ready(Err(TURNED_OFF)));
    rig.release(waiting);
    rig.release(listener);
    assert!(rig.all_free());
}

/// Whatever the runner is about to do on its way up: no link comes of it, and the context is deactivated if it is active.
#[test]
fn from_each_step_of_the_way_up() {
    let jobs = way_up();
    for (count_before, job) in jobs.iter().copied().enumerate() {
        for is_in_flight in [false, true] {
            let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
            rig.start();
            let mut done = 0;
            while done < count_before || !matches!(rig.next(), Action::Run(_)) {
                done += usize::from(matches!(rig.next(), Action::Run(_)));
                rig.step_up();
            }
            assert_eq!(rig.next(), Action::Run(job));
            if is_in_flight {
                rig.begin(job);
                set(&rig, LinkMode::Down);
                let lines = rig.reply(job);
                rig.answer(lines);
            } else {
                set(&rig, LinkMode::Down);
            }
            assert_ne!(state(&rig), LinkState::Starting);
            let was_active = rig.active;
            let way = carry_on(&mut rig);
            assert_eq!(state(&rig), DOWN, "{job:?}: {way:?}");
            assert!(!rig.active, "{job:?}: {way:?}");
            assert_eq!(
                count(&way, Job::Deactivate),
                usize::from(was_active),
                "{job:?}: {way:?}"
            );
            let is_of_way_up = |job: &Job| {
                matches!(
                    job,
                    Job::SimState | Job::Registration(_) | Job::Configure | Job::Activate
                )
            };
            assert!(!way.iter().any(is_of_way_up), "{job:?}: {way:?}");
            // And up again.
            set(&rig, LinkMode::Up);
            assert_eq!(state(&rig), LinkState::Starting);
            rig.bring_up();
        }
    }
}

#[test]
fn each_step_goes_on_if_the_wish_comes_back_in_time() {
    for job in way_up() {
        let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
        rig.start();
        until(&mut rig, job);
        set(&rig, LinkMode::Down);
        set(&rig, LinkMode::Up);
        assert_eq!(state(&rig), LinkState::Starting);
        rig.bring_up();
        assert_eq!(rig.idle(), None);
    }
}

#[test]
fn wish_that_comes_back_before_the_deactivation_keeps_the_context() {
    let mut rig = up();
    let key = rig.open();
    set(&rig, LinkMode::Down);
    rig.expect(Job::Close(key));
    set(&rig, LinkMode::Up);
    assert_eq!(state(&rig), LinkState::Up);
    rig.answer(&["OK"]);
    // The socket was told, and stays closed.
    assert_eq!(rig.read(key), Poll::Ready(Err(TURNED_OFF)));
    assert_eq!(rig.idle(), None);
    rig.open();
}

#[test]
fn wish_that_comes_back_during_the_deactivation_activates_the_context() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    rig.expect(Job::Deactivate);
    set(&rig, LinkMode::Up);
    assert_eq!(state(&rig), LinkState::Starting);
    rig.active = false;
    rig.answer(&["OK"]);
    // A connect waits.
    let key = rig.claim();
    let way = {
        let mut way = Vec::new();
        while state(&rig) != LinkState::Up {
            way.extend(match rig.next() {
                Action::Run(job) => Some(job),
                _ => None,
            });
            rig.step_up();
        }
        way
    };
    assert_eq!(count(&way, Job::Activate), 1, "{way:?}");
    rig.run(Job::Open(key), &["OK"]);
}

#[test]
fn loss_of_the_link_on_the_way_down_ends_there_too() {
    for line in ["+QIURC: \"pdpdeact\",1", "RDY"] {
        for is_deactivating in [false, true] {
            let mut rig = up();
            let key = rig.open();
            set(&rig, LinkMode::Down);
            if is_deactivating {
                rig.run(Job::Close(key), &["OK"]);
                rig.expect(Job::Deactivate);
            }
            rig.on_line(line);
            rig.active = false;
            if is_deactivating {
                rig.on_line("ERROR");
                rig.finish();
            }
            let way = carry_on(&mut rig);
            assert_eq!(state(&rig), DOWN, "{line}: {way:?}");
            assert_eq!(count(&way, Job::Activate), 0, "{line}: {way:?}");
            assert!(matches!(rig.read(key), Poll::Ready(Err(Error::Link(_)))));
        }
    }
}

#[test]
fn silent_module_on_the_way_down_is_told_and_tried_again() {
    let mut rig = up();
    let attempt = rig.engine(|engine| engine.attempt());
    set(&rig, LinkMode::Down);
    rig.expect(Job::Deactivate);
    rig.pass(40_000);
    rig.silence();
    let ended = rig.engine(|engine| engine.poll_wish(attempt));
    assert_eq!(ended, Poll::Ready(Err(LinkError::NoAnswer)));
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

/// A refused AT+QIDEACT means that the context is inactive.
#[test]
fn refused_deactivation_counts() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    rig.run(Job::Deactivate, &["ERROR"]);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn restart_at_rest_brings_no_link() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    rig.on_line("RDY");
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    let way = carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
    // The echo of commands is off again, and so are the other things that a user's command needs.
    assert_eq!(count(&way, Job::EchoOff), 1, "{way:?}");
    assert_eq!(count(&way, Job::SimState), 0, "{way:?}");
    // The same while the runner is not there.
    rig.engine(|engine| engine.stop(false));
    assert_eq!(state(&rig), LinkState::Down(LinkError::NotRunning));
    rig.start();
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn wish_of_the_time_before_the_runner_holds() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    let waiting = rig.claim();
    set(&rig, LinkMode::Down);
    assert_eq!(state(&rig), LinkState::Down(LinkError::NotRunning));
    assert_eq!(rig.connected(waiting), Poll::Ready(Err(TURNED_OFF)));
    // A program before this one has left the context active.
    rig.active = true;
    rig.start();
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn pause_between_two_attempts_ends_at_once() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    until(&mut rig, Job::SimState);
    rig.run(Job::SimState, &["+CPIN: SIM PUK", "OK"]);
    assert_eq!(state(&rig), LinkState::Down(LinkError::SimLocked));
    set(&rig, LinkMode::Down);
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

/// A user sends a command.
fn submit(rig: &Rig) {
    rig.engine(|engine| {
        let command = engine.user_command();
        let owner = 1;
        assert_eq!(command.poll_begin(owner), Poll::Ready(()));
        assert!(command.write(owner, b"AT+CSQ\r"));
        command.submit(crate::engine::Options {
            limit: Duration::from_secs(1),
            is_mute: false,
            asks_reason: false,
        });
    });
}

#[test]
fn user_command_runs_at_rest() {
    let mut rig = up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    submit(&rig);
    rig.run(Job::User, &["+CSQ: 20,99", "OK"]);
    assert_eq!(rig.idle(), None);
    assert_eq!(state(&rig), DOWN);
}

/// Nobody else would notice that the module is gone.
#[test]
fn user_command_without_an_answer_at_rest_looks_for_the_module() {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    rig.bring_up();
    set(&rig, LinkMode::Down);
    carry_on(&mut rig);
    rig.pass(DAY);
    submit(&rig);
    rig.expect(Job::User);
    rig.pass(1000);
    rig.silence();
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Down));
    while rig.next() != Action::Reset {
        match rig.next() {
            Action::Run(job) => {
                rig.begin(job);
                rig.pass(1000);
                rig.silence();
            }
            Action::Wait(until) => rig.wait(until),
            _ => {}
        }
    }
    let now = rig.now;
    rig.engine(|engine| engine.finish_action(Action::Reset, true, now));
    carry_on(&mut rig);
    assert_eq!(state(&rig), DOWN);
}

#[test]
fn users_that_wait_learn_what_the_link_has_come_to() {
    let mut rig = up();
    let attempt = |rig: &Rig| rig.engine(|engine| engine.attempt());
    let since = attempt(&rig);
    let wish = |rig: &Rig, since| rig.engine(|engine| engine.poll_wish(since));
    let up = |rig: &Rig, since| rig.engine(|engine| engine.poll_link(since));
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Up)));
    set(&rig, LinkMode::Down);
    let alarm = Alarm::of(&rig, Queue::Link, move |engine| engine.poll_wish(since));
    assert_eq!(up(&rig, since), Poll::Ready(Err(LinkError::TurnedOff)));
    rig.run(Job::Deactivate, &["OK"]);
    assert!(alarm.rang());
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Down)));
    let since = attempt(&rig);
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Down)));
    set(&rig, LinkMode::Up);
    assert_eq!(wish(&rig, since), Poll::Pending);
    assert_eq!(up(&rig, since), Poll::Pending);
    // A connect waits, too.
    let key = rig.claim();
    assert_eq!(rig.connected(key), Poll::Pending);
    rig.bring_up();
    assert_eq!(wish(&rig, since), Poll::Ready(Ok(LinkMode::Up)));
}

#[test]
fn changes_are_counted() {
    let mut rig = up();
    rig.next();
    let changes = |rig: &Rig| rig.engine(|engine| engine.link_changes());
    let seen = changes(&rig);
    assert_eq!(
        rig.engine(|engine| engine.poll_link_change(seen)),
        Poll::Pending
    );
    let change = Alarm::of(&rig, Queue::Link, move |engine| {
        engine.poll_link_change(seen)
    });
    // A change by the network.
    rig.on_line("+QIURC: \"pdpdeact\",1");
    rig.active = false;
    rig.next();
    assert!(change.rang());
    let lost = LinkState::Down(LinkError::ContextLost);
    let told = rig.engine(|engine| engine.poll_link_change(seen));
    assert_eq!(told, Poll::Ready((seen + 1, lost)));
    rig.pass(1000);
    rig.bring_up();
    rig.next();
    // Whoever looks later sees the newest.
    let told = rig.engine(|engine| engine.poll_link_change(seen));
    assert_eq!(told, Poll::Ready((seen + 2, LinkState::Up)));
    // A change by the application.
    set(&rig, LinkMode::Down);
    let off = LinkState::TurningOff(LinkMode::Down);
    let told = rig.engine(|engine| engine.poll_link_change(seen + 2));
    assert_eq!(told, Poll::Ready((seen + 3, off)));
    // The same wish once more is no change.
    set(&rig, LinkMode::Down);
    assert_eq!(changes(&rig), seen + 3);
    carry_on(&mut rig);
    set(&rig, LinkMode::Down);
    assert_eq!(carry_on(&mut rig), []);
    assert_eq!(changes(&rig), seen + 4);
}

// ---- less than down ----------------------------------------------------------------------------------------------------

#[test]
fn radio_goes_off_behind_the_context_and_comes_back() {
    for (mode, command) in [
        (LinkMode::Minimum, "AT+CFUN=0\r"),
        (LinkMode::Airplane, "AT+CFUN=4\r"),
    ] {
        let mut rig = up();
        let key = rig.open();
        set(&rig, mode);
        rig.run(Job::Close(key), &["OK"]);
        rig.run(Job::Deactivate, &["OK"]);
        assert_eq!(state(&rig), LinkState::TurningOff(mode));
        rig.expect(Job::SetFunctionality);
        assert_eq!(rig.command(), command.as_bytes());
        rig.answer(&["OK"]);
        assert_eq!(state(&rig), LinkState::TurnedOff(mode));
        assert_eq!(rig.idle(), None);
        rig.active = false;
        set(&rig, LinkMode::Up);
        until(&mut rig, Job::Functionality);
        rig.run(Job::Functionality, &["+CFUN: 0", "OK"]);
        rig.expect(Job::SetFunctionality);
        assert_eq!(rig.command(), b"AT+CFUN=1\r");
        rig.answer(&["OK"]);
        rig.bring_up();
    }
}

/// From each mode to each: the last command says it.
#[test]
fn from_each_mode_to_each() {
    let modes = [LinkMode::Down, LinkMode::Airplane, LinkMode::Minimum];
    for (before, after) in modes.iter().flat_map(|a| modes.map(|b| (*a, b))) {
        let mut rig = up();
        set(&rig, before);
        carry_on(&mut rig);
        rig.pass(DAY);
        set(&rig, after);
        if before == after {
            assert_eq!(rig.idle(), None);
            continue;
        }
        if after == LinkMode::Down {
            until(&mut rig, Job::Functionality);
            rig.run(Job::Functionality, &["+CFUN: 4", "OK"]);
        }
        rig.expect(Job::SetFunctionality);
        let last = match after {
            LinkMode::Down => "AT+CFUN=1\r",
            LinkMode::Airplane => "AT+CFUN=4\r",
            _ => "AT+CFUN=0\r",
        };
        assert_eq!(rig.command(), last.as_bytes());
        rig.answer(&["OK"]);
        let way = carry_on(&mut rig);
        assert_eq!(count(&way, Job::SetFunctionality), 0, "{way:?}");
        assert_eq!(state(&rig), LinkState::TurnedOff(after));
    }
}

#[test]
fn restart_brings_the_radio_back_and_it_goes_off_again() {
    let mut rig = up();
    set(&rig, LinkMode::Minimum);
    carry_on(&mut rig);
    rig.active = false;
    rig.on_line("RDY");
    let way = carry_on(&mut rig);
    assert_eq!(way.last(), Some(&Job::SetFunctionality), "{way:?}");
    assert_eq!(count(&way, Job::Functionality), 0, "{way:?}");
    assert_eq!(state(&rig), LinkState::TurnedOff(LinkMode::Minimum));
}

/// What the module refuses is left as it is, and told.
#[test]
fn refused_modes_end_in_down() {
    for (mode, job) in [
        (LinkMode::Minimum, Job::SetFunctionality),
        (LinkMode::Airplane, Job::SetFunctionality),
        (LinkMode::Off, Job::PowerDown),
    ] {
        let mut rig = up();
        let since = rig.engine(|engine| engine.attempt());
        set(&rig, mode);
        rig.run(Job::Deactivate, &["OK"]);
        for _ in 0..3 {
            rig.run(job, &["+CME ERROR: 3"]);
            rig.now = rig.idle().unwrap_or(rig.now);
        }
        let ended = rig.engine(|engine| engine.poll_wish(since));
        assert_eq!(ended, Poll::Ready(Ok(LinkMode::Down)));
        assert_eq!(rig.idle(), None);
        // It is tried again when it is asked for again.
        set(&rig, mode);
        rig.run(job, &["OK"]);
    }
}

/// The answer belongs to the wish of the time when it was sent.
#[test]
fn wish_that_changes_while_the_radio_goes_off() {
    for wish in [LinkMode::Up, LinkMode::Down, LinkMode::Airplane] {
        let mut rig = up();
        set(&rig, LinkMode::Minimum);
        rig.run(Job::Deactivate, &["OK"]);
        rig.active = false;
        rig.expect(Job::SetFunctionality);
        set(&rig, wish);
        rig.answer(&["OK"]);
        assert_ne!(state(&rig), LinkState::TurnedOff(wish));
        if wish == LinkMode::Airplane {
            until(&mut rig, Job::SetFunctionality);
            rig.expect(Job::SetFunctionality);
            assert_eq!(rig.command(), b"AT+CFUN=4\r");
            rig.answer(&["OK"]);
            assert_eq!(state(&rig), LinkState::TurnedOff(wish));
        } else {
            until(&mut rig, Job::Functionality);
            rig.run(Job::Functionality, &["+CFUN: 0", "OK"]);
            assert_eq!(rig.next(), Action::Run(Job::SetFunctionality));
        }
    }
}

// ---- off ---------------------------------------------------------------------------------------------------------------

const OFF: LinkState = LinkState::TurnedOff(LinkMode::Off);

/// The module was switched off from a link that was up.
fn off() -> Rig {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    rig.bring_up();
    set(&rig, LinkMode::Off);
    rig.run(Job::Deactivate, &["OK"]);
    rig.expect(Job::PowerDown);
    assert_eq!(rig.command(), b"AT+QPOWD=1\r");
    rig.answer(&["OK"]);
    rig.active = false;
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Off));
    rig.on_line("POWERED DOWN");
    assert_eq!(state(&rig), OFF);
    rig
}

#[test]
fn module_that_is_off_stays_off() {
    let mut rig = off();
    assert_eq!(rig.idle(), None);
    rig.pass(DAY);
    assert_eq!(rig.idle(), None);
}

#[test]
fn hook_switches_the_module_on() {
    for mode in [LinkMode::Up, LinkMode::Down, LinkMode::Minimum] {
        let mut rig = off();
        rig.pass(DAY);
        set(&rig, mode);
        assert_eq!(rig.next(), Action::Reset);
        let now = rig.now;
        rig.engine(|engine| engine.finish_action(Action::Reset, true, now));
        let way = carry_on(&mut rig);
        let wanted = match mode {
            LinkMode::Up => LinkState::Up,
            mode => LinkState::TurnedOff(mode),
        };
        assert_eq!(state(&rig), wanted, "{way:?}");
    }
}

/// Without a hook somebody else has to.
#[test]
fn module_is_looked_for_without_a_hook() {
    let mut rig = off();
    rig.engine(|engine| engine.stop(false));
    rig.start();
    rig.mute_for(40);
    assert_eq!(state(&rig), OFF);
    set(&rig, LinkMode::Up);
    rig.mute_for(40);
    assert_eq!(state(&rig), LinkState::Down(LinkError::NoAnswer));
    rig.on_line("RDY");
    rig.bring_up();
}

#[test]
fn module_that_starts_by_itself_is_left_alone() {
    let mut rig = off();
    rig.on_line("RDY");
    rig.on_line("+CPIN: READY");
    assert_eq!(rig.idle(), None);
    assert_eq!(state(&rig), OFF);
    // It is on already.
    set(&rig, LinkMode::Up);
    assert_eq!(rig.next(), Action::Run(Job::Attention));
    rig.bring_up();
    // Asked for again it goes off again.
    let mut rig = off();
    rig.on_line("RDY");
    set(&rig, LinkMode::Off);
    assert_eq!(state(&rig), LinkState::TurningOff(LinkMode::Off));
    until(&mut rig, Job::PowerDown);
    rig.run(Job::PowerDown, &["OK"]);
    rig.on_line("POWERED DOWN");
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
}

#[test]
fn line_that_says_powered_down_can_be_lost() {
    // With the answer to the command, or behind it.
    for is_answered in [false, true] {
        let mut rig = up();
        set(&rig, LinkMode::Off);
        rig.run(Job::Deactivate, &["OK"]);
        rig.expect(Job::PowerDown);
        if is_answered {
            rig.answer(&["OK"]);
            let until = rig.idle().expect("an end");
            assert_eq!(until - rig.now, Duration::from_secs(60));
            rig.wait(until);
            rig.next();
        } else {
            rig.pass(60_000);
            rig.silence();
            rig.mute_for(40);
        }
        assert_eq!(state(&rig), OFF);
        assert_eq!(rig.idle(), None);
    }
}

/// Some modules say it in place of the answer.
#[test]
fn powered_down_ends_the_command() {
    let mut rig = up();
    set(&rig, LinkMode::Off);
    rig.run(Job::Deactivate, &["OK"]);
    rig.run(Job::PowerDown, &["NORMAL POWER DOWN"]);
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
}

/// The command cannot be taken back: the module goes off, and is switched on.
#[test]
fn wish_that_comes_back_while_the_module_switches_off() {
    for is_answered in [false, true] {
        let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
        rig.start_wired(WITH_RESET);
        rig.bring_up();
        set(&rig, LinkMode::Off);
        rig.run(Job::Deactivate, &["OK"]);
        rig.active = false;
        rig.expect(Job::PowerDown);
        if is_answered {
            rig.answer(&["OK"]);
            set(&rig, LinkMode::Up);
        } else {
            set(&rig, LinkMode::Up);
            rig.answer(&["OK"]);
        }
        assert_eq!(state(&rig), LinkState::Starting);
        let until = rig.idle().expect("an end");
        assert_eq!(until - rig.now, Duration::from_secs(60));
        rig.on_line("POWERED DOWN");
        assert_eq!(state(&rig), LinkState::Starting);
        assert_eq!(rig.next(), Action::Reset);
        let now = rig.now;
        rig.engine(|engine| engine.finish_action(Action::Reset, true, now));
        rig.bring_up();
    }
}

/// A module that does not answer is off, or as good as that; it is not restarted.
#[test]
fn silent_module_counts_as_off() {
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    set(&rig, LinkMode::Off);
    rig.mute_for(40);
    assert_eq!(state(&rig), OFF);
    assert_eq!(rig.idle(), None);
    // If it is asked for again it is looked for again.
    set(&rig, LinkMode::Off);
    until(&mut rig, Job::PowerDown);
    // Before the hook has been called.
    let mut rig = Rig::new::<2, 64, 64>(Config::new("internet"));
    rig.start_wired(WITH_RESET);
    while rig.next() != Action::Reset {
        match rig.next() {
            Action::Run(job) => {
                rig.begin(job);
                rig.pass(1000);
                rig.silence();
            }
            Action::Wait(until) => rig.wait(until),
            _ => {}
        }
    }
    set(&rig, LinkMode::Off);
    for _ in 0..100 {
        match rig.next() {
            Action::Reset => panic!("a module that is to be off is restarted"),
            Action::Run(job) => {
                rig.begin(job);
                rig.pass(1000);
                rig.silence();
            }
            Action::Wait(until) if until < NEVER => rig.wait(until),
            _ => {}
        }
    }
    assert_eq!(state(&rig), OFF);
}

/// The pace of restarts holds for a module that is switched off and on in between.
#[test]
fn switching_off_and_on_does_not_outrun_the_pace() {
    let config = Config::new("internet").boot_time(Duration::from_secs(1));
    let mut rig = Rig::new::<1, 64, 64>(config);
    rig.start_wired(WITH_RESET);
    let mut resets = Vec::new();
    for _ in 0..2000 {
        match rig.next() {
            Action::Run(job) => {
                rig.begin(job);
                rig.pass(1000);
                rig.silence();
            }
            Action::Reset => {
                resets.push(rig.now);
                let now = rig.now;
                rig.engine(|engine| engine.finish_action(Action::Reset, true, now));
            }
            Action::Wait(until) if until == NEVER => set(&rig, LinkMode::Up),
            Action::Wait(until) => rig.wait(until),
            _ => {}
        }
        if state(&rig) == LinkState::Down(LinkError::NoAnswer) {
            set(&rig, LinkMode::Off);
        }
    }
    assert!(resets.len() > 4, "{resets:?}");
    assert!((resets[4] - resets[3]).as_secs() >= 600, "{resets:?}");
}

#[test]
fn module_that_answers_no_other_command_is_switched_off_all_the_same() {
    for silent in [Job::Deactivate, Job::ListContexts] {
        let mut rig = up();
        set(&rig, LinkMode::Off);
        if silent == Job::ListContexts {
            rig.on_line("+QIURC: \"pdpdeact\",1");
        }
        until(&mut rig, silent);
        rig.begin(silent);
        rig.pass(60_000);
        rig.silence();
        until(&mut rig, Job::PowerDown);
        rig.run(Job::PowerDown, &["OK"]);
        rig.on_line("POWERED DOWN");
        assert_eq!(state(&rig), OFF);
    }
}

#[test]
fn user_command_fails_at_once_while_the_module_is_off() {
    let mut rig = off();
    submit(&rig);
    rig.idle();
    let result = rig.engine(|engine| engine.user_command().poll_result());
    assert_eq!(result, Poll::Ready(crate::engine::AtResult::Aborted));
}

/// A context that is listed as inactive may become active a second later (quirk 119).
#[test]
fn context_that_is_about_to_become_active_is_deactivated() {
    let mut rig = Rig::new::<1, 64, 64>(Config::new("internet"));
    rig.start();
    until(&mut rig, Job::Activate);
    rig.run(Job::Activate, &["OK"]);
    rig.run(Job::ListContexts, &["OK"]);
    set(&rig, LinkMode::Down);
    rig.active = false;
    let way = carry_on(&mut rig);
    assert_eq!(count(&way, Job::Deactivate), 1, "{way:?}");
    assert_eq!(state(&rig), DOWN);
}

/// The UART has failed, and the runner has ended: nobody follows the wish.
#[test]
fn after_the_end_of_the_runner_nothing_waits_for_a_wish() {
    let mut rig = up();
    rig.engine(|engine| engine.stop(true));
    set(&rig, LinkMode::Down);
    set(&rig, LinkMode::Up);
    let dead = LinkError::NotRunning;
    assert_eq!(state(&rig), LinkState::Down(dead));
    assert_eq!(rig.try_claim(), Poll::Ready(Err(Error::Link(dead))));
    // It is run again, and the wish holds.
    rig.start();
    carry_on(&mut rig);
    assert_eq!(state(&rig), LinkState::Up);
}
