//! What an answer holds: entities, or an error in SAP's words.

use crate::json::{Node, Tree};

/// How many of an error's details are kept.
const DETAILS_MAX: usize = 8;

/// The entities of an answer: one, or a list of them under `results`. `d` may be left
/// out, as a stored or forwarded entity does.
pub fn results<'n, 'a>(root: &'n Node<'a>) -> Option<&'n [Node<'a>]> {
    let data = root.get("d").unwrap_or(root);
    let list = match data.get("results") {
        Some(results) => results,
        None => data,
    };
    match list.items() {
        Some(items) => Some(items),
        None => list.fields().map(|_| std::slice::from_ref(list)),
    }
}

/// An error as SAP Gateway tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Message class and number: `V1/042`.
    pub code: String,
    /// The message.
    pub text: String,
    /// The property or entity that is wrong, where SAP names it.
    pub target: Option<String>,
    /// What SAP says besides, without what repeats the message.
    pub details: Vec<String>,
}

// === impl Fault ===

impl Fault {
    /// The error that a body holds: JSON, or the XML that Gateway gives where nobody
    /// asked for JSON.
    pub fn of(body: &[u8]) -> Option<Fault> {
        match Tree::parse(body) {
            Ok(tree) => Fault::of_json(tree.root()),
            Err(_) => Fault::of_xml(str::from_utf8(body).ok()?),
        }
    }

    fn of_json(root: &Node<'_>) -> Option<Fault> {
        let error = root.get("error")?;
        let said = error.get("message");
        let text = said
            .and_then(|message| message.get("value").or(Some(message)))
            .and_then(Node::as_str)
            .unwrap_or_default();
        let details = error
            .get("innererror")
            .and_then(|inner| inner.get("errordetails"))
            .and_then(Node::items)
            .unwrap_or_default();
        let filled = |node: &Node<'_>, name: &str| {
            let text = node.get(name).and_then(Node::as_str).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let target =
            |node: &Node<'_>| filled(node, "target").or_else(|| filled(node, "propertyref"));
        Some(Fault {
            code: error
                .get("code")
                .and_then(Node::as_id)
                .unwrap_or_default()
                .to_owned(),
            text: text.to_owned(),
            target: target(error).or_else(|| details.iter().find_map(target)),
            details: details
                .iter()
                .filter_map(|detail| filled(detail, "message"))
                .filter(|detail| detail != text)
                .take(DETAILS_MAX)
                .collect(),
        })
    }

    /// `<error xmlns="..."><code>..</code><message xml:lang="en">..</message>`.
    fn of_xml(text: &str) -> Option<Fault> {
        let inside = |name: &str| {
            let from = text.find(&format!("<{name}"))?;
            let rest = &text[from..];
            let rest = &rest[rest.find('>')? + 1..];
            let end = rest.find(&format!("</{name}"))?;
            let text = rest[..end].trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        text.find("<error")?;
        Some(Fault {
            code: inside("code").unwrap_or_default(),
            text: inside("message")?,
            target: inside("target").or_else(|| inside("propertyref")),
            details: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_entities_in_every_form() {
        for (body, count) in [
            (r#"{"d":{"results":[{"A":"1"},{"A":"2"}]}}"#, Some(2)),
            (r#"{"d":{"results":[]}}"#, Some(0)),
            (r#"{"d":[{"A":"1"}]}"#, Some(1)),
            (r#"{"d":{"A":"1"}}"#, Some(1)),
            (r#"{"A":"1"}"#, Some(1)),
            (r#""words""#, None),
            (r#"{"d":7}"#, None),
        ] {
            let tree = Tree::parse(body.as_bytes()).unwrap();
            assert_eq!(results(tree.root()).map(<[_]>::len), count, "{body}");
        }
    }

    #[test]
    fn tells_what_sap_said() {
        let body = br#"{"error":{"code":"V1/042","message":{"lang":"en","value":"Customer 7 is not defined"},
            "innererror":{"errordetails":[
              {"code":"V1/042","message":"Customer 7 is not defined","propertyref":"","severity":"error","target":"SoldToParty"},
              {"code":"V4/233","message":"Sales document was not changed","severity":"error","target":""}]}}}"#;
        let fault = Fault::of(body).unwrap();
        assert_eq!(fault.code, "V1/042");
        assert_eq!(fault.text, "Customer 7 is not defined");
        assert_eq!(fault.target.as_deref(), Some("SoldToParty"));
        assert_eq!(fault.details, ["Sales document was not changed"]);
        let xml = b"<?xml version=\"1.0\"?><error xmlns=\"m\"><code>005056A509B11EE1B9A8FEC11C21578E</code><message xml:lang=\"en\">CSRF token validation failed</message></error>";
        assert_eq!(Fault::of(xml).unwrap().text, "CSRF token validation failed");
        assert_eq!(Fault::of(b"<html>busy</html>"), None);
        assert_eq!(Fault::of(b"{\"d\":{}}"), None);
        assert_eq!(Fault::of(b"\xff"), None);
    }
}
