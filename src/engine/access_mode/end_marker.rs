//! What the module may have said at the end of a stream of data, in the receive ring of the connection that has the line
//! (sections 1.2 and 3.3).

use crate::engine::sockets::slot::Slot;
use crate::util::ring::Ring;
use crate::util::slices::front;

/// The longest stretch that can be the module's: a word, and behind it the URCs that tell the same of every socket.
const LONGEST: usize = 640;

/// What the end of the data may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndMarker {
    Ended,
    Restarted,
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

/// What else a module says unasked, besides lines that begin with `+`.
const NOTICES: [&[u8]; 3] = [b"APP RDY", b"RING", b"POWERED DOWN"];

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

    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn bytes(&self, from: usize) -> impl Iterator<Item = u8> + Clone + 'a {
        let second = from.saturating_sub(self.first.len());
        let first = self.first.iter().skip(from);
        first.chain(self.second.iter().skip(second)).copied()
    }

    /// Whether `text` stands at `from`, whole or as far as the bytes go.
    fn has(&self, from: usize, text: &[u8]) -> bool {
        self.bytes(from)
            .zip(text)
            .all(|(byte, other)| byte == *other)
    }

    /// Whether all from there on could be notices of the module's, the last of them perhaps not complete.
    fn are_notices(&self, mut from: usize) -> bool {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        loop {
            from += self.bytes(from).take_while(is_end).count();
            let line = self.bytes(from).take_while(|byte| !is_end(byte));
            let length = line.clone().count();
            let mut start = line.clone();
            let is_notice = match start.next() {
                None => return true,
                Some(b'+') => start.all(|byte| (b' '..0x7f).contains(&byte)),
                Some(_) => NOTICES.iter().any(|notice| {
                    length <= notice.len() && line.clone().eq(front(notice, length).iter().copied())
                }),
            };
            if !is_notice {
                return false;
            }
            from += length;
        }
    }
}

/// How much at the end of the newest `count` bytes of the ring may be the module's words.
pub(crate) fn withheld(rx: &Ring<'_>, count: usize, escaping: bool) -> usize {
    let count = count.min(LONGEST);
    let tail = Tail::of(rx, count);
    let begins = |from: usize| {
        EndMarker::ALL
            .iter()
            .filter(|word| escaping || **word != EndMarker::Escaped)
            .map(|word| word.text())
            .any(|text| {
                tail.has(from, text)
                    && (count - from < text.len() || tail.are_notices(from + text.len()))
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
    // A ring with nothing else in it would never have room for what comes behind.
    if withheld < rx.capacity() {
        withheld
    } else {
        0
    }
}

impl Slot<'_> {
    /// The word of the module's that stands complete at the end of the data, if it is one.
    pub(crate) fn last_word(&self) -> Option<EndMarker> {
        let tail = Tail::of(&self.rx, usize::from(self.withheld).min(self.rx.len()));
        // A module that is out of data mode and echoes repeats the escape behind it.
        let mut ends = false;
        for byte in tail.bytes(0) {
            ends = byte == b'\n' || ends && byte == b'+';
        }
        EndMarker::ALL
            .into_iter()
            .find(|word| ends && tail.len() >= word.text().len() && tail.has(0, word.text()))
    }

    /// All of it was data.
    pub(crate) fn give_withheld(&mut self) {
        if self.withheld > 0 {
            self.withheld = 0;
            self.awaited = false;
            self.reader.wake();
        }
    }

    /// Copies one line of what is withheld, from `offset` on, and says where the next begins.
    pub(crate) fn withheld_line(&self, offset: usize, line: &mut [u8]) -> Option<(usize, usize)> {
        let withheld = usize::from(self.withheld).min(self.rx.len());
        let tail = Tail::of(&self.rx, withheld);
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let start = offset + tail.bytes(offset).take_while(is_end).count();
        let mut length = 0;
        for (into, byte) in line
            .iter_mut()
            .zip(tail.bytes(start).take_while(|byte| !is_end(byte)))
        {
            *into = byte;
            length += 1;
        }
        let whole = tail.bytes(start).take_while(|byte| !is_end(byte)).count();
        (whole > 0).then_some((length, start + whole))
    }

    /// None of it was data.
    pub(crate) fn drop_withheld(&mut self) {
        let withheld = usize::from(self.withheld);
        self.rx.retract(withheld);
        self.received = self.received.wrapping_sub(withheld as u32);
        self.withheld = 0;
    }
}
