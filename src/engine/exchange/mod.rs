//! The AT transaction in flight.

mod echo;
pub(crate) mod encode;
pub(crate) mod in_flight;
pub(crate) mod job;
