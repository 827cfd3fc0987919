//! Lines of the module at the end of transparent data, in the receive ring of the connection that has the UART (1.2, 3.3).

use crate::at::ResultCode;
use crate::engine::sockets::slot::Slot;
use crate::util::ring::Ring;
use crate::util::slices::front;

/// The most bytes that can come from the module: a marker, and after it URCs for every socket.
const LONGEST: usize = 640;

/// What the end of the data may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndMarker {
    /// The connection has ended.
    Ended,
    /// The module has restarted.
    Restarted,
    /// The module has left data mode.
    Escaped,
}

impl EndMarker {
    const ALL: [Self; 3] = [Self::Ended, Self::Restarted, Self::Escaped];

    pub(crate) const fn text(self) -> &'static [u8] {
        match self {
            Self::Ended => b"\r\nNO CARRIER\r\n",
            Self::Restarted => b"\r\nRDY\r\n",
            Self::Escaped => b"\r\nOK\r\n",
        }
    }
}

/// What else the module sends unasked, besides lines that begin with `+`.
const UNASKED_LINES: [ResultCode; 4] = [
    ResultCode::Ready,
    ResultCode::ApplicationReady,
    ResultCode::Ring,
    ResultCode::PoweredDown,
];

const fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The newest bytes of a ring, in the two pieces in which they lie.
#[derive(Clone, Copy)]
struct Tail<'a> {
    first: &'a [u8],
    second: &'a [u8],
}

impl<'a> Tail<'a> {
    fn of(ring: &'a Ring<'_>, count: usize) -> Self {
        let (first, second) = ring.pieces(ring.len() - count);
        Self { first, second }
    }

    const fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn bytes(&self, from: usize) -> impl Iterator<Item = u8> + Clone + 'a {
        let second = from.saturating_sub(self.first.len());
        let first = self.first.iter().skip(from);
        first.chain(self.second.iter().skip(second)).copied()
    }

    /// Whether `text` stands at `from`, whole or as far as there are bytes.
    fn has(&self, from: usize, text: &[u8]) -> bool {
        self.bytes(from)
            .zip(text)
            .all(|(byte, other)| byte == *other)
    }

    /// Whether everything from there on can be lines that the module sends unasked, the last one perhaps not complete.
    fn are_unasked_lines(&self, mut from: usize) -> bool {
        loop {
            from += self.bytes(from).take_while(is_line_end).count();
            let line = self.bytes(from).take_while(|byte| !is_line_end(byte));
            let length = line.clone().count();
            let mut start = line.clone();
            let is_unasked = match start.next() {
                None => return true,
                Some(b'+') => start.all(|byte| (b' '..0x7f).contains(&byte)),
                Some(_) => UNASKED_LINES.iter().any(|code| {
                    let text = code.as_str().as_bytes();
                    length <= text.len() && line.clone().eq(front(text, length).iter().copied())
                }),
            };
            if !is_unasked {
                return false;
            }
            from += length;
        }
    }
}

/// How many of the newest `count` bytes of the ring may come from the module. `OK` counts only after an escape.
pub(crate) fn withheld_length(rx: &Ring<'_>, count: usize, is_escaping: bool) -> usize {
    let count = count.min(LONGEST);
    let tail = Tail::of(rx, count);
    let begins = |from: usize| {
        EndMarker::ALL
            .iter()
            .filter(|marker| is_escaping || **marker != EndMarker::Escaped)
            .map(|marker| marker.text())
            .any(|text| {
                tail.has(from, text)
                    && (count - from < text.len() || tail.are_unasked_lines(from + text.len()))
            })
    };
    let mut returns = tail
        .bytes(0)
        .enumerate()
        .filter(|(_, byte)| *byte == b'\r')
        .map(|(index, _)| index);
    let withheld = returns
        .find(|from| begins(*from))
        .map_or(0, |from| count - from);
    // A ring with nothing else in it would never have room for what follows.
    if withheld < rx.capacity() {
        withheld
    } else {
        0
    }
}

impl Slot<'_> {
    fn withheld(&self) -> Tail<'_> {
        let count = usize::from(self.receive.withheld).min(self.rx.len());
        Tail::of(&self.rx, count)
    }

    /// The marker that stands complete at the end of the data, if it is one.
    pub(crate) fn end_marker(&self) -> Option<EndMarker> {
        let tail = self.withheld();
        // A module that is out of data mode and has echo on repeats the escape after the marker.
        let mut is_complete = false;
        for byte in tail.bytes(0) {
            is_complete = byte == b'\n' || is_complete && byte == b'+';
        }
        EndMarker::ALL.into_iter().find(|marker| {
            is_complete && tail.len() >= marker.text().len() && tail.has(0, marker.text())
        })
    }

    /// Copies one line of what is withheld, from `offset` on. Returns its length, and where the next one begins.
    pub(crate) fn withheld_line(&self, offset: usize, line: &mut [u8]) -> Option<(usize, usize)> {
        let tail = self.withheld();
        let start = offset + tail.bytes(offset).take_while(is_line_end).count();
        let bytes = tail.bytes(start).take_while(|byte| !is_line_end(byte));
        let whole = bytes.clone().count();
        let mut length = 0;
        for (into, byte) in line.iter_mut().zip(bytes) {
            *into = byte;
            length += 1;
        }
        (whole > 0).then_some((length, start + whole))
    }

    /// None of what is withheld was data.
    pub(crate) fn drop_withheld(&mut self) {
        let withheld = core::mem::take(&mut self.receive.withheld);
        self.rx.retract(withheld.into());
        self.receive.count = self.receive.count.wrapping_sub(withheld.into());
    }
}
