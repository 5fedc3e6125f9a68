//! IDoc: reading and writing SAP's intermediate documents as XML.
//!
//! An IDoc is a control record (`EDI_DC40`) and a tree of **segments** (`E1EDL20`),
//! each with **fields** (`VBELN`). As XML, a message is one element named after the
//! IDoc type (`DELVRY07`) around any number of `IDOC` elements. This module knows the
//! structure and how SAP writes values; what a segment means is an adapter's.
//!
//! From bytes to answer, in the order of the modules:
//!
//! 1. [`text::decode`] makes UTF-8 of what the XML declaration says it is.
//! 2. [`Reader`] gives one [`Idoc`] after the other. Each is judged alone: one that is
//!    too large or holds a forbidden entity never spoils its neighbours.
//! 3. [`Segment`] finds fields and child segments by name, and says where it stands
//!    as an XPath (`/ORDERS05/IDOC[1]/E1EDP01[2]/MENGE`).
//! 4. [`value`] reads numbers with trailing minus, dates of nought, padded numbers.
//! 5. [`status`] knows what became of an IDoc in the other system.
//! 6. [`Writer`] writes an IDoc that reads back as what it was.
//!
//! A document type declaration is refused before it is looked at, entities are the five
//! of XML and characters by number, and depth, tags, segments and IDocs are bounded:
//! no input takes more than a small multiple of its own size.
//!
//! ```
//! use crossdock_sdk::idoc::{Reader, text, value};
//!
//! let received = br#"<?xml version="1.0"?><ORDERS05><IDOC BEGIN="1">
//!   <EDI_DC40 SEGMENT="1"><MESTYP>ORDERS</MESTYP></EDI_DC40>
//!   <E1EDP01 SEGMENT="1"><POSEX>000010</POSEX><MENGE>12.000-</MENGE></E1EDP01>
//! </IDOC></ORDERS05>"#;
//! let text = text::decode(received).unwrap();
//! for idoc in Reader::new(&text).unwrap() {
//!     let idoc = idoc.unwrap();
//!     let line = idoc.root().child("E1EDP01").unwrap();
//!     assert_eq!(value::strip_zeros(line.get("POSEX").unwrap()), "10");
//!     assert_eq!(value::number(line.get("MENGE").unwrap()).unwrap().to_string(), "-12.000");
//!     assert_eq!(line.path_of("MENGE"), "/ORDERS05/IDOC[1]/E1EDP01/MENGE");
//! }
//! ```

mod error;
mod reader;
mod segment;
pub mod status;
pub mod text;
pub mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{Error, Kind};
pub use reader::{DEPTH_MAX, IDOCS_MAX, NODES_MAX, Reader, TAG_BYTES_MAX};
pub use segment::{Children, Idoc, Segment};
pub use writer::{WriteError, Writer};
