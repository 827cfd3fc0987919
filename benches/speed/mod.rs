//! How fast the three data access modes are, in virtual time: the figures are exact, and the same on every machine.
#![allow(missing_docs)]

pub mod measure;
pub mod page;
pub mod picture;
