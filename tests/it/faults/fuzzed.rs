//! The fuzz targets on the public faces with fixed seeds. `FUZZED_SEEDS=from..to` runs other seeds than the usual ones.

use testbench::{fuzzed, noise};

fn each_seed(body: fn(&[u8])) {
    let seeds = match std::env::var("FUZZED_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("from..to");
            from.parse().unwrap()..to.parse().unwrap()
        }
        Err(_) => 0..40,
    };
    for seed in seeds {
        let input = noise(seed, 40 + seed as usize % 7 * 40);
        if let Err(panic) = std::panic::catch_unwind(|| body(&input)) {
            eprintln!("this was seed {seed}: FUZZED_SEEDS={seed}..{}", seed + 1);
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn streams() {
    each_seed(fuzzed::streams);
}

#[test]
fn push() {
    each_seed(fuzzed::push);
}

#[test]
fn transparent() {
    each_seed(fuzzed::transparent);
}

#[test]
fn datagrams() {
    each_seed(fuzzed::datagrams);
}

#[test]
fn listeners() {
    each_seed(fuzzed::listeners);
}

#[test]
fn commands() {
    each_seed(fuzzed::commands);
}

#[test]
fn runner() {
    each_seed(fuzzed::runner);
}

#[test]
fn blocking() {
    each_seed(fuzzed::blocking);
}
