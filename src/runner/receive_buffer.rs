//! The receive buffer, and the user's channel behind it.

use core::ops::Range;

use atat::{AtatIngress, AtatUrc, DigestResult, Digester, Ingress, ResponseSlot, UrcChannel};

use crate::util::slices::front_mut;

/// The buffer that the serial line is read into.
///
/// It also takes the lines that are not the stack's. That is one trait, because atat publishes a URC only out of the
/// buffer of an [`Ingress`].
pub trait ReceiveBuffer {
    /// The whole buffer.
    fn bytes(&mut self) -> &mut [u8];

    /// Publishes a foreign line, which is at this place in the buffer. May overwrite all bytes up to the end of the line.
    ///
    /// Returns false if the line had to be dropped.
    fn publish(&mut self, line: Range<usize>) -> bool;
}

/// Without a channel foreign lines are ignored.
impl ReceiveBuffer for &mut [u8] {
    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn publish(&mut self, _: Range<usize>) -> bool {
        true
    }
}

/// Treats its whole input as one URC.
pub(super) struct WholeLine;

impl Digester for WholeLine {
    fn digest<'a>(&mut self, input: &'a [u8]) -> (DigestResult<'a>, usize) {
        (DigestResult::Urc(input.trim_ascii()), input.len())
    }
}

/// Parses foreign lines as `Urc` and publishes them. A line that `Urc` does not know is ignored.
impl<Urc: AtatUrc, const RESPONSE: usize, const CAPACITY: usize, const SUBSCRIBERS: usize>
    ReceiveBuffer for Ingress<'_, WholeLine, Urc, RESPONSE, CAPACITY, SUBSCRIBERS>
{
    fn bytes(&mut self) -> &mut [u8] {
        // All of it is free: no line stays in the ingress after `publish`.
        self.write_buf()
    }

    fn publish(&mut self, line: Range<usize>) -> bool {
        let length = line.len();
        let bytes = front_mut(self.bytes(), line.end);
        if line.start < bytes.len() {
            bytes.copy_within(line.start.., 0);
        }
        let result = self.try_advance(length);
        if result.is_err() {
            // The channel is full, and the line is still in the ingress.
            self.clear();
        }
        result.is_ok()
    }
}

/// Where foreign lines go: `()` is nowhere.
pub trait Urcs {
    /// The receive buffer in `bytes` that publishes foreign lines.
    fn buffer<'b>(
        &'b mut self,
        bytes: &'b mut [u8],
        response: &'b ResponseSlot<1>,
    ) -> impl ReceiveBuffer + 'b;
}

impl Urcs for () {
    fn buffer<'b>(
        &'b mut self,
        bytes: &'b mut [u8],
        _: &'b ResponseSlot<1>,
    ) -> impl ReceiveBuffer + 'b {
        bytes
    }
}

impl<Urc: AtatUrc, const CAPACITY: usize, const SUBSCRIBERS: usize> Urcs
    for &UrcChannel<Urc, CAPACITY, SUBSCRIBERS>
{
    fn buffer<'b>(
        &'b mut self,
        bytes: &'b mut [u8],
        response: &'b ResponseSlot<1>,
    ) -> impl ReceiveBuffer + 'b {
        Ingress::new(WholeLine, bytes, response, self)
    }
}
