//! A document to one interchange, and the partner's answer to a verdict.
//!
//! One delivery is one interchange with one group and one transaction set, numbered by
//! the delivery's control number and dated by the delivery's own time: the same on
//! every attempt, byte for byte.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::x12::writer::{GroupStart, InterchangeStart};
use crossdock_sdk::x12::{Date, Time, WriteError, Writer};
use crossdock_sdk::{Delivery, Document, Exchange, Outcome, Problem, Request, Step};

use crate::settings::{self, Writing};
use crate::wire;
use crossdock_sdk::Refusal;

mod items;
mod party;
mod script;
mod segments;

mod acknowledgement;
mod notice;
mod order;
mod returns;

/// The media type of RFC 1767.
const MEDIA_TYPE: &str = "application/edi-x12";

/// The largest control number: nine digits.
const CONTROL_NUMBER_MAX: u64 = 999_999_999;

/// Sends the document, then judges the answer.
///
/// # Errors
/// When the settings are wrong or the document can't be said in X12.
pub(crate) fn next(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Refusal> {
    match past.last().map(|exchange| &exchange.outcome) {
        None => Ok(Step::Send(request(delivery)?)),
        Some(Outcome::Response(response)) => {
            match Pause::unless_done(response, "the setting `path`") {
                Ok(()) => Ok(Step::Done(None)),
                Err(pause) => Ok(pause.into_step()?),
            }
        }
        Some(Outcome::Stored(_)) => Ok(Step::Done(None)),
        Some(Outcome::Other(words)) => {
            let text = format!("the host reports an outcome that this adapter lacks: {words}");
            Err(Problem::adapter("outcome-unknown", text).into())
        }
    }
}

/// What every transaction set is written with.
struct Envelope<'d> {
    config: Writing<'d>,
    control_number: u32,
    date: Date,
    time: Time,
}

fn request(delivery: &Delivery) -> Result<Request, Refusal> {
    if let Some(problem) = settings::misspelled(&delivery.settings) {
        return Err(problem.into());
    }
    let (date, time) = moment(&delivery.created_at)?;
    let envelope = Envelope {
        config: Writing::new(&delivery.settings)?,
        control_number: control_number(delivery.control_number),
        date,
        time,
    };
    let (set, body) = match &delivery.document {
        Document::Order(order) => ("940", order::write(order, &envelope)?),
        Document::InboundNotice(notice) => ("943", notice::write(notice, &envelope)?),
        Document::ReturnAuthorization(returned) => ("180", returns::write(returned, &envelope)?),
        Document::FunctionalAcknowledgement(answer) => acknowledgement::write(answer, &envelope)?,
        other => {
            let kind = other.kind();
            let text = format!(
                "this adapter sends orders, inbound notices, return authorizations and acknowledgements, no {kind}"
            );
            return Err(Problem::adapter("encode-unsupported", text)
                .with_remedy("route the document to a partner whose adapter encodes it")
                .into());
        }
    };
    let name = format!("{set}-{}.edi", envelope.control_number);
    Ok(Request::post(envelope.config.path, MEDIA_TYPE, body).with_file_name(name))
}

/// A control number of nine digits, never nought; it begins anew after the last one.
fn control_number(count: u64) -> u32 {
    ((count.max(1) - 1) % CONTROL_NUMBER_MAX + 1) as u32
}

/// Day and minute of an RFC 3339 text.
fn moment(created_at: &str) -> Result<(Date, Time), Refusal> {
    let day = created_at.get(..10).and_then(wire::iso_date);
    let minute = created_at.get(11..16).and_then(wire::iso_time);
    day.zip(minute).ok_or_else(|| {
        let text = "the delivery's own time is none: expected an RFC 3339 text";
        Problem::adapter("time-invalid", text)
            .with_value(created_at)
            .into()
    })
}

// === impl Envelope ===

impl Envelope<'_> {
    /// Writes an interchange of one group of one set, which `write` writes under the
    /// set's control number.
    ///
    /// # Errors
    /// Those of `write`; `setting-invalid` when the envelope itself can't be written.
    fn wrap(
        &self,
        functional_id: &str,
        version: &str,
        write: impl FnOnce(&mut Writer, &str) -> Result<(), Refusal>,
    ) -> Result<Vec<u8>, Refusal> {
        let config = &self.config;
        let number = self.control_number;
        let interchange = InterchangeStart::new(
            config.sender,
            config.receiver,
            self.date,
            self.time,
            Writing::interchange_version(version),
            number,
            config.usage,
        );
        let group = GroupStart {
            functional_id,
            sender: config.group_sender,
            receiver: config.group_receiver,
            date: self.date,
            time: self.time,
            control_number: number,
            version,
        };
        let mut writer = Writer::new(config.style(version)).map_err(misset)?;
        writer.begin_interchange(&interchange).map_err(misset)?;
        writer.begin_group(&group).map_err(misset)?;
        write(&mut writer, &format!("{number:04}"))?;
        writer.end_group().map_err(broken)?;
        writer.end_interchange().map_err(broken)?;
        writer.finish().map_err(broken)
    }
}

/// The envelope is made of settings, so they are to blame.
fn misset(error: WriteError) -> Refusal {
    Problem::settings(
        "setting-invalid",
        format!("the envelope can't be written: {error}"),
    )
    .with_remedy("check the ids, the separators and the version of the partner")
    .into()
}

/// Values are checked before they are written; what fails here was not foreseen.
fn broken(error: WriteError) -> Refusal {
    Problem::adapter(
        "write-failed",
        format!("the transaction set can't be written: {error}"),
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_sdk::{Blame, FunctionalAcknowledgement, Response, Verdict};

    fn delivery() -> Delivery {
        let answer = FunctionalAcknowledgement::new("SW", "17", Verdict::Accepted);
        let mut delivery = Delivery::new(Document::FunctionalAcknowledgement(answer));
        delivery.settings = [("sender-id", "US"), ("receiver-id", "THEM")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        delivery
    }

    fn answered(outcome: Outcome) -> Step {
        next(&delivery(), &[Exchange::new(Request::get(""), outcome)]).unwrap()
    }

    fn status(status: u16, headers: &[(&str, &str)]) -> Step {
        let headers = headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        answered(Outcome::Response(Response {
            status,
            headers,
            body: b"no".to_vec(),
        }))
    }

    #[test]
    fn judges_every_status() {
        for code in 100..=700 {
            let step = status(code, &[]);
            let fits = match code {
                200..=299 => step == Step::Done(None),
                408 | 425 | 429 | 500..=599 => matches!(step, Step::Retry(_)),
                _ => matches!(step, Step::Rejected(_)),
            };
            assert!(fits, "{code}: {step:?}");
        }
        assert_eq!(
            answered(Outcome::Stored("997-1.edi".to_owned())),
            Step::Done(None)
        );
    }

    #[test]
    fn waits_as_long_as_the_partner_says() {
        let seconds = |value: &str| match status(503, &[("retry-after", value)]) {
            Step::Retry(retry) => retry.after_seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }

    #[test]
    fn control_numbers_have_nine_digits_and_begin_anew() {
        assert_eq!(control_number(0), 1);
        assert_eq!(control_number(1), 1);
        assert_eq!(control_number(999_999_999), 999_999_999);
        assert_eq!(control_number(1_000_000_000), 1);
        assert_eq!(
            control_number(u64::MAX),
            ((u64::MAX - 1) % 999_999_999 + 1) as u32
        );
    }

    #[test]
    fn the_same_delivery_gives_the_same_bytes() {
        let first = next(&delivery(), &[]).unwrap();
        assert_eq!(first, next(&delivery(), &[]).unwrap());
        let Step::Send(request) = first else { panic!() };
        assert_eq!(request.file_name.as_deref(), Some("997-1.edi"));
        assert_eq!(request.content_type.as_deref(), Some("application/edi-x12"));
    }

    #[test]
    fn envelopes_that_cannot_be_written_blame_the_settings() {
        for (name, value) in [
            ("sender-id", "an id of more than fifteen"),
            ("segment-terminator", "*"),
            ("receiver-qualifier", "ZZZ"),
        ] {
            let mut delivery = delivery();
            delivery.settings.retain(|(known, _)| known != name);
            delivery.settings.push((name.to_owned(), value.to_owned()));
            let problem = next(&delivery, &[]).unwrap_err();
            assert_eq!(problem.blame, Blame::Settings, "{name}: {problem:?}");
        }
        let mut delivery = delivery();
        delivery
            .settings
            .push(("sender".to_owned(), "x".to_owned()));
        assert_eq!(next(&delivery, &[]).unwrap_err().code, "setting-unknown");
    }
}
