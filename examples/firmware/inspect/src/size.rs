//! Which crates and functions the code comes from.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;

use crate::image::Image;

/// Prints sections, then the code by crate, then the largest functions; `section`, `crate`, `function`, size, name.
pub fn report(image: &Image) -> Result<bool> {
    for (name, size) in &image.sections {
        println!("section {size} {name}");
    }
    let mut crates: HashMap<String, u64> = HashMap::new();
    let mut modules: BTreeMap<String, u64> = BTreeMap::new();
    for (&address, (size, name)) in &image.functions {
        let mut known = 0;
        for (address, length, ..) in image.instructions(address) {
            let author = image.author(address);
            let author = author
                .as_ref()
                .map_or(name.crate_name(), |author| author.crate_name());
            *crates.entry(author.replace('-', "_")).or_default() += length;
            known += length;
        }
        // Constants between the instructions.
        *crates.entry(name.crate_name().to_owned()).or_default() += size - known.min(*size);
        *modules.entry(name.to_string()).or_default() += size;
    }
    for (what, sizes) in [
        ("crate", crates.into_iter().collect::<Vec<_>>()),
        ("function", modules.into_iter().collect()),
    ] {
        let mut sizes = sizes;
        sizes.sort_by(|(one, small), (other, large)| large.cmp(small).then(one.cmp(other)));
        for (name, size) in sizes {
            println!("{what} {size} {name}");
        }
    }
    Ok(true)
}
