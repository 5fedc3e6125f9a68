//! What a simulator offers besides its partner's own API: to read and change how it
//! behaves, to look into its books, to have its people do something.

use serde_json::{Value, json};

use super::Scene;
use crate::simulate::{
    partner::Partner,
    script::Script,
    wire::{Answer, Request},
};

/// How the paths begin that no partner has.
const PREFIX: &str = "/__";

/// The longest script or act, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Whether a request is one of these.
pub(super) fn is_meant(request: &Request) -> bool {
    request.path.starts_with(PREFIX)
}

/// Answers it.
pub(super) fn answer<P: Partner>(scene: &Scene<P>, request: &Request) -> Answer {
    if request.body.len() > BODY_BYTES_MAX {
        return problem(413, format!("a script has at most {BODY_BYTES_MAX} bytes"));
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/__script") => script(scene),
        ("PUT", "/__script") => match Script::read(&request.body) {
            Ok(read) => {
                scene.play(read);
                script(scene)
            }
            Err(error) => problem(400, error),
        },
        ("GET", "/__books") => Answer::json(200, &books(scene)),
        ("GET", "/__acts") => {
            let acts = scene.inside(|inside| inside.partner.acts());
            let acts = acts.iter().map(|(example, words)| {
                let example: Value = serde_json::from_str(example).unwrap_or_default();
                json!({ "example": example, "does": words })
            });
            Answer::json(200, &acts.collect())
        }
        ("POST", "/__acts") => match request.json() {
            Err(error) => problem(400, format!("an act is JSON: {error}")),
            Ok(act) => {
                let now = scene.clock.now();
                match scene.act(|partner| partner.act(&act, now)) {
                    Ok(done) => Answer::json(200, &done),
                    Err(error) => problem(422, error),
                }
            }
        },
        _ => problem(
            404,
            "there are GET and PUT /__script, GET /__books, GET and POST /__acts",
        ),
    }
}

fn script<P: Partner>(scene: &Scene<P>) -> Answer {
    let script = scene.inside(|inside| inside.director.script().clone());
    match serde_json::to_value(script) {
        Ok(script) => Answer::json(200, &script),
        Err(error) => problem(500, error),
    }
}

fn books<P: Partner>(scene: &Scene<P>) -> Value {
    scene.inside(|inside| {
        let mut books = inside.books.show();
        books["partner"] = inside.partner.name().into();
        books["effects"] = inside.partner.effects();
        books["waiting_to_be_sent"] = inside.outbox.len().into();
        books["given_up"] = inside.given_up.into();
        books
    })
}

fn problem(status: u16, error: impl ToString) -> Answer {
    Answer::json(status, &json!({ "error": error.to_string() }))
}
