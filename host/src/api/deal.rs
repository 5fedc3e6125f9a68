//! What the engine says to whoever wanted an instance of a process to do something.

use axum::http::StatusCode;

use super::{not_found, problem::Problem};
use crate::engine::DealError;

/// Why it was not done.
pub(super) fn not_done(error: DealError) -> Problem {
    let text = error.to_string();
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, "Not done");
    match error {
        DealError::Unknown(what) => not_found(&what, "here"),
        DealError::Moved(current) => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "version-conflict",
            "Another version is current",
        )
        .detail(text)
        .extension("current_version", current.get()),
        DealError::Moving => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "instance-moving",
            "The instance is moving",
        )
        .detail(text)
        .retry_after(1),
        DealError::Refused(refused) => conflict("refused")
            .own_code(refused.code)
            .detail(refused.text),
        DealError::Broken(_) => conflict("instance-broken").detail(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::Sequence, record::StepRefused};

    #[test]
    fn each_reason_says_whether_to_ask_again() {
        let refused = StepRefused {
            code: "action-not-offered".to_owned(),
            text: "it offers Cancel".to_owned(),
        };
        for (error, status, code) in [
            (
                DealError::Unknown("exception x".to_owned()),
                404,
                "not-found",
            ),
            (
                DealError::Moved(Sequence::from_u64(9)),
                412,
                "version-conflict",
            ),
            (DealError::Moving, 503, "instance-moving"),
            (DealError::Refused(refused), 409, "action-not-offered"),
            (
                DealError::Broken("no state".to_owned()),
                409,
                "instance-broken",
            ),
        ] {
            let problem = not_done(error);
            let told: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
            assert_eq!(problem.status().as_u16(), status);
            assert_eq!(told["code"], code);
            assert_eq!(told["type"], format!("urn:crossdock:problem:{code}"));
        }
    }
}
