//! The IDocs of a message, one after the other.

use std::borrow::Cow;

use quick_xml::events::{BytesRef, BytesStart, Event};

use super::error::{Error, Kind};
use super::segment::{Idoc, Node};
use super::text::{TEXT_BYTES_MAX, line_at};

/// How deep elements may be nested. The deepest IDoc type has about ten levels.
pub const DEPTH_MAX: usize = 32;

/// How many elements one IDoc may have. A delivery line has about eighty.
pub const NODES_MAX: usize = 400_000;

/// How many IDocs one message may have.
pub const IDOCS_MAX: u32 = 20_000;

/// The longest tag, in bytes. SAP writes one attribute of one character.
pub const TAG_BYTES_MAX: usize = 4096;

/// The message's outermost element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root<'a> {
    name: &'a str,
    /// What the tag says behind the name.
    attributes: &'a str,
    is_empty: bool,
}

/// Reads the IDocs of a text. After an error of the text itself ([`Kind::Syntax`]) no
/// more come; an IDoc that is refused is passed over.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    xml: quick_xml::Reader<&'a [u8]>,
    root: Root<'a>,
    number: u32,
    /// The root is the IDOC element itself, and was not given yet.
    bare: bool,
    finished: bool,
}

/// Builds one IDoc.
struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    /// Nodes that are open, outermost first.
    open: Vec<u32>,
    /// Elements that are open and not kept, because the IDoc is refused already.
    passed: usize,
    refused: Option<Error>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads up to the outermost element.
    ///
    /// # Errors
    ///
    /// When there is none, or something forbidden stands before it.
    pub fn new(text: &'a str) -> Result<Reader<'a>, Error> {
        if text.len() > TEXT_BYTES_MAX {
            let text = format!("{} bytes, at most {TEXT_BYTES_MAX} are read", text.len());
            return Err(Error::new(Kind::Limit, text, 1));
        }
        let mut xml = quick_xml::Reader::from_str(text);
        xml.config_mut().check_comments = true;
        let mut reader = Reader {
            text,
            xml,
            root: Root {
                name: "",
                attributes: "",
                is_empty: true,
            },
            number: 0,
            bare: false,
            finished: false,
        };
        reader.root = reader.find_root()?;
        reader.bare = reader.root.name == "IDOC";
        reader.finished = reader.root.is_empty && !reader.bare;
        Ok(reader)
    }

    /// The outermost element's name without prefix: the IDoc type, if it is one.
    pub fn root(&self) -> &'a str {
        self.root.name
    }

    /// Whether the outermost element's tag holds a text, such as a namespace.
    pub fn root_mentions(&self, text: &str) -> bool {
        self.root.attributes.contains(text)
    }

    fn find_root(&mut self) -> Result<Root<'a>, Error> {
        loop {
            let at = self.offset();
            match self.read()? {
                Event::Start(tag) => return self.root_tag(&tag, at, false),
                Event::Empty(tag) => return self.root_tag(&tag, at, true),
                Event::Text(text) if text.trim_ascii().is_empty() => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(self.error(Kind::NotIdoc, "the message is not XML", at));
                }
                Event::Eof => {
                    return Err(self.error(Kind::NotIdoc, "the message holds no XML element", at));
                }
                _ => {}
            }
        }
    }

    fn root_tag(&self, tag: &BytesStart<'_>, at: usize, is_empty: bool) -> Result<Root<'a>, Error> {
        let name = self.name(tag, at)?;
        let attributes = self.text.get(at..at + tag.len()).unwrap_or_default();
        Ok(Root {
            name,
            attributes,
            is_empty,
        })
    }

    fn next_idoc(&mut self) -> Result<Option<Idoc<'a>>, Error> {
        if self.bare {
            self.bare = false;
            let (at, is_empty) = (0, self.root.is_empty);
            self.finished = true;
            return self.idoc(None, at, is_empty).map(Some);
        }
        loop {
            let at = self.offset();
            match self.read()? {
                Event::Start(tag) => {
                    self.expect_idoc(&tag, at)?;
                    return self.idoc(Some(self.root.name), at, false).map(Some);
                }
                Event::Empty(tag) => {
                    self.expect_idoc(&tag, at)?;
                    return self.idoc(Some(self.root.name), at, true).map(Some);
                }
                Event::Text(text) if !text.trim_ascii().is_empty() => {
                    let text = format!("text between the IDocs of {}", self.root.name);
                    return Err(self.error(Kind::NotIdoc, text, at));
                }
                Event::Eof => {
                    return Err(self.error(Kind::Syntax, "the text ends inside of it", at));
                }
                Event::End(_) => return Ok(None),
                _ => {}
            }
        }
    }

    fn expect_idoc(&self, tag: &BytesStart<'_>, at: usize) -> Result<(), Error> {
        let name = self.name(tag, at)?;
        if name == "IDOC" {
            return Ok(());
        }
        let text = format!(
            "{} holds {name}, where an IDoc type holds IDOC elements",
            self.root.name
        );
        Err(self.error(Kind::NotIdoc, text, at))
    }

    /// Reads an IDoc whose start tag was read.
    fn idoc(
        &mut self,
        wrapper: Option<&'a str>,
        at: usize,
        is_empty: bool,
    ) -> Result<Idoc<'a>, Error> {
        self.number += 1;
        if self.number > IDOCS_MAX {
            let text = format!("more than {IDOCS_MAX} IDocs in one message");
            return Err(self.fatal(Kind::Limit, text, at));
        }
        let mut builder = Builder::new(at as u32);
        if !is_empty {
            self.fill(&mut builder)?;
        }
        match builder.refused {
            Some(error) => Err(error),
            None => Ok(Idoc {
                text: self.text,
                wrapper,
                number: self.number,
                nodes: builder.finish(),
            }),
        }
    }

    fn fill(&mut self, builder: &mut Builder<'a>) -> Result<(), Error> {
        loop {
            let at = self.offset();
            match self.read()? {
                Event::Start(tag) => {
                    let name = self.name(&tag, at)?;
                    builder.begin(name, at, || line_at(self.text.as_bytes(), at));
                }
                Event::Empty(tag) => {
                    let name = self.name(&tag, at)?;
                    builder.begin(name, at, || line_at(self.text.as_bytes(), at));
                    builder.end();
                }
                Event::End(_) if builder.end() => return Ok(()),
                Event::Text(text) => builder.text(piece_of_text(text.into_inner())),
                Event::CData(text) => builder.text(piece_of_text(text.into_inner())),
                Event::GeneralRef(reference) => match resolve(&reference) {
                    Some(character) => {
                        let mut buffer = [0; 4];
                        builder.text(Cow::Owned(character.encode_utf8(&mut buffer).to_owned()));
                    }
                    None => {
                        let name = String::from_utf8_lossy(&reference).into_owned();
                        let text = format!("the entity &{name}; is none of XML's own");
                        let error = self.error(Kind::Forbidden, text, at);
                        builder.refuse(error);
                    }
                },
                Event::Eof => {
                    let text = format!("the text ends inside IDOC {}", self.number);
                    return Err(self.fatal(Kind::Syntax, text, at));
                }
                _ => {}
            }
        }
    }

    /// The next event. A document type declaration and a huge tag end the reading.
    fn read(&mut self) -> Result<Event<'a>, Error> {
        let at = self.offset();
        let event = match self.xml.read_event() {
            Ok(event) => event,
            Err(error) => {
                let at = self.xml.error_position() as usize;
                return Err(self.fatal(Kind::Syntax, format!("not well-formed: {error}"), at));
            }
        };
        match &event {
            Event::DocType(_) => {
                let text = "a document type declaration is not allowed";
                Err(self.fatal(Kind::Forbidden, text, at))
            }
            Event::Start(tag) | Event::Empty(tag) if tag.len() > TAG_BYTES_MAX => {
                let text = format!("a tag of more than {TAG_BYTES_MAX} bytes");
                Err(self.fatal(Kind::Limit, text, at))
            }
            _ => Ok(event),
        }
    }

    fn offset(&self) -> usize {
        self.xml.buffer_position() as usize
    }

    /// A tag's name without prefix, as the text has it. `at` is where its `<` stands.
    fn name(&self, tag: &BytesStart<'_>, at: usize) -> Result<&'a str, Error> {
        let length = tag.name().as_ref().len();
        let name = self.text.get(at + 1..at + 1 + length).unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        if local.is_empty() {
            return Err(self.error(Kind::Syntax, "a tag without a name", at));
        }
        Ok(local)
    }

    fn error(&self, kind: Kind, text: impl Into<String>, at: usize) -> Error {
        Error::new(kind, text, line_at(self.text.as_bytes(), at))
    }

    /// An error after which nothing more can be read.
    fn fatal(&mut self, kind: Kind, text: impl Into<String>, at: usize) -> Error {
        self.finished = true;
        self.error(kind, text, at)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Idoc<'a>, Error>;

    fn next(&mut self) -> Option<Result<Idoc<'a>, Error>> {
        if self.finished {
            return None;
        }
        match self.next_idoc() {
            Ok(Some(idoc)) => Some(Ok(idoc)),
            Ok(None) => {
                self.finished = true;
                None
            }
            Err(error) => {
                // What stands between IDocs can't be passed over.
                self.finished |= error.kind() == Kind::NotIdoc || error.kind() == Kind::Syntax;
                Some(Err(error))
            }
        }
    }
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(offset: u32) -> Builder<'a> {
        let root = Node {
            name: "IDOC",
            value: Cow::Borrowed(""),
            offset,
            parent: 0,
            end: 1,
        };
        Builder {
            nodes: vec![root],
            open: vec![0],
            passed: 0,
            refused: None,
        }
    }

    fn begin(&mut self, name: &'a str, at: usize, line: impl Fn() -> u32) {
        if self.refused.is_none() && self.nodes.len() >= NODES_MAX {
            let text = format!("more than {NODES_MAX} elements in one IDoc");
            self.refuse(Error::new(Kind::Limit, text, line()));
        }
        if self.refused.is_none() && self.open.len() > DEPTH_MAX {
            let text = format!("elements nested deeper than {DEPTH_MAX} levels");
            self.refuse(Error::new(Kind::Limit, text, line()));
        }
        if self.refused.is_some() {
            self.passed += 1;
            return;
        }
        // The blanks before a first child say nothing.
        if let Some(parent) = self.innermost()
            && !parent.value.is_empty()
            && parent.value.trim_ascii().is_empty()
        {
            parent.value = Cow::Borrowed("");
        }
        let at_node = self.nodes.len() as u32;
        self.nodes.push(Node {
            name,
            value: Cow::Borrowed(""),
            offset: at as u32,
            parent: self.open.last().copied().unwrap_or_default(),
            end: at_node + 1,
        });
        self.open.push(at_node);
    }

    /// Closes the innermost element; whether it was the IDoc.
    fn end(&mut self) -> bool {
        if self.passed > 0 {
            self.passed -= 1;
            return false;
        }
        let count = self.nodes.len() as u32;
        if let Some(at) = self.open.pop()
            && let Some(node) = self.nodes.get_mut(at as usize)
        {
            node.end = count;
            trim(&mut node.value);
        }
        self.open.is_empty()
    }

    fn text(&mut self, text: Cow<'a, str>) {
        if self.refused.is_some() {
            return;
        }
        let count = self.nodes.len();
        let has_children = self.open.last().is_some_and(|at| *at as usize + 1 < count);
        // Blanks between tags are most of a file that was laid out for reading.
        if has_children && text.trim_ascii().is_empty() {
            return;
        }
        match self.innermost() {
            Some(node) if node.value.is_empty() => node.value = text,
            Some(node) => node.value.to_mut().push_str(&text),
            None => {}
        }
    }

    fn innermost(&mut self) -> Option<&mut Node<'a>> {
        self.nodes.get_mut(*self.open.last()? as usize)
    }

    fn refuse(&mut self, error: Error) {
        self.nodes.truncate(1);
        self.passed += self.open.len().saturating_sub(1);
        self.open.truncate(1);
        self.refused.get_or_insert(error);
    }

    fn finish(self) -> Vec<Node<'a>> {
        self.nodes
    }
}

/// Takes blanks off both ends, without copying what is borrowed.
fn trim(value: &mut Cow<'_, str>) {
    match value {
        Cow::Borrowed(text) => *text = text.trim(),
        Cow::Owned(text) => {
            let trimmed = text.trim();
            if trimmed.len() != text.len() {
                *text = trimmed.to_owned();
            }
        }
    }
}

/// A piece of the text, which is UTF-8 since all of it is.
fn piece_of_text(piece: Cow<'_, [u8]>) -> Cow<'_, str> {
    match piece {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// The character of one of XML's five entities, or of a number.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}
