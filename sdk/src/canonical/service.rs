//! Service cases and customer notifications.

use crate::{
    CaseCategory, CaseStatus, Contact, Moment, Notification, NotificationChannel, ServiceCase,
    Severity, TimelineEntry,
};

impl TimelineEntry {
    /// An entry that no message caused.
    pub fn new(at: Moment, kind: impl Into<String>, text: impl Into<String>) -> TimelineEntry {
        TimelineEntry {
            at,
            kind: kind.into(),
            text: text.into(),
            message_id: None,
        }
    }
}

impl ServiceCase {
    /// A new case of normal severity that is about nothing in particular yet.
    pub fn new(
        external_key: impl Into<String>,
        subject: impl Into<String>,
        category: CaseCategory,
    ) -> ServiceCase {
        ServiceCase {
            external_key: external_key.into(),
            subject: subject.into(),
            description: String::new(),
            category,
            severity: Severity::Normal,
            status: CaseStatus::Open,
            order_no: None,
            shipment_id: None,
            account: None,
            contact: None,
            owner: None,
            timeline: Vec::new(),
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Notification {
    /// A notification whose template needs no data.
    pub fn new(
        dedupe_key: impl Into<String>,
        template: impl Into<String>,
        channel: NotificationChannel,
        recipient: Contact,
    ) -> Notification {
        Notification {
            dedupe_key: dedupe_key.into(),
            template: template.into(),
            channel,
            recipient,
            data: Vec::new(),
            order_no: None,
            extras: Vec::new(),
        }
    }
}
