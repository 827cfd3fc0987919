//! A byte ring over borrowed storage: the receive and transmit buffers of every socket.

use crate::util::slices::{behind, behind_mut, copy, front, front_mut};

/// First in, first out, over a slice that never moves. Bytes can be looked at before they are taken.
#[derive(Debug)]
pub(crate) struct Ring<'d> {
    storage: &'d mut [u8],
    /// Where the oldest byte is.
    start: usize,
    /// How many bytes are held.
    len: usize,
}

impl<'d> Ring<'d> {
    pub(crate) fn new(storage: &'d mut [u8]) -> Self {
        Self {
            storage,
            start: 0,
            len: 0,
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.storage.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn free(&self) -> usize {
        self.storage.len() - self.len
    }

    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.len = 0;
    }

    /// Takes in as much of `bytes` as there is room for and says how much that was.
    #[inline(never)]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let bytes = front(bytes, self.free());
        let end = self.wrap(self.start + self.len);
        let first = copy(bytes, behind_mut(self.storage, end));
        copy(behind(bytes, first), self.storage);
        self.len += bytes.len();
        bytes.len()
    }

    /// Moves the oldest bytes into `into` and says how many there were.
    pub(crate) fn pop(&mut self, into: &mut [u8]) -> usize {
        let count = self.peek(0, into);
        self.discard(count);
        count
    }

    /// Copies bytes into `into`, beginning `offset` bytes after the oldest, and leaves them in the ring.
    #[inline(never)]
    pub(crate) fn peek(&self, offset: usize, into: &mut [u8]) -> usize {
        let (first, second) = self.pieces(offset);
        let head = copy(first, into);
        head + copy(second, behind_mut(into, head))
    }

    /// The bytes from `offset` on, as the two pieces in which they lie.
    #[inline(never)]
    pub(crate) fn pieces(&self, offset: usize) -> (&[u8], &[u8]) {
        let offset = offset.min(self.len);
        let count = self.len - offset;
        let begin = self.wrap(self.start + offset);
        let first = front(behind(self.storage, begin), count);
        (first, front(self.storage, count - first.len()))
    }

    /// The oldest bytes, `most` at most, as far as they lie in one piece.
    pub(crate) fn oldest_mut(&mut self, most: usize) -> &mut [u8] {
        let count = most.min(self.len);
        front_mut(behind_mut(self.storage, self.start), count)
    }

    /// The room behind the newest byte, as far as it lies in one piece.
    pub(crate) fn room_mut(&mut self) -> &mut [u8] {
        let free = self.free();
        let end = self.wrap(self.start + self.len);
        front_mut(behind_mut(self.storage, end), free)
    }

    /// The first `count` bytes of the room are the newest bytes from now on.
    pub(crate) fn extend(&mut self, count: usize) {
        self.len += count.min(self.free());
    }

    /// How many bytes at the start of `bytes` are the same as those held from `offset` on.
    pub(crate) fn common_prefix(&self, offset: usize, bytes: &[u8]) -> usize {
        let (first, second) = self.pieces(offset);
        first
            .iter()
            .chain(second)
            .zip(bytes)
            .take_while(|(has_handle, other)| has_handle == other)
            .count()
    }

    /// Drops the oldest `count` bytes.
    #[inline(never)]
    pub(crate) fn discard(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        // An empty ring begins at the front again, so that its next bytes lie in one piece.
        self.start = if self.len == 0 {
            0
        } else {
            self.wrap(self.start + count)
        };
    }

    /// Drops the newest `count` bytes.
    #[inline(never)]
    #[cfg(any(feature = "udp", feature = "transparent"))]
    pub(crate) fn retract(&mut self, count: usize) {
        self.len -= count.min(self.len);
    }

    fn wrap(&self, position: usize) -> usize {
        if position >= self.storage.len() {
            position - self.storage.len()
        } else {
            position
        }
    }
}

#[cfg(test)]
mod tests;
