//! What a failure says of its command, held against what the server saw.

#[path = "../support/mod.rs"]
mod support;

mod cuts;
mod errors;
mod faults;
mod outcomes;
