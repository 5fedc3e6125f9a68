//! From the contract's problems to the failures that records keep.

use super::{Blame, Place, Problem};
use crate::record::Failure;

/// A failure that says what the problem says.
#[must_use]
pub fn failure(problem: &Problem) -> Failure {
    Failure {
        code: problem.code.clone(),
        text: problem.text.clone(),
        blame: blame(&problem.blame).to_owned(),
        place: place(&problem.place),
        remedy: problem.remedy.clone(),
        value: problem.value.clone(),
        acknowledgement_code: problem.acknowledgement_code.clone(),
    }
}

/// Whose fault, as records spell it.
#[must_use]
pub fn blame(blame: &Blame) -> &str {
    match blame {
        Blame::PartnerData => "partner-data",
        Blame::Adapter => "adapter",
        Blame::Settings => "settings",
        Blame::Other(other) => other,
    }
}

/// Where, for a person to read; none for the message as a whole.
#[must_use]
pub fn place(place: &Place) -> Option<String> {
    Some(match place {
        Place::Whole => return None,
        Place::Element(it) => {
            let mut text = format!("{} (segment {})", it.segment, it.ordinal);
            if let Some(element) = it.element {
                text.push_str(&format!(", element {element}"));
            }
            if let Some(component) = it.component {
                text.push_str(&format!(", component {component}"));
            }
            text.push_str(&format!(", byte {}", it.offset));
            text
        }
        Place::Pointer(pointer) => pointer.clone(),
        Place::Xpath(path) => path.clone(),
        Place::Line(line) => format!("line {line}"),
        Place::Offset(offset) => format!("byte {offset}"),
        Place::Other(other) => other.clone(),
    })
}
