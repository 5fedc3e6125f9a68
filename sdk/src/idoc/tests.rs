//! What the parts promise together.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Vec<Result<Idoc<'_>, Error>> {
    Reader::new(text).unwrap().collect()
}

fn kinds(text: &str) -> Vec<Result<usize, Kind>> {
    match Reader::new(text) {
        Ok(reader) => reader
            .map(|idoc| idoc.map(|idoc| idoc.len()).map_err(|error| error.kind()))
            .collect(),
        Err(error) => vec![Err(error.kind())],
    }
}

const TWO: &str = "<?xml version=\"1.0\"?>\n<!-- a night's work -->\n<DELVRY07>\n\
  <IDOC BEGIN=\"1\">\n    <EDI_DC40 SEGMENT=\"1\"><DOCNUM>7</DOCNUM></EDI_DC40>\n\
    <E1EDL20 SEGMENT=\"1\">\n      <VBELN>  0080000102\t</VBELN><ABLAD/>\n\
      <E1EDL24><POSNR>10</POSNR></E1EDL24>\n      <E1EDL24><POSNR>20</POSNR></E1EDL24>\n\
    </E1EDL20>\n  </IDOC>\n  <IDOC BEGIN=\"1\"><E1EDL20><VBELN>R&amp;D &#60;<![CDATA[&]]></VBELN></E1EDL20></IDOC>\n\
</DELVRY07>\n";

#[test]
fn finds_segments_fields_and_places() {
    let idocs = read(TWO);
    let first = idocs[0].as_ref().unwrap();
    assert_eq!(first.control().unwrap().get("DOCNUM"), Some("7"));
    let delivery = first.root().child("E1EDL20").unwrap();
    assert_eq!(delivery.get("VBELN"), Some("0080000102"));
    assert_eq!(delivery.get("ABLAD"), None);
    assert_eq!(delivery.get("LIFEX"), None);
    assert_eq!(delivery.text(), "");
    let lines: Vec<_> = delivery.all("E1EDL24").collect();
    assert_eq!(lines[1].get("POSNR"), Some("20"));
    assert_eq!(
        lines[1].path_of("POSNR"),
        "/DELVRY07/IDOC[1]/E1EDL20/E1EDL24[2]/POSNR"
    );
    assert_eq!(lines[1].line(), 9);
    let second = idocs[1].as_ref().unwrap();
    let delivery = second.root().child("E1EDL20").unwrap();
    assert_eq!(delivery.get("VBELN"), Some("R&D <&"));
    assert_eq!(delivery.path(), "/DELVRY07/IDOC[2]/E1EDL20");
    assert!(second.control().is_none());
}

#[test]
fn prefixes_and_a_bare_idoc_are_read() {
    let text = "<n:ORDERS05 xmlns:n=\"urn:x\"><n:IDOC><n:E1EDK01><n:BELNR>4</n:BELNR></n:E1EDK01></n:IDOC></n:ORDERS05>";
    let mut reader = Reader::new(text).unwrap();
    assert_eq!(reader.root(), "ORDERS05");
    assert!(reader.root_mentions("urn:x"));
    let idoc = reader.next().unwrap().unwrap();
    let header = idoc.root().child("E1EDK01").unwrap();
    assert_eq!(header.path_of("BELNR"), "/ORDERS05/IDOC[1]/E1EDK01/BELNR");
    let idocs = read("<IDOC><E1EDK01><BELNR>4</BELNR></E1EDK01></IDOC>");
    assert_eq!(idocs.len(), 1);
    let header = idocs[0].as_ref().unwrap().root().child("E1EDK01").unwrap();
    assert_eq!(header.path(), "/IDOC[1]/E1EDK01");
    assert_eq!(kinds("<ORDERS05/>"), []);
    assert_eq!(kinds("<ORDERS05><IDOC/></ORDERS05>"), [Ok(1)]);
}

#[test]
fn one_refused_idoc_leaves_its_neighbours() {
    let text =
        "<O><IDOC><A>1</A></IDOC><IDOC><B><A>&evil;</A></B><C/></IDOC><IDOC><A>3</A></IDOC></O>";
    assert_eq!(kinds(text), [Ok(2), Err(Kind::Forbidden), Ok(2)]);
    let deep = format!(
        "<O><IDOC>{}{}</IDOC><IDOC><A>3</A></IDOC></O>",
        "<A>".repeat(60),
        "</A>".repeat(60)
    );
    assert_eq!(kinds(&deep), [Err(Kind::Limit), Ok(2)]);
}

#[test]
fn broken_text_keeps_what_stood_before() {
    let text = "<O><IDOC><A>1</A></IDOC><IDOC><A>2</B></IDOC><IDOC/></O>";
    assert_eq!(kinds(text), [Ok(2), Err(Kind::Syntax)]);
    assert_eq!(
        kinds("<O><IDOC><A>1</A></IDOC>"),
        [Ok(2), Err(Kind::Syntax)]
    );
    assert_eq!(kinds("<O><IDOC><A>1"), [Err(Kind::Syntax)]);
}

#[test]
fn what_is_no_idoc_is_named() {
    for text in ["", "  ", "EDI_DC40  8000000", "{\"a\":1}", "<!-- -->"] {
        assert_eq!(kinds(text), [Err(Kind::NotIdoc)], "{text}");
    }
    assert_eq!(kinds("<Invoice><Header/></Invoice>"), [Err(Kind::NotIdoc)]);
    assert_eq!(kinds("<O>words</O>"), [Err(Kind::NotIdoc)]);
}

#[test]
fn bombs_are_refused_at_once() {
    let laughs =
        "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><O><IDOC><A>&b;</A></IDOC></O>";
    let external = "<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><O/>";
    let attributes = format!("<O><IDOC {}/></O>", "a=\"1\" ".repeat(1_000_000));
    let many = format!("<O><IDOC>{}</IDOC></O>", "<A/>".repeat(2_000_000));
    let idocs = format!("<O>{}</O>", "<IDOC/>".repeat(1_000_000));
    let deep = "<A>".repeat(2_000_000);
    let comment = format!("<!--{}", "-".repeat(8_000_000));
    let references = format!("<O><IDOC><A>{}</A></IDOC></O>", "&#65;".repeat(1_000_000));
    for (text, kind) in [
        (laughs, Some(Kind::Forbidden)),
        (external, Some(Kind::Forbidden)),
        (&attributes, Some(Kind::Limit)),
        (&many, Some(Kind::Limit)),
        (&idocs, Some(Kind::Limit)),
        (&deep, Some(Kind::NotIdoc)),
        (&comment, Some(Kind::Syntax)),
        (&references, None),
    ] {
        let begun = Instant::now();
        let last = kinds(text).pop().unwrap();
        assert_eq!(last.err(), kind, "{}", &text[..text.len().min(60)]);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

fn written(value: &str) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new("DELVRY07")?;
    writer.begin("E1EDL20")?;
    writer.field("VBELN", value)?;
    writer.end()?;
    writer.finish()
}

#[test]
fn writes_what_reads_back() {
    assert_eq!(
        written("1<2").unwrap(),
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><DELVRY07><IDOC BEGIN=\"1\"><E1EDL20 SEGMENT=\"1\"><VBELN>1&lt;2</VBELN></E1EDL20></IDOC></DELVRY07>"
    );
    assert_eq!(written("a\u{1}b"), Err(WriteError::Character('\u{1}')));
    let mut writer = Writer::new("DELVRY07").unwrap();
    assert_eq!(writer.field("VB ELN", "1"), Err(WriteError::Name));
    assert_eq!(writer.end(), Err(WriteError::Nesting));
    writer.begin("E1EDL20").unwrap();
    assert_eq!(writer.finish(), Err(WriteError::Nesting));
    assert_eq!(Writer::new("1DELVRY").unwrap_err(), WriteError::Name);
}

proptest! {
    #[test]
    fn any_value_reads_back(value in "\\PC{0,40}") {
        let bytes = written(&value).unwrap();
        let text = text::decode(&bytes).unwrap();
        let idocs: Vec<_> = Reader::new(&text).unwrap().collect();
        let idoc = idocs[0].as_ref().unwrap();
        let delivery = idoc.root().child("E1EDL20").unwrap();
        prop_assert_eq!(delivery.get("VBELN").unwrap_or_default(), value.trim());
    }

    #[test]
    fn any_text_ends(text in "(<[A-Z]{1,3}>|</[A-Z]{1,3}>|<IDOC>|</IDOC>|<O>|</O>|&[a-z]{0,3};?|<!\\[CDATA\\[|\\]\\]>|<!--|[a-z ]{0,4}){0,30}") {
        let _ = kinds(&text);
    }

    #[test]
    fn any_bytes_are_text_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = text::decode(&bytes);
    }
}
