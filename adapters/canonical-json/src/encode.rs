//! A document to one request, and the partner's answer to a verdict.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::json::{self, Node, Tree};
use crossdock_sdk::{Delivery, Exchange, Outcome, Problem, Request, Response, Settings, Step};

/// Tells the partner the kind of document before it reads the body.
const KIND_HEADER: &str = "crossdock-document-kind";

/// Sends the document, then judges the answer.
///
/// # Errors
///
/// When the settings are wrong or the document can't be written.
pub(crate) fn next(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Problem> {
    let settings = Settings::new(&delivery.settings);
    settings.check(&crate::settings())?;
    match past.last().map(|exchange| &exchange.outcome) {
        None => Ok(Step::Send(request(delivery, settings)?)),
        Some(Outcome::Response(response)) => judge(response, settings),
        Some(Outcome::Stored(_)) => Ok(Step::Done(None)),
        Some(Outcome::Other(words)) => {
            let text = format!("the host reports an outcome that this adapter lacks: {words}");
            Err(Problem::adapter("outcome-unknown", text))
        }
    }
}

fn request(delivery: &Delivery, settings: Settings<'_>) -> Result<Request, Problem> {
    let kind = delivery.document.kind();
    let path = match settings.table("path").get(kind) {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => {
            let text = format!("the setting `path.{kind}` is \"{path}\", expected a leading `/`");
            return Err(Problem::settings("setting-invalid", text).with_value(path));
        }
        None => format!("/{kind}"),
    };
    let body = json::to_vec(&delivery.document)?;
    Ok(Request::post(path, "application/json", body)
        .with_header("accept", "application/json")
        .with_header(KIND_HEADER, kind)
        .with_file_name(format!("{kind}-{}.json", delivery.control_number)))
}

fn judge(response: &Response, settings: Settings<'_>) -> Result<Step, Problem> {
    let id = || external_id(response, settings.get_or("id-field", "id"));
    if already_done(settings)?.contains(&response.status) {
        return Ok(Step::AlreadyDone(id()));
    }
    match Pause::unless_done(response, "the `path.*` settings") {
        Ok(()) => Ok(Step::Done(id())),
        Err(pause) => pause.into_step(),
    }
}

/// The partner's own number for the document, if its answer has it.
fn external_id(response: &Response, field: &str) -> Option<String> {
    let tree = Tree::parse(&response.body).ok()?;
    tree.root()
        .get(field)
        .and_then(Node::as_id)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
}

fn already_done(settings: Settings<'_>) -> Result<Vec<u16>, Problem> {
    const NAME: &str = "already-done-status";
    let Some(list) = settings.get(NAME) else {
        return Ok(Vec::new());
    };
    let statuses: Result<Vec<u16>, _> = list
        .split(',')
        .map(|status| status.trim().parse())
        .collect();
    statuses.map_err(|_| {
        let text =
            format!("the setting `{NAME}` is \"{list}\", expected statuses such as `409,422`");
        Problem::settings("setting-invalid", text).with_value(list)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_sdk::{Blame, Document, Order};

    fn answer(
        status: u16,
        settings: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Step, Problem> {
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let mut delivery = Delivery::new(Document::Order(Order::new("SO-1")));
        delivery.settings = owned(settings);
        let response = Response {
            status,
            headers: owned(headers),
            body: br#"{"id":17}"#.to_vec(),
        };
        next(
            &delivery,
            &[Exchange::new(Request::get(""), Outcome::Response(response))],
        )
    }

    #[test]
    fn judges_every_status() {
        for status in [
            100, 200, 201, 204, 299, 302, 400, 401, 404, 408, 409, 422, 425, 429, 500, 503, 599,
            600,
        ] {
            let step = answer(status, &[], &[]).unwrap();
            let fits = match status {
                200..=299 => step == Step::Done(Some("17".to_owned())),
                408 | 425 | 429 | 500..=599 => matches!(step, Step::Retry(_)),
                _ => matches!(step, Step::Rejected(_)),
            };
            assert!(fits, "{status}: {step:?}");
        }
    }

    #[test]
    fn a_status_can_mean_that_it_exists() {
        let settings = [("already-done-status", "409, 422")];
        let done = Step::AlreadyDone(Some("17".to_owned()));
        assert_eq!(answer(409, &settings, &[]), Ok(done.clone()));
        assert_eq!(answer(422, &settings, &[]), Ok(done));
        assert!(matches!(answer(400, &settings, &[]), Ok(Step::Rejected(_))));
        let problem = answer(409, &[("already-done-status", "yes")], &[]).unwrap_err();
        assert_eq!(problem.code, "setting-invalid");
    }

    #[test]
    fn waits_as_long_as_the_partner_says() {
        let after = |value: &str| match answer(503, &[], &[("retry-after", value)]).unwrap() {
            Step::Retry(retry) => retry.after_seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }

    #[test]
    fn a_wrong_address_is_no_fault_of_the_document() {
        for status in [301, 401, 404] {
            let Ok(Step::Rejected(problem)) = answer(status, &[], &[]) else {
                panic!("{status}")
            };
            assert_eq!(problem.blame, Blame::Settings);
        }
        let problem = answer(200, &[("id_field", "x")], &[]).unwrap_err();
        assert_eq!(problem.remedy.as_deref(), Some("`id-field` may be meant"));
    }
}
