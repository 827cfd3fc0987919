//! What the application wants of the link, and the changes of its state.

use core::fmt;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Instant;

use crate::engine::posted::Posted;
use crate::engine::shared::Shared;
use crate::engine::{LinkMode, LinkState, Queue};
use crate::error::LinkError;
use crate::stack::Stack;

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Sets what the application wants of the link, at any time. The runner follows, from whatever it is doing; the last call
    /// counts. Without any call the link is wanted ([`LinkMode::Up`]).
    ///
    /// Without a link, connects and name lookups fail at once with [`LinkError::TurnedOff`]. Sockets end in good order: nothing more
    /// can be written, what was written is sent, for at most 10 s, and then they are closed. Data in the receive rings can still be
    /// read; the state is then [`LinkError::TurnedOff`]. Listeners and lookups under way fail at once. Then the PDP context is
    /// deactivated.
    ///
    /// The mode outlasts restarts of the module and of the runner.
    pub fn set_link(&self, mode: LinkMode) {
        self.shared.post(Posted::Link(mode));
    }

    /// Waits until the link is as [`set_link`](Self::set_link) asked for last. Returns the mode that it is in.
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) -> Result<(), quectel_nal::LinkError> {
    /// use quectel_nal::LinkMode;
    ///
    /// stack.set_link(LinkMode::Down);
    /// stack.wait_link_mode().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why the current attempt failed, or the next attempt if none is in progress. The runner keeps trying.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_link_mode(&self) -> Result<LinkMode, LinkError> {
        let mut since = None;
        let wish = self.shared.wait(Queue::Link, |engine| {
            let since = *since.get_or_insert_with(|| engine.attempt());
            engine.poll_wish(since)
        });
        wish.await
    }

    /// Since when the link has been in its [state](Self::link_state).
    #[must_use]
    pub fn link_since(&self) -> Instant {
        self.shared.link().since
    }

    /// Returns the changes of the link from now on.
    #[must_use]
    pub fn link_changes(&self) -> LinkChanges<'d, M> {
        LinkChanges {
            shared: self.shared,
            seen: self.shared.link().changes,
        }
    }
}

/// The changes of the link's state, from [`Stack::link_changes`].
///
/// Any number of them can be in use, each on its own.
pub struct LinkChanges<'d, M: RawMutex = CriticalSectionRawMutex> {
    shared: &'d Shared<'d, M>,
    /// How many changes there had been at the last look.
    seen: u32,
}

impl<M: RawMutex> fmt::Debug for LinkChanges<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkChanges").finish_non_exhaustive()
    }
}

impl<M: RawMutex> LinkChanges<'_, M> {
    /// Waits until the link has changed since the last call, and returns its state. After several changes that is the newest one: it
    /// can be the same as the last time, because the link was lost and came back in between.
    ///
    /// ```
    /// # async fn example(stack: quectel_nal::Stack<'_>) {
    /// let mut changes = stack.link_changes();
    /// loop {
    ///     println!("link: {:?}", changes.next().await);
    /// }
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect: the next call returns the change.
    pub async fn next(&mut self) -> LinkState {
        let seen = self.seen;
        let (seen, state) = self
            .shared
            .wait(Queue::Link, |engine| engine.poll_link_change(seen))
            .await;
        self.seen = seen;
        state
    }

    /// Returns the state of the link if it has changed since the last call.
    pub fn try_next(&mut self) -> Option<LinkState> {
        let seen = self.seen;
        match self.shared.poll(|engine| engine.poll_link_change(seen)) {
            Poll::Ready((seen, state)) => {
                self.seen = seen;
                Some(state)
            }
            Poll::Pending => None,
        }
    }
}
