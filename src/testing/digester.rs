//! Any bytes at all from the module.

use super::Choices;
use crate::config::Config;
use crate::engine::{Action, Job, rig::Rig};
use crate::runner::receive::Receiver;
use crate::runner::receive_buffer::ReceiveBuffer;
use crate::stack::{Resources, new};

/// As large as the one of the runner.
const BUFFER: usize = 256;

/// Feeds arbitrary bytes, in arbitrary pieces, while transactions come and go. Nothing panics, the buffer in front of the
/// digester never stays full, and whatever came before, a line is understood again after the runner has given up what was
/// in flight.
pub fn digester(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut resources = Resources::<2, 300, 300>::new();
    let (stack, _) = new(&mut resources, Config::new("internet"));
    let mut rig = Rig::on(stack.shared);
    rig.start();
    rig.bring_up();
    let keys = [rig.open(), rig.open()];
    let mut buffer = [0; BUFFER];
    let mut receiver = Receiver::new(stack.shared, &mut buffer[..]);
    while !choices.is_empty() {
        match choices.below(8) {
            0 => {
                let key = keys[choices.below(2)];
                let _ = rig.write(key, choices.take(20));
            }
            1 => {
                rig.finish();
                if let Action::Run(job) = rig.next() {
                    rig.begin(job);
                }
            }
            2 => rig.pass(1000),
            3 => {
                let _ = rig.read(keys[choices.below(2)]);
            }
            _ => {
                let length = choices.below(256);
                rig.at_its_time(|| feed(&mut receiver, choices.take(length)));
            }
        }
        rig.check();
    }
    // The runner gives up; what comes then is taken as lines again. Twice: the first line end may complete a header.
    for _ in 0..2 {
        rig.begin(Job::Attention);
        rig.finish();
        rig.at_its_time(|| feed(&mut receiver, b"\r\n"));
    }
    let before = rig.engine(|engine| engine.counters.foreign_lines.get());
    rig.at_its_time(|| feed(&mut receiver, b"+FOREIGN: 1\r\n"));
    let after = rig.engine(|engine| engine.counters.foreign_lines.get());
    assert_eq!(after, before.wrapping_add(1), "a line was not understood");
}

/// Does what the receiving half of the runner does, without a UART.
pub(crate) fn feed(receiver: &mut Receiver<'_, impl ReceiveBuffer>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let free = receiver.free();
        assert!(!free.is_empty(), "the buffer stays full");
        let count = free.len().min(bytes.len());
        free[..count].copy_from_slice(&bytes[..count]);
        receiver.received(count);
        receiver.digest();
        bytes = &bytes[count..];
    }
}
