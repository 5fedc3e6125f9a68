//! X12.
pub mod code;
pub mod place;
mod scan;
pub mod segment;
pub mod separators;
pub mod tokenizer;
pub mod input;
pub mod envelope;
pub use envelope::Reader;
pub use input::Input;
pub use tokenizer::Tokenizer;
