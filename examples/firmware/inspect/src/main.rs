//! Inspects the ELF file of a firmware, which needs debug information.
//!
//! ```text
//! inspect size FILE             sections, and which crates and functions the code comes from
//! inspect panics FILE CRATE     where the code can panic; fails if CRATE has such a place
//! ```

mod image;
mod panics;
mod path;
mod size;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};
use image::Image;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("inspect: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["size", file] => size::report(&Image::open(file)?),
        ["panics", file, name] => panics::report(&Image::open(file)?, name),
        _ => bail!("inspect size FILE | inspect panics FILE CRATE"),
    }
}
