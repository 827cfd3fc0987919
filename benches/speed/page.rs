//! The figures as a part of `docs/benchmarks.md`.

use core::fmt::Write;

use super::measure::{BAUD_RATES, Case, Figures, LATENCIES, LENGTHS, MODES, Mode, WAYS, Way};

const BEGIN: &str = "<!-- speed: written by benches/speed.rs -->\n";
const END: &str = "<!-- speed: end -->\n";

/// The page with these figures in place of those that it has. `None` if it has no place for them.
pub fn replace(page: &str, part: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{part}{END}{after}"))
}

pub fn write(figures: &[(Case, Figures)]) -> String {
    let mut page = String::new();
    for way in WAYS {
        for length in LENGTHS {
            table(&mut page, figures, way, length);
        }
    }
    page.push('\n');
    page
}

fn table(page: &mut String, figures: &[(Case, Figures)], way: Way, length: usize) {
    let title = match way {
        Way::Down => "Download",
        Way::Up => "Upload",
        Way::Both => "Both at once",
    };
    let _ = write!(page, "\n### {title}, {} KB", length / 1024);
    if way == Way::Both {
        page.push_str(" each way");
    }
    page.push_str("\n\n| Mode | Latency |");
    for baud in BAUD_RATES {
        let _ = write!(page, " {baud} bit/s |");
    }
    page.push_str(" AT commands | Bytes on the wire per byte |\n|---|---:|");
    page.push_str(&"---:|".repeat(BAUD_RATES.len() + 2));
    page.push('\n');
    for mode in MODES {
        for latency in LATENCIES {
            let row: Vec<Figures> = figures
                .iter()
                .filter(|(case, _)| (case.mode, case.latency) == (mode, latency))
                .filter(|(case, _)| (case.way, case.length) == (way, length))
                .map(|(_, figures)| *figures)
                .collect();
            line(page, mode, latency, way, &row);
        }
    }
}

fn line(page: &mut String, mode: Mode, latency: u64, way: Way, row: &[Figures]) {
    let _ = write!(page, "| {mode} | {latency} ms |");
    for figures in row {
        let (down, up) = (100.0 * figures.down, 100.0 * figures.up);
        let _ = match way {
            Way::Down => write!(page, " {down:.1} % |"),
            Way::Up => write!(page, " {up:.1} % |"),
            Way::Both => write!(page, " {down:.1} / {up:.1} % |"),
        };
    }
    let commands = range(row.iter().map(|figures| figures.commands.to_string()));
    let wire = range(row.iter().map(|figures| format!("{:.3}", figures.wire)));
    let _ = writeln!(page, " {commands} | {wire} |");
}

/// One text if all are the same, else the first and the last in order.
fn range(texts: impl Iterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.collect();
    texts.sort_by_key(|text| (text.len(), text.clone()));
    match (texts.first(), texts.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.clone(),
        _ => String::new(),
    }
}
