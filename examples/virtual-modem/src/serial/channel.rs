//! One direction of a serial line.

use super::{Chop, Line};
use crate::time;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

/// A waiting reader of an uncut line is woken for this many bytes.
const FIFO_TRIGGER: usize = 64;

/// One direction.
pub(super) struct Channel {
    pub baud: u64,
    pub chop: Chop,
    pub dice: fastrand::Rng,
    chunk: usize,
    flow_control: bool,
    capacity: usize,
    pub send_capacity: usize,
    /// At the sender, not yet on the wire.
    queue: VecDeque<u8>,
    /// On the wire, each with the time at which it is in.
    wire: VecDeque<(u64, u8)>,
    /// At the receiver.
    pub fifo: VecDeque<u8>,
    burst_start: u64,
    burst_bytes: u64,
    busy_until: u64,
    pub carried: u64,
    pub lost: u64,
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
    pub closed: bool,
}

impl Channel {
    pub fn new(line: &Line, chop: Chop, capacity: usize, send_capacity: usize) -> Self {
        let seed = if let Chop::Random { seed, .. } = chop {
            seed
        } else {
            0
        };
        let mut channel = Channel {
            baud: line.baud.into(),
            chop,
            dice: fastrand::Rng::with_seed(seed),
            chunk: 1,
            flow_control: line.flow_control,
            capacity: capacity.max(1),
            send_capacity: send_capacity.max(1),
            queue: VecDeque::new(),
            wire: VecDeque::new(),
            fifo: VecDeque::new(),
            burst_start: 0,
            burst_bytes: 0,
            busy_until: 0,
            carried: 0,
            lost: 0,
            reader: None,
            writer: None,
            closed: false,
        };
        channel.draw_chunk();
        channel
    }

    pub fn draw_chunk(&mut self) {
        self.chunk = match self.chop {
            Chop::Whole => FIFO_TRIGGER,
            Chop::Bytes(bytes) => bytes.max(1),
            Chop::Random { max, .. } => self.dice.usize(1..=max.max(1)),
        };
    }

    pub fn arrive(&mut self, byte: u8) {
        self.carried += 1;
        if self.fifo.len() < self.capacity {
            self.fifo.push_back(byte);
        } else {
            self.lost += 1;
        }
    }

    /// Advances all bytes to their position at `now`.
    pub fn advance(&mut self, now: u64) {
        while self.wire.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, byte)) = self.wire.pop_front() {
                self.arrive(byte);
            }
        }
        while !self.flow_control || self.fifo.len() + self.wire.len() < self.capacity {
            let Some(byte) = self.queue.pop_front() else {
                break;
            };
            if self.baud == 0 {
                self.arrive(byte);
                continue;
            }
            if self.busy_until <= now {
                self.burst_start = now;
                self.burst_bytes = 0;
            }
            self.burst_bytes += 1;
            self.busy_until =
                self.burst_start + (self.burst_bytes * 10_000_000).div_ceil(self.baud);
            self.wire.push_back((self.busy_until, byte));
        }
    }

    pub fn push(&mut self, bytes: &[u8], now: u64) {
        if bytes.is_empty() {
            return;
        }
        self.queue.extend(bytes);
        self.advance(now);
        wake(&mut self.reader);
    }

    pub fn unsent(&self) -> usize {
        self.queue.len() + self.wire.len()
    }

    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let now = time::micros();
        self.advance(now);
        let room = self.send_capacity.saturating_sub(self.unsent());
        if room == 0 {
            self.writer = Some(cx.waker().clone());
            // Half the buffer free is soon enough: fewer wakes, the same speed.
            if let Some((at, _)) = self
                .wire
                .get(self.send_capacity.div_ceil(2) - 1)
                .or(self.wire.back())
            {
                time::wake_at(*at, cx.waker());
            }
            return Poll::Pending;
        }
        let count = room.min(bytes.len());
        self.push(&bytes[..count], now);
        Poll::Ready(count)
    }

    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.advance(time::micros());
        if self.unsent() == 0 {
            return Poll::Ready(());
        }
        self.writer = Some(cx.waker().clone());
        if let Some((at, _)) = self.wire.back() {
            time::wake_at(*at, cx.waker());
        }
        Poll::Pending
    }

    pub fn is_readable(&self) -> bool {
        let have = self.fifo.len();
        have > 0 && (have >= self.chunk || have >= self.capacity || self.wire.is_empty())
    }

    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let now = time::micros();
        self.advance(now);
        if self.is_readable() {
            let limit = if self.chop == Chop::Whole {
                usize::MAX
            } else {
                self.chunk
            };
            let count = self.fifo.len().min(limit).min(buffer.len());
            for (slot, byte) in buffer.iter_mut().zip(self.fifo.drain(..count)) {
                *slot = byte;
            }
            self.draw_chunk();
            self.advance(now);
            wake(&mut self.writer);
            return Poll::Ready(count);
        }
        if self.closed && self.unsent() == 0 && self.fifo.is_empty() {
            return Poll::Ready(0);
        }
        self.reader = Some(cx.waker().clone());
        let missing = self.chunk.saturating_sub(self.fifo.len()).max(1);
        if let Some((at, _)) = self.wire.get(missing - 1).or(self.wire.back()) {
            time::wake_at(*at, cx.waker());
        }
        Poll::Pending
    }
}

pub(super) fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
