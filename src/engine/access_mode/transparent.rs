//! Transparent access mode: the UART is the data line of one connection (1.2, 3.3).
//!
//! What comes belongs to the peer, unless it is a line of the module: `NO CARRIER` when the connection has ended, `OK` after
//! an escape, `RDY` after a restart. Both look the same. So the newest bytes are withheld from the reader
//! as long as they may be such a line. More data after them shows that they were data; silence, and the answer to an
//! escape, show that they were not.

use embassy_time::{Duration, Instant};

use super::end_marker::{EndMarker, withheld_length};
use super::escape_guard::EscapeGuard;
use crate::engine::environment::Environment;
use crate::engine::exchange::job::{Action, ESCAPE_GUARD, Escape};
use crate::engine::sockets::key::Key;
use crate::engine::sockets::slot::{Phase, Slot};
use crate::error::Error;
use crate::util::time::{NEVER, after, earliest, get_or_set};

/// This long a silence after what may be the beginning of a line of the module means that it is none: a module makes no
/// pause within a line.
const LINE_PAUSE: Duration = Duration::from_millis(60);
/// How long the `OK` to an escape may take, after the silence.
const ANSWER_TIME: Duration = Duration::from_millis(1500);
/// A silent connection is checked after this many times [`Config::recheck`](crate::Config::recheck), and then after pauses that
/// double: the check takes the UART from it for more than 2 s.
const CHECK_AFTER: u32 = 12;
/// How often to try to get the UART back.
const ESCAPE_TRIES: u8 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Data passes both ways.
    Data,
    /// The silence before an escape.
    BeforeEscape,
    /// The escape was written at this instant.
    Escaping(Instant),
}

/// What was done to find out whether data mode has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndCheck {
    /// Nothing, since data came last.
    None,
    /// The DCD line was read, because the newest bytes may be a line of the module. If that is not enough, an escape follows.
    CarrierRead,
    /// An escape, because nothing has come for a long time.
    AfterSilence,
}

/// The connection that has the UART.
#[derive(Debug)]
pub(crate) struct Transparent {
    pub(crate) key: Key,
    stage: Stage,
    end_check: EndCheck,
    /// Since when nothing has come, as far as the scheduler has looked.
    quiet_since: Instant,
    /// Since when the oldest byte that is withheld has been.
    withheld_since: Instant,
    guard: EscapeGuard,
    /// Escapes in a row.
    tries: u8,
}

/// What happens next on the data line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Act(Action),
    /// Write the escape. From now on the UART may be held up for a limited time only.
    Escape(Escape),
    /// The module has left data mode; the connection is in buffer mode.
    Escaped,
    /// The module has left data mode, because the connection has ended.
    Ended,
    /// The module has restarted.
    Restarted,
    /// It is not known whether the module is in data mode. The connection fails with this error.
    LineLost(Option<Error>),
}

/// The result of taking bytes that came over the data line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// Bytes taken from the digester.
    pub(crate) taken: usize,
    /// Bytes dropped, because no user will read them.
    pub(crate) dropped: usize,
    /// The receive ring is full, and a reader will make room.
    pub(crate) stalls: bool,
    /// The scheduler has to look at the time.
    pub(crate) wakes: bool,
}

impl Transparent {
    /// `CONNECT`: from the next byte on everything is data.
    pub(crate) fn begin(slot: &mut Slot<'_>) -> Self {
        slot.mode.on_connected();
        slot.receive.withheld = 0;
        slot.wake();
        Self {
            key: slot.key,
            stage: Stage::Data,
            end_check: EndCheck::None,
            quiet_since: NEVER,
            withheld_since: NEVER,
            guard: EscapeGuard::new(),
            tries: 0,
        }
    }

    /// When the escape under way was written.
    pub(crate) const fn escaped_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Escaping(at) => Some(at),
            Stage::Data | Stage::BeforeEscape => None,
        }
    }

    // ---- what comes ----------------------------------------------------------------------------------------------

    /// Takes bytes that came over the data line.
    pub(crate) fn receive(&mut self, slot: Option<&mut Slot<'_>>, bytes: &[u8]) -> Received {
        self.quiet_since = NEVER;
        self.end_check = EndCheck::None;
        let Some(slot) = slot else {
            return Received {
                taken: bytes.len(),
                dropped: bytes.len(),
                stalls: false,
                wakes: false,
            };
        };
        let before = usize::from(slot.receive.withheld);
        let mut taken = slot.rx.push(bytes);
        slot.receive.count = slot.receive.count.wrapping_add(taken as u32);
        let is_escaping = self.escaped_at().is_some();
        let withheld = withheld_length(&slot.rx, before + taken, is_escaping);
        slot.receive.withheld = withheld as u16;
        if before == 0 || withheld < before + taken {
            self.withheld_since = NEVER;
        }
        let is_kept = slot.is_kept();
        let mut dropped = 0;
        if !is_kept {
            // No user reads the data: only bytes that may be a line of the module are kept.
            dropped = slot.rx.len() - withheld;
            slot.rx.discard(dropped);
        }
        if withheld < before + taken {
            slot.end_wait_for_data();
        }
        let left = bytes.len() - taken;
        if left > 0 && slot.fault.is_some() {
            // No reader makes room for what comes after the failure.
            dropped += left;
            taken = bytes.len();
        }
        Received {
            taken,
            dropped,
            stalls: taken < bytes.len() && is_kept,
            wakes: withheld > 0 || self.stage != Stage::Data,
        }
    }

    /// `count` bytes of the transmit ring were written to the UART.
    pub(crate) fn on_written(&mut self, slot: &mut Slot<'_>, count: usize, now: Instant) {
        self.guard.on_sent(&slot.tx, count, now);
        slot.on_written_raw(count);
    }

    /// What the DCD line says about data mode, if it is wired.
    pub(crate) fn on_carrier(
        &self,
        slot: Option<&mut Slot<'_>>,
        carrier: Option<bool>,
    ) -> Option<Next> {
        match carrier? {
            true => {
                if let Some(slot) = slot {
                    slot.give_withheld();
                }
                None
            }
            false => match slot?.end_marker()? {
                EndMarker::Restarted => Some(Next::Restarted),
                EndMarker::Ended | EndMarker::Escaped => Some(Next::Ended),
            },
        }
    }

    // ---- what is next --------------------------------------------------------------------------------------------

    pub(crate) fn next(
        &mut self,
        slot: Option<&mut Slot<'_>>,
        has_dtr: bool,
        env: &Environment<'_>,
    ) -> Next {
        let quiet_since = get_or_set(&mut self.quiet_since, env.now);
        let sent_at = self.guard.sent_at(env.now);
        let Some(slot) = slot else {
            // The slot was freed, and with it the state of the connection.
            return Next::LineLost(None);
        };
        if slot.receive.withheld > 0 {
            get_or_set(&mut self.withheld_since, env.now);
        }
        let is_leaving = leaves_line(slot, env.now);
        let marker = slot.end_marker();
        match self.stage {
            Stage::Data if is_leaving => self.enter(Stage::BeforeEscape, env.now),
            Stage::Data => Next::Act(self.pass_data(slot, marker, env)),
            // Data has come: what was withheld is part of it.
            Stage::BeforeEscape
                if !is_leaving && marker.is_none() && self.end_check != EndCheck::AfterSilence =>
            {
                self.tries = 0;
                self.enter(Stage::Data, env.now)
            }
            Stage::BeforeEscape => {
                let (escape, silence) = self.way_out(has_dtr);
                let quiet_from = if is_leaving {
                    sent_at
                } else {
                    sent_at.max(quiet_since)
                };
                let due = after(quiet_from, silence);
                if env.now < due {
                    return Next::Act(Action::Wait(due));
                }
                self.stage = Stage::Escaping(env.now);
                self.tries += 1;
                self.quiet_since = NEVER;
                Next::Escape(escape)
            }
            Stage::Escaping(since) => {
                // After an escape by DTR no silence is needed.
                let by_dtr = has_dtr && !self.tries.is_multiple_of(2);
                let silence = if by_dtr { Duration::MIN } else { ESCAPE_GUARD };
                let last_look = after(after(since, silence), ANSWER_TIME);
                // Lines after the marker may go on for ever.
                let stands_since = quiet_since.min(self.withheld_since);
                let first_look = after(since, silence)
                    .max(after(stands_since, LINE_PAUSE))
                    .min(last_look);
                if env.now < first_look {
                    return Next::Act(Action::Wait(first_look));
                }
                match marker {
                    Some(EndMarker::Escaped) => Next::Escaped,
                    _ if env.now < last_look => Next::Act(Action::Wait(last_look)),
                    Some(EndMarker::Ended) => Next::Ended,
                    Some(EndMarker::Restarted) => Next::Restarted,
                    None if self.tries < ESCAPE_TRIES && slot.fault.is_none() => {
                        self.enter(Stage::BeforeEscape, env.now)
                    }
                    // The module does not answer: it is not in data mode, and the line that ended it, or the answer to an escape, is
                    // lost. The way back shows whether the connection has ended.
                    None if self.end_check == EndCheck::AfterSilence && !is_leaving => {
                        Next::Escaped
                    }
                    None => Next::LineLost(Some(Error::TimedOut)),
                }
            }
        }
    }

    /// DTR needs no silence. A module that ignores it gets `+++` at the next try.
    const fn way_out(&self, has_dtr: bool) -> (Escape, Duration) {
        if has_dtr && self.tries.is_multiple_of(2) {
            (Escape::Dtr, Duration::MIN)
        } else {
            (Escape::PlusOnly, ESCAPE_GUARD)
        }
    }

    const fn enter(&mut self, stage: Stage, now: Instant) -> Next {
        self.stage = stage;
        Next::Act(Action::Wait(now))
    }

    /// Data mode goes on: send data, or find out what the newest bytes are.
    fn pass_data(
        &mut self,
        slot: &mut Slot<'_>,
        marker: Option<EndMarker>,
        env: &Environment<'_>,
    ) -> Action {
        let quiet_since = self.quiet_since;
        let mut wake_at = slot.deadline;
        if slot.receive.withheld > 0 {
            let line_over = after(quiet_since, LINE_PAUSE);
            if env.now < line_over {
                earliest(&mut wake_at, line_over);
            } else if marker.is_none() {
                // The beginning of a line of the module, and no more of it.
                slot.give_withheld();
            } else if self.end_check != EndCheck::CarrierRead {
                self.end_check = EndCheck::CarrierRead;
                return Action::ReadDcd;
            } else {
                self.stage = Stage::BeforeEscape;
                return Action::Wait(env.now);
            }
        }
        let recheck = &mut slot.receive.recheck;
        let check_after = recheck
            .pause
            .min(env.config.longest_recheck)
            .max(env.config.recheck * CHECK_AFTER);
        if recheck.reader_waits && slot.tx.is_empty() && env.config.recheck > Duration::MIN {
            let due = after(
                quiet_since.max(self.guard.sent_at(env.now).min(env.now)),
                check_after,
            );
            if env.now >= due {
                recheck.pause = check_after * 2;
                self.stage = Stage::BeforeEscape;
                self.end_check = EndCheck::AfterSilence;
                return Action::Wait(env.now);
            }
            earliest(&mut wake_at, due);
        }
        // A module that has left data mode would take what is sent now for commands.
        if marker.is_some() || slot.tx.is_empty() {
            return Action::Wait(wake_at);
        }
        match self.guard.sendable(&slot.tx, env.now) {
            Ok(length) => Action::WriteRaw {
                key: self.key,
                length: length as u16,
            },
            Err(later) => {
                earliest(&mut wake_at, later);
                Action::Wait(wake_at)
            }
        }
    }
}

/// Whether the UART has to be given back.
fn leaves_line(slot: &Slot<'_>, now: Instant) -> bool {
    let is_sent = slot.tx.is_empty() || now >= slot.deadline;
    slot.phase != Phase::Open
        || slot.fault.is_some()
        || !slot.is_kept() && !slot.is_write_ended()
        || slot.mode.wanted.is_some()
        || slot.is_write_ended() && is_sent
}
