//! The names that the output of atat's derives uses, with the serializer and the deserializer of this crate.
//!
//! The derives generate paths such as `atat::AtatCmd` and `atat::serde_at::to_slice`, which are looked up in the module that
//! contains the derived type. In the modules of `crate::at` the name `atat` is this module. The derived types therefore
//! implement atat's own traits, and their implementations call [`serializer`](super::serializer) and
//! [`deserializer`](super::deserializer).
//!
//! There are two reasons. `serde_at` refuses lines that real modules send. And it takes more flash: 58.5 KB for a firmware
//! with TCP only that takes 48 KB with the pair of this crate (Cortex-M3, opt-level `s`).

pub(super) use ::atat::atat_derive::{AtatCmd, AtatEnum, AtatResp, AtatUrc};
pub(super) use ::atat::{AtatCmd, AtatResp, AtatUrc, Error, InternalError, Parser, digest};

pub(super) mod serde_at {
    pub(in crate::at) use ::serde_at::serde;

    pub(in crate::at) use crate::at::deserializer::from_slice;
    pub(in crate::at) use crate::at::serializer::{SerializeOptions, to_slice};
}
