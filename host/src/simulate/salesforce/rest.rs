//! Records over REST: one by its id or its external id, many in a collection.

use serde_json::{Value, json};

use super::{
    Fault, Salesforce,
    schema::{Kind, Object, object},
    soql::attributes,
};
use crate::{
    clock::Timestamp,
    simulate::wire::{Answer, Request},
};

/// Records of a collection.
const COLLECTION_MAX: usize = 200;

/// Versions that are answered: from the oldest one that Salesforce still has.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=66;

/// Answers a request with a token that holds.
pub(super) fn answer(
    org: &mut Salesforce,
    request: &Request,
    at: Timestamp,
) -> Result<Answer, Fault> {
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["services", "data", version, path @ ..] = parts.as_slice() else {
        return Err(Fault::not_found());
    };
    let number = version
        .strip_prefix('v')
        .and_then(|it| it.strip_suffix(".0"));
    let number = number.and_then(|it| it.parse().ok());
    if !number.is_some_and(|number| VERSIONS.contains(&number)) {
        return Err(Fault::not_found());
    }
    match (request.method.as_str(), path) {
        ("GET", ["query"]) => org.query(request, version),
        ("GET", ["query", locator]) => org.more(locator, request, version),
        ("GET", ["limits"]) => Ok(org.limits()),
        ("POST", ["sobjects", name]) => org.create(name, request, at),
        ("GET", ["sobjects", name, id]) => org.show(object_of(name)?, id, request, version),
        ("GET", ["sobjects", name, key, value]) => {
            let object = object_of(name)?;
            let ids = org.ids_by_key(object, key, value)?;
            match ids.as_slice() {
                [] => Err(Fault::not_found()),
                [id] => org.show(object, id, request, version),
                several => Ok(choices(object, several, version)),
            }
        }
        ("PATCH", ["sobjects", name, id]) => {
            let body = json_of(request)?;
            org.store.update(name, id, &body, at)?;
            Ok(Answer::empty(204).noted(format!("{name} {id} changed")))
        }
        ("PATCH", ["sobjects", name, key, value]) => {
            let object = object_of(name)?;
            org.upsert(object, key, value, request, version, at)
        }
        ("DELETE", ["sobjects", _, id]) => {
            org.store.delete(id)?;
            Ok(Answer::empty(204))
        }
        ("POST", ["composite", "sobjects"]) => org.collect(None, request, at),
        ("PATCH", ["composite", "sobjects", name, key]) => {
            let object = object_of(name)?;
            let field = key_of(object, key)?;
            org.collect(Some((object, field)), request, at)
        }
        ("DELETE", ["composite", "sobjects"]) => org.remove(request),
        ("POST", ["actions", "standard", "emailSimple"]) => org.email(request),
        _ => Err(Fault::not_found()),
    }
}

fn object_of(name: &str) -> Result<&'static Object, Fault> {
    object(name).ok_or_else(Fault::not_found)
}

fn key_of(object: &'static Object, name: &str) -> Result<&'static str, Fault> {
    let field = object.field(name).filter(|it| it.kind == Kind::Key);
    field.map(|it| it.name).ok_or_else(|| {
        let text =
            format!("Provided external ID field does not exist or is not accessible: {name}");
        Fault::new(404, "NOT_FOUND", text)
    })
}

fn json_of(request: &Request) -> Result<Value, Fault> {
    if !request.is_of_type("application/json") {
        let text = "Content-Type header specified in HTTP request is not supported";
        return Err(Fault::new(415, "UNSUPPORTED_MEDIA_TYPE", text));
    }
    request
        .json()
        .map_err(|error| Fault::new(400, "JSON_PARSER_ERROR", error))
}

/// Several records have the key: which, is for the caller to say.
fn choices(object: &Object, ids: &[String], version: &str) -> Answer {
    let urls = ids
        .iter()
        .map(|id| format!("/services/data/{version}/sobjects/{}/{id}", object.name));
    Answer::json(300, &json!(urls.collect::<Vec<_>>()))
}

// === impl Salesforce ===

impl Salesforce {
    fn limits(&self) -> Answer {
        let left = super::REQUESTS_MAX - self.used;
        Answer::json(
            200,
            &json!({ "DailyApiRequests": { "Max": super::REQUESTS_MAX, "Remaining": left } }),
        )
    }

    fn ids_by_key(
        &self,
        object: &'static Object,
        key: &str,
        value: &str,
    ) -> Result<Vec<String>, Fault> {
        let field = key_of(object, key)?;
        let found = self.store.by_key(object.name, field, value);
        Ok(found.into_iter().map(|it| it.id.clone()).collect())
    }

    fn show(
        &self,
        object: &'static Object,
        id: &str,
        request: &Request,
        version: &str,
    ) -> Result<Answer, Fault> {
        let record = self
            .store
            .by_id(id)
            .filter(|it| it.object.name == object.name);
        let record = record.ok_or_else(Fault::not_found)?;
        let mut shown = attributes(record, version);
        match request.parameter("fields") {
            None => shown.extend(record.fields.clone()),
            Some(names) => {
                for name in names.split(',') {
                    let field = object.field(name).ok_or_else(|| {
                        let text =
                            format!("No such column '{name}' on sobject of type {}", object.name);
                        Fault::new(400, "INVALID_FIELD", text)
                    })?;
                    let value = record.fields.get(field.name).cloned().unwrap_or_default();
                    shown.insert(field.name.to_owned(), value);
                }
                shown.insert("Id".to_owned(), record.id.clone().into());
            }
        }
        Ok(Answer::json(200, &Value::Object(shown)).noted(format!("{} {id}", object.name)))
    }

    fn create(&mut self, name: &str, request: &Request, at: Timestamp) -> Result<Answer, Fault> {
        let id = self.store.insert(name, &json_of(request)?, at)?;
        let body = json!({ "id": id, "success": true, "errors": [] });
        Ok(Answer::json(201, &body).noted(format!("{name} {id} made")))
    }

    fn upsert(
        &mut self,
        object: &'static Object,
        key: &str,
        value: &str,
        request: &Request,
        version: &str,
        at: Timestamp,
    ) -> Result<Answer, Fault> {
        let field = key_of(object, key)?;
        let mut body = json_of(request)?;
        if body.get(field).is_some() {
            let text = format!("The {field} field should not be specified in the sobject data.");
            return Err(Fault::new(400, "INVALID_FIELD", text));
        }
        let ids = self.ids_by_key(object, field, value)?;
        match ids.as_slice() {
            [] if request.parameter("updateOnly").as_deref() == Some("true") => {
                Err(Fault::not_found())
            }
            [] => {
                body[field] = value.into();
                let id = self.store.insert(object.name, &body, at)?;
                let answer = json!({ "id": id, "success": true, "errors": [], "created": true });
                Ok(Answer::json(201, &answer).noted(format!("{} {value} made", object.name)))
            }
            [id] => {
                self.store.update(object.name, id, &body, at)?;
                let answer = json!({ "id": id, "success": true, "errors": [], "created": false });
                Ok(Answer::json(200, &answer).noted(format!("{} {value} changed", object.name)))
            }
            several => Ok(choices(object, several, version)),
        }
    }

    /// Makes many records, or with a key makes or changes them; with `allOrNone` all or
    /// none.
    fn collect(
        &mut self,
        by: Option<(&'static Object, &'static str)>,
        request: &Request,
        at: Timestamp,
    ) -> Result<Answer, Fault> {
        let body = json_of(request)?;
        let records = body["records"].as_array().cloned().unwrap_or_default();
        if records.is_empty() || records.len() > COLLECTION_MAX {
            let text = format!("a collection has 1 to {COLLECTION_MAX} records");
            return Err(Fault::new(400, "JSON_PARSER_ERROR", text));
        }
        let before = self.store.clone();
        let mut results = Vec::new();
        for record in &records {
            results.push(self.collect_one(by, record, at));
        }
        let failed = results.iter().filter(|it| it.is_err()).count();
        if failed > 0 && body["allOrNone"] == true {
            self.store = before;
            let undone = Fault::new(
                400,
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using AllOrNone header",
            );
            for result in results.iter_mut().filter(|it| it.is_ok()) {
                *result = Err(undone.clone());
            }
        }
        let note = format!("{} records, {failed} of them wrong", records.len());
        let results: Vec<Value> = results.into_iter().map(result).collect();
        Ok(Answer::json(200, &results.into()).noted(note))
    }

    fn collect_one(
        &mut self,
        by: Option<(&'static Object, &'static str)>,
        record: &Value,
        at: Timestamp,
    ) -> Result<(String, bool), Fault> {
        let name = record["attributes"]["type"].as_str().unwrap_or_default();
        let Some((object, key)) = by else {
            return Ok((self.store.insert(name, record, at)?, true));
        };
        if !name.eq_ignore_ascii_case(object.name) {
            let text = format!("the record is of type '{name}', not {}", object.name);
            return Err(Fault::new(400, "INVALID_TYPE", text));
        }
        let value = record[key].as_str().unwrap_or_default();
        if value.is_empty() {
            let text = format!("{key} not specified");
            return Err(Fault::new(400, "MISSING_ARGUMENT", text));
        }
        let known = self.store.by_key(object.name, key, value);
        match known.first().map(|it| it.id.clone()) {
            Some(id) => {
                self.store.update(object.name, &id, record, at)?;
                Ok((id, false))
            }
            None => Ok((self.store.insert(object.name, record, at)?, true)),
        }
    }

    fn remove(&mut self, request: &Request) -> Result<Answer, Fault> {
        let ids = request.parameter("ids").unwrap_or_default();
        let ids: Vec<&str> = ids.split(',').filter(|it| !it.is_empty()).collect();
        if ids.is_empty() || ids.len() > COLLECTION_MAX {
            let text = format!("a collection has 1 to {COLLECTION_MAX} ids");
            return Err(Fault::new(400, "JSON_PARSER_ERROR", text));
        }
        let before = self.store.clone();
        let results: Vec<_> = ids
            .iter()
            .map(|id| self.store.delete(id).map(|()| ((*id).to_owned(), false)))
            .collect();
        let all_or_none = request.parameter("allOrNone").as_deref() == Some("true");
        if all_or_none && results.iter().any(Result::is_err) {
            self.store = before;
        }
        let results: Vec<Value> = results.into_iter().map(result).collect();
        Ok(Answer::json(200, &results.into()))
    }

    fn email(&mut self, request: &Request) -> Result<Answer, Fault> {
        let body = json_of(request)?;
        let inputs = body["inputs"].as_array().map_or(&[][..], Vec::as_slice);
        let results = inputs.iter().map(|input| {
            let has = |name: &str| input[name].as_str().is_some_and(|it| !it.is_empty());
            let missing = ["emailAddresses", "emailSubject", "emailBody"]
                .into_iter()
                .find(|name| !has(name));
            match missing {
                None => json!({ "actionName": "emailSimple", "errors": null, "isSuccess": true, "outputValues": {} }),
                Some(name) => {
                    let text = format!("Missing required input parameter: {name}");
                    json!({ "actionName": "emailSimple", "isSuccess": false, "outputValues": null,
                        "errors": [{ "statusCode": "MISSING_ARGUMENT", "message": text, "fields": [] }] })
                }
            }
        });
        let results: Vec<Value> = results.collect();
        let sent = results.iter().filter(|it| it["isSuccess"] == true).count();
        self.emails += sent as u64;
        let status = if sent == results.len() { 200 } else { 400 };
        Ok(Answer::json(status, &results.into()).noted(format!("{sent} e-mails")))
    }
}

fn result(result: Result<(String, bool), Fault>) -> Value {
    match result {
        Ok((id, created)) => {
            json!({ "id": id, "success": true, "errors": [], "created": created })
        }
        Err(fault) => json!({
            "success": false,
            "errors": [{ "statusCode": fault.code, "message": fault.message, "fields": fault.fields }],
        }),
    }
}
