//! How a command failed, and how that is said: the place, the cause, the next
//! thing to type.

use std::fmt;

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report, Severity};

use super::EXIT_CONFIGURATION;
use crate::config;

/// A command failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The configuration is wrong.
    Configuration(config::Error),
    /// The work failed.
    Work {
        /// What is wrong.
        text: String,
        /// What to do.
        help: Option<String>,
    },
}

// === impl Failed ===

impl Failed {
    /// The work failed, for this reason.
    pub(super) fn work(error: impl fmt::Display) -> Self {
        Self::Work {
            text: error.to_string(),
            help: None,
        }
    }

    /// The same, with what to do.
    pub(super) fn with_help(error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::Work {
            text: error.to_string(),
            help: Some(help.into()),
        }
    }

    /// The same, with what to do where there is something.
    pub(super) fn with_remedy(error: impl fmt::Display, remedy: Option<String>) -> Self {
        Self::Work {
            text: error.to_string(),
            help: remedy,
        }
    }

    /// What the process leaves with.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Configuration(_) => EXIT_CONFIGURATION,
            Self::Work { .. } => 1,
        }
    }

    /// What a person reads.
    pub(super) fn report(&self) -> Report {
        match self {
            Self::Work { text, help } => {
                let mut diagnostic = MietteDiagnostic::new(text.clone());
                diagnostic.help.clone_from(help);
                Report::new(diagnostic)
            }
            Self::Configuration(config::Error::Faults { file, text, faults }) => {
                let labels = faults.iter().filter_map(|fault| {
                    let span = fault.span.clone()?;
                    Some(LabeledSpan::at(first_line(text, &span), fault.text.clone()))
                });
                let elsewhere: Vec<_> = faults
                    .iter()
                    .filter(|fault| fault.span.is_none())
                    .map(|fault| format!("{}: {}", fault.setting, fault.text))
                    .collect();
                let mut help = elsewhere;
                help.push("crossdock.example.toml shows every setting; `crossdock check` checks a file".to_owned());
                let count = faults.len();
                let noun = if count == 1 { "fault" } else { "faults" };
                let diagnostic = MietteDiagnostic::new(format!("{count} {noun} in the configuration"))
                    .with_severity(Severity::Error)
                    .with_labels(labels)
                    .with_help(help.join("\n"));
                Report::new(diagnostic)
                    .with_source_code(NamedSource::new(file.display().to_string(), text.clone()))
            }
            Self::Configuration(error @ config::Error::Read { .. }) => Report::new(
                MietteDiagnostic::new(error.to_string()).with_help(
                    "name another file with --config, or write one: `crossdock check --example` prints every setting",
                ),
            ),
        }
    }
}

/// A label on the first line only: a whole table would bury the message.
fn first_line(text: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let end = text[span.start..span.end]
        .find('\n')
        .map_or(span.end, |length| span.start + length);
    span.start..end
}
