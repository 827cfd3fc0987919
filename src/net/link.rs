//! What the application wants of the link, and the changes of its state.

use core::fmt;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, RawMutex};
use embassy_time::Instant;

use crate::config::AccessPoint;
use crate::engine::mailbox::Message;
use crate::engine::shared::Shared;
use crate::engine::{LinkMode, LinkState, Queue};
use crate::error::LinkError;
use crate::stack::Stack;

impl<'d, M: RawMutex> Stack<'d, M> {
    /// Sets what the application wants of the link, at any time. The runner follows, from whatever it is doing; the last call
    /// counts. Without any call the link is wanted ([`LinkMode::Up`]).
    ///
    /// Without a link, connects and name lookups fail at once with [`LinkError::TurnedOff`]. Sockets end in good order: nothing more
    /// can be written, what was written is sent, for at most 10 s, and then they are closed. A connection of which a task waits in
    /// [`wait_acked`](crate::TcpConnection::wait_acked) is not closed before the peer has acknowledged, within the same 10 s. Data in the receive rings can still be
    /// read; the state is then [`LinkError::TurnedOff`]. Listeners and lookups under way fail at once. Then the PDP context is
    /// deactivated.
    ///
    /// The mode outlasts restarts of the module and of the runner.
    pub fn set_link(&self, mode: LinkMode) {
        self.shared.post(Message::LinkWanted(mode));
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
            let since = *since.get_or_insert_with(|| engine.link.attempt());
            engine.link.poll_wish(since)
        });
        wish.await
    }

    /// Sets the access point that the PDP context leads to, in place of the one in the [`Config`](crate::Config).
    ///
    /// If the link is up, sockets end in good order, as [`set_link`](Self::set_link) describes, and fail with
    /// [`LinkError::TurnedOff`]; then the PDP context is deactivated, configured, and activated again. Sockets that are opened meanwhile
    /// wait for that. If the link is coming up, or has failed to, the runner begins anew at once. Otherwise the next time that the link
    /// comes up is the first with the new access point.
    ///
    /// The strings have to live as long as the memory of the stack. For strings from elsewhere use a `StaticCell`.
    ///
    /// The future is ready at once, unless another task uses the stack at this moment.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, nothing has changed.
    pub async fn set_access_point(&self, access_point: AccessPoint<'d>) {
        self.shared
            .with(|engine| engine.set_access_point(access_point))
            .await;
    }

    /// Since when the link has been in its [state](Self::link_state).
    #[must_use]
    pub fn link_since(&self) -> Instant {
        self.shared.link().since
    }

    /// Waits until the link is not up: it was lost, or the application wants none. Ready at once if it is not up now. Returns its state,
    /// which is [`Up`](LinkState::Up) if the link was lost and has already come back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_link_down(&self) -> LinkState {
        let mut changes = self.link_changes();
        match self.link_state() {
            LinkState::Up => changes.next().await,
            state => state,
        }
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
