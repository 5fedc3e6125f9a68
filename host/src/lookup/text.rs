//! Tables as text: CSV with a header of `key,value`, and a JSON object of strings.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde::de::{DeserializeSeed, MapAccess, Visitor};

use super::{Config, Fault, Table};

/// The first line of every table.
const HEADER: [&str; 2] = ["key", "value"];
/// What some programs begin a file of UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads an object row by row, so that a key that comes twice is noticed.
struct Rows<'a> {
    limits: &'a Config,
}

/// Lines by position. The reader's own count is that before the empty lines, and before
/// the second half of an end of line, that it skips in front of a row.
struct Places<'a> {
    bytes: &'a [u8],
    counted: usize,
    /// The line at `counted`.
    line: u64,
}

// === impl Places ===

impl Places<'_> {
    /// The line that a row begins in; rows come in order.
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begins = position.map_or(0, csv::Position::byte);
        let begins = usize::try_from(begins).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.counted) {
            let skipped = matches!(byte, b'\r' | b'\n');
            if self.counted >= begins && !skipped {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.counted += 1;
        }
        self.line
    }
}

// === impl Table ===

impl Table {
    /// Reads CSV (RFC 4180): two columns, a header, each key once.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column.
    pub fn from_csv(bytes: &[u8], limits: &Config) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let mut rows = BTreeMap::new();
        let mut lines: HashMap<String, u64> = HashMap::new();
        let mut places = Places {
            bytes,
            counted: 0,
            line: 1,
        };
        let (mut taken, mut headed) = (0, false);
        for record in reader.records() {
            let record = record.map_err(|error| unreadable(&error, &mut places))?;
            let line = places.line_of(record.position());
            let fault = |column: Option<u64>, text: String| Fault {
                text,
                line: Some(line),
                column,
            };
            if !headed {
                check_header(&record).map_err(|text| fault(None, text))?;
                headed = true;
                continue;
            }
            let (Some(key), Some(value), 2) = (record.get(0), record.get(1), record.len()) else {
                return Err(match record.len() {
                    0 | 1 => fault(
                        Some(2),
                        "there is no value, or no comma before it".to_owned(),
                    ),
                    columns => fault(
                        Some(3),
                        format!(
                            "{columns} columns instead of 2; put a value that holds a comma into quotes"
                        ),
                    ),
                });
            };
            limits
                .check_row(key, value)
                .map_err(|(text, column)| fault(Some(column), text))?;
            if let Some(earlier) = lines.insert(key.to_owned(), line) {
                let text = format!(
                    "the key {key:?} stands in line {earlier} already; a key has one value"
                );
                return Err(fault(Some(1), text));
            }
            taken += key.len() + value.len();
            rows.insert(key.to_owned(), value.to_owned());
            limits
                .check_size(rows.len(), taken)
                .map_err(|it| fault(None, it.text))?;
        }
        if !headed {
            return Err(Fault {
                text: "it is empty; a table begins with the line key,value".to_owned(),
                line: Some(1),
                column: None,
            });
        }
        Ok(Self::of(rows))
    }

    /// Reads a JSON object whose values are strings, each key once.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and character.
    pub fn from_json(bytes: &[u8], limits: &Config) -> Result<Self, Fault> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let rows = Rows { limits }
            .deserialize(&mut reader)
            .and_then(|rows| reader.end().map(|()| rows));
        rows.map(Self::of).map_err(|error| {
            let (line, column) = (error.line() as u64, error.column() as u64);
            let text = error.to_string();
            let place = format!(" at line {line} column {column}");
            Fault {
                text: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
                line: (line > 0).then_some(line),
                column: (line > 0).then_some(column),
            }
        })
    }

    /// The table as CSV, rows by key.
    #[must_use]
    pub fn to_csv(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes() + self.len() * 4 + 16);
        let mut writer = csv::WriterBuilder::new().from_writer(&mut bytes);
        // Memory takes everything, and every row has two columns.
        let _ = writer.write_record(HEADER);
        for (key, value) in self.rows() {
            let _ = writer.write_record([key, value]);
        }
        let _ = writer.flush();
        drop(writer);
        bytes
    }
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with a string for each key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        use serde::de::Error as _;
        let mut rows = BTreeMap::new();
        let mut taken = 0;
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            self.limits.check_row(&key, &value).map_err(|(text, _)| {
                A::Error::custom(format!("{}: {text}", super::bounds::shown(&key)))
            })?;
            taken += key.len() + value.len();
            if rows.contains_key(&key) {
                return Err(A::Error::custom(format!(
                    "the key {key:?} stands there twice; a key has one value"
                )));
            }
            rows.insert(key, value);
            self.limits
                .check_size(rows.len(), taken)
                .map_err(|it| A::Error::custom(it.text))?;
        }
        Ok(rows)
    }
}

fn check_header(record: &csv::StringRecord) -> Result<(), String> {
    let is_header = record.len() == HEADER.len()
        && record
            .iter()
            .zip(HEADER)
            .all(|(found, wanted)| found.trim().eq_ignore_ascii_case(wanted));
    if is_header {
        return Ok(());
    }
    let found: Vec<_> = record.iter().take(3).collect();
    let found = found.join(",");
    let shown: String = found.chars().take(60).collect();
    let hint = if found.contains([';', '\t']) {
        "; separate the columns by a comma"
    } else {
        ""
    };
    Err(format!(
        "the first line is {shown:?}, it must be key,value{hint}"
    ))
}

fn unreadable(error: &csv::Error, places: &mut Places<'_>) -> Fault {
    let line = Some(places.line_of(error.position()));
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => Fault {
            text: "the text is not UTF-8; save the file as UTF-8".to_owned(),
            line,
            column: Some(err.field() as u64 + 1),
        },
        _ => Fault {
            text: error.to_string(),
            line,
            column: None,
        },
    }
}
