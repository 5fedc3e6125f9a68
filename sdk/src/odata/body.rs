//! The body of a request: objects and lists of texts, written without a type for each.

/// A JSON object being written.
#[derive(Clone, Debug)]
pub struct Body {
    text: String,
    /// Whether the innermost object or list has something in it already.
    filled: bool,
    /// What closes each object and list that is open.
    closers: Vec<char>,
}

// === impl Body ===

impl Default for Body {
    fn default() -> Body {
        Body::new()
    }
}

impl Body {
    /// An object without fields.
    pub fn new() -> Body {
        Body {
            text: "{".to_owned(),
            filled: false,
            closers: vec!['}'],
        }
    }

    /// Adds a field with a text.
    pub fn field(&mut self, name: &str, value: &str) {
        self.name(name);
        quote(value, &mut self.text);
    }

    /// Adds a field with a text that may be absent.
    pub fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.field(name, value);
        }
    }

    /// Adds a field with a list of objects, of which `write` writes one for each item.
    /// Nothing where there are no items.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    pub fn list<T, E>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Body, T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return Ok(());
        }
        self.name(name);
        self.open('[', ']');
        for item in items {
            self.separate();
            self.open('{', '}');
            write(self, item)?;
            self.close();
        }
        self.close();
        Ok(())
    }

    /// The text.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.closers.is_empty() {
            self.close();
        }
        self.text.into_bytes()
    }

    fn name(&mut self, name: &str) {
        self.separate();
        quote(name, &mut self.text);
        self.text.push(':');
    }

    fn separate(&mut self) {
        if self.filled {
            self.text.push(',');
        }
        self.filled = true;
    }

    fn open(&mut self, opener: char, closer: char) {
        self.text.push(opener);
        self.closers.push(closer);
        self.filled = false;
    }

    fn close(&mut self) {
        self.text.extend(self.closers.pop());
        self.filled = true;
    }
}

fn quote(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\0'..='\u{1f}' => {
                let code = character as usize;
                out.push_str("\\u00");
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Node, Tree};

    #[test]
    fn writes_nested_lists() {
        let mut body = Body::new();
        body.field("A", "a \"quoted\" \\ \n\u{1}");
        body.optional("B", None);
        body.list("to_Item", ["1", "2"], |item, no| {
            item.field("No", no);
            item.list("to_Text", [no; 1], |text, no| {
                text.field("T", no);
                Ok::<(), ()>(())
            })
        })
        .unwrap();
        body.list("to_None", [0; 0], |_, _| Ok::<(), ()>(()))
            .unwrap();
        let bytes = body.finish();
        assert_eq!(
            str::from_utf8(&bytes).unwrap(),
            r#"{"A":"a \"quoted\" \\ \n\u0001","to_Item":[{"No":"1","to_Text":[{"T":"1"}]},{"No":"2","to_Text":[{"T":"2"}]}]}"#
        );
        let tree = Tree::parse(&bytes).unwrap();
        let text = tree.root().get("A").and_then(Node::as_str);
        assert_eq!(text, Some("a \"quoted\" \\ \n\u{1}"));
        assert_eq!(Body::default().finish(), b"{}");
    }
}
