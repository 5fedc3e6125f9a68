//! What tells two readings of a message apart, field by field.
//!
//! Fields are named by JSON pointers (RFC 6901) into the canonical document; elements of
//! lists are compared by their places.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::then::{Held, Read};

/// Differences that an answer names.
const DIFFERENCES_MAX: usize = 1_000;

/// All that differs.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Every place of the message, also where nothing differs.
    pub(super) documents: Vec<Value>,
    /// What differs of the message as a whole.
    pub(super) message: Vec<Value>,
    /// How many differences there are.
    pub(super) count: usize,
    /// Whether not all of them are named.
    pub(super) cut: bool,
}

// === impl Told ===

impl Told {
    /// Names what differs in a value, as long as there is room.
    fn compare(&mut self, pointer: &str, before: &Value, after: &Value) -> Vec<Value> {
        let mut found = Vec::new();
        walk(
            &mut pointer.to_owned(),
            before,
            after,
            &mut |pointer, before, after| {
                self.count += 1;
                if self.count <= DIFFERENCES_MAX {
                    found.push(json!({ "pointer": pointer, "before": before, "after": after }));
                } else {
                    self.cut = true;
                }
            },
        );
        found
    }

    fn document(&mut self, position: u32, before: Option<&Held>, after: Option<&Held>) {
        let change = match (before, after) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(Held::Document { .. }), Some(Held::Refused { .. })) => "refused",
            (Some(Held::Refused { .. }), Some(Held::Document { .. })) => "read",
            (Some(before), Some(after)) if same(before, after) => "same",
            _ => "changed",
        };
        let mut told = json!({ "position": position, "change": change });
        for held in [after, before].into_iter().flatten() {
            if let Held::Document {
                kind, business_key, ..
            } = held
            {
                told["kind"] = json!(kind);
                told["business_key"] = json!(business_key);
                break;
            }
        }
        if let (Some(held), _) | (None, Some(held)) = (after, before)
            && let Held::Refused { source, .. } = held
        {
            told["source"] = json!(source);
        }
        if change != "same" {
            let mut differences = Vec::new();
            let unknown = [before, after].into_iter().flatten().any(is_unknown);
            if same_content(before, after) {
                // They differ in what was found odd.
            } else if unknown {
                // Only that it differs is known: no record has the text any more.
                self.count += 1;
                told["content_kept"] = json!(false);
            } else {
                differences = self.compare("", content(before), content(after));
            }
            told["differences"] = json!(differences);
            told["findings"] = json!(self.compare("", findings(before), findings(after)));
            told["problems"] = json!(self.compare("", problems(before), problems(after)));
        }
        self.documents.push(told);
    }
}

/// Compares two readings.
pub(super) fn between(before: &Read, after: &Read) -> Told {
    let mut told = Told::default();
    let places: BTreeSet<_> = before
        .documents
        .keys()
        .chain(after.documents.keys())
        .copied()
        .collect();
    for place in places {
        told.document(
            place,
            before.documents.get(&place),
            after.documents.get(&place),
        );
    }
    let whole = [
        ("/failure", &before.failure, &after.failure),
        ("/findings", &before.findings, &after.findings),
        ("/reply", &before.reply, &after.reply),
        (
            "/acknowledgements",
            &before.acknowledgements,
            &after.acknowledgements,
        ),
    ];
    for (pointer, before, after) in whole {
        let found = told.compare(pointer, before, after);
        told.message.extend(found);
    }
    told
}

fn same(before: &Held, after: &Held) -> bool {
    match (before, after) {
        (
            Held::Document {
                digest: earlier,
                findings: found,
                ..
            },
            Held::Document {
                digest, findings, ..
            },
        ) => earlier == digest && found == findings,
        (before, after) => before == after,
    }
}

fn same_content(before: Option<&Held>, after: Option<&Held>) -> bool {
    match (before, after) {
        (Some(Held::Document { digest: one, .. }), Some(Held::Document { digest: other, .. })) => {
            one == other
        }
        _ => false,
    }
}

/// Whether it is a document whose content no record has.
fn is_unknown(held: &Held) -> bool {
    matches!(held, Held::Document { content: None, .. })
}

fn content(held: Option<&Held>) -> &Value {
    match held {
        Some(Held::Document {
            content: Some(content),
            ..
        }) => content,
        _ => &Value::Null,
    }
}

fn findings(held: Option<&Held>) -> &Value {
    match held {
        Some(Held::Document { findings, .. }) => findings,
        _ => &Value::Null,
    }
}

fn problems(held: Option<&Held>) -> &Value {
    match held {
        Some(Held::Refused { problems, .. }) => problems,
        _ => &Value::Null,
    }
}

/// Goes down to where two values differ. An empty list is as good as none.
fn walk(
    pointer: &mut String,
    before: &Value,
    after: &Value,
    found: &mut dyn FnMut(&str, &Value, &Value),
) {
    let length = pointer.len();
    match (before, after) {
        (Value::Object(earlier), Value::Object(later)) => {
            let names: BTreeSet<_> = earlier.keys().chain(later.keys()).collect();
            for name in names {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned();
                let (earlier, later) = (of(earlier), of(later));
                let none = Value::Null;
                walk(
                    pointer,
                    earlier.as_ref().unwrap_or(&none),
                    later.as_ref().unwrap_or(&none),
                    found,
                );
                pointer.truncate(length);
            }
        }
        (Value::Array(earlier), Value::Array(later)) => {
            for index in 0..earlier.len().max(later.len()) {
                pointer.push_str(&format!("/{index}"));
                walk(
                    pointer,
                    earlier.get(index).unwrap_or(&Value::Null),
                    later.get(index).unwrap_or(&Value::Null),
                    found,
                );
                pointer.truncate(length);
            }
        }
        (Value::Null, Value::Array(empty)) | (Value::Array(empty), Value::Null)
            if empty.is_empty() => {}
        (before, after) if before == after => {}
        (before, after) => found(pointer, before, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Digest;

    fn document(content: &Value) -> Held {
        Held::Document {
            kind: "order".to_owned(),
            business_key: "order/SO-1".to_owned(),
            digest: Digest::of(content.to_string().as_bytes()),
            content: Some(content.clone()),
            findings: json!([]),
        }
    }

    fn refused(code: &str) -> Held {
        Held::Refused {
            source: "x12 945".to_owned(),
            problems: json!([{ "code": code }]),
        }
    }

    fn read(documents: impl IntoIterator<Item = (u32, Held)>) -> Read {
        Read {
            documents: documents.into_iter().collect(),
            findings: json!([]),
            acknowledgements: json!([]),
            ..Read::default()
        }
    }

    #[test]
    fn equal_readings_differ_in_nothing() {
        let one = read([(0, document(&json!({ "a": 1 }))), (1, refused("x"))]);
        let told = between(&one, &one);
        assert_eq!((told.count, told.cut), (0, false));
        assert!(told.documents.iter().all(|it| it["change"] == "same"));
        assert!(told.message.is_empty());
    }

    #[test]
    fn differences_are_named_by_pointer() {
        let before = json!({ "lines": [{ "unit": "CS", "a/b~": "x" }], "note": "n" });
        let after = json!({ "lines": [{ "unit": "EA", "a/b~": "y" }, { "unit": "EA" }] });
        let told = between(
            &read([(0, document(&before))]),
            &read([(0, document(&after))]),
        );
        assert_eq!(told.documents[0]["change"], "changed");
        assert_eq!(told.documents[0]["kind"], "order");
        let expected = json!([
            { "pointer": "/lines/0/a~1b~0", "before": "x", "after": "y" },
            { "pointer": "/lines/0/unit", "before": "CS", "after": "EA" },
            { "pointer": "/lines/1", "before": null, "after": { "unit": "EA" } },
            { "pointer": "/note", "before": "n", "after": null },
        ]);
        assert_eq!(told.documents[0]["differences"], expected);
        assert_eq!(told.count, 4);
        for it in told.documents[0]["differences"].as_array().unwrap() {
            let pointer = it["pointer"].as_str().unwrap();
            let found = before.pointer(pointer).unwrap_or(&Value::Null);
            assert_eq!(found, &it["before"], "{pointer}");
        }
    }

    #[test]
    fn documents_come_and_go_and_are_refused() {
        let one = document(&json!({ "a": 1 }));
        let before = read([(0, one.clone()), (1, one.clone()), (2, refused("x"))]);
        let after = read([(0, refused("y")), (2, one.clone()), (3, one)]);
        let told = between(&before, &after);
        let changes: Vec<_> = told.documents.iter().map(|it| &it["change"]).collect();
        assert_eq!(changes, ["refused", "removed", "read", "added"]);
        assert!(told.count >= 4);
        let whole = Read {
            failure: json!({ "code": "line-invalid" }),
            ..read([])
        };
        let told = between(&read([]), &whole);
        assert_eq!(told.message[0]["pointer"], "/failure");
    }

    #[test]
    fn what_no_record_has_is_compared_by_its_digest() {
        let without = |it: Held| match it {
            Held::Document {
                kind,
                business_key,
                digest,
                findings,
                ..
            } => Held::Document {
                kind,
                business_key,
                digest,
                findings,
                content: None,
            },
            refused @ Held::Refused { .. } => refused,
        };
        let one = document(&json!({ "a": 1 }));
        let other = document(&json!({ "a": 2 }));
        let same = between(
            &read([(0, without(one.clone()))]),
            &read([(0, one.clone())]),
        );
        assert_eq!(same.count, 0);
        let differs = between(&read([(0, without(one))]), &read([(0, other)]));
        assert_eq!(differs.documents[0]["content_kept"], false);
        assert_eq!(differs.count, 1);
    }

    #[test]
    fn an_answer_has_an_end() {
        let list = |unit: &str| json!(vec![unit; 5_000]);
        let told = between(
            &read([(0, document(&list("CS")))]),
            &read([(0, document(&list("EA")))]),
        );
        let named = told.documents[0]["differences"].as_array().unwrap();
        assert_eq!(named.len(), DIFFERENCES_MAX);
        assert_eq!((told.count, told.cut), (5_000, true));
    }
}
