//! What is said to Salesforce for each kind of document.
//!
//! Records are upserted by an external id, so a request whose answer was lost does no
//! harm when it is sent again. Where Salesforce has no external id to upsert by (a
//! comment, an e-mail), that is said where it stands.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{Delivery, Document, Exchange, Problem, Request, Response, Step};

use crate::answer::{self, Record};
use crate::settings::Config;

mod case;
mod notification;
mod order;
mod status;
mod timeline;

/// Records that one request of sObject collections may hold.
const RECORDS_MAX: usize = 200;

const JSON: &str = "application/json";

/// What to do next for a document.
///
/// # Errors
/// When the settings are wrong, or the document can't be said.
pub(crate) fn next(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Problem> {
    let talk = Talk {
        config: Config::new(&delivery.settings)?,
        delivery,
        conversation: Conversation::new(past),
    };
    let step = match &delivery.document {
        Document::Order(order) => order::next(talk, order),
        Document::OrderResponse(response) => status::response(talk, response),
        Document::Shipment(shipment) => status::shipment(talk, shipment),
        Document::Milestone(milestone) => status::milestone(talk, milestone),
        Document::ServiceCase(case) => case::next(talk, case),
        Document::Notification(notification) => notification::next(talk, notification),
        other => {
            let text = format!("this adapter sends no {}", other.kind());
            let problem = Problem::adapter("encode-unsupported", text)
                .with_remedy("route the document to a partner whose adapter encodes it");
            return Err(problem);
        }
    };
    step.or_else(Pause::into_step)
}

/// A conversation about one document.
struct Talk<'d> {
    config: Config<'d>,
    delivery: &'d Delivery,
    conversation: Conversation<'d>,
}

// === impl Talk ===

impl<'d> Talk<'d> {
    /// Makes or changes a record by its external id. The key stands in the path alone:
    /// in the body it is an error.
    fn upsert(
        &mut self,
        object: &str,
        what: &str,
        value: &str,
        body: impl FnOnce(&Config<'d>) -> Result<Object, Problem>,
    ) -> Result<Record, Pause> {
        let config = self.config;
        let answer = self.conversation.ask(|| {
            let path = config.record(object, what, value)?;
            Ok(patch(path, body(&config)?))
        })?;
        answer::record(answer)
    }

    /// The id of a record that the answer to its upsert did not name.
    fn id(
        &mut self,
        record: Record,
        object: &str,
        what: &str,
        value: &str,
    ) -> Result<String, Pause> {
        match record.id {
            Some(id) => Ok(id),
            None => self.find(object, what, value)?.ok_or_else(|| {
                let text = format!("Salesforce has made a record of {object} but does not find it");
                Pause::Rejected(Problem::partner_data("record-lost", text).with_value(value))
            }),
        }
    }

    /// The id of a record by its external id; absent when there is none.
    fn find(&mut self, object: &str, what: &str, value: &str) -> Result<Option<String>, Pause> {
        let found = self.look(object, what, value, "Id")?;
        Ok(found.map(|(id, _)| id))
    }

    /// Id and Status of an order; absent when there is none.
    fn find_with(&mut self, order_no: &str) -> Result<Option<(String, Option<String>)>, Pause> {
        self.look("Order", "order", order_no, "Id,Status")
    }

    fn look(
        &mut self,
        object: &str,
        what: &str,
        value: &str,
        fields: &str,
    ) -> Result<Option<(String, Option<String>)>, Pause> {
        let config = self.config;
        let answer = self.conversation.ask(|| {
            let path = config.record(object, what, value)?;
            Ok(get(format!("{path}?fields={fields}")))
        })?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer::unless_done(answer)?;
        let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
        let root = Part::root(&tree);
        let field = root.first(&["Id", "id"]);
        let id = field.id()?;
        if !answer::is_id(id) {
            return Err(field.problem("id-invalid", "expected a record's id").into());
        }
        let status = root.get("Status").scalar();
        Ok(Some((id.to_owned(), status.map(str::to_owned))))
    }

    /// Makes records of one list, all or none.
    fn collect(&mut self, method: &str, path: &str, records: Vec<Object>) -> Result<(), Pause> {
        let answer = self.ask_to_collect(method, path, records)?;
        answer::unless_all_done(answer)
    }

    /// The answer to a list of records, whatever it is.
    fn ask_to_collect(
        &mut self,
        method: &str,
        path: &str,
        records: Vec<Object>,
    ) -> Result<&'d Response, Pause> {
        let config = self.config;
        self.conversation.ask(|| {
            let body = Object::new()
                .flag("allOrNone", true)
                .list("records", records);
            let request = Request::post(config.path(path), JSON, body.into_vec());
            Ok(accepting(Request {
                method: method.to_owned(),
                ..request
            }))
        })
    }

    /// The answer to a query of few records.
    fn query(&mut self, soql: &str) -> Result<&'d Response, Pause> {
        let config = self.config;
        let answer = self
            .conversation
            .ask(|| Ok(get(query_path(&config, soql))))?;
        answer::unless_done(answer)?;
        Ok(answer)
    }
}

/// The path of a query.
pub(crate) fn query_path(config: &Config<'_>, soql: &str) -> String {
    config.path(&format!("/query?q={}", crossdock_sdk::http::escape(soql)))
}

pub(crate) fn get(path: String) -> Request {
    accepting(Request::get(path))
}

fn patch(path: String, body: Object) -> Request {
    let request = Request::post(path, JSON, body.into_vec());
    accepting(Request {
        method: "PATCH".to_owned(),
        ..request
    })
}

fn accepting(request: Request) -> Request {
    request.with_header("accept", JSON)
}

/// What a record of a list is of.
fn attributes(object: &str) -> Object {
    Object::new().object("attributes", Object::new().text("type", object))
}

/// At most so many characters, as a text field of that length takes them; what is cut
/// is marked.
fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
