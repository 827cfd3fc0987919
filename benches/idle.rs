//! Measures in virtual time what a stack costs that does nothing, and writes the figures into `docs/benchmarks.md`.
//!
//! ```text
//! cargo bench --bench idle
//! cargo bench --bench idle --profile dev    the same figures, with less to build
//! ```

use std::path::Path;
use std::{fs, io};

#[path = "idle/mod.rs"]
mod idle;

fn main() -> io::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
    let table = idle::table();
    let text = fs::read_to_string(&page)?;
    let text = idle::replace(&text, &table).ok_or(io::ErrorKind::InvalidData)?;
    fs::write(&page, text)?;
    println!("{table}");
    Ok(())
}
