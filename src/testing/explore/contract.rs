//! What has to hold in a world.

use super::Event;
use super::handle::{Call, Handle, Kind};
use super::module::{Connection, Manner, State};
use super::world::{Transactor, World};
use crate::engine::{Action, LinkMode, LinkState};
use crate::error::{Error, LinkError};
use crate::util::time::NEVER;

use embassy_time::Duration;

/// Seconds after which all that is waited for has ended: the longest time limit is that of an open, 150 s.
const LONGEST_WAIT: u64 = 400;
/// No world needs as many steps to come to rest.
const PATIENCE: usize = 3000;

impl World<'_> {
    /// The last connection of a handle, by its place in the module's list.
    pub(super) fn serial(&self, index: usize) -> Option<usize> {
        let mut connections = self.module.connections.iter();
        connections.rposition(|connection| connection.handle == index)
    }

    fn connection(&self, index: usize) -> Option<&Connection> {
        self.serial(index)
            .map(|serial| &self.module.connections[serial])
    }

    // ---- what users are told -------------------------------------------------------------------------------------

    pub(super) fn check_connected(&mut self, index: usize) {
        let was_open = self
            .connection(index)
            .is_some_and(|connection| connection.was_open);
        assert!(was_open, "handle {index} is connected without a connection");
        self.handles[index].is_connected = true;
    }

    /// `Ok(0)`: the peer has closed, and nothing is missing.
    pub(super) fn check_end(&self, index: usize) {
        let received = self.handles[index].received;
        let connection = self.connection(index).expect("the end of a connection");
        assert!(connection.ended, "an end of stream that is none");
        assert_eq!(
            received, connection.arrived,
            "Ok(0) although data is missing"
        );
    }

    /// The module has what was written. Of datagrams some may be lost, and one is a command if its prompt was.
    pub(super) fn check_sent(&self, index: usize, call: Call) {
        if self.handles[index].written == 0 {
            return;
        }
        let written = self.written(index);
        let connection = self.connection(index).expect("a connection");
        let accepted = &connection.accepted;
        // What is on its way when data mode ends is lost, and nothing tells of it.
        let has_line = connection.state == State::Open && !self.is_shaken;
        if self.handles[index].kind == Kind::Transparent && !has_line {
            return;
        }
        if self.handles[index].kind == Kind::Udp {
            let mut left = written.iter();
            assert!(
                connection.is_garbled || accepted.iter().all(|byte| left.any(|sent| sent == byte)),
                "{accepted:?}"
            );
        } else {
            assert_eq!(*accepted, written, "{call:?} of handle {index} is done");
        }
    }

    /// An error needs a reason.
    pub(super) fn failed(&mut self, index: usize, call: Call, error: Error) {
        let handle = &self.handles[index];
        let is_fine = self
            .connection(index)
            .is_some_and(|connection| connection.state == State::Open);
        let has_reason = self.is_shaken
            || self.blamed.contains(&index)
            || handle.is_closing
            || self.is_turned && error == Error::Link(LinkError::TurnedOff)
            || self.has_overrun && error == Error::Overrun;
        assert!(
            has_reason || !is_fine,
            "{call:?} of handle {index} has failed without a reason: {error}"
        );
        // `SEND OK` may be in the UART that was held up.
        let sends = matches!(call, Call::Flush | Call::Close) && error != Error::Overrun;
        if sends && !self.is_shaken && self.blamed.is_empty() {
            let accepted = self
                .connection(index)
                .map(|connection| &connection.accepted);
            assert_ne!(
                accepted,
                Some(&self.written(index)),
                "{call:?} has failed: {error}"
            );
        }
        self.handles[index].failed = Some(error);
    }

    // ---- wake-ups ------------------------------------------------------------------------------------------------

    /// A task that has not been woken has nothing to do, and neither has the runner. This changes the state: nothing is done
    /// with the world afterwards but [`settle`](Self::settle).
    pub(super) fn check_wakes(&mut self) {
        // A future that has not been woken does not look: another one does.
        self.futures.clear();
        for index in 0..self.handles.len() {
            if let Some(call) = self.handles[index].call {
                self.poll_call(index);
                assert_eq!(
                    self.handles[index].call,
                    Some(call),
                    "{call:?} of handle {index} was not woken"
                );
            }
            if self.handles[index].reads {
                self.poll_read(index);
                assert!(
                    self.handles[index].reads,
                    "the reader of handle {index} was not woken"
                );
            }
        }
        if let (Transactor::Sleeps(until), false) = (self.transactor, self.is_ready()) {
            match self.rig.next() {
                Action::Wait(next) if next >= until => {}
                other => {
                    panic!("the runner sleeps until {until:?}, and was not woken for {other:?}")
                }
            }
        }
    }

    // ---- every wait ends -----------------------------------------------------------------------------------------

    /// From now on everything goes well. Every wait ends, the peers close, the handles are dropped, and nothing is left.
    pub(super) fn settle(&mut self) {
        self.faults = 0;
        if self.wish != LinkMode::Off && self.module.link.is_off {
            // By hand.
            self.module.restart();
        }
        // While one connection has the UART everything else waits.
        let is_line = |handle: &Handle| handle.kind == Kind::Transparent && !handle.is_gone;
        if self.limits.handles > 1 && self.handles.first().is_some_and(is_line) {
            self.use_handle(Event::Drop(0));
        }
        self.go_on();
        for (index, handle) in self.handles.iter().enumerate() {
            assert_eq!(handle.call, None, "handle {index} waits for ever");
        }
        for id in 0..self.module.ids.len() {
            let connection = self.module.at(id);
            if connection.is_some_and(|at| at.state == State::Open && at.is_stream()) {
                self.module.end(id);
            }
        }
        for index in 0..self.handles.len() {
            self.read_to_end(index);
        }
        for index in 0..self.handles.len() {
            if !self.handles[index].is_gone {
                self.use_handle(Event::Drop(index as u8));
            }
        }
        self.go_on();
        assert!(self.rig.all_free(), "a slot is in use for ever");
        self.check_link();
        // After two faults the next open on its connectID may have to close it (563).
        if !self.has_secret && self.limits.faults < 2 {
            let left = self.module.ids.iter().position(Option::is_some);
            assert_eq!(left, None, "the module still has a connection");
        }
    }

    /// The link is as the user wants it, and comes back.
    fn check_link(&mut self) {
        let state = self.rig.engine(|engine| engine.link_state());
        if self.wish != LinkMode::Up {
            assert!(matches!(state, LinkState::TurnedOff(_)), "{state:?}");
            // A refused deactivation counts.
            let is_active = self.module.link.context && self.blamed.is_empty();
            assert!(!is_active, "the context is active");
            if self.module.link.is_off {
                self.module.restart();
            }
            self.change_link(Event::Wish(LinkMode::Up));
            self.go_on();
            return self.check_link();
        }
        assert_eq!(state, LinkState::Up);
        let link = &self.module.link;
        if self.limits.changes > 0 {
            assert!(link.context, "the link is up without a context");
            assert_eq!(link.leads_to_other, self.wants_other, "the access point");
        }
    }

    fn read_to_end(&mut self, index: usize) {
        let kind = self.handles[index].kind;
        if let Kind::Listener | Kind::Lookup | Kind::Command = kind {
            return;
        }
        let is_udp = kind == Kind::Udp;
        // Datagrams may be lost, with a fault.
        if is_udp && (self.is_shaken || !self.blamed.is_empty()) {
            return;
        }
        loop {
            let arrived = self.connection(index).map_or(0, |at| at.arrived);
            let handle = &mut self.handles[index];
            if is_udp && handle.received >= arrived {
                return;
            }
            if !handle.is_connected || handle.is_gone || handle.is_over {
                return;
            }
            handle.reads = true;
            self.poll_read(index);
            self.go_on();
            assert!(
                !self.handles[index].reads,
                "the reader of handle {index} waits for ever"
            );
        }
    }

    /// Until nothing is to be done, or only what is done again and again.
    fn go_on(&mut self) {
        let end = self.rig.now + Duration::from_secs(LONGEST_WAIT);
        for _ in 0..PATIENCE {
            let opening = (0..self.module.ids.len()).find(|id| {
                self.module
                    .at(*id)
                    .is_some_and(|at| at.state == State::Opening)
            });
            let event = if self.stalled_since.is_some() {
                Event::Overrun
            } else if !self.is_silent() {
                Event::Line
            } else if let Some(id) = opening {
                Event::Opened(id as u8)
            } else if self.module.lookup.is_some() {
                Event::Resolved
            } else if self.is_ready() {
                Event::Run(Manner::Well)
            } else {
                match self.transactor {
                    Transactor::Waits(_) => Event::TimeOut,
                    Transactor::Sleeps(until) if until < NEVER && self.rig.now < end => Event::Wait,
                    _ => return,
                }
            };
            self.apply(event);
        }
        panic!("no rest: {:?}", self.rig.next());
    }
}
