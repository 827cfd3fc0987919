//! The fuzz targets on the public faces with fixed seeds. `FUZZED_SEEDS=from..to` runs other seeds than the usual ones.

use testbench::{each_seed, fuzzed, noise};

fn run(body: fn(&[u8])) {
    each_seed("FUZZED_SEEDS", 0..40, |seed| {
        body(&noise(seed, 40 + seed as usize % 7 * 40));
    });
}

#[test]
fn streams() {
    run(fuzzed::streams);
}

#[test]
fn push() {
    run(fuzzed::push);
}

#[test]
fn transparent() {
    run(fuzzed::transparent);
}

#[test]
fn datagrams() {
    run(fuzzed::datagrams);
}

#[test]
fn listeners() {
    run(fuzzed::listeners);
}

#[test]
fn commands() {
    run(fuzzed::commands);
}

#[test]
fn runner() {
    run(fuzzed::runner);
}

#[test]
fn blocking() {
    run(fuzzed::blocking);
}
