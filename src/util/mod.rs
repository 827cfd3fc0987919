//! Data structures and helpers that know nothing of modems.

pub(crate) mod log;
pub(crate) mod ring;
pub(crate) mod slices;
pub(crate) mod time;
pub(crate) mod zeroed;
