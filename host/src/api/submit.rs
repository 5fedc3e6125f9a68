//! Documents that come through the API: canonical JSON, taken as a message of a partner.
//!
//! There is one way in, and this is a door to it: what is posted here is kept byte for
//! byte as a message of the partner, read by its adapter and taken in by the processes,
//! as if the partner had sent it. So its adapter has to speak canonical JSON. Beyond
//! that, whoever posts hears at once what the adapter and the checks would say later.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Operators, bad_value, not_found, problem::Problem};
use crate::{
    contract::{self, Document, json as canonical},
    ingress::{Brought, Refusal},
    intake::Intake,
    message::PartnerName,
    partner::{Partner, Partners},
    process::Role,
    record::Failure,
};

/// The adapter that reads what is posted here.
const ADAPTER: &str = "canonical-json";

/// From the head of a small request to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Whose message it becomes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Posted {
    pub(super) partner: Option<String>,
}

/// The partner whose message this request may bring: an operator may for every partner,
/// a partner with its own token for itself.
///
/// # Errors
/// 401 for whoever is neither, before anything is told of the partner; 400 without a
/// name, 404 for one that is no partner's, 422 for a partner that processes do not know,
/// that executes orders, or whose adapter speaks another dialect.
pub(super) fn sender(
    api: &Api,
    operators: &Operators,
    partner: Option<&str>,
    headers: &HeaderMap,
) -> Result<PartnerName, Problem> {
    caller(api, operators, partner, headers)?;
    let name = partner.ok_or_else(|| {
        bad_value(
            "partner",
            "name the partner whose order it is: ?partner=NAME",
        )
    })?;
    named(&api.partners, name)
}

/// Lets an operator pass, and a partner with its own token for itself.
///
/// # Errors
/// 401 for everybody else.
pub(super) fn caller(
    api: &Api,
    operators: &Operators,
    partner: Option<&str>,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let is_operator = operators.are(headers);
    // Asked in every case, so that an answer takes as long for each kind of caller.
    let is_partner = api.ingress.is_of(partner.unwrap_or_default(), headers);
    if is_operator || is_partner {
        return Ok(());
    }
    Err(Refusal::Unauthorized.into())
}

/// The partner of this name, if a message of its can come through here.
pub(super) fn named(partners: &Partners, name: &str) -> Result<PartnerName, Problem> {
    let shown: String = name.chars().take(PartnerName::BYTES_MAX).collect();
    let partner = PartnerName::parse(name)
        .ok()
        .and_then(|name| partners.get(&name))
        .ok_or_else(|| not_found("partner", &shown))?;
    if partner.role.is_none() {
        return Err(unfit(
            partners,
            "partner-without-role",
            &format!(
                "partner {name} has no role, so no process would hear of it; \
             set partners.{name}.role, or name another partner"
            ),
        ));
    }
    if !asks(&partner) {
        return Err(unfit(
            partners,
            "role-unfit",
            &format!(
                "partner {name} executes orders: it neither places them nor asks for returns; \
             name the ERP, a CRM or a shop"
            ),
        ));
    }
    if partner.adapter != ADAPTER {
        return Err(unfit(
            partners,
            "dialect-unfit",
            &format!(
                "partner {name} speaks through the adapter {}, which does not read canonical JSON; \
             send its own dialect to POST /v1/partners/{name}/messages, or name a partner \
             with the adapter {ADAPTER}",
                partner.adapter
            ),
        ));
    }
    Ok(partner.name.clone())
}

/// Whether messages of this partner can come through here.
fn fits(partner: &Partner) -> bool {
    asks(partner) && partner.adapter == ADAPTER
}

/// Whether processes take orders and requests for returns from it.
fn asks(partner: &Partner) -> bool {
    matches!(partner.role, Some(Role::Erp | Role::Crm | Role::Shop))
}

fn unfit(partners: &Partners, code: &'static str, detail: &str) -> Problem {
    let fitting: Vec<_> = partners
        .iter()
        .filter(|it| fits(it))
        .map(|it| it.name.as_str())
        .collect();
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        code,
        "The partner can't place it here",
    )
    .detail(detail.to_owned())
    .extension("partners", fitting)
}

/// The whole of a request that is no document.
///
/// # Errors
/// 413 for one that is longer, 408 for one that takes too long.
pub(super) async fn small_body(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, bytes_max)).await;
    let read = read.map_err(|_| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "The body took too long",
        )
        .detail(format!(
            "it must be there within {} s",
            BODY_TIMEOUT.as_secs()
        ))
    })?;
    read.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Body too large",
        )
        .detail(format!(
            "it may have {bytes_max} bytes, and must not break off"
        ))
        .extension("bytes_max", bytes_max)
    })
}

/// The one document that was brought, if nothing forbids it.
///
/// # Errors
/// 415 for another media type than JSON, 422 with the place for what is no such document
/// or must not be taken.
pub(super) fn document(brought: &Brought<Intake>, kind: &'static str) -> Result<Document, Problem> {
    json_only(brought.content_type())?;
    read(brought.body(), kind)
}

fn read(body: &[u8], kind: &'static str) -> Result<Document, Problem> {
    let document: Document = canonical::from_slice(body).map_err(|error| {
        let place = Some(error.pointer()).filter(|it| !it.is_empty());
        invalid(kind, error.to_string())
            .extension("reason", error.reason().code())
            .extension("place", place)
    })?;
    let found = contract::kind(&document);
    if found != kind {
        return Err(another_kind(kind).extension("found", found));
    }
    let checked = contract::check(&document);
    if let Some(first) = checked.refused.first() {
        let text = match &first.place {
            Some(place) => format!("{place}: {}", first.text),
            None => first.text.clone(),
        };
        let problems: Vec<Value> = checked.refused.iter().map(problem_of).collect();
        return Err(invalid(kind, text).extension("problems", problems));
    }
    Ok(document)
}

fn problem_of(failure: &Failure) -> Value {
    json!(failure)
}

fn json_only(content_type: Option<&str>) -> Result<(), Problem> {
    let media_type = content_type.and_then(|it| it.split(';').next());
    let media_type = media_type.map(|it| it.trim().to_ascii_lowercase());
    let is_json = media_type
        .as_deref()
        .is_none_or(|it| it == "application/json" || it.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type-unknown",
        "Unknown media type",
    )
    .detail("send one canonical document as application/json"))
}

/// A document of another kind than the path takes.
pub(super) fn another_kind(kind: &'static str) -> Problem {
    invalid(
        kind,
        format!("this path takes one document whose kind is {kind}"),
    )
}

fn invalid(kind: &'static str, detail: String) -> Problem {
    let code = match kind {
        "order" => "order-invalid",
        _ => "document-invalid",
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, "Not taken").detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"kind":"order","purpose":"original","order_no":"SO-1","lines":[
        {"line_no":"1","quantity":{"value":"2","unit":"EA"},"items":[{"scheme":"sku","value":"TEA"}]}
    ]}"#;

    fn partner(name: &str, adapter: &str, role: Option<Role>) -> Partner {
        Partner {
            name: PartnerName::parse(name).unwrap(),
            role,
            takes: None,
            adapter: adapter.to_owned(),
            settings: Vec::new(),
            tables: crate::partner::Tables::default(),
            endpoint: None,
            acknowledge: false,
            poll: None,
            terms: crate::partner::Terms::default(),
        }
    }

    #[test]
    fn only_partners_with_a_role_that_speak_canonical_json_can_place_something_here() {
        let partners = Partners::new([
            partner("web", ADAPTER, Some(Role::Shop)),
            partner("crm", "salesforce", Some(Role::Crm)),
            partner("old", ADAPTER, None),
            partner("ups", ADAPTER, Some(Role::Carrier)),
        ]);
        assert_eq!(named(&partners, "web").unwrap().as_str(), "web");
        let refused = |name| named(&partners, name).unwrap_err();
        assert_eq!(refused("crm").code(), "dialect-unfit");
        assert_eq!(refused("old").code(), "partner-without-role");
        assert_eq!(refused("ups").code(), "role-unfit");
        assert_eq!(refused("nobody").code(), "not-found");
        assert_eq!(refused("../x").code(), "not-found");
        let told: Value = serde_json::from_slice(&refused("crm").to_json()).unwrap();
        assert_eq!(told["partners"], json!(["web"]), "who could");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("/v1/partners/crm/messages"), "{detail}");
    }

    #[test]
    fn whoever_posts_hears_at_once_what_is_wrong_and_where() {
        assert!(read(ORDER.as_bytes(), "order").is_ok());
        let told = |body: &str| -> Value {
            let problem = read(body.as_bytes(), "order").unwrap_err();
            assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(problem.code(), "order-invalid");
            serde_json::from_slice(&problem.to_json()).unwrap()
        };
        let misspelt = told(&ORDER.replace("order_no", "orderNo"));
        assert_eq!(misspelt["place"], "/orderNo");
        assert_eq!(misspelt["reason"], "field-unknown");
        let lines = ORDER.find('[').unwrap();
        let empty = told(&format!("{}]}}", &ORDER[..=lines]));
        assert_eq!(empty["problems"][0]["code"], "lines-missing");
        let other = told(r#"{"kind":"notification","dedupe_key":"N1","template":"t"}"#);
        assert!(other["detail"].is_string());
        told("nonsense");
        told(&format!("[{ORDER}]"));
    }

    #[test]
    fn only_json_is_taken() {
        for kind in [
            None,
            Some("application/json"),
            Some("application/vnd.x+JSON; a=b"),
        ] {
            assert!(json_only(kind).is_ok(), "{kind:?}");
        }
        for kind in ["text/plain", "application/xml", ""] {
            let problem = json_only(Some(kind)).unwrap_err();
            assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }
}
