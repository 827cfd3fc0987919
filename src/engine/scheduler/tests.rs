//! Whose turn it is.

use crate::engine::tests::{Rig, up};
use crate::engine::{Action, Job, Key};

/// The socket of a transaction.
fn owner(job: Job) -> Option<Key> {
    match job {
        Job::Open(key)
        | Job::Close(key)
        | Job::Status(key)
        | Job::CountSent(key)
        | Job::Read { key, .. }
        | Job::Send { key, .. } => Some(key),
        _ => None,
    }
}

/// Carries out one transaction of sockets that never run out of work.
fn step(rig: &mut Rig, busy: &[Key]) -> Job {
    for &key in busy {
        let _ = rig.write(key, &[1; 2048]);
        let _ = rig.read(key);
    }
    let Action::Run(job) = rig.next() else {
        panic!("there is work to do");
    };
    rig.begin(job);
    match job {
        Job::Read { length, .. } => {
            rig.say_data(&std::vec![2; length.into()]);
            rig.answer(&["OK"]);
        }
        Job::Send { .. } => {
            rig.prompt();
            rig.answer(&["SEND OK"]);
        }
        _ => rig.answer(&["OK"]),
    }
    job
}

#[test]
fn bulk_takes_turns() {
    let mut rig = up();
    let keys = [rig.open(), rig.open(), rig.open()];
    for id in 0..3 {
        rig.on_line(&std::format!("+QIURC: \"recv\",{id}"));
    }
    let mut served = [0; 3];
    for _ in 0..60 {
        let key = owner(step(&mut rig, &keys)).expect("a socket");
        served[key.index()] += 1;
    }
    assert_eq!(served, [20; 3]);
}

#[test]
fn bulk_delays_another_by_one_transaction_at_most() {
    let mut rig = up();
    let bulk = rig.open();
    let other = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    for turn in 0..8 {
        // At whatever moment the other one has something to do.
        for _ in 0..turn {
            assert_eq!(owner(step(&mut rig, &[bulk])), Some(bulk));
        }
        let _ = rig.write(other, b"ping");
        let first = step(&mut rig, &[bulk]);
        let second = step(&mut rig, &[bulk]);
        let theirs = [first, second]
            .iter()
            .filter(|job| owner(**job) == Some(other))
            .count();
        assert_eq!(theirs, 1);
    }
}

#[test]
fn bulk_does_not_delay_connects_closes_and_lookups() {
    let mut rig = up();
    let bulk = rig.open();
    let closing = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    step(&mut rig, &[bulk]);
    let opening = rig.claim();
    rig.release(closing);
    let _ = rig.ask("example.com");
    let mut seen = [false; 3];
    for _ in 0..4 {
        match step(&mut rig, &[bulk]) {
            Job::Open(key) if key == opening => seen[0] = true,
            Job::Close(key) if key == closing => seen[1] = true,
            Job::Resolve => seen[2] = true,
            job => assert_eq!(owner(job), Some(bulk)),
        }
    }
    assert_eq!(seen, [true; 3]);
}

#[test]
fn directions_of_one_socket_take_turns() {
    let mut rig = up();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    let mut reads = 0;
    for _ in 0..20 {
        reads += usize::from(matches!(step(&mut rig, &[key]), Job::Read { .. }));
    }
    assert_eq!(reads, 10);
}

#[test]
fn full_module_does_not_keep_a_socket_from_reading() {
    let mut rig = up();
    let key = rig.open();
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND FAIL");
    rig.run(Job::CountSent(key), &["+QISEND: 0,0,0", "OK"]);
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"data");
}

#[test]
fn reader_that_does_not_read_does_not_keep_a_socket_from_sending() {
    let mut rig = Rig::up::<1, 4, 64>();
    let key = rig.open();
    rig.on_line("+QIURC: \"recv\",0");
    rig.serve(key, b"full");
    let _ = rig.write(key, b"abc");
    rig.accept(key, 3, "SEND OK");
}
