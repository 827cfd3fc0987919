//! The steps of bring-up, link check and way down.

#[cfg(feature = "link-control")]
use super::state::LinkMode;
use crate::engine::exchange::job::Job;
use crate::error::LinkError;

/// The step that comes next. [`bring_up`](super::bring_up) has their order, their commands, and what the answers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// AT, and the escapes, until the module answers.
    Probe,
    /// The first AT was answered: AT again, after a pause in which late lines pass.
    Settle,
    /// One command of the recipe.
    Run(Job),
    CloseOrphans,
    /// AT+QIACT? after the activation, until the context has an address.
    Address {
        /// The reason if it gets none.
        otherwise: LinkError,
    },
    /// The link is up; sockets have their turn.
    Up,
    /// Link check: AT, and escapes, until the module answers.
    CheckAnswer,
    /// Link check: as `Settle`.
    CheckSettle,
    /// Link check: AT+QIACT? shows whether the PDP context is active.
    CheckContext,
    /// AT+CGACT? after several opens in a row that failed.
    CheckBearer,
    /// The attempt has failed; another one follows.
    Pause,
    /// Only the user's hook helps.
    Reset,
    /// There is no link, and the application wants none.
    #[cfg(feature = "link-control")]
    TurnedOff(LinkMode),
    /// AT+QPOWD was accepted; the module is about to be off.
    #[cfg(feature = "link-control")]
    PoweringDown,
    /// The configuration, or the UART, cannot be used. Nothing is done any more.
    Disabled,
}

impl Step {
    /// Whether the link is up, or is being checked.
    pub(super) const fn is_serving(self) -> bool {
        matches!(
            self,
            Self::Up
                | Self::CheckAnswer
                | Self::CheckSettle
                | Self::CheckContext
                | Self::CheckBearer
        )
    }

    /// Whether this is one of the steps between the activation of the context and a link that is up.
    pub(super) const fn follows_activation(self) -> bool {
        match self {
            Self::Run(Job::Set(_) | Job::SetDns) => true,
            #[cfg(feature = "sleep")]
            Self::Run(Job::AllowSleep) => true,
            _ => false,
        }
    }
}
