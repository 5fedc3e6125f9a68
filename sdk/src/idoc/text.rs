//! The bytes of an XML file as UTF-8 text.
//!
//! SAP writes `utf-8` on Unicode systems and `iso-8859-1` on others; a file carried by
//! hand may be UTF-16. What a file declares is believed, since nothing else tells the
//! encodings of one byte apart.

use std::borrow::Cow;

use super::error::{Error, Kind};

/// The longest text that is looked at, in bytes: far above the host's limit for a body.
pub const TEXT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How much of a file is searched for the declaration, in bytes.
const DECLARATION_BYTES_MAX: usize = 256;

/// What 0x80 to 0x9F are in windows-1252, which is also what files declared as
/// ISO-8859-1 mean by them (WHATWG Encoding, index windows-1252). The five that it
/// leaves open stay control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Where ISO-8859-15 differs from ISO-8859-1.
const LATIN_9: [(u8, char); 8] = [
    (0xA4, '€'),
    (0xA6, 'Š'),
    (0xA8, 'š'),
    (0xB4, 'Ž'),
    (0xB8, 'ž'),
    (0xBC, 'Œ'),
    (0xBD, 'œ'),
    (0xBE, 'Ÿ'),
];

/// The text of a file in the encoding that its byte order mark or XML declaration
/// names: UTF-8 (also where nothing is named), UTF-16, US-ASCII, ISO-8859-1,
/// ISO-8859-15, windows-1252. Borrowed where it is UTF-8 already.
///
/// # Errors
///
/// [`Kind::Encoding`] when the bytes are not that, or the encoding is none of these;
/// [`Kind::Limit`] beyond [`TEXT_BYTES_MAX`].
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    if bytes.len() > TEXT_BYTES_MAX {
        let text = format!("{} bytes, at most {TEXT_BYTES_MAX} are read", bytes.len());
        return Err(Error::new(Kind::Limit, text, 1));
    }
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return utf8(rest, "UTF-8").map(Cow::Borrowed),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => {}
    }
    let name = declared(bytes).unwrap_or("UTF-8");
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => utf8(bytes, name).map(Cow::Borrowed),
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "windows-1252"
        | "cp1252" => Ok(single_bytes(bytes, western)),
        "iso-8859-15" | "iso8859-15" | "iso_8859-15" | "latin-9" | "latin9" => {
            Ok(single_bytes(bytes, western_with_euro))
        }
        _ => {
            let text = format!(
                "the encoding {name} is not read; UTF-8, UTF-16, ISO-8859-1, ISO-8859-15 and windows-1252 are"
            );
            Err(Error::new(Kind::Encoding, text, 1))
        }
    }
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let declaration = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = declaration.iter().position(|byte| *byte == b'>')?;
    let declaration = str::from_utf8(&declaration[..end]).ok()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name.trim())
}

fn utf8<'b>(bytes: &'b [u8], name: &str) -> Result<&'b str, Error> {
    str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let text = format!(
            "byte {at} is not {name}: the file is in another encoding than it says (ISO-8859-1 perhaps)"
        );
        Error::new(Kind::Encoding, text, line_at(bytes, at))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let decoded: Result<String, _> =
        char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    match decoded {
        Ok(text) if odd.is_empty() => Ok(text),
        _ => Err(Error::new(
            Kind::Encoding,
            "the file begins as UTF-16 and holds what is none",
            1,
        )),
    }
}

fn single_bytes(bytes: &[u8], character: fn(u8) -> char) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|byte| character(*byte)).collect()),
    }
}

fn western(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

fn western_with_euro(byte: u8) -> char {
    let other = LATIN_9.iter().find(|(code, _)| *code == byte);
    other.map_or(char::from(byte), |(_, character)| *character)
}

/// The line of a byte, from 1.
pub(super) fn line_at(bytes: &[u8], at: usize) -> u32 {
    let before = &bytes[..at.min(bytes.len())];
    1 + memchr::memchr_iter(b'\n', before).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_the_declaration() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><A>M\xFCnchen \x80</A>";
        assert!(decode(latin).unwrap().ends_with("<A>München €</A>"));
        let latin9 = b"<?xml version=\"1.0\" encoding = \"iso-8859-15\" ?><A>\xA4\xFC</A>";
        assert!(decode(latin9).unwrap().ends_with("<A>€ü</A>"));
        let ascii = b"<?xml version='1.0' encoding='ISO-8859-1'?><A/>";
        assert!(matches!(decode(ascii), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn takes_utf8_where_nothing_is_declared() {
        assert_eq!(decode("<A>Zlín</A>".as_bytes()).unwrap(), "<A>Zlín</A>");
        assert_eq!(decode(b"\xEF\xBB\xBF<A/>").unwrap(), "<A/>");
        let error = decode(b"<A>\n\xFC</A>").unwrap_err();
        assert_eq!((error.kind(), error.line()), (Kind::Encoding, 2));
    }

    #[test]
    fn reads_utf16_by_its_mark() {
        let units: Vec<u8> = "\u{feff}<A>ü</A>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decode(&units).unwrap(), "<A>ü</A>");
        assert!(decode(&units[..units.len() - 1]).is_err());
    }

    #[test]
    fn names_an_encoding_that_is_not_read() {
        let error = decode(b"<?xml version='1.0' encoding='EBCDIC'?><A/>").unwrap_err();
        assert!(error.text().contains("EBCDIC"), "{error}");
    }
}
