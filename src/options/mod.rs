//! Options: typed, checked, and cheap to copy. A URL is a way to write them.
//!
//! ```text
//!  table       what is known of each option: its number, name, kind, default and bounds
//!  secret      bytes that are never shown
//!  fault       the messages of wrong options
//!  host        what a host may look like
//!  endpoint    where a server is
//!  servers     servers as texts name them
//!  address_map where servers are reached that announce other addresses
//!  check       whether one value may be set
//!  words       numbers as they are written in a URL
//!  values      the options as they were set
//!  typed       the options in force, each in its type
//!  topology    those of how many servers there are
//!  coherent    whether they go together
//!  url         reading a URL
//!  canonical   writing one
//! ```

mod address_map;
mod canonical;
mod check;
mod coherent;
mod endpoint;
mod fault;
mod host;
mod reading;
mod secret;
mod servers;
mod table;
mod topology;
mod typed;
mod url;
mod values;
mod words;

pub use address_map::AddressMap;
pub use endpoint::Endpoint;
pub use reading::ReadFrom;
pub use secret::Secret;
pub use table::Key;
pub use topology::Topology;
pub use typed::{ParserChoice, Share};
pub use values::Options;

#[cfg(test)]
mod tests;
