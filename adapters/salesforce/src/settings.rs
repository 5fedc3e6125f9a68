//! What differs from org to org.

use crossdock_sdk::http::escape;
use crossdock_sdk::{Problem, Setting, Settings, host};

/// The version that requests are made with. The flag `created` in answers, which tells
/// a new record from a known one beside the status, exists since 46.0.
const VERSION: &str = "v62.0";

/// An external id field, which an administrator must make on each object.
const KEY: &str = "Crossdock_Key__c";

/// Statuses and priorities of Case that an org has unless somebody changes the lists.
/// Statuses of Order have no defaults beyond the first and the last: each org has its own.
const CASE_STATUSES: [(&str, &str); 4] = [
    ("working", "Working"),
    ("waiting", "Working"),
    ("resolved", "Closed"),
    ("closed", "Closed"),
];

const PRIORITIES: [(&str, &str); 4] = [
    ("low", "Low"),
    ("normal", "Medium"),
    ("high", "High"),
    ("urgent", "High"),
];

/// Fields of a custom timeline object.
const TIMELINE: [(&str, &str); 4] = [
    ("order", "Order__c"),
    ("kind", "Kind__c"),
    ("text", "Text__c"),
    ("at", "At__c"),
];

/// Every setting, for the description and for the check against typing errors.
pub(crate) fn described() -> Vec<Setting> {
    let mut settings = ordering();
    settings.extend(telling());
    settings.extend(receiving());
    settings
}

/// What is needed to write orders.
fn ordering() -> Vec<Setting> {
    let with = Setting::with_default;
    let optional = Setting::optional;
    vec![
        with("api-version", "Version of the REST API", VERSION),
        with(
            "key.*",
            "External id field of `order`, `order-item`, `case`, `timeline`",
            KEY,
        ),
        optional(
            "account-id",
            "Account of orders and cases that name none we know",
        ),
        optional(
            "account-key",
            "External id field of Account that holds our customer numbers",
        ),
        optional("pricebook-id", "Pricebook2Id of new orders"),
        optional(
            "pricebook-entry-key",
            "External id field of PricebookEntry that holds our SKUs",
        ),
        with(
            "status.*",
            "Order Status for a word such as `new`, `cancelled`, `shipped`",
            "new: Draft",
        ),
        optional(
            "activate",
            "Status that a new order gets once its lines are there",
        ),
        with(
            "address-codes",
            "Whether states and countries are written as codes",
            "false",
        ),
        optional(
            "field.*",
            "Field for a value such as `tracking`; see the README for the list",
        ),
    ]
}

/// What is needed to tell of orders, cases and notifications.
fn telling() -> Vec<Setting> {
    let with = Setting::with_default;
    let optional = Setting::optional;
    vec![
        with(
            "timeline",
            "Where entries go: `task`, `feed`, `object` or `none`",
            "task",
        ),
        with(
            "timeline-object",
            "Name of the custom object for `timeline = object`",
            "Crossdock_Event__c",
        ),
        optional("timeline.*", "Its fields: `order`, `kind`, `text`, `at`"),
        optional(
            "case-status.*",
            "Case Status for `open`, `working`, `waiting`, `resolved`, `closed`",
        ),
        optional(
            "priority.*",
            "Case Priority for `low`, `normal`, `high`, `urgent`",
        ),
        with("case-origin", "Case Origin", "Crossdock"),
        with(
            "notification",
            "How a notification is told: `timeline` or `email`",
            "timeline",
        ),
        optional(
            "sender-address",
            "Organization-wide address that e-mails are sent from",
        ),
        optional(
            "subject.*",
            "Subject for one template, with {names} of its data",
        ),
        optional("body.*", "Text for one template, with {names} of its data"),
    ]
}

/// What is needed to read and to poll.
fn receiving() -> Vec<Setting> {
    let with = Setting::with_default;
    let optional = Setting::optional;
    vec![
        optional(
            "order-no-field",
            "Field of Order that is our order number; `key.order` if absent",
        ),
        with(
            "sku-field",
            "Field of OrderItem that is the SKU",
            "Product2.ProductCode",
        ),
        optional(
            "unit-field",
            "Field of OrderItem that is the unit of measure",
        ),
        with("unit", "Unit of measure of lines that name none", "EA"),
        optional("unit.*", "Our unit for one of theirs"),
        optional("currency", "Currency of prices in an org that has but one"),
        optional(
            "revision-field",
            "Field of Order that counts its changes; nought is the first",
        ),
        optional(
            "extra-fields",
            "Further fields of Order that are queried and kept, with commas",
        ),
        with(
            "where",
            "Which orders are polled, in SOQL",
            "Status = 'Activated'",
        ),
        with("limit", "Orders in one poll", "200"),
        optional(
            "since",
            "RFC 3339: from when the first poll asks; its own time if absent",
        ),
        optional(
            "event.*",
            "What an event is read as: `order`, `return` or `ignore`",
        ),
        with(
            "event-account-field",
            "Field of an event that holds the name of the account, the ship-to's",
            "Account_Name__c",
        ),
        with(
            "event-account-number-field",
            "Field of an event that holds the number of the account, the buyer's",
            "Account_Number__c",
        ),
        with(
            "rma-field",
            "Field of a return that is our number of it",
            "ReturnOrderNumber",
        ),
        with(
            "return-order-field",
            "Field of a return that is our number of the order",
            "Order_Number__c",
        ),
        with(
            "event-lines-field",
            "Field of an event that holds its lines as JSON",
            "Lines__c",
        ),
    ]
}

/// The settings of one org, checked as far as they are needed.
#[derive(Clone, Copy)]
pub(crate) struct Config<'s> {
    settings: Settings<'s>,
    version: &'s str,
}

/// Where entries of a timeline go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeline {
    Task,
    Feed,
    Object,
    Nowhere,
}

// === impl Config ===

impl<'s> Config<'s> {
    /// # Errors
    /// When a setting is unknown, or the version is none.
    pub(crate) fn new(entries: &'s [(String, String)]) -> Result<Config<'s>, Problem> {
        let settings = Settings::new(entries);
        settings.check(&described())?;
        let version = settings.get_or("api-version", VERSION);
        let plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if !version
            .strip_prefix('v')
            .is_some_and(|rest| rest.bytes().all(plain))
        {
            return Err(invalid("api-version", version, "a version such as v62.0"));
        }
        let config = Config { settings, version };
        for name in ["order", "order-item", "case"] {
            config.key(name)?;
        }
        Ok(config)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'s str> {
        self.settings.get(name)
    }

    /// A resource of the API.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/services/data/{}{rest}", self.version)
    }

    /// A record by its external id.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn record(&self, object: &str, what: &str, value: &str) -> Result<String, Problem> {
        let key = self.key(what)?;
        Ok(self.path(&format!("/sobjects/{object}/{key}/{}", escape(value))))
    }

    /// The external id field of an object.
    ///
    /// # Errors
    /// `setting-invalid` when it is no field's name.
    pub(crate) fn key(&self, what: &str) -> Result<&'s str, Problem> {
        let name = self.settings.table("key").get(what).unwrap_or(KEY);
        field_name(&format!("key.{what}"), name)
    }

    /// The external id field of timeline entries, if they have one.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn timeline_key(&self) -> Result<Option<&'s str>, Problem> {
        let name = self.settings.table("key").get("timeline");
        name.map(|name| field_name("key.timeline", name))
            .transpose()
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn timeline(&self) -> Result<Timeline, Problem> {
        let words = ["task", "feed", "object", "none"];
        Ok(match self.settings.choice("timeline", "task", &words)? {
            "task" => Timeline::Task,
            "feed" => Timeline::Feed,
            "object" => Timeline::Object,
            _ => Timeline::Nowhere,
        })
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn timeline_object(&self) -> Result<&'s str, Problem> {
        let name = self
            .settings
            .get_or("timeline-object", "Crossdock_Event__c");
        field_name("timeline-object", name)
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn timeline_field(&self, what: &str) -> Result<&'s str, Problem> {
        let known = TIMELINE.iter().find(|(name, _)| *name == what);
        let name = self.settings.table("timeline").get(what);
        let name = name.or(known.map(|(_, field)| *field)).unwrap_or_default();
        field_name(&format!("timeline.{what}"), name)
    }

    /// A field for a value that Salesforce has no standard field for.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn field(&self, what: &str) -> Result<Option<&'s str>, Problem> {
        let name = self.settings.table("field").get(what);
        name.map(|name| field_name(&format!("field.{what}"), name))
            .transpose()
    }

    /// The Status of an order for a word of ours.
    pub(crate) fn status(&self, word: &str) -> Option<&'s str> {
        self.settings.table("status").get(word)
    }

    /// The Status of a case. None for an open one: a new case has the org's default,
    /// and one that somebody works on must not fall back.
    pub(crate) fn case_status(&self, word: &str) -> Option<&'s str> {
        let known = CASE_STATUSES.iter().find(|(name, _)| *name == word);
        let own = self.settings.table("case-status").get(word);
        own.or(known.map(|(_, status)| *status))
    }

    pub(crate) fn priority(&self, word: &str) -> Option<&'s str> {
        let known = PRIORITIES.iter().find(|(name, _)| *name == word);
        let own = self.settings.table("priority").get(word);
        own.or(known.map(|(_, priority)| *priority))
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        self.settings.flag(name, false)
    }

    pub(crate) fn get_or(&self, name: &str, default: &'s str) -> &'s str {
        self.settings.get_or(name, default)
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn emails(&self) -> Result<bool, Problem> {
        let word = self
            .settings
            .choice("notification", "timeline", &["timeline", "email"])?;
        Ok(word == "email")
    }

    /// The field of Order that is our order number.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn order_no_field(&self) -> Result<&'s str, Problem> {
        match self.settings.get("order-no-field") {
            Some(name) => field_name("order-no-field", name),
            None => self.key("order"),
        }
    }

    /// Our unit of measure for one of theirs, or for a line that names none.
    pub(crate) fn unit(&self, theirs: Option<&str>) -> String {
        let own = theirs.map(|unit| self.settings.table("unit").get(unit).unwrap_or(unit));
        own.unwrap_or(self.settings.get_or("unit", "EA")).to_owned()
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        self.settings.integer("limit", 200, 1..=2000)
    }

    /// A path of fields, such as `Product2.ProductCode`.
    ///
    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn field_path(&self, name: &str, default: &'s str) -> Result<&'s str, Problem> {
        field_path(name, self.settings.get_or(name, default))
    }

    /// # Errors
    /// `setting-invalid`.
    pub(crate) fn extra_fields(&self) -> Result<Vec<&'s str>, Problem> {
        let list = self.settings.get("extra-fields").unwrap_or_default();
        let names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names.map(|name| field_path("extra-fields", name)).collect()
    }

    /// What an event of that name is read as.
    pub(crate) fn event(&self, name: &str) -> Option<&'s str> {
        self.settings.table("event").get(name)
    }
}

/// A record's id in one of the partner's lookup tables.
pub(crate) fn lookup(table: &str, key: Option<&str>) -> Option<String> {
    host::lookup(table, key?)
}

/// Names become part of a path or of a query, so nothing else may stand in them.
fn field_name<'s>(setting: &str, name: &'s str) -> Result<&'s str, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(invalid(setting, name, "the API name of a field or object"))
    }
}

fn field_path<'s>(setting: &str, path: &'s str) -> Result<&'s str, Problem> {
    path.split('.')
        .try_for_each(|part| field_name(setting, part).map(drop))?;
    Ok(path)
}

pub(crate) fn invalid(name: &str, value: &str, expected: &str) -> Problem {
    let text = format!("the setting `{name}` is \"{value}\", expected {expected}");
    Problem::settings("setting-invalid", text).with_value(value)
}
