//! Which state of an instance an answer shows, and which one a caller expects.
//!
//! An entity tag is the record of the instance's last step and a digest of what is
//! shown: `"17-9f86d081884c7d65"`. Two answers about the same step may differ in what
//! lies beside it (how a delivery stands), so `If-None-Match` compares the whole tag;
//! whoever wants to change something means the step, so `If-Match` compares its number,
//! and takes `"17"` as well.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{bad_value, problem::Problem, unavailable};
use crate::{journal::Sequence, message::Digest};

/// Hexadecimal digits of the digest in a tag: enough to tell two answers apart.
const DIGEST_DIGITS: usize = 16;

/// An answer about an instance at this step; 304 if the caller has it already.
///
/// # Errors
/// Never for JSON; the serialiser's type asks for it.
pub(super) fn shown(
    headers: &HeaderMap,
    sequence: Sequence,
    answer: &Value,
) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer).map_err(unavailable)?;
    let tag = tag(sequence, &body);
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let known = known.filter_map(|it| it.to_str().ok());
    // Compared weakly (RFC 9110, section 13.1.2).
    let mut tags = known.flat_map(|it| it.split(','));
    let is_known = tags.any(|it| {
        let it = it.trim();
        it == "*" || it.strip_prefix("W/").unwrap_or(it).as_bytes() == tag.as_bytes()
    });
    let tagged = [(header::ETAG, tag)];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, tagged).into_response());
    }
    let kind = HeaderValue::from_static("application/json");
    Ok((tagged, [(header::CONTENT_TYPE, kind)], body).into_response())
}

/// Refuses a change of what the caller has not seen as it is. `current` is the record of
/// the last step; none for an instance that is not there.
///
/// # Errors
/// 412 when another step is current, 400 for a tag that is none of ours.
pub(super) fn require(headers: &HeaderMap, current: Option<Sequence>) -> Result<(), Problem> {
    let Some(expected) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let expected = expected.to_str().unwrap_or_default().trim();
    let holds = if expected == "*" {
        current.is_some()
    } else {
        let steps: Option<Vec<u64>> = expected.split(',').map(step_of).collect();
        let steps = steps.ok_or_else(|| {
            bad_value(
                "If-Match",
                "it takes the ETag of an answer, such as \"17\", or *",
            )
        })?;
        current.is_some_and(|current| steps.contains(&current.get()))
    };
    if holds {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "version-conflict",
        "Another version is current",
    );
    Err(match current {
        Some(current) => problem
            .detail("it changed since it was read; read it again and decide anew")
            .extension("current_version", current.get()),
        None => problem.detail("it is not there"),
    })
}

fn tag(sequence: Sequence, body: &[u8]) -> HeaderValue {
    let digest = Digest::of(body).to_string();
    let tag = format!("\"{}-{}\"", sequence.get(), &digest[..DIGEST_DIGITS]);
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The step of a strong entity tag of ours.
fn step_of(tag: &str) -> Option<u64> {
    let tag = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    tag.split_once('-')
        .map_or(tag, |(step, _)| step)
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn at(step: u64) -> Sequence {
        Sequence::from_u64(step)
    }

    #[test]
    fn who_has_the_answer_already_is_told_so_and_no_more() {
        let answer = json!({ "status": "accepted" });
        let first = shown(&HeaderMap::new(), at(17), &answer).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with("\"17-"), "{tag}");
        let again = |value: &str, answer: &Value| {
            let headers = with(header::IF_NONE_MATCH, value);
            shown(&headers, at(17), answer).unwrap().status()
        };
        for known in [tag.as_str(), "*", &format!("\"1\", W/{tag}")] {
            assert_eq!(again(known, &answer), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(again("\"17\"", &answer), StatusCode::OK);
        let moved = json!({ "status": "accepted", "delivered": true });
        assert_eq!(again(&tag, &moved), StatusCode::OK, "beside the same step");
    }

    #[test]
    fn a_change_is_refused_to_whoever_has_seen_another_step() {
        let refused = |value: &str, current| {
            let required = require(&with(header::IF_MATCH, value), current);
            required.err().map(|problem| problem.status().as_u16())
        };
        let current = Some(at(17));
        for seen in ["\"17\"", "\"17-9f86d081884c7d65\"", "\"3\", \"17\"", "*"] {
            assert_eq!(refused(seen, current), None, "{seen}");
        }
        assert_eq!(refused("\"16\"", current), Some(412));
        assert_eq!(refused("\"17\"", None), Some(412));
        assert_eq!(refused("*", None), Some(412));
        for bad in ["17", "W/\"17\"", "\"x\"", ""] {
            assert_eq!(refused(bad, current), Some(400), "{bad}");
        }
        assert!(require(&HeaderMap::new(), None).is_ok());
    }
}
