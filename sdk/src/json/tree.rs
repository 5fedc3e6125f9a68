//! JSON text as a tree, with nothing lost that a later error needs.
//!
//! Why not a ready-made value type: numbers stay text (a decimal never passes
//! through a float), a field that stands twice is refused instead of silently
//! winning, every value knows where it stood, and depth, size and number of values
//! are bounded before memory is spent. Strings without escapes are borrowed.

use std::borrow::Cow;

use super::error::{Error, Reason};

/// How deep lists and objects may be nested. The contract's deepest document has
/// about ten levels.
pub const DEPTH_MAX: usize = 64;

/// The longest text that is looked at, in bytes: far above the host's limit for a
/// body or for a guest's output.
pub const TEXT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How many values a text may hold. Each costs some forty bytes, so that a text of
/// nothing but brackets can't ask for a multiple of its own size without end.
pub const VALUES_MAX: usize = 2_000_000;

/// Up to here an object's fields are compared one with another; beyond, sorting
/// them is cheaper and keeps a hostile object from costing the square of its size.
const FIELDS_COMPARED_MAX: usize = 24;

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    text: &'a [u8],
    root: Node<'a>,
}

/// One value of a text.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    pub(super) value: Value<'a>,
    /// Where in the text it begins; [`TEXT_BYTES_MAX`] fits.
    pub(super) offset: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// As written; its grammar was checked.
    Number(&'a str),
    String(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order of the text, each name once.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

// === impl Tree ===

impl<'a> Tree<'a> {
    /// Parses a text; a byte order mark in front is passed over.
    ///
    /// # Errors
    ///
    /// [`Reason::Syntax`], [`Reason::Limit`] or [`Reason::DuplicateField`].
    pub fn parse(text: &'a [u8]) -> Result<Tree<'a>, Error> {
        if text.len() > TEXT_BYTES_MAX {
            let text = format!("{} bytes, at most {TEXT_BYTES_MAX} are read", text.len());
            return Err(Error::new(Reason::Limit, text));
        }
        let unicode = str::from_utf8(text).map_err(|error| {
            Error::new(Reason::Syntax, "the text is not UTF-8")
                .at(error.valid_up_to())
                .located_in(text)
        })?;
        let mut parser = Parser {
            text: unicode,
            at: 0,
            values: 0,
        };
        if unicode.starts_with('\u{feff}') {
            parser.at = '\u{feff}'.len_utf8();
        }
        let root = parser.document().map_err(|error| error.located_in(text))?;
        Ok(Tree { text, root })
    }

    /// The outermost value.
    pub fn root(&self) -> &Node<'a> {
        &self.root
    }

    /// Reads a value of the tree as a `T`. Pointers are relative to `node`; see
    /// [`Error::inside`].
    ///
    /// # Errors
    ///
    /// Whatever does not fit `T`, with its place.
    pub fn read<T: serde::de::DeserializeOwned>(&self, node: &Node<'_>) -> Result<T, Error> {
        super::read::read(node).map_err(|error| error.located_in(self.text))
    }
}

// === impl Node ===

impl<'a> Node<'a> {
    /// The field of that name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.fields()?
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, node)| node)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, or of a number as it was written. What a partner calls
    /// an id is the one with some and the other with others.
    pub fn as_id(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The values, if this is a list.
    pub fn items(&self) -> Option<&[Node<'a>]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Names and values in the order of the text, if this is an object.
    pub fn fields(&self) -> Option<&[(Cow<'a, str>, Node<'a>)]> {
        match &self.value {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// What it is, for an error to name.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) => format!("the number {}", shorten(text)),
            Value::String(text) => format!("the string \"{}\"", shorten(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        }
    }
}

/// Enough of a value to recognise it by.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Always at a character's boundary: only whole tokens are passed.
    at: usize,
    values: usize,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Node<'a>, Error> {
        let root = self.value(0)?;
        self.skip_blanks();
        match self.peek() {
            None => Ok(root),
            Some(_) => Err(self.syntax("nothing may follow the value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Error> {
        self.skip_blanks();
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(self.limit(format!("more than {VALUES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(self.limit(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        // TEXT_BYTES_MAX fits.
        let offset = self.at as u32;
        let value = match self.peek() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.syntax("expected a value")),
            None => return Err(self.syntax("the text ends where a value was expected")),
        };
        Ok(Node { value, offset })
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.at += 1;
        let mut fields = Vec::new();
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a field's name in quotes"));
            }
            let name = self.string()?;
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self
                    .syntax("expected `:` after a field's name")
                    .inside(&name));
            }
            match self.value(depth + 1) {
                Ok(node) => fields.push((name, node)),
                Err(error) => return Err(error.inside(&name)),
            }
            self.skip_blanks();
            if self.take(b'}') {
                refuse_duplicates(&fields)?;
                return Ok(Value::Object(fields));
            }
            if !self.take(b',') {
                return Err(self.syntax("expected `,` or `}` after a field"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Error> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            match self.value(depth + 1) {
                Ok(node) => items.push(node),
                Err(error) => return Err(error.inside(items.len())),
            }
            self.skip_blanks();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return Err(self.syntax("expected `,` or `]` after a value"));
            }
        }
    }

    fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        self.take(b'-');
        if self.take(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.syntax("a number has no noughts in front"));
            }
        } else {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.syntax("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        self.at += 1;
        let start = self.at;
        self.plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut text = self.text[start..self.at].to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.syntax("a control character must be escaped")),
                None => return Err(self.syntax("a string does not end")),
            }
            let start = self.at;
            self.plain();
            text.push_str(&self.text[start..self.at]);
        }
    }

    /// Passes what needs no thought; stops at a quote, a backslash or a control
    /// character, none of which is ever part of a longer character.
    fn plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(stop).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<char, Error> {
        let start = self.at;
        self.at += 2;
        let plain = match self.text.as_bytes().get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => {
                self.at = start;
                return Err(self.syntax("there is no such escape"));
            }
        };
        Ok(plain)
    }

    /// The rest of `\uXXXX`, with a second one where the first is half a character.
    fn unicode(&mut self, start: usize) -> Result<char, Error> {
        let first = self.hex();
        let code = match first {
            Some(high @ 0xd800..=0xdbff) => {
                let paired = self.take(b'\\') && self.take(b'u');
                match self.hex().filter(|_| paired) {
                    Some(low @ 0xdc00..=0xdfff) => {
                        Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => None,
                }
            }
            other => other,
        };
        code.and_then(char::from_u32).ok_or_else(|| {
            self.at = start;
            self.syntax("a \\u escape needs four hexadecimal digits of a whole character")
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + char::from(*digit).to_digit(16)?;
        }
        self.at += 4;
        Some(code)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn syntax(&self, text: &str) -> Error {
        Error::new(Reason::Syntax, text).at(self.at)
    }

    fn limit(&self, text: String) -> Error {
        Error::new(Reason::Limit, text).at(self.at)
    }
}

fn refuse_duplicates(fields: &[(Cow<'_, str>, Node<'_>)]) -> Result<(), Error> {
    if fields.iter().try_fold(0, mark).is_some() {
        return Ok(());
    }
    let duplicate = if fields.len() <= FIELDS_COMPARED_MAX {
        let earlier =
            |position: usize, name: &str| fields[..position].iter().any(|(other, _)| other == name);
        let mut numbered = fields.iter().enumerate();
        numbered
            .find(|(position, (name, _))| earlier(*position, name))
            .map(|(_, field)| field)
    } else {
        let mut sorted: Vec<_> = fields.iter().collect();
        sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
        sorted
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0)
            .map(|pair| pair[1])
    };
    match duplicate {
        None => Ok(()),
        Some((name, node)) => Err(
            Error::new(Reason::DuplicateField, "this field stands twice")
                .at(node.offset as usize)
                .inside(name),
        ),
    }
}

/// Marks a name by its length and ends; `None` when another has the same mark, which
/// few objects have two of, so that most need no comparing.
fn mark(marks: u64, (name, _): &(Cow<'_, str>, Node<'_>)) -> Option<u64> {
    let ends = match name.as_bytes() {
        [] => 0,
        [first, .., last] => u32::from(*first).wrapping_mul(5) ^ u32::from(*last),
        [only] => u32::from(*only),
    };
    let bit = 1_u64 << ((ends ^ (name.len() as u32) << 2) & 63);
    (marks & bit == 0).then_some(marks | bit)
}
