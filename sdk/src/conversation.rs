//! Several requests, one behind the other, written as they happen.
//!
//! The host asks again and again what comes next and shows what was asked so far.
//! With a [`Conversation`] an adapter writes down the whole exchange in one function:
//! [`ask`](Conversation::ask) gives the answer if there is one already, and otherwise
//! leaves the function with the request to send. Nothing is remembered in between, so
//! the same past gives the same step.
//!
//! ```
//! use crossdock_sdk::conversation::{Conversation, Pause};
//! use crossdock_sdk::{Exchange, Outcome, Request, Response, Step};
//!
//! fn talk(mut conversation: Conversation<'_>) -> Result<Step, Pause> {
//!     let order = conversation.ask(|| Ok(Request::get("/orders/1")))?;
//!     if order.status == 404 {
//!         return Ok(Step::Done(None));
//!     }
//!     conversation.ask_done(|| Ok(Request::new("DELETE", "/orders/1")), "`path`")?;
//!     Ok(Step::Done(Some("1".to_owned())))
//! }
//!
//! let step = |past: &[Exchange]| talk(Conversation::new(past)).or_else(Pause::into_step);
//! let first = step(&[]).unwrap();
//! let Step::Send(request) = first else { panic!() };
//! let missing = Response { status: 404, headers: Vec::new(), body: Vec::new() };
//! let past = [Exchange::new(request, Outcome::Response(missing))];
//! assert_eq!(step(&past), Ok(Step::Done(None)));
//! ```

use crate::http::{self, Meaning};
use crate::{Exchange, Outcome, PollStep, Problem, Request, Response, Retry, Step};

/// What was said so far, to be gone through in order.
#[derive(Clone, Debug)]
pub struct Conversation<'x> {
    past: std::slice::Iter<'x, Exchange>,
}

/// Why a conversation does not go on for now.
#[derive(Clone, Debug, PartialEq)]
pub enum Pause {
    /// This must be sent first.
    Send(Request),
    /// The partner will never take it as it is.
    Rejected(Problem),
    /// Not now.
    Retry(Retry),
    /// It can't be said at all.
    Failed(Problem),
}

// === impl Conversation ===

impl<'x> Conversation<'x> {
    /// A conversation of which so much is known.
    pub fn new(past: &'x [Exchange]) -> Conversation<'x> {
        Conversation { past: past.iter() }
    }

    /// The answer to a request, whatever it is.
    ///
    /// # Errors
    ///
    /// The request itself while it has no answer; a failure when it can't be made, or
    /// when what came is no answer, since the endpoint is a folder.
    pub fn ask(
        &mut self,
        request: impl FnOnce() -> Result<Request, Problem>,
    ) -> Result<&'x Response, Pause> {
        match self.past.next().map(|exchange| &exchange.outcome) {
            None => Err(Pause::Send(request()?)),
            Some(Outcome::Response(response)) => Ok(response),
            Some(Outcome::Stored(name)) => {
                let text = format!("stored as {name}, but the partner's answer is needed");
                Err(Problem::settings("endpoint-is-folder", text)
                    .with_remedy("give the partner an http endpoint")
                    .into())
            }
            Some(Outcome::Other(words)) => {
                let text = format!("the host reports an outcome that this adapter lacks: {words}");
                Err(Problem::adapter("outcome-unknown", text).into())
            }
        }
    }

    /// The answer to a request that must succeed.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); and what any other answer than 2xx means, see
    /// [`Pause::unless_done`].
    pub fn ask_done(
        &mut self,
        request: impl FnOnce() -> Result<Request, Problem>,
        paths: &str,
    ) -> Result<&'x Response, Pause> {
        let response = self.ask(request)?;
        Pause::unless_done(response, paths)?;
        Ok(response)
    }
}

// === impl Pause ===

impl Pause {
    /// Goes on after 2xx, and otherwise stops with what the status means. `paths`
    /// names what in the settings makes up the address.
    ///
    /// # Errors
    ///
    /// [`Pause::Retry`] or [`Pause::Rejected`], in the partner's words.
    pub fn unless_done(response: &Response, paths: &str) -> Result<(), Pause> {
        Err(match http::meaning(response.status) {
            Meaning::Done => return Ok(()),
            Meaning::Later => Pause::Retry(http::later(response)),
            Meaning::Misdirected => Pause::Rejected(http::misdirected(response, paths)),
            Meaning::Refused => Pause::Rejected(http::refusal(response, "answer-refused")),
        })
    }

    /// As the step of a delivery.
    ///
    /// # Errors
    ///
    /// What can't be said at all.
    pub fn into_step(self) -> Result<Step, Problem> {
        match self {
            Pause::Send(request) => Ok(Step::Send(request)),
            Pause::Rejected(problem) => Ok(Step::Rejected(problem)),
            Pause::Retry(retry) => Ok(Step::Retry(retry)),
            Pause::Failed(problem) => Err(problem),
        }
    }

    /// As the step of a poll, which nobody can reject.
    ///
    /// # Errors
    ///
    /// What can't be said at all, and what the partner refuses.
    pub fn into_poll_step(self) -> Result<PollStep, Problem> {
        match self {
            Pause::Send(request) => Ok(PollStep::Send(request)),
            Pause::Retry(retry) => Ok(PollStep::Retry(retry)),
            Pause::Rejected(problem) | Pause::Failed(problem) => Err(problem),
        }
    }
}

impl From<Problem> for Pause {
    fn from(problem: Problem) -> Pause {
        Pause::Failed(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blame;

    fn talk(past: &[Exchange]) -> Result<Step, Pause> {
        let mut conversation = Conversation::new(past);
        let first = conversation.ask_done(|| Ok(Request::get("/1")), "`path`")?;
        let second = conversation.ask(|| Ok(Request::get("/2")))?;
        Ok(Step::Done(Some(format!(
            "{}{}",
            first.status, second.status
        ))))
    }

    fn answered(status: u16) -> Exchange {
        let response = Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        };
        Exchange::new(Request::get(""), Outcome::Response(response))
    }

    #[test]
    fn the_past_leads_to_the_next_step() {
        let step = |past: &[Exchange]| talk(past).or_else(Pause::into_step).unwrap();
        assert_eq!(step(&[]), Step::Send(Request::get("/1")));
        assert_eq!(step(&[answered(200)]), Step::Send(Request::get("/2")));
        let done = Step::Done(Some("200404".to_owned()));
        assert_eq!(step(&[answered(200), answered(404)]), done);
        assert!(matches!(step(&[answered(503)]), Step::Retry(_)));
        assert!(matches!(step(&[answered(422)]), Step::Rejected(_)));
        let Step::Rejected(problem) = step(&[answered(404)]) else {
            panic!()
        };
        assert_eq!(problem.blame, Blame::Settings);
    }

    #[test]
    fn a_poll_fails_where_a_delivery_is_rejected() {
        let step = |past: &[Exchange]| match talk(past) {
            Err(pause) => pause.into_poll_step(),
            Ok(step) => panic!("{step:?}"),
        };
        assert_eq!(step(&[]), Ok(PollStep::Send(Request::get("/1"))));
        assert!(matches!(step(&[answered(429)]), Ok(PollStep::Retry(_))));
        assert_eq!(step(&[answered(400)]).unwrap_err().code, "answer-refused");
    }

    #[test]
    fn a_folder_can_lead_no_conversation() {
        let stored = |outcome| talk(&[Exchange::new(Request::get(""), outcome)]);
        let Err(Pause::Failed(problem)) = stored(Outcome::Stored("x.json".to_owned())) else {
            panic!()
        };
        assert_eq!(problem.blame, Blame::Settings);
        let Err(Pause::Failed(problem)) = stored(Outcome::Other("?".to_owned())) else {
            panic!()
        };
        assert_eq!(problem.code, "outcome-unknown");
    }
}
