//! Measures the three data access modes in virtual time, and writes the figures into `docs/benchmarks.md` and the picture
//! beside it.
//!
//! ```text
//! cargo bench --bench speed
//! cargo bench --bench speed --profile dev    the same figures, with less to build
//! ```

use std::path::Path;
use std::{fs, io};

#[path = "speed/mod.rs"]
mod speed;

fn main() -> io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let figures = speed::measure::measure_all(&speed::measure::all_cases());
    let part = speed::page::write(&figures);
    let page = docs.join("benchmarks.md");
    let text = fs::read_to_string(&page)?;
    let text = speed::page::replace(&text, &part).ok_or(io::ErrorKind::InvalidData)?;
    fs::write(&page, text)?;
    fs::write(docs.join("benchmarks.svg"), speed::picture::draw(&figures))?;
    println!("{part}");
    Ok(())
}
