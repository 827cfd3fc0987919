//! Access modes, and changes between them on a live socket (sections 1.2 and 2.1.10).

mod end_marker;
pub(crate) mod escape_guard;
pub(crate) mod push;
pub(crate) mod transparent;

use core::fmt;
use core::task::{Poll, Waker};

use embassy_time::Instant;

use crate::at::{AccessMode, ConnectId, ErrorCode, Fields, Remote, ServiceType};
use crate::engine::access_mode::transparent::{StreamPart, Streams};
use crate::engine::exchange::in_flight::{Final, Stage};
use crate::engine::exchange::job::{Job, Key, Outcome, Reason};
use crate::engine::input::LineKind;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::engine::sockets::turn::MAX_READ_LENGTH;
use crate::engine::{Engine, LinkState};
use crate::error::Error;

/// What the table does for access modes other than the buffer mode, and for changes between them.
pub(crate) trait ModePart: fmt::Debug + Sync {
    /// The header of data that follows at once. `None` if it is no such header.
    fn pushed(
        &self,
        engine: &mut Engine<'_>,
        id: ConnectId,
        length: u32,
        remote: Fields<'_>,
    ) -> Option<LineKind>;
    /// Looks after a payload that is coming, and says when to look again.
    fn watch(&self, engine: &mut Engine<'_>, now: Instant) -> Instant;
    /// The rest of it will not come.
    fn give_up(&self, engine: &mut Engine<'_>, key: Key);
    /// The command is about to be written: whether `CONNECT` is to end it.
    fn begin(&self, engine: &mut Engine<'_>, job: Job) -> bool;
    /// How this line ends a transaction that hands over the serial line, if it does.
    fn connected(&self, engine: &Engine<'_>, line: &[u8]) -> Option<Final>;
    /// The transaction in flight has ended with this line.
    fn ended(&self, engine: &mut Engine<'_>, line: Final) -> LineKind;
    /// Bytes were lost that may have been those of any stream whose data comes unasked.
    fn fail_if_corrupt(&self, engine: &mut Engine<'_>);
    /// Nobody knows this line: it may be data whose header was lost.
    fn suspect(&self, engine: &mut Engine<'_>, line: &[u8]);
    /// Until when to wait for what the runner is doing, if that is not over by `now`.
    fn deadline(&self, engine: &Engine<'_>, now: Instant) -> Instant;
    /// While a full receive ring holds up the serial line.
    fn poll_room(
        &self,
        engine: &mut Engine<'_>,
        since: Instant,
        now: Instant,
        waker: &Waker,
    ) -> Option<Instant>;
    /// What to do next on the way to another access mode.
    fn switch(&self, slot: &mut Slot<'_>, key: Key, mode: AccessMode) -> Job;
    /// What came of that.
    fn switched(&self, engine: &mut Engine<'_>, key: Key, outcome: &Outcome);
}

#[derive(Debug)]
struct Modes;

impl ModePart for Modes {
    fn pushed(
        &self,
        engine: &mut Engine<'_>,
        id: ConnectId,
        length: u32,
        remote: Fields<'_>,
    ) -> Option<LineKind> {
        let Remote(peer) = remote.whole()?;
        Some(engine.pushed(id, length, peer))
    }

    fn watch(&self, engine: &mut Engine<'_>, now: Instant) -> Instant {
        engine.watch_arrival(now)
    }

    fn give_up(&self, engine: &mut Engine<'_>, key: Key) {
        engine.give_up_arrival(key);
    }

    fn begin(&self, engine: &mut Engine<'_>, job: Job) -> bool {
        engine.begin_mode(job)
    }

    fn connected(&self, engine: &Engine<'_>, line: &[u8]) -> Option<Final> {
        match line {
            _ if !engine.awaits_connect() => None,
            b"NO CARRIER" => Some(Final::Error(Reason::Code(ErrorCode::CONNECT_FAILED))),
            _ => line.starts_with(b"CONNECT").then_some(Final::Connect),
        }
    }

    fn ended(&self, engine: &mut Engine<'_>, line: Final) -> LineKind {
        engine.switched(line)
    }

    fn fail_if_corrupt(&self, engine: &mut Engine<'_>) {
        engine.distrust_streams();
    }

    fn suspect(&self, engine: &mut Engine<'_>, line: &[u8]) {
        if !is_plausible(line) {
            engine.distrust_streams();
        }
    }

    fn deadline(&self, engine: &Engine<'_>, now: Instant) -> Instant {
        engine.pushed_patience(now)
    }

    fn poll_room(
        &self,
        engine: &mut Engine<'_>,
        since: Instant,
        now: Instant,
        waker: &Waker,
    ) -> Option<Instant> {
        engine.wait_for_room(since, now, waker)
    }

    fn switch(&self, slot: &mut Slot<'_>, key: Key, mode: AccessMode) -> Job {
        slot.switch(key, mode)
    }

    fn switched(&self, engine: &mut Engine<'_>, key: Key, outcome: &Outcome) {
        engine.switch_done(key, outcome);
    }
}

/// Whether a module could have said this, though it is no word of the note.
fn is_plausible(line: &[u8]) -> bool {
    let capital = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b':');
    match line.strip_prefix(b"+") {
        Some(name) => !name.starts_with(b"QIURC"),
        None => line.iter().all(capital),
    }
}

impl Engine<'_> {
    /// Somebody wants this access mode.
    pub(crate) fn enable(&mut self, mode: AccessMode) {
        if mode != AccessMode::Buffer {
            self.parts.modes = Some(&Modes);
        }
        if mode == AccessMode::Transparent {
            self.parts.streams = Some(&Streams);
        }
    }

    /// Everything that some program may use.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn enable_all(&mut self) {
        self.enable(AccessMode::Transparent);
        self.enable_datagrams();
        self.enable_listeners();
        self.lookup();
        self.at();
    }

    // ---- changes on a live socket (section 2.1.10) -------------------------------------------------------------------

    pub(crate) fn awaits_connect(&self) -> bool {
        self.in_flight
            .as_ref()
            .is_some_and(|in_flight| in_flight.stage == Stage::Connect && !in_flight.is_concluded())
    }

    /// The command is about to be written: whether `CONNECT` is to end it.
    fn begin_mode(&mut self, job: Job) -> bool {
        match job {
            Job::Open(key) => {
                let mode = self.slot(key).map(|slot| (slot.id, slot.mode));
                if let Some((id, AccessMode::DirectPush)) = mode {
                    // A listener's own mode is for those it accepts.
                    let pushes = self.slot(key).is_some_and(|slot| !slot.is_listener());
                    self.set_pushing(id, pushes);
                }
                matches!(mode, Some((_, AccessMode::Transparent)))
            }
            Job::Switch { mode, .. } => mode == AccessMode::Transparent,
            Job::Resume(_) => true,
            _ => false,
        }
    }

    /// The transaction in flight has ended with this line. A change of mode holds from its line end on.
    fn switched(&mut self, line: Final) -> LineKind {
        let Some(job) = self.in_flight.as_ref().map(|in_flight| in_flight.job) else {
            return LineKind::Final;
        };
        match (job, line) {
            (Job::Open(key) | Job::Switch { key, .. } | Job::Resume(key), Final::Connect) => {
                if let Some(slot) = self.slot(key) {
                    slot.opened();
                }
                if let Some(part) = self.parts.streams {
                    part.begin(self, key);
                }
                LineKind::Connected
            }
            (Job::Switch { key, mode }, Final::Ok) => {
                let Some(slot) = self.slot(key) else {
                    return LineKind::Final;
                };
                slot.set_mode(mode);
                let id = slot.id;
                self.set_pushing(id, mode == AccessMode::DirectPush);
                LineKind::Final
            }
            _ => LineKind::Final,
        }
    }

    fn switch_done(&mut self, key: Key, outcome: &Outcome) {
        let Some(slot) = self.slot(key) else { return };
        match *outcome {
            Outcome::Done(_) | Outcome::SendFail => {}
            // In which mode it is now, and whose the bytes on the line are, is anybody's guess.
            Outcome::NoAnswer => {
                slot.fail(Error::DataLost);
                self.link.suspect_line();
            }
            Outcome::Refused(reason) => {
                let to_line = slot.wanted_mode == Some(AccessMode::Transparent);
                if to_line && !slot.resume && slot.was_transparent {
                    slot.resume = true;
                    return;
                }
                slot.resume = false;
                slot.wanted_mode = None;
                slot.mode_refused = Some(reason.code());
                // It may be closed.
                slot.state_check_due = true;
                slot.writer.wake();
                self.check_context(reason.code());
            }
        }
    }

    /// Asks for another access mode.
    pub(crate) fn want_mode(&mut self, key: Key, mode: AccessMode) -> Result<(), Error> {
        self.enable(mode);
        let Some(slot) = self.slot(key) else {
            return Err(Error::Closed);
        };
        let is_supported = cfg!(feature = "transparent")
            && matches!(slot.service, ServiceType::Tcp | ServiceType::TcpIncoming);
        if mode == AccessMode::Transparent && !is_supported {
            return Err(Error::Unsupported);
        }
        slot.mode_refused = None;
        slot.suspended = false;
        slot.wanted_mode = Some(mode).filter(|_| mode != slot.mode);
        let transparent = slot.mode == AccessMode::Transparent;
        if slot.wanted_mode.is_some() {
            if transparent {
                self.receiver.wake();
            }
            self.wake_runner();
        }
        Ok(())
    }

    /// Ready when the module has taken up the access mode that was asked for last.
    pub(crate) fn poll_mode(&mut self, key: Key, waker: &Waker) -> Poll<Result<(), Error>> {
        let Some(slot) = self.slot(key) else {
            return Poll::Ready(Err(Error::Closed));
        };
        if let Some(code) = slot.mode_refused.take() {
            return Poll::Ready(Err(Error::from_code(code)));
        }
        if let Some(error) = slot.unwritable() {
            return Poll::Ready(Err(error));
        }
        if slot.wanted_mode.is_none() {
            return Poll::Ready(Ok(()));
        }
        slot.writer.register(waker);
        Poll::Pending
    }

    pub(crate) fn mode(&mut self, key: Key) -> AccessMode {
        self.slot(key).map_or(AccessMode::Buffer, |slot| slot.mode)
    }

    /// The link, as users see it.
    pub(crate) fn link_state(&self) -> LinkState {
        match self.link.state() {
            LinkState::Up if self.stream.is_some() => LinkState::Occupied,
            state => state,
        }
    }

    // ---- transparent access mode -------------------------------------------------------------------------------------

    /// What to call for the connection that has the line, if one has.
    pub(crate) fn stream_part(&self) -> Option<&'static dyn StreamPart> {
        self.stream.as_ref().map(|stream| stream.part)
    }

    /// Takes in what came over a line that belongs to a connection, and says how much of it. `None`: the line is the
    /// module's again.
    pub(crate) fn stream_in(&mut self, epoch: u8, bytes: &[u8]) -> Option<usize> {
        if epoch != self.epoch {
            return None;
        }
        self.stream_part()?.take_in(self, bytes)
    }

    /// Whether what goes out over a line that belongs to a connection has to leave the UART driver before anything else
    /// can: nothing waits behind the next `count` bytes.
    pub(crate) fn is_last(&mut self, key: Key, count: usize) -> bool {
        self.stream.is_none() || self.slot(key).is_none_or(|slot| slot.tx.len() <= count)
    }

    /// The runner has written to a line that belongs to a connection, or could not.
    pub(crate) fn written(&mut self, key: Key, count: usize, is_done: bool, now: Instant) {
        let Some(part) = self.stream_part() else {
            return;
        };
        if is_done {
            part.carried(self, key, count, now);
        } else {
            part.stuck(self);
        }
    }

    /// What the DCD line says about data mode, if it is wired.
    pub(crate) fn carrier(&mut self, carrier: Option<bool>) {
        if let Some(part) = self.stream_part() {
            part.carrier(self, carrier);
        }
    }

    /// Whether the serial line may be given to one connection: nobody waits for a word of the module, and nobody's data
    /// would follow the word that gives the line back.
    pub(crate) fn prepares_line(&mut self) -> bool {
        let mut ready = !self.lookup.is_asked();
        for slot in self.slots() {
            ready &= slot.phase != Phase::Opening;
            if slot.phase == Phase::Open
                && slot.mode == AccessMode::DirectPush
                && !slot.is_listener()
            {
                ready = false;
                slot.wanted_mode.get_or_insert(AccessMode::Buffer);
                slot.suspended = true;
            }
        }
        ready
    }

    /// The line is the module's again: it may push as before.
    pub(crate) fn resume_pushes(&mut self) {
        for slot in self.slots() {
            if core::mem::take(&mut slot.suspended) && slot.phase == Phase::Open {
                slot.wanted_mode = Some(AccessMode::DirectPush);
            }
        }
    }
}

impl Slot<'_> {
    /// Whether the next transaction may give the serial line to this socket.
    pub(crate) fn wants_line(&self) -> bool {
        match self.phase {
            Phase::Wanted => self.mode == AccessMode::Transparent,
            _ => self.wanted_mode == Some(AccessMode::Transparent),
        }
    }

    /// On the way to another access mode: first what the module holds in the present one, as far as there is room.
    fn switch(&mut self, key: Key, mode: AccessMode) -> Job {
        let room = self.rx.free().min(MAX_READ_LENGTH);
        let has_room = if self.is_datagram() {
            self.has_room()
        } else {
            room > 0
        };
        if self.mode == AccessMode::Buffer && self.may_have_data && has_room {
            let length = if self.is_datagram() {
                MAX_READ_LENGTH
            } else {
                room
            };
            return self.read(key, length as u16);
        }
        if self.resume {
            return Job::Resume(key);
        }
        Job::Switch { key, mode }
    }

    /// The module has taken up another access mode, other than the transparent one.
    pub(crate) fn set_mode(&mut self, mode: AccessMode) {
        self.recount_received |= self.mode != AccessMode::Buffer;
        self.recount_sent |= self.mode == AccessMode::Transparent;
        self.was_transparent |= self.mode == AccessMode::Transparent;
        self.mode = mode;
        self.wanted_mode = None;
        self.resume = false;
        // It may have kept something back, if that is still of use to anyone.
        if !self.shutdown {
            self.notice(None);
        }
        self.writer.wake();
    }
}
