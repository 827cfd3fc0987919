//! Keep-alive of TCP connections (2.1.15).

use core::task::Poll;

use embassy_time::Duration;

use crate::at::{AccessMode, KeepAlive, ServiceType, Setting};
use crate::config::Config;
use crate::engine::tests::Rig;
use crate::engine::{Job, Key, Options, Phase, Probing, Request};

fn up() -> Rig {
    Rig::up::<4, 64, 64>()
}

const SETTINGS: [Setting; 2] = [
    Setting::TcpKeepAlive(KeepAlive::Off),
    Setting::TcpKeepAlive(minutes(9)),
];

const fn minutes(idle: u64) -> KeepAlive {
    KeepAlive::new(Duration::from_secs(idle * 60), Duration::from_secs(30), 3)
}

fn claim(rig: &mut Rig, keep_alive: KeepAlive) -> Key {
    let key = rig.claim();
    rig.engine(|engine| engine.set_keep_alive(key, Some(Probing::new(keep_alive))));
    key
}

/// The setting is made for this socket.
#[track_caller]
fn set(rig: &mut Rig, key: Key, values: &str, answer: &str) {
    rig.expect(Job::KeepAlive(key));
    let command = std::format!("AT+QICFG=\"tcp/keepalive\",{values}\r");
    assert_eq!(core::str::from_utf8(rig.command()), Ok(command.as_str()));
    rig.answer(&[answer]);
}

#[track_caller]
fn open(rig: &mut Rig, key: Key) {
    rig.run(Job::Open(key), &["OK"]);
    let line = std::format!("+QIOPEN: {},0", rig.id(key));
    rig.on_line(&line);
    assert_eq!(rig.phase(key), Phase::Open);
}

#[test]
fn it_is_set_before_the_open_and_only_if_it_differs() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    let key = claim(&mut rig, minutes(5));
    open(&mut rig, key);
    let key = claim(&mut rig, minutes(6));
    set(&mut rig, key, "1,6,30,3", "OK");
    open(&mut rig, key);
    assert_eq!(rig.idle(), None);
}

#[test]
fn connections_that_do_not_ask_get_the_default_once_it_was_changed() {
    let mut rig = up();
    let key = rig.claim();
    open(&mut rig, key);
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    let key = rig.claim();
    set(&mut rig, key, "0", "OK");
    open(&mut rig, key);

    let mut rig = Rig::up_with::<4, 64, 64>(Config::new("internet").settings(&SETTINGS));
    let key = claim(&mut rig, KeepAlive::Off);
    set(&mut rig, key, "0", "OK");
    open(&mut rig, key);
    let key = rig.claim();
    set(&mut rig, key, "1,9,30,3", "OK");
    open(&mut rig, key);
}

#[test]
fn sockets_that_want_different_settings_open_one_after_the_other() {
    let mut rig = up();
    let first = claim(&mut rig, minutes(5));
    let second = claim(&mut rig, minutes(6));
    set(&mut rig, first, "1,5,30,3", "OK");
    rig.run(Job::Open(first), &["OK"]);
    set(&mut rig, second, "1,6,30,3", "OK");
    rig.run(Job::Open(second), &["OK"]);
}

#[test]
fn a_module_that_refuses_it_opens_the_connection_all_the_same() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "ERROR");
    open(&mut rig, key);
    // It is not asked again.
    let key = claim(&mut rig, minutes(5));
    open(&mut rig, key);
}

#[test]
fn after_a_command_without_an_answer_it_is_set_again() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    rig.expect(Job::KeepAlive(key));
    rig.silence();
    rig.check_passes();
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
}

#[test]
fn a_socket_that_is_dropped_meanwhile_leaves_the_setting_unknown() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    let dropped = claim(&mut rig, minutes(6));
    rig.expect(Job::KeepAlive(dropped));
    rig.release(dropped);
    rig.answer(&["OK"]);
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
}

#[test]
fn it_is_set_again_after_each_bring_up() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    rig.on_line("RDY");
    rig.bring_up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
}

/// A command of the user.
fn ask(rig: &mut Rig, command: &[u8]) {
    rig.engine(|engine| {
        let user = &mut engine.user_command;
        assert_eq!(user.poll_begin(1), Poll::Ready(()));
        assert!(user.write(1, command));
        user.submit(Options {
            limit: Duration::from_secs(1),
            is_mute: false,
            asks_reason: false,
        });
    });
    rig.run(Job::User, &["OK"]);
    rig.engine(|engine| engine.user_command.release());
}

#[test]
fn it_is_set_again_after_the_user_has_changed_it() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    ask(&mut rig, b"AT+CSQ\r");
    let key = claim(&mut rig, minutes(5));
    open(&mut rig, key);
    ask(&mut rig, b"AT+QICFG=\"tcp/keepalive\",0\r");
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
}

#[test]
fn sockets_without_connections_leave_it_alone() {
    let mut rig = up();
    let key = claim(&mut rig, minutes(5));
    set(&mut rig, key, "1,5,30,3", "OK");
    open(&mut rig, key);
    for request in [
        Request::service(3030),
        Request::listen(ServiceType::TcpListener, 80).unwrap(),
    ] {
        let claimed = rig.engine(|engine| engine.poll_claim(&request, AccessMode::Buffer));
        let Poll::Ready(Ok(key)) = claimed else {
            panic!("no slot: {claimed:?}");
        };
        open(&mut rig, key);
    }
}
