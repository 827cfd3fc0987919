//! Where a firmware can panic.
//!
//! All panics end in the panic handler. Functions of `core` that only lead to the handler, such as `slice_index_fail`, count as part of it.
//! Code that calls one of them can panic.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::image::Image;
use crate::path::Path;

/// The function of `core` that all panics go through. A short panic handler is inlined into it.
const ROOT: &str = "core::panicking::panic_fmt";

/// Panics that are accepted, by a part of the name of the called function, and why:
const ACCEPTED: [(&str, &str); 2] = [
    // The compiler adds it to every future.
    (
        "panic_const_async_fn_resumed",
        "a future that is polled again after its end",
    ),
    // The time driver of the board, in line: no code that runs inside its critical sections reads the clock.
    ("panic_already_", "the clock of the board"),
];

/// Prints the places that can panic. Returns true if none is in the crate `name`.
pub fn report(image: &Image, name: &str) -> Result<bool> {
    let calls = calls(image);
    let panics = panics(image, &calls);
    ensure!(!panics.is_empty(), "the firmware has no {ROOT}");

    let mut ours = BTreeSet::new();
    let mut others: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for &(from, caller, callee) in &calls {
        if !panics.contains(&callee) || panics.contains(&caller) {
            continue;
        }
        let what = image.functions[&callee].1.to_string();
        let author = image.author(from);
        let place = author
            .as_ref()
            .map_or(String::new(), |author| author.place());
        let author_crate = author
            .as_ref()
            .map_or("", |author| author.crate_name())
            .replace('-', "_");
        if author_crate != name {
            others.entry(author_crate).or_default().insert(place);
        } else if let Some((_, why)) = ACCEPTED.iter().find(|(part, _)| what.contains(part)) {
            *accepted.entry(why).or_default() += 1;
        } else {
            let function = author.map_or(String::new(), |author| author.function.to_string());
            ours.insert(format!("{place}: {function}: {what}"));
        }
    }
    for (author, places) in &others {
        println!("{author}: {} places", places.len());
    }
    for (why, count) in &accepted {
        println!("{name}, accepted: {why}: {count} calls");
    }
    for place in &ours {
        println!("{name}, PANIC: {place}");
    }
    println!("{name}: {} places", ours.len());
    Ok(ours.is_empty())
}

/// All direct calls and jumps from one function to another: the instruction, its function, and the called function.
fn calls(image: &Image) -> Vec<(u64, u64, u64)> {
    let mut calls = Vec::new();
    for &caller in image.functions.keys() {
        for (address, _, first, second) in image.instructions(caller) {
            let callee = target(address, first, second);
            let callee = callee.filter(|callee| image.functions.contains_key(callee));
            if let Some(callee) = callee.filter(|&callee| callee != caller) {
                calls.push((address, caller, callee));
            }
        }
    }
    calls
}

/// The handler, and the functions that only lead to it.
fn panics(image: &Image, calls: &[(u64, u64, u64)]) -> BTreeSet<u64> {
    let functions = image.functions.iter();
    let root = functions.filter(|(_, (_, name))| name.to_string() == ROOT);
    let mut panics: BTreeSet<u64> = root.map(|(address, _)| *address).collect();
    loop {
        let more = calls.iter().filter(|(_, caller, callee)| {
            panics.contains(callee) && is_panic(&image.functions[caller].1)
        });
        let more: Vec<u64> = more.map(|(_, caller, _)| *caller).collect();
        let before = panics.len();
        panics.extend(more);
        if panics.len() == before {
            return panics;
        }
    }
}

/// Whether this is a function of `core` that only panics, by its name.
fn is_panic(name: &Path) -> bool {
    let text = name.to_string();
    name.is_language()
        && [
            "::panicking::",
            "_fail",
            "unwrap_failed",
            "expect_failed",
            "panic_",
        ]
        .iter()
        .any(|part| text.contains(part))
}

/// The target of a branch with a wide offset (BL, B.W, and B.W with a condition: encodings T1, T4 and T3) or a short offset.
fn target(address: u64, first: u16, second: u16) -> Option<u64> {
    let (first, second) = (i64::from(first), i64::from(second));
    let bit = |half: i64, index: u32| half >> index & 1;
    let here = address as i64 + 4;
    let offset = if first >> 11 == 0b11110 && second >> 15 == 1 {
        let sign = bit(first, 10);
        let (j1, j2) = (bit(second, 13), bit(second, 11));
        let low = second & 0x7ff;
        if bit(second, 12) == 1 {
            let (i1, i2) = (j1 ^ sign ^ 1, j2 ^ sign ^ 1);
            let high = (-sign << 24) | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12;
            high | low << 1
        } else if bit(second, 14) == 0 && first >> 6 & 0xf < 0xe {
            (-sign << 20) | j2 << 19 | j1 << 18 | (first & 0x3f) << 12 | low << 1
        } else {
            return None;
        }
    } else if first >> 11 == 0b11100 {
        (first & 0x7ff) << 53 >> 52
    } else if first >> 12 == 0b1101 && first >> 8 & 0xf < 0xe {
        (first & 0xff) << 56 >> 55
    } else {
        return None;
    };
    u64::try_from(here + offset).ok()
}
