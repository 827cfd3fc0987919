//! The code in README.md and in the guide. It uses some of the crates that `tests/crates` tests.

/// Compiles the code in README.md and in the guide.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/guide/1-wiring.md")]
    mod wiring {}
    #[doc = include_str!("../../../docs/guide/2-first-get.md")]
    mod first_get {}
    #[doc = include_str!("../../../docs/guide/3-sockets.md")]
    mod sockets {}
    #[doc = include_str!("../../../docs/guide/4-servers.md")]
    mod servers {}
    #[doc = include_str!("../../../docs/guide/5-udp.md")]
    mod udp {}
    #[doc = include_str!("../../../docs/guide/6-blocking.md")]
    mod blocking {}
    #[doc = include_str!("../../../docs/guide/7-own-commands.md")]
    mod own_commands {}
    #[doc = include_str!("../../../docs/guide/8-errors.md")]
    mod errors {}
    #[doc = include_str!("../../../docs/guide/9-modes.md")]
    mod modes {}
    #[doc = include_str!("../../../docs/guide/10-troubleshooting.md")]
    mod troubleshooting {}
    #[doc = include_str!("../../../docs/guide/11-linux.md")]
    mod linux {}
    #[doc = include_str!("../../../docs/guide/12-tls.md")]
    mod tls {}
    #[doc = include_str!("../../../docs/guide/13-mqtt.md")]
    mod mqtt {}
    #[doc = include_str!("../../../docs/guide/14-from-ppp.md")]
    mod from_ppp {}
    #[doc = include_str!("../../../docs/guide/15-in-the-field.md")]
    mod in_the_field {}
    #[doc = include_str!("../../../docs/guide/16-programs.md")]
    mod programs {}
    #[doc = include_str!("../../../docs/guide/17-sleep.md")]
    mod sleep {}
}
