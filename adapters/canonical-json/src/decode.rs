//! A body of JSON to documents: one, a list of them, or a list under `documents`.

use crossdock_sdk::json::{self, Node, Tree};
use crossdock_sdk::{Decoded, Document, Inbound, Problem, Settings, Source};

/// Reads a message.
///
/// # Errors
///
/// When it is not JSON, or JSON that can hold no documents. A document that can't be
/// read is reported in its place.
pub(crate) fn decode(message: &Inbound) -> Result<Decoded, Problem> {
    Settings::new(&message.settings).check(&crate::settings())?;
    check_content_type(message.content_type.as_deref())?;
    let tree = Tree::parse(&message.body)?;
    let layout = Layout::of(tree.root())?;
    let mut decoded = Decoded {
        findings: layout.findings(),
        ..Decoded::default()
    };
    for (position, node) in (0..).zip(layout.nodes()) {
        let source = Source {
            type_: node.get("kind").and_then(Node::as_str).map(str::to_owned),
            ..Source::new("json", position)
        };
        match tree.read::<Document>(node) {
            Ok(document) => decoded.push(document, source),
            Err(error) => decoded.refuse(vec![layout.located(error, position).into()], source),
        }
    }
    Ok(decoded)
}

/// How a body holds its documents.
enum Layout<'n, 'a> {
    /// It is one.
    Single(&'n Node<'a>),
    /// It is a list of them.
    List(&'n [Node<'a>]),
    /// It has a list of them, and other fields beside it.
    Wrapped(&'n [Node<'a>], Vec<&'n str>),
}

// === impl Layout ===

impl<'n, 'a> Layout<'n, 'a> {
    fn of(root: &'n Node<'a>) -> Result<Layout<'n, 'a>, Problem> {
        if let Some(items) = root.items() {
            return Ok(Layout::List(items));
        }
        let Some(fields) = root.fields() else {
            let text = "expected a document, a list of documents, or an object with `documents`";
            return Err(Problem::partner_data("message-shape", text));
        };
        if root.get("kind").is_some() {
            return Ok(Layout::Single(root));
        }
        let Some(documents) = root.get("documents") else {
            let text = "the object has neither `kind`, as a document has, nor `documents`";
            return Err(Problem::partner_data("message-shape", text));
        };
        let Some(items) = documents.items() else {
            let problem = Problem::partner_data("message-shape", "`documents` must be a list");
            return Err(problem.at_pointer("/documents"));
        };
        let names = fields.iter().map(|(name, _)| &**name);
        Ok(Layout::Wrapped(
            items,
            names.filter(|name| *name != "documents").collect(),
        ))
    }

    fn nodes(&self) -> &'n [Node<'a>] {
        match self {
            Layout::Single(node) => std::slice::from_ref(*node),
            Layout::List(nodes) | Layout::Wrapped(nodes, _) => nodes,
        }
    }

    /// What is odd about the body. Nothing of a document is lost with fields beside
    /// the list, so they are told and not refused.
    fn findings(&self) -> Vec<Problem> {
        let mut findings = Vec::new();
        if let Layout::Wrapped(_, names) = self {
            findings.extend(names.iter().map(|name| {
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                Problem::partner_data("field-unused", "nothing beside `documents` is read")
                    .at_pointer(pointer)
            }));
        }
        if self.nodes().is_empty() {
            let text = "the message holds no documents";
            findings.push(Problem::partner_data("message-empty", text));
        }
        findings
    }

    /// The same error, with a pointer from the body's root.
    fn located(&self, error: json::Error, position: u32) -> json::Error {
        match self {
            Layout::Single(_) => error,
            Layout::List(_) => error.inside(position),
            Layout::Wrapped(..) => error.inside(position).inside("documents"),
        }
    }
}

/// `application/json` and everything that is JSON underneath; a message that does
/// not say is believed to be what the partner is configured for.
fn check_content_type(content_type: Option<&str>) -> Result<(), Problem> {
    let Some(content_type) = content_type else {
        return Ok(());
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let lower = media_type.to_ascii_lowercase();
    if lower == "application/json" || lower.ends_with("+json") {
        return Ok(());
    }
    let text = format!("the content type is {media_type}, expected application/json");
    Err(Problem::partner_data("content-type-unsupported", text)
        .with_value(media_type)
        .with_remedy("send canonical documents as application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_type(content_type: &str) -> Result<Decoded, Problem> {
        decode(&Inbound {
            content_type: Some(content_type.to_owned()),
            ..Inbound::new("[]")
        })
    }

    #[test]
    fn takes_json_under_any_of_its_names() {
        for name in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/cloudevents+json",
        ] {
            assert!(with_type(name).is_ok(), "{name}");
        }
        for name in ["text/plain", "application/xml", "", "json"] {
            assert_eq!(
                with_type(name).unwrap_err().code,
                "content-type-unsupported",
                "{name}"
            );
        }
        assert!(decode(&Inbound::new("[]")).is_ok());
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(decoded) = decode(&Inbound::new(body)) {
                for error in decoded.documents.into_iter().filter_map(Result::err) {
                    prop_assert!(!error.problems.is_empty());
                }
            }
        }
    }
}
