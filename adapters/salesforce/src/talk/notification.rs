//! Something to tell a customer: an entry in the order's timeline, or an e-mail that
//! Salesforce sends.
//!
//! An e-mail can't be told apart from a second one: an answer that is lost sends it
//! twice.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{Moment, Notification, Problem, Request, Response, Step};

use super::timeline::Entry;
use super::{JSON, Talk, accepting};
use crate::answer;
use crate::settings::Config;

/// What to do next for a notification.
pub(super) fn next(mut talk: Talk<'_>, notification: &Notification) -> Result<Step, Pause> {
    if talk.config.emails()? {
        return email(talk, notification);
    }
    let text = text(&talk.config, notification);
    let id = match &notification.order_no {
        None => None,
        Some(order_no) => {
            let found = talk.find("Order", "order", order_no)?;
            Some(found.ok_or_else(|| super::status::unknown(order_no))?)
        }
    };
    let entry = Entry {
        key: format!("notification:{}", notification.dedupe_key),
        kind: &notification.template,
        text,
        at: Moment::zoned(&talk.delivery.created_at),
    };
    super::timeline::write(&mut talk, id.as_deref(), &entry)?;
    Ok(Step::Done(id))
}

/// The standard action `emailSimple`.
fn email(mut talk: Talk<'_>, notification: &Notification) -> Result<Step, Pause> {
    let config = talk.config;
    let answer = talk.conversation.ask(|| {
        let Some(address) = notification.recipient.email.as_deref() else {
            let text = "an e-mail needs the recipient's address";
            let problem = Problem::document("email-missing", text);
            return Err(problem.at_pointer("/recipient/email"));
        };
        let mut input = Object::new()
            .text("emailAddresses", address)
            .text("emailSubject", &subject(&config, notification)?)
            .text("emailBody", &text(&config, notification));
        // `senderType` is from memory; the documents' example sets the address alone.
        if let Some(sender) = config.get("sender-address") {
            input = input
                .text("senderType", "OrgWideEmailAddress")
                .text("senderAddress", sender);
        }
        let body = Object::new().list("inputs", [input]);
        let path = config.path("/actions/standard/emailSimple");
        Ok(accepting(Request::post(path, JSON, body.into_vec())))
    })?;
    answer::unless_done(answer)?;
    match failed(answer)? {
        None => Ok(Step::Done(None)),
        Some(words) => {
            let text = format!("Salesforce has not sent the e-mail: {words}");
            Err(Pause::Rejected(Problem::partner_data(
                "email-refused",
                text,
            )))
        }
    }
}

/// Why an action failed; the answer is one result, or a list of one.
fn failed(answer: &Response) -> Result<Option<String>, Problem> {
    let tree = Tree::parse(&answer.body)?;
    let root = Part::root(&tree);
    let first = if root.is_list() {
        root.items()?.next()
    } else {
        Some(root)
    };
    let Some(result) = first else {
        return Ok(None);
    };
    if result.get("isSuccess").optional_flag()? != Some(false) {
        return Ok(None);
    }
    let errors = result.get("errors");
    let mut words = Vec::new();
    for error in errors.items()? {
        words.extend(error.get("message").scalar().map(str::to_owned));
    }
    Ok(Some(words.join("; ")))
}

fn subject(config: &Config<'_>, notification: &Notification) -> Result<String, Problem> {
    let name = format!("subject.{}", notification.template);
    match config.get(&name) {
        Some(template) => Ok(fill(template, notification)),
        None => Err(Problem::settings(
            "setting-missing",
            format!("the setting `{name}` is missing"),
        )
        .with_remedy(format!("set `{name}` and `body.{}`", notification.template))),
    }
}

/// The template's text, or name and value of all data.
fn text(config: &Config<'_>, notification: &Notification) -> String {
    if let Some(template) = config.get(&format!("body.{}", notification.template)) {
        return fill(template, notification);
    }
    let lines = notification
        .data
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let lines: Vec<String> = lines.collect();
    lines.join("\n")
}

/// Sets values in the place of their names in braces, once: a value that holds braces
/// stays as it is, and so does a name without a value.
fn fill(template: &str, notification: &Notification) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = |name: &str| match name {
            "order_no" => notification.order_no.as_deref(),
            name => {
                let mut data = notification.data.iter();
                data.find(|(known, _)| known == name)
                    .map(|(_, value)| value.as_str())
            }
        };
        match after
            .split_once('}')
            .and_then(|(name, tail)| Some((value(name)?, tail)))
        {
            Some((value, tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}
