//! What a socket keeps of each direction of its data. The rules are in `receive.rs`, `send.rs` and `datagram.rs`.

use core::net::SocketAddr;

use embassy_time::{Duration, Instant};

use crate::engine::refusal::Retries;
use crate::engine::round::Round;
use crate::util::time::{NEVER, after, earliest};

/// A pause that doubles each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pause {
    pub(super) milliseconds: u16,
}

impl Pause {
    /// Before the repetition of a send or a read, and of the question what the peer has acknowledged: 100 ms to 2 s (quirk 56).
    pub(crate) const SHORTEST: Self = Self { milliseconds: 100 };
    const LONGEST: Self = Self { milliseconds: 2000 };

    /// The pause that has doubled this many times.
    fn doubled(times: u8) -> Self {
        let milliseconds = Self::SHORTEST.milliseconds << times.min(5);
        Self { milliseconds }.min(Self::LONGEST)
    }

    /// Whether it does not grow any more.
    pub(super) fn is_longest(self) -> bool {
        self == Self::LONGEST
    }

    /// Begins at `now`. Returns its end.
    pub(crate) fn begin(&mut self, now: Instant) -> Instant {
        let end = after(now, Duration::from_millis(self.milliseconds.into()));
        let milliseconds = self.milliseconds * 2;
        *self = Self { milliseconds }.min(Self::LONGEST);
        end
    }
}

/// The receiving direction of one connection.
///
/// What the module holds is known from `recv` URCs and from reads. A URC says that there is data, and on some firmware how much
/// (`announced`). A read that brings data says nothing of what is left, unless it has brought all that was announced. A read without
/// data says that there is none, unless another URC came after the read was issued (`notice_since_read`).
#[derive(Debug)]
pub(crate) struct Receive {
    /// The module may hold data.
    pub(crate) may_have_data: bool,
    /// A `recv` URC came since the last read was issued, so that an empty answer to it proves nothing (quirk 62).
    pub(super) notice_since_read: bool,
    /// A `recv` URC has announced data of which nothing, or not all, was read; or a whole read has brought data, and there may be more.
    pub(super) has_unread_notice: bool,
    /// Nothing will be added to the receive ring any more: the end of the stream is known.
    pub(crate) ended: bool,
    /// The last transaction was a read, so that a send goes first now.
    pub(super) was_last: bool,
    /// Bytes that the module had according to its URCs, less what was read since.
    pub(super) announced: Option<u32>,
    /// Number of announced datagrams in a row after which AT+QIRD found no other one.
    pub(super) lone: u8,
    /// The module refuses reads of more than 1024 bytes.
    pub(super) reads_1024: bool,
    /// A read has brought less than was asked for and announced: only an empty read shows that there is no more.
    pub(super) reads_short: bool,
    /// Reads in a row that were refused, and when the next one is due.
    pub(super) refusals: u8,
    pub(super) not_before: Instant,
    /// Bytes received since the open, modulo 2^32.
    pub(crate) count: u32,
    /// How many they were when the module's count came: pushed data can have come since.
    pub(crate) count_at_answer: u32,
    pub(super) counted: Counted,
    pub(crate) recheck: Recheck,
    /// The newest bytes in the receive ring that are not the reader's yet: it is not certain that the peer has sent them.
    pub(crate) withheld: u16,
    /// The withheld bytes may be the final result code of the transaction in flight, in place of bytes that were lost. The end of the
    /// transaction shows it.
    pub(crate) may_be_result: bool,
}

/// Whether [`Receive::count`] is what the module counts as returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    Exact,
    /// Data came in another access mode: take the module's count before the next read.
    Stale,
    /// A read was not answered, or not plainly: compare with the module's count whether bytes are missing.
    ReadUnconfirmed,
    /// A line has come that may be what is left of a pushed header (`is_likely`), or of the data after one: compare. Not all
    /// modules count what they push.
    PushUnconfirmed {
        is_likely: bool,
    },
    /// The module's count, which is higher than the host's: the bytes may still come. At the next answer the host must have
    /// reached this count, and after a few answers both must be equal. Else data is lost.
    Ahead(u32),
}

/// The search for data whose `recv` URC was lost (quirk 63), while a reader waits.
#[derive(Debug)]
pub(crate) struct Recheck {
    /// When the module is asked: for data, or, while the socket opens, for its state.
    pub(super) at: Instant,
    /// A reader began to wait while `at` was not set.
    pub(super) requested: bool,
    /// A reader waits.
    pub(crate) reader_waits: bool,
    /// The read under way is a re-check.
    pub(super) in_progress: bool,
    /// Re-checks in a row that found nothing.
    pub(super) fruitless: u8,
    /// Pause before the re-check that was armed last. Doubles with each one that finds nothing.
    pub(crate) pause: Duration,
}

impl Recheck {
    pub(crate) const fn cancel(&mut self) {
        self.at = NEVER;
    }

    /// The module is asked as soon as possible.
    pub(crate) const fn start(&mut self, now: Instant) {
        self.at = now;
    }

    pub(crate) const fn reset_fruitless(&mut self) {
        self.fruitless = 0;
    }

    /// Arms the re-check. Returns when it is due: not later than after `soon`.
    pub(super) fn arm(&mut self, soon: Option<Duration>, round: &Round<'_>) -> Instant {
        let shortest = round.env.config.recheck;
        self.pause = if round.is_lossy {
            shortest
        } else {
            self.pause
                .min(round.env.config.longest_recheck)
                .max(shortest)
        };
        let pause = soon.map_or(self.pause, |soon| soon.min(self.pause));
        earliest(&mut self.at, after(round.env.now, pause));
        self.at
    }

    /// Arms the re-check. Returns true, and disarms it, when it is due.
    pub(crate) fn poll_due(&mut self, soon: Option<Duration>, round: &mut Round<'_>) -> bool {
        if self.at == NEVER && round.env.config.recheck == Duration::MIN {
            return false;
        }
        let at = self.arm(soon, round);
        let is_due = round.is_due(at);
        if is_due {
            self.cancel();
        }
        is_due
    }
}

impl Receive {
    pub(crate) const NEW: Self = Self {
        may_have_data: false,
        notice_since_read: false,
        has_unread_notice: false,
        ended: false,
        was_last: false,
        announced: None,
        lone: 0,
        reads_1024: false,
        reads_short: false,
        refusals: 0,
        not_before: Instant::MIN,
        count: 0,
        count_at_answer: 0,
        counted: Counted::Exact,
        recheck: Recheck {
            at: NEVER,
            requested: false,
            reader_waits: false,
            in_progress: false,
            fruitless: 0,
            pause: Duration::MIN,
        },
        withheld: 0,
        may_be_result: false,
    };

    /// The module may hold data.
    pub(crate) const fn mark_readable(&mut self) {
        self.may_have_data = true;
        self.notice_since_read = true;
        self.announced = None;
    }

    /// A `recv` URC: the module holds data, and some firmware says how many bytes. One that follows before all is read is about
    /// more of them.
    pub(crate) fn on_notice(&mut self, length: Option<u32>) {
        let before = self.announced.unwrap_or(0);
        self.mark_readable();
        self.announced = length.map(|length| length.saturating_add(before));
        self.has_unread_notice = true;
    }

    /// Firmware without direct push mode does not contain what is about the other kinds.
    pub(super) const fn counted(&self) -> Counted {
        match self.counted {
            Counted::Exact => Counted::Exact,
            _ if !cfg!(feature = "push") => Counted::ReadUnconfirmed,
            counted => counted,
        }
    }

    /// A read was not answered plainly.
    pub(crate) const fn mark_read_unconfirmed(&mut self) {
        self.counted = Counted::ReadUnconfirmed;
    }

    /// Whether the module's count is asked for whatever else is due.
    pub(crate) const fn is_count_due(&self) -> bool {
        !matches!(self.counted(), Counted::Exact | Counted::Stale)
    }

    /// Whether data was probably lost. What follows is withheld until the module's count has come.
    pub(crate) const fn is_loss_likely(&self) -> bool {
        let is_weak = matches!(self.counted, Counted::PushUnconfirmed { is_likely: false });
        self.is_count_due() && !is_weak
    }

    /// Pushed data may be lost.
    pub(crate) const fn require_count_check(&mut self, is_likely: bool) {
        self.counted = match self.counted {
            Counted::Exact => Counted::PushUnconfirmed { is_likely },
            Counted::PushUnconfirmed { is_likely: was } => Counted::PushUnconfirmed {
                is_likely: is_likely || was,
            },
            other => other,
        };
    }

    /// Counts a read, or a count, that has to be repeated, and sets the pause before that. Returns true while there were fewer than
    /// `tries` in a row.
    pub(super) fn use_retry(&mut self, tries: u8, now: Instant) -> bool {
        self.not_before = Pause::doubled(self.refusals).begin(now);
        self.refusals = self.refusals.saturating_add(1);
        self.refusals < tries
    }

    /// Data has passed that AT+QIRD does not count.
    pub(crate) const fn mark_count_stale(&mut self) {
        if let Counted::Exact = self.counted {
            self.counted = Counted::Stale;
        }
    }
}

/// The sending direction of one connection.
#[derive(Debug)]
pub(crate) struct Send {
    /// Bytes that the module has accepted since the open, modulo 2^32.
    pub(super) accepted: u32,
    /// Data was sent in another access mode: take the module's count before the next send.
    #[cfg(feature = "transparent")]
    pub(super) count_is_stale: bool,
    /// A chunk of this length was sent, and it is not known whether the module took it.
    pub(crate) unconfirmed: Option<u16>,
    /// The prompt for that chunk did not come: what the module took, if anything, was not the chunk.
    pub(crate) is_unwritten: bool,
    /// The module is not asked before this instant what it took.
    pub(super) count_at: Instant,
    /// A chunk is being sent: what becomes of it is not decided.
    pub(super) in_progress: bool,
    /// Before a send that was refused for a passing reason is repeated.
    pub(super) retry: Pause,
    /// Refusals of the oldest datagram, and of the question what the module took.
    pub(super) retries: Retries,
    pub(super) acknowledge: Acknowledge,
}

/// Whether the peer has acknowledged what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledge {
    /// Not known, and not asked for.
    Unknown,
    /// A user waits for it, or the peer has closed; the module is not asked before this instant.
    Wanted { not_before: Instant, pause: Pause },
    /// All of it, when the module was asked last.
    Complete,
    /// The peer has closed, and has not acknowledged all of it.
    Missing,
}

impl Send {
    pub(crate) const NEW: Self = Self {
        accepted: 0,
        #[cfg(feature = "transparent")]
        count_is_stale: false,
        unconfirmed: None,
        is_unwritten: false,
        count_at: Instant::MIN,
        in_progress: false,
        retry: Pause::SHORTEST,
        retries: Retries::NEW,
        acknowledge: Acknowledge::Unknown,
    };

    /// Data was sent that AT+QISEND did not count.
    #[cfg(feature = "transparent")]
    pub(crate) const fn mark_count_stale(&mut self) {
        self.count_is_stale = true;
    }

    pub(super) const fn takes_count_first(&self) -> bool {
        #[cfg(feature = "transparent")]
        let is_stale = self.count_is_stale;
        #[cfg(not(feature = "transparent"))]
        let is_stale = false;
        is_stale
    }

    pub(super) fn begin_acknowledge(&mut self) {
        self.acknowledge = Acknowledge::Wanted {
            not_before: Instant::MIN,
            pause: Pause::SHORTEST,
        };
    }

    /// Whether the module may have accepted more than is known.
    pub(super) const fn is_undecided(&self) -> bool {
        self.in_progress || self.unconfirmed.is_some()
    }

    /// Whether the module is asked for what the peer acknowledges.
    pub(crate) const fn is_ack_query_active(&self) -> bool {
        matches!(self.acknowledge, Acknowledge::Wanted { .. })
    }

    /// The peer has closed. Until the longest pause was used, the module is asked what the peer has acknowledged. The count is lost
    /// with AT+QICLOSE: so the question is sent even if no task waits, and a later `wait_acked` gets the same answer. That costs one
    /// command, and none if nothing was sent since the last question.
    pub(super) fn on_closed_by_peer(&mut self) {
        if self.acknowledge != Acknowledge::Complete {
            self.begin_acknowledge();
        }
    }

    /// Something new is to be sent.
    pub(crate) fn on_written(&mut self) {
        if self.acknowledge == Acknowledge::Complete {
            self.acknowledge = Acknowledge::Unknown;
        }
    }
}

/// The datagrams of one socket, as far as its rings do not say it.
#[cfg(feature = "udp")]
#[derive(Debug)]
pub(crate) struct Datagrams {
    /// Complete datagrams in the receive ring.
    pub(crate) complete: u16,
    /// Bytes still missing of the newest datagram in the receive ring. 0: all have come, and are not confirmed yet.
    pub(crate) missing: Option<u16>,
    /// The header of a datagram that is being pushed and has no room in the ring yet.
    #[cfg(feature = "push")]
    pub(super) announced: Option<(u16, Option<SocketAddr>)>,
    /// The ring stayed full for the whole `stall_time`: pushed datagrams are dropped at once until there is room.
    #[cfg(feature = "push")]
    pub(crate) drop_until_room: bool,
}

#[cfg(feature = "udp")]
impl Datagrams {
    pub(crate) const NEW: Self = Self {
        complete: 0,
        missing: None,
        #[cfg(feature = "push")]
        announced: None,
        #[cfg(feature = "push")]
        drop_until_room: false,
    };
}
