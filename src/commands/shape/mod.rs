//! Built-in response callbacks: one shape for each command's reply, in RESP2 and RESP3.
//!
//! ```text
//!  becomes       a shape, and a row of a family
//!  index         every family, and which row a command has
//!  words         reading a command's options by its own grammar
//!  status        yes and no
//!  numbers       numbers and texts
//!  collections   sets, maps, pairs, lists
//!  scores        sorted sets
//!  geo           places
//!  streams       streams
//!  text          INFO, CLIENT LIST, and text for people
//!  server        roles, logs, memory, functions, modules
//!  access        ACL
//!  introspection COMMAND
//!  cluster       nodes, slots, shards
//!  sentinel      the states of what is watched
//!  transactions  EXEC
//!  monitor       MONITOR and its lines
//!  json search timeseries probabilistic vectors    modules
//!  parts         what the trees are made of
//! ```
//! A family is a table of rows, sorted by name. A row says what its command's reply becomes: a form, which changes structure
//! alone and is laid over the reply while its tree is built; a tree, a function that makes another reply of the one that
//! came; or a function that reads the arguments and says which of them.

mod access;
mod becomes;
mod cluster;
mod collections;
mod geo;
mod index;
mod introspection;
mod json;
mod monitor;
mod numbers;
mod parts;
mod probabilistic;
mod scores;
mod search;
mod sentinel;
mod server;
mod status;
mod streams;
mod text;
mod timeseries;
mod transactions;
mod vectors;
mod words;

use std::ffi::CStr;

use super::Command;
use becomes::{How, Row};

pub use becomes::Shape;

/// The shape of the reply to this command.
pub fn shape(args: &[&[u8]]) -> Shape {
    match index::find(args) {
        Some(row) => row.shape(args),
        None => Shape::KEEP,
    }
}

/// The same, where the command was looked up before.
#[inline]
pub fn shape_of(command: Option<&Command>, args: &[&[u8]]) -> Shape {
    index::of(command, args).map_or(Shape::KEEP, |row| row.shape(args))
}

/// The same, where its arguments do not matter: not for its shape, nor for how long it may wait on the server, nor for its
/// connection, which it does not change.
pub fn shape_without_arguments(command: &Command) -> Option<Shape> {
    let row = if command.is_plain() { index::certain(command)? } else { return None };
    match row.map(|row| row.how) {
        None => Some(Shape::KEEP),
        Some(How::Always(shape)) => Some(shape),
        Some(How::Read(_)) => None,
    }
}

/// The name of a command that has a shape: every one in turn, sorted by family; None past the last.
pub fn name(index: usize) -> Option<&'static str> {
    index::row_at(index).map(|row| row.name)
}

/// The same with a NUL behind it.
pub fn c_name(index: usize) -> Option<&'static CStr> {
    index::c_name_at(index)
}

/// What its reply becomes, in a few words for the reader of a table.
pub fn description(index: usize) -> Option<&'static str> {
    index::row_at(index).map(|row| row.becomes)
}

#[cfg(test)]
mod tests;
