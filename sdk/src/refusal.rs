//! Why a function of an adapter ends without a result.
//!
//! A problem has many fields and is rare. Behind a pointer it costs the functions that
//! hand it on next to nothing, in time and in the size of the component.

use std::ops::Deref;

use crate::Problem;

/// A problem that ends what was asked for; `?` makes it a [`Problem`] where the call ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal(Box<Problem>);

// === impl Refusal ===

impl Refusal {
    /// The same with the offending value.
    #[must_use]
    pub fn with_value(self, value: impl AsRef<str>) -> Self {
        (*self.0).with_value(value).into()
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }
}

impl Deref for Refusal {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.0
    }
}

impl From<Problem> for Refusal {
    #[cold]
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        *refusal.0
    }
}
