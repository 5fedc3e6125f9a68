//! A small SAP Gateway: a token is good only with the cookie of the session that it was
//! fetched in, and each fetch opens a session.

use serde_json::json;

use super::{Heard, Reply};

/// Its answer to a request, knowing those before it.
///
/// # Panics
/// When a query does not fetch a token.
#[must_use]
pub fn answer(heard: &Heard, before: &[Heard]) -> Reply {
    let sessions = before.iter().filter(|it| it.method == "GET").count();
    if heard.method == "GET" {
        assert_eq!(heard.header("x-csrf-token"), "Fetch");
        return Reply::json(200, &json!({ "d": { "results": [] } }))
            .with("x-csrf-token", format!("token-{sessions}"))
            .with(
                "set-cookie",
                format!("SAP_SESSIONID=session-{sessions}; path=/; HttpOnly"),
            )
            .with("set-cookie", "sap-usercontext=sap-client=100; path=/");
    }
    let number = heard.header("x-csrf-token").strip_prefix("token-");
    let session = number.map(|number| format!("SAP_SESSIONID=session-{number}"));
    let cookies: Vec<_> = heard.header("cookie").split("; ").collect();
    match session {
        Some(session) if cookies.contains(&session.as_str()) => Reply::json(
            201,
            &json!({ "d": { "SalesOrder": format!("40000{}", before.len()) } }),
        ),
        _ => Reply::json(
            403,
            &json!({ "error": { "message": "CSRF token validation failed" } }),
        )
        .with("x-csrf-token", "Required"),
    }
}
