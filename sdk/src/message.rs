//! What goes in and out of an adapter: constructors for the records around the
//! documents.

use crate::{
    Decoded, DecodedDocument, Delivery, Description, Document, DocumentError, Envelope,
    EnvelopeKind, Exchange, Inbound, Outcome, PartnerKind, PollRequest, Polled, PolledMessage,
    Problem, Reply, Request, Response, Retry, Setting, Source,
};

impl Description {
    /// An adapter of that name and version (usually `CARGO_PKG_NAME` and
    /// `CARGO_PKG_VERSION`) that understands and sends nothing yet.
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        kind: PartnerKind,
    ) -> Description {
        Description {
            name: name.into(),
            version: version.into(),
            kind,
            formats: Vec::new(),
            decodes: Vec::new(),
            encodes: Vec::new(),
            settings: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Setting {
    /// A setting that may be absent and then has no value.
    pub fn optional(name: impl Into<String>, meaning: impl Into<String>) -> Setting {
        Setting {
            name: name.into(),
            meaning: meaning.into(),
            default: None,
            required: false,
        }
    }

    /// A setting that the adapter refuses to work without.
    pub fn required(name: impl Into<String>, meaning: impl Into<String>) -> Setting {
        Setting {
            required: true,
            ..Setting::optional(name, meaning)
        }
    }

    /// A setting that has a value when it is absent.
    pub fn with_default(
        name: impl Into<String>,
        meaning: impl Into<String>,
        default: impl Into<String>,
    ) -> Setting {
        Setting {
            default: Some(default.into()),
            ..Setting::optional(name, meaning)
        }
    }
}

impl Inbound {
    /// A message without headers or settings, as a test would make it.
    pub fn new(body: impl Into<Vec<u8>>) -> Inbound {
        Inbound {
            message_id: "message-1".to_owned(),
            received_at: "2026-03-01T09:30:00Z".to_owned(),
            content_type: None,
            headers: Vec::new(),
            settings: Vec::new(),
            body: body.into(),
        }
    }
}

/// A message that holds nothing.
impl Default for Decoded {
    fn default() -> Decoded {
        Decoded {
            documents: Vec::new(),
            envelopes: Vec::new(),
            acknowledgements: Vec::new(),
            findings: Vec::new(),
            reply: None,
            extras: Vec::new(),
        }
    }
}

impl Decoded {
    /// Adds a document that was understood.
    pub fn push(&mut self, document: Document, source: Source) {
        self.documents
            .push(Ok(DecodedDocument::new(document, source)));
    }

    /// Adds a document that was not.
    pub fn refuse(&mut self, problems: Vec<Problem>, source: Source) {
        self.documents.push(Err(DocumentError { problems, source }));
    }
}

impl DecodedDocument {
    /// A document with nothing odd about it.
    pub fn new(document: Document, source: Source) -> DecodedDocument {
        DecodedDocument {
            document,
            source,
            findings: Vec::new(),
        }
    }
}

impl Envelope {
    /// An envelope around no document yet, whose numbers follow each other up to nine
    /// digits. It begins at that byte of the message and goes to its end.
    pub fn new(
        kind: EnvelopeKind,
        sender: impl Into<String>,
        receiver: impl Into<String>,
        control_number: impl Into<String>,
        offset: u64,
    ) -> Envelope {
        Envelope {
            kind,
            sender: sender.into(),
            receiver: receiver.into(),
            control_number: control_number.into(),
            last_number: Some(999_999_999),
            first_document: 0,
            documents: 0,
            offset,
            end: None,
        }
    }
}

impl Reply {
    /// An answer on the same connection.
    pub fn new(status: u16, content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            content_type: content_type.into(),
            body: body.into(),
        }
    }
}

impl Delivery {
    /// The first delivery of a document, as a test would make it.
    pub fn new(document: Document) -> Delivery {
        Delivery {
            delivery_id: "delivery-1".to_owned(),
            idempotency_key: "key-1".to_owned(),
            control_number: 1,
            created_at: "2026-03-01T09:30:00Z".to_owned(),
            settings: Vec::new(),
            document,
        }
    }
}

impl Request {
    /// A request without body. `path` is below the endpoint's address.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            content_type: None,
            body: Vec::new(),
            file_name: None,
            credential: None,
            cost: None,
        }
    }

    /// A GET.
    pub fn get(path: impl Into<String>) -> Request {
        Request::new("GET", path)
    }

    /// A POST with a body of that media type.
    pub fn post(
        path: impl Into<String>,
        content_type: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Request {
        Request {
            content_type: Some(content_type.into()),
            body: body.into(),
            ..Request::new("POST", path)
        }
    }

    /// The same request with the name that its body gets in a drop folder.
    #[must_use]
    pub fn with_file_name(mut self, name: impl Into<String>) -> Request {
        self.file_name = Some(name.into());
        self
    }

    /// The same request signed with one of the partner's named credentials.
    #[must_use]
    pub fn with_credential(mut self, name: impl Into<String>) -> Request {
        self.credential = Some(name.into());
        self
    }

    /// The same request counting as so many calls in the partner's rate.
    #[must_use]
    pub fn with_cost(mut self, calls: u32) -> Request {
        self.cost = Some(calls);
        self
    }

    /// The same request with another header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Request {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Response {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Whether the partner took it: 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Inbound {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl Exchange {
    /// A request and how it ended.
    pub fn new(request: Request, outcome: Outcome) -> Exchange {
        Exchange { request, outcome }
    }
}

impl PollRequest {
    /// A first poll without settings, as a test would make it.
    pub fn new(cursor: Option<&str>) -> PollRequest {
        PollRequest {
            cursor: cursor.map(str::to_owned),
            started_at: "2026-03-01T09:30:00Z".to_owned(),
            settings: Vec::new(),
        }
    }
}

impl Polled {
    /// Messages in the order in which they are to be read; the next poll goes on
    /// from `cursor`, or from where this one began when there is none.
    pub fn new(messages: Vec<PolledMessage>, cursor: Option<String>) -> Polled {
        Polled {
            messages,
            cursor,
            more: false,
        }
    }

    /// The same with the wish to be asked again at once.
    #[must_use]
    pub fn and_more(mut self) -> Polled {
        self.more = true;
        self
    }
}

impl PolledMessage {
    /// A message of that media type without headers.
    pub fn new(content_type: impl Into<String>, body: impl Into<Vec<u8>>) -> PolledMessage {
        PolledMessage {
            content_type: Some(content_type.into()),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// The same message with another header that `decode` sees; `name` in lower case.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> PolledMessage {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Retry {
    /// Not now; when, is for the host's schedule to say.
    pub fn new(problem: Problem) -> Retry {
        Retry {
            after_seconds: None,
            problem,
        }
    }

    /// The same, not before so many seconds.
    #[must_use]
    pub fn after_seconds(mut self, seconds: u32) -> Retry {
        self.after_seconds = Some(seconds);
        self
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(header, _)| header == name)
        .map(|(_, value)| value.as_str())
}
