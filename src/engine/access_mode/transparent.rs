//! Transparent access mode: the serial line belongs to one connection (sections 1.2 and 3.3).
//!
//! What comes is the peer's, unless it is the module's: `NO CARRIER` when the connection has ended, `OK` after an escape.
//! Nothing but the time tells one from the other. So whatever may be the module's word is withheld from the reader as the
//! newest bytes of its ring. What follows shows that it was data, or silence and an escape show that it was not.

use core::fmt;

use embassy_time::{Duration, Instant};

use crate::at::AccessMode;
use crate::engine::Engine;
use crate::engine::access_mode::end_marker::{EndMarker, withheld};
use crate::engine::exchange::job::{Action, Escape, Key};
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;
use crate::util::slices::front;
use crate::util::time::{NEVER, after, earliest, get_or_set};
use crate::util::zeroed::Zeroed;

/// How long to be silent before and after `+++`: more than 1 s (section 1.2, quirk 88).
pub(crate) const GUARD: Duration = Duration::from_millis(1100);
/// Silence behind what may be the beginning of a word of the module's: it has no pauses within a line.
const HESITATION: Duration = Duration::from_millis(60);
/// How long the `OK` to an escape may take, after the silence.
const ANSWER_TIME: Duration = Duration::from_millis(1500);
/// How much longer than a re-check in other modes it takes until a silent connection is looked after: the line is taken
/// from it meanwhile.
const CHECK_AFTER: u32 = 12;
/// How often to try to get the line back.
const ESCAPE_TRIES: u8 = 5;
/// The longest notice that is of interest.
const LONGEST_NOTICE: usize = 96;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Data passes both ways.
    Data,
    /// The silence before an escape.
    Before,
    /// The escape was written at this time.
    After(Instant),
}

/// What the table does for transparent access mode.
pub(crate) trait StreamPart: fmt::Debug + Sync {
    /// Whether it may be this socket's turn: not if it wants the serial line and cannot be given it now.
    fn prepare(&self, engine: &mut Engine<'_>, key: Key) -> bool;
    /// `CONNECT`: from the next byte on all is data.
    fn begin(&self, engine: &mut Engine<'_>, key: Key);
    /// Takes in what came over the line, and says how much of it.
    fn take_in(&self, engine: &mut Engine<'_>, bytes: &[u8]) -> Option<usize>;
    /// What to do for the connection that has the line.
    fn next(&self, engine: &mut Engine<'_>, now: Instant) -> Option<Action>;
    /// So many bytes were written to the serial line.
    fn carried(&self, engine: &mut Engine<'_>, key: Key, count: usize, now: Instant);
    /// The serial line has taken no bytes for too long.
    fn stuck(&self, engine: &mut Engine<'_>);
    /// What the DCD line says about data mode, if it is wired.
    fn carrier(&self, engine: &mut Engine<'_>, carrier: Option<bool>);
}

#[derive(Debug)]
pub(crate) struct Streams;

impl StreamPart for Streams {
    fn prepare(&self, engine: &mut Engine<'_>, key: Key) -> bool {
        let wants_line = engine.slot(key).is_some_and(|slot| slot.wants_line());
        !wants_line || engine.prepares_line()
    }

    fn begin(&self, engine: &mut Engine<'_>, key: Key) {
        engine.begin_stream(key);
    }

    fn take_in(&self, engine: &mut Engine<'_>, bytes: &[u8]) -> Option<usize> {
        engine.take_in_stream(bytes)
    }

    fn next(&self, engine: &mut Engine<'_>, now: Instant) -> Option<Action> {
        engine.next_stream(now)
    }

    fn carried(&self, engine: &mut Engine<'_>, key: Key, count: usize, now: Instant) {
        engine.carried(key, count, now);
    }

    fn stuck(&self, engine: &mut Engine<'_>) {
        engine.lose_line(Some(Error::TimedOut));
    }

    fn carrier(&self, engine: &mut Engine<'_>, carrier: Option<bool>) {
        engine.look_at_carrier(carrier);
    }
}

/// The connection that has the line.
#[derive(Debug)]
pub(crate) struct Transparent {
    pub(crate) part: &'static dyn StreamPart,
    pub(crate) key: Key,
    stage: Stage,
    /// Since when nothing has come, as far as that was looked at.
    quiet_since: Instant,
    /// When the last bytes were sent, as far as that was looked at.
    pub(crate) sent_at: Instant,
    /// So many `+`, and nothing else, were sent since the last pause.
    pub(crate) pluses: Option<u8>,
    tries: u8,
    /// The DCD line was asked about what is withheld now.
    asked: bool,
    /// Nothing has come for so long that it has to be found out whether the connection is still there.
    checking: bool,
}

impl Transparent {
    /// When the escape under way was written.
    pub(crate) fn escaped_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::After(at) => Some(at),
            Stage::Data | Stage::Before => None,
        }
    }

    /// Whether somebody waits for the end of transparent access mode.
    pub(crate) fn is_leaving(&self) -> bool {
        self.stage != Stage::Data
    }
}

impl Engine<'_> {
    /// `CONNECT`: from the next byte on all is data.
    fn begin_stream(&mut self, key: Key) {
        if let Some(slot) = self.slot(key) {
            slot.mode = AccessMode::Transparent;
            slot.was_transparent = true;
            slot.wanted_mode = None;
            slot.resume = false;
            slot.withheld = 0;
            slot.wake();
        }
        self.stream = Some(Transparent {
            part: &Streams,
            key,
            stage: Stage::Data,
            quiet_since: NEVER,
            sent_at: NEVER,
            pluses: None,
            tries: 0,
            asked: false,
            checking: false,
        });
        self.wake_runner();
    }

    fn take_in_stream(&mut self, bytes: &[u8]) -> Option<usize> {
        let stream = self.stream.as_mut()?;
        let key = stream.key;
        let escaping = matches!(stream.stage, Stage::After(_));
        stream.quiet_since = NEVER;
        stream.asked = false;
        stream.checking = false;
        let Some(slot) = self.slot(key) else {
            self.drop_bytes(bytes.len());
            return Some(bytes.len());
        };
        let before = usize::from(slot.withheld);
        let taken = slot.rx.push(bytes);
        slot.received = slot.received.wrapping_add(taken as u32);
        let withheld = withheld(&slot.rx, before + taken, escaping);
        slot.withheld = withheld as u16;
        let (kept, failed) = (slot.is_kept(), slot.fault.is_some());
        let mut unwanted = 0;
        if !kept {
            // Nobody reads it: only what may be the module's has to be there.
            unwanted = slot.rx.len() - withheld;
            slot.rx.discard(unwanted);
        }
        if withheld < before + taken {
            slot.awaited = false;
            slot.reader.wake();
        }
        self.drop_bytes(unwanted);
        let left = bytes.len() - taken;
        let taken = if left > 0 && failed {
            // No reader will make room for what comes behind the failure.
            self.drop_bytes(left);
            bytes.len()
        } else {
            taken
        };
        if taken < bytes.len() && kept {
            self.stall = Some(key);
        }
        if withheld > 0 || self.stream.as_ref().is_some_and(Transparent::is_leaving) {
            // Somebody has to look at the clock.
            self.wake_runner();
        }
        Some(taken)
    }

    fn next_stream(&mut self, now: Instant) -> Option<Action> {
        let stream = self.stream.as_mut()?;
        let (key, stage) = (stream.key, stream.stage);
        let quiet_since = get_or_set(&mut stream.quiet_since, now);
        let tries = stream.tries;
        // DTR needs no silence. Should the module not heed it, there is the other way.
        let escape = if self.has_dtr && tries % 2 == 0 {
            Escape::Dtr
        } else {
            Escape::Plus
        };
        let guard = match stage {
            Stage::After(_) if self.has_dtr && tries % 2 == 1 => Duration::MIN,
            Stage::Data | Stage::Before if escape == Escape::Dtr => Duration::MIN,
            _ => GUARD,
        };
        let checking = stream.checking;
        let sent_at = get_or_set(&mut stream.sent_at, now);
        let Some(slot) = self.slot(key) else {
            // Its user is gone, and so is all that was known of it.
            self.lose_line(None);
            return Some(Action::Wait(now));
        };
        let leaving = slot.leaves_line(now);
        let word = slot.last_word();
        let failed = slot.fault.is_some();
        match stage {
            Stage::Data if leaving => {
                self.set_stage(Stage::Before);
                Some(Action::Wait(now))
            }
            Stage::Data => Some(self.pass_data(key, word, quiet_since, now)),
            // Data again: whatever was withheld is part of it.
            Stage::Before if !leaving && word.is_none() && !checking => {
                self.set_stage(Stage::Data);
                Some(Action::Wait(now))
            }
            Stage::Before => {
                let due = if leaving {
                    after(sent_at, guard)
                } else {
                    after(sent_at.max(quiet_since), guard)
                };
                if now < due {
                    return Some(Action::Wait(due));
                }
                self.set_stage(Stage::After(now));
                if let Some(stream) = &mut self.stream {
                    stream.tries += 1;
                    stream.quiet_since = NEVER;
                }
                // The line may be held up for a limited time only from now on.
                self.receiver.wake();
                Some(Action::Escape(escape))
            }
            Stage::After(since) => {
                let earliest = after(since, guard).max(after(quiet_since, HESITATION));
                if now < earliest {
                    return Some(Action::Wait(earliest));
                }
                let latest = after(after(since, guard), ANSWER_TIME);
                match word {
                    Some(EndMarker::Escaped) => self.escaped(key),
                    Some(EndMarker::Ended) if now >= latest => self.ended(key),
                    Some(EndMarker::Restarted) if now >= latest => {
                        let _ = self.on_restart();
                    }
                    _ if now < latest => return Some(Action::Wait(latest)),
                    _ if tries < ESCAPE_TRIES && !failed => self.set_stage(Stage::Before),
                    // Nobody answers: there is no data mode, and the word that ended it was lost.
                    _ if checking && !leaving => self.ended(key),
                    _ => self.lose_line(Some(Error::TimedOut)),
                }
                Some(Action::Wait(now))
            }
        }
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(stream) = &mut self.stream {
            stream.stage = stage;
            if stage == Stage::Data {
                stream.tries = 0;
            }
        }
    }

    /// Nobody wants the line back: bytes to be sent, or a doubt about the last that have come.
    fn pass_data(
        &mut self,
        key: Key,
        word: Option<EndMarker>,
        quiet_since: Instant,
        now: Instant,
    ) -> Action {
        let (asked, sent_at) = match &self.stream {
            Some(stream) => (stream.asked, stream.sent_at.min(now)),
            None => return Action::Wait(now),
        };
        let deadline = self.config.recheck * CHECK_AFTER;
        let Some(slot) = self.slot(key) else {
            return Action::Wait(now);
        };
        let mut wake_at = slot.deadline;
        if slot.withheld > 0 {
            let hesitates = after(quiet_since, HESITATION);
            if now < hesitates {
                earliest(&mut wake_at, hesitates);
            } else if word.is_none() {
                // The beginning of a word of the module's, and no more of it.
                slot.give_withheld();
            } else if !asked {
                if let Some(stream) = &mut self.stream {
                    stream.asked = true;
                }
                return Action::AskCarrier;
            } else {
                self.set_stage(Stage::Before);
                return Action::Wait(now);
            }
        }
        if slot.awaited && slot.tx.is_empty() && deadline > Duration::MIN {
            let due = after(quiet_since.max(sent_at), deadline);
            if now >= due {
                if let Some(stream) = &mut self.stream {
                    stream.stage = Stage::Before;
                    stream.checking = true;
                }
                return Action::Wait(now);
            }
            earliest(&mut wake_at, due);
        }
        // A module that has ended the connection would take what is sent now for commands.
        if word.is_some() {
            return Action::Wait(wake_at);
        }
        let Some(stream) = &mut self.stream else {
            return Action::Wait(wake_at);
        };
        let Some(Zeroed::Full(slot)) = self.slots.get(key.index()) else {
            return Action::Wait(wake_at);
        };
        if slot.tx.is_empty() {
            return Action::Wait(wake_at);
        }
        match stream.unmistakable(&slot.tx, now) {
            Ok(length) => Action::Carry {
                key,
                length: length as u16,
            },
            Err(later) => {
                earliest(&mut wake_at, later);
                Action::Wait(wake_at)
            }
        }
    }

    fn carried(&mut self, key: Key, count: usize, now: Instant) {
        let Some(slot) = self
            .slots
            .get_mut(key.index())
            .and_then(Zeroed::as_mut)
            .filter(|slot| slot.key == key)
        else {
            return;
        };
        if let Some(stream) = &mut self.stream {
            stream.sent(&slot.tx, count, now);
        }
        slot.accepted = slot.accepted.wrapping_add(count as u32);
        slot.tx.discard(count);
        slot.writer.wake();
    }

    fn look_at_carrier(&mut self, carrier: Option<bool>) {
        let Some(stream) = &self.stream else { return };
        let key = stream.key;
        match carrier {
            Some(true) => {
                if let Some(slot) = self.slot(key) {
                    slot.give_withheld();
                }
            }
            Some(false) => match self.slot(key).and_then(|slot| slot.last_word()) {
                Some(EndMarker::Restarted) => {
                    let _ = self.on_restart();
                }
                Some(_) => self.ended(key),
                None => {}
            },
            None => {}
        }
    }

    /// The line is the module's again, and the connection is in buffer access mode.
    fn escaped(&mut self, key: Key) {
        if let Some(slot) = self.slot(key) {
            let wanted = slot.wanted_mode;
            let goes_on = slot.phase == Phase::Open && !slot.shutdown && slot.has_handle;
            slot.set_mode(AccessMode::Buffer);
            slot.wanted_mode = match wanted {
                // The doubt is settled: all of it was data.
                None if goes_on => Some(AccessMode::Transparent),
                Some(AccessMode::DirectPush) => wanted,
                _ => None,
            };
        }
        self.give_back_line();
        self.replay_missed_urcs(Some((key, EndMarker::Escaped)));
    }

    /// `NO CARRIER`: the module has left transparent access mode with the connection.
    fn ended(&mut self, key: Key) {
        if let Some(slot) = self.slot(key) {
            slot.set_mode(AccessMode::Buffer);
            slot.closed_by_peer();
        }
        self.give_back_line();
        self.replay_missed_urcs(Some((key, EndMarker::Ended)));
        // `+++` may stand in front of the next command.
        self.link.resync();
    }

    /// Nobody knows what the line is.
    fn lose_line(&mut self, error: Option<Error>) {
        if let (Some(stream), Some(error)) = (&self.stream, error) {
            let key = stream.key;
            if let Some(slot) = self.slot(key) {
                slot.give_withheld();
                slot.fail(error);
            }
        }
        self.give_back_line();
        self.replay_missed_urcs(None);
        self.link.suspect_line();
    }

    fn give_back_line(&mut self) {
        self.stream = None;
        self.resume_pushes();
        self.give_up_payload();
        self.wake_runner();
    }

    /// While the line was not the module's, none of its notices came through. Those behind its word, at the end of what
    /// came for a connection, count.
    fn replay_missed_urcs(&mut self, words: Option<(Key, EndMarker)>) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let had_line = words.is_some_and(|(key, _)| key.index() == index);
            if let Some(slot) = slot.as_mut().filter(|slot| slot.phase == Phase::Open) {
                if !had_line {
                    slot.notice(None);
                    slot.state_check_due = true;
                }
            }
        }
        let Some((key, word)) = words else { return };
        let mut offset = word.text().len();
        let mut line = [0; LONGEST_NOTICE];
        let next = |engine: &mut Self, offset, line: &mut [u8]| {
            engine.slot(key)?.withheld_line(offset, line)
        };
        while let Some((length, behind)) = next(self, offset, &mut line) {
            offset = behind;
            let _ = self.on_line(front(&line, length));
        }
        if let Some(slot) = self.slot(key) {
            slot.drop_withheld();
        }
    }
}

impl Slot<'_> {
    /// Whether the line has to be given back.
    fn leaves_line(&self, now: Instant) -> bool {
        let over = now >= self.deadline;
        self.phase != Phase::Open
            || self.fault.is_some()
            || !self.is_kept() && !self.shutdown
            || self.wanted_mode.is_some()
            || self.shutdown && (self.tx.is_empty() || over)
    }
}
