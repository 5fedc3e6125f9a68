//! One message through one adapter, without a server.
//!
//! Runs in the same sandbox, with the same limits and the same fuel as in
//! production, so what passes here passes there. A call that gives no answer is a
//! result too: the trial reports it beside what was used.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Adapter, GuestError, Limits, Tables, Usage};
use crate::{
    clock::Timestamp,
    contract::{Blame, Decoded, DecodedDocument, DocumentError, Inbound, json},
};

/// What a trial starts from.
#[derive(Clone, Debug, Default)]
pub struct TrialInput {
    /// The message, byte for byte.
    pub body: Vec<u8>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The headers that the adapter may see, names in lower case; for a file its
    /// name as `file-name`.
    pub headers: Vec<(String, String)>,
    /// The partner's settings.
    pub settings: BTreeMap<String, String>,
    /// When the message is said to have come in.
    pub received_at: Timestamp,
}

/// What a trial gave. Documents, problems and acknowledgements are in the JSON
/// form of the contract.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The adapter's name and version.
    pub adapter: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// Whether every document was understood.
    pub ok: bool,
    /// Documents that were understood, each with its source and findings.
    pub documents: Vec<Value>,
    /// Documents that were not, each with its source and problems.
    pub errors: Vec<Value>,
    /// Envelopes that the sender has numbered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub envelopes: Vec<Value>,
    /// Acknowledgements that the sender is owed.
    pub acknowledgements: Vec<Value>,
    /// What is odd about the message as a whole.
    pub findings: Vec<Value>,
    /// The partner's synchronous answer, where the adapter gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<TrialReply>,
    /// Why nothing of the message could be read, as the adapter says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Value>,
    /// Why the adapter gave no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<TrialFailure>,
    /// What was used, with the log.
    #[serde(flatten)]
    pub usage: Usage,
}

/// An answer on the same connection, its body as text where it is text.
#[derive(Clone, Debug, Serialize)]
pub struct TrialReply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: String,
    /// Size of the body, in bytes.
    pub body_bytes: usize,
    /// The body; absent when it is not UTF-8.
    pub body: Option<String>,
}

/// Why an adapter gave no answer.
#[derive(Clone, Debug, Serialize)]
pub struct TrialFailure {
    /// A stable word, `out-of-fuel`.
    pub code: &'static str,
    /// In a sentence, with the limit and its setting.
    pub text: String,
    /// Whose fault it is.
    pub blame: Value,
    /// Whether the same message may succeed later.
    pub retryable: bool,
    /// Functions that were running, innermost first.
    pub frames: Vec<super::Frame>,
}

impl Adapter {
    /// Runs a message through [`Adapter::decode`] and reports everything about it.
    ///
    /// # Errors
    /// When an answer has no JSON form, which is a mistake of the host.
    pub fn try_message(
        &self,
        input: &TrialInput,
        tables: &Tables,
        limits: &Limits,
    ) -> Result<Trial, json::Error> {
        let message = Inbound {
            message_id: "trial".to_owned(),
            received_at: input.received_at.to_string(),
            content_type: input.content_type.clone(),
            headers: input.headers.clone(),
            settings: input.settings.clone().into_iter().collect(),
            body: input.body.clone(),
        };
        let description = self.description();
        let mut trial = Trial {
            adapter: format!("{} {}", description.name, description.version),
            digest: self.digest().to_string(),
            ok: false,
            documents: Vec::new(),
            errors: Vec::new(),
            envelopes: Vec::new(),
            acknowledgements: Vec::new(),
            findings: Vec::new(),
            reply: None,
            refused: None,
            failure: None,
            usage: Usage::default(),
        };
        match self.decode(&message, tables, limits) {
            Ok(call) => {
                trial.usage = call.usage;
                match call.value {
                    Ok(decoded) => trial.take(decoded)?,
                    Err(problem) => trial.refused = Some(json::to_value(&problem)?),
                }
            }
            Err(error) => trial.fail(&error)?,
        }
        Ok(trial)
    }
}

// === impl Trial ===

impl Trial {
    fn take(&mut self, decoded: Decoded) -> Result<(), json::Error> {
        for document in decoded.documents {
            match document {
                Ok(document) => self
                    .documents
                    .push(json::to_value::<DecodedDocument>(&document)?),
                Err(error) => self.errors.push(json::to_value::<DocumentError>(&error)?),
            }
        }
        for envelope in &decoded.envelopes {
            self.envelopes.push(json::to_value(envelope)?);
        }
        for acknowledgement in &decoded.acknowledgements {
            self.acknowledgements.push(json::to_value(acknowledgement)?);
        }
        for finding in &decoded.findings {
            self.findings.push(json::to_value(finding)?);
        }
        self.reply = decoded.reply.map(|reply| TrialReply {
            status: reply.status,
            content_type: reply.content_type,
            body_bytes: reply.body.len(),
            body: String::from_utf8(reply.body).ok(),
        });
        self.ok = self.errors.is_empty();
        Ok(())
    }

    fn fail(&mut self, error: &GuestError) -> Result<(), json::Error> {
        let failure = error.failure();
        self.usage = failure.usage.clone();
        self.failure = Some(TrialFailure {
            code: error.code(),
            text: error.cause().to_string(),
            blame: json::to_value::<Blame>(&error.blame())?,
            retryable: error.retryable(),
            frames: failure.frames.clone(),
        });
        Ok(())
    }
}
