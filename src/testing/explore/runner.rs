//! The runner of a world, one step at a time.

use std::vec;

use super::Event;
use super::module::{Manner, OTHER_APN};
use super::world::{Transactor, World};
use crate::at::MAX_COMMAND_LENGTH;
use crate::config::AccessPoint;
use crate::engine::{Action, Escape, Job, Key};
use crate::runner::receive::Receiver;

impl World<'_> {
    /// One step of the transmitting half. False if the module has no command to deal with in that manner.
    pub(super) fn run(&mut self, manner: Manner) -> bool {
        if let Transactor::Waits(job) = self.transactor {
            if let Job::Send { key, length } = job {
                if self.rig.engine(|engine| engine.begin_payload()) {
                    let mut payload = vec![0; length.into()];
                    let is_wanted = self
                        .rig
                        .engine(|engine| engine.payload_piece(key, 0, &mut payload));
                    if is_wanted {
                        self.module.input(&payload, manner, 0);
                    }
                    return is_wanted;
                }
            }
            self.done(Action::Run(job), true);
            return manner == Manner::Well;
        }
        let action = self.rig.next();
        match action {
            Action::Run(job) => {
                let mut command = [0; MAX_COMMAND_LENGTH];
                let length = self.rig.engine(|engine| engine.begin(job, &mut command));
                if let Some(length) = length {
                    self.transactor = Transactor::Waits(job);
                    let handle = job.key().and_then(|key| self.handle_of(key));
                    if manner != Manner::Well {
                        match handle {
                            Some(handle) => self.blamed.push(handle),
                            None => self.blamed.extend(0..self.limits.handles),
                        }
                    }
                    self.module
                        .input(&command[..length], manner, handle.unwrap_or(usize::MAX));
                    return true;
                }
                self.done(action, true);
            }
            Action::Wait(until) => self.transactor = Transactor::Sleeps(until),
            Action::Escape(escape) => {
                match escape {
                    Escape::Prompt => self.module.input(b"\r\x1b", manner, 0),
                    Escape::Fill => self.module.input(&[b'\r'; 1460], manner, 0),
                    Escape::DataMode => {
                        self.rig.pass(2200);
                        self.module.leave_line();
                    }
                    Escape::PlusOnly => self.module.leave_line(),
                    _ => {}
                }
                if escape != Escape::PlusOnly {
                    self.rig.pass(200);
                }
                self.done(action, true);
            }
            Action::WriteRaw { key, length } => {
                let mut data = vec![0; length.into()];
                self.rig.engine(|engine| engine.peek(key, 0, &mut data));
                self.module.input(&data, Manner::Well, 0);
                self.done(action, true);
            }
            Action::ReadDcd => {
                self.rig.engine(|engine| engine.carrier(None));
                self.done(action, true);
            }
            _ => self.done(action, true),
        }
        manner == Manner::Well
    }

    fn done(&mut self, action: Action, in_time: bool) {
        self.rig
            .engine(|engine| engine.finish_action(action, in_time));
        self.transactor = Transactor::Asks;
    }

    /// The time of the transaction in flight is over.
    pub(super) fn time_out(&mut self) {
        let now = self.rig.now;
        self.rig.now = self.rig.engine(|engine| engine.deadline()).max(now);
        if let Transactor::Waits(job) = self.transactor {
            self.done(Action::Run(job), false);
        }
    }

    /// The runner is dropped, or the serial line fails, after which nobody waits. Then it is run again.
    pub(super) fn rerun(&mut self, has_failed: bool) -> bool {
        let Some(buffer) = self.buffers.pop() else {
            return false;
        };
        self.is_shaken = true;
        self.rig.engine(|engine| engine.stop(has_failed));
        if has_failed && !self.is_lazy {
            self.run_tasks();
            for (index, handle) in self.handles.iter().enumerate() {
                let waits = handle.call.is_some() || handle.reads;
                assert!(!waits, "handle {index} waits for a runner that has ended");
            }
        }
        self.receiver = Receiver::new(self.rig.shared, buffer);
        self.stalled_since = None;
        self.rig.start();
        self.transactor = Transactor::Asks;
        true
    }

    /// The user wants another link, or none.
    pub(super) fn change_link(&mut self, event: Event) {
        self.changes = self.changes.saturating_sub(1);
        self.is_turned = true;
        self.rig.engine(|engine| match event {
            Event::Wish(mode) => engine.set_link(mode),
            _ => {
                let other = AccessPoint::new(OTHER_APN).expect("a name");
                engine.set_access_point(other);
            }
        });
        match event {
            Event::Wish(mode) => self.wish = mode,
            _ => self.wants_other = true,
        }
    }

    /// The handle that was given a key.
    pub(super) fn handle_of(&self, key: Key) -> Option<usize> {
        self.handles
            .iter()
            .rposition(|handle| handle.key == Some(key))
    }

    // ---- a full receive ring -------------------------------------------------------------------------------------

    /// The receiving half stops while a ring is full, and goes on when there is room.
    pub(super) fn look_after_stall(&mut self) {
        let now = self.rig.now;
        while self.rig.engine(|engine| engine.push.is_stalled()) {
            let since = *self.stalled_since.get_or_insert(now);
            let until = self.rig.engine(|engine| engine.stall_deadline(since));
            if until.is_some_and(|until| now < until) {
                return;
            }
            self.stalled_since = None;
            self.rig.at_its_time(|| self.receiver.digest());
        }
        if self.stalled_since.take().is_some() {
            self.rig.at_its_time(|| self.receiver.digest());
        }
    }

    /// Nobody makes room in time.
    pub(super) fn overrun(&mut self) {
        let now = self.rig.now;
        if let Some(since) = self.stalled_since {
            let until = self.rig.engine(|engine| engine.stall_deadline(since));
            self.rig.now = until.unwrap_or(now).max(now);
        }
    }
}
