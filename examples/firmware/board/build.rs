//! Writes the memory map of the microcontroller for the linker. The table of its interrupts is in the file of the microcontroller.

use std::path::Path;
use std::{env, fs};

const LM3S6965: &str = "MEMORY
{
  FLASH : ORIGIN = 0x00000000, LENGTH = 256K
  RAM : ORIGIN = 0x20000000, LENGTH = 64K
}
";

const MPS2: &str = "MEMORY
{
  FLASH : ORIGIN = 0x00000000, LENGTH = 4M
  RAM : ORIGIN = 0x20000000, LENGTH = 4M
}
";

fn main() {
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let folder = Path::new(&folder);
    let memory = match env::var_os("CARGO_FEATURE_MPS2") {
        Some(_) => MPS2,
        None => LM3S6965,
    };
    fs::write(folder.join("memory.x"), memory).expect("the folder is there");
    fs::write(folder.join("device.x"), "").expect("the folder is there");
    println!("cargo:rustc-link-search={}", folder.display());
    println!("cargo:rerun-if-changed=build.rs");
}
