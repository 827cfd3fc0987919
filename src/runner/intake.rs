//! The buffer between UART and digester.

use atat::{AtatIngress, Digester, IngressError};

use crate::util::slices::{behind_mut, front_mut};

/// What [`atat::Ingress`] is to those who have a channel for their URCs: without one nothing that the digester finds has
/// to be handed on.
pub(crate) struct Intake<'r, D> {
    digester: D,
    buffer: &'r mut [u8],
    filled: usize,
}

impl<'r, D: Digester> Intake<'r, D> {
    pub(crate) fn new(digester: D, buffer: &'r mut [u8]) -> Self {
        Self {
            digester,
            buffer,
            filled: 0,
        }
    }

    fn digest(&mut self, commit: usize) {
        self.filled = self.buffer.len().min(self.filled + commit);
        let input = front_mut(self.buffer, self.filled);
        let (_, count) = self.digester.digest(input);
        let count = count.min(input.len());
        if count < input.len() {
            input.copy_within(count.., 0);
        }
        self.filled -= count;
    }
}

impl<D: Digester> AtatIngress for Intake<'_, D> {
    fn write_buf(&mut self) -> &mut [u8] {
        behind_mut(self.buffer, self.filled)
    }

    fn try_advance(&mut self, commit: usize) -> Result<(), IngressError> {
        self.digest(commit);
        Ok(())
    }

    async fn advance(&mut self, commit: usize) {
        self.digest(commit);
    }

    fn clear(&mut self) {
        self.filled = 0;
    }
}
