//! Canonical documents as JSON over HTTP, both ways: for systems that can adopt the
//! model of `wit/` instead of being translated.
//!
//! There is no wire format of its own. The SDK's naming layer is the format, so what
//! the contract says about a field is what this adapter does.

mod decode;
mod encode;

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Document, Exchange, Inbound, PartnerKind, Problem,
    Setting, Step,
};

/// The adapter.
pub struct CanonicalJson;

impl Adapter for CanonicalJson {
    fn describe() -> Description {
        let kinds = || {
            Document::KINDS
                .iter()
                .map(|kind| (*kind).to_owned())
                .collect()
        };
        Description {
            formats: vec!["canonical documents as JSON".to_owned()],
            decodes: kinds(),
            encodes: kinds(),
            settings: settings(),
            ..Description::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                PartnerKind::Other("any".to_owned()),
            )
        }
    }

    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        decode::decode(&message)
    }

    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        encode::next(&delivery, past)
    }
}

fn settings() -> Vec<Setting> {
    vec![
        Setting::with_default(
            "path.*",
            "Path below the endpoint for documents of one kind, such as `path.order`",
            "/KIND",
        ),
        Setting::with_default(
            "id-field",
            "Field of the partner's answer that holds its own number for the document",
            "id",
        ),
        Setting::optional(
            "already-done-status",
            "HTTP statuses, separated by commas, by which the partner says that it has \
             the document already",
        ),
    ]
}

crossdock_sdk::export!(CanonicalJson);

#[cfg(test)]
mod tests {
    use super::*;

    crossdock_sdk::golden_tests!(CanonicalJson);
}
