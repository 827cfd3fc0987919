//! The pages of the repository agree with the code.

mod benchmarks;
mod commands;
mod idle;
mod pages;
mod structure;

use std::path::Path;

/// The folder of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
