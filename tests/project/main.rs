//! What comes with the library: documents, examples, installation, other languages, and the tests' own tools.

#[path = "../support/mod.rs"]
mod support;

mod bindings;
mod demo;
mod examples;
mod install;
mod licences;
mod readme;
mod report;
mod support_itself;
