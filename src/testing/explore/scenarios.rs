//! The worlds that are explored, and how far.

use super::handle::Kind;
use super::module::Manner;
use super::{Event, Limits, Scenario};
use crate::engine::LinkMode;
use Event::{
    AccessPoint, Connect, Data, Flush, Line, LineFails, LoseContext, Opened, Read, Replug, Rerun,
    Restart, Run, Say, TimeOut, Wish, Write,
};

/// A connection is being opened, and the module has accepted that.
const OPEN_ACCEPTED: &[Event] = &[
    Connect,
    Run(Manner::Well),
    Line,
    Run(Manner::Well),
    Run(Manner::Well),
];
/// Then it is open, and the runner sleeps.
const RESULT: &[Event] = &[Opened(0), Line, Run(Manner::Well)];
/// Then the payload of a send is written, and a task waits for its acceptance.
const PAYLOAD: &[Event] = &[
    Write(0),
    Flush(0),
    Run(Manner::Well),
    Line,
    Run(Manner::Well),
];

/// A datagram comes, alone, and is read.
const LONE: &[Event] = &[
    Read(0),
    Data(0),
    Line,
    Run(Manner::Well),
    // The header, the datagram, `OK`.
    Line,
    Line,
    Line,
    Run(Manner::Well),
    // There is no other.
    Run(Manner::Well),
    Line,
    Line,
    Run(Manner::Well),
    Run(Manner::Well),
];

/// A connection in transparent access mode has the UART.
const LINE: &[&[Event]] = &[&[
    Connect,
    Run(Manner::Well),
    Opened(0),
    Line,
    Run(Manner::Well),
    Run(Manner::Well),
]];

/// Of three bytes two are read: the ring is full.
const FULL: &[Event] = &[
    Data(0),
    Data(0),
    Data(0),
    Line,
    Run(Manner::Well),
    Line,
    Line,
    Line,
    Run(Manner::Well),
];
/// Data is read, and the answer does not come in time.
const LATE: &[Event] = &[Data(0), Line, Run(Manner::Well), TimeOut];

const OPENING: &[&[Event]] = &[OPEN_ACCEPTED];
const OPEN: &[&[Event]] = &[OPEN_ACCEPTED, RESULT];
const LONE_ONES: &[&[Event]] = &[OPEN_ACCEPTED, RESULT, LONE, LONE, LONE];
const FULL_RING: &[&[Event]] = &[OPEN_ACCEPTED, RESULT, FULL];
const LATE_READ: &[&[Event]] = &[OPEN_ACCEPTED, RESULT, LATE];
const SENT: &[&[Event]] = &[OPEN_ACCEPTED, RESULT, PAYLOAD];

const STRANGE: &[Event] = &[
    Restart,
    LoseContext,
    Rerun,
    Replug,
    Say("\r\nOK\r\n"),
    Say("\r\n+QIURC: \"future\",0,1\r\n"),
];

/// One TCP connection, and nothing goes wrong.
const ONE: Limits = Limits {
    handles: 1,
    kinds: &[Kind::Tcp],
    bytes: 2,
    faults: 0,
    strange: STRANGE,
    late_closed: false,
    wishes: &[],
    changes: 0,
};
/// Two faults: the context is lost, and the line that says so.
const TWO_LOSSES: Limits = Limits { faults: 2, ..ONE };
const FULL_LOSSES: Limits = Limits {
    bytes: 3,
    ..TWO_LOSSES
};
const TWO: Limits = Limits {
    handles: 2,
    bytes: 1,
    ..ONE
};
const PUSH: Limits = Limits {
    kinds: &[Kind::Push],
    bytes: 3,
    ..ONE
};
/// Two lines are lost in a row. Behind a push that is lost whole the next one is the reader's before the count shows the loss.
const PUSH_LOSSES: Limits = Limits {
    faults: 2,
    bytes: 1,
    ..PUSH
};
const UDP: Limits = Limits {
    kinds: &[Kind::Udp],
    ..ONE
};
const LISTENER: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Listener],
    bytes: 1,
    ..ONE
};

const ACKNOWLEDGED: Limits = Limits {
    kinds: &[Kind::Acknowledged],
    bytes: 1,
    ..ONE
};
const TRANSPARENT: Limits = Limits {
    kinds: &[Kind::Transparent],
    // Lines that nobody asked for are data.
    strange: &[Restart, LoseContext, Rerun, Replug],
    ..ONE
};
const OCCUPIED: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Transparent, Kind::Tcp],
    bytes: 1,
    ..TRANSPARENT
};
const SERVICES: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Lookup, Kind::Command],
    ..ONE
};
const LOOKUPS: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Lookup],
    ..ONE
};
const COMMANDS: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Command],
    ..ONE
};

/// The serial line fails.
const FAILING: Limits = Limits {
    handles: 2,
    kinds: &[Kind::Tcp, Kind::Command],
    strange: &[LineFails],
    ..ONE
};
/// The user turns the link off and on.
const TURNED: Limits = Limits {
    wishes: &[Wish(LinkMode::Down), Wish(LinkMode::Up)],
    changes: 2,
    ..ONE
};
const MODES: Limits = Limits {
    wishes: &[
        Wish(LinkMode::Airplane),
        Wish(LinkMode::Off),
        Wish(LinkMode::Up),
    ],
    ..TURNED
};
const ACCESS_POINT: Limits = Limits {
    wishes: &[AccessPoint, Wish(LinkMode::Down), Wish(LinkMode::Up)],
    ..TURNED
};
const TURNED_LINE: Limits = Limits {
    wishes: TURNED.wishes,
    changes: 2,
    ..TRANSPARENT
};

const fn scenario(
    name: &'static str,
    slots: usize,
    limits: Limits,
    start: &'static [&'static [Event]],
    depth: usize,
) -> Scenario {
    Scenario {
        name,
        slots,
        limits,
        start,
        depth,
    }
}

const fn faulty(limits: Limits) -> Limits {
    Limits {
        faults: 1,
        ..limits
    }
}

pub(super) const ALL: &[Scenario] = &[
    scenario("open", 1, faulty(ONE), &[], 7),
    scenario("transfer", 1, ONE, OPEN, 6),
    scenario("transfer-faults", 1, faulty(ONE), OPEN, 5),
    scenario("two-losses", 1, TWO_LOSSES, OPEN, 4),
    scenario("late", 1, TWO_LOSSES, LATE_READ, 4),
    scenario("full", 1, FULL_LOSSES, FULL_RING, 4),
    scenario("sent", 1, ONE, SENT, 7),
    scenario(
        "reuse",
        1,
        Limits {
            late_closed: true,
            ..TWO
        },
        OPEN,
        6,
    ),
    scenario("two", 2, TWO, OPENING, 5),
    scenario("two-faults", 2, faulty(TWO), OPENING, 4),
    scenario("push", 1, PUSH, OPEN, 6),
    scenario("push-faults", 1, faulty(PUSH), OPEN, 4),
    scenario("push-losses", 1, PUSH_LOSSES, OPEN, 3),
    scenario("udp", 1, UDP, OPEN, 6),
    scenario("udp-faults", 1, faulty(UDP), OPEN, 4),
    scenario("udp-lone", 1, Limits { bytes: 5, ..UDP }, LONE_ONES, 10),
    scenario("acknowledged", 1, ACKNOWLEDGED, OPEN, 7),
    scenario("transparent", 1, TRANSPARENT, LINE, 6),
    scenario("transparent-faults", 1, faulty(TRANSPARENT), LINE, 4),
    scenario("occupied", 2, OCCUPIED, LINE, 5),
    scenario("occupied-faults", 2, faulty(OCCUPIED), LINE, 4),
    scenario("services", 1, faulty(SERVICES), &[], 7),
    scenario("lookups", 1, faulty(LOOKUPS), &[], 9),
    scenario("commands", 1, faulty(COMMANDS), &[], 9),
    scenario("failing", 1, faulty(FAILING), &[], 5),
    scenario("turned", 1, TURNED, OPEN, 4),
    scenario("turned-faults", 1, faulty(TURNED), OPEN, 3),
    scenario("modes", 1, faulty(MODES), &[], 4),
    scenario("access-point", 1, faulty(ACCESS_POINT), OPEN, 3),
    scenario("turned-line", 1, TURNED_LINE, LINE, 4),
    scenario("listener", 2, LISTENER, OPEN, 6),
    scenario("listener-faults", 2, faulty(LISTENER), OPEN, 4),
];
