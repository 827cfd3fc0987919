//! What the three data access modes make of the serial line, and that `docs/benchmarks.md` says so.

#[path = "../../../benches/speed/mod.rs"]
mod speed;

use std::fs;
use std::sync::LazyLock;

use speed::measure::{BAUD_RATES, Case, Figures, LENGTHS, Mode, Way};
use speed::{measure, page, picture};

static FIGURES: LazyLock<Vec<(Case, Figures)>> =
    LazyLock::new(|| measure::measure_all(&measure::all_cases()));

/// Of 100 KB at 5 ms of module latency.
fn figures(mode: Mode, way: Way, baud: u32) -> Figures {
    let wanted = Case {
        mode,
        way,
        length: LENGTHS[0],
        latency: 5,
        baud,
    };
    let found = FIGURES.iter().find(|(case, _)| *case == wanted);
    found.unwrap().1
}

#[track_caller]
fn at_least(share: f64, goal: f64) {
    assert!(share >= goal, "{share:.4} of the line, {goal} wanted");
}

#[test]
fn direct_push_fills_the_line() {
    for baud in BAUD_RATES {
        let figures = figures(Mode::Push, Way::Down, baud);
        at_least(figures.down, 0.98);
        assert_eq!(figures.commands, 0);
        assert!(figures.wire < 1.02, "{figures:?}");
    }
}

#[test]
fn transparent_mode_adds_nothing_to_the_line() {
    for baud in BAUD_RATES {
        at_least(figures(Mode::Transparent, Way::Down, baud).down, 0.995);
        at_least(figures(Mode::Transparent, Way::Up, baud).up, 0.995);
        let both = figures(Mode::Transparent, Way::Both, baud);
        at_least(both.down.min(both.up), 0.995);
        assert_eq!((both.commands, both.wire), (0, 1.0));
    }
}

#[test]
fn buffer_mode_wastes_nothing_but_the_latency() {
    at_least(figures(Mode::Buffer, Way::Down, 115_200).down, 0.935);
    at_least(figures(Mode::Buffer, Way::Down, 921_600).down, 0.74);
    at_least(figures(Mode::Buffer, Way::Up, 115_200).up, 0.90);
    at_least(figures(Mode::Buffer, Way::Up, 921_600).up, 0.60);
    for baud in BAUD_RATES {
        // Each as large as it can be, and no empty read.
        let reads = LENGTHS[0].div_ceil(1500);
        let sends = LENGTHS[0].div_ceil(1460);
        let commands = |way| figures(Mode::Buffer, way, baud).commands as usize;
        assert_eq!(commands(Way::Down), reads);
        assert_eq!(commands(Way::Up), sends);
        assert!(commands(Way::Both) <= reads + sends);
        // Neither direction starves the other.
        let both = figures(Mode::Buffer, Way::Both, baud);
        at_least(both.down.min(both.up) / both.down.max(both.up), 0.95);
    }
}

#[test]
fn the_page_and_the_picture_show_these_figures() {
    let docs = super::root().join("docs");
    let advice = "run `cargo bench --bench speed --profile dev`";
    let text = fs::read_to_string(docs.join("benchmarks.md")).unwrap();
    let part = page::write(&FIGURES);
    let expected = page::replace(&text, &part).expect("a place for the figures");
    assert!(
        text == expected,
        "docs/benchmarks.md is out of date: {advice}"
    );
    let drawn = fs::read_to_string(docs.join("benchmarks.svg")).unwrap();
    assert!(
        drawn == picture::draw(&FIGURES),
        "docs/benchmarks.svg is out of date: {advice}"
    );
}
