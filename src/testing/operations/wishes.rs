//! What an application can want of the link. `tests/it/link/sequences.rs` includes this file, too.

use super::LinkMode;

/// Up is twice as likely as any other.
pub(super) const LINK_MODES: [LinkMode; 6] = [
    LinkMode::Up,
    LinkMode::Up,
    LinkMode::Down,
    LinkMode::Airplane,
    LinkMode::Minimum,
    LinkMode::Off,
];
pub(super) const APNS: [&str; 2] = ["internet", "other"];
