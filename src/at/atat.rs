//! What the output of atat's derives names, with this crate's serializer and deserializer.
//!
//! The derives write `atat::serde_at::to_slice`, `atat::AtatCmd` and so on into the module that they are used in. In
//! `crate::at` the name `atat` is this module, so that the derived commands and responses are written and read by
//! [`serializer`](super::serializer) and [`deserializer`](super::deserializer). Those read what real modules send, which
//! is looser than what `serde_at` reads, and together they take 5 KB of flash less on a Cortex-M3 (TCP only, opt-level `s`:
//! 53.1 KB with `serde_at` as the writer and 58.5 KB with it as the reader too).
//!
//! The traits are atat's own: to a user of atat the types are like any others.

pub(super) use ::atat::atat_derive::{AtatCmd, AtatEnum, AtatResp, AtatUrc};
pub(super) use ::atat::{AtatCmd, AtatResp, AtatUrc, Error, InternalError, Parser, digest};

pub(super) mod serde_at {
    pub(in crate::at) use ::serde_at::serde;

    pub(in crate::at) use crate::at::deserializer::from_slice;
    pub(in crate::at) use crate::at::serializer::{SerializeOptions, to_slice};
}
