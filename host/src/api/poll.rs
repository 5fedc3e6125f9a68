//! `/v1/partners/{partner}/poll`: asking a partner for news, and how that stands.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Api, bad_value, not_found, partners::find, problem::Problem, unavailable};
use crate::{
    engine::{self, PollFrom, PollRun},
    record::{Failure, Standing},
};

/// How long a request waits for the end of the run that it asked for.
const WAIT: Duration = Duration::from_secs(20);

/// What to ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Forgets where the last poll ended. What comes again has no second effect, but
    /// there may be much of it.
    from_beginning: bool,
}

/// How polling a partner stands. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct Poll {
    /// When it is asked: `every 60 s`, or a cron expression with its time zone.
    pub plan: String,
    /// Whether it is being asked now.
    pub running: bool,
    /// When it is asked next; null while it is.
    pub next_at: Option<String>,
    /// Where the next poll goes on; null at the beginning.
    pub cursor: Option<String>,
    /// When the cursor last moved; null if it never did.
    pub cursor_at: Option<String>,
    /// Runs that failed since the last one that did not.
    pub failures_in_a_row: u32,
    /// The last run since the host started; null when there was none.
    pub last: Option<Run>,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// When.
    pub at: String,
    /// `brought`, `nothing` or `failed`.
    pub outcome: &'static str,
    /// Messages that it brought, also where it failed in the end.
    pub messages: usize,
    /// Requests that it made.
    pub requests: usize,
    /// Why it failed; null when it did not.
    pub failure: Option<Failure>,
}

// === impl Poll ===

impl Poll {
    pub(super) fn of(poll: &engine::Poll, standing: &Standing) -> Self {
        let polled = standing.polled.as_ref();
        Self {
            plan: poll.plan.clone(),
            running: poll.running,
            next_at: poll.next_at.map(|at| at.to_string()),
            cursor: polled.and_then(|it| it.cursor.clone()),
            cursor_at: polled.map(|it| it.at.to_string()),
            failures_in_a_row: poll.failures_in_a_row,
            last: poll.last.as_ref().map(Run::from),
        }
    }
}

impl From<&engine::PollEnded> for Run {
    fn from(ended: &engine::PollEnded) -> Self {
        Self {
            at: ended.at.to_string(),
            outcome: ended.outcome,
            messages: ended.messages,
            requests: ended.requests,
            failure: ended.failure.clone(),
        }
    }
}

/// `POST /v1/partners/{partner}/poll`: asks it now, and answers when that is over or
/// takes longer than some seconds.
///
/// # Errors
/// 404 for a partner that is not there or not polled, 400 for a body that is none of
/// this, 503 when the host is stopping.
pub async fn run(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    request: Result<Json<Request>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let partner = find(&api, &name)?;
    let from = match request.from_beginning {
        true => PollFrom::Beginning,
        false => PollFrom::Cursor,
    };
    let run = api.engine.poll(partner.name.clone(), from, WAIT).await;
    let run = run
        .map_err(unavailable)?
        .ok_or_else(|| not_found("[partners.NAME.poll] of partner", &name))?;
    let (ended, poll) = match &run {
        PollRun::Ended(poll) => (true, poll),
        PollRun::UnderWay(poll) => (false, poll),
    };
    let standing = api.view.partner(&partner.name);
    let poll = Poll::of(poll, &standing);
    Ok(Json(
        json!({ "partner": partner.name, "ended": ended, "poll": poll }),
    ))
}
