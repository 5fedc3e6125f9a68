//! Which form of a table a caller wants, and what it says must be there.
//!
//! An entity tag is the version, `"3"`; the CSV form of the same version is another
//! representation, `"3-csv"`. Both are taken in `If-Match`.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{
    api::{bad_value, problem::Problem},
    tables::Expected,
};

/// The media type of the CSV form.
pub(super) const CSV: &str = "text/csv";
/// The media type of the JSON form.
pub(super) const JSON: &str = "application/json";
/// What follows the version in the entity tag of the CSV form.
const CSV_TAG: &str = "-csv";

/// In which form a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With everything that is known of it.
    Json,
    /// Its rows alone.
    Csv,
}

// === impl Form ===

impl Form {
    /// That of ours which `Accept` names first; JSON if it names none.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT);
        let accept = accept.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let kinds = accept.split(',').filter_map(|it| it.split(';').next());
        let mut ours = kinds.map(str::trim).filter(|it| [CSV, JSON].contains(it));
        match ours.next() {
            Some(CSV) => Self::Csv,
            _ => Self::Json,
        }
    }
}

/// The entity tag of a version.
pub(super) fn tag(version: u64, form: Form) -> HeaderValue {
    let end = match form {
        Form::Json => "",
        Form::Csv => CSV_TAG,
    };
    let tag = HeaderValue::from_str(&format!("\"{version}{end}\""));
    tag.unwrap_or(HeaderValue::from_static("\"\""))
}

/// What `If-Match` and `If-None-Match` say must be there.
pub(super) fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or(""));
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, None) => Ok(Expected::Anything),
        (None, Some("*")) => Ok(Expected::Nothing),
        (Some("*"), None) => Ok(Expected::Something),
        (Some(tags), None) => tags
            .split(',')
            .map(tagged)
            .collect::<Option<_>>()
            .map_or_else(
                || {
                    Err(bad_value(
                        "If-Match",
                        "it takes the ETag of an answer, such as \"3\", or *",
                    ))
                },
                |versions| Ok(Expected::Version(versions)),
            ),
        (_, Some(_)) => Err(bad_value(
            "If-None-Match",
            "it takes * alone: the table must not be there",
        )),
    }
}

/// The version of a strong entity tag of ours.
fn tagged(tag: &str) -> Option<u64> {
    let version = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    let version = version.strip_suffix(CSV_TAG).unwrap_or(version);
    version.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn preconditions_name_versions() {
        let of = |name, value| expected(&headers(name, value)).ok();
        assert_eq!(expected(&HeaderMap::new()).ok(), Some(Expected::Anything));
        let either = Some(Expected::Version(vec![3, 4]));
        assert_eq!(of(header::IF_MATCH, "\"3\", \"4-csv\""), either);
        assert_eq!(of(header::IF_MATCH, "*"), Some(Expected::Something));
        assert_eq!(of(header::IF_NONE_MATCH, "*"), Some(Expected::Nothing));
        for bad in ["3", "W/\"3\"", "\"x\"", ""] {
            assert_eq!(of(header::IF_MATCH, bad), None, "{bad}");
        }
        assert_eq!(of(header::IF_NONE_MATCH, "\"3\""), None);
    }

    #[test]
    fn csv_is_for_those_who_name_it_first() {
        let wants = |accept| Form::wanted(&headers(header::ACCEPT, accept)) == Form::Csv;
        assert!(wants("text/csv"));
        assert!(wants("text/csv;q=0.9, application/json"));
        assert!(!wants("application/json, text/csv"));
        assert!(!wants("*/*"));
        assert_eq!(Form::wanted(&HeaderMap::new()), Form::Json);
    }
}
