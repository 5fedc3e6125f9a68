//! What is wrong with the settings of the process stage, and in which of them.

use std::fmt;

/// A setting that can't be meant so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {text}")]
pub struct Fault {
    /// In which part.
    pub part: Part,
    /// In which of its entries, from 0; absent when it is about all of them.
    pub index: Option<usize>,
    /// What is wrong and what to do.
    pub text: String,
}

/// A part of the settings, as the configuration spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `[[calendar]]`.
    Calendar,
    /// `[[limit]]`.
    Limit,
    /// `[[node]]`.
    Node,
    /// `[[routing]]`.
    Routing,
    /// `[exception_owner]`; entries count in the order of their names.
    ExceptionOwner,
    /// `[order]`.
    Order,
    /// `[[inventory]]`.
    Inventory,
    /// `[returns]`.
    Returns,
}

// === impl Fault ===

impl Fault {
    /// In one entry of a part.
    #[must_use]
    pub fn of(part: Part, index: usize, text: impl Into<String>) -> Self {
        Self {
            part,
            index: Some(index),
            text: text.into(),
        }
    }

    /// In a part as a whole.
    #[must_use]
    pub fn whole(part: Part, text: impl Into<String>) -> Self {
        Self {
            part,
            index: None,
            text: text.into(),
        }
    }
}

// === impl Part ===

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Calendar => "calendar",
            Self::Limit => "limit",
            Self::Node => "node",
            Self::Routing => "routing",
            Self::ExceptionOwner => "exception_owner",
            Self::Order => "order",
            Self::Inventory => "inventory",
            Self::Returns => "returns",
        })
    }
}
