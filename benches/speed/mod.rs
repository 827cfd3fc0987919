//! How fast the three data access modes are, in virtual time: the figures are exact, and the same on every machine.
#![allow(missing_docs)]

#[path = "../../tests/common/mod.rs"]
mod common;

pub mod measure;
pub mod page;
pub mod picture;
