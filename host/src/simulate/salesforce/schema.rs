//! The objects of the org and their fields: the standard ones that distribution uses, and
//! custom ones as an administrator would add them for the adapter.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text of so many characters.
    Text(usize),
    /// A text by which records are found: an external id, unique.
    Key,
    Number,
    Flag,
    Day,
    Moment,
    /// The id of a record of that object; of any for an empty name.
    Reference(&'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// Set by Salesforce.
    Derived,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Needed for a new record.
    pub(super) required: bool,
    /// Can't be changed.
    pub(super) fixed: bool,
}

/// An object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) name: &'static str,
    /// The first three characters of its ids.
    pub(super) prefix: &'static str,
    pub(super) fields: &'static [Field],
    /// Names by which another object's fields are reached, with the reference.
    pub(super) relations: &'static [(&'static str, &'static str, &'static str)],
    /// Names of lists of another object's records, with their reference to this one.
    pub(super) children: &'static [(&'static str, &'static str, &'static str)],
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
        fixed: false,
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        required: true,
        ..field(name, kind)
    }
}

const fn fixed(name: &'static str, kind: Kind) -> Field {
    Field {
        fixed: true,
        ..required(name, kind)
    }
}

const SYSTEM: &[Field] = &[
    field("Id", Kind::Derived),
    field("CreatedDate", Kind::Derived),
    field("SystemModstamp", Kind::Derived),
];

const ORDER_STATUS: &[&str] = &[
    "Draft",
    "Activated",
    "Partly Shipped",
    "Shipped",
    "Delivered",
    "Delayed",
    "Cancelled",
];

const OBJECTS: &[Object] = &[
    Object {
        name: "Account",
        prefix: "001",
        fields: &[
            required("Name", Kind::Text(255)),
            field("AccountNumber", Kind::Text(40)),
            field("Customer_No__c", Kind::Key),
        ],
        relations: &[],
        children: &[("Orders", "Order", "AccountId")],
    },
    Object {
        name: "Contact",
        prefix: "003",
        fields: &[
            required("LastName", Kind::Text(80)),
            field("Name", Kind::Text(121)),
            field("Phone", Kind::Text(40)),
            field("Email", Kind::Text(80)),
        ],
        relations: &[],
        children: &[],
    },
    Object {
        name: "Product2",
        prefix: "01t",
        fields: &[
            required("Name", Kind::Text(255)),
            field("ProductCode", Kind::Text(255)),
        ],
        relations: &[],
        children: &[],
    },
    Object {
        name: "PricebookEntry",
        prefix: "01u",
        fields: &[
            fixed("Product2Id", Kind::Reference("Product2")),
            fixed("Pricebook2Id", Kind::Text(18)),
            field("UnitPrice", Kind::Number),
            field("SKU__c", Kind::Key),
        ],
        relations: &[("Product2", "Product2Id", "Product2")],
        children: &[],
    },
    Object {
        name: "Order",
        prefix: "801",
        fields: &[
            required("AccountId", Kind::Reference("Account")),
            required("EffectiveDate", Kind::Day),
            required("Status", Kind::Choice(ORDER_STATUS)),
            field("OrderNumber", Kind::Derived),
            field("TotalAmount", Kind::Derived),
            field("Pricebook2Id", Kind::Text(18)),
            field("PoNumber", Kind::Text(80)),
            field("Description", Kind::Text(32_000)),
            field("ShipToContactId", Kind::Reference("Contact")),
            field("ShippingStreet", Kind::Text(255)),
            field("ShippingCity", Kind::Text(40)),
            field("ShippingState", Kind::Text(80)),
            field("ShippingPostalCode", Kind::Text(20)),
            field("ShippingCountry", Kind::Text(80)),
            field("BillingStreet", Kind::Text(255)),
            field("BillingCity", Kind::Text(40)),
            field("BillingState", Kind::Text(80)),
            field("BillingPostalCode", Kind::Text(20)),
            field("BillingCountry", Kind::Text(80)),
            field("Crossdock_Key__c", Kind::Key),
            field("Tracking__c", Kind::Text(255)),
            field("Carrier__c", Kind::Text(255)),
            field("Shipped_At__c", Kind::Moment),
            field("Delivered_At__c", Kind::Moment),
            field("Revision__c", Kind::Text(18)),
        ],
        relations: &[
            ("Account", "AccountId", "Account"),
            ("ShipToContact", "ShipToContactId", "Contact"),
        ],
        children: &[("OrderItems", "OrderItem", "OrderId")],
    },
    Object {
        name: "OrderItem",
        prefix: "802",
        fields: &[
            fixed("OrderId", Kind::Reference("Order")),
            fixed("PricebookEntryId", Kind::Reference("PricebookEntry")),
            field("Product2Id", Kind::Derived),
            field("OrderItemNumber", Kind::Derived),
            required("Quantity", Kind::Number),
            field("UnitPrice", Kind::Number),
            field("Description", Kind::Text(255)),
            field("Crossdock_Key__c", Kind::Key),
        ],
        relations: &[
            ("Order", "OrderId", "Order"),
            ("PricebookEntry", "PricebookEntryId", "PricebookEntry"),
            ("Product2", "Product2Id", "Product2"),
        ],
        children: &[],
    },
    Object {
        name: "Case",
        prefix: "500",
        fields: &[
            field("CaseNumber", Kind::Derived),
            field("Subject", Kind::Text(255)),
            field("Description", Kind::Text(32_000)),
            field(
                "Status",
                Kind::Choice(&["New", "Working", "Escalated", "On Hold", "Closed"]),
            ),
            field("Priority", Kind::Choice(&["High", "Medium", "Low"])),
            field("Origin", Kind::Text(255)),
            field("SuppliedName", Kind::Text(80)),
            field("SuppliedEmail", Kind::Text(80)),
            field("SuppliedPhone", Kind::Text(40)),
            field("AccountId", Kind::Reference("Account")),
            field("ContactId", Kind::Reference("Contact")),
            field("OwnerId", Kind::Text(18)),
            field("Crossdock_Key__c", Kind::Key),
            field("Order_No__c", Kind::Text(80)),
        ],
        relations: &[("Account", "AccountId", "Account")],
        children: &[("CaseComments", "CaseComment", "ParentId")],
    },
    Object {
        name: "CaseComment",
        prefix: "00a",
        fields: &[
            fixed("ParentId", Kind::Reference("Case")),
            field("CommentBody", Kind::Text(4_000)),
            field("IsPublished", Kind::Flag),
        ],
        relations: &[("Parent", "ParentId", "Case")],
        children: &[],
    },
    Object {
        name: "Task",
        prefix: "00T",
        fields: &[
            field("WhatId", Kind::Reference("")),
            field("Subject", Kind::Text(255)),
            field("Description", Kind::Text(32_000)),
            field(
                "Status",
                Kind::Choice(&["Not Started", "In Progress", "Completed", "Deferred"]),
            ),
            field("Priority", Kind::Choice(&["High", "Normal", "Low"])),
            field("ActivityDate", Kind::Day),
            field("OwnerId", Kind::Text(18)),
            field("Crossdock_Key__c", Kind::Key),
        ],
        relations: &[],
        children: &[],
    },
    Object {
        name: "FeedItem",
        prefix: "0D5",
        fields: &[
            fixed("ParentId", Kind::Reference("")),
            field("Type", Kind::Text(40)),
            field("Body", Kind::Text(10_000)),
        ],
        relations: &[],
        children: &[],
    },
];

/// The object of that name, whatever its case.
pub(super) fn object(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|it| it.name.eq_ignore_ascii_case(name))
}

// === impl Object ===

impl Object {
    /// The field of that name, whatever its case.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        let mut own = self.fields.iter().chain(SYSTEM);
        own.find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The reference behind a relation: its field, and the object it leads to.
    pub(super) fn relation(&self, name: &str) -> Option<(&'static str, &'static Object)> {
        let found = self
            .relations
            .iter()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, field, target)| Some((*field, object(target)?)))
    }

    /// The objects of a list.
    pub(super) fn child(&self, name: &str) -> Option<&'static Object> {
        let found = self
            .children
            .iter()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, target, _)| object(target))
    }
}
