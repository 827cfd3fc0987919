//! Messages to the engine from calls that must not be lost and cannot wait, such as the drop of a handle.

#[cfg(feature = "link-control")]
use super::link::LinkMode;
use super::link::Wiring;
#[cfg(any(feature = "ping", feature = "ntp"))]
use super::services::deferred::QueryId;
use super::sockets::key::Key;
use super::state::Engine;
use crate::util::time;

/// One message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Message {
    SocketDropped(Key),
    /// The socket is to be closed without sending what was written.
    SocketAborted(Key),
    /// The runner's future has ended, or was dropped.
    RunnerStopped {
        /// The serial line has failed, so that waiting for the runner is of no use.
        for_good: bool,
    },
    RunnerStarted(Wiring),
    /// The UART driver has reported an error while receiving.
    SerialError,
    #[cfg(feature = "at-client")]
    CommandDropped,
    #[cfg(feature = "dns")]
    LookupDropped(u32),
    #[cfg(feature = "ping")]
    PingDropped(QueryId),
    #[cfg(feature = "ntp")]
    NtpDropped(QueryId),
    /// What the application wants of the link from now on.
    #[cfg(feature = "link-control")]
    LinkWanted(LinkMode),
}

/// Tasks wait until the engine is back. No message, but handled at the same time.
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

/// The messages that the engine has not handled: at most one of each kind, and of each kind for each socket. The index of a slot
/// stands for its socket, because no other socket gets the slot before the message is handled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mailbox {
    /// The kinds of messages in it.
    pub(super) bits: u16,
    /// One bit for each slot.
    dropped: u16,
    aborted: u16,
    wiring: Wiring,
    // Of the newest message. The engine has ended older lookups and queries already.
    lookup: u32,
    ping: u32,
    ntp: u32,
    #[cfg(feature = "link-control")]
    link: LinkMode,
}

impl Mailbox {
    pub(super) const EMPTY: Self = Self {
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

    /// Without the messages.
    pub(super) const fn emptied(self) -> Self {
        Self {
            bits: 0,
            dropped: 0,
            aborted: 0,
            ..self
        }
    }

    pub(super) fn put(&mut self, message: Message) {
        self.bits |= match message {
            Message::SocketDropped(key) => {
                self.dropped |= 1 << key.index();
                SOCKETS
            }
            Message::SocketAborted(key) => {
                self.aborted |= 1 << key.index();
                SOCKETS
            }
            Message::RunnerStopped { for_good } => {
                // A start that was not handled yet is cancelled, and so is a stop before it.
                self.bits &= !(STARTED | FOR_GOOD);
                STOPPED | if for_good { FOR_GOOD } else { 0 }
            }
            Message::RunnerStarted(wiring) => {
                self.wiring = wiring;
                STARTED
            }
            Message::SerialError => SERIAL_ERROR,
            #[cfg(feature = "at-client")]
            Message::CommandDropped => COMMAND,
            #[cfg(feature = "dns")]
            Message::LookupDropped(ticket) => {
                replace_older(&mut self.lookup, ticket);
                LOOKUP
            }
            #[cfg(feature = "ping")]
            Message::PingDropped(QueryId(id)) => {
                replace_older(&mut self.ping, id);
                PING
            }
            #[cfg(feature = "ntp")]
            Message::NtpDropped(QueryId(id)) => {
                replace_older(&mut self.ntp, id);
                NTP
            }
            #[cfg(feature = "link-control")]
            Message::LinkWanted(mode) => {
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
    /// Handles the messages.
    #[inline(never)]
    pub(super) fn handle_messages(&mut self, mailbox: &Mailbox) {
        self.env.now = time::now();
        let is_set = |bit| mailbox.bits & bit != 0;
        for index in 0..self.sockets.count() {
            let is_in = |slots: u16| slots >> index & 1 != 0;
            let (is_dropped, is_aborted) = (is_in(mailbox.dropped), is_in(mailbox.aborted));
            if is_dropped || is_aborted {
                self.release(index, is_dropped, is_aborted);
            }
        }
        #[cfg(feature = "at-client")]
        if is_set(COMMAND) {
            self.user_command.release();
        }
        #[cfg(feature = "dns")]
        if is_set(LOOKUP) {
            self.release_lookup(mailbox.lookup);
        }
        #[cfg(feature = "ping")]
        if is_set(PING) {
            self.ping.query.release(QueryId(mailbox.ping), self.env.now);
        }
        #[cfg(feature = "ntp")]
        if is_set(NTP) {
            self.ntp.release(QueryId(mailbox.ntp), self.env.now);
        }
        #[cfg(feature = "link-control")]
        if is_set(LINK) {
            self.set_link(mailbox.link);
        }
        if is_set(SERIAL_ERROR) {
            self.serial_error();
        }
        if is_set(STOPPED) {
            self.stop(is_set(FOR_GOOD));
        }
        if is_set(STARTED) {
            self.start(mailbox.wiring);
        }
    }
}
