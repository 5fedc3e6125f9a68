//! How the story looks: aligned lines with times, partners and arrows; colours on
//! a terminal and only there.
//!
//! Nothing else of the demo writes to the screen. A screen that can't be written to
//! (a closed pipe) ends no story.

use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use crate::clock::Timestamp;

/// Columns of a partner's name: the longest in the story.
const NAME_COLUMNS: usize = 10;

/// Columns of what happens: with all before it about 130, which most windows have.
const TEXT_COLUMNS_MAX: usize = 90;

/// Columns of a line that is overwritten: it must not wrap on a narrow terminal.
const PROGRESS_COLUMNS: usize = 76;

/// Columns of a name in a list.
const ITEM_COLUMNS: usize = 15;

/// Where the story is told.
pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    colours: bool,
    /// Whether lines can be overwritten.
    live: bool,
    /// From when times are counted.
    zero: Timestamp,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    /// When.
    pub(super) at: Timestamp,
    /// Who acts.
    pub(super) from: String,
    /// On whom; nobody when it acts on itself.
    pub(super) to: Option<String>,
    /// What happens.
    pub(super) text: String,
    /// How it goes.
    pub(super) tone: Tone,
}

/// How something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should.
    Plain,
    /// Well, in the end.
    Good,
    /// Not now.
    Odd,
    /// Not at all.
    Bad,
}

/// SGR parameters (ECMA-48, 8.3.117).
mod colour {
    pub(super) const BOLD: &str = "1";
    pub(super) const DIM: &str = "2";
    pub(super) const RED: &str = "31";
    pub(super) const GREEN: &str = "32";
    pub(super) const YELLOW: &str = "33";
    pub(super) const CYAN: &str = "36";
}

// === impl Screen ===

impl Screen {
    /// Standard output, in colours when it is a terminal and `NO_COLOR` is not set
    /// (no-color.org).
    pub(super) fn standard(zero: Timestamp) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let live = io::stdout().is_terminal();
        Self {
            out: Box::new(io::stdout()),
            colours: live && !refused,
            live,
            zero,
        }
    }

    /// Counts times from here.
    pub(super) fn count_from(&mut self, zero: Timestamp) {
        self.zero = zero;
    }

    /// A headline.
    pub(super) fn heading(&mut self, text: &str) {
        let text = self.paint(colour::BOLD, text);
        self.line(&format!("\n{text}"));
    }

    /// A named thing in a list.
    pub(super) fn item(&mut self, name: &str, text: &str) {
        let name = self.paint(colour::CYAN, &format!("{name:<ITEM_COLUMNS$}"));
        let line = format!("  {name}  {}", inert(text));
        self.line(line.trim_end());
    }

    /// A thing in a list that is done.
    pub(super) fn done(&mut self, name: &str, text: &str) {
        let mark = self.paint(colour::GREEN, "✓");
        self.line(&format!("  {mark} {name:<ITEM_COLUMNS$}  {}", inert(text)));
    }

    /// Something that takes long has begun; on a terminal its progress says so.
    pub(super) fn begun(&mut self, text: &str) {
        if !self.live {
            self.aside(text);
        }
    }

    /// What is going on, in place of what was going on before; on a terminal only.
    pub(super) fn progress(&mut self, text: &str) {
        if !self.live {
            return;
        }
        let text: String = inert(text).chars().take(PROGRESS_COLUMNS).collect();
        // Back to the first column, and erase the line (ECMA-48, 8.3.41).
        let text = format!("\r\x1b[K{}", self.paint(colour::DIM, &text));
        drop(write!(self.out, "{text}").and_then(|()| self.out.flush()));
    }

    /// Something by the way.
    pub(super) fn aside(&mut self, text: &str) {
        let text = self.paint(colour::DIM, &inert(text));
        self.line(&format!("  {text}"));
    }

    /// What is meant to be copied: as it is.
    pub(super) fn verbatim(&mut self, text: &str) {
        for line in text.lines() {
            self.line(&format!("  {line}"));
        }
    }

    /// What happened, in the order of time.
    pub(super) fn beats(&mut self, mut beats: Vec<Beat>) {
        beats.sort_by_key(|beat| beat.at);
        for beat in beats {
            self.beat(&beat);
        }
    }

    fn beat(&mut self, beat: &Beat) {
        let millis = beat.at.as_millis() - self.zero.as_millis();
        let time = format!(
            "{}{:>3}.{:03}",
            if millis < 0 { "-" } else { "+" },
            millis.abs() / 1_000,
            millis.abs() % 1_000
        );
        let time = self.paint(colour::DIM, &time);
        let from = self.paint(colour::CYAN, &format!("{:>NAME_COLUMNS$}", beat.from));
        let to = match &beat.to {
            Some(to) => format!(
                "──► {}",
                self.paint(colour::CYAN, &format!("{to:<NAME_COLUMNS$}"))
            ),
            None => format!("·   {:NAME_COLUMNS$}", ""),
        };
        let text = shortened(&inert(&beat.text));
        let text = match beat.tone {
            Tone::Plain => text,
            Tone::Good => self.paint(colour::GREEN, &text),
            Tone::Odd => self.paint(colour::YELLOW, &text),
            Tone::Bad => self.paint(colour::RED, &text),
        };
        self.line(&format!("   {time}  {from} {to}  {text}"));
    }

    /// What a step was to show, observed.
    pub(super) fn observed(&mut self, text: &str) {
        let mark = self.paint(colour::GREEN, "✓");
        self.line(&format!("   {mark} {}", inert(text)));
    }

    /// What a step was to show, not observed.
    pub(super) fn missed(&mut self, text: &str) {
        let mark = self.paint(colour::RED, "✗");
        self.line(&format!("   {mark} {}", inert(text)));
    }

    /// Rows in columns, the first row in bold.
    pub(super) fn table<const N: usize>(&mut self, rows: &[[String; N]]) {
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
        for (index, row) in rows.iter().enumerate() {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{:<width$}", inert(cell)));
            let line = cells.collect::<Vec<_>>().join("  ");
            let line = line.trim_end();
            let line = if index == 0 {
                self.paint(colour::BOLD, line)
            } else {
                line.to_owned()
            };
            self.line(&format!("  {line}"));
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, text: &str) {
        // Nobody is left to tell when this fails.
        drop(writeln!(self.out, "{text}").and_then(|()| self.out.flush()));
    }
}

/// A span for a person: `340 ms`, `2.4 s`.
pub(super) fn span(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ ..1_000 => format!("{millis} ms"),
        millis => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
    }
}

/// Text that fits on the rest of a line.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_COLUMNS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// Text from outside with its control characters made visible: a partner must not
/// move the cursor of somebody's terminal.
fn inert(text: &str) -> String {
    let visible = |character: char| match character {
        '\n' | '\t' => ' ',
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(colours: bool, tell: impl FnOnce(&mut Screen)) -> String {
        let paper = Paper::default();
        let mut screen = Screen {
            out: Box::new(paper.clone()),
            colours,
            live: colours,
            zero: Timestamp::from_millis(5_000),
        };
        tell(&mut screen);
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn beat(at: i64, to: Option<&str>, text: &str) -> Beat {
        Beat {
            at: Timestamp::from_millis(at),
            from: "erp".to_owned(),
            to: to.map(str::to_owned),
            text: text.to_owned(),
            tone: Tone::Bad,
        }
    }

    #[test]
    fn beats_are_aligned_and_in_order() {
        let beats = vec![
            beat(17_034, None, "waits\x07"),
            beat(5_001, Some("host"), "an order"),
        ];
        assert_eq!(
            written(false, |screen| screen.beats(beats)),
            "   +  0.001         erp ──► host        an order\n   + 12.034         erp ·               waits\u{fffd}\n",
        );
    }

    #[test]
    fn a_line_ends_somewhere() {
        let long = "ä".repeat(TEXT_COLUMNS_MAX);
        assert_eq!(shortened(&long), long);
        assert_eq!(shortened(&format!("{long}b")), format!("{long}…"));
    }

    #[test]
    fn colours_are_for_terminals() {
        let tell = |screen: &mut Screen| screen.beats(vec![beat(5_000, Some("host"), "no")]);
        assert!(written(true, tell).contains("\x1b[31mno\x1b[0m"));
        assert!(!written(false, tell).contains('\x1b'));
    }

    #[test]
    fn tables_are_as_wide_as_they_must_be() {
        let rows = [["step", "took"], ["outage", "2.1 s"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            written(false, |screen| screen.table(&rows)),
            "  step    took\n  outage  2.1 s\n"
        );
    }
}
