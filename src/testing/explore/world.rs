//! One engine with the receiving half of the runner, and around it users, the transmitting half, a module and a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Wake;
use std::vec::Vec;

use embassy_time::Instant;

use super::fingerprint::Fingerprint;
use super::handle::{Call, Handle, Kind, Work};
use super::module::{Manner, Module, State};
use super::{Event, Limits};
use crate::engine::rig::Rig;
use crate::engine::{Job, LinkMode};
use crate::error::Error;
use crate::runner::receive::Receiver;
use crate::testing::digester::feed;
use crate::util::time::NEVER;

/// A task of the user, as an executor has it.
#[derive(Debug, Default)]
pub(super) struct Task(AtomicBool);

impl Task {
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Relaxed)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// What the transmitting half of the runner is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transactor {
    /// It asks the engine what comes next.
    Asks,
    /// It waits for the final result code, or for the prompt.
    Waits(Job),
    Sleeps(Instant),
}

pub(super) struct World<'d> {
    pub(super) rig: Rig<'d>,
    pub(super) receiver: Receiver<'d, &'d mut [u8]>,
    /// For the runner when it is run again.
    pub(super) buffers: Vec<&'d mut [u8]>,
    /// Since when a full receive ring has held up the UART.
    pub(super) stalled_since: Option<Instant>,
    pub(super) module: Module,
    pub(super) transactor: Transactor,
    pub(super) handles: Vec<Handle>,
    pub(super) tasks: &'d [Arc<Task>],
    /// What they poll: two for each handle.
    pub(super) futures: Vec<Option<Work<'d>>>,
    pub(super) limits: Limits,
    /// A receive ring has held up the UART for too long.
    pub(super) has_overrun: bool,
    /// Faults that may still happen.
    pub(super) faults: usize,
    /// What the user wants of the link, whether through the other access point, and how often that may still change.
    pub(super) wish: LinkMode,
    pub(super) wants_other: bool,
    pub(super) changes: usize,
    /// Everything may fail because the user has wanted no link, or another one.
    pub(super) is_turned: bool,
    /// Everything may fail: the module or the runner was restarted, or the context was lost.
    pub(super) is_shaken: bool,
    /// The handles that a fault was about; all of them if it was about nobody.
    pub(super) blamed: Vec<usize>,
    /// The module has a connection that the host was never told of.
    pub(super) has_secret: bool,
    /// Whom the last event has woken for nothing.
    pub(super) idle_wakes: Vec<Call>,
    /// Tasks that were woken do not run yet.
    pub(super) is_lazy: bool,
    /// What each handle was told.
    pub(super) told: Vec<(usize, Call, Result<(), Error>)>,
}

impl<'d> World<'d> {
    pub(super) fn new(
        rig: Rig<'d>,
        mut buffers: Vec<&'d mut [u8]>,
        tasks: &'d [Arc<Task>],
        limits: Limits,
    ) -> Self {
        for task in tasks {
            task.take();
        }
        let buffer = buffers.pop().expect("a buffer");
        Self {
            receiver: Receiver::new(rig.shared, buffer),
            rig,
            buffers,
            stalled_since: None,
            has_overrun: false,
            module: Module::new(),
            transactor: Transactor::Asks,
            handles: Vec::new(),
            tasks,
            futures: Vec::new(),
            limits,
            faults: limits.faults,
            wish: LinkMode::Up,
            wants_other: false,
            changes: limits.changes,
            is_turned: false,
            is_shaken: false,
            blamed: Vec::new(),
            has_secret: false,
            idle_wakes: Vec::new(),
            is_lazy: false,
            told: Vec::new(),
        }
    }

    /// A number for its state.
    pub(super) fn fingerprint(&mut self) -> u64 {
        let mut print = Fingerprint::new(self.rig.now);
        self.rig.engine(|engine| print.add(engine));
        print.add(&self.receiver.state());
        print.add(&(
            self.stalled_since,
            self.transactor,
            self.faults,
            self.is_shaken,
            self.changes,
            self.wants_other,
        ));
        print.add(&self.module);
        print.add(&self.handles);
        print.add(&self.buffers.len());
        print.finish()
    }

    // ---- what can happen -----------------------------------------------------------------------------------------

    /// The events that are possible now.
    pub(super) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.runner_events(&mut events);
        self.module_events(&mut events);
        self.network_events(&mut events);
        self.user_events(&mut events);
        events
    }

    fn runner_events(&self, events: &mut Vec<Event>) {
        let has_faults = self.faults > 0;
        let is_ready = self.is_ready();
        if is_ready {
            events.push(Event::Run(Manner::Well));
            let waits = matches!(self.transactor, Transactor::Waits(_));
            let writes = !waits || self.module.has_prompt();
            if writes && has_faults {
                let manners = [Manner::Refuses, Manner::Misses, Manner::Mute];
                events.extend(manners.map(Event::Run));
            }
        }
        if self.stalled_since.is_some() {
            events.push(Event::Overrun);
            return;
        }
        match self.transactor {
            Transactor::Waits(_) if !is_ready && (has_faults || self.is_silent()) => {
                events.push(Event::TimeOut);
            }
            // The answer to a lookup has to arrive within its time.
            Transactor::Sleeps(until)
                if until < NEVER && (self.is_silent() || !self.looks_up()) =>
            {
                events.push(Event::Wait);
            }
            _ => {}
        }
    }

    fn module_events(&self, events: &mut Vec<Event>) {
        if self.stalled_since.is_some() {
            return;
        }
        if !self.is_silent() {
            events.push(Event::Line);
            // Of a lost byte of a data line nothing tells.
            if self.faults > 0 && !self.module.is_raw() {
                events.push(Event::LoseLine);
            }
        }
        if self.faults > 0 {
            events.extend(self.limits.strange);
        }
    }

    fn network_events(&self, events: &mut Vec<Event>) {
        for (id, connection) in (0..).zip(&self.module.ids) {
            let Some(connection) = connection.map(|index| &self.module.connections[index]) else {
                continue;
            };
            match connection.state {
                State::Opening => events.extend([Event::Opened(id), Event::Failed(id)]),
                State::Open if connection.is_listener => {
                    if self.module.connections.len() < self.limits.handles {
                        events.push(Event::Incoming(id));
                    }
                }
                State::Open => {
                    if !connection.is_datagram {
                        events.push(Event::End(id));
                    }
                    if connection.arrived < self.limits.bytes {
                        events.push(Event::Data(id));
                    }
                }
                State::Ended | State::Gone => {}
            }
        }
        if self.module.lookup.is_some() {
            events.extend([Event::Resolved, Event::Unresolved]);
        }
        let mut connections = self.module.connections.iter();
        if self.limits.late_closed && connections.any(|connection| connection.late_closed) {
            events.push(Event::LateClosed);
        }
    }

    fn user_events(&self, events: &mut Vec<Event>) {
        if self.handles.len() < self.limits.handles {
            events.push(Event::Connect);
        }
        if self.changes > 0 {
            events.extend(self.limits.wishes);
        }
        for (index, handle) in (0..).zip(&self.handles) {
            if handle.is_gone {
                continue;
            }
            events.push(Event::Drop(index));
            if !handle.is_connected || handle.is_closing {
                continue;
            }
            if !handle.reads && !handle.is_over {
                events.push(Event::Read(index));
            }
            if handle.kind == Kind::Listener || handle.call.is_some() {
                continue;
            }
            if handle.kind == Kind::Transparent {
                events.push(Event::SwitchMode(index));
            }
            if handle.written < self.limits.bytes {
                events.push(Event::Write(index));
            }
            if handle.written > 0 {
                events.extend([Event::Flush(index), Event::Abort(index)]);
            }
            // It takes the handle, which the reader borrows.
            if !handle.reads {
                events.push(Event::Close(index));
            }
        }
    }

    fn looks_up(&self) -> bool {
        self.limits.kinds.contains(&Kind::Lookup)
    }

    /// The module will not say any more by itself.
    pub(super) fn is_silent(&self) -> bool {
        self.module.output.is_empty()
    }

    /// Whether the transmitting half of the runner can go on.
    pub(super) fn is_ready(&self) -> bool {
        match self.transactor {
            Transactor::Asks => true,
            Transactor::Waits(_) => self.rig.is_answered(),
            Transactor::Sleeps(until) => {
                self.rig.now >= until
                    || self
                        .rig
                        .engine(|engine| engine.exchange.poll_work().is_ready())
            }
        }
    }

    // ---- what happens --------------------------------------------------------------------------------------------

    /// Lets an event happen, and the tasks that it wakes run. False if it cannot happen.
    pub(super) fn apply(&mut self, event: Event) -> bool {
        self.idle_wakes.clear();
        if event.is_fault() || event == Event::TimeOut && !self.is_silent() {
            self.faults = self.faults.saturating_sub(1);
            self.blame(event);
        }
        if self.is_lazy && event.is_of_user() {
            // What is dropped is told nothing.
            let ends = matches!(event, Event::Drop(_) | Event::Abort(_) | Event::Close(_));
            if ends || !self.events().contains(&event) {
                return false;
            }
        }
        let happened = self.happen(event);
        self.module.limit_lookup(self.rig.now);
        if !self.is_lazy {
            self.run_tasks();
        }
        self.look_after_stall();
        if !self.is_lazy {
            self.run_tasks();
        }
        self.rig.check();
        happened
    }

    fn happen(&mut self, event: Event) -> bool {
        match event {
            Event::Run(manner) => return self.run(manner),
            Event::TimeOut => self.time_out(),
            Event::Wait => {
                if let Transactor::Sleeps(until) = self.transactor {
                    self.rig.now = self.rig.now.max(until);
                }
            }
            Event::Overrun => {
                self.has_overrun = true;
                self.overrun();
            }
            Event::Rerun => return self.rerun(false),
            Event::LineFails => return self.rerun(true),
            Event::Replug => {
                self.module.restart();
                self.module.output.clear();
                return self.rerun(false);
            }
            Event::Line => {
                if let Some(line) = self.module.output.pop_front() {
                    self.rig.at_its_time(|| feed(&mut self.receiver, &line));
                }
            }
            Event::LoseLine => {
                let line = self.module.output.pop_front().unwrap_or_default();
                self.has_secret |= line.starts_with(b"\r\n+QIURC: \"incoming\"");
            }
            Event::Say(line) => {
                let receiver = &mut self.receiver;
                self.rig.at_its_time(|| feed(receiver, line.as_bytes()));
            }
            Event::Restart => {
                self.is_shaken = true;
                self.module.restart();
            }
            Event::LoseContext => {
                self.is_shaken = true;
                self.module.lose_context();
                self.module.say("+QIURC: \"pdpdeact\",1");
            }
            Event::Opened(id) => self.module.opened(id.into(), true),
            Event::Failed(id) => self.module.opened(id.into(), false),
            Event::Incoming(id) => return self.module.incoming(id.into()),
            Event::Data(id) => self.module.data(id.into()),
            Event::End(id) => self.module.end(id.into()),
            Event::LateClosed => self.module.late_closed(),
            Event::Resolved => self.module.resolved(true),
            Event::Unresolved => self.module.resolved(false),
            Event::Wish(_) | Event::AccessPoint => self.change_link(event),
            user => self.use_handle(user),
        }
        true
    }

    /// Whom a fault is about: the socket of the transaction in flight, or of the line.
    fn blame(&mut self, event: Event) {
        let everyone = 0..self.limits.handles;
        let id = match event {
            Event::LoseLine => self.module.output.front().and_then(|line| {
                let line = core::str::from_utf8(line).ok()?;
                let (_, fields) = line
                    .split_once("recv\",")
                    .or(line.split_once("closed\","))?;
                fields.trim_end().parse::<usize>().ok()
            }),
            _ => None,
        };
        let handle = match (id, self.transactor, event) {
            (Some(id), ..) => self.module.ids[id].map(|at| self.module.connections[at].handle),
            (None, Transactor::Waits(job), Event::TimeOut | Event::LoseLine) => {
                job.key().and_then(|key| self.handle_of(key))
            }
            // Before it is asked what comes next: see `run`.
            (None, Transactor::Asks | Transactor::Sleeps(_), Event::Run(_)) => return,
            _ => None,
        };
        match handle {
            Some(handle) => self.blamed.push(handle),
            None => self.blamed.extend(everyone),
        }
    }
}
