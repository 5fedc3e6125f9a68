//! The daily reconciliation report.

use serde::Serialize;

use super::position::Row;
use crate::{clock::Timestamp, process::number::Number};

/// The report as JSON: when it was made, how many positions differ, all rows.
///
/// # Errors
/// Never for rows of this module; the serialiser's type asks for it.
pub fn to_json(rows: &[Row], at: Timestamp) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Report<'a> {
        at: String,
        positions: usize,
        differing: usize,
        held: usize,
        rows: &'a [Row],
    }
    serde_json::to_string_pretty(&Report {
        at: at.to_string(),
        positions: rows.len(),
        differing: rows.iter().filter(|row| differs(row)).count(),
        held: rows.iter().filter(|row| row.held).count(),
        rows,
    })
}

/// The report as CSV (RFC 4180), with a header line.
#[must_use]
pub fn to_csv(rows: &[Row]) -> String {
    let mut text = String::from("node,sku,status,lot,warehouse,erp,difference,held,counted_at\r\n");
    for row in rows {
        let number = |number: Option<Number>| number.map(|it| it.to_string()).unwrap_or_default();
        let counted_at = row
            .counted_at_ms
            .map(|at| Timestamp::from_millis(at).to_string());
        let fields = [
            quoted(&row.node),
            quoted(&row.sku),
            quoted(&row.status),
            quoted(&row.lot),
            number(row.warehouse),
            number(row.erp),
            number(row.difference),
            row.held.to_string(),
            counted_at.unwrap_or_default(),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

fn differs(row: &Row) -> bool {
    row.difference
        .is_some_and(|difference| !difference.is_zero())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
