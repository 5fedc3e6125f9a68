//! X12: reading, judging, writing and acknowledging interchanges.
//!
//! X12 is text: **segments** (`W12*CC*12*…~`) of **elements**, in **transaction
//! sets** (ST to SE), in **functional groups** (GS to GE), in **interchanges** (ISA
//! to IEA). This module knows the structure and the data types; what a transaction
//! set means is an adapter's.
//!
//! From bytes to answer, in the order of the modules:
//!
//! 1. [`Input`] joins lines that were wrapped; [`Tokenizer`] finds [`Segment`]s in
//!    one pass without copying, with the [`separators`] each ISA declares.
//! 2. [`Reader`] finds the structure lazily. Each transaction set is judged alone:
//!    a bad one never spoils its neighbours.
//! 3. [`validate::Elements`] reads elements as text, codes, [`value`]s, with errors
//!    that name segment, element and acknowledgement [`code`].
//! 4. Everything found wrong is a [`Finding`]; [`Acknowledgement`] makes the 997 (or
//!    999, or TA1) out of them, and reads those that come back.
//! 5. [`Writer`] writes segments and envelopes that read back as what they were.
//!
//! Nothing here reads a clock, starts a thread or allocates per segment, and no
//! input makes it fail otherwise than by the errors it documents.
//!
//! ```
//! # use crossdock_sdk::x12::{Input, Reader, validate::Elements};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let received = b"ISA*00*          *00*          *ZZ*A              *ZZ*B              \
//! # *261121*0415*U*00401*000000001*0*P*>~GS*SW*A*B*20261121*0415*1*X*004010~ST*945*0001~\
//! # W12*CC*12*12*0*EA~SE*3*0001~GE*1*1~IEA*1*000000001~";
//! let input = Input::new(received);
//! for interchange in Reader::new(&input)?.interchanges() {
//!     for set in interchange.sets().filter(|set| !set.is_rejected()) {
//!         let mut notes = Vec::new();
//!         for segment in set.segments().filter(|segment| segment.is("W12")) {
//!             let mut w12 = Elements::new(&segment, &mut notes);
//!             assert_eq!(w12.required_decimal(3)?.to_string(), "12");
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod scan;

pub mod acknowledge;
pub mod code;
pub mod envelope;
pub mod input;
pub mod place;
pub mod segment;
pub mod separators;
pub mod tokenizer;
pub mod validate;
pub mod value;
pub mod writer;

#[cfg(test)]
mod tests;

pub use acknowledge::{Acknowledgement, InterchangeAcknowledgement, SetAcknowledgement};
pub use envelope::{Event, Group, Interchange, Policy, Reader, TransactionSet};
pub use input::Input;
pub use place::{Code, Finding, Place, SegmentId, Severity};
pub use segment::Segment;
pub use separators::{Separator, Separators, SeparatorsError};
pub use tokenizer::Tokenizer;
pub use validate::{Elements, Fault, Spec};
pub use value::{Date, Decimal, Time};
pub use writer::{Style, WriteError, Writer};
