//! A value of a parsed text with the way to it, for dialects that are JSON.
//!
//! Reading a partner's JSON by hand needs the same two things for every field: is it
//! there and of the right sort, and if not, where. A [`Part`] knows its way from the
//! root, so that each refusal names its RFC 6901 pointer without anybody spelling it.
//! Nothing is allocated until there is something to refuse.

use super::tree::{Node, Tree, Value, shorten};
use crate::{Decimal, Problem};

/// A value, or the place where one would stand. `null` is the same as absent.
#[derive(Clone, Copy, Debug)]
pub struct Part<'p, 't> {
    node: Option<&'t Node<'t>>,
    step: Step<'p>,
    parent: Option<&'p Part<'p, 't>>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Field(&'p str),
    Index(usize),
}

// === impl Part ===

impl<'p, 't> Part<'p, 't> {
    /// The outermost value of a text.
    pub fn root(tree: &'t Tree<'t>) -> Part<'p, 't> {
        Part::of(tree.root())
    }

    /// A value that counts as the root of what is read.
    pub fn of(node: &'t Node<'t>) -> Part<'p, 't> {
        Part::new(Some(node), Step::Root, None)
    }

    fn new(
        node: Option<&'t Node<'t>>,
        step: Step<'p>,
        parent: Option<&'p Part<'p, 't>>,
    ) -> Part<'p, 't> {
        let node = node.filter(|node| !matches!(node.value, Value::Null));
        Part { node, step, parent }
    }

    /// The field of that name, there or not.
    pub fn get<'q>(&'q self, name: &'q str) -> Part<'q, 't> {
        let node = self.node.and_then(|node| node.get(name));
        Part::new(node, Step::Field(name), Some(self))
    }

    /// The first of several fields that is there; the first name, if none is.
    pub fn first<'q>(&'q self, names: &[&'q str]) -> Part<'q, 't> {
        let found = names.iter().find(|name| self.get(name).exists());
        self.get(found.or(names.first()).copied().unwrap_or_default())
    }

    /// The values of a list; none when it is absent.
    ///
    /// # Errors
    ///
    /// `type-wrong` when it is something else.
    pub fn items<'q>(
        &'q self,
    ) -> Result<impl ExactSizeIterator<Item = Part<'q, 't>> + use<'q, 'p, 't>, Problem> {
        let nodes = match self.node.map(|node| &node.value) {
            None => &[],
            Some(Value::List(nodes)) => nodes.as_slice(),
            Some(_) => return Err(self.mismatch("a list")),
        };
        let part = move |(index, node)| Part::new(Some(node), Step::Index(index), Some(self));
        Ok(nodes.iter().enumerate().map(part))
    }

    /// Names and values of an object's fields; none when it is absent or no object.
    pub fn fields<'q>(&'q self) -> impl Iterator<Item = (&'t str, Part<'q, 't>)> + use<'q, 'p, 't>
    where
        't: 'q,
    {
        let fields = self.node.and_then(Node::fields).unwrap_or_default();
        fields.iter().map(move |(name, node)| {
            let name: &'t str = name;
            (name, Part::new(Some(node), Step::Field(name), Some(self)))
        })
    }

    /// Whether there is a value, and not `null`.
    pub fn exists(&self) -> bool {
        self.node.is_some()
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.node.map(|node| &node.value), Some(Value::Object(_)))
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.map(|node| &node.value), Some(Value::List(_)))
    }

    /// The value as the text has it; absent when there is none.
    pub fn node(&self) -> Option<&'t Node<'t>> {
        self.node
    }

    /// The text of a string, number or truth value, for keeping what has no field of
    /// its own; absent for anything else and for an empty string.
    pub fn scalar(&self) -> Option<&'t str> {
        let text: &str = match &self.node?.value {
            Value::String(text) => text,
            Value::Number(text) => text,
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Demands an object.
    ///
    /// # Errors
    ///
    /// `field-missing` or `type-wrong`.
    pub fn object(&self) -> Result<(), Problem> {
        if self.is_object() {
            Ok(())
        } else {
            Err(self.mismatch("an object"))
        }
    }

    /// A text; blanks around it are cut off, and an empty one counts as absent.
    ///
    /// # Errors
    ///
    /// `type-wrong` when it is something else.
    pub fn optional_text(&self) -> Result<Option<&'t str>, Problem> {
        match self.node.map(|node| &node.value) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.mismatch("a text")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    ///
    /// `field-missing` when it is absent or empty, `type-wrong` when it is something
    /// else.
    pub fn text(&self) -> Result<&'t str, Problem> {
        self.optional_text()?.ok_or_else(|| self.missing("a text"))
    }

    /// A number by which something is known: a text, or a number as it was written.
    ///
    /// # Errors
    ///
    /// `type-wrong` when it is something else.
    pub fn optional_id(&self) -> Result<Option<&'t str>, Problem> {
        match self.node.map(|node| &node.value) {
            Some(Value::Number(text)) => Ok(Some(text)),
            Some(Value::String(_)) | None => self.optional_text(),
            Some(_) => Err(self.mismatch("a text or a number")),
        }
    }

    /// A number by which something is known, which must be there.
    ///
    /// # Errors
    ///
    /// `field-missing` or `type-wrong`.
    pub fn id(&self) -> Result<&'t str, Problem> {
        self.optional_id()?
            .ok_or_else(|| self.missing("a text or a number"))
    }

    /// A decimal, as a number or as a text.
    ///
    /// # Errors
    ///
    /// `type-wrong` when it is no decimal of at most 18 digits.
    pub fn optional_decimal(&self) -> Result<Option<Decimal>, Problem> {
        let text = match self.node.map(|node| &node.value) {
            None => return Ok(None),
            Some(Value::Number(text)) => text,
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim(),
            Some(_) => return Err(self.mismatch("a number")),
        };
        text.parse().map(Some).map_err(|error| {
            let text = format!("expected a number, found {}: {error}", shorten(text));
            self.problem("type-wrong", text)
        })
    }

    /// A decimal that must be there.
    ///
    /// # Errors
    ///
    /// `field-missing` or `type-wrong`.
    pub fn decimal(&self) -> Result<Decimal, Problem> {
        self.optional_decimal()?
            .ok_or_else(|| self.missing("a number"))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// `type-wrong` for anything else.
    pub fn optional_flag(&self) -> Result<Option<bool>, Problem> {
        match self.node.map(|node| &node.value) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.mismatch("true or false")),
        }
    }

    /// The way from the root, as an RFC 6901 pointer; empty for the root.
    pub fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Part::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
        pointer
    }

    /// What the partner is told about this value: its place and, if it is a plain
    /// one, the value itself.
    pub fn problem(&self, code: &str, text: impl Into<String>) -> Problem {
        let mut problem = Problem::partner_data(code, text);
        let pointer = self.pointer();
        if !pointer.is_empty() {
            problem = problem.at_pointer(pointer);
        }
        match self.scalar() {
            Some(value) => problem.with_value(value),
            None => problem,
        }
    }

    /// The refusal of a value that is not there.
    pub fn missing(&self, expected: &str) -> Problem {
        self.problem("field-missing", format!("missing, expected {expected}"))
    }

    /// The refusal of a value that is not there or of another sort.
    pub fn mismatch(&self, expected: &str) -> Problem {
        match self.node {
            None => self.missing(expected),
            Some(node) => {
                let text = format!("expected {expected}, found {}", node.found());
                self.problem("type-wrong", text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    fn read<T>(text: &str, read: impl Fn(Part<'_, '_>) -> T) -> T {
        let tree = Tree::parse(text.as_bytes()).unwrap();
        read(Part::root(&tree))
    }

    #[test]
    fn reads_what_is_there_and_passes_over_what_is_not() {
        let text = r#"{"a":{"b":[{"c":" x "},{"c":7},{"c":"1.50"}]},"n":null,"e":"","f":true}"#;
        read(text, |root| {
            let (a, n) = (root.get("a"), root.get("n"));
            let b = a.get("b");
            let items: Vec<_> = b.items().unwrap().collect();
            assert_eq!(items[0].get("c").text(), Ok("x"));
            assert_eq!(items[1].get("c").id(), Ok("7"));
            assert_eq!(items[2].get("c").decimal().unwrap().to_string(), "1.50");
            assert!(!n.exists() && n.get("x").get("y").optional_text() == Ok(None));
            assert_eq!(n.items().unwrap().len(), 0);
            assert_eq!(root.get("e").optional_id(), Ok(None));
            assert_eq!(root.get("e").optional_decimal(), Ok(None));
            assert_eq!(root.get("f").optional_flag(), Ok(Some(true)));
            assert_eq!(root.first(&["z", "e", "f"]).scalar(), None);
            assert_eq!(root.first(&["z", "f"]).scalar(), Some("true"));
            assert_eq!(root.fields().count(), 4);
            assert!(a.is_object() && b.is_list() && b.object().is_err());
        });
    }

    #[test]
    fn refuses_with_the_way_to_the_value() {
        let refused = |problem: Problem, place: &str, code: &str, value: Option<&str>| {
            assert_eq!(problem.place, Place::Pointer(place.to_owned()));
            assert_eq!(problem.code, code);
            assert_eq!(problem.value.as_deref(), value);
        };
        read(r#"{"a/b":[{"c~":1e3},{"c~":[]}],"d":5}"#, |root| {
            let list = root.get("a/b");
            let mut items = list.items().unwrap();
            let (first, second) = (items.next().unwrap(), items.next().unwrap());
            let problem = first.get("c~").decimal().unwrap_err();
            refused(problem, "/a~1b/0/c~0", "type-wrong", Some("1e3"));
            let problem = second.get("c~").id().unwrap_err();
            refused(problem, "/a~1b/1/c~0", "type-wrong", None);
            refused(
                root.get("d").text().unwrap_err(),
                "/d",
                "type-wrong",
                Some("5"),
            );
            let (x, d) = (root.get("x"), root.get("d"));
            refused(
                x.get("y").text().unwrap_err(),
                "/x/y",
                "field-missing",
                None,
            );
            assert!(d.items().is_err() && d.optional_flag().is_err());
            assert_eq!(root.mismatch("a list").place, Place::Whole);
        });
    }
}
