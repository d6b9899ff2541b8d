//! Options: typed, checked, and cheap to copy. A URL is a way to write them.
//!
//! ```text
//!  table       what is known of each option: its number, name, kind, default and bounds
//!  secret      bytes that are never shown
//!  fault       the messages of wrong options
//!  check       whether one value may be set
//!  words       numbers as they are written in a URL
//!  values      the options as they were set
//!  typed       the options in force, each in its type
//!  coherent    whether they go together
//!  url         reading a URL
//!  canonical   writing one
//! ```

mod canonical;
mod check;
mod coherent;
mod fault;
mod secret;
mod table;
mod typed;
mod url;
mod values;
mod words;

pub use secret::Secret;
pub use table::Key;
pub use typed::{Endpoint, ParserChoice, Share};
pub use values::Options;

#[cfg(test)]
mod tests;
