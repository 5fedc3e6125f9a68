//! What a check has to say, gathered.

use super::Checked;
use crate::record::Failure;

/// Findings of one document that are kept: one that is odd everywhere repeats itself.
const FINDINGS_MAX: usize = 100;
/// How much of an offending value is shown, in characters.
const VALUE_CHARS_MAX: usize = 100;

/// Gathers what is wrong with a document.
#[derive(Default)]
pub(super) struct Report {
    checked: Checked,
    /// Findings that there was no room for.
    left_out: usize,
}

// === impl Report ===

impl Report {
    /// Something forbids the document.
    pub(super) fn refuse(&mut self, code: &str, pointer: impl Into<String>, text: String) {
        let failure = problem(code, pointer.into(), text);
        push(&mut self.checked.refused, failure, &mut self.left_out);
    }

    /// The same, with the value that does.
    pub(super) fn refuse_value(
        &mut self,
        code: &str,
        pointer: impl Into<String>,
        text: String,
        value: &str,
    ) {
        let failure = Failure {
            value: Some(shown(value)),
            ..problem(code, pointer.into(), text)
        };
        push(&mut self.checked.refused, failure, &mut self.left_out);
    }

    /// Something is odd; the remedy says what to do about it.
    pub(super) fn find(
        &mut self,
        code: &str,
        pointer: impl Into<String>,
        text: String,
        remedy: &str,
    ) {
        let failure = Failure {
            remedy: Some(remedy.to_owned()),
            ..problem(code, pointer.into(), text)
        };
        push(&mut self.checked.findings, failure, &mut self.left_out);
    }

    /// The same, with the value that is.
    pub(super) fn find_value(
        &mut self,
        code: &str,
        pointer: impl Into<String>,
        text: String,
        remedy: &str,
        value: &str,
    ) {
        let failure = Failure {
            remedy: Some(remedy.to_owned()),
            value: Some(shown(value)),
            ..problem(code, pointer.into(), text)
        };
        push(&mut self.checked.findings, failure, &mut self.left_out);
    }

    /// All of it.
    pub(super) fn finish(mut self) -> Checked {
        if self.left_out > 0 {
            let text = format!("{} more findings are not shown", self.left_out);
            self.checked
                .findings
                .push(problem("findings-cut", String::new(), text));
        }
        self.checked
    }
}

fn push(list: &mut Vec<Failure>, failure: Failure, left_out: &mut usize) {
    if list.len() < FINDINGS_MAX {
        list.push(failure);
    } else {
        *left_out += 1;
    }
}

fn problem(code: &str, pointer: String, text: String) -> Failure {
    Failure {
        code: code.to_owned(),
        text,
        blame: "partner-data".to_owned(),
        place: Some(pointer).filter(|it| !it.is_empty()),
        remedy: None,
        value: None,
        acknowledgement_code: None,
    }
}

fn shown(value: &str) -> String {
    value.chars().take(VALUE_CHARS_MAX).collect()
}
