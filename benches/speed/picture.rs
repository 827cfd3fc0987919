//! Goodput over baud rate, as an SVG picture.

use core::fmt::Write;

use super::measure::{BAUD_RATES, Case, Figures, LENGTHS, MODES, Mode, Way};

/// Milliseconds of the module's latency in the picture.
const LATENCY: u64 = 5;

const WIDTH: f64 = 830.0;
const HEIGHT: f64 = 400.0;
/// Of one panel's plot.
const PLOT: (f64, f64) = (330.0, 240.0);
const TOP: f64 = 72.0;
const LEFTS: [f64; 2] = [70.0, 470.0];

pub fn draw(figures: &[(Case, Figures)]) -> String {
    let mut picture = String::new();
    let _ = writeln!(
        picture,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#333\">\n\
         <title>Goodput over baud rate for the three data access modes</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">Goodput as a share of the raw line, 100 KB, \
         module latency {LATENCY} ms</text>",
        LEFTS[0]
    );
    for (left, way, title) in [
        (LEFTS[0], Way::Down, "Download"),
        (LEFTS[1], Way::Up, "Upload"),
    ] {
        axes(&mut picture, left, title);
        for mode in MODES {
            curve(&mut picture, left, way, mode, figures);
        }
    }
    legend(&mut picture);
    picture.push_str("</svg>\n");
    picture
}

/// Where a baud rate is, on a logarithmic axis with a margin on both sides.
fn x(left: f64, baud: u32) -> f64 {
    let ends = [BAUD_RATES[0], BAUD_RATES[BAUD_RATES.len() - 1]].map(|baud| f64::from(baud).log2());
    let share = (f64::from(baud).log2() - ends[0]) / (ends[1] - ends[0]);
    left + PLOT.0 * (0.06 + 0.88 * share)
}

fn y(share: f64) -> f64 {
    TOP + PLOT.1 * (1.0 - share)
}

fn axes(picture: &mut String, left: f64, title: &str) {
    let right = left + PLOT.0;
    let _ = writeln!(
        picture,
        "<text x=\"{left:.1}\" y=\"{:.1}\" font-weight=\"bold\">{title}</text>",
        TOP - 14.0
    );
    for percent in (0..=100).step_by(20) {
        let at = y(f64::from(percent) / 100.0);
        let color = if percent == 0 { "#333" } else { "#ddd" };
        let _ = writeln!(
            picture,
            "<line x1=\"{left:.1}\" y1=\"{at:.1}\" x2=\"{right:.1}\" y2=\"{at:.1}\" stroke=\"{color}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            left - 8.0,
            at + 4.5
        );
    }
    for baud in BAUD_RATES {
        let at = x(left, baud);
        let _ = writeln!(
            picture,
            "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"#333\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{baud}</text>",
            y(0.0),
            y(0.0) + 5.0,
            y(0.0) + 20.0
        );
    }
    let _ = writeln!(
        picture,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">bit/s</text>",
        left + PLOT.0 / 2.0,
        y(0.0) + 38.0
    );
}

fn curve(picture: &mut String, left: f64, way: Way, mode: Mode, figures: &[(Case, Figures)]) {
    let points: Vec<(f64, f64)> = figures
        .iter()
        .filter(|(case, _)| (case.mode, case.way, case.latency) == (mode, way, LATENCY))
        .filter(|(case, _)| case.length == LENGTHS[0])
        .map(|(case, figures)| {
            let share = match way {
                Way::Up => figures.up,
                Way::Down | Way::Both => figures.down,
            };
            (x(left, case.baud), y(share))
        })
        .collect();
    let (color, dash) = look(mode);
    let line: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = writeln!(
        picture,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.5\" stroke-dasharray=\"{dash}\"/>",
        line.join(" ")
    );
    for (x, y) in points {
        let _ = writeln!(
            picture,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/>"
        );
    }
}

/// Color and dashes: direct push and buffer access mode upload alike, so that both have to be seen.
fn look(mode: Mode) -> (&'static str, &'static str) {
    match mode {
        Mode::Transparent => ("#1b7f5c", "none"),
        Mode::Push => ("#d9822b", "9 6"),
        Mode::Buffer => ("#2b62b5", "none"),
    }
}

fn legend(picture: &mut String) {
    let at = HEIGHT - 18.0;
    for (index, mode) in MODES.into_iter().enumerate() {
        let left = LEFTS[0] + 180.0 * index as f64;
        let (color, dash) = look(mode);
        let _ = writeln!(
            picture,
            "<line x1=\"{left:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" stroke=\"{color}\" stroke-width=\"2.5\" \
             stroke-dasharray=\"{dash}\"/>\n\
             <circle cx=\"{:.1}\" cy=\"{at:.1}\" r=\"4\" fill=\"{color}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">{mode}</text>",
            left + 40.0,
            left + 20.0,
            left + 50.0,
            at + 4.5
        );
    }
}
