//! One partner's settings, checked, and as the rest of the host takes them.

use std::ops::Range;

use toml::Spanned;

use super::{Fault, Partner};
use crate::{contract, message::PartnerName, partner::Terms};

// === impl Partner ===

impl Partner {
    /// The settings as the adapter gets them: `unit.CA` for `CA` in the table `unit`.
    #[must_use]
    pub fn flat_settings(&self) -> Vec<(String, String)> {
        flat_table(&self.settings)
    }

    /// What is agreed about acknowledgements and control numbers.
    #[must_use]
    pub fn terms(&self) -> Terms {
        let kinds = self.expects_acknowledgement.iter();
        Terms {
            acknowledged: kinds.map(|it| it.get_ref().clone()).collect(),
            acknowledgement_minutes: self.acknowledgement_overdue_minutes,
            control_numbers: self.control_numbers,
        }
    }
}

/// Settings as an adapter gets them; what is no setting is left out.
#[must_use]
pub fn flat_table(table: &toml::Table) -> Vec<(String, String)> {
    flat(table)
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.ok()?)))
        .collect()
}

/// Names and values of a table and the tables in it; what is neither, by its kind.
fn flat(table: &toml::Table) -> Vec<(String, Result<String, &'static str>)> {
    let mut all = Vec::new();
    for (name, value) in table {
        let value = match value {
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(number) => Ok(number.to_string()),
            toml::Value::Boolean(truth) => Ok(truth.to_string()),
            toml::Value::Table(inner) => {
                let inner = flat(inner).into_iter();
                all.extend(inner.map(|(part, value)| (format!("{name}.{part}"), value)));
                continue;
            }
            toml::Value::Float(_) => Err("a float; write it as a text"),
            toml::Value::Datetime(_) => Err("a date; write it as a text"),
            toml::Value::Array(_) => Err("a list"),
        };
        all.push((name.clone(), value));
    }
    all
}

/// What a partner is said to acknowledge is something that it is sent.
pub(super) fn check_acknowledged(name: &PartnerName, partner: &Partner, faults: &mut Vec<Fault>) {
    for kind in &partner.expects_acknowledgement {
        let named = kind.get_ref().as_str();
        let text = if named == "functional-acknowledgement" {
            "an acknowledgement is never acknowledged".to_owned()
        } else if !contract::KINDS.contains(&named) {
            let kinds = contract::KINDS.join(", ");
            format!("there is no kind of document {named}; there are {kinds}")
        } else if partner.endpoint.is_none() {
            "it has no endpoint, so that nothing is sent to it".to_owned()
        } else {
            continue;
        };
        faults.push(Fault {
            setting: format!("partners.{name}.expects_acknowledgement"),
            text,
            span: Some(kind.span()),
        });
    }
}

pub(super) fn check(name: &PartnerName, partner: &Spanned<Partner>, faults: &mut Vec<Fault>) {
    let mut fault = |setting: &str, text: String, span: Range<usize>| {
        faults.push(Fault {
            setting: format!("partners.{name}.{setting}"),
            text,
            span: Some(span),
        });
    };
    let within = partner.get_ref();
    for (setting, value) in flat(&within.settings) {
        if let Err(kind) = value {
            let text = format!(
                "an adapter's setting is a text, number, truth value or table of them, not {kind}"
            );
            fault(&format!("settings.{setting}"), text, partner.span());
        }
    }
    if let Some(endpoint) = &within.endpoint
        && let Err(error) = endpoint
            .get_ref()
            .check(&format!("partners.{name}.endpoint"))
    {
        fault("endpoint", error.to_string(), endpoint.span());
    }
    if !within.credentials.is_empty() {
        let url = within
            .endpoint
            .as_ref()
            .and_then(|it| it.get_ref().url.as_ref());
        if url.is_none() {
            let text = "only requests to a url are signed; give the endpoint one".to_owned();
            fault("credentials", text, partner.span());
        }
        let is_word = |name: &&String| {
            let letters = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
            };
            !name.is_empty() && name.len() <= 64 && name.bytes().all(letters)
        };
        for name in within.credentials.keys().filter(|name| !is_word(name)) {
            let text = "a credential's name is up to 64 lower-case letters, digits, dashes and underscores".to_owned();
            fault(&format!("credentials.{name}"), text, partner.span());
        }
    }
    if let Some(poll) = &within.poll {
        if let Err(error) = poll.get_ref().plan() {
            fault("poll", error.to_string(), poll.span());
        }
        let endpoint = within.endpoint.as_ref();
        if endpoint.is_none_or(|it| it.get_ref().url.is_none()) {
            let text = "polling asks the endpoint; give it endpoint.url".to_owned();
            fault("poll", text, poll.span());
        }
    }
    let setting = format!("partners.{name}.access");
    if let Err(error) = within.access.check(name, &setting) {
        fault("access.signature", error.to_string(), partner.span());
    }
    let access = &within.access;
    let proves = !access.token_sha256.is_empty() || access.signature.is_some();
    let sends = proves || within.folder.is_some();
    if !sends && within.endpoint.is_none() {
        let text =
            "it can neither send nor be sent to; give it access.token_sha256, access.signature, folder or endpoint"
                .to_owned();
        fault("endpoint", text, partner.span());
    }
}
