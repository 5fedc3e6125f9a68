//! OData version 2 as SAP Gateway speaks it: answers, dates, sessions, bodies.
//!
//! A **service** (`API_SALES_ORDER_SRV`) has **entity sets** (`A_SalesOrder`). An answer
//! is `{"d": ...}` around one entity or `{"results": [...]}`; an error is `{"error":
//! ...}` with a code, a message and, in `innererror`, details. Quantities and amounts
//! are strings, dates are `/Date(1492041600000)/`.
//!
//! A request that changes something needs a token that an earlier GET fetched with
//! `X-CSRF-Token: Fetch`, in the session (the cookies) that gave the token
//! (help.sap.com, "Cross-Site Request Forgery Protection"). It may be repeated without
//! harm when it carries `RequestID` and `RepeatabilityCreation` (help.sap.com,
//! "Defining Settings for Idempotent Services"). An adapter leads the conversation;
//! this module knows the parts.
//!
//! ```
//! use crossdock_sdk::json::{Node, Tree};
//! use crossdock_sdk::odata;
//!
//! let body = br#"{"d":{"results":[{"SalesOrder":"42","SalesOrderDate":"/Date(1492041600000)/"}]}}"#;
//! let tree = Tree::parse(body).unwrap();
//! let order = &odata::results(tree.root()).unwrap()[0];
//! let date = order.get("SalesOrderDate").and_then(Node::as_str).unwrap();
//! assert_eq!(odata::moment(date).unwrap().text, "2017-04-13");
//! ```

mod answer;
mod body;
mod date;
mod session;

pub use answer::{Fault, results};
pub use body::Body;
pub use date::{from_day, moment};
pub use session::{cookies, literal, request_id, token, token_is_refused};
