//! What comes with the library: documents, examples, installation, other languages, and the tests' own tools.

#[path = "../support/mod.rs"]
mod support;

mod arguments;
mod bindings;
mod complete;
mod demo;
mod examples;
mod install;
mod licences;
mod manual;
mod readme;
mod report;
mod support_itself;
mod unwind;
