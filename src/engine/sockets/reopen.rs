//! The repetition of an AT+QIOPEN that failed: how far it is, and what is known of the open.

use crate::engine::refusal::Retries;

/// The repetition of an AT+QIOPEN that failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reopen {
    pub(super) stage: ReopenStage,
    /// It was repeated without a pause, which is done once at most.
    used_immediate_retry: bool,
    pub(super) retries: Retries,
    /// The same open has worked before, so that its parameters are good.
    pub(super) is_known_good: bool,
    /// The local address is given as the IPv6 one, because the IPv4 one was refused.
    pub(super) binds_v6: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReopenStage {
    None,
    /// Opens again as soon as the connectID is closed.
    AfterClose,
    Repeating,
}

impl Reopen {
    pub(super) const NEW: Self = Self {
        stage: ReopenStage::None,
        used_immediate_retry: false,
        retries: Retries::NEW,
        is_known_good: false,
        binds_v6: false,
    };

    /// Uses up the repetition without a pause. Returns whether there was one left.
    pub(super) const fn use_immediate_retry(&mut self) -> bool {
        !core::mem::replace(&mut self.used_immediate_retry, true)
    }
}
