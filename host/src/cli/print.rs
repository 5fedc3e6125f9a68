//! The only place of the command line that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line's answers go to standard output, its complaints to standard error"
)]

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::report::Failed;

/// Says what failed.
pub(super) fn failure(failed: &Failed) {
    eprintln!("{:?}", failed.report());
}

/// One line of the answer.
pub(super) fn line(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// One line beside the answer: progress, a hint.
pub(super) fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

/// The answer as JSON.
pub(super) fn json(value: &Value) {
    println!("{value:#}");
}

/// Columns as wide as they must be, the last one as long as it is.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<_> = head.iter().map(|it| it.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head: Vec<_> = head.iter().map(|it| it.to_uppercase()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let gap = width - cell.chars().count();
            format!("{}{}", inert(cell), " ".repeat(gap))
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Text from outside with its control characters made visible: a partner must not
/// move the cursor of an operator's terminal.
pub(super) fn inert(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() && character != '\n' && character != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            }
        })
        .collect()
}

/// A bar on a terminal; nothing otherwise.
pub(super) fn progress(total: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}
