//! What the end of a socket's transaction means to the rest of the engine.

/// Returned by the parts of the engine that handle a result; [`Engine::apply`](super::state::Engine::apply) is the one place that acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Effect {
    None,
    /// There is a sign that a URC was lost.
    Loss,
    /// A datagram is lost.
    DatagramDropped,
    /// The PDP context may be down: check it.
    ContextSuspect,
    /// The module may be in data mode: escape before the next command.
    #[cfg(feature = "push")]
    LineSuspect,
    /// The module may not have this connectID at all.
    IdRefused,
    /// The module has freed the connectID.
    IdFreed,
    /// The socket is gone and the module still holds its connectID: close it before it is used again.
    IdOrphaned,
}

impl Effect {
    /// The effect of an error on the PDP context.
    pub(crate) fn of(error: crate::error::Error) -> Self {
        match error {
            crate::error::Error::Link(_) => Self::ContextSuspect,
            _ => Self::None,
        }
    }
}
