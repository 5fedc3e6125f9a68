//! Writing an IDoc as XML.

use std::fmt;

use super::reader::DEPTH_MAX;

/// What can't be written; the caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A name that is no XML name of SAP's: letters, digits, `_`.
    Name,
    /// A character that XML has no form for.
    Character(char),
    /// A segment was closed that was not open, or left open.
    Nesting,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("a segment or field has no such name"),
            Self::Character(character) => write!(f, "XML has no form for {character:?}"),
            Self::Nesting => f.write_str("the segments do not nest"),
        }
    }
}

impl std::error::Error for WriteError {}

/// Writes one message: UTF-8, without blanks between the tags, fields that say
/// nothing left out.
#[derive(Clone, Debug)]
pub struct Writer {
    text: String,
    open: Vec<String>,
}

// === impl Writer ===

impl Writer {
    /// Begins a message of an IDoc type, with its `IDOC` element open.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`].
    pub fn new(idoc_type: &str) -> Result<Writer, WriteError> {
        let mut writer = Writer {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(),
            open: Vec::with_capacity(8),
        };
        writer.tag(idoc_type, "")?;
        writer.tag("IDOC", " BEGIN=\"1\"")?;
        Ok(writer)
    }

    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`], [`WriteError::Nesting`] when too many are open.
    pub fn begin(&mut self, segment: &str) -> Result<(), WriteError> {
        self.tag(segment, " SEGMENT=\"1\"")
    }

    /// Writes a field; nothing where the value is empty.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`], [`WriteError::Character`].
    pub fn field(&mut self, name: &str, value: &str) -> Result<(), WriteError> {
        if value.is_empty() {
            return Ok(());
        }
        check_name(name)?;
        if let Some(bad) = value.chars().find(|character| !is_xml(*character)) {
            return Err(WriteError::Character(bad));
        }
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        escape(value, &mut self.text);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
        Ok(())
    }

    /// Closes the segment that was opened last.
    ///
    /// # Errors
    ///
    /// [`WriteError::Nesting`] when none is open.
    pub fn end(&mut self) -> Result<(), WriteError> {
        // The IDOC and the message around it are for `finish`.
        if self.open.len() <= 2 {
            return Err(WriteError::Nesting);
        }
        self.close();
        Ok(())
    }

    /// The whole message.
    ///
    /// # Errors
    ///
    /// [`WriteError::Nesting`] when a segment is still open.
    pub fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        if self.open.len() != 2 {
            return Err(WriteError::Nesting);
        }
        self.close();
        self.close();
        Ok(self.text.into_bytes())
    }

    fn tag(&mut self, name: &str, attributes: &str) -> Result<(), WriteError> {
        check_name(name)?;
        if self.open.len() > DEPTH_MAX {
            return Err(WriteError::Nesting);
        }
        self.text.push('<');
        self.text.push_str(name);
        self.text.push_str(attributes);
        self.text.push('>');
        self.open.push(name.to_owned());
        Ok(())
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(&name);
            self.text.push('>');
        }
    }
}

fn check_name(name: &str) -> Result<(), WriteError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(WriteError::Name)
    }
}

/// Whether XML 1.0 has a form for a character.
pub(super) fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn escape(value: &str, out: &mut String) {
    for character in value.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}
