//! What users leave to the engine without waiting for it.

#[cfg(feature = "link-control")]
use super::link::LinkMode;
use super::link::Wiring;
#[cfg(any(feature = "ping", feature = "ntp"))]
use super::services::deferred::QueryId;
use super::sockets::key::Key;
use super::state::Engine;
use crate::util::time;

/// A handle that was dropped, or something else that is left to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Posted {
    Socket(Key),
    /// Not dropped, but closed without sending what was written.
    Aborted(Key),
    /// The runner is dropped.
    Stopped {
        /// The serial line has failed, so that waiting for the runner is of no use.
        for_good: bool,
    },
    /// The runner begins.
    Started(Wiring),
    /// The UART driver has reported an error while receiving.
    SerialError,
    #[cfg(feature = "at-client")]
    Command,
    #[cfg(feature = "dns")]
    Lookup(u32),
    #[cfg(feature = "ping")]
    Ping(QueryId),
    #[cfg(feature = "ntp")]
    Ntp(QueryId),
    /// Not dropped: what the application wants of the link.
    #[cfg(feature = "link-control")]
    Link(LinkMode),
}

/// Tasks wait for the engine.
pub(super) const HAS_WAITING: u16 = 1 << 0;
const SOCKETS: u16 = 1 << 1;
const STOPPED: u16 = 1 << 2;
const FOR_GOOD: u16 = 1 << 3;
const STARTED: u16 = 1 << 4;
const SERIAL_ERROR: u16 = 1 << 5;
const COMMAND: u16 = 1 << 6;
const LOOKUP: u16 = 1 << 7;
const PING: u16 = 1 << 8;
const NTP: u16 = 1 << 9;
const LINK: u16 = 1 << 10;

/// What was posted while the engine was in use. A handle owns its slot until the engine has heard of its end, so that the place of
/// the slot says enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Todo {
    pub(super) bits: u16,
    /// One bit for each slot.
    dropped: u16,
    aborted: u16,
    wiring: Wiring,
    // The last ones: the engine has ended those before.
    lookup: u32,
    ping: u32,
    ntp: u32,
    #[cfg(feature = "link-control")]
    link: LinkMode,
}

impl Todo {
    pub(super) const NOTHING: Self = Self {
        bits: 0,
        dropped: 0,
        aborted: 0,
        wiring: Wiring::NONE,
        lookup: 0,
        ping: 0,
        ntp: 0,
        #[cfg(feature = "link-control")]
        link: LinkMode::Up,
    };

    pub(super) const fn done(self) -> Self {
        Self {
            bits: 0,
            dropped: 0,
            aborted: 0,
            ..self
        }
    }

    pub(super) fn add(&mut self, posted: Posted) {
        self.bits |= match posted {
            Posted::Socket(key) => {
                self.dropped |= 1 << key.index();
                SOCKETS
            }
            Posted::Aborted(key) => {
                self.aborted |= 1 << key.index();
                SOCKETS
            }
            Posted::Stopped { for_good } => {
                // The one that was to start is stopped.
                self.bits &= !STARTED;
                STOPPED | if for_good { FOR_GOOD } else { 0 }
            }
            Posted::Started(wiring) => {
                self.wiring = wiring;
                STARTED
            }
            Posted::SerialError => SERIAL_ERROR,
            #[cfg(feature = "at-client")]
            Posted::Command => COMMAND,
            #[cfg(feature = "dns")]
            Posted::Lookup(ticket) => {
                replace_older(&mut self.lookup, ticket);
                LOOKUP
            }
            #[cfg(feature = "ping")]
            Posted::Ping(QueryId(id)) => {
                replace_older(&mut self.ping, id);
                PING
            }
            #[cfg(feature = "ntp")]
            Posted::Ntp(QueryId(id)) => {
                replace_older(&mut self.ntp, id);
                NTP
            }
            #[cfg(feature = "link-control")]
            Posted::Link(mode) => {
                self.link = mode;
                LINK
            }
        };
    }
}

fn replace_older(number: &mut u32, by: u32) {
    if by.wrapping_sub(*number).cast_signed() > 0 {
        *number = by;
    }
}

impl Engine<'_> {
    /// Does what was posted.
    #[inline(never)]
    pub(super) fn carry_out(&mut self, todo: &Todo) {
        let now = time::now();
        let is_set = |bit| todo.bits & bit != 0;
        for index in 0..self.sockets.count() {
            let is_posted = |slots: u16| slots >> index & 1 != 0;
            let (is_dropped, is_aborted) = (is_posted(todo.dropped), is_posted(todo.aborted));
            if is_dropped || is_aborted {
                self.release(index, is_dropped, is_aborted, now);
            }
        }
        #[cfg(feature = "at-client")]
        if is_set(COMMAND) {
            self.user_command.release();
        }
        #[cfg(feature = "dns")]
        if is_set(LOOKUP) {
            self.release_lookup(todo.lookup);
        }
        #[cfg(any(feature = "ping", feature = "ntp"))]
        let was_sent = |owner| self.user_command.was_sent(owner);
        #[cfg(feature = "ping")]
        if is_set(PING) {
            self.ping.query.release(QueryId(todo.ping), was_sent, now);
        }
        #[cfg(feature = "ntp")]
        if is_set(NTP) {
            self.ntp.release(QueryId(todo.ntp), was_sent, now);
        }
        #[cfg(feature = "link-control")]
        if is_set(LINK) {
            self.set_link(todo.link, now);
        }
        if is_set(SERIAL_ERROR) {
            self.serial_error();
        }
        if is_set(STOPPED) {
            self.stop(is_set(FOR_GOOD));
        }
        if is_set(STARTED) {
            self.start(todo.wiring);
        }
    }
}
